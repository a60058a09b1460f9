//! The revocation feed: on a connection of its own, Redis says which keys have changed.
//!
//! Broadcast tracking needs no read before it, so it also tells of what another gateway has in
//! memory and this one has not asked for yet.

use super::fault::Fault;
use super::{RedisStore, keys};
use crate::store::{Change, StoreError, Watcher};
use redis::aio::MultiplexedConnection;
use redis::{PushInfo, PushKind, Value, cmd};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Redis tells at once; this is for the way.
pub(super) const TOLD_WITHIN: Duration = Duration::from_millis(10);
/// How many beats a server may be silent before another connection is tried.
const PATIENCE: u32 = 4;

impl RedisStore {
    pub(super) async fn follow(&self, watcher: Arc<dyn Watcher>, beat: Duration) -> StoreError {
        match self.try_to_follow(watcher, beat).await {
            Ok(never) => match never {},
            Err(fault) => fault.at(&self.link.place()),
        }
    }

    async fn try_to_follow(
        &self,
        watcher: Arc<dyn Watcher>,
        beat: Duration,
    ) -> Result<Infallible, Fault> {
        let lost = Arc::new(Notify::new());
        let (hears, is_lost) = (Arc::clone(&watcher), Arc::clone(&lost));
        let hear = move |push: PushInfo| {
            match push.kind {
                PushKind::Invalidate => invalidated(&push.data).for_each(|it| hears.changed(it)),
                PushKind::Disconnection => is_lost.notify_one(),
                _ => {}
            }
            Ok::<_, Infallible>(())
        };
        let mut connection = self.link.connect_apart(hear).await?;
        let ends = async {
            lost.notified().await;
            Err(Fault::Lost("the connection was closed".to_owned()))
        };
        tokio::select! {
            fault = ends => fault,
            fault = beat_on(&mut connection, &*watcher, beat) => fault,
        }
    }
}

/// Turns the feed on, and proves that it is alive for as long as it is.
async fn beat_on(
    connection: &mut MultiplexedConnection,
    watcher: &dyn Watcher,
    beat: Duration,
) -> Result<Infallible, Fault> {
    let mut track = cmd("CLIENT");
    track.arg("TRACKING").arg("ON").arg("BCAST");
    track.arg("PREFIX").arg(keys::TOKEN_PREFIX).arg("PREFIX").arg(keys::USER_PREFIX);
    ask(connection, &track, beat).await?;
    watcher.changed(Change::Everything);
    loop {
        let asked = Instant::now();
        // What the server told before its answer was sent before its answer.
        ask(connection, &cmd("PING"), beat).await?;
        watcher.told_until(asked);
        sleep(beat).await;
    }
}

async fn ask(
    connection: &mut MultiplexedConnection,
    command: &redis::Cmd,
    beat: Duration,
) -> Result<(), Fault> {
    let answer = timeout(PATIENCE * beat, command.query_async::<Value>(connection)).await;
    answer.map_err(|_| Fault::Silent)?.map(drop).map_err(Fault::from)
}

/// What a message says has changed: a list of keys, or nothing when all of them were deleted.
fn invalidated(data: &[Value]) -> impl Iterator<Item = Change> {
    let keys = match data {
        [Value::Array(keys)] => keys.as_slice(),
        _ => &[Value::Nil],
    };
    keys.iter()
        .map(|key| match key {
            Value::BulkString(key) => str::from_utf8(key).ok().and_then(keys::change),
            _ => None,
        })
        // What cannot be read may mean anything.
        .map(|change| change.unwrap_or(Change::Everything))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::token::Token;
    use crate::model::user::UserId;

    fn key(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn told(data: &[Value]) -> Vec<Change> {
        invalidated(data).collect()
    }

    #[test]
    fn a_key_tells_whose_it_is() {
        let digest = Token::new("abc".to_owned()).digest();
        let keys = vec![key(&keys::token(&digest)), key(&keys::user(UserId(42)))];
        let changes = [Change::Token(digest), Change::User(UserId(42))];
        assert!(told(&[Value::Array(keys)]) == changes);
    }

    #[test]
    fn what_cannot_be_read_may_mean_anything() {
        for data in [
            vec![],
            vec![Value::Nil],
            vec![Value::Int(1)],
            vec![Value::Array(vec![Value::Int(1)])],
            vec![Value::Array(vec![key("authgate:token:{zz}")])],
            vec![Value::Array(vec![key("authgate:user:{x}")])],
            vec![Value::Array(vec![Value::BulkString(vec![0xff])])],
        ] {
            assert!(told(&data) == [Change::Everything], "{data:?}");
        }
    }
}
