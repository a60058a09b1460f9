//! A Redis server of a test's own, that can be killed, frozen and started again.

use super::{folder, free_address};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
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

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it on its port with its data, and waits until it answers.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let child = Command::new("redis-server")
            .args(["--port", &self.address.port().to_string()])
            .args(["--bind", &self.address.ip().to_string(), "--dir"])
            .arg(self.data.path())
            .args(&self.arguments)
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.expect("redis-server should be installed"));
        self.wait_until_it_answers();
    }

    fn wait_until_it_answers(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.answers() {
            assert!(Instant::now() < deadline, "redis-server does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address) else { return false };
        let mut reply = [0; 5];
        // One that wants a password answers too.
        stream.write_all(b"PING\r\n").is_ok()
            && stream.read_exact(&mut reply).is_ok()
            && (reply.starts_with(b"+PONG") || reply.starts_with(b"-NOAU"))
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

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("a running server").id();
        let status = Command::new("kill").args(["-s", name, &id.to_string()]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
