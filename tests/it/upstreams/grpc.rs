//! gRPC through the gateway, and the gateway's refusals in gRPC's terms.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::h2::{H2App, Heard, ask, begin, connect, hear, request, run};
use crate::harness::scripted::{nobody, upstream};

const KIND: (&str, &str) = ("content-type", "application/grpc+proto");

fn call(address: SocketAddr, path: &str, token: Option<&str>) -> Heard {
    let credentials = token.map(|token| format!("Token {token}"));
    let mut headers = vec![KIND, ("te", "trailers")];
    headers.extend(credentials.as_deref().map(|value| ("authorization", value)));
    run(async {
        let client = connect(address).await;
        ask(&client, request("POST", path, &headers), Some("message")).await.unwrap()
    })
}

/// The code and the words of a refusal, which must be headers alone.
fn refusal(heard: &Heard) -> (&str, &str) {
    assert_eq!((heard.status, heard.header("content-type")), (200, Some("application/grpc")));
    assert!(heard.ended_at_once && heard.trailers.is_none(), "{heard:?}");
    (heard.header("grpc-status").unwrap(), heard.header("grpc-message").unwrap())
}

#[test]
fn a_call_passes_with_its_trailers_and_the_app_learns_who_calls() {
    let app = H2App::start();
    let (gateway, address) = Gateway::with_h2(&(app.settings() + ROUTES));
    let token = gateway.register("alice");
    let heard = call(address, "/app.Service/Method", Some(&token));
    assert_eq!((heard.status, heard.body.as_slice()), (200, &b"message"[..]));
    assert_eq!(heard.header("content-type"), Some(KIND.1));
    assert_eq!(heard.trailers.unwrap().get("grpc-status").unwrap(), "0");
    let got = app.only_request();
    assert_eq!(got.header("te"), Some("trailers"));
    assert_eq!(got.header("x-auth-user"), Some("alice"));
    assert_eq!(got.header("authorization"), None);
}

#[test]
fn messages_stream_both_ways_one_by_one() {
    let app = H2App::start();
    let (_gateway, address) = Gateway::with_h2(&(app.settings() + ROUTES));
    run(async {
        let client = connect(address).await;
        let (answer, mut stream) = begin(&client, request("POST", "/public/S/M", &[KIND])).await;
        stream.send_data(Bytes::from_static(b"0"), false).unwrap();
        let mut answer = answer.await.unwrap();
        assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "0");
        for message in ["1", "2", "3"] {
            stream.send_data(message.into(), false).unwrap();
            assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), message);
        }
        stream.send_data(Bytes::new(), true).unwrap();
        let heard = hear(answer).await.unwrap();
        assert_eq!(heard.trailers.unwrap().get("grpc-status").unwrap(), "0");
    });
}

#[test]
fn refusals_are_said_in_the_terms_of_grpc() {
    let app = H2App::start();
    let (gateway, address) = Gateway::with_h2(&(app.settings() + ROUTES));
    let token = gateway.register("alice");
    let unknown = call(address, "/app.Service/Method", None);
    assert_eq!(refusal(&unknown), ("16", "Authentication credentials were not provided."));
    let invalid = call(address, "/app.Service/Method", Some("nonsense"));
    assert_eq!(refusal(&invalid), ("16", "Invalid token."));
    let denied = call(address, "/staff/S/M", Some(&token));
    assert_eq!(refusal(&denied), ("7", "You do not have permission to perform this action."));
    assert!(app.take().is_empty());
}

#[test]
fn a_call_that_no_route_takes_is_unimplemented() {
    let app = H2App::start();
    let route = "[[routes]]\npath = \"/public\"\naccess = \"public\"\nupstream = \"app\"\n";
    let (_gateway, address) = Gateway::with_h2(&(app.settings() + route));
    assert_eq!(refusal(&call(address, "/other.Service/Method", None)).0, "12");
}

#[test]
fn a_call_to_an_app_that_is_away_is_unavailable() {
    let settings = upstream(&[&nobody().to_string()]) + "protocol = \"h2c\"\n";
    let (_gateway, address) = Gateway::with_h2(&(settings + ROUTES));
    let heard = call(address, "/public/S/M", None);
    assert_eq!(refusal(&heard), ("14", "Bad gateway."));
}

#[test]
fn a_call_that_takes_too_long_has_exceeded_its_deadline() {
    let app = H2App::start();
    let settings = app.settings() + "total_timeout = \"200ms\"\n";
    let (_gateway, address) = Gateway::with_h2(&(settings + ROUTES));
    let heard = call(address, "/public/silence", None);
    assert_eq!(refusal(&heard), ("4", "Gateway timeout."));
}

#[test]
fn a_client_of_http1_gets_the_same_terms() {
    let app = H2App::start();
    let gateway = Gateway::start(&(app.settings() + ROUTES));
    let call = crate::harness::http::Request::post("/app").with(KIND.0, KIND.1).body("message");
    let answer = gateway.send(&call);
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    assert_eq!(answer.header("grpc-status").as_deref(), Some("16"));
}
