//! A mistake of ours that panics: one request fails by it, and nobody else notices.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use authgate::auth::{Argon2Hasher, Auth, HashCost, Parts};
use authgate::clock::{Clock, SystemClock, Timestamp};
use authgate::config::{Config, Source};
use authgate::gateway::Gateway;
use authgate::metrics::Metrics;
use authgate::store;
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, Server};
use pingora::services::listening::Service;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::gateway::{PASSWORD, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::upstream::Upstream;
use crate::harness::{eventually, folder, free_address};

#[test]
fn a_panic_is_500_and_costs_one_request() {
    let upstream = Upstream::start();
    let rig = Rig::before(&upstream);
    let account = json!({ "username": "alice", "password": PASSWORD });
    let registered =
        rig.connect().send(Request::post("/api/register/").json(&account).bytes()).answer();
    let token = registered.json()["token"].as_str().unwrap().to_owned();
    let request = Request::get("/app").token(&token).bytes();
    let mut bystander = rig.connect();
    assert_eq!(bystander.send(&request).answer().status, 200);
    upstream.take();

    rig.arm();
    let answer = rig.connect().send(&request).answer();

    assert_eq!((answer.status, answer.text().as_str()), (500, r#"{"detail":"Internal error."}"#));
    assert_eq!(answer.header("Connection").as_deref(), Some("close"));
    assert!(upstream.take().is_empty());
    assert_eq!(bystander.send(&request).answer().status, 200);
    assert_eq!(rig.connect().send(&request).answer().status, 200);
    let counted = rig.metrics.render().unwrap();
    assert!(counted.contains("authgate_panics_total 1\n"), "{counted}");
    eventually("the end of every request", || (rig.metrics.in_flight() == 0).then_some(()));
}

#[test]
fn a_panic_while_nothing_is_guarded_costs_the_verdict_alone() {
    let upstream = Upstream::start();
    let rig = Rig::with(&(upstream.settings() + ROUTES + "[gate]\nmode = \"shadow\"\n"));
    rig.arm();
    let answer = rig.connect().send(Request::get("/app").token("a").bytes()).answer();
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.take().len(), 1);
    let counted = "would=\"unknown\",app=\"2xx\",outcome=\"unknown\"";
    eventually("no verdict", || rig.metrics.render().unwrap().contains(counted).then_some(()));
    assert!(rig.metrics.render().unwrap().contains("authgate_panics_total 1\n"));
}

/// A gateway within this process, whose clock panics when it is told to.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    bomb: Arc<Bomb>,
    pub(crate) metrics: Arc<Metrics>,
    _folder: TempDir,
}

impl Rig {
    pub(crate) fn before(upstream: &Upstream) -> Self {
        Self::with(&(upstream.settings() + ROUTES))
    }

    fn with(settings: &str) -> Self {
        let (folder, address) = (folder(), free_address());
        let file = folder.path().join("authgate.toml");
        let url = format!("[store]\nurl = \"sqlite:{}/authgate.db\"\n", folder.path().display());
        fs::write(&file, settings.to_owned() + &url).unwrap();
        let source = Source { file: Some(file), ..Source::default() };
        let Config { auth, gateway, store, .. } =
            Config::load(&source).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let (bomb, metrics) = (Arc::new(Bomb::default()), Arc::new(Metrics::default()));
        let cheap = HashCost { memory_kib: 64, iterations: 1, parallelism: 1 };
        let parts = Parts {
            clock: Arc::clone(&bomb) as Arc<dyn Clock>,
            hasher: Arc::new(Argon2Hasher::new(cheap).unwrap()),
            metrics: Arc::clone(&metrics),
            store: store::open(&store).unwrap(),
        };
        let auth = Arc::new(Auth::new(parts, auth).unwrap());
        let gateway = Gateway::new(auth, Arc::clone(&metrics), gateway);
        serve(gateway, address);
        Self { address, bomb, metrics, _folder: folder }
    }

    /// Has the next look at the clock panic.
    pub(crate) fn arm(&self) {
        self.bomb.is_armed.store(true, Ordering::SeqCst);
    }

    fn connect(&self) -> Connection {
        Connection::open(self.address)
    }
}

/// Serves until the process of the tests ends.
fn serve(gateway: Gateway, address: SocketAddr) {
    let mut server = Server::new_with_opt_and_conf(None, ServerConf::default());
    server.bootstrap();
    let mut service =
        Service::new("gateway".to_owned(), http_proxy(&server.configuration, gateway));
    service.add_tcp(&address.to_string());
    server.add_service(service);
    let run = move || server.run(RunArgs::default());
    thread::Builder::new().name("gateway".into()).spawn(run).unwrap();
    eventually("the gateway to listen", || TcpStream::connect(address).ok());
}

/// A clock that panics once it is armed, and then goes on.
#[derive(Default)]
struct Bomb {
    is_armed: AtomicBool,
}

impl Clock for Bomb {
    fn now(&self) -> Timestamp {
        assert!(!self.is_armed.swap(false, Ordering::SeqCst), "as the test wants it");
        SystemClock.now()
    }

    fn instant(&self) -> Instant {
        assert!(!self.is_armed.swap(false, Ordering::SeqCst), "as the test wants it");
        SystemClock.instant()
    }
}
