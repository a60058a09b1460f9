//! Names that look like another's.

use super::on_each_store;
use crate::harness::gateway::{Gateway, PASSWORD};
use serde_json::json;

const TAKEN: &str = "A user with that username already exists.";
const INVALID: &str = "Enter a valid username. This value may contain only letters, numbers, and \
                       @/./+/-/_ characters.";

#[test]
fn a_name_that_looks_like_anothers_is_taken() {
    on_each_store("", |gateway| {
        gateway.register("ace");
        gateway.register("admin");
        // In Cyrillic, with a Latin alpha, with a dotless i.
        for twin in ["асе", "ɑce", "admın"] {
            assert_eq!(refusal(gateway, twin), TAKEN, "{twin}");
        }
        assert_eq!(gateway.try_login("асе").status, 400);
    });
}

#[test]
fn a_name_that_mixes_scripts_is_refused_whether_or_not_it_is_taken() {
    let gateway = Gateway::start("");
    for mixed in ["аdmin", "pаypal", "αlice", "Иванx"] {
        assert_eq!(refusal(&gateway, mixed), INVALID, "{mixed}");
    }
}

#[test]
fn other_names_are_given_as_before() {
    let gateway = Gateway::start("");
    let names = ["admin", "Admin", "adm1n", "I1l", "l1I", "josé", "Иван", "山田太郎", "u٣٤", "асе"];
    for name in names {
        assert_eq!(gateway.try_register(name).status, 200, "{name}");
    }
    // One in ASCII is never refused for what it looks like.
    assert_eq!(gateway.try_register("ace").status, 200);
}

#[test]
fn look_alikes_are_given_where_that_is_wanted_and_by_operators() {
    let gateway = Gateway::start("[registration]\nlook_alikes = \"allow\"\n");
    for name in ["ace", "асе", "аdmin"] {
        assert_eq!(gateway.try_register(name).status, 200, "{name}");
    }
    let gateway = Gateway::start("");
    gateway.register("ace");
    for name in ["асе", "аdmin"] {
        let verb = ["user", "create", name, "--password-stdin"];
        gateway.run_with_input(&verb, &format!("{PASSWORD}\n")).done();
        assert_eq!(gateway.try_login(name).status, 200, "{name}");
    }
}

/// What a registration is told that is refused for its name.
fn refusal(gateway: &Gateway, name: &str) -> String {
    let answer = gateway.try_register(name);
    assert_eq!(answer.status, 400, "{name}");
    let told = answer.json()["username"][0].as_str().unwrap_or_default().to_owned();
    assert_eq!(answer.json(), json!({ "username": [told] }), "{name}");
    told
}
