//! The gateway: the real binary, on a free port, with a folder of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use serde_json::json;
use tempfile::TempDir;
use toml::{Table, Value};

use super::command::{AUTHGATE, Outcome, authgate};
use super::http::{Answer, Connection, Request};
use super::upstream::Upstream;
use super::{eventually, folder, free_address};

/// The password of every account, good enough for every check.
pub(crate) const PASSWORD: &str = "pass-Word-123";

/// A route of each kind to the app.
pub(crate) const ROUTES: &str = r#"
[[routes]]
path = "/"
access = "user"
upstream = "app"
[[routes]]
path = "/public"
access = "public"
upstream = "app"
[[routes]]
path = "/optional"
access = "optional"
upstream = "app"
[[routes]]
path = "/staff"
access = "staff"
upstream = "app"
[[routes]]
path = "/nobody"
access = "nobody"
"#;

/// A running gateway. It is killed when it is dropped.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    /// Where it is told what to do, if it may be.
    control: Option<PathBuf>,
    /// Where it tells what it counts, if it does.
    ops: Option<SocketAddr>,
    process: Child,
    /// The process that took over from it.
    successor: Option<u32>,
    folder: TempDir,
}

impl Gateway {
    /// Starts a gateway under these settings. What they leave out: a free port, a SQLite store in
    /// a fresh folder, and Argon2 at its cheapest.
    pub(crate) fn start(settings: &str) -> Self {
        Self::start_by(Command::new(AUTHGATE), settings, &[])
    }

    /// Starts a gateway that takes HTTP/2 without TLS too, and where.
    pub(crate) fn with_h2(settings: &str) -> (Self, SocketAddr) {
        let address = free_address();
        let listener = format!("\n[[listeners]]\naddress = \"{address}\"\nh2c = true\n");
        let gateway = Self::start(&(settings.to_owned() + &listener));
        // It opens its doors one after the other.
        eventually("the listener of HTTP/2", || TcpStream::connect(address).ok());
        (gateway, address)
    }

    /// Starts a gateway that tells what it counts: see [`Self::meter`].
    pub(crate) fn metered(settings: &str) -> Self {
        let ops = free_address();
        Self::start(&format!("{settings}\n[ops]\nlisten = \"{ops}\"\n"))
    }

    /// Starts a gateway by this program, and with these flags.
    pub(crate) fn start_by(program: Command, settings: &str, flags: &[&str]) -> Self {
        let (folder, address) = (folder(), free_address());
        let merged = complete(settings, address, folder.path());
        let table: Table = toml::from_str(&merged).unwrap();
        let text = |section, key| table.get(section)?.get(key)?.as_str().map(str::to_owned);
        let ops = text("ops", "listen").map(|ops| ops.parse().unwrap());
        let control = text("server", "control").map(|control| folder.path().join(control));
        fs::write(folder.path().join("authgate.toml"), merged).unwrap();
        let process = launch(program, folder.path(), address, flags);
        let process = process.unwrap_or_else(|said| panic!("the gateway did not start:\n{said}"));
        let gateway = Self { address, control, ops, process, successor: None, folder };
        gateway.until_reachable();
        gateway
    }

    /// Waits for operators to reach it: it opens its doors one after the other.
    fn until_reachable(&self) {
        if let Some(ops) = self.ops {
            eventually("the operations listener", || TcpStream::connect(ops).ok());
        }
        if let Some(control) = &self.control {
            eventually("the control socket", || UnixStream::connect(control).ok());
        }
    }

    /// Where a metered gateway tells what it counts.
    pub(crate) fn ops(&self) -> SocketAddr {
        self.ops.expect("a metered gateway")
    }

    /// Where it keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process that serves now.
    pub(crate) fn process_id(&self) -> u32 {
        self.successor.unwrap_or(self.process.id())
    }

    /// The status of a request to the app with this token.
    pub(crate) fn status_of(&self, token: &str) -> u16 {
        self.send(&Request::get("/app").token(token)).status
    }

    /// Starts a gateway with all of [`ROUTES`] before an app.
    pub(crate) fn before(upstream: &Upstream) -> Self {
        Self::start(&(upstream.settings() + ROUTES))
    }

