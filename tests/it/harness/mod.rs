//! What a test stands on: a gateway, the app behind it, and HTTP that corrects nothing.

pub(crate) mod accounts;
pub(crate) mod command;
pub(crate) mod database;
pub(crate) mod full_disk;
pub(crate) mod gateway;
pub(crate) mod h2;
pub(crate) mod h2_raw;
pub(crate) mod http;
pub(crate) mod listener;
pub(crate) mod name_server;
pub(crate) mod redis_cluster;
pub(crate) mod redis_sentinels;
pub(crate) mod redis_server;
pub(crate) mod relay;
pub(crate) mod scripted;
pub(crate) mod tls;
pub(crate) mod tls_client;
pub(crate) mod upstream;
pub(crate) mod websocket;

use std::net::{Ipv4Addr, SocketAddr};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a test waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until there is an answer; panics once [`PATIENCE`] is at its end.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look)
}

/// The same with a patience of its own.
pub(crate) fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Awaits again and again until it is so; panics once that has taken twice [`PATIENCE`].
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let outcome = tokio::time::timeout(PATIENCE * 2, asking).await;
    assert!(outcome.is_ok(), "waited in vain: {what}");
}

/// Runs what has to be awaited, on threads of its own.
pub(crate) fn wait_for(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

/// An address of this machine that nobody listens on, and that no other test is given.
///
/// A port that the system picks is free only until it is let go. So each process has a loopback
/// address of its own, made of its number, and counts its ports. No two numbers may make one
/// address: two tests that run side by side would meet there.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let [_, high, middle, low] = process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, 100 + high % 100, middle, low);
    SocketAddr::from((address, NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Whether the long forms of tests are asked for.
#[expect(clippy::disallowed_methods, reason = "says how long to test, not how the program works")]
pub(crate) fn is_long() -> bool {
    std::env::var_os("AUTHGATE_TEST_LONG").is_some()
}

/// A folder of the test's own, in memory where the system has that: hundreds of tests that all wait
/// for one disk wait longer than a gateway may wait for its store.
pub(crate) fn folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}
