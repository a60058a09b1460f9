//! A primary whose place sentinels know, because it changes.

use super::address::{Access, Server, in_a_line};
use super::fault::{Failure, Fault};
use super::node::Node;
use super::opinions::opinions;
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
    /// Why they did not tell where it is, when they were asked last.
    asking: tokio::sync::Mutex<Option<(Instant, Failure)>>,
    current: Mutex<Option<Current>>,
    /// As it is written: the sentinels and the name.
    description: String,
    name: String,
    sentinels: Vec<Arc<Node>>,
}

/// What one sentinel says.
struct Said {
    epoch: u64,
    /// How many others it knows.
    others: usize,
    server: Server,
}

/// What most of them say.
struct Found {
    epoch: u64,
    /// Whether all have said so.
    is_unanimous: bool,
    server: Server,
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
        let (asking, current) = (tokio::sync::Mutex::default(), Mutex::default());
        Ok(Self { access, asking, current, description, name, sentinels })
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
        if let Some(node) = self.undoubted() {
            return Ok(node);
        }
        // One asks for all, and what came of it holds for a while.
        let mut failed = self.asking.lock().await;
        if let Some(node) = self.undoubted() {
            return Ok(node);
        }
        if let Some((at, failure)) = &*failed
            && at.elapsed() < ASK_EVERY
        {
            return Err(failure.clone());
        }
        let asked = Instant::now();
        let found = self.whereabouts().await;
        *failed = found.as_ref().err().map(|failure| (Instant::now(), failure.clone()));
        self.adopt(found?, asked)
    }

    /// The primary, unless it is doubted and it is time to ask again.
    fn undoubted(&self) -> Option<Arc<Node>> {
        let current = self.current();
        let known = current.as_ref()?;
        let holds = !known.is_doubted || known.asked.elapsed() < ASK_EVERY;
        holds.then(|| Arc::clone(&known.node))
    }

    /// Takes what most sentinels say for the primary.
    fn adopt(&self, found: Found, asked: Instant) -> Result<Arc<Node>, Failure> {
        let Found { epoch, is_unanimous, server } = found;
        let mut current = self.current();
        // If all of them say an earlier one, they have begun to count anew.
        if let Some(known) = current.as_mut().filter(|known| known.epoch > epoch && !is_unanimous) {
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

    /// Whether most sentinels still name this primary. An error if they are not heard.
    pub(super) async fn names(&self, node: &Arc<Node>) -> Result<bool, Failure> {
        let server = self.whereabouts().await?.server;
        let current = self.current();
        Ok(current.as_ref().is_some_and(|it| it.server == server && Arc::ptr_eq(&it.node, node)))
    }

    /// What those sentinels say that have seen the latest change, of enough to know of each: those who
    /// are not heard must be too few to have made another primary. One that promotes a replica tells its
    /// place by the first command and its epoch by the second.
    async fn whereabouts(&self) -> Result<Found, Failure> {
        let mut ask = pipe();
        ask.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        ask.cmd("SENTINEL").arg("MASTER").arg(&self.name);
        let ask = &ask;
        let answers = self.sentinels.iter().map(|node| async move {
            let (place, about): (Option<(String, u16)>, HashMap<String, String>) =
                node.ask_again(&Request::Batch(ask), How::default()).await?;
            let number = |field| about.get(field).and_then(|text| text.parse::<u64>().ok());
            let said = (place, number("config-epoch"), number("num-other-sentinels"));
            let (Some((host, port)), Some(epoch), Some(others)) = said else {
                let problem = "the sentinel does not say where the primary is".to_owned();
                return Err(Fault::Corrupt(problem).in_place(&node.place()));
            };
            let others = usize::try_from(others).unwrap_or(usize::MAX);
            Ok(Said { epoch, others, server: Server { host, port } })
        });
        let heard = opinions(answers, |heard| are_most(heard, self.voters(heard))).await;
        let heard = heard.map_err(|failure| {
            failure.unwrap_or_else(|| Fault::Unsuitable(self.too_few()).in_place(self.place()))
        })?;
        let is_unanimous = heard.len() == self.voters(&heard);
        let latest = heard.into_iter().max_by_key(|said| said.epoch);
        let Said { epoch, server, .. } =
            latest.ok_or_else(|| Fault::Silent.in_place(self.place()))?;
        Ok(Found { epoch, is_unanimous, server })
    }

    /// How many sentinels there are, as far as is known.
    fn voters(&self, heard: &[Said]) -> usize {
        let told = heard.iter().map(|said| said.others.saturating_add(1));
        told.chain([self.sentinels.len()]).max().unwrap_or(0)
    }

    fn too_few(&self) -> String {
        format!(
            "store.url names {} sentinels, and {} has more: name all of them, or most, so that it is \
             known which primary most of them have made",
            self.sentinels.len(),
            self.name
        )
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

/// Whether those who are not heard cannot elect anyone: that takes more than half of all.
fn are_most(heard: &[Said], voters: usize) -> bool {
    !heard.is_empty() && voters.saturating_sub(heard.len()) <= voters / 2
}
