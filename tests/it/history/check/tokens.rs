//! Whether tokens pass while they are good, and no longer.

use super::super::record::{Act, Deed, Moment, TokenNumber};
use super::{History, SKEW, Terms};
use std::collections::BTreeMap;

/// What is known of a token.
struct Life<'a> {
    ends: Vec<End>,
    issue: &'a Deed,
    /// When it may be refused although it is good.
    pauses: Vec<(Moment, Moment)>,
}

struct End {
    asked: Moment,
    told: Moment,
    gateway: usize,
    /// Whether it was acknowledged.
    is_sure: bool,
}

pub(super) fn check(history: &History<'_>, terms: Terms, wrong: &mut Vec<String>) {
    let mut lives = BTreeMap::new();
    for deed in &history.deeds {
        if let Some(token) = deed.issued {
            lives.insert(token, Life { ends: vec![], issue: deed, pauses: vec![] });
        }
    }
    for deed in &history.deeds {
        note_end(&mut lives, deed);
    }
    for deed in &history.deeds {
        let token = match deed.act {
            Act::ChangePassword { token, .. }
            | Act::Logout { token }
            | Act::LogoutAll { token }
            | Act::Use { token } => token,
            Act::Guess { .. } | Act::Login { .. } | Act::Register { .. } => continue,
        };
        let life = &lives[&token];
        if let Some(why) = judge(history, terms, life, deed) {
            wrong.push(format!("{why}: {deed:?}, issued by {:?}", life.issue));
        }
    }
}

/// What a deed does to tokens, if it did it.
fn note_end(lives: &mut BTreeMap<TokenNumber, Life<'_>>, deed: &Deed) {
    // What was refused did nothing.
    let is_sure = match deed.status {
        204 => true,
        0 | 500.. => false,
        _ => return,
    };
    let end = || End { asked: deed.begin, told: deed.end, gateway: deed.gateway, is_sure };
    match &deed.act {
        Act::Logout { token } => lives.get_mut(token).unwrap().ends.push(end()),
        Act::LogoutAll { token } => {
            end_others(lives, *token, None, deed, is_sure);
        }
        Act::ChangePassword { token, .. } => {
            end_others(lives, *token, Some(*token), deed, is_sure);
            let kept = lives.get_mut(token).unwrap();
            kept.pauses.push((deed.begin, deed.end));
            if !is_sure {
                // Done by half it ends this one, too.
                kept.ends.push(end());
            }
        }
        Act::Guess { .. } | Act::Login { .. } | Act::Register { .. } | Act::Use { .. } => {}
    }
}

fn end_others(
    lives: &mut BTreeMap<TokenNumber, Life<'_>>,
    by: TokenNumber,
    kept: Option<TokenNumber>,
    deed: &Deed,
    is_sure: bool,
) {
    let owner = name(lives[&by].issue).map(str::to_owned);
    for (token, life) in lives.iter_mut() {
        if name(life.issue) != owner.as_deref() {
            continue;
        }
        // One that is issued only then may be of before, or of after.
        let was_there = life.issue.end < deed.begin;
        let until = if is_sure { deed.end } else { deed.end + SKEW };
        if Some(*token) != kept && life.issue.begin < until {
            let is_sure = is_sure && was_there;
            let (asked, told, gateway) = (deed.begin, deed.end, deed.gateway);
            life.ends.push(End { asked, told, gateway, is_sure });
        }
    }
}

fn name(deed: &Deed) -> Option<&str> {
    deed.who.as_ref().map(|who| who.name.as_str())
}

fn judge(
    history: &History<'_>,
    terms: Terms,
    life: &Life<'_>,
    deed: &Deed,
) -> Option<&'static str> {
    match deed.status {
        200 | 204 => {
            if deed.who.is_some() && name(deed) != name(life.issue) {
                return Some("a token names another user than its own");
            }
            let has_ended = |end: &End| {
                let is_here = end.gateway == deed.gateway
                    && !history.has_forgotten(end.gateway, end.told, deed.begin);
                let since = if is_here { end.told } else { end.told + terms.bound };
                end.is_sure && since < deed.begin
            };
            if life.issue.end + terms.holds < deed.begin {
                return Some("a token passes that has run out");
            }
            life.ends.iter().any(has_ended).then_some("a token passes that has ended")
        }
        401 => {
            let may_have_ended = life.ends.iter().any(|end| end.asked < deed.end);
            let pauses = |(begin, end): &(Moment, Moment)| *begin < deed.end && *end > deed.begin;
            let is_excused = may_have_ended
                || life.issue.begin + terms.holds <= deed.end
                || life.pauses.iter().any(pauses)
                || history.may_be_lost(life.issue.begin, life.issue.end);
            (!is_excused && life.issue.end < deed.begin).then_some("401 for a token that is good")
        }
        _ => None,
    }
}
