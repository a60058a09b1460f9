//! Where a token is read from, and that it goes no further than the gateway.

use crate::harness::gateway::Gateway;
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;

#[test]
fn the_token_does_not_reach_the_app() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register_staff("alice");
    for path in ["/app", "/staff", "/optional", "/public"] {
        gateway.send(&Request::get(path).token(&token));
        let received = upstream.only_request();
        assert_eq!(received.header("Authorization"), None, "{path}");
        assert!(!format!("{received:?}").contains(&token), "{path}");
    }
}

#[test]
fn a_public_route_takes_off_a_header_of_our_scheme_good_or_bad() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let good = gateway.register("alice");
    for value in [format!("Token {good}"), "Token bad".into(), "token bad".into(), "Token".into()] {
        gateway.send(&Request::get("/public").with("Authorization", &value));
        assert_eq!(upstream.only_request().header("Authorization"), None, "{value}");
    }
}

#[test]
fn a_public_route_passes_a_header_of_another_scheme_untouched() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    for value in ["Basic YWxpY2U6c2VjcmV0", "Bearer abc", "Tokens abc"] {
        gateway.send(&Request::get("/public").with("Authorization", value));
        assert_eq!(upstream.only_request().header("Authorization").as_deref(), Some(value));
    }
}

#[test]
fn a_key_of_the_console_reaches_no_app_on_any_route() {
    let upstream = Upstream::start();
    let paths = [("/a", "public"), ("/b", "optional"), ("/c", "public")];
    let forwarding = paths.map(|(path, access)| {
        let forwards = if path == "/c" { "" } else { "forward_authorization = true\n" };
        format!(
            "[[routes]]\npath = \"{path}\"\naccess = \"{access}\"\nupstream = \"app\"\n{forwards}"
        )
    });
    let gateway = Gateway::start(&(upstream.settings() + &forwarding.concat()));
    for (path, _) in paths {
        for value in [
            "Bearer agk_0123",
            "bearer\tagk_0123",
            "agk_0123",
            "X, Bearer key=\"agk_0\"",
            // In Base64: "ada:agk_0123", "agk_0123:", and "ä?:agk_0" without padding in either alphabet.
            "Basic YWRhOmFna18wMTIz",
            "basic  YWdrXzAxMjM6",
            "Basic 5D86YWdrXzA",
            "X, Basic w6Q_OmFna18w",
        ] {
            gateway.send(&Request::get(path).with("Authorization", value));
            let received = upstream.only_request();
            assert_eq!(received.header("Authorization"), None, "{path} {value}");
            assert!(!format!("{received:?}").contains("agk_"), "{path} {value}");
        }
        // The second has what a key begins with inside of a word: "ada:xagk_0".
        for value in ["Bearer abc", "Basic YWRhOnhhZ2tfMA=="] {
            gateway.send(&Request::get(path).with("Authorization", value));
            assert_eq!(upstream.only_request().header("Authorization").as_deref(), Some(value));
        }
    }
}

#[test]
fn a_user_route_takes_another_scheme_for_no_credentials() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let answer =
        gateway.send(&Request::get("/app").with("Authorization", &format!("Basic {token}")));
    assert_eq!(answer.status, 401);
    assert_eq!(answer.text(), r#"{"detail":"Authentication credentials were not provided."}"#);
}

#[test]
fn a_token_anywhere_but_in_authorization_is_no_credential() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let credentials = format!("Token {token}");
    let requests = [
        Request::get(&format!("/app?token={token}")),
        Request::get("/app").with("Cookie", &format!("token={token}")),
        Request::get("/app").with("Proxy-Authorization", &credentials),
        Request::get("/app").with("X-Authorization", &credentials),
        Request::get("/app").with("X-Api-Key", &token),
        Request::get("/app").with("Sec-WebSocket-Protocol", &token),
        Request::post("/app").body(format!("token={token}")),
    ];
    for request in requests {
        let answer = gateway.send(&request);
        assert_eq!(answer.status, 401, "{}", String::from_utf8_lossy(&request.bytes()));
    }
    assert!(upstream.take().is_empty());
}

#[test]
fn the_token_never_reaches_the_log() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    gateway.send(&Request::get(&format!("/app?token={token}")).token(&token));
    gateway.send(&Request::get("/app").with("Authorization", &format!("Basic {token}")));
    gateway.send(&Request::post("/api/logout/").token(&token));
    assert!(!gateway.log().contains(&token));
}

#[test]
fn a_broken_token_is_401_and_never_passes() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let (short, doubled) = (&token[1..], token.repeat(2));
    for broken in
        [short, &doubled, &format!("{token}0"), &format!("{token} x"), "*", "../x", "\u{ff}"]
    {
        let answer = gateway.send(&Request::get("/app").token(broken));
        assert_eq!(answer.status, 401, "{broken}");
    }
    assert!(upstream.take().is_empty());
}
