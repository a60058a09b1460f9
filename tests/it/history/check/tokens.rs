//! Whether tokens, API keys and sessions of the console pass while they are good, and no longer.

mod life;

use self::life::{End, Life};
use super::super::record::{Act, Deed, Moment, TokenNumber};
use super::{History, Terms};
use std::collections::BTreeMap;

/// How long after an end that was not acknowledged a token may have been given out at another gateway,
/// and yet end with it: their clocks may differ.
const SKEW: Moment = 2_000_000;

pub(super) fn check(history: &History<'_>, terms: Terms, wrong: &mut Vec<String>) {
    let issues = history.issues();
    let mut lives: BTreeMap<_, _> =
        issues.iter().map(|(token, issue)| (*token, Life::new(issue))).collect();
    for deed in &history.deeds {
        note_end(&mut lives, deed);
        if let Some(life) = used(deed).and_then(|token| lives.get_mut(&token)) {
            life.uses.push(deed);
        }
    }
    for life in lives.values_mut() {
        life.look_at_uses(history, terms);
    }
    for life in lives.values() {
        for deed in &life.uses {
            if let Some(why) = judge(history, terms, life, deed) {
                wrong.push(format!("{why}: {deed:?}, issued by {:?}", life.issue));
            }
        }
    }
}

/// Whether a request had no answer because its token ran out under it.
pub(super) fn is_cut_off(issues: &BTreeMap<TokenNumber, &Deed>, terms: Terms, deed: &Deed) -> bool {
    let issue = used(deed).and_then(|token| issues.get(&token));
    deed.status == 0 && issue.is_some_and(|issue| issue.begin + terms.holds <= deed.end)
}

/// The token by which something was asked.
fn used(deed: &Deed) -> Option<TokenNumber> {
    match deed.act {
        Act::ChangePassword { token, .. }
        | Act::Logout { token }
        | Act::LogoutAll { token }
        | Act::SignOut { token }
        | Act::Use { token }
        | Act::UseKey { token }
        | Act::UseSession { token } => Some(token),
        Act::Delete { .. }
        | Act::EndKey { .. }
        | Act::EndTokens { .. }
        | Act::Guess { .. }
        | Act::Login { .. }
        | Act::MakeKey { .. }
        | Act::Register { .. }
        | Act::SignIn { .. } => None,
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
        Act::EndKey { token } | Act::Logout { token } | Act::SignOut { token } => {
            lives.get_mut(token).unwrap().ends.push(end());
        }
        Act::LogoutAll { token } => {
            let owner = owner(lives[token].issue).map(str::to_owned);
            end_others(lives, owner.as_deref(), None, deed);
        }
        Act::Delete { name, .. } | Act::EndTokens { name, .. } => {
            end_others(lives, Some(name), None, deed);
        }
        Act::ChangePassword { name, token, .. } => {
            end_others(lives, Some(name), Some(*token), deed);
            let kept = lives.get_mut(token).unwrap();
            kept.pauses.push((deed.begin, deed.end));
            if !is_sure {
                // Done by half it ends this one, too.
                kept.ends.push(end());
            }
        }
        Act::Guess { .. }
        | Act::Login { .. }
        | Act::MakeKey { .. }
        | Act::Register { .. }
        | Act::SignIn { .. }
        | Act::Use { .. }
        | Act::UseKey { .. }
        | Act::UseSession { .. } => {}
    }
}

fn end_others(
    lives: &mut BTreeMap<TokenNumber, Life<'_>>,
    of: Option<&str>,
    kept: Option<TokenNumber>,
    deed: &Deed,
) {
    let is_sure = deed.status == 204;
    for (token, life) in lives.iter_mut() {
        if owner(life.issue) != of {
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

fn owner(deed: &Deed) -> Option<&str> {
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
            if deed.who.is_some() && owner(deed) != owner(life.issue) {
                return Some("a token names another user than its own");
            }
            let has_ended = |end: &End| {
                let is_here = end.gateway == deed.gateway
                    && !history.has_forgotten(end.gateway, end.told, deed.begin);
                let since = if is_here { end.told } else { end.told + terms.bound };
                end.is_sure && since < deed.begin
            };
            if life.is_over(terms, deed.begin) {
                return Some("a token passes that has run out");
            }
            if life.gone.is_some_and(|gone| gone < deed.begin) {
                return Some("a token passes again that was lost");
            }
            life.ends.iter().any(has_ended).then_some("a token passes that has ended")
        }
        401 => {
            let may_have_ended = life.ends.iter().any(|end| end.asked < deed.end);
            let pauses = |(begin, end): &(Moment, Moment)| *begin < deed.end && *end > deed.begin;
            let is_excused = may_have_ended
                || life.may_run_out(deed.end)
                || life.pauses.iter().any(pauses)
                || life.may_be_lost(deed.begin);
            (!is_excused && life.issue.end < deed.begin).then_some("401 for a token that is good")
        }
        _ => None,
    }
}
