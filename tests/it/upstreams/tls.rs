//! Servers that must prove who they are, and to whom we prove it.

use crate::harness::command::authgate;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Answer;
use crate::harness::scripted::public;
use crate::harness::tls::{Authority, TlsApp, server_settings};

/// The settings of an upstream `app` at this port, under this name and with these settings of TLS.
fn upstream(name: &str, host: &str, app: &TlsApp, tls: &str) -> String {
    let port = app.address.port();
    format!(
        "[[upstreams]]\nname = \"{name}\"\nservers = [\"https://{host}:{port}\"]\ntls = {{ {tls} }}\n"
    )
}

fn ask(host: &str, app: &TlsApp, tls: &str) -> Answer {
    Gateway::start(&(upstream("app", host, app, tls) + ROUTES)).send(&public())
}

fn app_of(authority: &Authority, name: &str) -> TlsApp {
    TlsApp::start(server_settings(&authority.sign(name), None, &[]))
}

fn trusting(authority: &Authority) -> String {
    format!("ca = {:?}", authority.file())
}

#[test]
fn a_server_is_taken_by_its_own_name_from_an_authority_that_is_trusted() {
    let authority = Authority::new();
    let app = app_of(&authority, "localhost");
    let answer = ask("localhost", &app, &trusting(&authority));
    assert_eq!((answer.status, answer.text().as_str()), (200, "localhost"));
}

#[test]
fn a_server_of_another_authority_is_502_and_sees_no_request() {
    let authority = Authority::new();
    let app = app_of(&authority, "localhost");
    assert_eq!(ask("localhost", &app, &trusting(&Authority::new())).status, 502);
    assert_eq!(ask("localhost", &app, "").status, 502);
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_server_of_another_name_is_502_and_sees_no_request() {
    let authority = Authority::new();
    let app = app_of(&authority, "other.test");
    assert_eq!(ask("localhost", &app, &trusting(&authority)).status, 502);
    assert_eq!(app.connections(), 0);
}

#[test]
fn the_name_that_is_called_and_proved_can_be_set() {
    let authority = Authority::new();
    let app = app_of(&authority, "app.internal");
    let tls = trusting(&authority) + ", server_name = \"app.internal\"";
    assert_eq!(ask("127.0.0.1", &app, &tls).text(), "app.internal");
}

#[test]
fn an_address_must_be_proved_too() {
    let authority = Authority::new();
    let app = app_of(&authority, "127.0.0.1");
    assert_eq!(ask("127.0.0.1", &app, &trusting(&authority)).status, 200);
    for other in ["127.0.0.2", "localhost"] {
        let app = app_of(&authority, other);
        assert_eq!(ask("127.0.0.1", &app, &trusting(&authority)).status, 502, "{other}");
        assert_eq!(app.connections(), 0);
    }
}

#[test]
fn nothing_is_proved_where_the_settings_say_that_nothing_need_be() {
    let app = app_of(&Authority::new(), "other.test");
    assert_eq!(ask("localhost", &app, "verify = \"insecure-trust-any-server\"").status, 200);
}

#[test]
fn we_show_who_we_are_to_servers_that_ask() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let settings = server_settings(&authority.sign("localhost"), Some(&clients), &[]);
    let app = TlsApp::start(settings);
    let us = clients.sign("gateway");
    let shown = |ours: &crate::harness::tls::Identity| {
        format!(
            "{}, client_certificate = {:?}, client_key = {:?}",
            trusting(&authority),
            ours.certificate,
            ours.key
        )
    };
    assert_eq!(ask("localhost", &app, &shown(&us)).status, 200);
    assert_eq!(ask("localhost", &app, &trusting(&authority)).status, 502);
    assert_eq!(ask("localhost", &app, &shown(&Authority::new().sign("gateway"))).status, 502);
}

#[test]
fn connections_of_upstreams_that_trust_others_are_never_shared() {
    let authority = Authority::new();
    let app = app_of(&authority, "localhost");
    let gateway = Gateway::start(
        &(upstream("blind", "localhost", &app, "verify = \"insecure-trust-any-server\"")
            + &upstream("app", "localhost", &app, &trusting(&Authority::new()))
            + &upstream("good", "localhost", &app, &trusting(&authority))
            + ROUTES
            + "[[routes]]\npath = \"/blind\"\naccess = \"public\"\nupstream = \"blind\"\n"
            + "[[routes]]\npath = \"/good\"\naccess = \"public\"\nupstream = \"good\"\n"),
    );
    let status = |path: &str| gateway.send(&crate::harness::http::Request::get(path)).status;
    // Many times: each thread of the gateway keeps connections.
    for _ in 0..8 {
        assert_eq!((status("/blind"), status("/public"), status("/good")), (200, 502, 200));
    }
}

#[test]
fn a_websocket_is_asked_for_in_http1_though_the_server_could_do_more() {
    let authority = Authority::new();
    let identity = authority.sign("localhost");
    // It would not understand HTTP/2.
    let app = TlsApp::start(server_settings(&identity, None, &["h2", "http/1.1"]));
    let gateway =
        Gateway::start(&(upstream("app", "localhost", &app, &trusting(&authority)) + ROUTES));
    let request = public()
        .with("Connection", "Upgrade")
        .with("Upgrade", "websocket")
        .with("Sec-WebSocket-Version", "13")
        .with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(gateway.send(&request).text(), "localhost");
}

#[test]
fn files_that_are_no_certificates_are_mistakes() {
    let authority = Authority::new();
    let folder = crate::harness::folder();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (one, other) = (authority.sign("one.test"), authority.sign("other.test"));
    let empty = file("empty.pem", "");
    let broken =
        file("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (tls, expected) in [
        (format!("ca = {empty:?}"), "has no certificate in PEM"),
        (format!("ca = {broken:?}"), "has a certificate that cannot be read"),
        (
            format!("client_certificate = {:?}, client_key = {empty:?}", one.certificate),
            "the key's file has no private key in PEM",
        ),
        (
            format!("client_certificate = {:?}, client_key = {:?}", one.certificate, other.key),
            "certificate and key do not fit",
        ),
    ] {
        let text = format!(
            "[[upstreams]]\nname = \"app\"\nservers = [\"https://a:1\"]\ntls = {{ {tls} }}\n"
        );
        let config = file("authgate.toml", &text);
        let outcome = authgate(&["check", "--config", &config], "");
        assert!(outcome.code != Some(0) && outcome.says(expected), "{expected}: {outcome:?}");
    }
}
