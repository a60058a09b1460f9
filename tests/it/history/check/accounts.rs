//! Whether accounts and their passwords are what was acknowledged. Each account but those that many
//! want is one client's, so that what becomes of it follows in order.

use super::super::record::{Act, Deed, Moment};
use super::{History, is_ones_own, is_unknown};
use std::collections::BTreeMap;

/// What is known of an account.
#[derive(Default)]
struct Account {
    /// When it is decided whether it is there.
    decided: Moment,
    passwords: Vec<String>,
    /// When it is decided which one it is.
    passwords_decided: Moment,
    standing: Standing,
    /// Whether someone got in when all was over.
    was_entered: bool,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Standing {
    #[default]
    Absent,
    /// An operator may have deleted it, sooner or later.
    Doomed,
    /// Nobody got in when all was decided.
    Lost,
    /// A late write may make it, or a failover may have lost it.
    MayExist,
    There,
}

pub(super) fn check(history: &History<'_>, wrong: &mut Vec<String>) {
    let mut accounts = BTreeMap::new();
    for deed in &history.deeds {
        let (Act::ChangePassword { name, .. }
        | Act::Delete { name, .. }
        | Act::EndTokens { name, .. }
        | Act::Login { name, .. }
        | Act::Register { name, .. }) = &deed.act
        else {
            continue;
        };
        if is_ones_own(name) {
            let account: &mut Account = accounts.entry(name.clone()).or_default();
            if let Some(why) = account.take_in(history, deed) {
                wrong.push(format!("{why}: {deed:?}"));
            }
        }
    }
    if history.deeds.iter().any(|deed| deed.is_last) {
        let lost =
            accounts.iter().filter(|(_, account)| account.is_there() && !account.was_entered);
        wrong.extend(
            lost.map(|(name, _)| format!("nobody gets into the account {name} in the end")),
        );
    }
}

impl Account {
    fn take_in(&mut self, history: &History<'_>, deed: &Deed) -> Option<&'static str> {
        match &deed.act {
            Act::ChangePassword { new, old, .. } => self.change(history, deed, (old, new)),
            Act::Delete { .. } => self.delete(deed),
            Act::EndTokens { .. } => {
                (deed.status == 404 && self.is_there()).then_some("an operator finds nobody")
            }
            Act::Login { password, .. } => self.log_in(deed, password),
            Act::Register { password, .. } => self.register(history, deed, password),
            Act::EndKey { .. }
            | Act::Guess { .. }
            | Act::Logout { .. }
            | Act::LogoutAll { .. }
            | Act::MakeKey { .. }
            | Act::SignIn { .. }
            | Act::SignOut { .. }
            | Act::Use { .. }
            | Act::UseKey { .. }
            | Act::UseSession { .. } => None,
        }
    }

    fn register(
        &mut self,
        history: &History<'_>,
        deed: &Deed,
        password: &str,
    ) -> Option<&'static str> {
        if deed.status == 200 {
            let was_there = self.is_there();
            let lost = history.may_be_lost(deed);
            *self = Self {
                decided: lost.unwrap_or(0),
                passwords: vec![password.to_owned()],
                standing: lost.map_or(Standing::There, |_| Standing::MayExist),
                ..Self::default()
            };
            return was_there.then_some("a name is given out again");
        }
        if is_unknown(deed) {
            self.decided = history.settles(deed);
            self.standing = Standing::MayExist;
            self.passwords.push(password.to_owned());
            return None;
        }
        (self.standing == Standing::Absent).then_some("a name is taken, and nobody has it")
    }

    /// Who gets in proves that the account is there from then on, and what its password is.
    fn log_in(&mut self, deed: &Deed, password: &str) -> Option<&'static str> {
        if deed.status == 200 {
            self.was_entered |= deed.is_last;
            match self.standing {
                Standing::Absent => return Some("someone got in where nobody is"),
                Standing::Lost => return Some("an account is there again that was lost"),
                Standing::MayExist if deed.begin > self.decided => {
                    self.standing = Standing::There;
                }
                Standing::Doomed | Standing::MayExist | Standing::There => {}
            }
            if !self.passwords.iter().any(|known| known == password) {
                return Some("someone got in by a password that is not theirs");
            }
            if deed.begin > self.passwords_decided {
                self.passwords = vec![password.to_owned()];
            }
            return None;
        }
        if is_unknown(deed) || !self.is_password(password) {
            return None;
        }
        if self.standing == Standing::MayExist && deed.begin > self.decided {
            self.standing = Standing::Lost;
        }
        self.is_there().then_some("a right password is refused")
    }

    /// A new password is answered once all replicas have it.
    fn change(
        &mut self,
        history: &History<'_>,
        deed: &Deed,
        (old, new): (&str, &str),
    ) -> Option<&'static str> {
        match deed.status {
            204 => {
                self.passwords = vec![new.to_owned()];
                self.passwords_decided = 0;
            }
            400 if self.is_there() && self.is_password(old) => {
                return Some("a right password is refused");
            }
            _ if is_unknown(deed) => {
                self.passwords.push(new.to_owned());
                self.passwords_decided = history.settles(deed);
            }
            _ => {}
        }
        None
    }

    fn delete(&mut self, deed: &Deed) -> Option<&'static str> {
        match deed.status {
            204 => *self = Self::default(),
            404 if self.is_there() => return Some("an operator finds nobody"),
            _ if is_unknown(deed) => {
                self.standing = Standing::Doomed;
            }
            _ => {}
        }
        None
    }

    fn is_there(&self) -> bool {
        self.standing == Standing::There
    }

    /// Whether it is the one, and no other can be.
    fn is_password(&self, password: &str) -> bool {
        self.passwords.iter().all(|known| known == password) && !self.passwords.is_empty()
    }
}
