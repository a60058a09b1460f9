//! A primary with replicas and sentinels of a test's own.

use super::redis_server::{RedisServer, answers};
use super::relay::Relay;
use super::{eventually, folder, free_address};
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The name by which the sentinels know the primary.
pub(crate) const NAME: &str = "main";

/// A primary, its replicas, and those who choose another primary when it is lost.
pub(crate) struct RedisSentinels {
    sentinels: Vec<Sentinel>,
    /// The first is the primary at first.
    pub(crate) servers: Vec<RedisServer>,
    /// The way to it, if that is not direct.
    pub(crate) relay: Option<Relay>,
}

impl RedisSentinels {
    /// Starts a primary with so many replicas, and so many sentinels.
    pub(crate) fn start(replicas: usize, sentinels: usize) -> Self {
        let primary = RedisServer::start_watched(None);
        let follows = Some(primary.address());
        let mut servers = vec![primary];
        servers.extend((0..replicas).map(|_| RedisServer::start_watched(follows)));
        let quorum = sentinels / 2 + 1;
        let sentinels =
            (0..sentinels).map(|_| Sentinel::start(servers[0].address(), quorum)).collect();
        let all = Self { sentinels, servers, relay: None };
        all.wait_until_all_know_all(replicas);
        all
    }

    /// Starts a primary to which all come by a relay, the sentinel too.
    pub(crate) fn start_behind_a_relay() -> Self {
        let primary = RedisServer::start();
        let relay = Relay::to(primary.address());
        let sentinels = vec![Sentinel::start(relay.address, 1)];
        Self { sentinels, servers: vec![primary], relay: Some(relay) }
    }

    fn wait_until_all_know_all(&self, replicas: usize) {
        let others = self.sentinels.len() - 1;
        for sentinel in &self.sentinels {
            eventually("sentinels that know each other", || {
                let about: Vec<String> = sentinel.ask(&["SENTINEL", "MASTER", NAME]);
                let is = |name: &str, wanted: usize| {
                    let pairs = about.chunks(2);
                    let mut found = pairs.filter(|pair| pair[0] == name);
                    found.any(|pair| pair[1] == wanted.to_string())
                };
                (is("num-slaves", replicas) && is("num-other-sentinels", others)).then_some(())
            });
            eventually("replicas that could be the primary", || {
                let about: Vec<Vec<String>> = sentinel.ask(&["SENTINEL", "REPLICAS", NAME]);
                let mut words = about.iter().map(|replica| replica.chunks(2));
                let is_well = |pair: &[String]| pair == ["master-link-status", "ok"];
                words.all(|mut pairs| pairs.any(is_well)).then_some(())
            });
        }
    }

    /// Waits until the replicas have all that the primary has.
    pub(crate) fn wait_until_replicas_have_all(&self) {
        self.servers[self.primary()].wait_for_replicas();
    }

    /// Whether all sentinels know one primary, and are about to choose no other.
    pub(crate) fn are_settled(&self) -> bool {
        let about = |sentinel: &Sentinel| {
            let about: Vec<String> = sentinel.try_ask(&["SENTINEL", "MASTER", NAME]).ok()?;
            let of = |name: &str| about.chunks(2).find(|it| it[0] == name).map(|it| it[1].clone());
            (of("flags")? == "master").then(|| (of("ip"), of("port")))
        };
        let all: Option<BTreeSet<_>> = self.sentinels.iter().map(about).collect();
        all.is_some_and(|all| all.len() == 1)
    }

    /// Has the sentinels choose another primary although this one lives.
    pub(crate) fn replace_primary(&self) {
        self.try_replace_primary().unwrap();
    }

    /// The same, where they may be unable to.
    pub(crate) fn try_replace_primary(&self) -> redis::RedisResult<()> {
        self.sentinels[0].try_ask(&["SENTINEL", "FAILOVER", NAME])
    }

    /// Empties the primary.
    pub(crate) fn flush(&self) {
        self.servers[self.primary()].ask::<()>(&["FLUSHALL"]);
    }

    /// Where the sentinels are.
    pub(crate) fn places(&self) -> Vec<SocketAddr> {
        self.sentinels.iter().map(|sentinel| sentinel.address).collect()
    }

    /// Its address, by all sentinels.
    pub(crate) fn url(&self) -> String {
        Self::url_by(&self.places())
    }

    /// Its address, where the sentinels are reached at these places.
    pub(crate) fn url_by(places: &[SocketAddr]) -> String {
        let places: Vec<_> = places.iter().map(ToString::to_string).collect();
        format!("redis+sentinel://{}/{NAME}", places.join(","))
    }

    /// The settings that make it the store; keys of that table may follow.
    pub(crate) fn settings(&self) -> String {
        format!("[store]\nurl = \"{}\"\n", self.url())
    }

    /// The number of the server that the sentinels name.
    pub(crate) fn primary(&self) -> usize {
        let (host, port): (String, u16) =
            self.sentinels[0].ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        let address: SocketAddr = format!("{host}:{port}").parse().unwrap();
        self.servers.iter().position(|server| server.address() == address).unwrap()
    }
}

struct Sentinel {
    address: SocketAddr,
    child: Child,
    _data: TempDir,
}

impl Sentinel {
    fn start(primary: SocketAddr, quorum: usize) -> Self {
        let (address, data) = (free_address(), folder());
        let (ip, port) = (address.ip(), address.port());
        let (primary_ip, primary_port) = (primary.ip(), primary.port());
        let settings = format!(
            "port {port}\nbind {ip}\nsentinel announce-ip {ip}\n\
             sentinel monitor {NAME} {primary_ip} {primary_port} {quorum}\n\
             sentinel down-after-milliseconds {NAME} 500\n\
             sentinel failover-timeout {NAME} 2000\n"
        );
        let file = data.path().join("sentinel.conf");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new("redis-server");
        let command = command.arg(&file).arg("--sentinel").stdout(Stdio::null());
        let child = command.spawn().expect("redis-server should be installed");
        let sentinel = Self { address, child, _data: data };
        eventually("a sentinel", || answers(address).then_some(()));
        sentinel
    }

    fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).unwrap()
    }

    fn try_ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(format!("redis://{}", self.address))?;
        let (name, arguments) = words.split_first().unwrap();
        redis::cmd(name).arg(arguments).query(&mut client.get_connection()?)
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
