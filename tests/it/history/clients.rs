//! Clients that register, log in, change passwords, use tokens at any gateway and end them, by
//! themselves or by an operator.

use super::chance::Chance;
use super::record::{Act, TokenNumber};
use super::scene::Scene;
use crate::harness::gateway::PASSWORD;
use std::sync::atomic::Ordering;
use std::thread;

/// An account of a client's own.
pub(super) struct Account {
    /// Its number, if anyone was told.
    id: Option<u64>,
    pub(super) name: String,
    /// All that it may be, the likeliest last.
    pub(super) passwords: Vec<String>,
    pub(super) tokens: Vec<TokenNumber>,
}

pub(super) struct Client<'a> {
    pub(super) accounts: Vec<Account>,
    chance: Chance,
    count: usize,
    number: usize,
    scene: &'a Scene<'a>,
}

impl<'a> Client<'a> {
    pub(super) fn new(number: usize, chance: Chance, scene: &'a Scene<'a>) -> Self {
        Self { accounts: vec![], chance, count: 0, number, scene }
    }

    /// Goes on until all is over.
    pub(super) fn run(mut self) -> Vec<Account> {
        while !self.scene.is_over.load(Ordering::SeqCst) {
            self.step();
            thread::sleep(self.chance.millis(1, 12));
        }
        self.accounts
    }

    fn step(&mut self) {
        let gateway = self.chance.below(self.scene.gateways.len());
        let dice = self.chance.below(100);
        if self.accounts.is_empty() || dice < 8 {
            self.count += 1;
            return self.register(gateway, format!("user{}-{}", self.number, self.count));
        }
        let chosen = self.chance.below(self.accounts.len());
        match dice {
            8..20 => self.log_in(gateway, chosen),
            20..24 => self.change_password(gateway, chosen),
            24..34 => self.log_out(gateway, chosen, false),
            34..36 => self.log_out(gateway, chosen, true),
            36 => self.have_tokens_ended(gateway, chosen),
            37 => self.have_deleted(gateway, chosen),
            38..42 => self.guess(gateway),
            42..46 => self.want(gateway),
            46..70 => {
                let tokens = &self.accounts[chosen].tokens;
                if !tokens.is_empty() {
                    let token = *self.chance.pick(tokens);
                    self.scene.ask(gateway, &Act::Use { token });
                }
            }
            _ => {
                let shared = self.scene.shared.lock().unwrap().clone();
                // Rather one of the last, which is good still.
                let last = &shared[shared.len().saturating_sub(40)..];
                if !last.is_empty() {
                    let token = *self.chance.pick(last);
                    self.scene.ask(gateway, &Act::Use { token });
                }
            }
        }
    }

    fn register(&mut self, gateway: usize, name: String) {
        let act = Act::Register { name: name.clone(), password: PASSWORD.to_owned() };
        let deed = self.scene.ask(gateway, &act);
        let tokens = deed.issued.into_iter().collect();
        let (id, passwords) = (deed.who.map(|who| who.id), vec![PASSWORD.to_owned()]);
        self.accounts.push(Account { id, name, passwords, tokens });
    }

    /// Wants a name that others want at the same time, or wanted lately.
    fn want(&mut self, gateway: usize) {
        let round = self.scene.recorder.now() / 500_000;
        let back = u64::try_from(self.chance.below(8)).unwrap();
        let name = format!("wanted-{}", round.saturating_sub(back));
        let password = format!("pass-Word-of-{}", self.number);
        self.scene.ask(gateway, &Act::Register { name, password });
    }

    fn guess(&self, gateway: usize) {
        let turn = self.scene.recorder.now() / 4_000_000;
        let name = victim(usize::try_from(turn).unwrap() % VICTIMS);
        self.scene.ask(gateway, &Act::Guess { name });
    }

    fn log_in(&mut self, gateway: usize, chosen: usize) {
        let account = &mut self.accounts[chosen];
        let name = account.name.clone();
        // Who does not know which it is tries one after the other.
        let turn = if account.passwords.len() > 1 { self.chance.below(2) } else { 0 };
        let password = account.passwords[account.passwords.len() - 1 - turn].clone();
        let deed = self.scene.ask(gateway, &Act::Login { name, password: password.clone() });
        if let Some(token) = deed.issued {
            account.tokens.push(token);
        }
    }

    fn change_password(&mut self, gateway: usize, chosen: usize) {
        let account = &mut self.accounts[chosen];
        let Some(token) = account.tokens.last().copied() else { return };
        self.count += 1;
        let old = account.passwords.last().unwrap().clone();
        let new = format!("pass-Word-{}-{}", self.number, self.count);
        let name = account.name.clone();
        let deed =
            self.scene.ask(gateway, &Act::ChangePassword { name, new: new.clone(), old, token });
        match deed.status {
            204 | 0 | 500.. => account.passwords.push(new),
            _ => {}
        }
    }

    fn log_out(&mut self, gateway: usize, chosen: usize, everywhere: bool) {
        let account = &mut self.accounts[chosen];
        if account.tokens.is_empty() {
            return;
        }
        let token = *self.chance.pick(&account.tokens);
        let act = if everywhere { Act::LogoutAll { token } } else { Act::Logout { token } };
        self.scene.ask(gateway, &act);
        // To see afterwards that it is refused.
        let again = self.chance.below(self.scene.gateways.len());
        self.scene.ask(again, &Act::Use { token });
    }

    /// Has an operator end all tokens of an account.
    fn have_tokens_ended(&self, gateway: usize, chosen: usize) {
        let Account { id: Some(id), name, .. } = &self.accounts[chosen] else { return };
        self.scene.ask(gateway, &Act::EndTokens { id: *id, name: name.clone() });
    }

    /// Has an operator delete an account. The name is free then, for another one.
    fn have_deleted(&mut self, gateway: usize, chosen: usize) {
        let Some(id) = self.accounts[chosen].id else { return };
        let name = self.accounts.remove(chosen).name;
        let deed = self.scene.ask(gateway, &Act::Delete { id, name: name.clone() });
        if deed.status == 204 && self.chance.below(2) == 0 {
            let again = self.chance.below(self.scene.gateways.len());
            self.register(again, name);
        }
    }
}

/// How many accounts are guessed at, one after the other.
pub(super) const VICTIMS: usize = 16;

pub(super) fn victim(number: usize) -> String {
    format!("victim-{number}")
}
