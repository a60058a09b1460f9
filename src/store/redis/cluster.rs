//! The servers of a Redis Cluster, and which of them has which slots.

use super::address::{Access, Server, in_a_line};
use super::fault::{Failure, Fault};
use super::node::Node;
use super::opinions::opinions;
use super::request::{How, Request, key_of};
use super::slots::{Slots, slot};
use arc_swap::ArcSwapOption;
use futures_util::future::join_all;
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, Value, from_redis_value, pipe};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex as Turn, watch};
use tokio::time::sleep;

/// How often a request may be sent on to another server.
const WAYS: usize = 5;
/// How long to wait for keys that are on their way to another server.
const ON_THE_WAY: Duration = Duration::from_millis(10);
/// How often, at most, the servers are asked who has which slots.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A cluster.
pub(super) struct Cluster {
    access: Access,
    asked: Turn<Option<Instant>>,
    changed: watch::Sender<()>,
    nodes: Mutex<HashMap<Server, Arc<Node>>>,
    seeds: Vec<Server>,
    slots: ArcSwapOption<Slots>,
}

impl Cluster {
    /// Asks nobody yet.
    pub(super) fn new(access: Access, seeds: Vec<Server>) -> Self {
        Self {
            access,
            asked: Turn::default(),
            changed: watch::Sender::default(),
            nodes: Mutex::default(),
            seeds,
            slots: ArcSwapOption::empty(),
        }
    }

    /// What it is, for an operator.
    pub(super) fn place(&self) -> String {
        format!("the cluster of {}", in_a_line(&self.seeds))
    }

    /// All that answer for slots, and who tells when others do.
    pub(super) async fn primaries(&self) -> Result<(Vec<Arc<Node>>, watch::Receiver<()>), Failure> {
        // First, for what changes in between must be told.
        let changed = self.changed.subscribe();
        let slots = self.slots().await?;
        let servers = slots.servers().into_iter();
        let nodes: Result<_, _> = servers.map(|server| self.node(server)).collect();
        Ok((nodes?, changed))
    }

    /// The epoch of the cluster in which the slots are as is known.
    pub(super) fn epoch(&self) -> Option<u64> {
        self.slots.load().as_ref().map(|slots| slots.epoch)
    }

    /// How many of its servers that answer for keys are silent.
    pub(super) fn open_circuits(&self) -> usize {
        let Some(slots) = self.slots.load_full() else { return 0 };
        let nodes = self.nodes();
        let nodes = slots.servers().into_iter().filter_map(|server| nodes.get(server));
        nodes.filter(|node| node.is_open_circuit()).count()
    }

