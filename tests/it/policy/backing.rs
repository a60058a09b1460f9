//! The store of a test, of each kind, and the ways to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::command::AUTHGATE;
use crate::harness::folder;
use crate::harness::full_disk::FullDisk;
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::redis_sentinels::RedisSentinels;
use crate::harness::redis_server::RedisServer;
use crate::harness::relay::{Manner, Relay};
use tempfile::TempDir;

/// Where a test keeps its accounts.
pub(super) enum Backing {
    Sqlite(Disk),
    Redis(RedisServer, Option<Relay>),
    Sentinel(RedisSentinels),
    Cluster(RedisCluster),
}

/// Which of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Sqlite,
    Redis,
    Sentinel,
    Cluster,
}

/// What the way there must be able to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Way {
    /// Nothing.
    #[default]
    Direct,
    /// What networks do to those who use them.
    Relayed,
    /// Another server may take the place of one.
    Replicated,
    /// The disk is small, and of no one else; where no process may have one of its own, it says that it is
    /// full.
    SmallDisk,
    /// The disk can say that it is full.
    FullDisk,
}

impl Backing {
    pub(super) fn start(place: Place, way: Way) -> Self {
        match (place, way) {
            (Place::Sqlite, way) => Self::Sqlite(Disk::of(way)),
            (Place::Redis, Way::Relayed) => {
                let server = RedisServer::start();
                let relay = Relay::to(server.address());
                Self::Redis(server, Some(relay))
            }
            (Place::Redis, _) => Self::Redis(RedisServer::start(), None),
            (Place::Sentinel, Way::Relayed) => {
                Self::Sentinel(RedisSentinels::start_behind_a_relay())
            }
            (Place::Sentinel, Way::Replicated) => Self::Sentinel(RedisSentinels::start(1, 3)),
            (Place::Sentinel, _) => Self::Sentinel(RedisSentinels::start(0, 1)),
            (Place::Cluster, Way::Relayed) => Self::Cluster(RedisCluster::start_behind_relays(3)),
            (Place::Cluster, Way::Replicated) => Self::Cluster(RedisCluster::start(3, 1)),
            (Place::Cluster, _) => Self::Cluster(RedisCluster::start(3, 0)),
        }
    }

    /// The settings that make it the store; keys of that table may follow.
    pub(super) fn settings(&self) -> String {
        match self {
            Self::Sqlite(disk) => format!("[store]\nurl = \"sqlite:{}\"\n", disk.file().display()),
            Self::Redis(_, Some(relay)) => {
                format!("[store]\nurl = \"redis://{}/0\"\n", relay.address)
            }
            Self::Redis(server, None) => server.settings(),
            Self::Sentinel(servers) => servers.settings(),
            Self::Cluster(cluster) => cluster.settings(),
        }
    }

    /// The program to start on it, by a shell that does this before. Where too large a file is a fault
    /// and not the end of the process.
    pub(super) fn program(&self, shell: &str) -> Command {
        let run = format!("trap '' XFSZ; {shell}\nexec \"$0\" \"$@\"");
        let mut program = Command::new("sh");
        if let Self::Sqlite(disk) = self {
            let place = disk.folder.path().join("disk");
            if disk.is_small() {
                program = Command::new("unshare");
                let mount = format!("mount -t tmpfs -o size=4m disk '{}'", place.display());
                program.args(["--map-root-user", "--mount", "sh", "-c"]);
                program.args([&format!("{mount} && {run}"), AUTHGATE]);
                return program;
            }
            if let Room::Said(full) = &disk.room {
                full.hold_for(&mut program);
            }
        }
        program.args(["-c", &run, AUTHGATE]);
        program
    }

    /// Whether commands see the same, and not a disk of their own.
    pub(super) fn is_seen_by_commands(&self) -> bool {
        !matches!(self, Self::Sqlite(disk) if disk.is_small())
    }

    pub(super) fn disk(&self) -> &Disk {
        let Self::Sqlite(disk) = self else { panic!("no file") };
        disk
    }

    /// Its servers of Redis.
    pub(super) fn servers(&mut self) -> &mut [RedisServer] {
        match self {
            Self::Sqlite(_) => &mut [],
            Self::Redis(server, _) => std::slice::from_mut(server),
            Self::Sentinel(servers) => &mut servers.servers,
            Self::Cluster(cluster) => &mut cluster.servers,
        }
    }

    /// Asks all servers the same.
    pub(super) fn ask_all(&mut self, words: &[&str]) {
        self.servers().iter().for_each(|server| {
            server.ask::<redis::Value>(words);
        });
    }

    /// Permits nobody to be told of changes any more, or again.
    pub(super) fn forbid_feeds(&mut self, forbid: bool) {
        let right = if forbid { "-client|tracking" } else { "+client|tracking" };
        self.ask_all(&["ACL", "SETUSER", "default", right]);
        let cut: usize = self.servers().iter().map(RedisServer::cut_feeds).sum();
        assert_eq!(cut > 0, forbid, "there were {cut}");
    }

    /// Asks the server that has a key.
    pub(super) fn ask_of<T: redis::FromRedisValue>(&mut self, key: &str, words: &[&str]) -> T {
        let number = match self {
            Self::Cluster(cluster) => cluster.owner(key),
            _ => 0,
        };
        self.servers()[number].ask(words)
    }

    /// All keys that begin so.
    pub(super) fn keys(&mut self, prefix: &str) -> Vec<String> {
        let pattern = format!("{prefix}*");
        let ask = |server: &RedisServer| server.ask::<Vec<String>>(&["KEYS", &pattern]);
        self.servers().iter().flat_map(ask).collect()
    }

    /// Has all ways treat connections so.
    pub(super) fn be(&self, manner: Manner) {
        self.relays().iter().for_each(|relay| relay.be(manner));
    }

    pub(super) fn relays(&self) -> Vec<&Relay> {
        match self {
            Self::Sqlite(_) => vec![],
            Self::Redis(_, relay) => relay.iter().collect(),
            Self::Sentinel(servers) => servers.relay.iter().collect(),
            Self::Cluster(cluster) => cluster.relays.iter().collect(),
        }
    }
}

/// Where a file of SQLite is.
pub(super) struct Disk {
    folder: TempDir,
    pub(super) room: Room,
}

/// How much fits on a disk.
pub(super) enum Room {
    /// Enough.
    Enough,
    /// Enough, until it says otherwise.
    Said(FullDisk),
    /// A little.
    Small,
}

impl Disk {
    fn of(way: Way) -> Self {
        let folder = folder();
        let place = folder.path().join("disk");
        fs::create_dir_all(&place).unwrap();
        let room = match way {
            Way::SmallDisk if Self::may_be_small() => Room::Small,
            Way::SmallDisk | Way::FullDisk => Room::Said(FullDisk::below(&place)),
            Way::Direct | Way::Relayed | Way::Replicated => Room::Enough,
        };
        Self { folder, room }
    }

    fn is_small(&self) -> bool {
        matches!(self.room, Room::Small)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join("disk/authgate.db")
    }

    /// As another process has it.
    pub(super) fn open(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file()).unwrap()
    }

    /// Whether a process may have a disk of its own here.
    fn may_be_small() -> bool {
        let mut mount = Command::new("unshare");
        mount.args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "disk", "/tmp"]);
        mount.stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// Where the file is, for a process that has a disk of its own.
    pub(super) fn seen_by(&self, process: u32) -> PathBuf {
        let file = self.file();
        Path::new(&format!("/proc/{process}/root")).join(file.strip_prefix("/").unwrap())
    }
}
