//! Database servers of a test's own, as a Django has them: PostgreSQL and MariaDB.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tempfile::TempDir;

use super::command::run;
use super::{eventually_within, folder, free_address};

/// The user's password: one that a URL cannot hold as it is.
pub(crate) const PASSWORD: &str = "its/own@pass:word";

/// How long a server may take to start beside all that the machine does.
const PATIENCE: Duration = Duration::from_mins(1);

/// The user and group that Debian calls `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;

/// Where servers may be that are not in everyone's PATH.
const ELSEWHERE: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A running server with an empty database `app`, which belongs to the user `django`; it ends when
/// dropped. Nothing of it survives that, so it waits for no disk.
pub(crate) struct Database {
    kind: Kind,
    address: SocketAddr,
    server: Child,
    _data: TempDir,
}

#[derive(Clone, Copy)]
enum Kind {
    Postgres,
    MariaDb,
}

impl Database {
    /// Starts a PostgreSQL.
    pub(crate) fn postgres() -> Self {
        let (data, address) = (folder(), free_address());
        let password = data.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        let cluster = data.path().join("cluster");
        let mut make = unprivileged("initdb", data.path());
        make.args(["--no-sync", "--username=django", "--auth=scram-sha-256"]);
        make.args(["--encoding=UTF8", "--locale=C"]);
        make.arg("--pwfile").arg(&password).arg(&cluster);
        run(&mut make, "").done();
        let mut server = unprivileged("postgres", data.path());
        server.arg("-D").arg(&cluster).args(["-c", "fsync=off"]);
        server.args(["-c", &format!("listen_addresses={}", address.ip())]);
        server.args(["-c", &format!("port={}", address.port())]);
        server.args(["-c", "unix_socket_directories="]);
        let database = Self::started(Kind::Postgres, server, address, data);
        run(&mut database.client("postgres", "CREATE DATABASE app"), "").done();
        database
    }

    /// Starts a MariaDB, which speaks as MySQL does.
    pub(crate) fn mariadb() -> Self {
        let (data, address) = (folder(), free_address());
        let (files, first) = (data.path().join("files"), data.path().join("first.sql"));
        let statements = format!(
            "CREATE DATABASE app CHARACTER SET utf8mb4;\n\
             CREATE USER django@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON *.* TO django@'%';\n"
        );
        fs::write(&first, statements).unwrap();
        let mut make = unprivileged("mariadb-install-db", data.path());
        make.args(["--no-defaults", "--skip-test-db", "--innodb-log-file-size=8M"]);
        make.arg("--auth-root-authentication-method=normal");
        make.arg(format!("--datadir={}", files.display()));
        run(&mut make, "").done();
        let mut server = unprivileged("mariadbd", data.path());
        server.args(["--no-defaults", "--innodb-flush-log-at-trx-commit=0"]);
        server.args(["--skip-name-resolve", "--innodb-log-file-size=8M"]);
        server.arg(format!("--datadir={}", files.display()));
        server.arg(format!("--init-file={}", first.display()));
        server.arg(format!("--socket={}", data.path().join("socket").display()));
        server.arg(format!("--bind-address={}", address.ip()));
        server.arg(format!("--port={}", address.port()));
        Self::started(Kind::MariaDb, server, address, data)
    }

    fn started(kind: Kind, mut server: Command, address: SocketAddr, data: TempDir) -> Self {
        let said = data.path().join("said");
        let log = fs::File::create(&said).unwrap();
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let server = server.spawn().expect("a database server should be installed");
        let mut database = Self { kind, address, server, _data: data };
        let first = match kind {
            Kind::Postgres => "postgres",
            Kind::MariaDb => "app",
        };
        eventually_within(PATIENCE, "a database that answers", || {
            let ended = database.server.try_wait().unwrap();
            let said = || fs::read_to_string(&said).unwrap();
            assert!(ended.is_none(), "the database server does not start:\n{}", said());
            TcpStream::connect(address).ok()?;
            (run(&mut database.client(first, "SELECT 1"), "").code == Some(0)).then_some(())
        });
        database
    }

    /// Its address, as one writes it for `authgate import` and for Django.
    pub(crate) fn url(&self) -> String {
        let scheme = match self.kind {
            Kind::Postgres => "postgres",
            Kind::MariaDb => "mysql",
        };
        let password = utf8_percent_encode(PASSWORD, NON_ALPHANUMERIC);
        format!("{scheme}://django:{password}@{}/app", self.address)
    }

    /// Asks it something in SQL: a line for each row, with tabs between its columns.
    pub(crate) fn ask(&self, sql: &str) -> String {
        run(&mut self.client("app", sql), "").done().stdout
    }

    fn client(&self, database: &str, sql: &str) -> Command {
        let (ip, port) = (self.address.ip().to_string(), self.address.port().to_string());
        match self.kind {
            Kind::Postgres => {
                let mut client = Command::new(place("psql"));
                client.env("PGPASSWORD", PASSWORD);
                client.args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"]);
                client.args(["--field-separator=\t", "--set=ON_ERROR_STOP=1"]);
                client.args(["-h", &ip, "-p", &port, "-U", "django", "-c", sql, database]);
                client
            }
            Kind::MariaDb => {
                let mut client = Command::new(place("mariadb"));
                client.args(["--no-defaults", "--batch", "--skip-column-names", "--raw"]);
                client.args(["-h", &ip, "-P", &port, "-u", "django", "-e", sql, database]);
                client.arg(format!("--password={PASSWORD}"));
                client
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // PostgreSQL ends its other processes and lets go of shared memory only if it is asked.
        let id = self.server.id().to_string();
        let _ = Command::new("kill").args(["-s", "QUIT", &id]).status();
        if matches!(self.kind, Kind::MariaDb) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

/// A program that works in a folder of its own. The servers refuse root, and the folder becomes
/// that of the user who they are instead.
fn unprivileged(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(place(name));
    command.current_dir(folder).env("LC_ALL", "C");
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Where a program is; just its name where PATH has to tell.
fn place(name: &str) -> PathBuf {
    let elsewhere = ELSEWHERE.into_iter().map(PathBuf::from);
    let mut places = versions().into_iter().chain(elsewhere).map(|folder| folder.join(name));
    places.find(|place| place.exists()).unwrap_or_else(|| name.into())
}

/// Debian gives each version of PostgreSQL a folder; the newest first.
fn versions() -> Vec<PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).collect();
    folders.sort_by_key(|path| std::cmp::Reverse(number(path)));
    folders.into_iter().map(|path| path.join("bin")).collect()
}
