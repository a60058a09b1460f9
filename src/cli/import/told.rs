//! What is told of a source and of what came of it, at the terminal.

use super::super::output::{plain, table_text};
use crate::moving::{Report, Staged, Tally, ToldRows};
use crate::store::StoreError;
use crate::store::staging::{KindCount, Refusal, SchemeCount};
use std::collections::BTreeMap;

/// How many of each thing are told one by one.
const FIRST: u32 = 5;

/// What was done, in a line.
pub(super) fn in_a_line(report: &Report) -> String {
    let landed = &report.landed;
    format!(
        "from {}: {} users added, {} updated; {} tokens added, {} ended",
        report.source, landed.added, landed.updated, landed.tokens_added, landed.tokens_ended
    )
}

/// All of it: the numbers in tables, and the first few of what will not work.
pub(super) fn words(report: &Report, staged: &Staged) -> Result<String, StoreError> {
    let Staged { staging, tally } = staged;
    let unit = tally.unit;
    let mut told = Told(format!("{}\n", counts(report)));
    for words in &tally.warnings {
        told.paragraph(&format!("Look: {}", plain(words)));
    }
    told.paragraph(&hashes(report));
    told.paragraph(&schemes(report));
    told.counted("user", &report.landed.refused);
    let users = staging.refused(None, FIRST)?;
    let users =
        users.iter().map(|it| format!("{}, {unit} {}: {}", it.username, it.place, it.refusal));
    told.first("Users who are not taken:", users, report.landed.refused.values().sum());
    told.counted("token", &report.landed.tokens_refused);
    let users = staging.troubled(None, FIRST)?;
    let users = users
        .iter()
        .map(|it| format!("{}, {unit} {}: {} ({})", it.username, it.place, it.trouble, it.kind));
    told.first("Passwords that will not work, because:", users, report.troubled());
    told.rows(
        "Rows that cannot be read, and are in none of the numbers above:",
        unit,
        &tally.unreadable,
    );
    told.rows("Fields that are not taken as the source has them:", unit, &tally.altered);
    told.remarks(tally);
    let alikes = staging.look_alikes(None, FIRST)?;
    let count = staging.look_alike_count()?;
    let alikes = alikes.iter().map(|alike| alike.names.join(", "));
    told.first(
        "Names that differ by case, form or blanks alone; each is somebody of their own here:",
        alikes,
        count,
    );
    let staff = staging.staff(None, FIRST)?;
    let staff = staff.into_iter().map(|(_, name)| name);
    told.first("Staff, who are operators here and sign in to the console:", staff, report.staff);
    if report.dry_run {
        told.paragraph("This was a dry run: nothing was written.");
    }
    Ok(told.0)
}

/// What is told so far.
struct Told(String);

impl Told {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        self.line(&format!("\n{text}"));
    }

    /// The first of many, a line each.
    fn first(&mut self, head: &str, lines: impl Iterator<Item = String>, all: u64) {
        if all == 0 {
            return;
        }
        self.paragraph(head);
        let mut shown = 0;
        for line in lines {
            self.line(&format!("  {}", plain(&line)));
            shown += 1;
        }
        if all > shown {
            self.line(&format!("  and {} more (--report FILE has all)", all - shown));
        }
    }

    fn rows(&mut self, head: &str, unit: &str, rows: &ToldRows) {
        let lines = rows.first().iter().map(|row| format!("{unit} {row}"));
        self.first(head, lines, rows.count);
    }

    fn counted(&mut self, what: &str, refused: &BTreeMap<Refusal, u64>) {
        for (why, count) in refused {
            let words = counted(*count, what, "is not taken", "are not taken");
            self.paragraph(&format!("{words}: {why}."));
        }
    }

    fn remarks(&mut self, tally: &Tally) {
        for (remark, count) in &tally.remarks {
            let one = remark.replacen("moments", "moment", 1).replace("that are", "that is");
            let remark = if *count == 1 { &one } else { *remark };
            self.paragraph(&format!("{count} {remark}."));
        }
        let others: u64 = tally.others.values().sum();
        if others > 0 {
            let models = tally.others.keys().take(FIRST as usize).map(String::as_str);
            let models: Vec<_> = models.collect();
            let more = if tally.others.len() > models.len() { ", …" } else { "" };
            let models = plain(&models.join(", "));
            let are = if others == 1 { "is" } else { "are" };
            self.paragraph(&format!("{others} of other models {are} passed over: {models}{more}."));
        }
    }
}

/// So many of something, and what is said of one or of more.
fn counted(count: u64, what: &str, of_one: &str, of_more: &str) -> String {
    if count == 1 { format!("1 {what} {of_one}") } else { format!("{count} {what}s {of_more}") }
}

fn counts(report: &Report) -> String {
    let landed = &report.landed;
    let sum = |refused: &BTreeMap<Refusal, u64>| refused.values().sum::<u64>().to_string();
    let users = [
        "users".to_owned(),
        report.users.to_string(),
        landed.added.to_string(),
        landed.updated.to_string(),
        (landed.unchanged + landed.kept).to_string(),
        sum(&landed.refused),
    ];
    let tokens = [
        "tokens".to_owned(),
        report.tokens.to_string(),
        landed.tokens_added.to_string(),
        landed.tokens_updated.to_string(),
        (landed.tokens_there + landed.tokens_kept_out).to_string(),
        sum(&landed.tokens_refused),
    ];
    let heads = ["", "IN SOURCE", "ADDED", "UPDATED", "LEFT AS IT IS", "NOT TAKEN"];
    let mut lines = vec![table_text(heads, vec![users, tokens], "")];
    if landed.tokens_ended > 0 {
        let (one, more) = ("of those here is", "of those here are");
        let words = counted(landed.tokens_ended, "token", one, more);
        lines.push(format!("{words} not in the source any more, and ended."));
    }
    if landed.kept > 0 {
        let (one, more) = (
            "is here otherwise than the source says, and stays as they are",
            "are here otherwise than the source says, and stay as they are",
        );
        let words = counted(landed.kept, "user", one, more);
        lines.push(format!("{words} (--on-conflict update changes that)."));
    }
    lines.join("\n")
}

fn hashes(report: &Report) -> String {
    let row = |kind: &KindCount| {
        let works = kind.users.saturating_sub(kind.troubled);
        [kind.kind.clone(), kind.users.to_string(), works.to_string()]
    };
    let rows = report.kinds.iter().map(row).collect();
    table_text(["PASSWORDS", "USERS", "WILL WORK"], rows, "There are no users.")
}

fn schemes(report: &Report) -> String {
    let row = |count: &SchemeCount| [count.scheme.to_string(), count.tokens.to_string()];
    let rows = report.schemes.iter().map(row).collect();
    table_text(["DIGESTS", "TOKENS"], rows, "There are no tokens.")
}
