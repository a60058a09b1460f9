//! Gateways on one store, and what can break there.

mod faults;
mod watch;

use self::faults::{Fault, strike};
use self::watch::Watch;
use super::chance::Chance;
use super::record::{Line, Recorder, Trouble};
use crate::console::make_operator;
use crate::harness::folder;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::redis_sentinels::RedisSentinels;
use crate::harness::redis_server::RedisServer;
use crate::harness::relay::Relay;
use crate::harness::upstream::{Script, Upstream};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use tempfile::TempDir;

/// Which store.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Cluster,
    Redis,
    Sentinel,
    Sqlite,
}

pub(super) struct World {
    pub(super) gateways: Vec<Gateway>,
    store: Store,
    _app: Upstream,
}

enum Store {
    Cluster(RedisCluster),
    /// With a line to it for each gateway.
    Redis(RedisServer, Vec<Relay>),
    Sentinel(RedisSentinels),
    Sqlite(TempDir),
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Redis => "redis",
            Self::Sentinel => "sentinel",
            Self::Sqlite => "sqlite",
        }
    }
}

impl World {
    /// Starts all of it, with more settings for the gateways.
    pub(super) fn start(kind: Kind, gateways: usize, more: &str) -> Self {
        let app = Upstream::answering(Script::WhoCalls);
        let store = match kind {
            Kind::Cluster => Store::Cluster(RedisCluster::start(3, 1)),
            Kind::Redis => {
                let redis = RedisServer::start();
                let lines = (0..gateways).map(|_| Relay::to(redis.address())).collect();
                Store::Redis(redis, lines)
            }
            Kind::Sentinel => Store::Sentinel(RedisSentinels::start(2, 3)),
            Kind::Sqlite => Store::Sqlite(folder()),
        };
        let settings = |number| app.settings() + ROUTES + &store.settings(number) + more;
        let gateways = (0..gateways).map(|number| Gateway::start(&settings(number))).collect();
        Self { gateways, store, _app: app }
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.gateways.iter().map(|gateway| gateway.address).collect()
    }

    /// The settings of each, for the command line.
    pub(super) fn settings(&self) -> Vec<PathBuf> {
        self.gateways.iter().map(|gateway| gateway.folder().join("authgate.toml")).collect()
    }

    /// Makes an operator, and says their number.
    pub(super) fn operator(&self, name: &str) -> u64 {
        make_operator(&self.gateways[0], name);
        let shown = self.gateways[0].run(&["user", "show", name, "--json"]).done().json();
        shown["id"].as_u64().unwrap()
    }

    /// Makes an API key of an operator.
    pub(super) fn key(&self, of: &str) -> String {
        let made = self.gateways[0].run(&["key", "create", of, "history", "--all-rights"]).done();
        made.stdout.trim().to_owned()
    }

    /// Who sees which server is the primary.
    pub(super) fn watch(&self) -> Watch {
        match &self.store {
            Store::Cluster(cluster) => Watch::Nodes(cluster.places()),
            Store::Redis(..) | Store::Sqlite(_) => Watch::Nobody,
            Store::Sentinel(sentinels) => Watch::Sentinels(sentinels.places()),
        }
    }

    /// Breaks something, and makes it whole again.
    pub(super) fn strike(&mut self, kind: Kind, chance: &mut Chance, recorder: &Recorder) {
        let fault = *chance.pick(Fault::of(kind));
        let mut own = chance.branch();
        let number = own.below(self.gateways.len());
        let begin = recorder.now();
        match fault {
            Fault::FreezeGateway => {
                self.gateways[number].freeze();
                thread::sleep(own.millis(100, 2_000));
                self.gateways[number].thaw();
            }
            Fault::KillGateway => {
                self.gateways[number].kill();
                thread::sleep(own.millis(1, 500));
                self.gateways[number].restart();
            }
            _ => strike(&mut self.store, fault, number, &mut own),
        }
        let killed = matches!(fault, Fault::KillGateway).then_some(number);
        // A node of a cluster takes nothing more until the other one has all of it.
        let hands_over = matches!((kind, fault), (Kind::Cluster, Fault::Promote));
        let (end, is_of_store) = (recorder.now(), fault.is_of_servers());
        let what = format!("{fault:?}");
        let trouble = Trouble { begin, end, hands_over, is_of_store, killed, what };
        recorder.note(Line::Trouble(trouble));
    }
}

impl Store {
    fn settings(&self, gateway: usize) -> String {
        match self {
            Self::Cluster(cluster) => cluster.settings() + "replicas = 1\n",
            Self::Redis(_, lines) => {
                format!("[store]\nurl = \"redis://{}/0\"\n", lines[gateway].address)
            }
            // Both of them: with one, the other may become the primary.
            Self::Sentinel(sentinels) => sentinels.settings() + "replicas = 2\n",
            Self::Sqlite(folder) => {
                format!("[store]\nurl = \"sqlite:{}\"\n", shared_file(folder).display())
            }
        }
    }
}

fn shared_file(folder: &TempDir) -> PathBuf {
    folder.path().join("shared.db")
}
