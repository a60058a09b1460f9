//! The two verdicts, and what is told where they differ.

use super::{CONTROLLED, SHADOW, compared, shadow_before, turn, until_compared};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::h2::{ask, connect, request, run};
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use crate::harness::relay::{Manner, Relay};
use crate::harness::upstream::{Script, Upstream};
use crate::harness::websocket::{is_open, open_websocket};
use std::time::{Duration, Instant};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
const FAILURE: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
const GRPC_REFUSAL: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: 16\r\n\
                            Content-Length: 0\r\n\r\n";

/// Has a request with a token or without answered so by the app, and compared so.
fn compare(answer: &'static str, requests: &[(Request, [&str; 3])]) {
    let upstream = Upstream::answering(Script::Bytes(answer));
    let (gateway, token) = shadow_before(&upstream, "");
    for (request, verdicts) in requests {
        let request = request.clone();
        let request = if verdicts[0] == "401" { request } else { request.token(&token) };
        let before = compared(&gateway, *verdicts);
        assert_eq!(gateway.send(&request).status.to_string(), answer[9..12]);
        until_compared(&gateway, *verdicts, before + 1.0);
    }
}

#[test]
fn an_app_that_lets_everyone_pass_differs_where_the_gateway_refuses() {
    let requests = [
        (Request::get("/app"), ["401", "2xx", "differ"]),
        (Request::get("/app").token("no-such-token"), ["401", "2xx", "differ"]),
        (Request::get("/staff"), ["403", "2xx", "differ"]),
        (Request::get("/app//x"), ["400", "2xx", "differ"]),
        (Request::get("/app"), ["pass", "2xx", "agree"]),
        (Request::get("/optional"), ["pass", "2xx", "agree"]),
        (Request::get("/public"), ["pass_unnamed", "2xx", "unnamed"]),
    ];
    compare(OK, &requests);
}

#[test]
fn an_app_that_asks_for_credentials_differs_where_the_gateway_lets_pass() {
    let requests = [
        (Request::get("/app"), ["401", "401", "agree"]),
        (Request::get("/app"), ["pass", "401", "differ"]),
        (Request::get("/staff"), ["403", "401", "differ"]),
    ];
    compare(UNAUTHORIZED, &requests);
}

#[test]
fn an_app_that_forbids_differs_where_the_gateway_lets_pass() {
    let requests = [
        (Request::get("/staff"), ["403", "403", "agree"]),
        (Request::get("/app"), ["pass", "403", "differ"]),
        (Request::get("/app"), ["401", "403", "differ"]),
    ];
    compare(FORBIDDEN, &requests);
}

#[test]
fn an_app_that_fails_says_nothing_of_who_may_pass() {
    let requests = [
        (Request::get("/app"), ["401", "5xx", "unknown"]),
        (Request::get("/app"), ["pass", "5xx", "unknown"]),
    ];
    compare(FAILURE, &requests);
}

#[test]
fn at_the_endpoints_the_credentials_alone_decide() {
    let requests = [
        (Request::post("/api/logout/"), ["401", "2xx", "differ"]),
        (Request::post("/api/login/").token("dead"), ["401", "2xx", "differ"]),
        (Request::post("/api/logout/"), ["pass", "2xx", "agree"]),
        (Request::get("/api/register/"), ["405", "2xx", "differ"]),
        (Request::post("/api/register/"), ["pass", "2xx", "agree"]),
    ];
    compare(OK, &requests);
}

#[test]
fn a_login_with_its_credentials_in_the_header_is_told_of() {
    let upstream = Upstream::answering(Script::Bytes(OK));
    let (gateway, _) = shadow_before(&upstream, "");
    let login = Request::post("/api/login/").with("Authorization", "Basic YWxpY2U6cGFzcw==");
    assert_eq!(gateway.send(&login).status, 200);
    until_compared(&gateway, ["400", "2xx", "differ"], 1);
}

#[test]
fn what_cannot_be_passed_on_is_counted_apart() {
    let upstream = Upstream::answering(Script::Bytes(OK));
    let (gateway, _) = shadow_before(&upstream, "");
    assert_eq!(gateway.send(&Request::get("/app#/other")).status, 400);
    until_compared(&gateway, ["400", "none", "refused"], 1);
}

#[test]
fn grpc_is_compared_by_its_own_status() {
    compare(GRPC_REFUSAL, &[(Request::post("/app"), ["pass", "401", "differ"])]);
}

