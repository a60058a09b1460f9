//! What is done to a store, and how it is undone.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::backing::{Backing, Disk, Room, Way};
use super::stage::Stage;
use super::table::{self, Row};
use crate::harness::eventually;
use crate::harness::redis_server::RedisServer;
use crate::harness::relay::Manner;

/// A way in which a store fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// Its servers are killed.
    Killed,
    /// Its file is taken away.
    FileGone,
    /// Another file is in its place.
    FileReplaced,
    /// Connections are reset.
    Reset,
    /// Its servers are stopped and their connections stay.
    Frozen,
    /// The network swallows everything.
    Silent,
    /// The network swallows answers.
    Mute,
    /// Every answer comes 2 seconds later.
    TwoSeconds,
    /// Answers come a byte a second.
    Drip,
    /// Every answer comes 50 milliseconds later.
    FiftyMillis,
    /// It is a replica now.
    Replica,
    /// It wants more replicas than it has.
    FewReplicas,
    /// It cannot save.
    CannotSave,
    /// Its memory is full.
    OutOfMemory,
    /// Its disk is full.
    DiskFull,
    /// Its disk says that it is full.
    DiskSaysFull,
    /// Its disk takes no more writes.
    NoWrites,
    /// Another process writes, and does not end.
    Locked,
    /// It is emptied.
    Emptied,
    /// The records of two users are of the wrong type.
    UserOfWrongType,
    /// The records of two users lack a field, or hold nonsense.
    UserGarbage,
    /// The records of tokens are of the wrong type.
    TokenOfWrongType,
    /// The records of tokens are nonsense.
    TokenGarbage,
    /// It does not permit the feed.
    FeedForbidden,
}

