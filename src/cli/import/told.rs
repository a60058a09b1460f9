//! What is told of a source and of what came of it, at the terminal.

use super::super::{Failure, output};
use crate::moving::{Report, Staged};
use crate::store::staging::Refusal;
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

/// Prints it: the numbers in tables, and the first few of what will not work.
pub(super) fn print(report: &Report, staged: &Staged) -> Result<(), Failure> {
    counts(report);
    hashes(report);
    schemes(report);
    refused(report, staged)?;
    troubled(report, staged)?;
    unreadable(staged);
    look_alikes(staged)?;
    staff(report, staged)?;
    if report.dry_run {
        println!("\nThis was a dry run: nothing was written.");
    }
    Ok(())
}

fn counts(report: &Report) {
    let landed = &report.landed;
    let refused = |refused: &BTreeMap<Refusal, u64>| refused.values().sum::<u64>().to_string();
    let users = [
        "users".to_owned(),
        report.users.to_string(),
        landed.added.to_string(),
        landed.updated.to_string(),
        (landed.unchanged + landed.kept).to_string(),
        refused(&landed.refused),
    ];
    let tokens = [
        "tokens".to_owned(),
        report.tokens.to_string(),
        landed.tokens_added.to_string(),
        String::new(),
        (landed.tokens_there + landed.tokens_kept_out).to_string(),
        refused(&landed.tokens_refused),
    ];
    let heads = ["", "IN SOURCE", "ADDED", "UPDATED", "LEFT AS IT IS", "NOT TAKEN"];
    output::table(heads, vec![users, tokens], "");
    if landed.tokens_ended > 0 {
        println!("{} tokens that are not in the source any more have ended.", landed.tokens_ended);
    }
    if landed.kept > 0 {
        let words = "users are here otherwise than the source says, and stay as they are \
                     (--on-conflict update changes that).";
        println!("{} {words}", landed.kept);
    }
}

fn hashes(report: &Report) {
    println!();
    let row = |kind: &crate::store::staging::KindCount| {
        let works = kind.users - kind.troubled.min(kind.users);
        [kind.kind.clone(), kind.users.to_string(), works.to_string()]
    };
    let rows = report.kinds.iter().map(row).collect();
    output::table(["PASSWORDS", "USERS", "WILL WORK"], rows, "There are no users.");
}

fn schemes(report: &Report) {
    println!();
    let row = |count: &crate::store::staging::SchemeCount| {
        [count.scheme.to_string(), count.tokens.to_string()]
    };
    let rows = report.schemes.iter().map(row).collect();
    output::table(["DIGESTS", "TOKENS"], rows, "There are no tokens.");
}

fn refused(report: &Report, staged: &Staged) -> Result<(), Failure> {
    let landed = &report.landed;
    for (what, refused) in [("Users", &landed.refused), ("Tokens", &landed.tokens_refused)] {
        for (why, count) in refused {
            println!("\n{what} that are not taken, because {why}: {count}");
        }
    }
    let unit = staged.tally.unit;
    let users = staged.staging.refused(None, FIRST)?;
    let lines = users.iter().map(|user| {
        format!("{}, {unit} {}: {}", output::plain(&user.username), user.place, user.refusal)
    });
    first("Users that are not taken:", lines, landed.refused.values().sum());
    Ok(())
}

fn troubled(report: &Report, staged: &Staged) -> Result<(), Failure> {
    let unit = staged.tally.unit;
    let users = staged.staging.troubled(None, FIRST)?;
    let lines = users.iter().map(|user| {
        let name = output::plain(&user.username);
        format!("{name}, {unit} {}: {} ({})", user.place, user.trouble, user.kind)
    });
    first("Passwords that will not work, because:", lines, report.troubled());
    Ok(())
}

fn unreadable(staged: &Staged) {
    let tally = &staged.tally;
    let lines = tally.first().iter().take(FIRST as usize);
    let lines = lines.map(|row| format!("{} {}", tally.unit, output::plain(&row.to_string())));
    first("Rows that will not work, because:", lines, tally.unreadable);
    let others: u64 = tally.others.values().sum();
    if others > 0 {
        let models: Vec<_> = tally.others.keys().take(FIRST as usize).map(String::as_str).collect();
        let more = if tally.others.len() > models.len() { ", …" } else { "" };
        println!(
            "\nPassed over: {others} of other models ({}{more})",
            output::plain(&models.join(", "))
        );
    }
}

fn look_alikes(staged: &Staged) -> Result<(), Failure> {
    let found = staged.staging.look_alikes(None, FIRST)?;
    if !found.is_empty() {
        println!("\nNames that differ by case or form alone; each is somebody of their own here:");
    }
    for alike in found {
        println!("  {}", output::plain(&alike.names.join(", ")));
    }
    Ok(())
}

fn staff(report: &Report, staged: &Staged) -> Result<(), Failure> {
    let staff = staged.staging.staff(None, FIRST)?;
    let lines = staff.iter().map(|(_, name)| output::plain(name));
    first("Staff, who are operators here and sign in to the console:", lines, report.staff);
    Ok(())
}

/// The first of many, a line each.
fn first(head: &str, lines: impl Iterator<Item = String>, all: u64) {
    if all == 0 {
        return;
    }
    println!("\n{head}");
    let mut shown = 0;
    for line in lines {
        println!("  {line}");
        shown += 1;
    }
    if all > shown {
        println!("  and {} more (--report FILE has all)", all - shown);
    }
}
