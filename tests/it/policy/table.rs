//! What is promised: a row for each fault, a cell for each kind of request.

use std::fmt::{self, Display};

/// What clients and operators ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A page that needs no token.
    Public,
    /// A page, with a token that this gateway has in memory.
    Remembered,
    /// A page, with a token that this gateway has never seen.
    Fresh,
    Login,
    Register,
    /// Ending one token, which is in memory.
    Logout,
    /// Ending all tokens of a user, with one that is in memory.
    LogoutAll,
    /// A page of the console.
    Page,
    /// A change at the console.
    Change,
}

impl Kind {
    /// In the order in which they are asked for: what ends tokens comes last.
    pub(super) const ALL: [Self; 9] = [
        Self::Public,
        Self::Remembered,
        Self::Fresh,
        Self::Login,
        Self::Register,
        Self::Page,
        Self::Change,
        Self::Logout,
        Self::LogoutAll,
    ];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Public => "public page",
            Self::Remembered => "token in memory",
            Self::Fresh => "other token",
            Self::Login => "login",
            Self::Register => "register",
            Self::Logout => "logout",
            Self::LogoutAll => "logoutall",
            Self::Page => "console: page",
            Self::Change => "console: change",
        }
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    /// The app answers and is told who calls; an endpoint or the console does what is asked.
    Served,
    /// The same, or for a moment 503: nothing else.
    ServedOr503,
    /// As long as the feed has proved within `store.feed_timeout` that it is alive; 503 from then on.
    ServedThen503,
    /// The same, and 401 from then on.
    ServedThen401,
    /// 503 and `Retry-After: 1`: nothing has happened, or nobody knows.
    Unavailable,
    /// 503 as well; but the token is refused here at once, and its end is tried again until it is done.
    Held,
    /// 503 and `Retry-After` of 1 to 5 seconds, before any work.
    Busy,
    /// 401: the token is not good.
    Invalid,
    /// 400, as for a name that nobody has.
    Unknown,
    /// The console asks to sign in.
    SignIn,
    /// 429 and `Retry-After`.
    Throttled,
    /// 502.
    BadGateway,
    /// 504.
    GatewayTimeout,
    /// The answer ends in the middle, and not as if it were whole.
    CutOff,
    /// 500.
    Failed,
    /// It waits for as long as the fault lasts, and is served then.
    Waits,
    /// Not asked for, and why.
    Not(&'static str),
}

impl Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Served => "served",
            Self::ServedOr503 => "served, or 503 once",
            Self::ServedThen503 => "served for `feed_timeout`, then 503",
            Self::ServedThen401 => "served until the news, then 401",
            Self::Unavailable => "503",
            Self::Held => "503, refused here at once",
            Self::Busy => "503 at once",
            Self::Invalid => "401",
            Self::Unknown => "400",
            Self::SignIn => "sign in",
            Self::Throttled => "429",
            Self::BadGateway => "502",
            Self::GatewayTimeout => "504",
            Self::CutOff => "cut off",
            Self::Failed => "500",
            Self::Waits => "waits",
            Self::Not(_) => "–",
        })
    }
}

/// Where an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sign {
    /// These words are in the log.
    Log(&'static str),
    /// This metric, by its name without `authgate_`, is above zero.
    Counted(&'static str),
    /// This one is zero.
    Zero(&'static str),
    /// `/readyz` is 503.
    NotReady,
}

impl Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(words) => write!(f, "`{words}`"),
            Self::Counted(name) => write!(f, "`authgate_{name}`"),
            Self::Zero(name) => write!(f, "`authgate_{name} 0`"),
            Self::NotReady => f.write_str("`/readyz` 503"),
        }
    }
}

/// A fault, and what is promised while it lasts.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) fault: &'static str,
    /// In the order of [`Kind::ALL`].
    pub(super) cells: [Cell; 9],
    pub(super) signs: &'static [Sign],
}

