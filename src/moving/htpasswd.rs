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

#[cfg(test)]
mod tests {
    use crate::moving::Origin;
    use crate::moving::gather::{file, gather};

    const BCRYPT: &str = "$2y$05$UYmHrjX5VSVXDcJ47JHmmu/UEwFVwYYqmq21jqiFSKsfCSl6f2iyC";

    #[test]
    fn bcrypt_and_argon2_are_taken_and_of_all_else_nothing_is_kept() {
        let lines = format!(
            "# staff\nada:{BCRYPT}\n\nbob:$apr1$x$y\r\neve:{{SHA}}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n\
             zoe:secret\nno colon\n:x\n"
        );
        let (input, _file) = file(lines);
        let batch = gather(&Origin::Htpasswd(input)).unwrap();
        let users: Vec<_> = batch.users.iter().map(|user| (&*user.username, &*user.kind)).collect();
        let kinds = [("ada", "bcrypt, cost 5"), ("bob", "apr1"), ("eve", "{SHA}")];
        assert_eq!(users[..3], kinds);
        assert_eq!(users[3], ("zoe", "crypt or clear text"));
        assert_eq!(batch.users[0].password, format!("bcrypt${BCRYPT}"));
        assert!(batch.users[1..].iter().all(|user| user.password == "!" && user.trouble.is_some()));
        let told: Vec<_> = batch.unreadable.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["7, a line: is not like name:hash", "8, a line: is not like name:hash"]);
    }
}
