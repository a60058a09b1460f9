//! An attack on one account from many addresses, by the PROXY protocol of a trusted balancer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use serde_json::json;

use crate::harness::gateway::{PASSWORD, ROUTES};
use crate::harness::http::{Connection, Request};
use crate::harness::is_long;
use crate::harness::listener::Listener;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

const BALANCER: &str = "proxy_protocol = [\"127.0.0.0/8\"]\n";
/// Twenty guesses, and no more in the time of a test.
const SLOW: &str = "[limits]\nlogin_failures_per_account = { free = 20, delay = \"15m\" }\n";
const FREE: usize = 20;
const AT_ONCE: usize = 16;
/// By each address over one connection.
const TRIES: usize = 4;
/// Of no attacker.
const OWNER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

#[test]
fn from_many_addresses_no_more_guesses_get_through_and_the_owner_gets_in() {
    let (upstream, listener) = (Upstream::start(), Listener::on(BALANCER));
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES + SLOW));
    let attack = Attack::on(&[&listener]);
    attack.run();
    assert_eq!(attack.through.into_inner(), FREE);
    assert!(attack.signed_in.into_inner() > 0);
}

#[test]
fn gateways_of_one_store_count_guesses_from_many_addresses_together() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let listeners = [(); 2].map(|()| Listener::on(BALANCER));
    let settings = upstream.settings() + ROUTES + &redis.settings() + SLOW;
    let _gateways = listeners.each_ref().map(|listener| listener.gateway(&settings));
    let attack = Attack::on(&listeners.each_ref());
    attack.run();
    assert_eq!(attack.through.into_inner(), FREE);
    assert!(attack.signed_in.into_inner() > 0);
}

#[test]
fn as_shipped_few_guesses_get_through_and_the_owner_gets_in() {
    let (upstream, listener) = (Upstream::start(), Listener::on(BALANCER));
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let attack = Attack::on(&[&listener]);
    attack.run();
    // Each wait is twice as long as the one before: more than an hour for twelve of them.
    let through = attack.through.into_inner();
    assert!((FREE..=FREE + 12).contains(&through), "{through}");
    assert!(attack.signed_in.into_inner() > 0);
}

/// Attackers who guess one password, and its owner, who signs in meanwhile.
struct Attack {
    gateways: Vec<SocketAddr>,
    is_over: AtomicBool,
    signed_in: AtomicUsize,
    through: AtomicUsize,
}

impl Attack {
    fn on(listeners: &[&Listener]) -> Self {
        let gateways = listeners.iter().map(|listener| listener.address).collect();
        let (is_over, signed_in, through) = Default::default();
        Self { gateways, is_over, signed_in, through }
    }

    /// Attacks from each address once the owner is known at theirs.
    fn run(&self) {
        let account = json!({ "username": "alice", "password": PASSWORD });
        let registration = Request::post("/api/register/").json(&account);
        let registered = self.call(0, OWNER, 1).send(registration.bytes()).answer();
        assert_eq!(registered.status, 200, "{registered:?}");
        let addresses = if is_long() { 10_000 } else { 300 };
        thread::scope(|scope| {
            let owner = scope.spawn(|| self.keep_signing_in());
            let attackers = (0..AT_ONCE).map(|first| {
                scope.spawn(move || {
                    (first..addresses).step_by(AT_ONCE).for_each(|number| self.guess_from(number));
                })
            });
            let attackers: Vec<_> = attackers.collect();
            // Whoever fails, nobody goes on for ever.
            let ended: Vec<_> = attackers.into_iter().map(ScopedJoinHandle::join).collect();
            self.is_over.store(true, Ordering::SeqCst);
            owner.join().unwrap();
            for attacker in ended {
                attacker.unwrap();
            }
        });
    }

    fn keep_signing_in(&self) {
        while !self.is_over.load(Ordering::SeqCst) {
            let turn = self.signed_in.fetch_add(1, Ordering::SeqCst);
            let answer = self.call(turn, OWNER, 2).send(login("alice", PASSWORD)).answer();
            assert_eq!(answer.status, 200, "sign-in {turn}: {answer:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn guess_from(&self, number: usize) {
        let mut client = self.call(number, attacker(number), 1 + number / 2 % 2);
        for turn in 0..TRIES {
            // One account, however it is written.
            let name = ["alice", "ALICE", " alice "][(number + turn) % 3];
            let guess = format!("guess-{number}-{turn}");
            let answer = client.send(login(name, &guess)).answer();
            match answer.status {
                429 => assert!(answer.header("Retry-After").is_some(), "{answer:?}"),
                400 => drop(self.through.fetch_add(1, Ordering::SeqCst)),
                _ => panic!("{answer:?}"),
            }
        }
    }

    /// Calls one of the gateways as a client at this address.
    fn call(&self, turn: usize, address: IpAddr, version: usize) -> Connection {
        let mut client = Connection::open(self.gateways[turn % self.gateways.len()]);
        client.send(header(address, version));
        client
    }
}

fn login(name: &str, password: &str) -> Vec<u8> {
    let credentials = json!({ "username": name, "password": password });
    Request::post("/api/login/").json(&credentials).bytes()
}

/// Every second attacker has an address of IPv4, the others a network of IPv6 each.
fn attacker(number: usize) -> IpAddr {
    let number = u32::try_from(number).unwrap();
    let [_, _, high, low] = number.to_be_bytes();
    if number.is_multiple_of(2) {
        return Ipv4Addr::new(198, 18, high, low).into();
    }
    Ipv6Addr::new(0x2001, 0xdb8, 0, u16::from_be_bytes([high, low]), 0, 0, 0, 1).into()
}

/// What a balancer says of a client.
fn header(client: IpAddr, version: usize) -> Vec<u8> {
    let (family, here, bytes): (_, IpAddr, _) = match client {
        IpAddr::V4(ip) => (4, Ipv4Addr::new(192, 0, 2, 1).into(), ip.octets().to_vec()),
        IpAddr::V6(ip) => (6, Ipv6Addr::LOCALHOST.into(), ip.octets().to_vec()),
    };
    if version == 1 {
        return format!("PROXY TCP{family} {client} {here} 51234 443\r\n").into_bytes();
    }
    let told = [&bytes[..], &vec![1; bytes.len()], &[0xc8, 0x22, 1, 0xbb]].concat();
    let kind = if family == 4 { 0x11 } else { 0x21 };
    let length = u8::try_from(told.len()).unwrap();
    [b"\r\n\r\n\0\r\nQUIT\n\x21", &[kind, 0, length][..], &told].concat()
}
