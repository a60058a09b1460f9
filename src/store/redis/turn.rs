//! Whose turn it is to change a store as a whole: of those who take a source over, bring a backup back or
//! copy to it there is one at a time. They have a lock that ends by itself soon after they do.

use super::patience::{FULL, patiently};
use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::store::{Doing, Lock, OutageKind, StoreError};
use redis::{Cmd, pipe};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// The lock.
const NAME: &str = "import";
/// After which time it counts as left behind by a process that has died.
const LASTS: Duration = Duration::from_secs(30);
/// How often it is renewed.
const RENEWED_EVERY: Duration = Duration::from_secs(3);
/// How often it is looked at by whoever waits.
const GLANCE: Duration = Duration::from_millis(200);

/// A turn. It is over when this is dropped, or a moment later.
pub(in crate::store) struct Turn {
    keeping: JoinSet<()>,
    /// Says when it is over, or lost.
    state: watch::Sender<State>,
    run: String,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Held,
    Lost,
    Over,
}

/// Who has it, as the lock says it.
struct Holder {
    doing: String,
    host: String,
    process: String,
    run: String,
    since: Timestamp,
}

impl Holder {
    fn of(doing: Doing, now: Timestamp) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            doing: doing.as_str().to_owned(),
            host: host.split_whitespace().next().unwrap_or("?").to_owned(),
            process: std::process::id().to_string(),
            run: format!("{:016x}", rand::random::<u64>()),
            since: now,
        }
    }

    fn text(&self) -> String {
        let Self { doing, host, process, run, since } = self;
        format!("{run} {} {process} {host} {doing}", since.micros())
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.splitn(5, ' ').map(str::to_owned);
        let (run, since) = (words.next()?, words.next()?);
        let (process, host, doing) = (words.next()?, words.next()?, words.next()?);
        Some(Self { doing, host, process, run, since: Timestamp::from_micros(since.parse().ok()?) })
    }
}

impl Turn {
    /// Takes a turn. Refused while another has it who is alive; one who is not is waited for.
    pub(in crate::store) async fn take(
        store: &Arc<RedisStore>,
        doing: Doing,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let holder = Holder::of(doing, store.present_unless_away(now).await?);
        let lock = Lock { holder: holder.text(), lasts: LASTS, name: NAME };
        // One that cannot be noted is nobody's: of two who went on without, each would undo what the other does.
        store.wait_for_turn(&lock).await.map_err(as_it_was)?;
        let ((state, mut hears), mut keeping) = (watch::channel(State::Held), JoinSet::new());
        let (store, tells) = (Arc::clone(store), state.clone());
        keeping.spawn(async move {
            let over = async { drop(hears.wait_for(|state| *state == State::Over).await) };
            tokio::select! {
                biased;
                () = over => {
                    if let Err(error) = store.drop_lock(&lock).await {
                        tracing::debug!(%error, "a lock was left to end by itself");
                    }
                }
                () = store.keep_turn(&lock, doing) => drop(tells.send_replace(State::Lost)),
            }
        });
        Ok(Self { keeping, state, run: holder.run })
    }

    /// What tells this turn from all others.
    pub(in crate::store) fn run(&self) -> &str {
        &self.run
    }

    /// Does something in this turn, and nothing more of it once the turn is lost.
    pub(in crate::store) async fn doing<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut state = self.state.subscribe();
        tokio::select! {
            biased;
            _ = state.wait_for(|state| *state == State::Lost) => {
                Err(StoreError::Unsuitable(LOST.to_owned()))
            }
            done = work => done,
        }
    }

    /// Lets others have their turn.
    pub(in crate::store) async fn end(mut self) {
        self.state.send_replace(State::Over);
        while self.keeping.join_next().await.is_some() {}
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.state.send_replace(State::Over);
        self.keeping.detach_all();
    }
}

impl RedisStore {
    async fn wait_for_turn(&self, lock: &Lock) -> Result<(), StoreError> {
        let (begun, mut left) = (Instant::now(), i64::MAX);
        loop {
            if patiently(async || self.take_or_cap_lock(lock).await).await? {
                return Ok(());
            }
            let before = left;
            let holder: Option<String>;
            (holder, left) = self.look_at_turn().await?;
            let Some(holder) = holder else { continue };
            if holder == lock.holder {
                // It was taken, and the answer got lost.
                return Ok(());
            }
            // Someone who renews it is alive.
            if left > before || begun.elapsed() > LASTS * 2 {
                return Err(StoreError::Unsuitable(taken(&holder)));
            }
            sleep(GLANCE).await;
        }
    }

    /// Who has the lock, and for how many milliseconds.
    async fn look_at_turn(&self) -> Result<(Option<String>, i64), StoreError> {
        let key = keys::lock(NAME);
        let mut look = pipe();
        look.get(&key).pttl(&key);
        patiently(async || self.link.ask(Request::Batch(&look)).await).await
    }

    /// Whose turn it is: what tells it from all others.
    pub(super) async fn present_run(&self) -> Result<Option<String>, StoreError> {
        let look = Cmd::get(keys::lock(NAME));
        let holder: Option<String> = self.link.ask(Request::Command(&look)).await?;
        Ok(holder.and_then(|text| Holder::read(&text)).map(|holder| holder.run))
    }

    /// Returns once the turn is lost.
    async fn keep_turn(&self, lock: &Lock, doing: Doing) {
        loop {
            sleep(RENEWED_EVERY).await;
            let is_kept = match self.renew_lock(lock).await {
                // Who takes no source over may go on, unless another has the turn by now: nothing that they do
                // takes it for granted.
                Ok(false) if doing != Doing::Import => match self.take_or_cap_lock(lock).await {
                    Err(StoreError::Unavailable(outage)) if outage.kind == FULL => Ok(false),
                    taken => taken,
                },
                renewed => renewed,
            };
            match is_kept {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::debug!(%error, "a lock could not be renewed"),
            }
        }
    }
}

const LOST: &str = "the store was out of reach for so long that others may be at it by now: what was done is \
                    done; run it again";

/// A store that takes no writes has taken none.
fn as_it_was(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(outage) if outage.kind == FULL => StoreError::Unsuitable(format!(
            "{outage}; nothing was changed. Not even whose turn it is can be noted there: raise its maxmemory, and \
             do the same again"
        )),
        StoreError::Unavailable(outage) if matches!(outage.kind, OutageKind::Unwritable(_)) => {
            StoreError::Unsuitable(format!("{outage}; nothing was changed"))
        }
        error => error,
    }
}

fn taken(text: &str) -> String {
    let who = Holder::read(text).map_or_else(
        || "something is changing this store as a whole".to_owned(),
        |Holder { doing, host, process, since, .. }| {
            format!(
                "{doing} has been under way in this store since {since} (process {process} on {host})"
            )
        },
    );
    format!("{who}: imports, copies to a store and bringing a backup back are done one at a time")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_turn_reads_back_and_is_told() {
        let since = Timestamp::from_micros(1_795_503_694_000_121);
        let holder = Holder::of(Doing::Import, since);
        let read = Holder::read(&holder.text()).unwrap();
        assert_eq!(read.text(), holder.text());
        let words = taken(&holder.text());
        for part in ["an import", &format!("process {}", std::process::id()), &since.to_string()] {
            assert!(words.contains(part), "{words}");
        }
        assert!(taken("junk").starts_with("something is changing"));
    }
}
