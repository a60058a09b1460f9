//! Names, addresses, passwords and tokens that someone makes up.

use super::on_each_store;
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::{Answer, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use serde_json::{Value, json};
use sha2::{Digest, Sha512};

#[test]
fn an_address_that_is_two_or_breaks_a_line_is_refused() {
    let gateway = Gateway::start("");
    for address in [
        "a@evil.com@good.com",
        "\"a@evil.com\"@good.com@x",
        "\"a b\"@good.com",
        "\"a\r\nb\"@good.com",
        "a@good.com\r\nBcc: b@evil.com",
        "a@good.com\nb@evil.com",
        "a\r@good.com",
        "a@good.com\0",
        "<a@good.com>",
        "a@good.com,b@evil.com",
    ] {
        let account = json!({ "username": "ada", "password": PASSWORD, "email": address });
        let answer = post(&gateway, "/api/register/", &account);
        assert_eq!(answer.status, 400, "{address:?}");
        assert!(answer.json()["email"].is_array(), "{address:?}");
    }
    assert_eq!(gateway.try_register("ada").status, 200);
}

#[test]
fn an_address_is_an_unknown_name_to_a_login() {
    on_each_store("", |gateway| {
        let address = "ada@example.com";
        let account = json!({ "username": "ada", "password": PASSWORD, "email": address });
        assert_eq!(post(gateway, "/api/register/", &account).status, 200);
        let [by_address, unknown] = [address, "nobody"].map(|name| gateway.try_login(name));
        assert_eq!(by_address.status, 400);
        assert_eq!(by_address.text(), unknown.text());
        // It is another account if someone takes it as their name.
        let account = json!({ "username": address, "password": "quite-another-1" });
        assert_eq!(post(gateway, "/api/register/", &account).status, 200);
        assert_eq!(gateway.try_login(address).status, 400);
        assert_eq!(gateway.try_login("ada").status, 200);
    });
}

#[test]
fn a_password_is_judged_by_how_easily_it_is_guessed_and_not_by_its_kinds_of_characters() {
    let gateway = Gateway::start("");
    for weak in ["password1", "Letmein1", "robertson", "Robertson9", "xk#q7vz", "8372910538"] {
        let account = json!({ "username": "robertson", "password": weak });
        let answer = post(&gateway, "/api/register/", &account);
        assert_eq!(answer.status, 400, "{weak}");
        assert!(answer.json()["password"].is_array(), "{weak}");
    }
    let long = "correct horse battery staple ".repeat(4);
    let good =
        ["xkcdqzvw", "        spaces alone are not        ", "😀😁😂🤣😃😄😅😆", &long[..116]];
    for (number, password) in good.into_iter().enumerate() {
        let account = json!({ "username": format!("user{number}"), "password": password });
        for path in ["/api/register/", "/api/login/"] {
            assert_eq!(post(&gateway, path, &account).status, 200, "{path} {password:?}");
        }
    }
}

#[test]
fn a_taken_name_is_refused_in_the_same_words_and_its_account_stays_as_it_is() {
    on_each_store("", |gateway| {
        let token = gateway.register("fish");
        for name in ["fish", " fish ", "ﬁsh", "ｆｉｓｈ"] {
            let account = json!({ "username": name, "password": "quite-another-1" });
            let answer = post(gateway, "/api/register/", &account);
            assert_eq!(answer.status, 400, "{name}");
            let words = "A user with that username already exists.";
            assert_eq!(answer.json(), json!({ "username": [words] }), "{name}");
        }
        assert_eq!(gateway.status_of(&token), 200);
        assert_eq!(gateway.try_login("fish").status, 200);
    });
}

#[test]
fn a_token_that_is_almost_right_is_as_unknown_as_any() {
    on_each_store("", |gateway| {
        let token = gateway.register("ada");
        let status = |token: &str| {
            let answer = gateway.send(&Request::get("/app").token(token));
            assert!(answer.status == 200 || answer.text() == r#"{"detail":"Invalid token."}"#);
            answer.status
        };
        for place in (0..token.len()).step_by(3) {
            let other = if &token[place..=place] == "0" { "1" } else { "0" };
            let guess = format!("{}{other}{}", &token[..place], &token[place + 1..]);
            assert_eq!(status(&guess), 401, "another digit {place}");
        }
        let digest = hex::encode(Sha512::digest(&token));
        let guesses = [&token[..63], &format!("{token}0"), &token.to_uppercase(), &digest];
        for guess in guesses {
            assert_eq!(status(guess), 401, "{guess}");
        }
        assert_eq!(status(&token), 200);
    });
}

#[test]
fn of_a_name_that_is_given_twice_the_last_counts() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    for name in ["ada", "bob"] {
        gateway.register(name);
    }
    let log_in = |first: &str, last: &str| {
        let body = format!(
            r#"{{"username":"{first}","username":"{last}","password":"x","password":"{PASSWORD}"}}"#
        );
        let request = Request::post("/api/login/").with("Content-Type", "application/json");
        gateway.send(&request.body(body))
    };
    let token = log_in("ada", "bob").json()["token"].as_str().unwrap().to_owned();
    assert_eq!(gateway.status_of(&token), 200);
    assert_eq!(upstream.only_request().header("x-auth-user").as_deref(), Some("bob"));
    assert_eq!(log_in("ada", "nobody").status, 400);
}

#[test]
fn a_name_that_would_break_a_line_is_refused_and_leaves_the_log_whole() {
    let gateway = Gateway::start("[log]\nformat = \"json\"\nlevel = \"debug\"\n");
    let most = "u".repeat(150);
    let forged = "ada\r\n{\"level\":\"INFO\",\"event\":\"login_succeeded\"}";
    for name in
        [forged, "a\nb", "a\u{1b}[2Jb", "a\u{2028}b", "a\u{85}b", "a\u{202e}b", &format!("{most}u")]
    {
        assert_eq!(gateway.try_register(name).status, 400, "{name:?}");
        assert_eq!(gateway.try_login(name).status, 400, "{name:?}");
    }
    gateway.register(&most);
    gateway.login(&most);
    for line in gateway.log().lines() {
        let read = serde_json::from_str::<Value>(line);
        let read = read.unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(read["event"] != "login_succeeded" || !line.contains("ada"), "{line}");
        assert!(!line.contains(['\r', '\u{1b}', '\u{2028}', '\u{202e}']), "{line:?}");
    }
}

#[test]
fn whoever_cannot_log_in_costs_a_hash_and_gets_the_same_answer() {
    let upstream = Upstream::start();
    let gateway = Gateway::metered(&(upstream.settings() + ROUTES));
    gateway.register("ada");
    gateway.register("locked");
    gateway.run(&["user", "deactivate", "locked"]).done();
    let mut answers = Vec::new();
    for (name, password) in
        [("ada", "wrong"), ("nobody", "wrong"), ("no one!", "wrong"), ("locked", PASSWORD)]
    {
        let before = gateway.meter("hash_seconds_count");
        let credentials = json!({ "username": name, "password": password });
        let answer = post(&gateway, "/api/login/", &credentials);
        answers.push((answer.status, answer.text()));
        let hashed = gateway.meter("hash_seconds_count") - before;
        assert!((hashed - 1.0).abs() < 0.5, "{name}: {hashed}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn a_stored_hash_that_costs_too_much_is_not_computed() {
    let redis = RedisServer::start();
    let gateway = Gateway::start(&redis.settings());
    gateway.register("ada");
    for cost in ["m=4194304,t=1,p=1", "m=1048576,t=64,p=1", "m=64,t=4294967295,p=1"] {
        let output = "A".repeat(43);
        let poison = format!("$argon2id$v=19${cost}$c2FsdHNhbHRzYWx0${output}");
        redis.ask::<u64>(&["HSET", "authgate:user:{1}", "password", &poison]);
        assert_eq!(gateway.try_login("ada").status, 400, "{cost}");
    }
    assert!(gateway.memory_kib("VmHWM") < 512 << 10, "memory was taken for it");
}

#[test]
fn a_hash_of_an_old_cost_is_verified_and_replaced_once_at_the_next_login() {
    let redis = RedisServer::start();
    let mut gateway = Gateway::start(&redis.settings());
    let stored = || redis.ask::<String>(&["HGET", "authgate:user:{1}", "password"]);
    gateway.register("ada");
    assert!(stored().contains("m=64,t=1,p=1"));
    let cost = "[passwords.argon2]\nmemory = \"128KiB\"\niterations = 2\n";
    gateway.configure(&(redis.settings() + cost));
    gateway.restart();
    let wrong = json!({ "username": "ada", "password": "wrong" });
    assert_eq!(post(&gateway, "/api/login/", &wrong).status, 400);
    assert!(stored().contains("m=64,t=1,p=1"));
    gateway.login("ada");
    let better = stored();
    assert!(better.contains("m=128,t=2,p=1"), "{better}");
    gateway.login("ada");
    assert_eq!(stored(), better);
}

#[test]
fn logins_that_find_no_place_are_told_to_come_back() {
    // One thread, and a hash that takes a while.
    let cost = "argon2 = { memory = \"64MiB\", iterations = 32, parallelism = 1 }\n";
    let gateway =
        Gateway::metered(&format!("[limits]\nenabled = false\n[passwords]\nthreads = 1\n{cost}"));
    let credentials = json!({ "username": "nobody", "password": "wrong" });
    let login = Request::post("/api/login/").json(&credentials);
    let mut waiting: Vec<_> = (0..32).map(|_| gateway.connect()).collect();
    for connection in &mut waiting {
        connection.send(login.bytes());
    }
    // All places of a thread but that of the one whose turn it is.
    eventually("a full queue", || (gateway.meter("hash_queue_depth") >= 31.0).then_some(()));
    let answer = gateway.send(&login);
    assert_eq!(answer.status, 503);
    let after: u8 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&after), "{after}");
    assert!(gateway.meter("hash_queue_depth") > 0.0);
    assert!(gateway.meter("hash_refusals_total") >= 1.0);
    eventually("the warning", || gateway.log().contains("hash_queue_full").then_some(()));
    // What needs no hash is answered as ever.
    assert_eq!(gateway.send(&Request::get("/app")).status, 401);
}

#[test]
fn memory_that_hashing_took_is_given_back_when_nobody_logs_in() {
    let cost = "argon2 = { memory = \"128MiB\", iterations = 1, parallelism = 1 }\n";
    let gateway = Gateway::start(&format!("[passwords]\nthreads = 1\n{cost}"));
    gateway.try_login("nobody");
    assert!(gateway.memory_kib("VmHWM") > 128 << 10);
    eventually("the memory", || (gateway.memory_kib("VmRSS") < 96 << 10).then_some(()));
}

fn post(gateway: &Gateway, path: &str, body: &Value) -> Answer {
    gateway.send(&Request::post(path).json(body))
}
