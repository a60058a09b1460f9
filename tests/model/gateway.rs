//! A gateway as far as tokens go: what answers requests, and what runs beside it.

use crate::server::{Gate, Server};
use crate::store::Handle;
use authgate::auth::{
    Argon2Hasher, Auth, CacheSettings, EventSettings, HashCost, HashError, LimitSettings, Parts,
    PasswordChecks, PasswordHasher, Refresh, Settings, TokenSettings, Verdict,
};
use authgate::clock::ManualClock;
use authgate::model::password::{Password, PasswordHash};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

/// The bound: how long after its end a token may still pass where nothing was heard of it.
pub(crate) const FEED_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a token holds, as a rule.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3);

pub(crate) struct Gateway {
    pub(crate) auth: Arc<Auth>,
    follows: Task,
    prolongs: Task,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

impl Gateway {
    pub(crate) fn new(gate: Gate, clock: &Arc<ManualClock>, server: &Arc<Mutex<Server>>) -> Self {
        let parts = Parts {
            clock: Arc::<ManualClock>::clone(clock),
            hasher: Arc::new(NoHasher),
            metrics: Arc::default(),
            store: Arc::new(Handle::new(gate, Arc::clone(server))),
        };
        let auth = Arc::new(Auth::new(parts, settings()).unwrap());
        let prolonging = Arc::clone(&auth);
        let prolongs = Box::pin(async move { prolonging.refresh_tokens().await });
        Self { follows: follow(&auth), prolongs, auth }
    }

    /// Looks whether the line is still there.
    pub(crate) fn listen(&mut self) {
        poll(&mut self.follows);
    }

    /// Asks for a line, as the gateway does by itself after a pause.
    pub(crate) fn listen_anew(&mut self) {
        self.follows = follow(&self.auth);
        poll(&mut self.follows);
    }

    /// Goes on with giving tokens that were used a later end.
    pub(crate) fn prolong(&mut self) {
        poll(&mut self.prolongs);
    }
}

fn follow(auth: &Arc<Auth>) -> Task {
    let auth = Arc::clone(auth);
    Box::pin(async move { match auth.follow_store().await {} })
}

fn poll(task: &mut Task) {
    let _ = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

fn settings() -> Settings {
    let refresh = Refresh { min_interval: Duration::from_millis(300), max_lifetime: None };
    Settings {
        cache: CacheSettings {
            feed_timeout: FEED_TIMEOUT,
            outage_grace: Duration::ZERO,
            size: 1 << 16,
        },
        events: EventSettings { keep: Duration::from_hours(1), most: 0 },
        hashing: HashCost { iterations: 1, memory_kib: 8, parallelism: 1 },
        password_checks: PasswordChecks {
            common: false,
            length: false,
            min_length: 0,
            numeric: false,
            similarity: false,
        },
        limits: LimitSettings::off(),
        hash_threads: 2,
        imported_memory: Argon2Hasher::ROOM,
        refuse_look_alikes: true,
        registration_open: false,
        tokens: TokenSettings {
            lifetime: Some(LIFETIME),
            limit: None,
            prefix: String::new(),
            refresh: Some(refresh),
        },
    }
}

/// Nobody logs in with a password here.
struct NoHasher;

impl PasswordHasher for NoHasher {
    fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
        Ok(PasswordHash::new(String::new()))
    }

    fn verify(&self, _: &Password, _: &PasswordHash) -> Verdict {
        Verdict::Mismatch
    }
}
