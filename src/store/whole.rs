//! A store as a whole, as operators handle it: saved to a file, brought back from one, gone through
//! for what is wrong with it, and measured.
//!
//! Whatever keeps accounts, what is saved is a file of SQLite as [`super::sqlite`] makes them: it can be
//! looked at, served from and brought back by the same means, into either kind of store.

use super::redis::RedisStore;
use super::redis::turn;
use super::sqlite::archive::Archive;
use super::sqlite::draft::Draft;
use super::sqlite::{land, make, restore, stats, verify};
pub use super::staging::{BringBack, Landed, Landing, OnConflict, Staging};
pub use super::stop::Stop;
use super::{Doing, Settings, StoreError};
use crate::clock::Timestamp;
use crate::model::event::Event;
use crate::model::token::{OldDigest, TokenAbout, TokenRecord};
use crate::model::user::User;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All that a store keeps.
pub enum Whole {
    /// In Redis.
    Redis(Arc<RedisStore>),
    /// In a file.
    Sqlite(PathBuf),
}

/// Hears how far something has come: what, and how many of it.
pub type Progress<'a> = &'a (dyn Fn(&str, u64) + Sync);

impl Whole {
    /// What the settings name. Nothing is opened yet.
    pub fn of(settings: &Settings) -> Result<Self, StoreError> {
        Ok(match settings {
            Settings::Redis { authorities, replicas, url } => {
                let store = RedisStore::open_trusting(url, authorities.as_deref())?;
                Self::Redis(Arc::new(store.ending_on(*replicas)))
            }
            Settings::Sqlite { path } => Self::Sqlite(path.clone()),
        })
    }

    /// Saves all that a backup has to a file that is there whole, or not at all. What was answered before
    /// this began is in it, unless it ended meanwhile.
    pub async fn save(&self, order: &Save, progress: Progress<'_>) -> Result<Saved, StoreError> {
        let draft = Draft::beside(&order.to, order.replaces)?;
        let (at, mut warnings) = (self.present(order.at).await?, Vec::new());
        let (archive, from) = match self {
            Self::Redis(store) => {
                let mut archive = draft.make()?;
                archive.stops_with(&order.stop)?;
                warnings = store.export(&mut archive, at, progress).await?;
                (archive, "redis")
            }
            Self::Sqlite(path) => (draft.copy_of(path, &order.stop)?, "sqlite"),
        };
        archive.mark(at, from)?;
        let contents = archive.contents()?;
        let bytes = archive.finish()?;
        Ok(Saved { bytes, contents, warnings })
    }

    /// Sees to it that nobody else takes a source over into this store, brings a backup back or copies to it
    /// until the turn is over; refused while somebody does. A file needs no more than its own locks: each of
    /// those steps sees all that was done before it.
    pub async fn take_turn(&self, doing: Doing, now: Timestamp) -> Result<Turn, StoreError> {
        Ok(Turn(match self {
            Self::Redis(store) => Some(turn::Turn::take(store, doing, now).await?),
            Self::Sqlite(_) => None,
        }))
    }

    /// Brings back what was saved to a file.
    pub async fn restore(
        &self,
        order: &Restore,
        progress: Progress<'_>,
    ) -> Result<Restored, StoreError> {
        let turn = self.take_turn(Doing::Restore, order.at).await?;
        let restored = turn.doing(Box::pin(self.restore_in_turn(order, progress))).await;
        turn.end().await;
        restored
    }

    /// The same of whoever has the turn.
    pub async fn restore_in_turn(
        &self,
        order: &Restore,
        progress: Progress<'_>,
    ) -> Result<Restored, StoreError> {
        let source = Archive::open_whole(&order.from)?;
        match self {
            Self::Redis(store) => {
                let order = Restore { at: self.present(order.at).await?, ..order.clone() };
                store.import(&source, &order, progress).await
            }
            Self::Sqlite(path) => restore::restore(path, &source, order),
        }
    }

    /// Takes over users and tokens of a source that is settled. Whoever is stopped in between does it again.
    pub async fn land(
        &self,
        staging: &Staging,
        order: &Landing,
        progress: Progress<'_>,
    ) -> Result<Landed, StoreError> {
        match self {
            Self::Redis(store) if order.dry_run => {
                let order = Landing { at: self.present(order.at).await?, ..order.clone() };
                store.land(staging, &order, "", progress).await
            }
            Self::Redis(store) => {
                let turn = turn::Turn::take(store, Doing::Import, order.at).await?;
                let order = Landing { at: self.present(order.at).await?, ..order.clone() };
                let landing = store.land(staging, &order, turn.run(), progress);
                let landed = turn.doing(Box::pin(landing)).await;
                turn.end().await;
                landed
            }
            Self::Sqlite(path) => land::land(path, staging, order, progress),
        }
    }

    /// What is wrong with it. With `mends`, what can be mended is, but nothing that was out of reach is
    /// brought within it.
    pub async fn verify(
        &self,
        now: Timestamp,
        mends: bool,
        progress: Progress<'_>,
    ) -> Result<Vec<Finding>, StoreError> {
        match self {
            Self::Redis(store) => store.verify(self.present(now).await?, mends, progress).await,
            Self::Sqlite(path) => verify::verify(path, mends),
        }
    }

    /// What there is, and how much room it takes.
    pub async fn stats(&self, now: Timestamp) -> Result<Stats, StoreError> {
        match self {
            Self::Redis(store) => store.stats(self.present(now).await?).await,
            Self::Sqlite(path) => stats::stats(path, now),
        }
    }

