//! `authgate overview`, and `authgate routes --running`.

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;

#[test]
fn an_overview_tells_figures_and_what_needs_attention() {
    let gateway = Gateway::start("");
    gateway.register("ada");
    gateway.run(&["user", "promote", "ada"]).done();
    let told = gateway.run(&["overview", "--json"]).done().json();
    assert_eq!((&told["users"], &told["staff"]), (&1.into(), &1.into()), "{told}");
    let words = told["attention"].to_string();
    assert!(words.contains("One operator signs in by a password alone"), "{told}");
    let told = gateway.run(&["overview"]).done().stdout;
    assert!(told.contains("look: One operator") && told.contains("1 staff"), "{told}");
    let requests = || {
        gateway.try_login("ada");
        let told = gateway.run(&["overview", "--json"]).done().json();
        told["last_hour"]["logins_ok"].as_u64().filter(|count| *count > 0)
    };
    eventually("logins in the figures", requests);
}

#[test]
fn the_routes_of_a_running_gateway_are_told_with_their_rates() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES + "[server]\ncontrol = \"control\"\n";
    let gateway = Gateway::start(&settings);
    assert_eq!(gateway.send(&Request::get("/staff")).status, 401);
    let control = gateway.folder().join("control");
    let running = ["routes", "--running", "--control", control.to_str().unwrap()];
    let routes = gateway.run(&[&running[..], &["--json"]].concat()).done().json();
    let staff = routes.as_array().unwrap().iter().find(|route| route["path"] == "/staff").unwrap();
    assert_eq!(staff["last_hour"]["unauthorized"], 1, "{staff}");
    let table = gateway.run(&running).done().stdout;
    assert!(table.contains("LAST HOUR"), "{table}");
}
