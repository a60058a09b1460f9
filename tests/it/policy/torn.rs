//! Answers of a store that break off in the middle.

use std::thread;
use std::time::{Duration, Instant};

use super::backing::{Place, Way};
use super::judge::{judge, tell};
use super::stage::{Stage, Terms};
use super::stores::until_well;
use super::table::{Cell, Kind, STORE_TORN};
use crate::harness::gateway::Gateway;
use crate::harness::http::Request;
use crate::harness::relay::Manner;

/// After how many bytes.
const LENGTHS: [usize; 3] = [1, 5, 40];

#[test]
fn redis() {
    keeps_the_policy(Place::Redis);
}

#[test]
fn sentinel() {
    keeps_the_policy(Place::Sentinel);
}

#[test]
fn cluster() {
    keeps_the_policy(Place::Cluster);
}

fn keeps_the_policy(place: Place) {
    let mut stage = Stage::set(place, &Terms { way: Way::Relayed, ..Terms::default() });
    let mut wrong = Vec::new();
    for kind in Kind::ALL {
        let tears = [Manner::CutOff(LENGTHS[1]), Manner::CutShort(LENGTHS[1])];
        for tear in if ends_tokens(kind) { &tears[..1] } else { &tears } {
            stage.backing.relays().iter().for_each(|relay| relay.once(*tear));
            let asked = stage.ask(kind);
            let found = judge(kind, STORE_TORN.cell(kind), &asked);
            wrong.extend(found.err().map(|error| format!("{tear:?}: {error}")));
        }
    }
    tell(&STORE_TORN, &wrong);
    until_well(&mut stage, &[]);
}

/// The second time there is nothing left to end.
fn ends_tokens(kind: Kind) -> bool {
    matches!(kind, Kind::Logout | Kind::LogoutAll)
}

#[test]
fn an_answer_never_belongs_to_another_request() {
    for place in [Place::Redis, Place::Sentinel, Place::Cluster] {
        let mut stage = Stage::set(place, &Terms { way: Way::Relayed, ..Terms::default() });
        let bob = stage.gateway.register("bob");
        // Without a feed every token is asked for.
        stage.backing.forbid_feeds(true);
        let (gateway, relays) = (&stage.gateway, stage.backing.relays());
        let end = Instant::now() + Duration::from_secs(2);
        thread::scope(|scope| {
            for (name, token) in [("alice", &stage.tokens.remembered), ("bob", &bob)] {
                for _ in 0..3 {
                    scope.spawn(move || ask_until(end, gateway, name, token));
                }
            }
            for round in 0.. {
                if Instant::now() > end {
                    break;
                }
                let length = LENGTHS[round % LENGTHS.len()];
                let manners = [Manner::CutOff(length), Manner::CutShort(length)];
                for relay in &relays {
                    relay.once(manners[round % 2]);
                }
                thread::sleep(Duration::from_millis(50));
            }
        });
    }
}

fn ask_until(end: Instant, gateway: &Gateway, name: &str, token: &str) {
    let mut served = 0;
    while Instant::now() < end {
        let answer = gateway.send(&Request::get("/app").token(token));
        match answer.status {
            200 => assert_eq!(answer.json()["user"], name),
            503 => {}
            _ => panic!("{}: {} {}", Cell::ServedOr503, answer.status, answer.text()),
        }
        served += u32::from(answer.status == 200);
    }
    assert!(served > 0, "nobody was served");
}
