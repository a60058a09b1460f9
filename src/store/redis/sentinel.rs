//! A primary whose place sentinels know, because it changes.

use super::address::{Access, Server, in_a_line};
use super::fault::{Failure, Fault};
use super::node::Node;
use super::opinions::latest;
use super::request::{How, Request};
use redis::{FromRedisValue, pipe};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer of the sentinels holds when the primary does not answer.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A primary and those who know where it is.
pub(super) struct Sentinel {
    access: Access,
    current: Mutex<Option<Current>>,
    /// As it is written: the sentinels and the name.
    description: String,
    name: String,
    sentinels: Vec<Arc<Node>>,
}

struct Current {
    asked: Instant,
    /// The epoch in which it became the primary.
    epoch: u64,
    is_doubted: bool,
    node: Arc<Node>,
    server: Server,
}

impl Sentinel {
    /// Asks nobody yet.
    pub(super) fn new(
        access: Access,
        name: String,
        of_sentinels: &Access,
        sentinels: &[Server],
    ) -> Result<Self, Fault> {
        let description = format!("{name} by sentinels {}", in_a_line(sentinels));
        let nodes = sentinels.iter().map(|server| of_sentinels.node(server).map(Arc::new));
        let sentinels = nodes.collect::<Result<_, _>>()?;
        Ok(Self { access, current: Mutex::default(), description, name, sentinels })
    }

    /// What it is, for an operator.
    pub(super) fn place(&self) -> &str {
        &self.description
    }

    /// Whether the primary is silent.
    pub(super) fn is_open_circuit(&self) -> bool {
        self.current().as_ref().is_some_and(|current| current.node.is_open_circuit())
    }

    /// The primary, as far as is known.
    pub(super) async fn primary(&self) -> Result<Arc<Node>, Failure> {
        {
            let current = self.current();
            if let Some(current) = current.as_ref()
                && (!current.is_doubted || current.asked.elapsed() < ASK_EVERY)
            {
                return Ok(Arc::clone(&current.node));
            }
        }
        let asked = Instant::now();
        let found = self.whereabouts().await;
        let mut current = self.current();
        if let (Err(Failure { fault: Fault::Absent, .. }), Some(known)) = (&found, &*current) {
            // Nobody is there who could have chosen another.
            return Ok(Arc::clone(&known.node));
        }
        let (server, epoch) = found?;
        if let Some(known) = current.as_mut().filter(|known| known.epoch > epoch) {
            // Somebody else has heard of a later one meanwhile.
            known.asked = asked;
            return Ok(Arc::clone(&known.node));
        }
        // The same place keeps its connection.
        let node = match current.take() {
            Some(known) if known.server == server => known.node,
            _ => Arc::new(self.access.node(&server).map_err(|fault| fault.in_place(self.place()))?),
        };
        *current =
            Some(Current { asked, epoch, is_doubted: false, node: Arc::clone(&node), server });
        Ok(node)
    }

    /// Has the sentinels asked again before the next request: the primary did not do what one does.
    pub(super) fn doubt(&self, node: &Arc<Node>) {
        if let Some(current) = self.current().as_mut()
            && Arc::ptr_eq(&current.node, node)
        {
            current.is_doubted = true;
        }
    }

    /// Whether the sentinels still name this primary; also true if none of them is there, who could
    /// have chosen another.
    pub(super) async fn names(&self, node: &Arc<Node>) -> Result<bool, Failure> {
        match self.whereabouts().await {
            Ok((server, _)) => {
                let current = self.current();
                let is_same = |it: &Current| it.server == server && Arc::ptr_eq(&it.node, node);
                Ok(current.as_ref().is_some_and(is_same))
            }
            Err(Failure { fault: Fault::Absent, .. }) => Ok(true),
            Err(failure) => Err(failure),
        }
    }

    /// What those sentinels say that have seen the latest change. Fails if so many are unheard that
    /// they could have made another one. One that promotes a replica tells its place by the first
    /// command and its epoch by the second.
    async fn whereabouts(&self) -> Result<(Server, u64), Failure> {
        let mut ask = pipe();
        ask.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        ask.cmd("SENTINEL").arg("MASTER").arg(&self.name);
        let ask = &ask;
        let answers = self.sentinels.iter().map(|node| async move {
            let (place, about): (Option<(String, u16)>, HashMap<String, String>) =
                node.ask_again(&Request::Batch(ask), How::default()).await?;
            let epoch = about.get("config-epoch").and_then(|epoch| epoch.parse().ok());
            let (Some((host, port)), Some(epoch)) = (place, epoch) else {
                let problem = "the sentinel does not say where the primary is".to_owned();
                return Err(Fault::Corrupt(problem).in_place(&node.place()));
            };
            Ok((Server { host, port }, epoch))
        });
        // Fewer than half of them elect nobody.
        let latest = latest(answers, self.sentinels.len() / 2, |(_, epoch)| *epoch).await;
        latest.map_err(|failure| failure.unwrap_or_else(|| Fault::Silent.in_place(self.place())))
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the primary; asks the next one if this one turns out to be none any more, or, where it
    /// may happen twice, if it is lost; if it is silent, only for what changes nothing.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        how: How,
    ) -> Result<T, Failure> {
        let node = self.primary().await?;
        let failure = match node.ask(request, how).await {
            Err(failure) if failure.fault.doubts_primary() => failure,
            answer => return answer,
        };
        self.doubt(&node);
        if !failure.fault.allows_again(request, how) {
            return Err(failure);
        }
        self.primary().await?.ask(request, how).await
    }
}
