//! `authgate export …`: everything is given back.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::harness::command::authgate;
use crate::harness::folder;
use crate::harness::gateway::Gateway;

const DUMP: &str = "tests/contract/dump.json";

/// A gateway that has taken a Django over.
fn gateway() -> Gateway {
    let gateway = Gateway::start("");
    gateway.run(&["import", "django", DUMP]).done();
    gateway
}

fn objects(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

/// As Django compares them: by model and key, moments to the millisecond.
fn tidied(text: &str) -> Vec<Value> {
    let mut objects = objects(text);
    for object in &mut objects {
        let fields = object["fields"].as_object_mut().unwrap();
        fields.remove("user_permissions");
        for name in ["date_joined", "created", "expiry", "last_login"] {
            if let Some(Value::String(moment)) = fields.get_mut(name) {
                *moment = moment.trim_end_matches('Z').trim_end_matches('0').to_owned();
            }
        }
    }
    objects.sort_by_key(|object| (object["model"].to_string(), object["pk"].to_string()));
    objects
}

#[test]
fn what_came_from_a_django_goes_back_as_it_was() {
    let gateway = gateway();
    let dump = gateway.run(&["export", "django"]).done();
    assert_eq!(tidied(&dump.stdout), tidied(&fs::read_to_string(DUMP).unwrap()));
    assert!(dump.stderr.contains("users: 5, live tokens: 4"), "{dump:?}");
}

#[test]
fn groups_are_named_and_hashes_of_our_own_are_djangos() {
    let gateway = Gateway::start("");
    let source = gateway.folder().join("dump.json");
    let ada = json!({
        "model": "auth.user", "pk": 7,
        "fields": { "username": "ada", "password": "!x", "groups": [3], "is_superuser": true },
    });
    let group = json!({ "model": "auth.group", "pk": 3, "fields": { "name": "editors" } });
    fs::write(&source, json!([ada, group]).to_string()).unwrap();
    gateway.run(&["import", "django", source.to_str().unwrap()]).done();
    gateway.register("bob");
    let dump = objects(&gateway.run(&["export", "django"]).done().stdout);
    assert_eq!(dump[0], json!({ "model": "auth.group", "fields": { "name": "editors" } }));
    assert_eq!(dump[1]["fields"]["groups"], json!([["editors"]]));
    assert_eq!((&dump[1]["fields"]["password"], &dump[1]["pk"]), (&json!("!x"), &json!(7)));
    let bob = &dump[2]["fields"];
    assert!(bob["password"].as_str().unwrap().starts_with("argon2$argon2id$v=19$"), "{bob}");
    let token = &dump[3];
    assert_eq!((&token["model"], &token["fields"]["user"]), (&json!("knox.authtoken"), &json!(8)));
    assert_eq!(token["fields"]["token_key"].as_str().unwrap().len(), 15);
}

#[test]
fn tokens_that_a_django_could_not_find_are_left_out_and_counted() {
    let gateway = Gateway::start("");
    gateway.run(&["import", "django", "tests/contract/dump-edge.json"]).done();
    let five = gateway.run(&["export", "django"]).done();
    assert!(five.stderr.contains("or another hash (--knox, --digest): 1"), "{five:?}");
    let older = gateway.run(&["export", "django", "--knox", "4.2"]).done();
    let keys: Vec<_> = objects(&older.stdout)
        .iter()
        .filter(|object| object["model"] == "knox.authtoken")
        .map(|object| object["fields"]["token_key"].clone())
        .collect();
    assert_eq!(keys, ["a1137b08"]);
    let none = gateway.run(&["export", "django", "--no-tokens"]).done();
    assert!(!none.stdout.contains("knox.authtoken"));
}

#[test]
fn an_export_is_there_whole_or_not_at_all_and_for_its_owner_alone() {
    let gateway = gateway();
    let file = gateway.folder().join("export.jsonl");
    let path = file.to_str().unwrap();
    gateway.run(&["export", "jsonl", path]).done();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let lines = fs::read_to_string(&file).unwrap();
    assert_eq!(lines.lines().count(), 9);
    let again = gateway.run(&["export", "jsonl", path]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.says("--force replaces it"), "{again:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), lines);
    gateway.run(&["export", "jsonl", path, "--force"]).done();
    let parts = fs::read_dir(gateway.folder()).unwrap().flatten();
    let parts = parts.filter(|entry| entry.file_name().to_string_lossy().ends_with(".part"));
    assert_eq!(parts.count(), 0);
}

#[test]
fn an_export_for_django_may_be_an_object_a_line_and_goes_out_for_a_dash() {
    let gateway = gateway();
    let array = gateway.run(&["export", "django"]).done();
    for place in [&[][..], &["-"]] {
        let verb = [&["export", "django", "--format", "jsonl"][..], place].concat();
        let lines = gateway.run(&verb).done().stdout;
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, objects(&array.stdout));
    }
    let dashed = gateway.run(&["export", "jsonl", "-"]).done();
    assert_eq!(dashed.stdout.lines().count(), 9);
}

#[test]
fn a_store_that_is_not_there_is_neither_made_nor_exported() {
    let place = folder();
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("export"), "a good one").unwrap();
    let store = format!("sqlite:{}", at("none.db"));
    for form in ["jsonl", "django"] {
        for to in [&[][..], &[&at("export"), "--force"], &[&at("new")]] {
            let said = authgate(&[&["export", form, "--store", &store], to].concat(), "");
            assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
            assert!(said.stderr.contains("there is no such file"), "{said:?}");
        }
    }
    assert_eq!(fs::read_to_string(at("export")).unwrap(), "a good one");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}
