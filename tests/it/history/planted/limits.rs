//! Answers, limits, and how much is judged at all.

use super::super::check::excused;
use super::super::record::Act;
use super::{LONG, Story, story};

fn guess() -> Act {
    Act::Guess { name: "ada".to_owned() }
}

#[test]
fn guesses_beyond_the_limit_are_found() {
    let mut story = Story::default();
    for status in [400, 400, 429, 503] {
        story.deed(guess(), status);
    }
    story.is_right();
    story.deed(guess(), 400);
    story.is_wrong("3 guesses of ada, of 2");
}

#[test]
fn a_limit_may_be_spent_again_after_a_promotion_and_after_nothing_else() {
    let guessed = |breaks: fn(&mut Story)| {
        let mut story = Story::default();
        story.deed(guess(), 400);
        story.deed(guess(), 400);
        breaks(&mut story);
        story.deed(guess(), 400);
        story
    };
    guessed(Story::fails_over).is_right();
    guessed(|story| {
        story.breaks();
    })
    .is_wrong("3 guesses of ada, of 2");
    let mut story = guessed(Story::fails_over);
    story.deed(guess(), 400);
    story.is_wrong("4 guesses of ada, of 3");
    // Nor for one that came before or after all of them.
    let mut story = Story::default();
    story.fails_over();
    story.now += LONG;
    for _ in 0..3 {
        story.deed(guess(), 400);
    }
    story.now += LONG;
    story.fails_over();
    story.is_wrong("3 guesses of ada, of 2");
}

#[test]
fn an_answer_that_is_none_is_found() {
    for status in [301, 403, 404, 500, 502] {
        let (mut story, token) = story();
        story.uses(token, status, 0, "");
        assert!(!story.wrong().is_empty(), "{status}");
    }
    let (mut story, token) = story();
    story.uses(token, 503, 0, "");
    story.is_right();
    story.uses(token, 503, 0, "").is_last = true;
    assert!(!story.wrong().is_empty());
}

#[test]
fn how_much_is_in_doubt_is_told() {
    let (mut story, token) = story();
    story.breaks();
    story.now = 9_999_000 - 1_000_000;
    story.uses(token, 200, 1, "ada");
    let none = excused(&story.lines);
    assert_eq!((none.time, none.deeds), (0, 0));
    // In doubt from a second before it breaks until two seconds after the promotion.
    let (mut story, token) = self::story();
    story.fails_over();
    story.now = 9_999_000 - 1_000_000;
    story.uses(token, 200, 1, "ada");
    story.uses(token, 200, 1, "ada").is_last = true;
    let some = excused(&story.lines);
    assert_eq!((some.time, some.deeds), (30, 66));
}
