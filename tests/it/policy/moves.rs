//! Another server takes the place of one, or a part of its keys.

use std::thread;
use std::time::Duration;

use super::backing::{Backing, Place, Way};
use super::faults::Fault;
use super::judge::{check, look_for_signs};
use super::stage::{Stage, Terms};
use super::stores::until_well;
use super::table::{FAILOVER, SLOT_MOVES};
use crate::harness::eventually;
use crate::harness::http::Request;

#[test]
fn failover_of_sentinel() {
    keeps_the_policy(Place::Sentinel);
}

#[test]
fn failover_of_a_cluster() {
    keeps_the_policy(Place::Cluster);
}

/// What the next primary has not heard of is what bob did last: he has ended all of his tokens.
fn keeps_the_policy(place: Place) {
    let mut stage = Stage::set(place, &Terms { way: Way::Replicated, ..Terms::default() });
    let bob = stage.gateway.register("bob");
    let (primary, replica) = pair_of(&mut stage.backing, "bob");
    wait_until_replicas_have_all(&stage.backing);
    stage.backing.servers()[replica].kill();
    let end = Request::post("/api/logoutall/").token(&bob);
    assert_eq!(stage.gateway.send(&end).status, 204);
    stage.backing.servers()[primary].kill();
    let servers = stage.backing.servers();
    servers[replica].restart();
    if place == Place::Cluster {
        // It has not heard of its primary since it was started.
        servers[replica].ask::<()>(&["CONFIG", "SET", "cluster-replica-validity-factor", "0"]);
    }
    eventually("the next primary", || {
        let about: String = stage.backing.servers()[replica].ask(&["INFO", "replication"]);
        about.contains("role:master").then_some(())
    });
    eventually("a gateway that has found it", || {
        let status = stage.gateway.status_of(&bob);
        assert!([401, 503].contains(&status), "what was ended is good again: {status}");
        let [fresh, login] = [
            stage.gateway.status_of(&stage.tokens.remembered),
            stage.gateway.try_login("eve").status,
        ];
        (fresh == 200 && login == 200 && status == 401).then_some(())
    });
    check(&mut stage, &FAILOVER);
    look_for_signs(&stage, &FAILOVER);
    assert_eq!(stage.gateway.status_of(&bob), 401);
    until_well(&mut stage, &[]);
    eventually("the end of bob's tokens, written again", || {
        (stage.gateway.meter("tombstones_replayed_total") >= 1.0).then_some(())
    });
}

/// What a replica tells may be late.
#[test]
fn a_server_that_is_no_primary_any_more_is_not_followed() {
    let mut stage = Stage::set(Place::Redis, &Terms::default());
    assert!(stage.gateway.meter("feed_up") > 0.5);
    Fault::Replica.begin(&mut stage);
    eventually("the end of its feed", || (stage.gateway.meter("feed_up") < 0.5).then_some(()));
}

/// The number of the server that has a user's record, and of its replica.
fn pair_of(backing: &mut Backing, user: &str) -> (usize, usize) {
    let name = format!("authgate:name:{{{user}}}");
    let id: String = backing.ask_of(&name, &["GET", &name]);
    match backing {
        Backing::Cluster(cluster) => {
            let primary = cluster.owner(&format!("authgate:user:{{{id}}}"));
            (primary, primary + 3)
        }
        _ => (0, 1),
    }
}

fn wait_until_replicas_have_all(backing: &Backing) {
    match backing {
        Backing::Cluster(cluster) => cluster.wait_until_replicas_have_all(),
        Backing::Sentinel(servers) => servers.wait_until_replicas_have_all(),
        Backing::Redis(..) | Backing::Sqlite(_) => {}
    }
}

#[test]
fn a_slot_that_moves() {
    let mut stage = Stage::set(Place::Cluster, &Terms::default());
    let name = "authgate:name:{alice}";
    let id: String = stage.backing.ask_of(name, &["GET", name]);
    let Backing::Cluster(cluster) = &stage.backing else { panic!() };
    let key = format!("authgate:user:{{{id}}}");
    let to = (cluster.owner(&key) + 1) % 3;
    let (slot, from) = cluster.begin_to_move(&key, to);
    check(&mut stage, &SLOT_MOVES);
    stage.begin_anew();
    let Backing::Cluster(cluster) = &stage.backing else { panic!() };
    cluster.move_keys(&slot, from, to);
    check(&mut stage, &SLOT_MOVES);
    let Backing::Cluster(cluster) = &stage.backing else { panic!() };
    cluster.end_move(&slot, to);
    until_well(&mut stage, &[]);
}

#[test]
fn keys_that_are_on_their_way_are_waited_for() {
    let mut stage = Stage::set(Place::Cluster, &Terms::default());
    let name = "authgate:name:{alice}";
    let id: String = stage.backing.ask_of(name, &["GET", name]);
    let Backing::Cluster(cluster) = &stage.backing else { panic!() };
    let key = format!("authgate:user:{{{id}}}");
    let to = (cluster.owner(&key) + 1) % 3;
    let (slot, from) = cluster.begin_to_move(&key, to);
    // A token is written down where its user and the list of their tokens are, both at once.
    cluster.move_key(&format!("authgate:tokens:{{{id}}}"), from, to);
    let gateway = &stage.gateway;
    thread::scope(|scope| {
        let login = scope.spawn(|| gateway.try_login("alice").status);
        // As long as a request may wait, and not longer.
        thread::sleep(Duration::from_millis(300));
        cluster.move_keys(&slot, from, to);
        assert_eq!(login.join().unwrap(), 200);
    });
}
