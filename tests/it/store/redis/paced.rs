//! How fast a source is taken over where gateways hear of it.

use super::super::staged::{order, stage, token, user};
use super::*;
use crate::harness::eventually;
use authgate::store::whole::OnConflict;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;
use tokio::task::spawn_blocking;

/// Listens as a gateway does, and hears nothing until it reads. Less is on its way by a socket than by a network.
fn follow(socket: &str) -> UnixStream {
    let mut feed = UnixStream::connect(socket).unwrap();
    let track = "HELLO 3\r\nCLIENT SETNAME authgate-feed\r\n\
                 CLIENT TRACKING ON BCAST PREFIX authgate:token: PREFIX authgate:user:\r\n";
    feed.write_all(track.as_bytes()).unwrap();
    feed
}

/// How many bytes it has not heard.
fn unheard(server: &RedisServer) -> u64 {
    let clients: String = server.ask(&["CLIENT", "LIST"]);
    let feed = clients.lines().find(|client| client.contains("name=authgate-feed"));
    let bytes = feed.and_then(|feed| feed.split(' ').find_map(|word| word.strip_prefix("omem=")));
    bytes.map_or(0, |bytes| bytes.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_taken_over_no_faster_than_gateways_hear_of_it() {
    const USERS: u64 = 7_000;
    // Without its log, which takes the most time.
    let folder = crate::harness::folder();
    let socket = folder.path().join("redis").display().to_string();
    let server = RedisServer::start_with(&["--appendonly", "no", "--unixsocket", &socket]);
    let fixture = redis_over(server.url(), || panic!("the server is the test's own"));
    let mut feed = follow(&socket);
    let whole = fixture.whole();
    let landing = spawn_blocking(move || {
        let users: Vec<_> = (1..=USERS).map(|n| user(n, &format!("user{n}"))).collect();
        let eight = |n| (0..8).map(move |nth| token(n, &format!("{n} {nth}")));
        let staging = stage(&users, &(1..=USERS).flat_map(eight).collect::<Vec<_>>());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(whole.land(&staging, &order(OnConflict::Skip), &|_, _| {})).unwrap()
    });
    eventually("a gateway that is behind", || (unheard(&server) > 1 << 20).then_some(()));
    let there = || server.ask::<u64>(&["ZCARD", "authgate:users"]);
    // What is under way is written yet.
    let (mut last, mut since) = (there(), Instant::now());
    eventually("nothing more", || {
        let now = there();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        (since.elapsed() > Duration::from_secs(1)).then_some(())
    });
    assert!(last < USERS && !landing.is_finished(), "{last} users");
    let hearing = spawn_blocking(move || while feed.read(&mut [0; 8 << 10]).unwrap_or(0) > 0 {});
    let landed = landing.await.unwrap();
    assert_eq!((landed.added, landed.tokens_added), (USERS, 8 * USERS));
    drop((server, fixture));
    hearing.await.unwrap();
}
