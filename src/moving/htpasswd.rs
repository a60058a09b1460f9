//! Accounts as Apache's and nginx's basic authentication have them: `name:hash`, a line each.

use super::ReadError;
use super::batch::{Rows, Sink, Unreadable};
use super::hash::UNUSABLE;
use super::remarks::Remarks;
use super::row::UserRow;
use super::value::{Misfit, Value};
use super::zone::Zone;
use crate::store::staging::{Says, StagedUser};
use std::io::{self, BufRead, BufReader, Read};

/// Reads all lines. Of what can never be verified nothing is kept, for it may be the password itself.
pub(super) fn read(from: impl Read, sink: Sink<'_>) -> Result<(), ReadError> {
    let (mut lines, mut rows) = (BufReader::new(from), Rows::into(sink));
    let mut line = Vec::new();
    let mut place = 0;
    while next(&mut lines, &mut line)? {
        place += 1;
        match user_of(&line, place) {
            Ok(None) => {}
            Ok(Some(user)) => rows.user(user)?,
            Err(Misfit(why)) => {
                rows.unreadable(Unreadable::line(place, why))?;
            }
        }
    }
    Ok(rows.finish(Says::NOTHING, [])?)
}

/// The most bytes of a line.
const LONGEST: usize = 8 << 10;

/// Reads the next line, and says whether there was one. Of one that is too long a part is left out.
fn next(lines: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut is_there = false;
    loop {
        let part = lines.fill_buf()?;
        if part.is_empty() {
            return Ok(is_there);
        }
        is_there = true;
        let end = memchr::memchr(b'\n', part);
        let used = end.map_or(part.len(), |end| end + 1);
        let room = (LONGEST + 1).saturating_sub(line.len());
        line.extend(part.iter().take(used.min(room)));
        lines.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// Who is in a line; nobody in one that is blank or a comment.
fn user_of(line: &[u8], place: u64) -> Result<Option<StagedUser>, Misfit> {
    let misfit = |words: &str| Misfit(words.to_owned());
    if line.len() > LONGEST {
        return Err(misfit("is longer than 8 KiB"));
    }
    let text = std::str::from_utf8(line).map_err(|_| misfit("is not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let parts = text.split_once(':').filter(|(name, _)| !name.is_empty());
    let (name, rest) = parts.ok_or_else(|| misfit("is not like name:hash"))?;
    // Some programs keep a comment after the hash.
    let (hash, lost) = as_kept(rest.split(':').next().unwrap_or_default());
    let (username, password) = (Value::text(name), Value::text(hash));
    let row = UserRow { username, password, ..UserRow::default() };
    let mut user = row.staged(place, &mut Remarks::in_zone(&Zone::Unknown))?;
    if let Some(kind) = lost {
        kind.clone_into(&mut user.kind);
        user.trouble = Some("hashes of this kind cannot be verified".to_owned());
    }
    Ok(Some(user))
}

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
    fn a_line_that_is_too_long_is_passed_over_to_its_end() {
        let lines =
            format!("\u{feff}ada:{BCRYPT}:a comment\nbob:{}\nzoe:{BCRYPT}", "x".repeat(20_000));
        let (input, _file) = file(lines);
        let batch = gather(&Origin::Htpasswd(input)).unwrap();
        let names: Vec<_> = batch.users.iter().map(|user| (user.place, &*user.username)).collect();
        assert_eq!(names, [(1, "ada"), (3, "zoe")]);
        assert!(batch.users.iter().all(|user| user.kind == "bcrypt, cost 5"));
        assert_eq!(batch.unreadable[0].to_string(), "2, a line: is longer than 8 KiB");
    }

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
