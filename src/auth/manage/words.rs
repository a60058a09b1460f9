//! What events say of what was done to accounts.

use super::ManageError;

/// What an event says of a change; nothing where all stays as it was.
pub(super) fn changed(what: &str, from: &str, to: &str) -> Option<String> {
    (from != to).then(|| format!("{what}: {} → {}", side(from), side(to)))
}

/// A value before or after a change: short enough that both are told, whatever they are.
pub(super) fn side(text: &str) -> String {
    const MOST: usize = 90;
    match text.char_indices().nth(MOST) {
        None => or_nothing(text).to_owned(),
        Some(_) => text.chars().take(MOST - 1).chain(['…']).collect(),
    }
}

/// What an event says of API keys that ended with something else, before and after it; nothing where
/// none did.
pub(super) fn keys_ended(before: usize, after: &Result<usize, ManageError>) -> Option<String> {
    match after.as_ref().map(|after| before + after) {
        Err(_) => Some("API keys may go on".to_owned()),
        Ok(0) => None,
        Ok(1) => Some("1 API key ended".to_owned()),
        Ok(count) => Some(format!("{count} API keys ended")),
    }
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

pub(super) fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::model::event::{Actor, Event, EventName};

    #[test]
    fn a_change_tells_both_sides_however_long_they_are() {
        let long = |char: char| format!("{}@example.com", char.to_string().repeat(240));
        let told = changed("must_change", &long('a'), &long('ß')).unwrap();
        let event =
            Event::new(EventName::UserChanged, Actor::CommandLine, Timestamp::from_micros(1));
        let detail = event.with(&told).detail.unwrap();
        assert_eq!(detail, told);
        assert!(detail.ends_with("ßß…"), "{detail}");
        assert_eq!(changed("email", "", "a@b.c").unwrap(), "email: nothing → a@b.c");
        assert_eq!(changed("email", "a@b.c", "a@b.c"), None);
    }
}
