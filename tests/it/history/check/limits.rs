//! Whether answers are among those that there are, and guesses within their limit.

use super::super::record::Act;
use super::tokens::is_cut_off;
use super::{History, Terms};
use std::collections::BTreeMap;

pub(super) fn check(history: &History<'_>, terms: Terms, wrong: &mut Vec<String>) {
    statuses(history, terms, wrong);
    guesses(history, terms, wrong);
}

fn statuses(history: &History<'_>, terms: Terms, wrong: &mut Vec<String>) {
    let issues = history.issues();
    for deed in &history.deeds {
        let expected: &[u16] = match deed.act {
            Act::ChangePassword { .. } => &[204, 400, 401],
            Act::Delete { .. } | Act::EndTokens { .. } => &[204, 404],
            Act::EndKey { .. } => &[204],
            // A right password, but the user has changed meanwhile.
            Act::Login { .. } | Act::Register { .. } => &[200, 400],
            Act::Guess { .. } => &[400, 429],
            Act::Logout { .. } | Act::LogoutAll { .. } | Act::SignOut { .. } => &[204, 401],
            Act::MakeKey { .. } | Act::SignIn { .. } => &[200],
            Act::Use { .. } | Act::UseKey { .. } | Act::UseSession { .. } => &[200, 401],
        };
        let is_told = deed.is_last || ![0, 500, 503].contains(&deed.status);
        let is_cut_off = || is_cut_off(&issues, terms, deed);
        if is_told && !expected.contains(&deed.status) && !is_cut_off() {
            wrong.push(format!("an answer that is none: {deed:?}"));
        }
        if deed.status == 500 {
            wrong.push(format!("a panic: {deed:?}"));
        }
    }
}

/// Of each account as many as the limit says, and as many again for each promotion meanwhile.
fn guesses(history: &History<'_>, terms: Terms, wrong: &mut Vec<String>) {
    let mut judged: BTreeMap<&String, Vec<_>> = BTreeMap::new();
    for deed in &history.deeds {
        if let (Act::Guess { name }, 400) = (&deed.act, deed.status) {
            judged.entry(name).or_default().push(deed);
        }
    }
    for (name, deeds) in judged {
        let begin = deeds.iter().map(|deed| deed.begin).min().unwrap_or(0);
        let end = deeds.iter().map(|deed| deed.end).max().unwrap_or(0);
        let meanwhile = history.losses.iter().filter(|it| it.begin <= end && it.end >= begin);
        let most = terms.guesses + terms.guesses_lost * meanwhile.count();
        let count = deeds.len();
        if count > most {
            wrong.push(format!("{count} guesses of {name}, of {most} at most"));
        }
    }
}
