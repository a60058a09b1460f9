//! What can break, and how it is broken.

use super::super::chance::Chance;
use super::{Kind, Store, shared_file};
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::redis_sentinels::RedisSentinels;
use crate::harness::redis_server::RedisServer;
use crate::harness::relay::Relay;
use rusqlite::Connection;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What can break.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
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

impl Fault {
    /// All that a store can have.
    pub(super) fn of(kind: Kind) -> &'static [Self] {
        use Fault::{
            CutLine, FreezeGateway, FreezeStore, KillGateway, KillStore, LockFile, MoveSlot,
            Promote, SilentLine, SlowLine,
        };
        match kind {
            Kind::Cluster => {
                &[FreezeStore, KillStore, Promote, MoveSlot, FreezeGateway, KillGateway]
            }
            Kind::Redis => {
                &[CutLine, SlowLine, SilentLine, FreezeStore, KillStore, FreezeGateway, KillGateway]
            }
            Kind::Sentinel => &[FreezeStore, KillStore, Promote, FreezeGateway, KillGateway],
            Kind::Sqlite => &[FreezeGateway, KillGateway, LockFile],
        }
    }

    /// Whether servers are what it is about, of which another may be the primary then.
    pub(super) fn is_of_servers(self) -> bool {
        matches!(self, Self::FreezeStore | Self::KillStore | Self::MoveSlot | Self::Promote)
    }
}

/// Breaks something of a store, or the line of a gateway to it, and makes it whole again.
pub(super) fn strike(store: &mut Store, fault: Fault, gateway: usize, chance: &mut Chance) {
    match store {
        Store::Cluster(cluster) => strike_cluster(cluster, fault, chance),
        Store::Redis(redis, lines) => strike_redis(redis, &lines[gateway], fault, chance),
        Store::Sentinel(sentinels) => strike_sentinel(sentinels, fault, chance),
        Store::Sqlite(folder) => lock(&shared_file(folder), chance),
    }
}

fn lock(file: &Path, chance: &mut Chance) {
    let other = Connection::open(file).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    thread::sleep(chance.millis(50, 1_500));
    other.execute_batch("ROLLBACK").unwrap();
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
        // They may be at it already, or know of nobody who could be.
        _ => drop(sentinels.try_replace_primary()),
    }
    until_all_follow(&sentinels.servers, 1, || sentinels.are_settled());
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
    until_all_follow(&cluster.servers, 3, || true);
}

fn is_primary(server: &RedisServer) -> bool {
    let about = server.try_ask::<String>(&["INFO", "replication"]);
    about.is_ok_and(|about| about.contains("role:master"))
}

/// Waits until there are so many primaries, the others have what those have, and no other becomes one.
fn until_all_follow(servers: &[RedisServer], primaries: usize, are_settled: impl Fn() -> bool) {
    /// Sentinels take ten seconds to have an old primary follow a new one.
    const PATIENCE: Duration = Duration::from_secs(40);
    // What a sentinel or a node decides takes a while to begin.
    thread::sleep(Duration::from_millis(300));
    let deadline = Instant::now() + PATIENCE;
    while !are_settled() || count_primaries(servers) != Some(primaries) {
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
