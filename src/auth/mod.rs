//! What users can do with this gateway, and operators with its users: one file for each.

mod authenticate;
mod cache;
mod change_password;
mod checks;
mod console;
mod copying;
mod epoch;
mod events;
mod examine;
mod facts;
mod flights;
mod following;
mod hash_pool;
mod hash_queue;
mod hasher;
mod issue;
mod last_used;
mod limits;
mod login;
mod logout;
mod manage;
mod networks;
mod observe;
mod old_digests;
mod operators;
mod orders;
mod outages;
mod overview;
mod refresh;
mod register;
mod series;
mod shelf;
mod stand_ins;
mod store_clock;
mod sweeping;
mod tombstones;
mod watch;
mod whole;

pub use self::cache::CacheSettings;
pub use self::change_password::{ChangeError, NewPassword};
pub use self::checks::{PasswordChecks, Weakness};
pub use self::console::{
    ApiKey, AppState, Confirmed, Enrolment, KeyCaller, KeyError, KeySecret, KeyWish, NoProof,
    NotARight, OwnChange, OwnChanged, OwnProof, Proved, RecoveryCodes, Resource, Right, Rights,
    SecondStep, Session, SessionId, SessionSettings, SessionView, SetupCode, SetupError, SignIn,
    Visitor,
};
pub use self::copying::{Copied, Copying};
pub use self::events::EventSettings;
pub use self::following::EventFollower;
pub use self::hash_pool::{HashPool, Lane, Seat, Share};
pub use self::hasher::{
    Argon2Hasher, HashCost, HashError, HashKind, HashRoom, HashTrouble, PasswordHasher, Verdict,
    hash_kind,
};
pub use self::issue::{Issued, Refresh, TokenSettings};
pub use self::limits::{LimitSettings, LimitView, LimitsShown, RefusalView, Throttle};
pub use self::login::LoginAttempt;
pub use self::manage::{
    HashWords, Lifetime, ManageError, Managed, NewTokenTerms, Portion, TokenName, csv_head,
    csv_row, csv_row_of_unreadable, generated_password,
};
pub use self::networks::{Decider, NetworkError, NewRuling, Ruling};
pub use self::observe::Observed;
pub use self::old_digests::Held;
pub use self::overview::{Concern, Counts, Grouped, Matter, Overview};
pub use self::register::{NewRights, RegisterError, Registration};
pub use self::series::{History, Span, Tallies};
pub use self::whole::{LandingTerms, RestoreTerms, WholeStore};

use self::cache::Cache;
use self::epoch::Epoch;
use self::events::Events;
use self::examine::Findings;
use self::flights::Flights;
use self::last_used::LastUsed;
use self::limits::Limits;
use self::networks::Networks;
use self::old_digests::OldDigests;
use self::orders::Orders;
use self::outages::Outages;
use self::series::Untold;
use self::stand_ins::StandIns;
use self::store_clock::StoreClock;
use self::tombstones::Tombstones;
use crate::clock::{Clock, SystemClock};
use crate::metrics::Metrics;
use crate::model::limit::{Quota, Standing, Subject};
use crate::model::token::TokenDigest;
use crate::store::{Store, StoreError, Unreadable};
use arc_swap::ArcSwap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Registers users, logs them in and out, tells who a token belongs to, and manages accounts.
pub struct Auth {
    cache: Arc<Cache>,
    /// The same as `time`.
    clock: Arc<dyn Clock>,
    epoch: Epoch,
    events: Arc<Events>,
    findings: Findings,
    flights: Flights,
    last_used: LastUsed,
    limits: Limits,
    metrics: Arc<Metrics>,
    networks: Arc<Networks>,
    old_digests: OldDigests,
    outages: Outages,
    passwords: HashPool,
    refreshes: Orders<TokenDigest>,
    settings: ArcSwap<Settings>,
    stand_ins: StandIns,
    store: Arc<dyn Store>,
    time: Arc<StoreClock>,
    tombstones: Arc<Tombstones>,
    /// What was counted and is not in the store yet.
    untold: Mutex<Untold>,
    unreadable: Unreadable,
}

/// What it is made of.
pub struct Parts {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Hashes passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Keeps users and tokens.
    pub store: Arc<dyn Store>,
}

