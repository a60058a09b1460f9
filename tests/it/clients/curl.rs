//! curl, over each version of HTTP that the gate speaks.

use std::net::SocketAddr;
use std::process::Command;

use super::run_to_end;
use crate::harness::command::run;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::HOST;
use crate::harness::listener::Listener;
use crate::harness::upstream::Upstream;

const GOOD: &str = r#" 200 {"user":"alice","path":"/app","method":"GET"}"#;
const NOT_PROVIDED: &str = r#" 401 {"detail":"Authentication credentials were not provided."}"#;

#[test]
fn curl_passes_with_a_token_and_only_with_one_over_http_1_1() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let curl = Curl { address: gateway.address, scheme: "http", options: vec!["--http1.1"] };
    assert_passes_with_a_token_only(&curl, &gateway, "1.1");
}

#[test]
fn curl_passes_with_a_token_and_only_with_one_over_http_2_without_tls() {
    let (upstream, listener) = (Upstream::start(), Listener::h2c());
    let gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let options = vec!["--http2-prior-knowledge"];
    let curl = Curl { address: listener.address, scheme: "http", options };
    assert_passes_with_a_token_only(&curl, &gateway, "2");
}

#[test]
fn curl_agrees_on_http_2_in_the_handshake_of_tls() {
    let (upstream, listener) = (Upstream::start(), Listener::tls());
    let gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let certificate = listener.certificate();
    let options = vec!["--cacert", &certificate];
    let curl = Curl { address: listener.address, scheme: "https", options };
    assert_passes_with_a_token_only(&curl, &gateway, "2");
}

#[test]
fn curl_may_speak_http_1_1_over_tls() {
    let (upstream, listener) = (Upstream::start(), Listener::tls());
    let gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let certificate = listener.certificate();
    let options = vec!["--cacert", &certificate, "--http1.1"];
    let curl = Curl { address: listener.address, scheme: "https", options };
    assert_passes_with_a_token_only(&curl, &gateway, "1.1");
}

#[test]
fn curl_uploads_over_http_2_arrive_whole() {
    let (upstream, listener) = (Upstream::start(), Listener::h2c());
    let gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let token = gateway.register("alice");
    let body = "0123456789".repeat(100_000);
    let options = vec!["--http2-prior-knowledge", "--data-binary", "@-"];
    let curl = Curl { address: listener.address, scheme: "http", options };
    let mut command = curl.command("/app", Some(&token));
    let said = run(&mut command, &body).done().stderr;
    assert!(said.starts_with("2 200 "), "{said}");
    assert!(upstream.only_request().body == body.as_bytes());
}

struct Curl<'a> {
    address: SocketAddr,
    scheme: &'a str,
    options: Vec<&'a str>,
}

impl Curl<'_> {
    fn command(&self, path: &str, token: Option<&str>) -> Command {
        let Self { address, scheme, options } = self;
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*"])
            .args(["--connect-to", &format!("{HOST}:{}:{address}", address.port())])
            .args(["--write-out", "%{stderr}%{http_version} %{http_code} "])
            .args(options)
            .args(
                token.iter().flat_map(|token| {
                    ["--header".to_owned(), format!("Authorization: Token {token}")]
                }),
            )
            .arg(format!("{scheme}://{HOST}:{}{path}", address.port()));
        command
    }

    /// The version, the status and the body of the answer.
    fn get(&self, path: &str, token: Option<&str>) -> String {
        let outcome = run_to_end(&mut self.command(path, token));
        outcome.stderr + &outcome.stdout
    }
}

fn assert_passes_with_a_token_only(curl: &Curl, gateway: &Gateway, version: &str) {
    let token = gateway.register("alice");
    assert_eq!(curl.get("/app", Some(&token)), format!("{version}{GOOD}"));
    assert_eq!(curl.get("/app", None), format!("{version}{NOT_PROVIDED}"));
}