impl Fault {
    /// What is promised.
    pub(super) fn row(self) -> &'static Row {
        match self {
            Self::Killed | Self::FileGone | Self::FileReplaced | Self::Reset => &table::STORE_DOWN,
            Self::Frozen | Self::Silent | Self::Mute => &table::STORE_SILENT,
            Self::TwoSeconds | Self::Drip => &table::STORE_SLOW,
            Self::FiftyMillis => &table::STORE_LATE,
            Self::Replica
            | Self::FewReplicas
            | Self::CannotSave
            | Self::DiskFull
            | Self::DiskSaysFull => &table::STORE_REFUSES_WRITES,
            Self::NoWrites => &table::DISK_FAILS,
            Self::Locked => &table::STORE_LOCKED,
            Self::OutOfMemory => &table::STORE_OUT_OF_MEMORY,
            Self::Emptied => &table::STORE_EMPTIED,
            Self::UserOfWrongType | Self::UserGarbage => &table::USER_UNREADABLE,
            Self::TokenOfWrongType | Self::TokenGarbage => &table::TOKEN_UNREADABLE,
            Self::FeedForbidden => &table::FEED_LOST,
        }
    }

    /// What it needs.
    pub(super) fn way(self) -> Way {
        match self {
            Self::Reset
            | Self::Silent
            | Self::Mute
            | Self::TwoSeconds
            | Self::Drip
            | Self::FiftyMillis => Way::Relayed,
            Self::DiskFull => Way::SmallDisk,
            Self::DiskSaysFull => Way::FullDisk,
            _ => Way::Direct,
        }
    }

    pub(super) fn begin(self, stage: &mut Stage) {
        let process = stage.gateway.process_id();
        let eve = stage.eve().to_owned();
        let backing = &mut stage.backing;
        match self {
            Self::Killed => backing.servers().iter_mut().for_each(RedisServer::kill),
            Self::FileGone => move_file(backing.disk(), "", ".away"),
            Self::FileReplaced => {
                let disk = backing.disk();
                move_file(disk, "", ".away");
                fs::copy(with(disk, ".away"), disk.file()).unwrap();
            }
            Self::Frozen => backing.servers().iter().for_each(RedisServer::freeze),
            Self::Reset => backing.be(Manner::Reset),
            Self::Silent => backing.be(Manner::Silent),
            Self::Mute => backing.be(Manner::Mute),
            Self::TwoSeconds => backing.be(Manner::Late(Duration::from_secs(2))),
            Self::Drip => backing.be(Manner::Drip),
            Self::FiftyMillis => backing.be(Manner::Late(Duration::from_millis(50))),
            Self::Replica => backing.ask_all(&["REPLICAOF", "127.0.0.1", "1"]),
            Self::FewReplicas => backing.ask_all(&["CONFIG", "SET", "min-replicas-to-write", "1"]),
            Self::CannotSave => backing.servers().iter().for_each(keep_from_saving),
            Self::OutOfMemory => backing.ask_all(&["CONFIG", "SET", "maxmemory", "1"]),
            Self::DiskFull | Self::DiskSaysFull => fill(backing.disk(), process),
            Self::NoWrites => {
                let log = with(backing.disk(), "-wal");
                limit_files(process, Some(fs::metadata(log).unwrap().len()));
            }
            Self::Locked => {
                let db = backing.disk().open();
                db.execute_batch("BEGIN IMMEDIATE").unwrap();
                stage.lock = Some(db);
            }
            Self::Emptied => empty(backing),
            Self::UserOfWrongType | Self::UserGarbage => {
                spoil_users(backing, self == Self::UserOfWrongType, &eve);
            }
            Self::TokenOfWrongType | Self::TokenGarbage => {
                spoil_tokens(backing, self == Self::TokenOfWrongType);
            }
            Self::FeedForbidden => backing.forbid_feeds(true),
        }
    }

    pub(super) fn end(self, stage: &mut Stage) {
        let process = stage.gateway.process_id();
        let eve = stage.eve().to_owned();
        let backing = &mut stage.backing;
        match self {
            Self::Killed => {
                backing.servers().iter_mut().for_each(RedisServer::restart);
                if let Backing::Cluster(cluster) = backing {
                    cluster.wait_until_it_serves();
                }
            }
            Self::FileGone | Self::FileReplaced => move_file(backing.disk(), ".away", ""),
            Self::Frozen => backing.servers().iter().for_each(RedisServer::thaw),
            Self::Reset
            | Self::Silent
            | Self::Mute
            | Self::TwoSeconds
            | Self::Drip
            | Self::FiftyMillis => backing.be(Manner::Whole),
            Self::Replica => backing.ask_all(&["REPLICAOF", "NO", "ONE"]),
            Self::FewReplicas => backing.ask_all(&["CONFIG", "SET", "min-replicas-to-write", "0"]),
            Self::CannotSave => backing.ask_all(&["CONFIG", "SET", "save", ""]),
            Self::OutOfMemory => backing.ask_all(&["CONFIG", "SET", "maxmemory", "0"]),
            Self::DiskFull | Self::DiskSaysFull => make_room(backing.disk(), process),
            Self::NoWrites => limit_files(process, None),
            Self::Locked => stage.lock = None,
            // What is lost is lost.
            Self::Emptied | Self::TokenOfWrongType | Self::TokenGarbage => {}
            Self::UserOfWrongType | Self::UserGarbage => mend_users(backing, &eve),
            Self::FeedForbidden => backing.forbid_feeds(false),
        }
    }
}

fn with(disk: &Disk, ending: &str) -> std::path::PathBuf {
    let mut file = disk.file().into_os_string();
    file.push(ending);
    file.into()
}

fn move_file(disk: &Disk, from: &str, to: &str) {
    fs::rename(with(disk, from), with(disk, to)).unwrap();
}

/// Has the server fail to save, which ends its taking writes.
fn keep_from_saving(server: &RedisServer) {
    // What it has written cannot be given that name.
    fs::create_dir(server.folder().join("dump.rdb")).unwrap();
    server.ask::<()>(&["CONFIG", "SET", "save", "3600 1"]);
    eventually("a save that fails", || {
        let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        let _ = redis::cmd("BGSAVE").exec(&mut connection);
        let about: String = server.ask(&["INFO", "persistence"]);
        about.contains("rdb_last_bgsave_status:err").then_some(())
    });
}

