//! What the app is told of the caller: only by the gateway, whatever a client claims.

use serde_json::json;

use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::{Answer, Request};
use crate::harness::upstream::Upstream;

/// Headers of a client that an app could take for ours.
const FORGED: &[&str] = &[
    "X-Auth",
    "X-Auth-User",
    "X-Auth-User-Id",
    "X-Auth-Email",
    "X-Auth-Staff",
    "x-auth-user-id",
    "X-AUTH-USER-ID",
    "x-Auth-uSer-iD",
    "X_Auth_User_Id",
    "X-Auth_User-Id",
    "x_auth_user",
    "X.Auth.User",
    "X-Auth-Username",
    "X-Auth-Groups",
    "x-auth-anything",
];

#[test]
fn the_app_is_told_who_calls() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = register(&gateway, "alice", "alice@example.com");
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    gateway.send(&Request::get("/app").token(&token));
    let id = answer.json()["user"]["id"].to_string();
    assert_eq!(
        upstream.only_request().identity(),
        [
            header("x-auth-email", "alice@example.com"),
            header("x-auth-staff", "false"),
            header("x-auth-user", "alice"),
            header("x-auth-user-id", &id),
        ]
    );
}

#[test]
fn the_app_is_told_who_is_staff() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register_staff("alice");
    gateway.send(&Request::get("/app").token(&token));
    assert_eq!(upstream.only_request().header("X-Auth-Staff").as_deref(), Some("true"));
}

#[test]
fn a_name_outside_printable_ascii_is_percent_encoded() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = register(&gateway, "Ünal", "");
    gateway.send(&Request::get("/app").token(answer.json()["token"].as_str().unwrap()));
    assert_eq!(upstream.only_request().header("X-Auth-User").as_deref(), Some("%C3%9Cnal"));
}

#[test]
fn a_percent_sign_is_percent_encoded() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let answer = register(&gateway, "alice", "a%41@example.com");
    gateway.send(&Request::get("/app").token(answer.json()["token"].as_str().unwrap()));
    let received = upstream.only_request();
    assert_eq!(received.header("X-Auth-Email").as_deref(), Some("a%2541@example.com"));
}

#[test]
fn a_forged_identity_never_reaches_the_app_of_a_stranger() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    for path in ["/public", "/optional"] {
        for name in FORGED {
            gateway.send(&Request::get(path).with(name, "evil"));
            assert_eq!(upstream.only_request().identity(), [], "{name} on {path}");
        }
    }
}

#[test]
fn a_forged_identity_never_reaches_the_app_of_a_user() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    for path in ["/app", "/optional"] {
        gateway.send(&Request::get(path).token(&token));
        let honest = upstream.only_request().identity();
        for name in FORGED {
            gateway.send(&Request::get(path).token(&token).with(name, "evil"));
            assert_eq!(upstream.only_request().identity(), honest, "{name} on {path}");
        }
    }
}

#[test]
fn an_identity_forged_twice_never_reaches_the_app() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let honest = Request::get("/app").token(&token);
    gateway.send(&honest);
    let identity = upstream.only_request().identity();
    gateway.send(&honest.with("X-Auth-User-Id", "1").with("x-auth-user-id", "2"));
    assert_eq!(upstream.only_request().identity(), identity);
}

#[test]
fn connection_cannot_take_our_identity_off_again() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    gateway.send(&Request::get("/app").token(&token));
    let identity = upstream.only_request().identity();
    for value in ["X-Auth-User-Id", "close, X-Auth-User-Id", "x-auth-user-id, x-auth-user"] {
        let request = Request::get("/app").token(&token).with("Connection", value);
        gateway.send(&request.with("X-Auth-User-Id", "evil"));
        assert_eq!(upstream.only_request().identity(), identity, "Connection: {value}");
    }
}

#[test]
fn headers_renamed_in_the_settings_are_guarded_under_their_new_names() {
    let upstream = Upstream::start();
    let names = "[identity]\nuser = \"Remote-User\"\nuser_id = \"Remote-Id\"\n";
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + names));
    let token = gateway.register("alice");
    for forged in ["Remote-User", "remote_user", "REMOTE-USER"] {
        gateway.send(&Request::get("/app").token(&token).with(forged, "evil"));
        let received = upstream.only_request();
        assert_eq!(received.header("Remote-User").as_deref(), Some("alice"), "{forged}");
        assert!(!format!("{received:?}").contains("evil"), "{forged}");
    }
}

#[test]
fn headers_outside_the_family_pass() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    gateway.send(&Request::get("/public").with("X-Aut", "Austen"));
    assert_eq!(upstream.only_request().header("X-Aut").as_deref(), Some("Austen"));
}

fn register(gateway: &Gateway, name: &str, email: &str) -> Answer {
    let account = json!({ "username": name, "email": email, "password": PASSWORD });
    gateway.send(&Request::post("/api/register/").json(&account))
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_request_has_one_id_and_it_is_never_a_strangers() {
    let long = "a".repeat(8_000);
    for given in ["abc", "abc%0d%0aX-Auth-User: root", &long] {
        for trusted in ["", "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n"] {
            let upstream = Upstream::start();
            let gateway = Gateway::start(&(upstream.settings() + ROUTES + trusted));
            let twice = Request::get("/public")
                .with("X-Request-Id", given)
                .with("X-Request-Id", "other")
                .with("X_Request_Id", given);
            let answer = gateway.send(&twice);
            let received = upstream.only_request();
            let ids =
                received.head.headers.iter().filter(|(name, _)| {
                    name.to_ascii_lowercase().replace('_', "-") == "x-request-id"
                });
            let ids: Vec<_> = ids.map(|(_, value)| value.clone()).collect();
            assert_eq!(ids.len(), 1, "{received:?}");
            assert_eq!(answer.header("X-Request-Id").as_ref(), ids.first());
            let is_taken = ids[0] == given;
            let is_fresh =
                ids[0].len() == 32 && ids[0].bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_fresh || (is_taken && given == "abc" && !trusted.is_empty()), "{ids:?}");
        }
    }
}

#[test]
fn a_trace_that_is_malformed_or_said_twice_does_not_reach_the_app() {
    let sound = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let trace = |value: &str| Request::get("/public").with("traceparent", value);
    gateway.send(&trace(sound).with("tracestate", "a=b"));
    let received = upstream.only_request();
    assert_eq!(received.header("traceparent").as_deref(), Some(sound));
    assert_eq!(received.header("tracestate").as_deref(), Some("a=b"));
    for request in [
        trace(sound).with("traceparent", sound),
        trace(&"0".repeat(8_000)),
        trace(&format!("{sound}%0d%0aX-Auth-User: root")),
    ] {
        gateway.send(&request.with("tracestate", "a=b"));
        let received = upstream.only_request();
        assert_eq!((received.header("traceparent"), received.header("tracestate")), (None, None));
    }
}
