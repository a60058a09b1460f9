//! The revocation feed: on a connection of its own to each primary, Redis says which keys have
//! changed.
//!
//! Broadcast tracking needs no read before it, so it also tells of what another gateway has in
//! memory and this one has not asked for yet. The feed is alive only while all primaries prove that
//! theirs is, and that they are primaries still.

use super::connection::REPLY_WITHIN;
use super::fault::{Failure, Fault};
use super::link::Primaries;
use super::node::Node;
use super::{RedisStore, keys, slots};
use crate::store::{Change, StoreError, Watcher};
use futures_util::FutureExt;
use futures_util::future::{select_all, try_join_all};
use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, PushInfo, PushKind, Value, cmd};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Redis tells at once; this is for the way.
pub(super) const TOLD_WITHIN: Duration = Duration::from_millis(10);
/// How many beats a server may be silent before another connection is tried.
const PATIENCE: u32 = 4;

/// What one primary tells.
struct Source {
    connection: MultiplexedConnection,
    lost: Arc<Notify>,
    node: Arc<Node>,
}

impl RedisStore {
    pub(super) async fn follow(&self, watcher: Arc<dyn Watcher>, beat: Duration) -> StoreError {
        match self.try_to_follow(watcher, beat).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn try_to_follow(
        &self,
        watcher: Arc<dyn Watcher>,
        beat: Duration,
    ) -> Result<Infallible, StoreError> {
        let mut primaries = self.link.primaries().await?;
        let nodes = primaries.nodes.clone();
        let outcome = self.follow_these(&mut primaries, watcher, beat).await;
        self.link.doubt(&nodes).await;
        outcome
    }

    async fn follow_these(
        &self,
        primaries: &mut Primaries,
        watcher: Arc<dyn Watcher>,
        beat: Duration,
    ) -> Result<Infallible, StoreError> {
        let connects = primaries.nodes.iter().map(|node| Source::open(node, &watcher));
        let sources = try_join_all(connects).await?;
        let ends = select_all(sources.iter().map(|source| {
            async {
                source.lost.notified().await;
                source.fails(Fault::Lost("the connection was closed".to_owned()))
            }
            .boxed()
        }));
        tokio::select! {
            (failure, ..) = ends => Err(failure.into()),
            error = self.beat_on(&sources, &*watcher, beat) => error,
            () = primaries.changed() => Err(have_changed()),
        }
    }

    /// Turns the feed on, and proves that it is alive for as long as it is.
    async fn beat_on(
        &self,
        sources: &[Source],
        watcher: &dyn Watcher,
        beat: Duration,
    ) -> Result<Infallible, StoreError> {
        try_join_all(sources.iter().map(|source| source.track(beat))).await?;
        watcher.changed(Change::Everything);
        let nodes: Vec<_> = sources.iter().map(|source| Arc::clone(&source.node)).collect();
        let is_cluster = self.link.is_cluster();
        loop {
            let asked = Instant::now();
            // What a server told before its answer was sent before its answer.
            let proofs = sources.iter().map(|source| source.prove(is_cluster, beat));
            let epochs: Vec<u64> = try_join_all(proofs).await?;
            if !self.link.are_primaries(&nodes, &epochs).await? {
                return Err(have_changed());
            }
            watcher.told_until(asked);
            sleep(beat).await;
        }
    }
}

fn have_changed() -> StoreError {
    StoreError::unavailable("the primaries of Redis have changed")
}

impl Source {
    /// Connects to a primary, which tells nothing yet.
    async fn open(node: &Arc<Node>, watcher: &Arc<dyn Watcher>) -> Result<Self, Failure> {
        let lost = Arc::new(Notify::new());
        let (hears, is_lost) = (Arc::clone(watcher), Arc::clone(&lost));
        let hear = move |push: PushInfo| {
            match push.kind {
                PushKind::Invalidate => invalidated(&push.data).for_each(|it| hears.changed(it)),
                PushKind::Disconnection => is_lost.notify_one(),
                _ => {}
            }
            Ok::<_, Infallible>(())
        };
        let connection = node.connect_apart(hear).await;
        let connection = connection.map_err(|fault| fault.in_place(&node.place()))?;
        Ok(Self { connection, lost, node: Arc::clone(node) })
    }

    async fn track(&self, beat: Duration) -> Result<(), Failure> {
        // Where that is forbidden it is known by what it follows.
        let mut name = cmd("CLIENT");
        drop(self.ask::<Value>(name.arg("SETNAME").arg(keys::FEED), beat).await);
        let mut track = cmd("CLIENT");
        track.arg("TRACKING").arg("ON").arg("BCAST");
        track.arg("PREFIX").arg(keys::TOKEN_PREFIX).arg("PREFIX").arg(keys::USER_PREFIX);
        self.ask::<Value>(&track, beat).await.map(drop)
    }

    /// Proves that it is alive, and a primary that may serve. Returns the epoch of its cluster.
    async fn prove(&self, is_cluster: bool, beat: Duration) -> Result<u64, Failure> {
        // Unlike ROLE, everyone may ask for it.
        let hello: HashMap<String, Value> = self.ask(&cmd("HELLO"), beat).await?;
        if !hello.get("role").is_some_and(|role| is_text(role, "master")) {
            return Err(self.fails(Fault::ReadOnly));
        }
        if !is_cluster {
            return Ok(0);
        }
        let mut command = cmd("CLUSTER");
        let info: String = self.ask(command.arg("INFO"), beat).await?;
        if !slots::is_well(&info) {
            return Err(self.fails(Fault::CutOff));
        }
        slots::epoch(&info).ok_or_else(|| self.fails(Fault::Corrupt("no epoch".to_owned())))
    }

    async fn ask<T: FromRedisValue>(
        &self,
        command: &redis::Cmd,
        beat: Duration,
    ) -> Result<T, Failure> {
        let mut connection = self.connection.clone();
        // Trust ends by itself meanwhile: what is short here only makes a busy machine connect anew.
        let patience = REPLY_WITHIN.max(PATIENCE * beat);
        let answer = timeout(patience, command.query_async(&mut connection)).await;
        let answer = answer.map_err(|_| Fault::Silent).and_then(|answer| Ok(answer?));
        answer.map_err(|fault| self.fails(fault))
    }

    fn fails(&self, fault: Fault) -> Failure {
        fault.in_place(&self.node.place())
    }
}

fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::BulkString(bytes) => bytes == text.as_bytes(),
        Value::SimpleString(found) => found == text,
        _ => false,
    }
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
        let keys = vec![key(&keys::token(&digest.key())), key(&keys::user(UserId(42)))];
        let changes = [Change::Token(digest.key()), Change::User(UserId(42))];
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
