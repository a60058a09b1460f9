//! HTTP/2 on either side of the gateway, or on both.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::h2::{H2App, ask, begin, connect, hear, request, run};
use crate::harness::http::Request;
use crate::harness::scripted::{Scripted, answer, public};
use crate::harness::tls::{Authority, TlsApp, server_settings};

/// A gateway that takes HTTP/2 too, and where.
fn before(settings: &str) -> (Gateway, SocketAddr) {
    Gateway::with_h2(&(settings.to_owned() + ROUTES))
}

#[test]
fn a_client_of_http1_reaches_an_app_of_h2c() {
    let app = H2App::start();
    let (gateway, _) = before(&app.settings());
    let get = gateway.send(&Request::get("/public?x=y"));
    assert_eq!((get.status, get.text().as_str()), (200, ""));
    let got = app.only_request();
    assert!(got.ended_at_once, "{got:?}");
    assert_eq!(got.head.uri.to_string(), "http://gate.test/public?x=y");
    assert_eq!(got.header("x-forwarded-for"), Some("127.0.0.1"));

    let post = gateway.send(&Request::post("/public").body("hello"));
    assert_eq!((post.status, post.text().as_str()), (200, "hello"));
    let got = app.only_request();
    assert_eq!((got.body.as_slice(), got.ended_at_once), (&b"hello"[..], false));
    assert_eq!(gateway.send(&Request::post("/public/empty")).status, 204);
    let mut head = gateway.connect();
    head.send(Request::new("HEAD", "/public/empty").bytes());
    assert_eq!(head.answer_without_body().unwrap().status, 204);
}

#[test]
fn an_app_of_h2c_that_is_asked_for_no_host_is_asked_for_its_own() {
    let app = H2App::start();
    let (gateway, _) = before(&app.settings());
    assert_eq!(gateway.connect().send("GET /public HTTP/1.0\r\n\r\n").answer().status, 200);
    assert_eq!(app.only_request().head.uri.to_string(), format!("http://{}/public", app.address));
}

#[test]
fn a_chunked_upload_reaches_an_app_of_h2c_whole() {
    let app = H2App::start();
    let (gateway, _) = before(&app.settings());
    let mut client = gateway.connect();
    client.send(
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Auth-User-Id: evil\r\n\r\n",
    );
    assert_eq!(client.answer().text(), "hello");
    let got = app.only_request();
    assert_eq!(got.trailers, None);
    assert_eq!(got.header("transfer-encoding"), None);
}

#[test]
fn requests_share_a_connection_of_http2() {
    let app = H2App::start();
    let (_gateway, address) = before(&(app.settings() + "[server]\nthreads = 1\n"));
    run(async {
        let client = connect(address).await;
        // A first one, so that there is a connection to share.
        ask(&client, request("GET", "/public", &[]), None).await.unwrap();
        let ask = |_| ask(&client, request("POST", "/public", &[]), Some("hello"));
        let all = futures_util::future::join_all((0..20).map(ask)).await;
        assert!(all.iter().all(|heard| heard.as_ref().unwrap().body == b"hello"));
    });
    assert!(app.connections() <= 3, "{}", app.connections());
}

#[test]
fn a_client_of_http2_reaches_an_app_of_http1() {
    let app = Scripted::start(|visit| {
        while let Some(head) = visit.request() {
            visit.client.send(if head.first_line.contains("empty") {
                "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
            } else if head.first_line.starts_with("HEAD") {
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".to_owned()
            } else if head.first_line.contains("chunks") {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Auth-User\r\n\r\n\
                 5\r\nhello\r\n0\r\nX-Auth-User: eve\r\n\r\n"
                    .to_owned()
            } else {
                answer("hello")
            });
        }
    });
    let (_gateway, address) = before(&app.settings());
    run(async {
        let client = connect(address).await;
        for (method, path, body, expected) in [
            ("GET", "/public", None, (200, &b"hello"[..])),
            ("POST", "/public", Some("body"), (200, &b"hello"[..])),
            ("GET", "/public/chunks", None, (200, &b"hello"[..])),
            ("GET", "/public/empty", None, (204, &b""[..])),
            ("HEAD", "/public", None, (200, &b""[..])),
        ] {
            let heard = ask(&client, request(method, path, &[]), body).await.unwrap();
            assert_eq!((heard.status, heard.body.as_slice()), expected, "{method} {path}");
            assert!(heard.trailers.is_none_or(|trailers| !trailers.contains_key("x-auth-user")));
        }
    });
    let heads = app.heads();
    assert!(heads.iter().all(|head| head.header("Host").as_deref() == Some("gate.test")));
    assert!(heads.iter().all(|head| head.header("TE").is_none()));
}