    /// The present moment: by the clock of a store that has one, for tokens are swept by it, too.
    async fn present(&self, own: Timestamp) -> Result<Timestamp, StoreError> {
        match self {
            Self::Redis(store) => store.present_unless_away(own).await,
            Self::Sqlite(_) => Ok(own),
        }
    }

    /// The file in which it is, if it is in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Redis(_) => None,
            Self::Sqlite(path) => Some(path),
        }
    }

    /// Whether it is the same as another, whatever each is called.
    pub async fn is_same(&self, other: &Self) -> Result<bool, StoreError> {
        match (self, other) {
            (Self::Redis(one), Self::Redis(other)) => one.is_same(other).await,
            (Self::Sqlite(one), Self::Sqlite(other)) => Ok(make::same_file(one, other)),
            (Self::Redis(_), Self::Sqlite(_)) | (Self::Sqlite(_), Self::Redis(_)) => Ok(false),
        }
    }
}

/// The turn of whoever changes a store as a whole.
pub struct Turn(Option<turn::Turn>);

impl Turn {
    /// Does something in this turn, and nothing more of it once the turn is lost.
    pub async fn doing<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match &self.0 {
            Some(turn) => turn.doing(work).await,
            None => work.await,
        }
    }

    /// Lets others have their turn.
    pub async fn end(self) {
        if let Some(turn) = self.0 {
            turn.end().await;
        }
    }
}

/// What is to be saved, and where.
pub struct Save {
    /// The moment.
    pub at: Timestamp,
    /// Whether it may take the place of a file.
    pub replaces: bool,
    /// Tells it to stop.
    pub stop: Stop,
    /// The file.
    pub to: PathBuf,
}

/// What is to be brought back, and how.
#[derive(Clone)]
pub struct Restore {
    /// The moment.
    pub at: Timestamp,
    /// The file.
    pub from: PathBuf,
    /// Whether tokens and API keys go on, those too that were ended after they were saved.
    pub keeps_tokens: bool,
    /// Whether it takes the place of what is there.
    pub replaces: bool,
}

/// What was saved.
pub struct Saved {
    /// The size of the file.
    pub bytes: u64,
    /// What is in it.
    pub contents: Contents,
    /// What could not be read and is not in it.
    pub warnings: Vec<String>,
}

/// What a file has that was saved.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Contents {
    /// When it was saved, if it says so.
    pub at: Option<Timestamp>,
    /// Events.
    pub events: u64,
    /// API keys, second factors and networks.
    pub items: u64,
    /// Tokens, those too that have run out.
    pub tokens: u64,
    /// Users.
    pub users: u64,
}

/// What was brought back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Restored {
    /// What is there now of what was saved.
    pub contents: Contents,
    /// Users who were locked out, and are in again.
    pub let_in: u64,
    /// Users who had been deleted or had never been there, and are there.
    pub added: u64,
}

/// Something that is wrong with a store.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// What can be done about it.
    pub mend: Mend,
    /// What, in a line without secrets.
    pub words: String,
}

/// What can be done about something that is wrong.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Mend {
    /// It was done.
    Done,
    /// Nothing, but by an operator.
    No,
    /// It can be mended.
    Possible,
}

impl Finding {
    /// Something that only an operator can do something about.
    pub(super) fn serious(words: impl Into<String>) -> Self {
        Self { mend: Mend::No, words: words.into() }
    }

    /// Something that can be mended.
    pub(super) fn mendable(words: impl Into<String>) -> Self {
        Self { mend: Mend::Possible, words: words.into() }
    }
}

/// What a store has, and how much room it takes.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// What takes room, with how many there are of it and how many bytes they take, as far as known.
    pub rooms: Vec<Room>,
    /// The bytes of the whole.
    pub bytes: u64,
    /// What it is: kind, place, version; no secrets.
    pub summary: String,
    /// The version of how things are written down.
    pub schema: u32,
    /// Users who may log in.
    pub active: u64,
    /// Staff.
    pub staff: u64,
    /// All users.
    pub users: u64,
    /// When the first of the users who are there joined, and the last.
    pub joined: Option<(Timestamp, Timestamp)>,
    /// Tokens that are good.
    pub good_tokens: u64,
    /// Tokens that have run out or ended, and are not swept yet.
    pub dead_tokens: u64,
    /// When the oldest of the tokens was issued, and the newest; `None` if that is not known.
    pub issued: Option<(Timestamp, Timestamp)>,
    /// When the oldest event was, and the newest.
    pub happened: Option<(Timestamp, Timestamp)>,
}

/// What takes room.
#[derive(Clone, Debug)]
pub struct Room {
    /// The bytes that they take, measured or estimated; `None` if that is not known.
    pub bytes: Option<u64>,
    /// How many there are.
    pub count: u64,
    /// What.
    pub what: String,
}

/// A user with everything of theirs.
pub(super) struct Portion {
    /// The networks from which they have logged in, and until when that is remembered.
    pub familiar: Vec<(String, Timestamp)>,
    /// How the digests of some of the tokens were made.
    pub old_digests: Vec<OldDigest>,
    /// Those of the user's present epoch.
    pub tokens: Vec<(TokenRecord, TokenAbout)>,
    pub user: User,
}

/// Events in the order in which they happened, each once.
pub(super) fn merged(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut events: Vec<_> = events.into_iter().collect();
    events.sort_by_key(|event| event.at);
    let mut seen = std::collections::HashSet::new();
    events.retain(|event| seen.insert(event.clone()));
    events
}
