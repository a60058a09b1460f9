//! An operator who makes API keys and signs in to the console, uses both at any gateway and ends them:
//! keys at the command line and sessions by signing out, one by one, and all by a program.

use super::chance::Chance;
use super::record::{Act, TokenNumber};
use super::scene::Scene;
use std::sync::atomic::Ordering;
use std::thread;

/// Their name.
pub(super) const KEEPER: &str = "keeper";
/// How many keys an operator has at most.
const MOST: usize = 30;

pub(super) struct Keeper<'a> {
    pub(super) chance: Chance,
    pub(super) id: u64,
    pub(super) scene: &'a Scene<'a>,
}

impl Keeper<'_> {
    /// Goes on until all is over.
    pub(super) fn run(mut self) {
        let mut keys: Vec<(TokenNumber, String)> = vec![];
        let mut sessions: Vec<TokenNumber> = vec![];
        // Those that have ended are tried, too.
        let mut all: Vec<TokenNumber> = vec![];
        while !self.scene.is_over.load(Ordering::SeqCst) {
            let gateway = self.chance.below(self.scene.gateways.len());
            match self.chance.below(100) {
                0..15 if keys.len() < MOST => {
                    let key = self.scene.make_key(KEEPER, gateway);
                    all.extend(key.as_ref().map(|(token, _)| *token));
                    keys.extend(key);
                }
                15..25 if !keys.is_empty() => {
                    let key = keys.swap_remove(self.chance.below(keys.len()));
                    self.scene.end_key(KEEPER, &key, gateway);
                }
                25..28 => {
                    let act = Act::EndTokens { id: self.id, name: KEEPER.to_owned() };
                    if self.scene.ask(gateway, &act).status == 204 {
                        keys.clear();
                        sessions.clear();
                    }
                }
                28..38 => {
                    let session = self.scene.sign_in(gateway);
                    all.extend(session);
                    sessions.extend(session);
                }
                38..46 if !sessions.is_empty() => {
                    let session = sessions.swap_remove(self.chance.below(sessions.len()));
                    self.scene.sign_out(gateway, session);
                }
                _ => {
                    let last = &all[all.len().saturating_sub(10)..];
                    if !last.is_empty() {
                        self.scene.look(gateway, *self.chance.pick(last), false);
                    }
                }
            }
            thread::sleep(self.chance.millis(10, 60));
        }
    }
}
