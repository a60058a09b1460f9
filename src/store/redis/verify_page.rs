//! The keys of a page, told apart.

use super::keys;
use crate::model::token::KnoxKey;
use crate::model::user::UserId;
use crate::store::Change;
use std::collections::BTreeSet;

/// The keys of a page, by what they are of.
#[derive(Default)]
pub(super) struct Page {
    /// The sets of those who were deleted.
    pub(super) deleted: Vec<String>,
    pub(super) names: Vec<String>,
    /// The beginnings of tokens that came with a digest of another scheme.
    pub(super) old_digests: Vec<KnoxKey>,
    pub(super) tokens: Vec<String>,
    pub(super) unknown: Vec<String>,
    /// Users, and those of whom there is a list of tokens or notes.
    pub(super) users: BTreeSet<UserId>,
    pub(super) lists: BTreeSet<UserId>,
}

impl Page {
    pub(super) fn of(names: Vec<String>) -> Self {
        let mut page = Self::default();
        for key in names {
            match keys::kind(&key) {
                Some("user") => match keys::change(&key) {
                    Some(Change::User(id)) => drop(page.users.insert(id)),
                    _ => page.unknown.push(short(&key)),
                },
                Some("token") => match keys::change(&key) {
                    Some(Change::Token(_)) => page.tokens.push(key),
                    _ => page.unknown.push(short(&key)),
                },
                Some("tokens" | "token-notes") => match keys::numbered(&key) {
                    Some(id) => drop(page.lists.insert(id)),
                    None => page.unknown.push(short(&key)),
                },
                Some("deleted") => page.deleted.push(key),
                Some("name") => page.names.push(key),
                Some("old-digests") => match keys::braced(&key).and_then(KnoxKey::parse) {
                    Some(beginning) => page.old_digests.push(beginning),
                    None => page.unknown.push(short(&key)),
                },
                Some(_) => {}
                None => page.unknown.push(short(&key)),
            }
        }
        page
    }
}

/// No more of a key than tells it: what nobody knows may hold anything.
fn short(key: &str) -> String {
    const MOST: usize = 40;
    let plain = key.replace(char::is_control, "\u{fffd}");
    match plain.char_indices().nth(MOST) {
        None => plain,
        Some((end, _)) => format!("{}…", plain.get(..end).unwrap_or_default()),
    }
}
