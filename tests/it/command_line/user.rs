//! `authgate user ...`

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::command::AUTHGATE;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::{Answer, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;

const INACTIVE: &str = r#"{"detail":"User inactive or deleted."}"#;

#[test]
fn a_created_user_can_log_in() {
    let gateway = Gateway::start("");
    create(&gateway, "alice", &[]);
    assert_eq!(gateway.try_login("alice").status, 200);
}

#[test]
fn a_user_can_be_created_where_registration_is_closed() {
    let gateway = Gateway::start("[registration]\nopen = false\n");
    create(&gateway, "alice", &[]);
    assert_eq!(gateway.try_login("alice").status, 200);
}

#[test]
fn a_user_created_as_staff_is_staff() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    create(&gateway, "alice", &["--staff"]);
    let token = gateway.login("alice");
    assert_eq!(gateway.send(&Request::get("/staff").token(&token)).status, 200);
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    let verb = ["user", "create", "alice", "--password-stdin"];
    let outcome = gateway.run_with_input(&verb, "another-Word-9\n");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("already exists"), "{outcome:?}");
    assert_eq!(gateway.try_login("alice").status, 200);
}

#[test]
fn a_name_that_nobody_may_have_is_refused() {
    let gateway = Gateway::start("");
    let verb = ["user", "create", "not a name", "--password-stdin"];
    let outcome = gateway.run_with_input(&verb, PASSWORD);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
}

#[test]
fn a_password_that_fails_the_checks_is_refused() {
    let gateway = Gateway::start("");
    let verb = ["user", "create", "alice", "--password-stdin"];
    let outcome = gateway.run_with_input(&verb, "12345\n");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("too short"), "{outcome:?}");
}

#[test]
fn show_tells_all_of_a_user_but_no_secret() {
    let gateway = Gateway::start("");
    create(&gateway, "alice", &["--email", "alice@example.com", "--staff"]);
    let outcome = gateway.run(&["user", "show", "alice", "--json"]).done();
    let user = outcome.json();
    assert_eq!(user["username"], "alice");
    assert_eq!(user["email"], "alice@example.com");
    assert_eq!((&user["is_active"], &user["is_staff"]), (&json!(true), &json!(true)));
    assert!(user["id"].is_u64() && user["joined"].is_string(), "{user}");
    assert!(!outcome.stdout.contains("$argon2"), "{user}");
}

#[test]
fn show_of_nobody_is_refused() {
    let gateway = Gateway::start("");
    let outcome = gateway.run(&["user", "show", "nobody"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("nobody"), "{outcome:?}");
}

#[test]
fn list_names_every_user() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    gateway.register("Ünal");
    let listed = gateway.run(&["user", "list", "--json"]).done().json();
    let mut names: Vec<_> =
        listed.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["alice", "Ünal"]);
    let table = gateway.run(&["user", "list"]).done().stdout;
    assert!(table.contains("alice") && table.contains("Ünal"), "{table}");
}

#[test]
fn a_list_of_nobody_is_an_empty_list() {
    let gateway = Gateway::start("");
    assert_eq!(gateway.run(&["user", "list", "--json"]).done().json(), Value::Array(vec![]));
}

/// The names in a list.
fn names(listed: &Value) -> Vec<&str> {
    listed.as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect()
}

#[test]
fn a_list_is_searched_filtered_sorted_and_cut_short() {
    let redis = RedisServer::start();
    for settings in [String::new(), redis.settings()] {
        let gateway = Gateway::start(&settings);
        create(&gateway, "bob", &["--email", "zoe@example.com"]);
        create(&gateway, "alice", &["--staff"]);
        create(&gateway, "zoe", &[]);
        gateway.run(&["user", "deactivate", "zoe"]).done();
        let list = |flags: &[&str]| {
            let verb = [&["user", "list", "--json"], flags].concat();
            gateway.run(&verb).done().json()
        };
        for (flags, expected) in [
            (&[][..], &["bob", "alice", "zoe"][..]),
            (&["--search", "ZOE"], &["bob", "zoe"]),
            (&["--staff", "yes"], &["alice"]),
            (&["--active", "no"], &["zoe"]),
            (&["--sort", "username", "--all"], &["alice", "bob", "zoe"]),
            (&["--sort", "username", "--reverse", "--limit", "2"], &["zoe", "bob"]),
        ] {
            assert_eq!(names(&list(flags)), expected, "{flags:?} {settings}");
        }
    }
}

#[test]
fn a_list_as_csv_has_no_formula() {
    let gateway = Gateway::start("");
    create(&gateway, "+bob", &[]);
    let csv = gateway.run(&["user", "list", "--csv"]).done().stdout;
    let rows: Vec<_> = csv.split("\r\n").collect();
    assert_eq!(rows[0], "id,username,email,is_active,is_staff,joined,last_login,live_tokens");
    assert!(rows[1].starts_with("1,\"'+bob\",,true,false,20"), "{csv}");
}

