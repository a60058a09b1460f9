//! Accounts and their passwords.

use super::{LONG, Story, change, deletion, login, registration, story};

#[test]
fn an_account_or_a_password_that_is_lost_is_found() {
    let (mut story, _) = story();
    story.deed(login("ada", "p"), 400);
    story.is_wrong("a right password is refused");
    let (mut story, token) = self::story();
    story.deed(change(token), 204);
    story.deed(login("ada", "q"), 400);
    story.is_wrong("a right password is refused");
    let (mut story, token) = self::story();
    story.deed(change(token), 400);
    story.is_wrong("a right password is refused");
    let (mut story, _) = self::story();
    story.comes_in_the_end("ada", "p", 400);
    let wrong = story.wrong();
    assert!(wrong.iter().any(|it| it.contains("nobody gets into the account ada")), "{wrong:?}");
}

#[test]
fn an_account_of_the_moment_of_a_failover_may_be_lost() {
    let mut story = Story::default();
    story.register("ada", 1);
    story.fails_over();
    story.now += LONG;
    story.comes_in_the_end("ada", "p", 400);
    story.is_right();
}

#[test]
fn an_account_that_was_entered_after_a_failover_was_not_lost_by_it() {
    let mut story = Story::default();
    story.register("ada", 1);
    story.fails_over();
    // The last primary may still let someone in.
    story.logs_in("p");
    story.deed(login("ada", "p"), 400);
    story.is_right();
    story.now += LONG;
    story.logs_in("p");
    story.is_right();
    story.deed(login("ada", "p"), 400);
    story.is_wrong("a right password is refused");
}

#[test]
fn what_one_failover_left_may_be_lost_by_another_that_comes_into_it() {
    let lost_by = |after| {
        let mut story = Story::default();
        story.register("ada", 1);
        story.fails_over();
        story.now += after;
        story.fails_over();
        // By the primary of between.
        story.logs_in("p");
        story.now += LONG;
        story.deed(login("ada", "p"), 400);
        story
    };
    lost_by(2_500_000).is_right();
    lost_by(LONG).is_wrong("a right password is refused");
}

#[test]
fn an_account_that_was_lost_does_not_come_again() {
    let mut story = Story::default();
    story.register("ada", 1);
    story.fails_over();
    story.now += LONG;
    story.deed(login("ada", "p"), 400);
    story.is_right();
    story.logs_in("p");
    story.is_wrong("is there again that was lost");
}

#[test]
fn a_new_password_is_not_lost_by_a_failover() {
    let (mut story, token) = story();
    story.deed(change(token), 204);
    story.fails_over();
    story.now += LONG;
    story.deed(login("ada", "q"), 400);
    story.is_wrong("a right password is refused");
}

#[test]
fn a_password_that_is_not_theirs_any_more_is_found() {
    let (mut story, token) = story();
    story.deed(change(token), 204);
    story.logs_in("p");
    story.is_wrong("by a password that is not theirs");
}

#[test]
fn by_which_password_someone_gets_in_tells_which_one_it_is_from_then_on() {
    for (first, other) in [("p", "q"), ("q", "p")] {
        let (mut story, token) = story();
        story.deed(change(token), 503);
        story.deed(login("ada", first), 400);
        story.is_right();
        story.now += LONG;
        story.logs_in(first);
        story.deed(login("ada", other), 400);
        story.is_right();
        story.deed(login("ada", first), 400);
        story.is_wrong("a right password is refused");
    }
}

#[test]
fn a_name_that_is_taken_by_nobody_is_found() {
    let mut story = Story::default();
    story.deed(registration("ada"), 400);
    story.is_wrong("nobody has it");
    let mut story = Story::default();
    story.deed(registration("ada"), 503);
    story.deed(registration("ada"), 400);
    story.is_right();
}

#[test]
fn a_name_that_is_given_out_again_is_found() {
    let (mut story, _) = story();
    story.register("ada", 1);
    story.is_wrong("given out again");
}

#[test]
fn an_account_that_an_operator_deleted_is_gone_and_its_name_is_free() {
    let (mut story, _) = story();
    story.deed(deletion("ada", 1), 204);
    story.deed(login("ada", "p"), 400);
    let token = story.register("ada", 2);
    story.uses(token, 200, 2, "ada");
    story.comes_in_the_end("ada", "p", 200);
    story.is_right();
    let (mut story, _) = self::story();
    story.deed(deletion("ada", 1), 204);
    story.logs_in("p");
    story.is_wrong("where nobody is");
    let (mut story, _) = self::story();
    story.deed(deletion("ada", 1), 204);
    story.deed(registration("ada"), 400);
    story.is_wrong("nobody has it");
}

#[test]
fn an_operator_finds_an_account_that_is_there() {
    let (mut story, _) = story();
    story.deed(deletion("ada", 1), 404);
    story.is_wrong("an operator finds nobody");
}

#[test]
fn a_deletion_that_was_not_acknowledged_may_be_one_at_any_time() {
    let (mut story, _) = story();
    story.deed(deletion("ada", 1), 503);
    story.now += LONG;
    story.logs_in("p");
    story.deed(login("ada", "p"), 400);
    story.is_right();
}
