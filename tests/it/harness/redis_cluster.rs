//! A Redis Cluster of a test's own.

use super::eventually;
use super::redis_server::RedisServer;
use super::relay::Relay;
use std::fs;
use std::net::SocketAddr;

/// How many slots there are.
const SLOTS: usize = 16_384;

/// Servers that share the keys, the primaries first.
pub(crate) struct RedisCluster {
    pub(crate) servers: Vec<RedisServer>,
    /// The ways to them, if those are not direct.
    pub(crate) relays: Vec<Relay>,
    primaries: usize,
}

impl RedisCluster {
    /// Starts a cluster of so many primaries with so many replicas each, and waits until it serves.
    pub(crate) fn start(primaries: usize, replicas_each: usize) -> Self {
        Self::start_so_many(primaries, primaries * (1 + replicas_each), false)
    }

    /// Starts a cluster of so many primaries to which clients come by relays.
    pub(crate) fn start_behind_relays(primaries: usize) -> Self {
        Self::start_so_many(primaries, primaries, true)
    }

    /// The same without replicas, but with one primary more that has no slots.
    pub(crate) fn start_with_a_spare(primaries: usize) -> Self {
        let cluster = Self::start(primaries, 1);
        let spare = &cluster.servers[primaries];
        spare.ask::<()>(&["CLUSTER", "RESET", "SOFT"]);
        let first = cluster.servers[0].address();
        let (ip, port) = (first.ip().to_string(), first.port().to_string());
        spare.ask::<()>(&["CLUSTER", "MEET", &ip, &port]);
        let id: String = spare.ask(&["CLUSTER", "MYID"]);
        for server in &cluster.servers {
            eventually("a spare that all know as a primary", || {
                let nodes: String = server.ask(&["CLUSTER", "NODES"]);
                let line = nodes.lines().find(|line| line.starts_with(&id))?;
                line.contains("master").then_some(())
            });
        }
        cluster.wait_until_it_serves();
        cluster
    }

    fn start_so_many(primaries: usize, servers: usize, are_behind_relays: bool) -> Self {
        let mut servers: Vec<RedisServer> =
            (0..servers).map(|_| RedisServer::stopped_node()).collect();
        let mut relays = Vec::new();
        if are_behind_relays {
            relays.extend(servers.iter().map(|server| Relay::to(server.address())));
            servers.iter_mut().zip(&relays).for_each(|(server, it)| server.announce(it.address));
        }
        let addresses: Vec<SocketAddr> = servers.iter().map(RedisServer::address).collect();
        let mut places = addresses.clone();
        places.iter_mut().zip(&relays).for_each(|(place, relay)| *place = relay.address);
        let known: Vec<_> = addresses.into_iter().zip(places).collect();
        for (number, server) in servers.iter_mut().enumerate() {
            let file = server.folder().join("nodes.conf");
            fs::write(file, nodes(&known, number, primaries)).unwrap();
            server.restart();
        }
        let cluster = Self { servers, relays, primaries };
        cluster.wait_until_it_serves();
        cluster
    }

    /// Its address, by all of its servers.
    pub(crate) fn url(&self) -> String {
        let places: Vec<_> = self.places().iter().map(SocketAddr::to_string).collect();
        format!("redis+cluster://{}", places.join(","))
    }

    /// Where clients reach the servers.
    pub(crate) fn places(&self) -> Vec<SocketAddr> {
        let mut places: Vec<_> = self.servers.iter().map(RedisServer::address).collect();
        places.iter_mut().zip(&self.relays).for_each(|(place, relay)| *place = relay.address);
        places
    }

    /// The settings that make it the store; keys of that table may follow.
    pub(crate) fn settings(&self) -> String {
        format!("[store]\nurl = \"{}\"\n", self.url())
    }