#[test]
fn show_tells_of_tokens_and_of_what_happened() {
    let gateway = Gateway::start("");
    create(&gateway, "alice", &[]);
    gateway.run(&["token", "create", "alice", "--name", "backup"]).done();
    let user = gateway.run(&["user", "show", "alice", "--json"]).done().json();
    assert_eq!((&user["live_tokens"], &user["tokens"][0]["name"]), (&json!(1), &json!("backup")));
    assert_eq!(user["tokens"][0]["issued_by"], "command line");
    assert_eq!(user["events"][0]["event"], "user_created");
    assert_eq!(user["password"], "argon2id, m=64 t=1 p=1");
    let table = gateway.run(&["user", "show", "alice"]).done().stdout;
    assert!(table.contains("backup") && table.contains("user_created"), "{table}");
}

#[test]
fn an_address_is_changed_and_a_wrong_one_refused() {
    let gateway = Gateway::start("");
    create(&gateway, "alice", &[]);
    gateway.run(&["user", "set-email", "alice", "a@example.com"]).done();
    let user = gateway.run(&["user", "show", "alice", "--json"]).done().json();
    assert_eq!(user["email"], "a@example.com");
    assert_eq!(user["events"][1]["detail"], "email: nothing → a@example.com");
    let wrong = gateway.run(&["user", "set-email", "alice", "nowhere"]);
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.stderr.contains("Enter a valid email address."), "{wrong:?}");
}

#[test]
fn a_made_up_password_stands_alone_on_standard_output() {
    let gateway = Gateway::start("");
    let password = gateway.run(&["user", "create", "alice", "--generate"]).done().stdout;
    let credentials = json!({ "username": "alice", "password": password.trim() });
    let login = gateway.send(&Request::post("/api/login/").json(&credentials));
    assert_eq!(login.status, 200, "{}", login.text());
}

#[test]
fn whom_no_rule_let_in_is_listed_without_what_terminals_act_on_and_can_be_deleted() {
    let gateway = Gateway::start("");
    create(&gateway, "bob", &[]);
    let database = rusqlite::Connection::open(gateway.folder().join("authgate.db")).unwrap();
    database.execute("UPDATE users SET username = ?1", ["\u{1b}[2J=x"]).unwrap();
    let table = gateway.run(&["user", "list"]).done().stdout;
    assert!(table.contains("\u{fffd}[2J=x") && !table.contains('\u{1b}'), "{table:?}");
    let shown = gateway.run(&["user", "show", "id:1"]).done().stdout;
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    gateway.run(&["user", "delete", "id:1"]).done();
    assert_eq!(gateway.run(&["user", "list", "--json"]).done().json(), json!([]));
}

#[test]
fn the_next_request_of_a_deactivated_user_is_401() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    assert_eq!(app(&gateway, &token).status, 200);
    gateway.run(&["user", "deactivate", "alice"]).done();
    let answer = app(&gateway, &token);
    assert_eq!((answer.status, answer.text().as_str()), (401, INACTIVE));
}

#[test]
fn a_deactivated_user_cannot_log_in_until_activated() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    gateway.run(&["user", "deactivate", "alice"]).done();
    let deactivated = gateway.try_login("alice").status;
    gateway.run(&["user", "activate", "alice"]).done();
    assert_eq!((deactivated, gateway.try_login("alice").status), (400, 200));
}

#[test]
fn a_promotion_and_its_end_hold_from_the_next_request() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    gateway.register_staff("root");
    let token = gateway.register("alice");
    let staff = |token: &str| gateway.send(&Request::get("/staff").token(token)).status;
    assert_eq!(staff(&token), 403);
    gateway.run(&["user", "promote", "alice"]).done();
    // Either ends what was issued under other rights.
    assert_eq!(staff(&token), 401);
    let token = gateway.login("alice");
    assert_eq!(staff(&token), 200);
    gateway.run(&["user", "demote", "alice"]).done();
    assert_eq!(staff(&token), 401);
}

#[test]
fn a_new_password_replaces_the_old_one_and_ends_the_tokens() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    let verb = ["user", "set-password", "alice", "--password-stdin"];
    gateway.run_with_input(&verb, "another-Word-9\n").done();
    let credentials = json!({ "username": "alice", "password": "another-Word-9" });
    let login = gateway.send(&Request::post("/api/login/").json(&credentials));
    assert_eq!((login.status, gateway.try_login("alice").status), (200, 400));
    assert_eq!(app(&gateway, &token).status, 401);
}

