//! The memory that hashes from elsewhere may take.

use super::HashCost;
use super::encoded::Encoded;
use super::kind::HashTrouble;
use super::recipe::Recipe;

/// How much memory hashes may take that take more than a new one does.
#[derive(Clone, Copy, Debug)]
pub struct HashRoom {
    /// All of them together, in KiB.
    kib: u64,
    /// A new one.
    own_kib: u64,
}

impl HashRoom {
    /// So many bytes for all of them, where new ones cost so much.
    pub fn new(own: HashCost, bytes: u64) -> Self {
        Self { kib: bytes / 1024, own_kib: own.memory_kib.into() }
    }

    /// Why no password can ever be compared with a stored hash: it takes more memory than there is. `None`
    /// of one that cannot be read.
    pub fn trouble(self, encoded: &str) -> Option<HashTrouble> {
        let hash = Encoded::read(encoded).ok()?;
        (!self.has_place_for(hash.recipe)).then_some(HashTrouble::TooLarge)
    }

    pub(super) fn kib(self) -> u64 {
        self.kib
    }

    /// How much one takes of it, in KiB. New ones take nothing: with a thread each, they are the memory
    /// that is planned for.
    pub(super) fn beside(self, recipe: Recipe) -> u64 {
        let kib = recipe.memory_kib();
        if kib > self.own_kib { kib } else { 0 }
    }

    pub(super) fn has_place_for(self, recipe: Recipe) -> bool {
        self.beside(recipe) <= self.kib
    }
}
