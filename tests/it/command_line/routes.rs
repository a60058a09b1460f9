//! `authgate routes`

use std::fs;

use serde_json::json;

use crate::harness::command::{Outcome, authgate};
use crate::harness::folder;

const SETTINGS: &str = r#"
[[upstreams]]
name = "app"
servers = ["127.0.0.1:9000"]
[[routes]]
path = "/"
upstream = "app"
[[routes]]
path = "/api/v1"
access = "public"
upstream = "app"
methods = ["GET", "HEAD"]
headers = ["X-Beta"]
strip_prefix = true
set_request_headers = { "X-Env" = "prod" }
cors = { origins = ["*"] }
[[routes]]
path = "/api"
host = "*.example.com"
access = "nobody"
[[routes]]
path = "/"
host = "a.example.com"
access = "staff"
upstream = "app"
"#;

#[test]
fn the_table_is_in_the_order_of_matching() {
    let outcome = run(SETTINGS, &[]);
    let rows: Vec<_> = outcome.stdout.lines().collect();
    let words = |row: &str| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<_> = rows.into_iter().map(words).collect();
    let expected = [
        "HOST PATH METHODS HEADERS ACCESS UPSTREAM CHANGES",
        "a.example.com / * * staff app -",
        "*.example.com /api * * nobody - -",
        "* /api/v1 GET,HEAD x-beta public app strip /api/v1, request +x-env, cors",
        "* / * * user app -",
    ];
    assert_eq!(rows, expected.map(words));
}

#[test]
fn json_has_all_of_a_route() {
    let routes = run(SETTINGS, &["--json"]).json();
    let route = &routes[2];
    assert_eq!(route["host"], json!(null));
    assert_eq!(route["path"], "/api/v1");
    assert_eq!(route["methods"], json!(["GET", "HEAD"]));
    assert_eq!(route["headers"], json!(["x-beta"]));
    assert_eq!(route["strip_prefix"], "/api/v1");
    assert_eq!(route["set_request_headers"], json!({ "x-env": "(set by the route)" }));
    assert_eq!(route["cors"]["origins"], json!(["*"]));
    assert_eq!(routes[0]["host"], "a.example.com");
    assert_eq!(routes[1]["upstream"], json!(null));
}

fn run(settings: &str, flags: &[&str]) -> Outcome {
    let folder = folder();
    let file = folder.path().join("authgate.toml");
    fs::write(&file, settings).unwrap();
    authgate(&[&["routes", "--config", file.to_str().unwrap()], flags].concat(), "").done()
}
