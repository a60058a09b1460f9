//! What operators do with the whole of a store. It needs no [`Auth`]: that opens the store, and one that
//! is damaged cannot be.

use super::Auth;
use crate::clock::{Clock, SystemClock};
use crate::model::event::{Actor, EventName};
use crate::store::staging::{BringBack, Landed, Landing, OnConflict, Staging};
use crate::store::whole::{
    Finding, Progress, Restore, Restored, Save, Saved, Stats, Stop, Turn, Whole as Store,
};
use crate::store::{Doing, Settings, StoreError, Temporary};
use std::fmt;
use std::path::{Path, PathBuf};
use tempfile::env;

/// A store as a whole.
pub struct WholeStore {
    clock: SystemClock,
    store: Store,
}

impl WholeStore {
    /// The store that the settings name. Nothing is opened yet.
    pub fn of(settings: &Settings) -> Result<Self, StoreError> {
        Ok(Self { clock: SystemClock, store: Store::of(settings)? })
    }

    /// Saves it to a file, which may take the place of one or not. Told to stop, it leaves nothing of it.
    pub async fn save(
        &self,
        to: PathBuf,
        replaces: bool,
        stop: Stop,
        progress: Progress<'_>,
    ) -> Result<Saved, StoreError> {
        self.store.save(&Save { at: self.clock.now(), replaces, stop, to }, progress).await
    }

    /// Brings back what was saved to a file.
    pub async fn restore(
        &self,
        from: PathBuf,
        terms: RestoreTerms,
        progress: Progress<'_>,
    ) -> Result<Restored, StoreError> {
        let order = self.order(from, terms);
        self.store.restore(&order, progress).await
    }

    /// The same of whoever has the turn.
    pub(super) async fn restore_in_turn(
        &self,
        from: PathBuf,
        terms: RestoreTerms,
        progress: Progress<'_>,
    ) -> Result<Restored, StoreError> {
        let order = self.order(from, terms);
        self.store.restore_in_turn(&order, progress).await
    }

    fn order(&self, from: PathBuf, terms: RestoreTerms) -> Restore {
        let RestoreTerms { keeps_tokens, replaces } = terms;
        Restore { at: self.clock.now(), from, keeps_tokens, replaces }
    }

    /// Sees to it that nobody else takes something over into it meanwhile.
    pub(super) async fn take_turn(&self, doing: Doing) -> Result<Turn, StoreError> {
        self.store.take_turn(doing, self.clock.now()).await
    }

    /// Whether it is the same as another, whatever each is called.
    pub(super) async fn is_same(&self, other: &Self) -> Result<bool, StoreError> {
        self.store.is_same(&other.store).await
    }

    /// A file on the way to another store: beside that one, or else this one, where there is room for
    /// either and nobody else looks.
    pub(super) fn way_to(&self, other: &Self) -> Result<Temporary, StoreError> {
        let folder = other.store.file().or(self.store.file()).and_then(Path::parent);
        let made = match folder {
            Some(folder) if folder != Path::new("") => Temporary::part_in(folder),
            Some(_) => Temporary::part_in(Path::new(".")),
            None => Temporary::part_in(&env::temp_dir()),
        };
        made.map_err(|error| {
            StoreError::Unsuitable(format!("cannot write a file on the way of a copy: {error}"))
        })
    }

    /// Takes over what was read of a source, or tells what would come of that. Told to stop, it leaves whole
    /// users, and goes on when it is done again.
    pub async fn land(
        &self,
        staging: &Staging,
        terms: LandingTerms,
        progress: Progress<'_>,
    ) -> Result<Landed, StoreError> {
        let LandingTerms { brings_back, dry_run, on_conflict, stop } = terms;
        let at = self.clock.now();
        let order = Landing { at, brings_back, dry_run, on_conflict, stop };
        self.store.land(staging, &order, progress).await
    }

    /// What is wrong with it, mended as far as that can be done safely if it is to be.
    pub async fn verify(
        &self,
        mends: bool,
        progress: Progress<'_>,
    ) -> Result<Vec<Finding>, StoreError> {
        self.store.verify(self.clock.now(), mends, progress).await
    }

    /// What there is, and how much room it takes.
    pub async fn stats(&self) -> Result<Stats, StoreError> {
        self.store.stats(self.clock.now()).await
    }
}

/// How what was saved is brought back.
#[derive(Clone, Copy, Debug)]
pub struct RestoreTerms {
    /// Whether tokens and API keys go on, those too that were ended after they were saved.
    pub keeps_tokens: bool,
    /// Whether it takes the place of what is there.
    pub replaces: bool,
}

/// How a source is taken over.
pub struct LandingTerms {
    /// Who comes back of those who were deleted here.
    pub brings_back: BringBack,
    /// Whether nothing is written.
    pub dry_run: bool,
    /// What becomes of users who are here already.
    pub on_conflict: OnConflict,
    /// Tells it to stop.
    pub stop: Stop,
}

impl Auth {
    /// Tells what an operator did with the whole of the store.
    pub async fn tell_of_whole(&self, name: EventName, detail: impl fmt::Display) {
        self.events.record(self.event(name, Actor::CommandLine).with(detail));
        self.until_kept().await;
    }
}
