//! What was done, told on the page that comes next. An address can only name one of these, and says
//! nothing in words of its own.

use super::asked::Pairs;
use super::tokens::short;
use crate::model::token::TokenId;
use maud::{Markup, html};

/// What can have been done, as an address says it and as the page does.
const ALL: &[(&str, &str)] = &[
    ("active-already", "The user is active already: nothing was changed."),
    ("activated", "The user may log in again."),
    ("deactivated", "The user is locked out, and their tokens have ended."),
    ("deleted", "The user is deleted."),
    ("demoted", "The user is staff no more, and their tokens have ended."),
    ("email-changed", "The email was changed."),
    ("email-same", "The user has this email already: nothing was changed."),
    ("key-revoked", "The API key has ended."),
    ("limits-cleared", "Cleared: whoever was refused for it may try again within a second."),
    ("limits-gone", "There was nothing to clear any more."),
    ("may-keep-already", "The user may keep their password already: nothing was changed."),
    ("may-keep-password", "The user may keep their password."),
    ("must-change-already", "The user must change the password already: nothing was changed."),
    ("must-change-password", "The user must change the password before anything else."),
    ("network-allowed", "The network is allowed: no limit holds for it."),
    ("network-denied", "The network is denied: all gateways refuse it within a second."),
    ("network-forgotten", "The network is treated as the settings say."),
    ("not-staff", "The user is not staff: nothing was changed."),
    ("others-ended", "All other tokens of the user have ended."),
    ("out-already", "The user is locked out already: nothing was changed."),
    (
        "password-changed",
        "The user has another password, and their tokens and API keys have ended.",
    ),
    ("promoted", "The user is staff, and their tokens have ended: they have to log in again."),
    ("sessions-ended", "All tokens, sessions and API keys of the user have ended."),
    ("staff-already", "The user is staff already: nothing was changed."),
    ("token-revoked", "The token has ended."),
    ("totp-reset", "The user's authenticator app is turned off."),
    ("user-created", "The user is made."),
];

/// The query that tells of it.
pub(super) fn told(done: &str) -> String {
    format!("?done={done}")
}

/// What the query tells of.
pub(super) fn shown(query: &Pairs) -> Markup {
    let done = query.get("done");
    let known = ALL.iter().find(|(name, _)| Some(*name) == done);
    let token = query.get("token").and_then(|id| id.parse::<TokenId>().ok());
    html! {
        @match (known, token) {
            (Some(("token-revoked", _)), Some(id)) => {
                p.notice role="status" { "Token " code { (short(id)) } " has ended." }
            }
            (Some((_, words)), _) => { p.notice role="status" { (words) } }
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(query: &str) -> String {
        shown(&Pairs::read(query.as_bytes())).into_string()
    }

    #[test]
    fn only_what_is_known_is_told() {
        assert!(said("done=deleted").contains("The user is deleted."));
        for query in ["", "done=", "done=hacked", "done=%3Cimg%3E", "token=7-9f86d081884c7d65"] {
            assert_eq!(said(query), "", "{query}");
        }
    }

    #[test]
    fn a_token_is_told_by_its_last_characters() {
        let words = said("done=token-revoked&token=7-9f86d081884c7d65");
        assert!(words.contains("…7d65") && !words.contains("9f86"), "{words}");
        assert!(said("done=token-revoked&token=%3Cimg%3E").contains("The token has ended."));
    }
}
