//! Gateways on one store, and what can break there.

use super::chance::Chance;
use super::record::{Line, Recorder, Trouble};
use crate::harness::folder;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::redis_sentinels::RedisSentinels;
use crate::harness::redis_server::RedisServer;
use crate::harness::relay::Relay;
use crate::harness::upstream::{Script, Upstream};
use rusqlite::Connection;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};
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

/// What can break.
#[derive(Clone, Copy, Debug)]
enum Fault {
    CutLine,
    FreezeGateway,
    FreezeStore,
    KillGateway,
    KillStore,
    LockFile,
    MoveSlot,
    Promote,
    SilentLine,
    SlowLine,
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

    fn faults(self) -> &'static [Fault] {
        use Fault::{
            CutLine, FreezeGateway, FreezeStore, KillGateway, KillStore, LockFile, MoveSlot,
            Promote, SilentLine, SlowLine,
        };
        match self {
            Self::Cluster => {
                &[FreezeStore, KillStore, Promote, MoveSlot, FreezeGateway, KillGateway]
            }
            Self::Redis => {
                &[CutLine, SlowLine, SilentLine, FreezeStore, KillStore, FreezeGateway, KillGateway]
            }
            Self::Sentinel => &[FreezeStore, KillStore, Promote, FreezeGateway, KillGateway],
            Self::Sqlite => &[FreezeGateway, KillGateway, LockFile],
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

    /// Breaks something, and makes it whole again.
    pub(super) fn strike(&mut self, kind: Kind, chance: &mut Chance, recorder: &Recorder) {
        let fault = *chance.pick(kind.faults());
        let mut own = chance.branch();
        let number = own.below(self.gateways.len());
        let begin = recorder.now();
        let may_lose = self.store.may_lose(fault);
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
            _ => self.store.strike(fault, number, &mut own),
        }
        let killed = matches!(fault, Fault::KillGateway).then_some(number);
        let (end, what) = (recorder.now(), format!("{fault:?}"));
        recorder.note(Line::Trouble(Trouble { begin, end, killed, may_lose, what }));
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

    /// Whether another server may answer after such a fault.
    fn may_lose(&self, fault: Fault) -> bool {
        let is_several = matches!(self, Self::Cluster(_) | Self::Sentinel(_));
        is_several && matches!(fault, Fault::FreezeStore | Fault::KillStore | Fault::Promote)
    }

    fn strike(&mut self, fault: Fault, gateway: usize, chance: &mut Chance) {
        match self {
            Self::Cluster(cluster) => strike_cluster(cluster, fault, chance),
            Self::Redis(redis, lines) => strike_redis(redis, &lines[gateway], fault, chance),
            Self::Sentinel(sentinels) => strike_sentinel(sentinels, fault, chance),
            Self::Sqlite(folder) => {
                let other = Connection::open(shared_file(folder)).unwrap();
                other.busy_timeout(Duration::from_secs(5)).unwrap();
                other.execute_batch("BEGIN IMMEDIATE").unwrap();
                thread::sleep(chance.millis(50, 1_500));
                other.execute_batch("ROLLBACK").unwrap();
            }
        }
    }
}

fn shared_file(folder: &TempDir) -> PathBuf {
    folder.path().join("shared.db")
}

fn strike_redis(redis: &mut RedisServer, line: &Relay, fault: Fault, chance: &mut Chance) {
    match fault {
        Fault::CutLine => line.cut(),
        Fault::SlowLine => {
            line.slow_down(chance.millis(5, 120));
            thread::sleep(chance.millis(300, 1_500));
            line.slow_down(Duration::ZERO);
        }
        Fault::SilentLine => {
            line.fall_silent();
            thread::sleep(chance.millis(200, 2_000));
            line.heal();
            line.cut();
        }
        Fault::FreezeStore => {
            redis.freeze();
            thread::sleep(chance.millis(100, 2_000));
            redis.thaw();
        }
        _ => {
            redis.kill();
            thread::sleep(chance.millis(1, 800));
            redis.restart();
        }
    }
}

fn strike_sentinel(sentinels: &mut RedisSentinels, fault: Fault, chance: &mut Chance) {
    let primary = sentinels.primary();
    match fault {
        Fault::FreezeStore => {
            // Some are so short that no other takes over.
            let frozen = if chance.below(4) == 0 { chance.below(3) } else { primary };
            sentinels.servers[frozen].freeze();
            thread::sleep(chance.millis(200, 4_000));
            sentinels.servers[frozen].thaw();
        }
        Fault::KillStore => {
            let killed = if chance.below(4) == 0 { chance.below(3) } else { primary };
            sentinels.servers[killed].kill();
            thread::sleep(chance.millis(100, 3_000));
            sentinels.servers[killed].restart();
        }
        _ => sentinels.replace_primary(),
    }
    until_all_follow(&sentinels.servers, 1);
}

fn strike_cluster(cluster: &mut RedisCluster, fault: Fault, chance: &mut Chance) {
    let (primaries, replicas): (Vec<_>, Vec<_>) =
        (0..cluster.servers.len()).partition(|it| is_primary(&cluster.servers[*it]));
    let primary = *chance.pick(&primaries);
    match fault {
        Fault::FreezeStore => {
            cluster.servers[primary].freeze();
            thread::sleep(chance.millis(200, 4_000));
            cluster.servers[primary].thaw();
        }
        Fault::KillStore => {
            cluster.servers[primary].kill();
            thread::sleep(chance.millis(100, 3_500));
            cluster.servers[primary].restart();
        }
        Fault::MoveSlot => {
            let key = format!("authgate:user:{{{}}}", 1 + chance.below(40));
            let to = *chance.pick(&primaries);
            if cluster.owner(&key) != to {
                let (slot, from) = cluster.begin_to_move(&key, to);
                thread::sleep(chance.millis(10, 300));
                cluster.move_keys(&slot, from, to);
                for server in &primaries {
                    let target: String = cluster.servers[to].ask(&["CLUSTER", "MYID"]);
                    cluster.servers[*server]
                        .ask::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &target]);
                }
            }
        }
        _ => {
            if let Some(replica) = replicas.first() {
                // It may have become the primary by now.
                let _ = cluster.servers[*replica].try_ask::<String>(&["CLUSTER", "FAILOVER"]);
            }
        }
    }
    until_all_follow(&cluster.servers, 3);
}