impl Row {
    pub(super) fn cell(&self, kind: Kind) -> Cell {
        let place = Kind::ALL.iter().position(|it| *it == kind).unwrap();
        self.cells[place]
    }
}

/// What is of no concern to authgate's own endpoints.
const OWN: Cell = Served;

/// Every row, by name, so that a test names the one that it is of.
macro_rules! rows {
    ($($name:ident: $fault:literal, [$($cell:expr),* $(,)?], [$($sign:expr),* $(,)?];)*) => {
        $(pub(super) static $name: Row =
            Row { fault: $fault, cells: [$($cell),*], signs: &[$($sign),*] };)*

        /// In the order of the documentation.
        pub(super) static ROWS: &[&Row] = &[$(&$name),*];
    };
}

use Cell::*;
use Sign::*;

#[rustfmt::skip]
rows! {
    STORE_DOWN: "the store is gone: it refuses or resets connections, or its file is not there",
        [Served, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable, Held, Held],
        [NotReady, Log("store_unavailable"), Log("store_lost"), Log("no revocation feed"), Zero("store_up"), Zero("feed_up")];
    STORE_SILENT: "the store takes requests and says nothing: it is frozen, or packets are swallowed on the way there or back",
        [Served, ServedThen503, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable, Held, Held],
        [NotReady, Log("store_timeout"), Counted("store_errors_total{kind=\"timeout\"}"), Counted("breaker_state"), Log("store_lost"), Log("no revocation feed"), Zero("store_up"), Zero("feed_up")];
    STORE_SLOW: "the store takes seconds for an answer, or sends a byte a second",
        [Served, ServedThen503, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable, Held, Held],
        [NotReady, Log("store_timeout"), Counted("store_errors_total{kind=\"timeout\"}"), Log("store_lost"), Log("no revocation feed"), Zero("store_up"), Zero("feed_up")];
    STORE_LATE: "every answer of the store takes 50 ms",
        [Served, Served, Served, Served, Served, Served, Served, Served, Served],
        [];
    STORE_TORN: "an answer of the store breaks off in the middle, and its connection ends or stays",
        [Served, Served, ServedOr503, ServedOr503, ServedOr503, ServedOr503, ServedOr503, ServedOr503, ServedOr503],
        [];
    STORE_REFUSES_WRITES: "the store takes no writes: a replica, too few replicas, a failed save, a disk that is full",
        [Served, Served, Served, Unavailable, Unavailable, Served, Unavailable, Held, Held],
        [Log("store_write_refused"), Counted("store_errors_total{kind=\"write_refused\"}")];
    DISK_FAILS: "the disk fails whatever SQLite writes to it",
        [Served, Served, Served, Unavailable, Unavailable, Served, Unavailable, Held, Held],
        [Log("store_unavailable")];
    STORE_LOCKED: "another process holds SQLite's lock for writing",
        [Served, Served, Served, Unavailable, Unavailable, Served, Unavailable, Held, Held],
        [Log("store_timeout")];
    STORE_OUT_OF_MEMORY: "Redis has no memory left: it deletes, and writes nothing",
        [Served, Served, Served, Unavailable, Unavailable, Served, Unavailable, Served, Held],
        [Log("store_write_refused"), Counted("store_errors_total{kind=\"write_refused\"}")];
    STORE_EMPTIED: "the store was emptied",
        [Served, ServedThen401, Invalid, Unknown, Served, SignIn, SignIn, Invalid, Invalid],
        [Log("store_epoch_changed"), Counted("store_epoch_changes_total")];
    USER_UNREADABLE: "a user's record is of the wrong type, or garbage: for that user",
        [Served, Unavailable, Unavailable, Unavailable, Served, Served, Unavailable, Unavailable, Unavailable],
        [Log("record_corrupt"), Counted("record_corrupt_total{kind=\"user\"}")];
    TOKEN_UNREADABLE: "a token's record is of the wrong type, or garbage: for that token",
        [Served, Unavailable, Unavailable, Served, Served, Served, Served, Unavailable, Unavailable],
        [Log("record_corrupt"), Counted("record_corrupt_total{kind=\"token\"}")];
    FAILOVER: "another server became the primary, without what was written last",
        [Served, Served, Served, Served, Served, Served, Served, Served, Served],
        [Log("store_lost")];
    SLOT_MOVES: "a slot of the Cluster is on its way to another server",
        [Served, Served, Served, Served, Served, Served, Served, Served, Served],
        [];
    FEED_LOST: "the store answers, and does not tell of revocations",
        [Served, Served, Served, Served, Served, Served, Served, Served, Served],
        [Log("no revocation feed"), Log("store_lost"), Zero("feed_up")];
    COLD: "authgate has just been started again: memory is empty",
        [Served, Not("nothing is in memory"), Served, Served, Served, Served, Served, Served, Served],
        [Counted("cache_misses_total")];
    LIMITER_ALONE: "the limits' store is away: each gateway allows its part",
        [Throttled, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable, Unavailable],
        [Log("limiter degraded"), Counted("limiter_degraded_total")];
    CLOCK_AHEAD: "with SQLite, the clock of the machine jumps forward by a day",
        [Served, Invalid, Invalid, Served, Served, SignIn, SignIn, Invalid, Invalid],
        [];
    CLOCK_BEHIND: "with SQLite, the clock of the machine jumps back by a day",
        [Served, Served, Served, Served, Served, Served, Served, Served, Served],
        [];
    CLOCK_IS_NOT_REDISS: "with Redis, the clock of the machine jumps by a day, forward or back",
        [Served, Served, Served, Served, Served, Served, Served, Served, Served],
        [Log("the clocks of this machine and of the store differ")];
    APP_DOWN: "the app refuses connections",
        [BadGateway, BadGateway, BadGateway, OWN, OWN, OWN, OWN, OWN, OWN],
        [Counted("upstream_errors_total{kind=\"refused\"}")];
    APP_SLOW: "the app does not answer in time",
        [GatewayTimeout, GatewayTimeout, GatewayTimeout, OWN, OWN, OWN, OWN, OWN, OWN],
        [Counted("upstream_errors_total{kind=\"timeout\"}")];
    APP_BREAKS_OFF: "the app breaks off in the middle of an answer",
        [CutOff, CutOff, CutOff, OWN, OWN, OWN, OWN, OWN, OWN],
        [Counted("upstream_errors_total{kind=\"broken\"}")];
    HASHING_FULL: "more logins at once than can be hashed",
        [Served, Served, Served, Busy, Busy, Served, Served, Served, Served],
        [Log("hash_queue_full"), Counted("hash_refusals_total")];
    LIMIT_REACHED: "limits are reached: of failed logins, registrations, and of the class of a route",
        [Throttled, Throttled, Throttled, Throttled, Throttled, Served, Served, Served, Served],
        [Log("limit_reached"), Counted("throttled_total{limit=\"registrations_per_network\"}")];
    RELOAD_FAILS: "the settings cannot be read again",
        [Served, Served, Served, Served, Served, Served, Served, Served, Served],
        [Log("reload_refused"), Counted("config_reload_failed")];
    NO_FILES: "no file descriptor is left",
        [Served, Served, Waits, Waits, Waits, Waits, Waits, Waits, Waits],
        [Counted("accept_paused_total")];
    PANIC: "authgate panics while it judges a request: for that request",
        [Not("it asks for nothing that the test could break"), Failed, Failed, Failed, Failed, Not("as before"), Not("as before"), Failed, Failed],
        [Counted("panics_total")];
    STOPPING: "authgate is told to stop: what is in flight is finished, connections are refused",
        [Served, Served, Served, Served, Served, Served, Served, Served, Served],
        [Log("gateway_stopped")];
    LOG_BLOCKED: "nobody reads the log: lines beyond a queue are dropped",
        [Served, Served, Served, Served, Served, Served, Served, Served, Served],
        [];
}