#[test]
fn trailers_pass_but_for_those_that_say_who_calls() {
    let app = H2App::start();
    let (_gateway, address) = before(&app.settings());
    let heard = run(async {
        let client = connect(address).await;
        let (answer, mut stream) = begin(&client, request("POST", "/public", &[])).await;
        stream.send_data(Bytes::from_static(b"hello"), false).unwrap();
        let trailer = ("x-auth-user-id".parse().unwrap(), "evil".parse().unwrap());
        stream.send_trailers(http::HeaderMap::from_iter([trailer])).unwrap();
        hear(answer.await.unwrap()).await.unwrap()
    });
    assert_eq!(heard.body, b"hello");
    let trailers = heard.trailers.expect("trailers");
    assert_eq!(trailers.get("x-sum").unwrap(), "1");
    assert!(!trailers.contains_key("x-auth-user-id"));
    let got = app.only_request();
    assert!(got.trailers.is_none_or(|trailers| !trailers.contains_key("x-auth-user-id")));
}

#[test]
fn an_app_of_h2c_that_answers_before_it_has_the_upload_is_heard() {
    let app = H2App::start();
    let (gateway, _) = before(&app.settings());
    let mut client = gateway.connect();
    client.send(format!(
        "POST /public/early HTTP/1.1\r\nHost: gate.test\r\nContent-Length: {}\r\n\r\n",
        100 << 20
    ));
    client.send(vec![b'x'; 1 << 16]);
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().as_str()), (413, "large"));
}

#[test]
fn a_stream_that_the_app_resets_is_502_and_not_sent_again() {
    let app = H2App::start();
    let (gateway, _) = before(&app.settings());
    assert_eq!(gateway.send(&Request::get("/public/reset")).status, 502);
    app.only_request();
}

#[test]
fn by_default_tls_agrees_on_the_protocol() {
    let authority = Authority::new();
    let identity = authority.sign("localhost");
    let modern = H2App::with_tls(server_settings(&identity, None, &["h2", "http/1.1"]));
    let old = TlsApp::start(server_settings(&identity, None, &["http/1.1"]));
    for (port, expected) in [(modern.address.port(), "hello"), (old.address.port(), "localhost")] {
        let settings = format!(
            "[[upstreams]]\nname = \"app\"\nservers = [\"https://localhost:{port}\"]\n\
             tls = {{ ca = {:?} }}\n",
            authority.file()
        );
        let gateway = Gateway::start(&(settings + ROUTES));
        let request = Request::new("GET", "/public").body("hello");
        for _ in 0..2 {
            let request = if expected == "hello" { request.clone() } else { public() };
            assert_eq!(gateway.send(&request).text(), expected);
        }
    }
    assert!(modern.take().iter().all(|got| got.head.uri.scheme_str() == Some("https")));
}

#[test]
fn a_path_that_would_break_a_line_is_refused() {
    let app = H2App::start();
    let (gateway, _) = before(&app.settings());
    for path in ["/public/%0d%0aX:%20y", "/public/%0a", "/public/a%0d"] {
        assert_eq!(gateway.send(&Request::get(path)).status, 400, "{path}");
    }
    assert!(app.take().is_empty());
}

#[test]
fn an_app_of_h2c_is_asked_how_it_is_in_its_own_protocol() {
    let app = H2App::start();
    let health = "health = { path = \"/empty\", interval = \"50ms\", expect = [204] }\n";
    let (gateway, _) = before(&(app.settings() + health));
    crate::harness::eventually("checks", || {
        let all = app.take();
        all.iter().any(|got| got.head.uri.path() == "/empty").then_some(())
    });
    assert_eq!(gateway.send(&public()).status, 200);
    assert!(!gateway.log().contains("server down"));
}