#[test]
fn a_deleted_user_is_gone_from_the_next_request() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let token = gateway.register("alice");
    assert_eq!(app(&gateway, &token).status, 200);
    gateway.run(&["user", "delete", "alice"]).done();
    assert_eq!(app(&gateway, &token).status, 401);
    assert_eq!(gateway.try_login("alice").status, 400);
    assert_eq!(gateway.run(&["user", "show", "alice"]).code, Some(1));
}

#[test]
fn the_last_operator_stays_and_it_is_said_what_to_do() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    create(&gateway, "root", &["--staff"]);
    for verb in ["deactivate", "demote", "delete"] {
        let refused = gateway.run(&["user", verb, "root"]);
        assert_eq!(refused.code, Some(1), "{verb}");
        assert!(refused.says("root is the last active staff user: make another one first"));
        gateway.run(&["user", verb, "alice"]).done();
    }
    create(&gateway, "other", &["--staff"]);
    gateway.run(&["user", "deactivate", "other"]).done();
    // One who may not sign in is no other.
    assert_eq!(gateway.run(&["user", "demote", "root"]).code, Some(1));
    gateway.run(&["user", "activate", "other"]).done();
    gateway.run(&["user", "demote", "root"]).done();
}

#[test]
fn a_verb_for_nobody_is_refused() {
    let gateway = Gateway::start("");
    for verb in [
        "activate",
        "deactivate",
        "promote",
        "demote",
        "must-change",
        "reset-totp",
        "sign-out",
        "delete",
    ] {
        assert_eq!(gateway.run(&["user", verb, "nobody"]).code, Some(1), "{verb}");
    }
}

#[test]
fn a_gateway_on_redis_obeys_too() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let store = format!("[store]\nurl = \"{}\"\n", redis.url());
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + &store));
    create(&gateway, "alice", &[]);
    let token = gateway.login("alice");
    assert_eq!(app(&gateway, &token).status, 200);
    gateway.run(&["user", "deactivate", "alice"]).done();
    let refused = eventually("the refusal", || {
        Some(app(&gateway, &token)).filter(|answer| answer.status != 200)
    });
    assert_eq!((refused.status, refused.text().as_str()), (401, INACTIVE));
}

#[test]
fn what_nobody_reads_to_its_end_ends_quietly() {
    let gateway = Gateway::start("");
    create(&gateway, "alice", &[]);
    let config = gateway.folder().join("authgate.toml");
    for (words, code) in [
        (&["user", "list"][..], 0),
        (&["user", "list", "--json"], 0),
        (&["user", "list", "--csv"], 0),
        (&["user", "show", "alice"], 0),
        (&["user", "create", "bob", "--generate"], 0),
        (&["token", "create", "alice"], 0),
        (&["overview"], 0),
        (&["check"], 0),
        (&["limits", "clear", "--all"], 0),
        (&["store", "stats"], 0),
        (&["store", "verify"], 0),
        (&["user", "show", "nobody"], 1),
    ] {
        let mut program = Command::new(AUTHGATE);
        program.args(words).arg("--config").arg(&config);
        let piped = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut program = piped.unwrap();
        drop(program.stdout.take());
        let ended = program.wait_with_output().unwrap();
        assert!(
            !String::from_utf8_lossy(&ended.stderr).contains("panicked"),
            "{words:?} {ended:?}"
        );
        assert_eq!(ended.status.code(), Some(code), "{words:?} {ended:?}");
        // As with `2>&1 | head`.
        let mut program = Command::new(AUTHGATE);
        program.args(words).arg("--config").arg(&config);
        let piped = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut program = piped.unwrap();
        drop((program.stdout.take(), program.stderr.take()));
        let ended = program.wait().unwrap();
        assert_ne!(ended.code(), Some(101), "{words:?} {ended:?}");
    }
}

#[test]
fn what_finds_no_room_where_it_is_written_is_no_success() {
    let gateway = Gateway::start("");
    create(&gateway, "alice", &[]);
    let config = gateway.folder().join("authgate.toml");
    for words in [
        &["user", "list"][..],
        &["user", "list", "--json"],
        &["user", "list", "--csv"],
        &["user", "set-password", "alice", "--generate"],
        &["token", "create", "alice"],
    ] {
        let mut program = Command::new(AUTHGATE);
        program.args(words).arg("--config").arg(&config);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = program.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let words = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{words}");
        assert!(words.contains("error: cannot write to standard output"), "{words}");
    }
}

fn create(gateway: &Gateway, name: &str, options: &[&str]) {
    let verb = [&["user", "create", name, "--password-stdin"], options].concat();
    gateway.run_with_input(&verb, &format!("{PASSWORD}\n")).done();
}

fn app(gateway: &Gateway, token: &str) -> Answer {
    gateway.send(&Request::get("/app").token(token))
}
