//! Redis by TLS, whose authority is the operator's own: alone, by Sentinel and in a Cluster.

use super::*;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::tls::Authority;
use crate::harness::upstream::Upstream;
use crate::harness::{eventually, folder, free_address};
use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A server that speaks TLS, with a password, and who vouches for it.
struct Secured {
    authority: Authority,
    place: SocketAddr,
    server: RedisServer,
}

impl Secured {
    fn start(more: &[&str]) -> Self {
        let (authority, place) = (Authority::new(), free_address());
        let identity = authority.sign(&place.ip().to_string());
        let (port, ca) = (place.port().to_string(), authority.file());
        let tls = [
            ["--tls-port", &port],
            ["--tls-cert-file", &identity.certificate],
            ["--tls-key-file", &identity.key],
            ["--tls-ca-cert-file", &ca],
            ["--tls-auth-clients", "no"],
            ["--tls-replication", "yes"],
        ];
        let server = RedisServer::start_with(&[tls.as_flattened(), more].concat());
        Self { authority, place, server }
    }

    fn pem(&self) -> Vec<u8> {
        fs::read(self.authority.file()).unwrap()
    }

    /// Uses a store at this address, by whom the operator trusts, by whom everybody does, and by
    /// another authority.
    async fn is_used_at(&self, url: &str) {
        let store = RedisStore::open_trusting(url, Some(&self.pem())).unwrap();
        eventually_answers(&store).await;
        let user = add_user(&store, "alice").await;
        store.issue_token(new_token(&user, "t")).await.unwrap();
        assert!(is_live(&store, "t").await);
        assert!(store.revoke_tokens_of(user.id).await.unwrap());
        let stranger = fs::read(Authority::new().file()).unwrap_or_default();
        for other in [None, Some(stranger.as_slice())] {
            let store = RedisStore::open_trusting(url, other).unwrap();
            assert!(store.ping().await.is_err(), "{other:?}");
        }
    }
}

async fn eventually_answers(store: &RedisStore) {
    let begun = std::time::Instant::now();
    while let Err(error) = store.ping().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", everything(&error));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_server_is_trusted_by_an_authority_of_the_operators_own() {
    let secured = Secured::start(&["--user", "gate", "on", ">pa/ss", "~*", "&*", "+@all"]);
    let place = secured.place;
    secured.is_used_at(&format!("rediss://gate:pa%2Fss@{place}/0")).await;
}

#[tokio::test]
async fn the_servers_of_a_cluster_are() {
    let ip = free_address().ip().to_string();
    let cluster =
        ["--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-announce-ip", &ip];
    let secured = Secured::start(&cluster);
    secured.server.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    secured.is_used_at(&format!("rediss+cluster://{}", secured.place)).await;
}

#[tokio::test]
async fn sentinels_and_their_primary_are() {
    let secured = Secured::start(&[]);
    let sentinel = Sentinel::of(&secured);
    secured.is_used_at(&format!("rediss+sentinel://{}/main", sentinel.place)).await;
}

#[test]
fn a_gateway_takes_the_authority_and_the_address_from_files() {
    let secured = Secured::start(&["--requirepass", "secret"]);
    let (upstream, files) = (Upstream::start(), folder());
    let url = files.path().join("url");
    fs::write(&url, format!("rediss://:secret@{}/0\n", secured.place)).unwrap();
    let (url, ca) = (url.display(), secured.authority.file());
    let store = format!("[store]\nurl_file = \"{url}\"\nca_file = \"{ca}\"\n");
    let gateway = Gateway::metered(&(upstream.settings() + ROUTES + &store));
    let token = gateway.register("alice");
    gateway.until_told();
    assert_eq!(gateway.status_of(&token), 200);
    assert!(gateway.meter("feed_up") > 0.0);
}

/// A sentinel that speaks nothing but TLS.
struct Sentinel {
    child: Child,
    _data: tempfile::TempDir,
    place: SocketAddr,
}

impl Sentinel {
    fn of(secured: &Secured) -> Self {
        let (data, place) = (folder(), free_address());
        let identity = secured.authority.sign(&place.ip().to_string());
        let file = data.path().join("sentinel.conf");
        let lines = [
            "port 0".to_owned(),
            format!("bind {}", place.ip()),
            format!("tls-port {}", place.port()),
            format!("tls-cert-file {}", identity.certificate),
            format!("tls-key-file {}", identity.key),
            format!("tls-ca-cert-file {}", secured.authority.file()),
            "tls-auth-clients no".to_owned(),
            "tls-replication yes".to_owned(),
            format!("dir {}", data.path().display()),
            format!("sentinel monitor main {} {} 1", secured.place.ip(), secured.place.port()),
        ];
        fs::write(&file, lines.join("\n") + "\n").unwrap();
        let mut command = Command::new("redis-server");
        let command = command.arg(&file).arg("--sentinel").stdout(Stdio::null());
        let child = command.spawn().expect("redis-server should be installed");
        eventually("a sentinel", || std::net::TcpStream::connect(place).ok());
        Self { child, _data: data, place }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