#[test]
fn http_2_is_compared_too() {
    let upstream = Upstream::answering(Script::Bytes(OK));
    let ops = crate::harness::free_address();
    let ops = format!("[ops]\nlisten = \"{ops}\"\n");
    let (gateway, address) = Gateway::with_h2(&(upstream.settings() + ROUTES + SHADOW + &ops));
    let heard = run(async {
        let client = connect(address).await;
        ask(&client, request("GET", "/app", &[]), None).await.unwrap()
    });
    assert_eq!(heard.status, 200);
    until_compared(&gateway, ["401", "2xx", "differ"], 1);
}

#[test]
fn a_websocket_is_compared_as_it_opens() {
    let upstream = Upstream::answering(Script::WebSocket);
    let (gateway, token) = shadow_before(&upstream, "");
    let mut socket = open_websocket(&gateway, "/app", None).unwrap();
    until_compared(&gateway, ["401", "1xx", "differ"], 1);
    let mut other = open_websocket(&gateway, "/app", Some(&token)).unwrap();
    until_compared(&gateway, ["pass", "1xx", "agree"], 1);
    assert!(is_open(&mut socket) && is_open(&mut other));
    // Unguarded it may not stay once the gateway guards.
    turn(&gateway, &(upstream.settings() + ROUTES + CONTROLLED));
    eventually("its end", || (!is_open(&mut socket)).then_some(()));
}

#[test]
fn what_is_unguarded_ends_when_another_process_takes_over() {
    let upstream = Upstream::answering(Script::WebSocket);
    let (mut gateway, _) = shadow_before(&upstream, "");
    let mut socket = open_websocket(&gateway, "/app", None).unwrap();
    assert!(is_open(&mut socket));
    let ops = format!("[ops]\nlisten = \"{}\"\n", gateway.ops());
    gateway.configure(&(upstream.settings() + ROUTES + CONTROLLED + &ops));
    gateway.upgrade();
    eventually("its end", || (!is_open(&mut socket)).then_some(()));
}

#[test]
fn a_difference_is_told_with_what_it_takes_to_find_it_and_no_secret() {
    let upstream = Upstream::answering(Script::Bytes(FORBIDDEN));
    let (gateway, token) = shadow_before(&upstream, "[log]\nformat = \"json\"\n");
    for number in 0..50 {
        let path = format!("/app/{number}?key=secret");
        gateway.send(&Request::get(&path).token(&token));
    }
    until_compared(&gateway, ["pass", "403", "differ"], 50);
    let log = eventually("the line of the last request", || {
        let log = gateway.log();
        log.lines().any(|line| line.contains("/app/49") && line.contains("::access")).then_some(log)
    });
    let told: Vec<_> = log.lines().filter(|line| line.contains("authgate::shadow")).collect();
    assert!((1..10).contains(&told.len()), "{told:?}");
    let first = told[0];
    for part in ["\"pass\"", "403", "\"GET\"", "\"/app/0\"", "user_id", "it may pass"] {
        assert!(first.contains(part), "{part}: {first}");
    }
    assert!(!log.contains("secret") && !log.contains(&token));
    let line = log.lines().find(|line| line.contains("/app/0") && line.contains("::access"));
    let line = line.unwrap();
    assert!(line.contains("\"would\"") && line.contains("\"differ\""), "{line}");
}

#[test]
fn why_a_token_is_refused_is_told() {
    let upstream = Upstream::answering(Script::Bytes(OK));
    let (gateway, token) = shadow_before(&upstream, "");
    gateway.send(&Request::get("/app").token("no-such-token"));
    eventually("the first", || gateway.log().contains("the token is unknown").then_some(()));
    gateway.run(&["user", "deactivate", "alice"]).done();
    eventually("the second", || {
        gateway.send(&Request::get("/app").token(&token));
        gateway.log().contains("the user is inactive").then_some(())
    });
}

#[test]
fn while_the_store_is_away_there_is_no_verdict_and_requests_go_on() {
    let (upstream, mut redis) = (Upstream::answering(Script::Bytes(OK)), RedisServer::start());
    let (gateway, _) = shadow_before(&upstream, &redis.settings());
    redis.kill();
    for _ in 0..5 {
        assert_eq!(gateway.send(&Request::get("/app").token("never-seen")).status, 200);
    }
    until_compared(&gateway, ["unknown", "2xx", "unknown"], 5);
}

#[test]
fn no_request_waits_for_a_store_that_is_slow() {
    let (upstream, redis) = (Upstream::answering(Script::Bytes(OK)), RedisServer::start());
    let relay = Relay::to(redis.address());
    let store = format!("[store]\nurl = \"redis://{}/0\"\n", relay.address);
    let (gateway, _) = shadow_before(&upstream, &store);
    relay.be(Manner::Late(Duration::from_millis(150)));
    let begun = Instant::now();
    for number in 0..10 {
        let token = format!("never-seen-{number}");
        assert_eq!(gateway.send(&Request::get("/app").token(&token)).status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
