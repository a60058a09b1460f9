//! How servers share the requests.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::scripted::{Scripted, answer, nobody, public, upstream};

fn three() -> [Scripted; 3] {
    [Scripted::named("a"), Scripted::named("b"), Scripted::named("c")]
}

fn before(servers: &[Scripted], more: &str) -> Gateway {
    let addresses: Vec<_> = servers.iter().map(|server| server.address.to_string()).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    Gateway::start(&(upstream(&addresses) + more + ROUTES))
}

#[test]
fn servers_take_turns_by_their_weights() {
    let [a, b, _] = three();
    let settings = format!(
        "[[upstreams]]\nname = \"app\"\nservers = [\"{}\", {{ address = \"{}\", weight = 3 }}]\n",
        a.address, b.address
    );
    let gateway = Gateway::start(&(settings + "[server]\nthreads = 1\n" + ROUTES));
    let mut got = BTreeMap::new();
    for _ in 0..8 {
        *got.entry(gateway.send(&public()).text()).or_insert(0) += 1;
    }
    assert_eq!(got, BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 6)]));
}

#[test]
fn a_new_request_goes_to_the_server_with_the_fewest() {
    let busy = Scripted::start(|visit| {
        while let Some(head) = visit.request() {
            if head.first_line.contains("hold") {
                let _ = visit.client.rest();
                return;
            }
            visit.client.send(answer("busy"));
        }
    });
    let idle = Scripted::named("idle");
    // Its weight is for the moment that a request takes to be over after its answer.
    let settings = format!(
        "[[upstreams]]\nname = \"app\"\nbalance = \"least-connections\"\n\
         servers = [\"{}\", {{ address = \"{}\", weight = 3 }}]\n",
        busy.address, idle.address
    );
    let gateway = Gateway::start(&(settings + ROUTES));
    let mut holding = vec![];
    eventually("a request held by the one", || {
        let mut client = gateway.connect();
        client.send(Request::get("/public/hold").bytes());
        holding.push(client);
        busy.heads().iter().any(|head| head.first_line.contains("hold")).then_some(())
    });
    let answers = (0..6).map(|_| gateway.send(&public()).text());
    assert!(answers.into_iter().all(|answer| answer == "idle"));
}

#[test]
fn the_same_value_of_a_header_leads_to_the_same_server() {
    let servers = three();
    let gateway = before(&servers, "balance = \"hash-header\"\nhash_header = \"X-Shard\"\n");
    let server_of = |shard: &str| gateway.send(&public().with("X-Shard", shard)).text();
    let shards: Vec<_> = (0..24).map(|number| format!("shard-{number}")).collect();
    let first: Vec<_> = shards.iter().map(|shard| server_of(shard)).collect();
    let again: Vec<_> = shards.iter().map(|shard| server_of(shard)).collect();
    assert_eq!(first, again);
    let used: BTreeSet<_> = first.iter().collect();
    assert_eq!(used.len(), 3, "{first:?}");
}

