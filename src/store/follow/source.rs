//! The store that is followed.

use super::news::News;
use crate::clock::Timestamp;
use crate::model::user::UserId;
use crate::store::redis::RedisStore;
use crate::store::sqlite::archive::Archive;
use crate::store::whole::Portion;
use crate::store::{Item, Settings, Store, StoreError, Watcher};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The store that is followed.
pub(super) enum Source {
    /// It tells what changes. Whenever it did not, all of it is compared.
    Redis {
        /// Listens for as long as this is there.
        _feed: JoinSet<()>,
        news: Arc<News>,
        store: Arc<RedisStore>,
    },
    /// SQLite compares it with the mirror, whenever somebody has written to it.
    Sqlite {
        db: Box<Archive>,
        path: PathBuf,
        /// The version that was compared last.
        seen: AtomicI64,
    },
}

impl Source {
    /// How often the feed has to prove that it is alive.
    const BEAT: Duration = Duration::from_millis(250);
    /// No version is this one.
    const UNSEEN: i64 = -1;
    /// How long to wait for a feed. A store may have none.
    const PATIENCE: Duration = Duration::from_secs(3);

    pub(super) async fn open(settings: &Settings) -> Result<Self, StoreError> {
        match settings {
            Settings::Redis { authorities, url, .. } => {
                let store = RedisStore::open_trusting(url, authorities.as_deref())?;
                Ok(Self::listen(Arc::new(store)).await)
            }
            Settings::Sqlite { path } => {
                let seen = AtomicI64::new(Self::UNSEEN);
                Ok(Self::Sqlite { db: Box::new(Archive::reading(path)?), path: path.clone(), seen })
            }
        }
    }

    async fn listen(store: Arc<RedisStore>) -> Self {
        let (news, mut feed) = (Arc::new(News::default()), JoinSet::new());
        let (followed, watcher) = (Arc::clone(&store), Arc::clone(&news));
        feed.spawn(async move {
            loop {
                let hears = Arc::clone(&watcher) as Arc<dyn Watcher>;
                drop(followed.watch(hears, Self::BEAT).await);
                watcher.lose();
                sleep(Self::BEAT).await;
            }
        });
        if timeout(Self::PATIENCE, news.heard_until(Instant::now())).await.is_ok() {
            // It begins by saying that it knows nothing of what was before, and nothing is copied yet.
            drop(news.take());
        }
        Self::Redis { _feed: feed, news, store }
    }

    /// Returns once all that was changed by now is noted.
    pub(super) async fn settle(&self) {
        let Self::Redis { news, .. } = self else { return };
        if timeout(Self::PATIENCE, news.heard_until(Instant::now())).await.is_err() {
            news.lose();
        }
    }

    /// The users who may not be as they were.
    pub(super) async fn changed(&self, mirror: &Archive) -> Result<BTreeSet<UserId>, StoreError> {
        let (news, store) = match self {
            Self::Sqlite { db, seen, .. } => {
                // Asked first: what is written meanwhile is looked at the next time.
                let version = db.version()?;
                if seen.load(Ordering::Relaxed) == version {
                    return Ok(BTreeSet::new());
                }
                let changed = mirror.changed()?;
                seen.store(version, Ordering::Relaxed);
                return Ok(changed);
            }
            Self::Redis { news, store, .. } => (news, store),
        };
        let told = news.take();
        let mut users: BTreeSet<_> = told.users.into_iter().collect();
        let found = async {
            for key in &told.tokens {
                let known = mirror.owner_of(key)?;
                users.extend(store.owner_of(key).await?.into_iter().chain(known));
            }
            if told.everything {
                users.extend(store.all_users().await?);
                users.extend(mirror.everyone()?);
            }
            Ok(())
        };
        if let Err(error) = found.await {
            news.lose();
            return Err(error);
        }
        Ok(users)
    }

    /// Has users looked at again who were not carried over.
    pub(super) fn look_again(&self, users: &BTreeSet<UserId>) {
        match self {
            Self::Redis { news, .. } => news.add(users.iter().copied()),
            Self::Sqlite { seen, .. } => seen.store(Self::UNSEEN, Ordering::Relaxed),
        }
    }

    pub(super) async fn portion(
        &self,
        id: UserId,
        now: Timestamp,
    ) -> Result<Option<Portion>, StoreError> {
        match self {
            Self::Redis { store, .. } => store.portion_of(id, now).await,
            Self::Sqlite { db, .. } => db.portion_of(id),
        }
    }

    /// All who were deleted.
    pub(super) async fn deleted(&self) -> Result<Vec<UserId>, StoreError> {
        match self {
            Self::Redis { store, .. } => store.all_deleted().await,
            Self::Sqlite { db, .. } => db.deleted(None, u32::MAX),
        }
    }

    pub(super) async fn items(&self, now: Timestamp) -> Result<Vec<Item>, StoreError> {
        match self {
            Self::Redis { store, .. } => store.kept_items(now).await,
            Self::Sqlite { db, .. } => db.kept_items(),
        }
    }

    pub(super) async fn last_number(&self) -> Result<u64, StoreError> {
        match self {
            Self::Redis { store, .. } => store.last_number().await,
            Self::Sqlite { db, .. } => db.last_number(),
        }
    }

    pub(super) async fn present(&self, own: Timestamp) -> Timestamp {
        match self {
            Self::Redis { store, .. } => store.present(own).await,
            Self::Sqlite { .. } => own,
        }
    }
}