fn filler(disk: &Disk, process: u32) -> std::path::PathBuf {
    disk.seen_by(process).with_file_name("filler")
}

fn fill(disk: &Disk, process: u32) {
    if let Room::Said(full) = &disk.room {
        return full.fill();
    }
    let full = fs::write(filler(disk, process), vec![0; 8 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
}

fn make_room(disk: &Disk, process: u32) {
    match &disk.room {
        Room::Said(full) => full.empty(),
        Room::Enough | Room::Small => fs::remove_file(filler(disk, process)).unwrap(),
    }
}

/// Has no file of the process grow beyond this.
fn limit_files(process: u32, most: Option<u64>) {
    let process = Pid::from_raw(i32::try_from(process).unwrap());
    prlimit(process, Resource::Fsize, Rlimit { current: most, maximum: None }).unwrap();
}

fn empty(backing: &mut Backing) {
    match backing {
        Backing::Sqlite(disk) => {
            let db = disk.open();
            let all = "SELECT name FROM sqlite_schema WHERE type = 'table'
                AND name NOT LIKE 'sqlite_%'";
            let mut tables = db.prepare(all).unwrap();
            let tables: Vec<String> =
                tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            db.pragma_update(None, "foreign_keys", false).unwrap();
            for table in tables {
                db.execute(&format!("DELETE FROM \"{table}\""), []).unwrap();
            }
        }
        Backing::Redis(server, _) => server.ask::<()>(&["FLUSHALL"]),
        Backing::Sentinel(servers) => servers.flush(),
        Backing::Cluster(cluster) => cluster.flush(),
    }
}

/// Alice and dan, who ask, and eve by her number.
fn spoil_users(backing: &mut Backing, is_type: bool, eve: &str) {
    if let Backing::Sqlite(disk) = backing {
        let damage = if is_type { "email = CAST(x'ff' AS TEXT)" } else { "epoch = -1" };
        let which = format!("username IN ('alice', 'dan') OR id = {eve}");
        disk.open().execute(&format!("UPDATE users SET {damage} WHERE {which}"), []).unwrap();
        return;
    }
    for id in numbers(backing, eve) {
        let (key, kept) = (format!("authgate:user:{{{id}}}"), format!("kept:{{{id}}}"));
        backing.ask_of::<redis::Value>(&key, &["COPY", &key, &kept]);
        if is_type {
            backing.ask_of::<redis::Value>(&key, &["SET", &key, "junk"]);
        } else {
            backing.ask_of::<redis::Value>(&key, &["HSET", &key, "is_active", "perhaps"]);
        }
    }
}

fn mend_users(backing: &mut Backing, eve: &str) {
    if let Backing::Sqlite(disk) = backing {
        disk.open().execute("UPDATE users SET email = '', epoch = abs(epoch)", []).unwrap();
        return;
    }
    for id in numbers(backing, eve) {
        let (key, kept) = (format!("authgate:user:{{{id}}}"), format!("kept:{{{id}}}"));
        backing.ask_of::<redis::Value>(&key, &["RENAME", &kept, &key]);
    }
}

fn numbers(backing: &mut Backing, eve: &str) -> [String; 3] {
    let [alice, dan] = ["alice", "dan"].map(|name| {
        let name = format!("authgate:name:{{{name}}}");
        backing.ask_of(&name, &["GET", &name])
    });
    [alice, dan, eve.to_owned()]
}

fn spoil_tokens(backing: &mut Backing, is_type: bool) {
    if let Backing::Sqlite(disk) = backing {
        disk.open().execute("UPDATE tokens SET user_epoch = -1", []).unwrap();
        return;
    }
    for key in backing.keys("authgate:token:") {
        if is_type {
            backing.ask_of::<redis::Value>(&key, &["DEL", &key]);
            backing.ask_of::<redis::Value>(&key, &["SADD", &key, "junk"]);
        } else {
            backing.ask_of::<redis::Value>(&key, &["SET", &key, "junk"]);
        }
    }
}