    /// Waits until all servers that run say that all slots are served.
    pub(crate) fn wait_until_it_serves(&self) {
        for server in self.servers.iter().filter(|server| server.is_running()) {
            eventually("a cluster that serves", || {
                let info: String = server.ask(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok").then_some(())
            });
        }
        let followers = self.servers.iter().skip(self.primaries);
        for replica in followers.filter(|server| server.is_running()) {
            eventually("a replica that follows", || {
                let info: String = replica.ask(&["INFO", "replication"]);
                (!info.contains("role:slave") || info.contains("master_link_status:up"))
                    .then_some(())
            });
        }
    }

    /// Waits until replicas have all that their primaries have.
    pub(crate) fn wait_until_replicas_have_all(&self) {
        self.servers[..self.primaries].iter().for_each(RedisServer::wait_for_replicas);
    }

    /// The number of the server that has the slot of a key, as a server that runs says.
    pub(crate) fn owner(&self, key: &str) -> usize {
        let asked = self.servers.iter().find(|server| server.is_running()).unwrap();
        let slot: u64 = asked.ask(&["CLUSTER", "KEYSLOT", key]);
        let spans: Vec<(u64, u64, (String, u16))> = spans(asked);
        let (.., (host, port)) =
            spans.into_iter().find(|(first, last, _)| (*first..=*last).contains(&slot)).unwrap();
        let address: SocketAddr = format!("{host}:{port}").parse().unwrap();
        self.places().iter().position(|place| *place == address).unwrap()
    }

    /// Begins to move the slot of a key to another server, which is asked for those of its keys that
    /// have moved from now on. Returns the slot and where it was.
    pub(crate) fn begin_to_move(&self, key: &str, to: usize) -> (String, usize) {
        let from = self.owner(key);
        let slot = self.servers[from].ask::<u64>(&["CLUSTER", "KEYSLOT", key]).to_string();
        let (source, target) = (self.id(from), self.id(to));
        self.servers[to].ask::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source]);
        self.servers[from].ask::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target]);
        (slot, from)
    }

    /// Moves all keys of a slot.
    pub(crate) fn move_keys(&self, slot: &str, from: usize, to: usize) {
        let keys: Vec<String> = self.servers[from].ask(&["CLUSTER", "GETKEYSINSLOT", slot, "1000"]);
        for key in &keys {
            self.move_key(key, from, to);
        }
    }

    /// Moves one key of a slot.
    pub(crate) fn move_key(&self, key: &str, from: usize, to: usize) {
        let address = self.servers[to].address();
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        self.servers[from].ask::<()>(&["MIGRATE", &ip, &port, key, "0", "5000"]);
    }

    /// Ends the move of a slot.
    pub(crate) fn end_move(&self, slot: &str, to: usize) {
        let target = self.id(to);
        for server in [to].into_iter().chain(0..self.primaries) {
            self.servers[server].ask::<()>(&["CLUSTER", "SETSLOT", slot, "NODE", &target]);
        }
    }

    fn id(&self, number: usize) -> String {
        self.servers[number].ask(&["CLUSTER", "MYID"])
    }

    /// Empties all servers.
    pub(crate) fn flush(&self) {
        for primary in &self.servers[..self.primaries] {
            primary.ask::<()>(&["FLUSHALL"]);
        }
    }
}

fn spans(server: &RedisServer) -> Vec<(u64, u64, (String, u16))> {
    let spans: Vec<Vec<redis::Value>> = server.ask(&["CLUSTER", "SLOTS"]);
    let read = |span: Vec<redis::Value>| {
        let [first, last, primary, ..] = span.as_slice() else { panic!("{span:?}") };
        let redis::Value::Array(primary) = primary else { panic!("{primary:?}") };
        let number = |value| redis::from_redis_value_ref::<u64>(value).unwrap();
        let host = redis::from_redis_value_ref::<String>(&primary[0]).unwrap();
        let port = redis::from_redis_value_ref::<u16>(&primary[1]).unwrap();
        (number(first), number(last), (host, port))
    };
    spans.into_iter().map(read).collect()
}

/// What a server knows of the others before it has met them, so that nobody has to wait for that: of
/// each, where it listens and where clients reach it.
fn nodes(servers: &[(SocketAddr, SocketAddr)], me: usize, primaries: usize) -> String {
    let id = |number: usize| format!("{:040x}", number + 1);
    let line = |(number, (address, place)): (usize, &(SocketAddr, SocketAddr))| {
        let myself = if number == me { "myself," } else { "" };
        let (ip, port, bus) = (address.ip(), place.port(), address.port() + 10_000);
        let rest = if number < primaries {
            let (first, end) = (SLOTS * number / primaries, SLOTS * (number + 1) / primaries);
            format!("{myself}master - 0 0 {} connected {first}-{}", number + 1, end - 1)
        } else {
            let primary = number % primaries;
            format!("{myself}slave {} 0 0 {} connected", id(primary), primary + 1)
        };
        format!("{} {ip}:{port}@{bus} {rest}\n", id(number))
    };
    let lines: String = servers.iter().enumerate().map(line).collect();
    format!("{lines}vars currentEpoch {primaries} lastVoteEpoch 0\n")
}
