//! What a source holds and what became of it, for the terminal and for programs.

use super::stage::Staged;
use super::tally::{Tally, ToldRows};
use super::whole_file::WholeFile;
use crate::store::StoreError;
use crate::store::staging::{
    KindCount, Landed, Refusal, RefusedToken, RefusedUser, SchemeCount, TroubledUser,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What a source holds and what became of it, in numbers.
pub struct Report {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// How many users are in groups that the source does not have.
    pub groups_not_known: u64,
    /// Users by the kind of their hash.
    pub kinds: Vec<KindCount>,
    /// What was taken over, or would be.
    pub landed: Landed,
    /// Tokens by the scheme of their digest.
    pub schemes: Vec<SchemeCount>,
    /// Where it came from; no password.
    pub source: String,
    /// How many staff there are.
    pub staff: u64,
    /// How many tokens there are.
    pub tokens: u64,
    /// How many users there are.
    pub users: u64,
}

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file cannot be.
    #[error("cannot write the report")]
    Io(#[from] io::Error),
    /// The staging does not tell.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many rows are read at once.
const PAGE: u32 = 1_000;

impl Report {
    /// What there is to say of a source, and of what came of it.
    pub fn of(
        source: String,
        dry_run: bool,
        staged: &Staged,
        landed: Landed,
    ) -> Result<Self, StoreError> {
        let Staged { staging, .. } = staged;
        let (users, tokens) = staging.counts()?;
        let (kinds, schemes) = (staging.kinds()?, staging.schemes()?);
        let (groups_not_known, staff) = (staging.groups_not_known()?, staging.staff_count()?);
        Ok(Self { dry_run, groups_not_known, kinds, landed, schemes, source, staff, tokens, users })
    }

    /// Whether nobody was taken, nor is here.
    pub fn is_vain(&self) -> bool {
        let Landed { added, kept, unchanged, updated, .. } = self.landed;
        added + kept + unchanged + updated == 0
    }

    /// How many users have a password that will never verify.
    pub fn troubled(&self) -> u64 {
        self.kinds.iter().map(|kind| kind.troubled).sum()
    }

    /// Writes all of it as JSON: the numbers, and each row that will not work.
    pub fn write(&self, staged: &mut Staged, file: WholeFile) -> Result<(), ReportError> {
        let Staged { staging, tally } = staged;
        let mut to = Lists { file };
        let numbers = self.numbers(tally).to_string();
        // The lists go on where the numbers end.
        to.file.write_all(numbers.strip_suffix('}').unwrap_or_default().as_bytes())?;
        let unit = tally.unit;
        to.list(
            "operators",
            |after| staging.staff(after, PAGE),
            |(row, name)| (*row, json!(name)),
        )?;
        to.list(
            "look_alikes",
            |after| staging.look_alikes(after, PAGE),
            |alike| (alike.row, json!(alike.names)),
        )?;
        to.list(
            "passwords_that_will_not_work",
            |after| staging.troubled(after, PAGE),
            |user| (user.row, of_troubled(user, unit)),
        )?;
        to.list(
            "users_not_taken",
            |after| staging.refused(after, PAGE),
            |user| (user.row, of_refused(user, unit)),
        )?;
        to.list(
            "tokens_not_taken",
            |after| staging.refused_tokens(after, PAGE),
            |token| (token.row, of_token(token, unit)),
        )?;
        to.lines("altered", &mut tally.altered)?;
        to.lines("unreadable", &mut tally.unreadable)?;
        to.file.write_all(b"\n}\n")?;
        Ok(to.file.finish()?)
    }

    fn numbers(&self, tally: &Tally) -> Value {
        let kind = |kind: &KindCount| json!({ "kind": kind.kind, "users": kind.users, "will_not_work": kind.troubled });
        let scheme = |scheme: &SchemeCount| json!({ "scheme": scheme.scheme.to_string(), "tokens": scheme.tokens });
        let refused = |refused: &BTreeMap<Refusal, u64>| -> Value {
            refused.iter().map(|(why, count)| (why.name().to_owned(), json!(count))).collect()
        };
        let landed = &self.landed;
        json!({
            "source": self.source,
            "dry_run": self.dry_run,
            "users": {
                "in_source": self.users,
                "added": landed.added,
                "updated": landed.updated,
                "unchanged": landed.unchanged,
                "kept": landed.kept,
                "renamed": landed.renamed,
                "not_taken": refused(&landed.refused),
                "groups_not_known": self.groups_not_known,
                "staff": self.staff,
            },
            "tokens": {
                "in_source": self.tokens,
                "added": landed.tokens_added,
                "there": landed.tokens_there,
                "updated": landed.tokens_updated,
                "ended": landed.tokens_ended,
                "kept_out": landed.tokens_kept_out,
                "twice": landed.tokens_twice,
                "not_taken": refused(&landed.tokens_refused),
            },
            "hashes": self.kinds.iter().map(kind).collect::<Vec<_>>(),
            "digest_schemes": self.schemes.iter().map(scheme).collect::<Vec<_>>(),
            "altered_rows": tally.altered.count,
            "unreadable_rows": tally.unreadable.count,
            "other_models": tally.others,
            "remarks": tally.remarks,
            "warnings": tally.warnings,
        })
    }
}

fn of_troubled(user: &TroubledUser, unit: &str) -> Value {
    json!({ unit: user.place, "username": user.username, "kind": user.kind, "why": user.trouble })
}

fn of_refused(user: &RefusedUser, unit: &str) -> Value {
    let why = user.refusal.to_string();
    json!({ unit: user.place, "id": user.id, "username": user.username, "why": why })
}

fn of_token(token: &RefusedToken, unit: &str) -> Value {
    json!({ unit: token.place, "why": token.refusal.to_string() })
}

/// An object of JSON that ends in lists, which may be long.
struct Lists {
    file: WholeFile,
}

impl Lists {
    fn begin(&mut self, name: &str) -> io::Result<()> {
        write!(self.file, ",\n{}: [", json!(name))
    }

    fn item(&mut self, is_first: bool, json: &str) -> io::Result<()> {
        write!(self.file, "{}\n{json}", if is_first { "" } else { "," })
    }

    /// Rows that were kept as lines.
    fn lines(&mut self, name: &str, rows: &mut ToldRows) -> io::Result<()> {
        self.begin(name)?;
        for (index, line) in rows.lines()?.enumerate() {
            self.item(index == 0, &line?)?;
        }
        self.file.write_all(b"]")
    }

    /// All rows, page by page; `of` says by which the next page goes on.
    fn list<T>(
        &mut self,
        name: &str,
        page: impl Fn(Option<i64>) -> Result<Vec<T>, StoreError>,
        of: impl Fn(&T) -> (i64, Value),
    ) -> Result<(), ReportError> {
        self.begin(name)?;
        let (mut after, mut is_first) = (None, true);
        loop {
            let rows = page(after)?;
            let Some(last) = rows.last() else { break };
            after = Some(of(last).0);
            for row in &rows {
                self.item(is_first, &of(row).1.to_string())?;
                is_first = false;
            }
        }
        self.file.write_all(b"]")?;
        Ok(())
    }
}
