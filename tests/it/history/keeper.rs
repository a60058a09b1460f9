//! An operator who makes API keys, uses them at any gateway and ends them: at the command line one by
//! one, and all by a program that ends all that is theirs.

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
                    if self.scene.ask(gateway, act).status == 204 {
                        keys.clear();
                    }
                }
                _ => {
                    let last = &all[all.len().saturating_sub(8)..];
                    if !last.is_empty() {
                        self.scene.look(gateway, *self.chance.pick(last), false);
                    }
                }
            }
            thread::sleep(self.chance.millis(10, 60));
        }
    }
}
