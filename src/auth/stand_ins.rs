//! What a password is compared with that is typed for a name which nobody has, or whose user no password
//! lets in: it has to take as long as for any other name.
//!
//! Users who were moved in have hashes of other costs until their first login. So the store keeps how
//! many came with which, and as many of the names that nobody has cost what those do: always the same
//! ones, here and on other gateways, told by a secret of the store.

mod imported;

use self::imported::Imported;
use super::issue::random_password;
use super::login::ROUNDS;
use super::{Auth, AuthError, HashError, PasswordHasher, hash_kind};
use crate::model::password::PasswordHash;
use crate::model::user::User;
use crate::store::staging::KindCount;
use crate::store::{Item, ItemKind, StoreError};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The only one of its kind.
const KEY: &str = "all";

/// The hashes that stand in for those that are missing.
pub(super) struct StandIns {
    hasher: Arc<dyn PasswordHasher>,
    known: ArcSwap<Known>,
    /// From when on the store is asked again; `None` if it never was.
    next: tokio::sync::Mutex<Option<Instant>>,
    /// As dear as a new one.
    own: PasswordHash,
    news: Mutex<News>,
}

/// What has happened here and is not counted in the store yet.
#[derive(Default)]
struct News {
    /// How many have registered.
    registered: u64,
    /// How many hashes of a kind were replaced.
    replaced: BTreeMap<String, u64>,
}

impl News {
    /// Takes in what could not be counted before.
    fn add(&mut self, other: Self) {
        self.registered += other.registered;
        for (kind, times) in other.replaced {
            *self.replaced.entry(kind).or_default() += times;
        }
    }
}

/// What the store says of users who were moved in.
#[derive(Default)]
struct Known {
    imported: Imported,
    /// One for each of its kinds.
    hashes: Vec<PasswordHash>,
}

impl StandIns {
    /// For how long what is known is good enough.
    const PAUSE: Duration = Duration::from_mins(1);
    /// How soon a store is asked again that did not answer.
    const PAUSE_OF_FAILURE: Duration = Duration::from_secs(5);

    /// Those of a gateway that hashes with this. Costs as much as hashing a password.
    pub(super) fn new(hasher: Arc<dyn PasswordHasher>) -> Result<Self, HashError> {
        Ok(Self {
            known: ArcSwap::default(),
            next: tokio::sync::Mutex::default(),
            own: hasher.hash(&random_password()?)?,
            hasher,
            news: Mutex::default(),
        })
    }

    /// The hash with which a password is compared that is typed for this name, whoever has it; and
    /// whether it is their own, so that a password may match.
    pub(super) fn against(&self, user: Option<&User>, name: &str) -> (PasswordHash, bool) {
        let own = user.map(|user| &user.password).filter(|hash| self.hasher.can_verify(hash));
        own.map_or_else(|| (self.of(name), false), |own| (own.clone(), true))
    }

    fn of(&self, name: &str) -> PasswordHash {
        let known = self.known.load();
        let kind = known.imported.pick(name);
        let hash = kind.and_then(|kind| known.hashes.get(kind));
        // Those that find no place in the memory any more let nobody in, and cost what their names do.
        hash.filter(|hash| self.hasher.can_verify(hash)).unwrap_or(&self.own).clone()
    }

    /// Notes that a hash was replaced by one of the gateway's own cost, or is gone.
    pub(super) fn was_replaced(&self, hash: &PasswordHash) {
        let kind = hash_kind(hash.expose()).name;
        if self.known.load().imported.has(&kind) {
            *self.news().replaced.entry(kind).or_default() += 1;
        }
    }

    /// Notes that there is one user more, with a hash of the gateway's own cost.
    pub(super) fn has_registered(&self) {
        self.news().registered += 1;
    }

    fn know(&self, imported: Imported) -> Result<(), HashError> {
        let hashes = imported.stand_ins()?;
        self.known.store(Arc::new(Known { imported, hashes }));
        Ok(())
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Auth {
    /// Notes with which hashes users were moved in: how many there were of each kind in their source, of
    /// whom so many were added. To be called once for each import that has added somebody.
    pub async fn note_imported(&self, kinds: &[KindCount], added: u64) -> Result<(), AuthError> {
        let users = self.store.census(self.clock.now()).await?.users;
        for _ in 0..ROUNDS {
            let found = self.imported().await?;
            let known = found.as_ref().and_then(|item| Imported::read(&item.value));
            let mut imported = known.map_or_else(Imported::new, Ok)?;
            imported.add(kinds, added, users);
            if self.keep_imported(found, &imported).await? {
                return Ok(());
            }
        }
        Err(AuthError::Busy)
    }

    /// Learns from the store what it says of users who were moved in, unless it was asked lately. If it
    /// does not answer, what is known stays.
    pub(super) async fn learn_imported(&self) {
        let mut next = self.stand_ins.next.lock().await;
        let now = self.clock.instant();
        if next.is_some_and(|next| now < next) {
            return;
        }
        let pause = match self.read_imported().await {
            Ok(()) => StandIns::PAUSE,
            // Whoever asks next in the same request is told.
            Err(_) => StandIns::PAUSE_OF_FAILURE,
        };
        *next = Some(now + pause);
    }

    async fn read_imported(&self) -> Result<(), AuthError> {
        let Some(item) = self.imported().await? else {
            // An import counts all who are there.
            *self.stand_ins.news() = News::default();
            return Ok(self.stand_ins.know(Imported::default())?);
        };
        let Some(mut imported) = Imported::read(&item.value) else {
            self.unreadable.tell(item.kind, &item.key);
            return Ok(());
        };
        let news = std::mem::take(&mut *self.stand_ins.news());
        // First who has registered: that counts while anybody is left who has not logged in.
        if imported.grow(news.registered) | imported.forget(&news.replaced) {
            // Where another gateway was faster, or the store went away, it is told again.
            let is_kept = self.keep_imported(Some(item), &imported).await;
            if !is_kept.unwrap_or(false) {
                self.stand_ins.news().add(news);
            }
        }
        Ok(self.stand_ins.know(imported)?)
    }

    async fn imported(&self) -> Result<Option<Item>, StoreError> {
        self.store.item(ItemKind::Imported, KEY, self.clock.now()).await
    }

    /// Says whether it is kept: not if another has written since it was found.
    async fn keep_imported(
        &self,
        found: Option<Item>,
        imported: &Imported,
    ) -> Result<bool, StoreError> {
        let (key, kind, value) = (KEY.to_owned(), ItemKind::Imported, imported.text());
        let item = Item { expires: None, key, kind, owner: None, value };
        match found {
            None => self.store.add_item(&item, self.clock.now()).await,
            Some(found) => self.store.replace_item(&found.value, &item).await,
        }
    }
}
