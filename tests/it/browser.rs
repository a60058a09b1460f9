//! The console in a real browser, on each store: chromium goes through the steps of
//! `tests/browser/flows`, a script for each test and of the same name.
//!
//! `tests/setup test` installs what drives it; a test fails where that is missing. Of a flow that
//! fails, `target/browser-failures` keeps what was on the screen.

use std::process::Command;

use serde_json::json;

use crate::harness::command::{AUTHGATE, run};
use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::upstream::Upstream;

/// A test on each store for each flow.
macro_rules! flows {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::goes("sqlite", stringify!($name), "");
            })*
        }

        mod redis {
            $(#[test]
            fn $name() {
                let redis = crate::harness::redis_server::RedisServer::start();
                super::goes("redis", stringify!($name), &redis.settings());
            })*
        }
    };
}

flows! {
    an_operator_signs_in_and_out
}

/// Goes through a flow, with a gateway under these settings and an app behind it.
fn goes(store: &str, flow: &str, settings: &str) {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(settings.to_owned() + &upstream.settings() + ROUTES));
    let file = |name: &str| gateway.folder().join(name);
    let place = json!({
        "address": gateway.address,
        "config": file("authgate.toml"),
        "name": format!("{flow}-{store}"),
        "pictures": in_package("target/browser-failures"),
        "program": AUTHGATE,
        "stderr": file("stderr"),
        "stdout": file("stdout"),
        "store": store,
    });
    let script = in_package(&format!("tests/browser/flows/{flow}.mjs"));
    let outcome = run(Command::new("node").args([script, place.to_string()]), "");
    assert_eq!(outcome.code, Some(0), "\n{}{}", outcome.stdout, outcome.stderr);
}

fn in_package(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}
