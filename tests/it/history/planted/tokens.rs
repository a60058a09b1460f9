//! Tokens and API keys.

use super::super::check::{Prolongs, Terms, check};
use super::super::record::{Act, TokenNumber, Who};
use super::{LONG, Story, TERMS, change, deletion, login, story};

#[test]
fn a_foreign_identity_is_found() {
    let (mut story, token) = story();
    story.register("bob", 2);
    story.uses(token, 200, 2, "bob");
    story.is_wrong("another user than its own");
}

#[test]
fn a_token_that_passes_after_its_end_is_found() {
    for everywhere in [false, true] {
        let (mut story, token) = story();
        let act = if everywhere { Act::LogoutAll { token } } else { Act::Logout { token } };
        story.deed(act, 204);
        story.uses(token, 200, 1, "ada");
        story.is_wrong("passes that has ended");
    }
    let (mut story, token) = story();
    let other = story.logs_in("p");
    story.deed(change(token), 204);
    story.uses(other, 200, 1, "ada");
    story.is_wrong("passes that has ended");
}

#[test]
fn a_token_that_passes_after_an_operator_ended_it_is_found() {
    let ends = [Act::EndTokens { id: 1, name: "ada".to_owned() }, deletion("ada", 1)];
    for (end, status) in ends.into_iter().flat_map(|end| [(end.clone(), 200), (end, 401)]) {
        let (mut story, token) = story();
        let bobs = story.register("bob", 2);
        story.deed(end, 204);
        story.uses(bobs, 200, 2, "bob");
        story.is_right();
        story.uses(token, status, 1, "ada");
        match status {
            200 => story.is_wrong("passes that has ended"),
            _ => story.is_right(),
        }
    }
}

#[test]
fn at_another_gateway_an_ended_token_may_pass_within_the_bound_alone() {
    let (mut story, token) = story();
    story.deed(Act::Logout { token }, 204);
    story.gateway = 1;
    story.now -= 1_000_000 - 2_000;
    story.uses(token, 200, 1, "ada");
    story.is_right();
    story.uses(token, 200, 1, "ada");
    story.is_wrong("passes that has ended");
}

#[test]
fn an_end_that_was_not_acknowledged_is_none_and_may_be_one() {
    for status in [200, 401] {
        let (mut story, token) = story();
        story.deed(Act::Logout { token }, 503);
        story.uses(token, status, 1, "ada");
        story.is_right();
    }
}

#[test]
fn a_token_that_passes_after_its_time_is_found() {
    let (mut story, token) = story();
    story.now += 60_000_000;
    story.uses(token, 200, 1, "ada");
    story.is_wrong("has run out");
}

#[test]
fn a_good_token_that_is_refused_is_found() {
    let (mut story, token) = story();
    story.uses(token, 401, 0, "");
    story.is_wrong("401 for a token that is good");
}

#[test]
fn a_token_of_the_moment_of_a_failover_may_be_lost_but_no_other() {
    let (mut story, token) = story();
    let late = story.logs_in("p");
    story.fails_over();
    story.uses(late, 401, 0, "");
    story.is_right();
    story.now += LONG;
    story.uses(token, 200, 1, "ada");
    let fresh = story.logs_in("p");
    story.uses(fresh, 401, 0, "");
    story.is_wrong("401 for a token that is good");
}

#[test]
fn a_token_that_was_seen_after_a_failover_was_not_lost_by_it() {
    let (mut story, _) = story();
    let late = story.logs_in("p");
    story.fails_over();
    // The last primary may still say so.
    story.uses(late, 200, 1, "ada");
    story.uses(late, 401, 0, "");
    story.is_right();
    story.now += LONG;
    story.uses(late, 200, 1, "ada");
    story.is_right();
    story.uses(late, 401, 0, "");
    story.is_wrong("401 for a token that is good");
}

#[test]
fn a_token_that_was_lost_does_not_come_again() {
    let mut story = Story::default();
    let token = story.register("ada", 1);
    story.fails_over();
    // Another gateway may still ask the last primary.
    story.uses(token, 401, 0, "");
    story.uses(token, 200, 1, "ada");
    story.now += LONG;
    story.uses(token, 401, 0, "");
    story.is_right();
    story.uses(token, 200, 1, "ada");
    story.is_wrong("passes again that was lost");
}

#[test]
fn where_no_other_is_the_primary_nothing_is_lost() {
    let (mut story, token) = story();
    story.breaks();
    story.uses(token, 401, 0, "");
    story.is_wrong("401 for a token that is good");
}

#[test]
fn where_a_primary_hands_over_nothing_is_lost() {
    let (mut story, token) = story();
    story.breaks().hands_over = true;
    story.promotes();
    story.uses(token, 401, 0, "");
    story.is_wrong("401 for a token that is good");
}

