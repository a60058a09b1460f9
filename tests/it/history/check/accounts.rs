//! Whether accounts and their passwords are what was acknowledged. Each account but those that many
//! want is one client's, so that what becomes of it follows in order.

use super::super::record::{Act, Deed, Moment};
use super::History;
use std::collections::BTreeMap;

/// What is known of an account.
#[derive(Default)]
struct Account {
    /// A late write may still make it.
    may_exist: bool,
    is_there: bool,
    passwords: Vec<String>,
    /// Whether someone got in when all was over.
    was_entered: bool,
}

pub(super) fn check(history: &History<'_>, wrong: &mut Vec<String>) {
    let mut accounts = BTreeMap::new();
    let mut over: Option<Moment> = None;
    for deed in &history.deeds {
        if deed.is_last {
            over.get_or_insert(deed.begin);
        }
        let (Act::ChangePassword { name, .. }
        | Act::Login { name, .. }
        | Act::Register { name, .. }) = &deed.act
        else {
            continue;
        };
        let account: &mut Account = accounts.entry(name.clone()).or_default();
        let may_be_lost = history.may_be_lost(deed.begin, deed.end);
        if !is_ones_own(name) {
            continue;
        }
        if let Some(why) = account.take_in(deed, may_be_lost) {
            wrong.push(format!("{why}: {deed:?}"));
        }
    }
    if over.is_none() {
        return;
    }
    let lost = accounts.iter().filter(|(_, account)| account.is_there && !account.was_entered);
    wrong.extend(lost.map(|(name, _)| format!("nobody gets into the account {name} in the end")));
    contested(history, wrong);
}

/// Whether it is one client's account, and no name that many want at once, or guess at.
fn is_ones_own(name: &str) -> bool {
    !name.starts_with("wanted") && name != "victim"
}

impl Account {
    fn take_in(&mut self, deed: &Deed, may_be_lost: bool) -> Option<&'static str> {
        let is_done = matches!(deed.status, 200 | 204);
        let is_unknown = deed.status == 0 || deed.status >= 500;
        match &deed.act {
            Act::Register { password, .. } if is_done => {
                let was_there = self.is_there;
                self.is_there = !may_be_lost;
                self.may_exist = true;
                self.passwords = vec![password.clone()];
                was_there.then_some("a name is given out again")
            }
            Act::Register { password, .. } if is_unknown => {
                self.may_exist = true;
                self.passwords.push(password.clone());
                None
            }
            Act::Register { .. } => {
                (!self.may_exist).then_some("a name is taken, and nobody has it")
            }
            Act::Login { password, .. } if is_done => {
                self.was_entered |= deed.is_last;
                let is_known = self.passwords.contains(password);
                (!is_known).then_some("someone got in by a password that is not theirs")
            }
            Act::Login { password, .. } if !is_unknown => {
                let is_right = self.is_there && self.passwords == [password.clone()];
                is_right.then_some("a right password is refused")
            }
            Act::ChangePassword { new, .. } if is_done => {
                if may_be_lost {
                    self.passwords.push(new.clone());
                } else {
                    self.passwords = vec![new.clone()];
                }
                None
            }
            Act::ChangePassword { new, .. } if is_unknown => {
                self.passwords.push(new.clone());
                None
            }
            _ => None,
        }
    }
}

/// Of those who want one name, one gets it.
fn contested(history: &History<'_>, wrong: &mut Vec<String>) {
    let mut winners: BTreeMap<&String, usize> = BTreeMap::new();
    for deed in &history.deeds {
        if let (Act::Register { name, .. }, 200) = (&deed.act, deed.status)
            && !is_ones_own(name)
            && !history.may_be_lost(deed.begin, deed.end)
        {
            *winners.entry(name).or_default() += 1;
        }
    }
    let several = winners.iter().filter(|(_, count)| **count > 1);
    wrong.extend(several.map(|(name, count)| format!("the name {name} was given to {count}")));
}