    /// Sends one request over a connection of its own.
    pub(crate) fn send(&self, request: &Request) -> Answer {
        self.connect().send(request.bytes()).answer()
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    pub(crate) fn try_register(&self, name: &str) -> Answer {
        let account = json!({ "username": name, "password": PASSWORD });
        self.send(&Request::post("/api/register/").json(&account))
    }

    pub(crate) fn try_login(&self, name: &str) -> Answer {
        let credentials = json!({ "username": name, "password": PASSWORD });
        self.send(&Request::post("/api/login/").json(&credentials))
    }

    /// Makes an account; its first token.
    pub(crate) fn register(&self, name: &str) -> String {
        token_in(&self.try_register(name))
    }

    /// A new token for an account.
    pub(crate) fn login(&self, name: &str) -> String {
        token_in(&self.try_login(name))
    }

    /// Makes a staff account; its token.
    pub(crate) fn register_staff(&self, name: &str) -> String {
        self.register(name);
        self.run(&["user", "promote", name]).done();
        self.login(name)
    }

    /// Runs a verb of the command line on this gateway's settings.
    pub(crate) fn run(&self, verb: &[&str]) -> Outcome {
        self.run_with_input(verb, "")
    }

    pub(crate) fn run_with_input(&self, verb: &[&str], input: &str) -> Outcome {
        let config = self.folder.path().join("authgate.toml");
        authgate(&[verb, &["--config", config.to_str().unwrap()]].concat(), input)
    }

    /// Writes other settings. A gateway that runs does not know of them until it is told.
    pub(crate) fn configure(&self, settings: &str) {
        self.write_settings(&complete(settings, self.address, self.folder.path()));
    }

    /// Writes this very text where the settings stand.
    pub(crate) fn write_settings(&self, text: &str) {
        fs::write(self.folder.path().join("authgate.toml"), text).unwrap();
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    /// Tells it something by the control socket that it had at its start.
    pub(crate) fn tell(&self, verb: &str) -> Outcome {
        let path = self.control.as_ref().expect("server.control").display().to_string();
        self.run(&[verb, "--control", &path])
    }

    /// Tells it to let another process take over.
    pub(crate) fn try_upgrade(&mut self) -> Outcome {
        let outcome = self.tell("upgrade");
        if outcome.code == Some(0) {
            let id = outcome.stdout.split(' ').find_map(|word| word.trim().parse().ok());
            self.successor = Some(id.unwrap_or_else(|| panic!("no process: {outcome:?}")));
        }
        outcome
    }

    /// Lets another process take over.
    pub(crate) fn upgrade(&mut self) {
        self.try_upgrade().done();
    }

    /// How many files and sockets it has open.
    pub(crate) fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(successor) = self.successor.take() {
            let _ = Command::new("kill").args(["-s", "KILL", &successor.to_string()]).status();
        }
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
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
        let id = self.process_id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits until the process has ended; its exit code, `None` if a signal ended it.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        eventually("the gateway's end", || self.process.try_wait().unwrap()).code()
    }

    /// Kills the gateway and starts it again: same port, same store, same settings.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let process = launch(Command::new(AUTHGATE), self.folder.path(), self.address, &[]);
        self.process = process.expect("the gateway to restart");
        self.until_reachable();
    }

    /// What a metered gateway says of a metric, by its name without `authgate_`.
    pub(crate) fn meter(&self, name: &str) -> f64 {
        self.try_meter(name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// The same; `None` if it does not have that.
    pub(crate) fn try_meter(&self, name: &str) -> Option<f64> {
        let text =
            Connection::open(self.ops()).send(Request::get("/metrics").bytes()).answer().text();
        let line = format!("authgate_{name} ");
        let value = text.lines().find_map(|text| text.strip_prefix(&line));
        value.map(|value| value.parse().unwrap())
    }

    /// Waits until it has turned a connection away for a reason.
    pub(crate) fn until_turned_away(&self, reason: &str) {
        let name = format!("connections_turned_away_total{{reason=\"{reason}\"}}");
        eventually(&name, || self.try_meter(&name).filter(|count| *count >= 1.0));
    }

    /// Waits until the store has told a metered gateway of everything that has happened so far.
    pub(crate) fn until_told(&self) {
        let now = Instant::now();
        eventually("the feed's next proof", || {
            let waited = now.elapsed().as_secs_f64();
            (self.meter("feed_age_seconds") < waited).then_some(())
        });
    }

    /// A line of `/proc/PID/status`, in KiB: `VmRSS` is the memory now, `VmHWM` the most so far.
    pub(crate) fn memory_kib(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let value = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        value.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
    }

    /// How much processor time the gateway has used, in hundredths of a second.
    pub(crate) fn processor_time(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // After the name, which may hold anything: the state is the first, user time the 12th.
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    /// All that the gateway wrote to its standard output and standard error.
    pub(crate) fn log(&self) -> String {
        logs(self.folder.path())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            eprintln!("the gateway at {} said:\n{}", self.address, self.log());
        }
    }
}

/// The settings of a route to the app.
pub(crate) fn route(path: &str, access: &str) -> String {
    format!("[[routes]]\npath = \"{path}\"\naccess = \"{access}\"\nupstream = \"app\"\n")
}

fn token_in(answer: &Answer) -> String {
    let token = answer.json()["token"].as_str().map(str::to_owned);
    token.unwrap_or_else(|| panic!("no token: {} {}", answer.status, answer.text()))
}

/// The test's settings, over those that make a gateway of its own.
fn complete(settings: &str, address: SocketAddr, folder: &Path) -> String {
    let mut table: Table = toml::from_str(&format!(
        r#"
        [server]
        listen = ["{address}"]
        [store]
        url = "sqlite:{}"
        [passwords]
        argon2 = {{ memory = "64KiB", iterations = 1, parallelism = 1 }}
        "#,
        folder.join("authgate.db").display()
    ))
    .unwrap();
    let settings: Table = toml::from_str(settings).expect("the test's settings");
    let is_in_a_file = settings.get("store").is_some_and(|store| store.get("url_file").is_some());
    overlay(&mut table, settings);
    if let Some(store) =
        table.get_mut("store").and_then(Value::as_table_mut).filter(|_| is_in_a_file)
    {
        store.remove("url");
    }
    toml::to_string(&table).unwrap()
}

fn overlay(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => overlay(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

/// Starts the process and waits until it listens; what it said if it ends before.
fn launch(
    mut program: Command,
    folder: &Path,
    address: SocketAddr,
    flags: &[&str],
) -> Result<Child, String> {
    let log = |name| File::options().create(true).append(true).open(folder.join(name)).unwrap();
    let mut process = program
        .args(["serve", "--config", "authgate.toml"])
        .args(flags)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log("stdout"))
        .stderr(log("stderr"))
        .spawn()
        .expect("authgate");
    let listens = eventually("the gateway to listen", || match process.try_wait().unwrap() {
        Some(_) => Some(false),
        None => TcpStream::connect(address).is_ok().then_some(true),
    });
    if listens { Ok(process) } else { Err(logs(folder)) }
}

fn logs(folder: &Path) -> String {
    let read = |name| fs::read_to_string(folder.join(name)).unwrap_or_default();
    read("stdout") + &read("stderr")
}
