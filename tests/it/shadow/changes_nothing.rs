//! A shadow leaves no trace in the store.

use super::{CONTROLLED, SHADOW, shadow_before, turn, until_compared};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;
use rusqlite::Connection;
use rusqlite::types::Value;
use serde_json::json;

/// Where each use of a token would prolong it, and the second unknown token is one too many.
const TOUCHY: &str = "[tokens]\nauto_refresh = true\nmin_refresh_interval = \"0s\"\n\
                      [limits]\nunknown_tokens_per_network = \"1/1h\"\n\
                      login_failures_per_account_and_network = \"1/1h\"\n";

/// All rows of all tables that hold accounts, limits and events.
fn dump(gateway: &Gateway) -> Vec<(String, Vec<Vec<Value>>)> {
    let store = Connection::open(gateway.folder().join("authgate.db")).unwrap();
    let events = "events WHERE actor <> 'gateway'";
    let tables = ["users", "tokens", "limits", "familiar", events];
    let rows = |table: &str| {
        let mut query = store.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let columns = query.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
        query.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
    };
    tables.map(|table| (table.to_owned(), rows(table))).into()
}

#[test]
fn nothing_in_the_store_changes() {
    let upstream = Upstream::start();
    let (gateway, token) = shadow_before(&upstream, TOUCHY);
    let before = eventually("the event of alice", || {
        let dump = dump(&gateway);
        (!dump[4].1.is_empty()).then_some(dump)
    });
    let wrong = json!({ "username": "alice", "password": "wrong" });
    let right = json!({ "username": "alice", "password": PASSWORD });
    let new = json!({ "username": "eve", "password": PASSWORD });
    for _ in 0..5 {
        gateway.send(&Request::get("/app").token(&token));
        gateway.send(&Request::get("/app").token("no-such-token"));
        gateway.send(&Request::post("/api/login/").json(&wrong));
        gateway.send(&Request::post("/api/login/").json(&right));
        gateway.send(&Request::post("/api/register/").json(&new));
        gateway.send(&Request::post("/api/logout/").token(&token));
        gateway.send(&Request::post("/api/logoutall/").token(&token));
    }
    until_compared(&gateway, ["pass", "2xx", "agree"], 30);
    // What is written beside the requests is written by the end.
    gateway.terminate();
    let mut gateway = gateway;
    assert_eq!(gateway.exit_code(), Some(0));
    assert_eq!(dump(&gateway), before);
}

#[test]
fn nothing_is_remembered_against_anyone() {
    let upstream = Upstream::start();
    let (gateway, token) = shadow_before(&upstream, TOUCHY);
    for _ in 0..20 {
        gateway.send(&Request::get("/app").token("no-such-token"));
    }
    until_compared(&gateway, ["401", "2xx", "differ"], 20);
    turn(&gateway, &(upstream.settings() + ROUTES + CONTROLLED + TOUCHY));
    assert_eq!(gateway.send(&Request::get("/app").token("no-such-token")).status, 401);
    assert_eq!(gateway.status_of(&token), 200);
}

#[test]
fn nobody_is_nearer_to_the_rate_of_a_route() {
    let upstream = Upstream::start();
    let rates = "[[limits.classes]]\nname = \"api\"\nrate = \"2/1h\"\nby = \"address\"\n";
    let route = "[[routes]]\npath = \"/\"\naccess = \"public\"\nupstream = \"app\"\n\
                 rate_class = \"api\"\n";
    let settings = upstream.settings() + route + rates + CONTROLLED;
    let gateway = Gateway::metered(&(settings.clone() + SHADOW));
    for _ in 0..10 {
        assert_eq!(gateway.send(&Request::get("/app")).status, 200);
    }
    turn(&gateway, &settings);
    let statuses = [(); 3].map(|()| gateway.send(&Request::get("/app")).status);
    assert_eq!(statuses, [200, 200, 429]);
}