    /// Asks the server that has the key.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        how: How,
    ) -> Result<T, Failure> {
        match request {
            Request::Batch(pipeline) if !pipeline.is_transaction() => {
                self.ask_many(pipeline, how).await
            }
            _ => {
                let key = request.key().unwrap_or_default();
                self.ask_slot(request, slot(&key), how).await
            }
        }
    }

    async fn ask_slot<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        slot: u16,
        how: How,
    ) -> Result<T, Failure> {
        let mut node = self.owner(slot).await?;
        let (mut how, mut ways) = (how, 0);
        loop {
            let failure = match node.ask(request, how).await {
                Err(failure) if ways < WAYS => failure,
                answer => return answer,
            };
            // The exception holds on while the keys are on their way.
            let is_waiting = matches!(failure.fault, Fault::OnTheWay);
            ways += usize::from(!is_waiting);
            how.is_exception &= is_waiting;
            match &failure.fault {
                Fault::Moved(to) => {
                    self.ask_for_slots().await?;
                    node = self.redirected(&node, to)?;
                }
                Fault::Asked(to) => {
                    node = self.redirected(&node, to)?;
                    how.is_exception = true;
                }
                Fault::OnTheWay => sleep(ON_THE_WAY).await,
                fault
                    if fault.doubts_primary()
                        && how.may_repeat
                        && fault.allows_again(request, how) =>
                {
                    how.may_repeat = false;
                    self.ask_for_slots().await?;
                    node = self.owner(slot).await?;
                }
                fault => {
                    if fault.doubts_primary() {
                        // For the next request; whether it helps does not matter to this one.
                        let _ = self.ask_for_slots().await;
                    }
                    return Err(failure);
                }
            }
        }
    }

    /// Each server is asked for what it has, all at once.
    async fn ask_many<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
        how: How,
    ) -> Result<T, Failure> {
        let commands: Vec<&Cmd> = pipeline.cmd_iter().collect();
        let slots = self.slots().await?;
        let mut shares: HashMap<&Server, Vec<(usize, &Cmd)>> = HashMap::new();
        for (at, command) in commands.iter().enumerate() {
            let slot = slot(&key_of(command).unwrap_or_default());
            let owner = slots.owner(slot).ok_or_else(|| self.nobody_has(slot))?;
            shares.entry(owner).or_default().push((at, command));
        }
        let shares = shares.into_iter().map(|(server, share)| async move {
            let node = self.node(server)?;
            self.ask_share(&node, share, how).await
        });
        let mut values = vec![Value::Nil; commands.len()];
        for share in join_all(shares).await {
            for (at, value) in share? {
                if let Some(place) = values.get_mut(at) {
                    *place = value;
                }
            }
        }
        from_redis_value(Value::Array(values))
            .map_err(|error| Fault::from(RedisError::from(error)).in_place(&self.place()))
    }

    /// What one server has of a batch; what it has not any more is asked for one by one.
    async fn ask_share(
        &self,
        node: &Arc<Node>,
        share: Vec<(usize, &Cmd)>,
        how: How,
    ) -> Result<Vec<(usize, Value)>, Failure> {
        let mut batch = pipe();
        batch.ignore_errors();
        for (_, command) in &share {
            batch.add_command((*command).clone());
        }
        let batch = Request::Batch(&batch);
        let is_to_repeat = |fault: &Fault| {
            fault.doubts_primary() && how.may_repeat && fault.allows_again(&batch, how)
        };
        let answers: Vec<Result<Value, RedisError>> = match node.ask(&batch, how).await {
            Err(failure) if is_to_repeat(&failure.fault) => Vec::new(),
            answers => answers?,
        };
        let mut answers = answers.into_iter();
        let mut values = Vec::with_capacity(share.len());
        for (at, command) in share {
            let value = match answers.next().map(|answer| answer.map_err(Fault::from)) {
                Some(Ok(value)) => value,
                None | Some(Err(Fault::Moved(_) | Fault::Asked(_) | Fault::OnTheWay)) => {
                    let slot = slot(&key_of(command).unwrap_or_default());
                    self.ask_slot(&Request::Command(command), slot, how).await?
                }
                Some(Err(fault)) => return Err(fault.in_place(&node.place())),
            };
            values.push((at, value));
        }
        Ok(values)
    }

    async fn owner(&self, slot: u16) -> Result<Arc<Node>, Failure> {
        let slots = self.slots().await?;
        self.node(slots.owner(slot).ok_or_else(|| self.nobody_has(slot))?)
    }

    fn nobody_has(&self, slot: u16) -> Failure {
        Fault::Refused(format!("no server has slot {slot}")).in_place(&self.place())
    }

    /// A server that another one has named. It may be one that the slots do not name yet, and what
    /// it tells is followed from now on.
    fn redirected(&self, by: &Arc<Node>, to: &Server) -> Result<Arc<Node>, Failure> {
        // A server that does not know its own name leaves it out.
        let to =
            if to.host.is_empty() { Server { host: by.host(), port: to.port } } else { to.clone() };
        if self.slots.load().as_ref().is_none_or(|slots| !slots.names(&to)) {
            self.slots
                .rcu(|slots| slots.as_ref().map(|slots| Arc::new(slots.with_stray(to.clone()))));
            self.changed.send_replace(());
        }
        self.node(&to)
    }

    fn node(&self, server: &Server) -> Result<Arc<Node>, Failure> {
        let mut nodes = self.nodes();
        if let Some(node) = nodes.get(server) {
            return Ok(Arc::clone(node));
        }
        let node = self.access.node(server).map_err(|fault| fault.in_place(&self.place()))?;
        let node = Arc::new(node);
        nodes.insert(server.clone(), Arc::clone(&node));
        Ok(node)
    }

    fn nodes(&self) -> MutexGuard<'_, HashMap<Server, Arc<Node>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who has which slots, as far as is known.
    async fn slots(&self) -> Result<Arc<Slots>, Failure> {
        if let Some(slots) = self.slots.load_full() {
            return Ok(slots);
        }
        self.ask_for_slots().await?;
        let slots = self.slots.load_full();
        slots.ok_or_else(|| {
            Fault::Refused("nobody has its slots".to_owned()).in_place(&self.place())
        })
    }

    /// Asks all servers that are known who has which slots, and believes the one that has seen the
    /// latest change. One caller asks while the others wait.
    pub(super) async fn ask_for_slots(&self) -> Result<(), Failure> {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < ASK_EVERY) && self.slots.load().is_some() {
            return Ok(());
        }
        let slots = self.best_answer().await?;
        *asked = Some(Instant::now());
        if self.slots.load().as_ref().is_some_and(|known| known.epoch > slots.epoch) {
            // Those who know better did not answer in time.
            return Ok(());
        }
        let before = self.slots.swap(Some(Arc::new(slots)));
        let now = self.slots.load();
        let there = now.as_deref().map(Slots::servers).unwrap_or_default();
        if before.is_some_and(|before| before.servers() != there) {
            self.nodes().retain(|server, _| there.contains(server) || self.seeds.contains(server));
            self.changed.send_replace(());
        }
        Ok(())
    }

    async fn best_answer(&self) -> Result<Slots, Failure> {
        let mut ask = pipe();
        ask.cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
        let ask = &ask;
        let known = self.slots.load_full();
        let known = known.iter().flat_map(|slots| slots.everyone()).chain(&self.seeds);
        let known: BTreeSet<&Server> = known.collect();
        let answers = known.into_iter().map(|server| async move {
            let node = self.node(server)?;
            let answer: (String, Value) = node.ask(&Request::Batch(ask), How::default()).await?;
            let slots = Slots::read(&answer.0, &answer.1, server);
            slots.map_err(|fault| fault.in_place(&node.place()))
        });
        // One is enough: a primary that is cut off says so itself.
        let heard = opinions(answers, |heard| !heard.is_empty()).await;
        let best = heard.map(|heard| heard.into_iter().max_by_key(|slots| slots.epoch));
        match best {
            Ok(Some(best)) => Ok(best),
            Ok(None) | Err(None) => Err(Fault::Silent.in_place(&self.place())),
            Err(Some(failure)) => Err(failure),
        }
    }
}