fn is_primary(server: &RedisServer) -> bool {
    let about = server.try_ask::<String>(&["INFO", "replication"]);
    about.is_ok_and(|about| about.contains("role:master"))
}

/// Waits until there are so many primaries, and the others have what those have.
fn until_all_follow(servers: &[RedisServer], primaries: usize) {
    /// Sentinels take ten seconds to have an old primary follow a new one.
    const PATIENCE: Duration = Duration::from_secs(40);
    // What a sentinel or a node decides takes a while to begin.
    thread::sleep(Duration::from_millis(300));
    let deadline = Instant::now() + PATIENCE;
    while count_primaries(servers) != Some(primaries) {
        assert!(Instant::now() < deadline, "the servers do not become whole");
        thread::sleep(Duration::from_millis(50));
    }
}

/// How many there are, if all that are none follow one, and a cluster serves all slots.
fn count_primaries(servers: &[RedisServer]) -> Option<usize> {
    let mut count = 0;
    for server in servers {
        let ask = |words: &[&str]| server.try_ask::<String>(words).ok();
        let is_node = ask(&["INFO", "cluster"])?.contains("cluster_enabled:1");
        if is_node && !ask(&["CLUSTER", "INFO"])?.contains("cluster_state:ok") {
            return None;
        }
        let about = ask(&["INFO", "replication"])?;
        if about.contains("role:master") {
            count += 1;
        } else if !about.contains("master_link_status:up") {
            return None;
        }
    }
    Some(count)
}
