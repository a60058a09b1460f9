//! Names and numbers.

use super::super::record::{Act, Who};
use super::{LONG, Story, login, story};

#[test]
fn a_number_of_two_users_is_found_even_if_one_was_lost() {
    let (mut story, _) = story();
    story.fails_over();
    story.register("bob", 1);
    story.is_wrong("the number 1 is of");
}

#[test]
fn a_request_of_nobody_is_found() {
    for (id, name) in [(0, "ada"), (1, "")] {
        let (mut story, token) = story();
        story.uses(token, 200, id, name);
        let wrong = story.wrong();
        assert!(wrong.iter().any(|it| it.contains("a request of nobody")), "{wrong:?}");
    }
    let (mut story, token) = story();
    story.deed(Act::Use { token }, 200);
    story.is_wrong("a request of nobody");
}

#[test]
fn a_name_of_two_owners_is_found() {
    let (mut story, _) = story();
    let token = story.logs_in("p");
    story.uses(token, 200, 7, "ada");
    story.is_wrong("the name ada is of {1, 7}");
    let mut story = Story::default();
    story.register("wanted-1", 1);
    story.gateway = 1;
    story.register("wanted-1", 2);
    assert!(!story.wrong().is_empty());
}

/// A name that a failover may have taken from its first owner, who is seen so long after it, if at all,
/// and a second one.
fn two_owners(seen_after: Option<u64>) -> Story {
    let mut story = Story::default();
    let first = story.register("wanted-1", 1);
    story.fails_over();
    if let Some(seen_after) = seen_after {
        let now = story.now;
        story.now += seen_after;
        story.uses(first, 200, 1, "wanted-1");
        story.now = story.now.max(now + LONG);
    } else {
        story.now += LONG;
    }
    let second = story.register("wanted-1", 2);
    story.uses(second, 200, 2, "wanted-1");
    story
}

#[test]
fn a_name_that_a_failover_lost_may_have_another_owner() {
    two_owners(None).is_right();
    // The last primary may still know the first one.
    two_owners(Some(0)).is_right();
}

#[test]
fn a_name_whose_owner_was_seen_after_a_failover_has_no_other() {
    two_owners(Some(LONG)).is_wrong("the name wanted-1 is of {1, 2}");
    let mut story = two_owners(None);
    story.uses(0, 200, 1, "wanted-1");
    story.is_wrong("the name wanted-1 is of {1, 2}");
}

/// A name that Ann got, Ben did not, and nobody could tell Cid about.
fn wanted(last: [u16; 3]) -> Story {
    let mut story = Story::default();
    for (password, status) in [("cid", 503), ("ann", 200), ("ben", 400)] {
        let (name, password) = ("wanted-1".to_owned(), password.to_owned());
        let deed = story.deed(Act::Register { name, password }, status);
        let name = "wanted-1".to_owned();
        deed.who = (status == 200).then_some(Who { id: 1, name });
    }
    for (password, status) in ["ann", "ben", "cid"].into_iter().zip(last) {
        story.comes_in_the_end("wanted-1", password, status);
    }
    story
}

#[test]
fn into_a_name_that_many_wanted_its_winner_gets_in_the_end_and_nobody_else() {
    wanted([200, 400, 400]).is_right();
    wanted([400, 400, 400]).is_wrong("does not let in ann, who got it");
    wanted([200, 200, 400]).is_wrong("lets in {");
    wanted([400, 200, 400]).is_wrong("lets in ben, who was refused it");
    wanted([400, 400, 200]).is_wrong("does not let in ann, who got it");
}

#[test]
fn a_winner_whom_a_failover_may_have_lost_need_not_get_in() {
    let mut story = Story::default();
    story.register("wanted-1", 1);
    story.fails_over();
    story.now += LONG;
    story.deed(login("wanted-1", "p"), 400).is_last = true;
    story.is_right();
}

#[test]
fn a_name_that_is_refused_to_all_is_found() {
    let mut story = Story::default();
    story.deed(super::registration("wanted-1"), 400);
    story.is_wrong("is taken, and nobody has it");
}
