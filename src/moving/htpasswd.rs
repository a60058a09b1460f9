//! Accounts as Apache's and nginx's basic authentication have them: `name:hash`, a line each.

use super::ReadError;
use super::batch::{Rows, Sink, Unreadable};
use super::row::UserRow;
use super::value::Value;
use std::io::{BufRead, BufReader, Read};

/// No password matches it.
const UNUSABLE: &str = "!";

/// Reads all lines. Of what can never be verified nothing is kept, for it may be the password itself.
pub(super) fn read(from: impl Read, sink: Sink<'_>) -> Result<(), ReadError> {
    let mut rows = Rows::into(sink);
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    for place in 1.. {
        line.clear();
        if lines.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let unreadable = |why: &str| {
            let (what, why) = ("a line".to_owned(), why.to_owned());
            Unreadable { place, what, why }
        };
        let Ok(text) = std::str::from_utf8(&line).map(str::trim) else {
            rows.add(|batch| batch.unreadable.push(unreadable("is not UTF-8")))?;
            continue;
        };
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let Some((name, hash)) = text.split_once(':').filter(|(name, _)| !name.is_empty()) else {
            rows.add(|batch| batch.unreadable.push(unreadable("is not like name:hash")))?;
            continue;
        };
        let (hash, lost) = as_kept(hash);
        let row = UserRow {
            username: Value::text(name),
            password: Value::text(hash),
            ..UserRow::default()
        };
        rows.add(|batch| match row.staged(place) {
            Ok(mut user) => {
                if let Some(kind) = lost {
                    kind.clone_into(&mut user.kind);
                    user.trouble = Some("hashes of this kind cannot be verified".to_owned());
                }
                batch.users.push(user);
            }
            Err(misfit) => batch.unreadable.push(unreadable(&misfit.0)),
        })?;
    }
    Ok(rows.finish()?)
}

/// The most bytes of a line.
const LONGEST: u64 = 8 << 10;

/// A hash as stores keep it, or the kind of one that is no use.
fn as_kept(hash: &str) -> (String, Option<&'static str>) {
    if let Some(kept) = super::hash::as_kept(hash) {
        return (kept, None);
    }
    let kinds = [("$apr1$", "apr1"), ("$1$", "md5-crypt"), ("$5$", "sha256-crypt")];
    let more = [("$6$", "sha512-crypt"), ("{SHA}", "{SHA}")];
    let known = kinds.iter().chain(&more).find(|(head, _)| hash.starts_with(head));
    (UNUSABLE.to_owned(), Some(known.map_or("crypt or clear text", |(_, kind)| kind)))
}