#[test]
fn the_same_user_or_else_the_same_address_leads_to_the_same_server() {
    let servers = three();
    let gateway = before(&servers, "balance = \"hash-user\"\n");
    let token = gateway.register("alice");
    for request in [public(), Request::get("/app").token(&token)] {
        let answers: Vec<_> = (0..6).map(|_| gateway.send(&request).text()).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}

#[test]
fn where_a_server_goes_its_keys_alone_move() {
    let [a, b, _] = three();
    let servers = [a, b];
    let c = Scripted::start(|visit| {
        visit.request();
        visit.client.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nc");
    });
    let gone = c.address;
    let settings = upstream(&[
        &servers[0].address.to_string(),
        &servers[1].address.to_string(),
        &gone.to_string(),
    ]);
    let more = "balance = \"hash-header\"\nhash_header = \"X-Shard\"\n";
    let gateway = Gateway::start(&(settings + more + ROUTES));
    let server_of = |shard: usize| {
        let answer = gateway.send(&public().with("X-Shard", &shard.to_string()));
        assert_eq!(answer.status, 200);
        answer.text()
    };
    let with: Vec<_> = (0..24).map(server_of).collect();
    drop(c);
    let without: Vec<_> = (0..24).map(server_of).collect();
    for (with, without) in with.iter().zip(&without) {
        assert!(with == "c" || with == without, "{with} became {without}");
    }
    assert!(with.iter().any(|server| server == "c"));
    assert!(without.iter().all(|server| server != "c"));
}

#[test]
fn a_server_that_cannot_be_connected_to_is_left_out() {
    let good = Scripted::named("good");
    let bad = nobody();
    let settings = upstream(&[&good.address.to_string(), &bad.to_string()]);
    let more = "eject_after = 2\neject_for = \"60s\"\n";
    let gateway = Gateway::metered(&(settings + more + ROUTES));
    for _ in 0..8 {
        assert_eq!(gateway.send(&public()).text(), "good");
    }
    let up = |server| {
        gateway.meter(&format!("upstream_server_up{{upstream=\"app\",server=\"{server}\"}}"))
    };
    eventually("the metric", || (up(bad) < 0.5).then_some(()));
    assert!(up(good.address) > 0.5);
    // Lines are written a moment later.
    eventually("the log", || gateway.log().contains("server down").then_some(()));
}

/// An app that ends each connection instead of an answer, beside a good one.
fn beside_one_that_breaks_off() -> (Scripted, Scripted, Gateway) {
    let good = Scripted::named("good");
    let bad = Scripted::start(|visit| drop(visit.request()));
    let settings = upstream(&[&good.address.to_string(), &bad.address.to_string()]);
    let more = "eject_after = 2\neject_for = \"60s\"\n[server]\nthreads = 1\n";
    let gateway = Gateway::start(&(settings + more + ROUTES));
    (good, bad, gateway)
}

#[test]
fn a_server_that_ends_new_connections_without_an_answer_is_left_out() {
    let (_good, bad, gateway) = beside_one_that_breaks_off();
    let answers: Vec<_> = (0..10).map(|_| gateway.send(&public()).status).collect();
    assert_eq!(answers.iter().filter(|status| **status == 502).count(), 2, "{answers:?}");
    assert_eq!(bad.heads().len(), 2);
}

#[test]
fn a_server_is_not_left_out_for_what_a_client_has_sent() {
    let (_good, bad, gateway) = beside_one_that_breaks_off();
    let upload = Request::post("/public").body("hello");
    let upgrade = public().with("Connection", "Upgrade").with("Upgrade", "websocket");
    for request in [upload, upgrade] {
        let answers = (0..10).map(|_| gateway.send(&request).status);
        assert_eq!(answers.filter(|status| *status == 502).count(), 5);
    }
    assert_eq!(bad.heads().len(), 10);
}

#[test]
fn the_only_server_is_never_left_out() {
    let address = nobody();
    let settings = upstream(&[&address.to_string()]) + "eject_after = 1\neject_for = \"60s\"\n";
    let gateway = Gateway::start(&(settings + ROUTES));
    assert_eq!(gateway.send(&public()).status, 502);
    let _app = Scripted::at(address, |visit| visit.always(&answer("back")));
    assert_eq!(gateway.send(&public()).text(), "back");
    eventually("the news", || gateway.log().contains("server up").then_some(()));
}

#[test]
fn a_server_that_fails_its_health_check_gets_nothing_until_it_is_well() {
    for protocol in ["http1", "auto"] {
        let sick = free_of_sickness();
        let well = Scripted::named("well");
        let servers = [sick.address.to_string(), well.address.to_string()];
        let settings = upstream(&[&servers[0], &servers[1]]);
        let health = "health = { path = \"/healthz?x\", host = \"probe.test\", interval = \"50ms\", \
                      healthy_after = 1, unhealthy_after = 1 }\n";
        let more = format!("protocol = \"{protocol}\"\n{health}");
        let gateway = Gateway::start(&(settings + &more + ROUTES));
        eventually("the news", || gateway.log().contains("server down").then_some(()));
        let answers: Vec<_> = (0..4).map(|_| gateway.send(&public()).text()).collect();
        assert_eq!(answers, ["well"; 4]);
        gateway.send(&public().with("X-Heal", "1"));
        let heads = sick.heads();
        assert!(heads.iter().all(|head| head.header("Host").as_deref() == Some("probe.test")));
        assert!(heads.iter().all(|head| head.first_line == "GET /healthz?x HTTP/1.1"));
        eventually("the news", || gateway.log().contains("server up").then_some(()));
    }
}

/// An app that is sick for its first twenty connections.
fn free_of_sickness() -> Scripted {
    Scripted::start(|visit| {
        let status = if visit.number <= 20 { 503 } else { 204 };
        if visit.request().is_some() {
            visit.client.send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
        }
    })
}

#[test]
fn without_a_path_a_server_is_well_if_it_can_be_connected_to() {
    let well = Scripted::named("well");
    let address = nobody();
    let settings = upstream(&[&address.to_string(), &well.address.to_string()]);
    let health = "eject_after = 0\nhealth = { interval = \"50ms\", healthy_after = 1, unhealthy_after = 1 }\n";
    let gateway = Gateway::start(&(settings + health + ROUTES));
    eventually("the news", || gateway.log().contains("server down").then_some(()));
    let _back = Scripted::at(address, |visit| visit.always(&answer("back")));
    eventually("both", || (gateway.send(&public()).text() == "back").then_some(()));
}