#[test]
fn a_promotion_that_nobody_wanted_loses_what_others_do() {
    let (mut story, _) = story();
    let late = story.logs_in("p");
    story.promotes();
    story.uses(late, 401, 0, "");
    story.is_right();
}

#[test]
fn an_end_is_not_lost_by_a_failover() {
    let (mut story, token) = story();
    story.deed(Act::Logout { token }, 204);
    story.fails_over();
    story.now += 2_000_000;
    story.uses(token, 200, 1, "ada");
    story.is_wrong("passes that has ended");
}

fn use_key(story: &mut Story, token: TokenNumber, status: u16) {
    let who = (status == 200).then(|| Who { id: 0, name: "keeper".to_owned() });
    story.deed(Act::UseKey { token }, status).who = who;
}

#[test]
fn an_api_key_is_good_until_it_ends_and_then_no_more() {
    let ends = |token| {
        let name = "keeper".to_owned();
        [Act::EndKey { token }, Act::EndTokens { id: 1, name }]
    };
    for number in 0..2 {
        let mut story = Story::default();
        let key = story.issue(Act::MakeKey { name: "keeper".to_owned() }, 0, "keeper");
        story.now += 100_000_000;
        use_key(&mut story, key, 200);
        story.is_right();
        story.deed(ends(key)[number].clone(), 204).gateway = usize::MAX;
        story.now += 2_000;
        use_key(&mut story, key, 401);
        story.is_right();
        use_key(&mut story, key, 200);
        story.is_wrong("passes that has ended");
    }
    let mut story = Story::default();
    let key = story.issue(Act::MakeKey { name: "keeper".to_owned() }, 0, "keeper");
    use_key(&mut story, key, 401);
    story.is_wrong("401 for a token that is good");
}

const PROLONGING: Terms = Terms {
    holds: 10_000_000,
    prolongs: Some(Prolongs { interval: 1_000_000, most: 18_000_000 }),
    ..TERMS
};

/// A token that was used when it was five seconds old, and comes again when it is so old.
fn comes_again(seconds: u64, status: u16, spoils: impl FnOnce(&mut Story)) -> Vec<String> {
    let mut story = Story::default();
    let token = story.register("ada", 1);
    story.now = 6_000_000 - 1_000_000;
    story.uses(token, 200, 1, "ada");
    spoils(&mut story);
    story.now = seconds * 1_000_000;
    story.uses(token, status, 1, "ada");
    check(&story.lines, PROLONGING)
}

#[test]
fn a_token_in_use_is_prolonged() {
    assert_eq!(comes_again(12, 200, |_| {}), Vec::<String>::new());
    let wrong = comes_again(12, 401, |_| {});
    assert!(wrong.iter().all(|it| it.contains("401 for a token that is good")), "{wrong:?}");
    assert_eq!(wrong.len(), 1);
    assert_eq!(comes_again(15, 401, |_| {}), Vec::<String>::new());
    // What was in the way of that may have been in the way of prolonging it.
    assert_eq!(
        comes_again(12, 401, |story| {
            story.breaks();
        }),
        Vec::<String>::new()
    );
    let fails = |story: &mut Story| {
        story.deed(login("ada", "p"), 503);
    };
    assert_eq!(comes_again(12, 401, fails), Vec::<String>::new());
}

#[test]
fn a_token_is_prolonged_up_to_its_longest_life() {
    let wrong = comes_again(19, 200, |_| {});
    assert!(wrong.iter().all(|it| it.contains("has run out")), "{wrong:?}");
    assert_eq!(wrong.len(), 1);
    let mut story = Story::default();
    let token = story.register("ada", 1);
    story.now = 11_000_000;
    story.uses(token, 200, 1, "ada");
    let wrong = check(&story.lines, PROLONGING);
    assert!(wrong.iter().all(|it| it.contains("has run out")), "{wrong:?}");
    assert_eq!(wrong.len(), 1);
}

#[test]
fn a_session_of_the_console_is_good_until_one_signs_out_and_then_no_more() {
    let signed_in = || {
        let mut story = Story::default();
        let session = story.issue(Act::SignIn { name: "keeper".to_owned() }, 0, "keeper");
        story.now += 100_000_000;
        (story, session)
    };
    for (ends, status) in [(false, 200), (false, 401), (true, 200), (true, 401)] {
        let (mut story, token) = signed_in();
        if ends {
            story.deed(Act::SignOut { token }, 204);
        }
        story.deed(Act::UseSession { token }, status);
        match (ends, status) {
            (false, 401) => story.is_wrong("401 for a token that is good"),
            (true, 200) => story.is_wrong("passes that has ended"),
            _ => story.is_right(),
        }
    }
}