impl Auth {
    /// Puts the parts together. Costs as much as hashing a password.
    ///
    /// Answers from memory only while [`Auth::follow_store`] runs.
    pub fn new(parts: Parts, settings: Settings) -> Result<Self, HashError> {
        let Parts { clock, hasher, metrics, store } = parts;
        let time = Arc::new(StoreClock::new(clock));
        let clock: Arc<dyn Clock> = Arc::<StoreClock>::clone(&time);
        let events = Arc::new(Events::new(Arc::clone(&metrics)));
        let networks = Arc::new(Networks::new(Arc::clone(&settings.limits.exceptions)));
        let limits = Limits::new(
            settings.limits.clone(),
            limits::Parts {
                clock: Arc::clone(&clock),
                events: Arc::clone(&events),
                metrics: Arc::clone(&metrics),
                networks: Arc::clone(&networks),
                store: Arc::clone(&store),
            },
        );
        let cache = Cache::new(settings.cache, Arc::clone(&clock), Arc::clone(&metrics));
        Ok(Self {
            cache: Arc::new(cache),
            clock,
            epoch: Epoch::default(),
            events,
            findings: Findings::default(),
            flights: Flights::default(),
            last_used: LastUsed::new(),
            limits,
            stand_ins: StandIns::new(Arc::clone(&hasher))?,
            passwords: HashPool::new(hasher, settings.hash_threads, Arc::clone(&metrics))?,
            metrics,
            networks,
            old_digests: OldDigests::default(),
            outages: Outages::default(),
            refreshes: Orders::new(),
            settings: ArcSwap::from_pointee(settings),
            store,
            time,
            tombstones: Arc::default(),
            untold: Mutex::default(),
            unreadable: Unreadable::default(),
        })
    }

    /// Puts the parts together as every command of the program uses them: Argon2id, and the clock
    /// of the machine.
    pub fn open(
        store: Arc<dyn Store>,
        metrics: Arc<Metrics>,
        settings: Settings,
    ) -> Result<Self, HashError> {
        let hasher = Argon2Hasher::new(settings.hashing)?.with_room(settings.imported_memory);
        Self::new(
            Parts { clock: Arc::new(SystemClock), hasher: Arc::new(hasher), metrics, store },
            settings,
        )
    }

    /// Works by other settings from now on. What hashing costs, its
    /// threads and what is kept in memory stay.
    pub fn apply(&self, settings: Settings) {
        self.networks.apply(Arc::clone(&settings.limits.exceptions), self.clock.now());
        self.limits.apply(settings.limits.clone());
        self.settings.store(Arc::new(settings));
    }

    /// Counts a request of a class, and says how the class stands for its sender; `None` if it does not
    /// hold for a client at this address.
    pub async fn count_request(
        &self,
        class: &Arc<str>,
        quota: Quota,
        subject: Subject,
        from: IpAddr,
    ) -> Result<Option<Standing>, Throttle> {
        self.limits.request(class, quota, subject, from).await
    }

    /// Keeps the limits in order, and tells of those that are not reached any more, and of outages of
    /// the store. Runs until it is dropped.
    pub async fn keep_limits(&self) -> Infallible {
        const PAUSE: Duration = Duration::from_secs(1);
        loop {
            tokio::time::sleep(PAUSE).await;
            self.limits.settle();
            self.tell_of_outages();
        }
    }

    /// Returns once running gateways have heard, as a rule, what was changed: their next request
    /// shows it. Until then it is kept among the events, too.
    pub async fn until_heard(&self) {
        let told = tokio::time::sleep(self.store.told_within());
        tokio::join!(self.until_kept(), told);
    }

    /// Returns once what was done is kept among the events, or it is said why not. For a process in
    /// which [`Auth::keep_events`] does not run.
    pub async fn until_kept(&self) {
        self.flush_events(PATIENCE).await;
    }

    /// Succeeds if the store answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }
}

/// How long an operator waits for events to be written.
const PATIENCE: Duration = Duration::from_secs(2);

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is kept in memory.
    pub cache: CacheSettings,
    /// What is kept of events.
    pub events: EventSettings,
    /// How many passwords are hashed at once.
    pub hash_threads: usize,
    /// What hashing a password costs.
    pub hashing: HashCost,
    /// How many bytes older hashes may take together, of those that take more than a new one.
    pub imported_memory: u64,
    /// How much anyone may try.
    pub limits: LimitSettings,
    /// What a new password must not be.
    pub password_checks: PasswordChecks,
    /// Whether names that look like others' are refused to those who register.
    pub refuse_look_alikes: bool,
    /// Whether anyone may register.
    pub registration_open: bool,
    /// How tokens are made and how long they live.
    pub tokens: TokenSettings,
}

/// Why a user was turned away, or could not be served.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The name or the password is wrong.
    #[error("unable to log in with the given name and password")]
    BadCredentials,
    /// More passwords are waiting to be hashed than this machine can hash.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The user has been locked out by an operator.
    #[error("user inactive or deleted")]
    InactiveUser,
    /// The token is unknown or has run out.
    #[error("invalid token")]
    InvalidToken,
    /// The store could not tell.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Someone has tried too much.
    #[error(transparent)]
    Throttled(#[from] Throttle),
    /// The user has as many tokens as they may have.
    #[error("the user has as many tokens as they may have")]
    TokenLimit,
    /// It takes a proof that whoever is signed in is its owner.
    #[error("this takes your present password")]
    Unproved,
}
