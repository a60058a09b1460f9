//! Whether a number is one user's, and a name.

use super::super::record::{Act, Deed, Moment, Who};
use super::{History, REST, is_ones_own, is_unknown};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(history: &History<'_>, wrong: &mut Vec<String>) {
    let (mut names, mut ids) = (BTreeMap::new(), BTreeMap::new());
    for deed in &history.deeds {
        if matches!((&deed.act, deed.status), (Act::Use { .. }, 200)) && !is_somebody(deed) {
            wrong.push(format!("a request of nobody: {deed:?}"));
        }
        let Some(Who { id: id @ 1.., name }) = &deed.who else { continue };
        names.entry(*id).or_insert_with(BTreeSet::new).insert(name);
        ids.entry(name).or_insert_with(BTreeSet::new).insert(*id);
    }
    let several = names.iter().filter(|(_, names)| names.len() > 1);
    wrong.extend(several.map(|(id, names)| format!("the number {id} is of {names:?}")));
    for (name, ids) in ids.iter().filter(|(_, ids)| ids.len() > 1) {
        let owners: Vec<_> = ids.iter().map(|id| Owner::of(history, name, *id)).collect();
        let mut pairs = owners.iter().enumerate().flat_map(|(number, one)| {
            owners.iter().skip(number + 1).map(move |other| (one, other))
        });
        if pairs.any(|(one, other)| !one.makes_room(other) && !other.makes_room(one)) {
            wrong.push(format!("the name {name} is of {ids:?}: {owners:?}"));
        }
    }
    contested(history, wrong);
}

fn is_somebody(deed: &Deed) -> bool {
    deed.who.as_ref().is_some_and(|who| who.id != 0 && !who.name.is_empty())
}

/// One who had a name.
#[derive(Debug)]
struct Owner {
    /// From when until when an operator deleted them.
    deleted: Option<(Moment, Moment)>,
    first_seen: Moment,
    last_seen: Moment,
    /// Until when it could turn out that their registration was lost.
    lost: Option<Moment>,
}

impl Owner {
    fn of(history: &History<'_>, name: &str, id: u64) -> Self {
        let is_theirs = |deed: &Deed| deed.who.as_ref().is_some_and(|who| who.id == id);
        let all = history.registrations(name);
        let told: Vec<_> = all.iter().filter(|deed| is_theirs(deed)).copied().collect();
        // Who was not told may have got it nevertheless.
        let untold = || all.iter().filter(|deed| is_unknown(deed)).copied().collect();
        let by: Vec<&Deed> = if told.is_empty() { untold() } else { told };
        let is_deletion = |deed: &&&Deed| {
            let is_it = matches!(deed.act, Act::Delete { id: it, .. } if it == id);
            is_it && deed.status == 204
        };
        let deletion = history.deeds.iter().find(is_deletion);
        let seen = || history.deeds.iter().filter(|deed| is_theirs(deed));
        Self {
            deleted: deletion.map(|deed| (deed.begin, deed.end)),
            first_seen: seen().map(|deed| deed.end).min().unwrap_or(0),
            last_seen: seen().map(|deed| deed.begin).max().unwrap_or(0),
            lost: by.iter().filter_map(|deed| history.may_be_lost(deed)).max(),
        }
    }

    /// Whether another may have the name: who was seen once all was decided is not lost.
    fn makes_room(&self, other: &Self) -> bool {
        let is_lost = self.lost.is_some_and(|until| self.last_seen <= until);
        let is_deleted = self
            .deleted
            .is_some_and(|(begin, end)| self.last_seen <= end + REST && begin <= other.first_seen);
        is_lost || is_deleted
    }
}

/// Of those who want one name, one gets it, and in the end nobody else gets in.
fn contested(history: &History<'_>, wrong: &mut Vec<String>) {
    let mut wanted: BTreeMap<&String, Vec<&Deed>> = BTreeMap::new();
    let mut entered: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for deed in &history.deeds {
        match &deed.act {
            Act::Register { name, .. } if !is_ones_own(name) => {
                wanted.entry(name).or_default().push(deed);
            }
            Act::Login { name, password } if deed.is_last => {
                let entered = entered.entry(name).or_default();
                if deed.status == 200 {
                    entered.insert(password);
                }
            }
            _ => {}
        }
    }
    for (name, deeds) in wanted {
        if let Some(why) = one_gets(history, &deeds, entered.get(name)) {
            wrong.push(format!("the name {name} {why}: {deeds:?}"));
        }
    }
}

fn one_gets(
    history: &History<'_>,
    all: &[&Deed],
    entered: Option<&BTreeSet<&String>>,
) -> Option<String> {
    let told: Vec<_> = all.iter().filter(|deed| deed.status == 200).collect();
    let sure: Vec<_> = told.iter().filter(|it| history.may_be_lost(it).is_none()).collect();
    if sure.len() > 1 {
        return Some(format!("was given to {}", sure.len()));
    }
    if !all.iter().any(|deed| deed.status == 200 || is_unknown(deed)) {
        return Some("is taken, and nobody has it".to_owned());
    }
    let entered = entered?;
    if entered.len() > 1 {
        return Some(format!("lets in {entered:?}"));
    }
    let may_have_it = |deed: &&&Deed| deed.status == 200 || is_unknown(deed);
    let may_have_it: BTreeSet<_> =
        all.iter().filter(may_have_it).filter_map(|deed| password(deed)).collect();
    if let Some(other) = entered.difference(&may_have_it).next() {
        return Some(format!("lets in {other}, who was refused it"));
    }
    let winner = password(sure.first()?)?;
    (!entered.contains(winner)).then(|| format!("does not let in {winner}, who got it"))
}

fn password(deed: &Deed) -> Option<&String> {
    let Act::Register { password, .. } = &deed.act else { return None };
    Some(password)
}
