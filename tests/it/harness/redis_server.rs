//! A Redis server of a test's own, that can be killed, frozen and started again.

use super::{eventually, folder, free_address};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Settings with which nothing that was answered is lost.
const DURABLE: [&str; 6] = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];

/// A running `redis-server`; killed when dropped.
pub(crate) struct RedisServer {
    address: SocketAddr,
    arguments: Vec<String>,
    child: Option<Child>,
    data: TempDir,
}

impl RedisServer {
    /// Starts a server that loses nothing.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more arguments, which win over the usual ones.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let mut server = Self::stopped_with(arguments);
        server.restart();
        server
    }

    /// A server that is not started yet: its address leads nowhere.
    pub(crate) fn stopped() -> Self {
        Self::stopped_with(&[])
    }

    /// Starts a server whose place sentinels know, a replica of the one at that address if there is
    /// one. What the sentinels make of it holds after a restart, too.
    pub(super) fn start_watched(follows: Option<SocketAddr>) -> Self {
        let mut server = Self::stopped();
        let follows = follows.map(|it| format!("replicaof {} {}\n", it.ip(), it.port()));
        fs::write(server.settings_file(), follows.unwrap_or_default()).unwrap();
        let announce = ["--replica-announce-ip".to_owned(), server.address.ip().to_string()];
        server.arguments.extend(announce);
        server.restart();
        server
    }

    /// A server that is not started yet, and a node of a cluster then.
    pub(super) fn stopped_node() -> Self {
        let mut server = Self::stopped();
        let ip = server.address.ip().to_string();
        let more = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
        let place = ["--cluster-config-file", "nodes.conf", "--cluster-announce-ip", &ip];
        server.arguments.extend(more.into_iter().chain(place).map(ToOwned::to_owned));
        server
    }

    /// Has it say, as a node of a cluster, that clients reach it there.
    pub(super) fn announce(&mut self, place: SocketAddr) {
        let (port, bus) = (place.port().to_string(), (self.address.port() + 10_000).to_string());
        let more = ["--cluster-announce-port", &port, "--cluster-announce-bus-port", &bus];
        self.arguments.extend(more.map(ToOwned::to_owned));
    }

    fn stopped_with(arguments: &[&str]) -> Self {
        Self {
            address: free_address(),
            arguments: DURABLE.iter().chain(arguments).map(ToString::to_string).collect(),
            child: None,
            data: folder(),
        }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    /// The settings that make it the store; keys of that table may follow.
    pub(crate) fn settings(&self) -> String {
        format!("[store]\nurl = \"{}\"\n", self.url())
    }

    /// Asks it something, as an operator would.
    pub(crate) fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).unwrap()
    }

    /// The same, of one that may not answer.
    pub(crate) fn try_ask<T: redis::FromRedisValue>(
        &self,
        words: &[&str],
    ) -> redis::RedisResult<T> {
        let mut connection = redis::Client::open(self.url())?.get_connection()?;
        let (name, arguments) = words.split_first().unwrap();
        redis::cmd(name).arg(arguments).query(&mut connection)
    }

    /// How often a command was called so far, by scripts too.
    pub(crate) fn calls(&self, command: &str) -> u64 {
        self.statistic(command, "calls=")
    }

    /// How often a command was asked for so far by someone who may not.
    pub(crate) fn rejected_calls(&self, command: &str) -> u64 {
        self.statistic(command, "rejected_calls=")
    }

    fn statistic(&self, command: &str, field: &str) -> u64 {
        let statistics: String = self.ask(&["INFO", "commandstats"]);
        let line = format!("cmdstat_{command}:");
        let found = statistics.lines().find_map(|text| text.strip_prefix(&line)).unwrap_or("");
        let value = found.split(',').find_map(|pair| pair.strip_prefix(field));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until its replicas have all that it has.
    pub(crate) fn wait_for_replicas(&self) {
        eventually("replicas that have all", || {
            let about: String = self.ask(&["INFO", "replication"]);
            let field = |name: &str| {
                let mut lines = about.lines().filter_map(|line| line.split_once(':'));
                lines.find(|(field, _)| *field == name).map(|(_, value)| value.to_owned())
            };
            let all = format!("offset={},", field("master_repl_offset").unwrap());
            let replicas = (0..).map_while(|number| field(&format!("slave{number}")));
            let mut replicas = replicas.peekable();
            replicas.peek()?;
            replicas.all(|it| it.contains("state=online") && it.contains(&all)).then_some(())
        });
    }

    /// Cuts the connections by which it tells of changes, and says how many those were.
    pub(crate) fn cut_feeds(&self) -> usize {
        let clients: String = self.ask(&["CLIENT", "LIST"]);
        let field = |line: &str, name: &str| {
            line.split(' ').find_map(|field| field.strip_prefix(name)).unwrap_or("").to_owned()
        };
        let tells = |line: &&str| field(line, "flags=").contains('t');
        let feeds: Vec<&str> = clients.lines().filter(tells).collect();
        for feed in &feeds {
            self.ask::<u64>(&["CLIENT", "KILL", "ID", &field(feed, "id=")]);
        }
        feeds.len()
    }

    /// Where it keeps its data.
    pub(crate) fn folder(&self) -> &Path {
        self.data.path()
    }

    /// Whether it was started and not killed since.
    pub(crate) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it on its port with its data, and waits until it answers.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let settings = Some(self.settings_file()).filter(|file| file.exists());
        let child = Command::new("redis-server")
            .args(settings)
            .args(["--port", &self.address.port().to_string()])
            .args(["--bind", &self.address.ip().to_string(), "--dir"])
            .arg(self.data.path())
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.expect("redis-server should be installed"));
        self.wait_until_it_answers();
    }

    /// Where it keeps what it is told to be, if it does.
    fn settings_file(&self) -> PathBuf {
        self.data.path().join("redis.conf")
    }

    fn wait_until_it_answers(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !answers(self.address) {
            assert!(Instant::now() < deadline, "redis-server does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it without closing its connections.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// Starts with another value of an argument from now on.
    pub(crate) fn set_argument(&mut self, name: &str, value: &str) {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().expect("a running server").id()
    }

    fn signal(&self, name: &str) {
        let id = self.id();
        let status = Command::new("kill").args(["-s", name, &id.to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a server answers there. One that wants a password does too.
pub(super) fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut reply = [0; 5];
    stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut reply).is_ok()
        && (reply.starts_with(b"+PONG") || reply.starts_with(b"-NOAU"))
}
