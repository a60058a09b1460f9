//! What a route does to headers: of requests and of the app's answers.

use crate::harness::gateway::{Gateway, route};
use crate::harness::http::Request;
use crate::harness::upstream::{Script, Upstream};

#[test]
fn the_app_gets_the_headers_that_a_route_sets_and_no_other_of_their_names() {
    let upstream = Upstream::start();
    let settings = "set_request_headers = { \"X-Env\" = \"prod\", Host = \"app.internal\" }\n\
                    remove_request_headers = [\"X-Debug\"]\n";
    let gateway = gateway(&upstream, settings);
    let request = Request::get("/").with("X-Env", "dev").with("x_env", "dev");
    gateway.send(&request.with("X-Debug", "1").with("X_DEBUG", "1").with("X-Other", "1"));
    let received = upstream.only_request();
    assert_eq!(received.header("X-Env").as_deref(), Some("prod"));
    assert_eq!(received.header("X_Env"), None);
    assert_eq!(received.header("Host").as_deref(), Some("app.internal"));
    assert_eq!(received.header("X-Forwarded-Host").as_deref(), Some("gate.test"));
    assert_eq!((received.header("X-Debug"), received.header("X_Debug")), (None, None));
    assert_eq!(received.header("X-Other").as_deref(), Some("1"));
}

#[test]
fn a_client_cannot_take_off_what_a_route_sets() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream, "set_request_headers = { \"X-Env\" = \"prod\" }\n");
    gateway.send(&Request::get("/").with("X-Env", "dev").with("Connection", "X-Env"));
    assert_eq!(upstream.only_request().header("X-Env").as_deref(), Some("prod"));
}

#[test]
fn the_client_gets_the_headers_that_a_route_sets_and_not_those_that_it_removes() {
    let upstream = Upstream::answering(Script::Echo("Server: app/1.0\r\nX-Frame-Options: ALL\r\n"));
    let settings = "set_response_headers = { \"X-Frame-Options\" = \"DENY\", \"X-New\" = \"1\" }\n\
                    remove_response_headers = [\"server\", \"X-Not-There\"]\n";
    let answer = gateway(&upstream, settings).send(&Request::get("/"));
    assert_eq!(answer.header("X-Frame-Options").as_deref(), Some("DENY"));
    assert_eq!(answer.header("X-New").as_deref(), Some("1"));
    assert_eq!(answer.header("Server"), None);
    assert_eq!(answer.status, 200);
}

#[test]
fn values_are_sent_as_they_are_written() {
    let upstream = Upstream::start();
    let gateway =
        gateway(&upstream, "set_request_headers = { \"X-A\" = \"{env.PATH} ${HOME} %h\" }\n");
    gateway.send(&Request::get("/"));
    let expected = "{env.PATH} ${HOME} %h";
    assert_eq!(upstream.only_request().header("X-A").as_deref(), Some(expected));
}

#[test]
fn the_app_gets_the_clients_token_only_where_a_route_says_so() {
    let upstream = Upstream::start();
    let told = route("/told", "user") + "forward_authorization = true\n";
    let open = route("/open", "public") + "forward_authorization = true\n";
    let routes = told + &open + &route("/", "user");
    let gateway = Gateway::start(&(upstream.settings() + &routes));
    let token = gateway.register("alice");
    let expected = format!("Token {token}");
    for (path, expected) in [("/told", Some(&expected)), ("/open", Some(&expected)), ("/x", None)] {
        assert_eq!(gateway.send(&Request::get(path).token(&token)).status, 200);
        assert_eq!(upstream.only_request().header("Authorization").as_ref(), expected, "{path}");
    }
    assert_eq!(gateway.send(&Request::get("/told").token("0")).status, 401);
    assert!(upstream.take().is_empty());
}

#[test]
fn a_route_waits_as_long_as_it_says_and_not_as_its_upstream() {
    let upstream = Upstream::answering(Script::Silence);
    let gateway = gateway(&upstream, "read_timeout = \"200ms\"\n");
    assert_eq!(gateway.send(&Request::get("/")).status, 504);
}

/// A gateway with a public route that has these settings too.
fn gateway(upstream: &Upstream, settings: &str) -> Gateway {
    Gateway::start(&(upstream.settings() + &route("/", "public") + settings))
}
