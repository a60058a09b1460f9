//! The way to the servers, whichever they are.

use super::address::Address;
use super::cluster::Cluster;
use super::fault::{Failure, Fault};
use super::node::Node;
use super::request::{How, Request};
use super::sentinel::Sentinel;
use crate::store::StoreError;
use redis::FromRedisValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long one request may take with all that it needs.
const ANSWER_WITHIN: Duration = Duration::from_millis(700);

/// The servers of a store.
pub(super) struct Link {
    /// Whether anything has ever been answered.
    has_answered: AtomicBool,
    /// How many replicas must have what ends something.
    replicas: u16,
    servers: Servers,
}

enum Servers {
    Cluster(Cluster),
    One(Arc<Node>),
    Sentinel(Sentinel),
}

impl Link {
    /// A link that is not connected yet.
    pub(super) fn new(address: Address) -> Result<Self, Fault> {
        let servers = match address {
            Address::Cluster { access, seeds } => Servers::Cluster(Cluster::new(access, seeds)),
            Address::One { authorities, info } => {
                Servers::One(Arc::new(Node::new(info, authorities.as_deref(), false)?))
            }
            Address::Sentinel { access, name, of_sentinels, sentinels } => {
                Servers::Sentinel(Sentinel::new(access, name, &of_sentinels, &sentinels)?)
            }
        };
        Ok(Self { has_answered: AtomicBool::new(false), replicas: 0, servers })
    }

    /// How many replicas must have what ends something from now on.
    pub(super) fn end_on(&mut self, replicas: u16) {
        self.replicas = replicas;
    }

    /// How many replicas that are.
    pub(super) fn replicas(&self) -> u16 {
        self.replicas
    }

    /// What it is, for an operator: the place of one server with its database, or of many.
    pub(super) fn description(&self) -> String {
        match &self.servers {
            Servers::One(node) => format!("{}/{}", node.place(), node.database()),
            Servers::Cluster(_) | Servers::Sentinel(_) => self.place(),
        }
    }

    fn place(&self) -> String {
        match &self.servers {
            Servers::Cluster(cluster) => cluster.place(),
            Servers::One(node) => node.place(),
            Servers::Sentinel(sentinel) => sentinel.place().to_owned(),
        }
    }

    /// Asks, and asks once more if the connection turns out to be broken: for what may safely
    /// happen twice.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        request: Request<'_>,
    ) -> Result<T, StoreError> {
        self.in_time(self.attempt(&request, How { may_repeat: true, ..How::default() })).await
    }

    /// Asks once: for what would give another answer the second time.
    pub(super) async fn ask_once<T: FromRedisValue>(
        &self,
        request: Request<'_>,
    ) -> Result<T, StoreError> {
        self.in_time(self.attempt(&request, How::default())).await
    }

    /// Asks for what ends something, and returns once enough replicas have it, too: if the primary is
    /// lost then, it stays ended.
    pub(super) async fn end<T: FromRedisValue>(
        &self,
        request: Request<'_>,
        may_repeat: bool,
    ) -> Result<T, StoreError> {
        let how = How { may_repeat, replicas: self.replicas, ..How::default() };
        self.in_time(self.attempt(&request, how)).await
    }

    /// All servers that answer for keys, as far as is known.
    pub(super) async fn primaries(&self) -> Result<Primaries, StoreError> {
        self.in_time(async {
            let (nodes, changed) = match &self.servers {
                Servers::Cluster(cluster) => {
                    let (nodes, changed) = cluster.primaries().await?;
                    (nodes, Some(changed))
                }
                Servers::One(node) => (vec![Arc::clone(node)], None),
                Servers::Sentinel(sentinel) => (vec![sentinel.primary().await?], None),
            };
            Ok(Primaries { changed, nodes })
        })
        .await
    }

    /// Whether these are still all that answer for keys, as those say who decide on it.
    pub(super) async fn are_primaries(
        &self,
        nodes: &[Arc<Node>],
        epochs: &[u64],
    ) -> Result<bool, StoreError> {
        Ok(match &self.servers {
            Servers::Cluster(cluster) => {
                let is_known = cluster.epoch() >= epochs.iter().max().copied();
                is_known || {
                    // Whoever is told of a change by this ends what relies on the servers of before.
                    let _ = cluster.ask_for_slots().await;
                    true
                }
            }
            Servers::One(_) => true,
            Servers::Sentinel(sentinel) => match nodes {
                [node] => sentinel.names(node).await?,
                _ => false,
            },
        })
    }

    /// Has it asked anew who answers for keys: those that were did not do as they should.
    pub(super) async fn doubt(&self, nodes: &[Arc<Node>]) {
        match &self.servers {
            // If nobody answers that now, the next one asks again.
            Servers::Cluster(cluster) => drop(cluster.ask_for_slots().await),
            Servers::One(_) => {}
            Servers::Sentinel(sentinel) => nodes.iter().for_each(|node| sentinel.doubt(node)),
        }
    }

    /// How many servers that answer for keys are silent.
    pub(super) fn open_circuits(&self) -> usize {
        match &self.servers {
            Servers::Cluster(cluster) => cluster.open_circuits(),
            Servers::One(node) => node.is_open_circuit().into(),
            Servers::Sentinel(sentinel) => sentinel.is_open_circuit().into(),
        }
    }

    /// Whether the servers are those of a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.servers, Servers::Cluster(_))
    }

    async fn attempt<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        how: How,
    ) -> Result<T, Failure> {
        match &self.servers {
            Servers::Cluster(cluster) => cluster.ask(request, how).await,
            Servers::One(node) if how.may_repeat => node.ask_again(request, how).await,
            Servers::One(node) => node.ask(request, how).await,
            Servers::Sentinel(sentinel) => sentinel.ask(request, how).await,
        }
    }

    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, StoreError> {
        let answer = timeout(ANSWER_WITHIN, answer).await;
        let answer = answer.unwrap_or_else(|_| Err(Fault::Silent.in_place(&self.place())));
        let has_answered = self.has_answered.load(Ordering::Relaxed);
        if answer.is_ok() && !has_answered {
            self.has_answered.store(true, Ordering::Relaxed);
        }
        answer.map_err(|failure| failure.of_store(has_answered))
    }
}

/// The servers that answer for keys.
pub(super) struct Primaries {
    changed: Option<watch::Receiver<()>>,
    pub(super) nodes: Vec<Arc<Node>>,
}

impl Primaries {
    /// Returns when they are others.
    pub(super) async fn changed(&mut self) {
        let is_told = match &mut self.changed {
            Some(changed) => changed.changed().await.is_ok(),
            None => false,
        };
        if !is_told {
            std::future::pending::<()>().await;
        }
    }
}
