//! Bodies that cost more than they should.

use std::thread;

use serde_json::json;

use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::{Answer, HOST, Request};

#[test]
fn bodies_that_are_held_back_take_bounded_memory_and_shut_nobody_out() {
    const SIZE: usize = 1_000_000;
    let gateway = Gateway::start("[server]\nbody_timeout = \"60s\"\n");
    gateway.register("alice");
    let before = gateway.memory_kib("VmRSS:");
    let almost = format!(
        "POST /api/login/ HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n\
         Content-Length: {SIZE}\r\n\r\n{}",
        "[".repeat(SIZE - 1)
    );
    let mut clients: Vec<_> = (0..200)
        .map(|_| {
            let mut client = gateway.connect();
            client.send(&almost);
            client
        })
        .collect();
    // Where there is no room for large ones, there is for those of people.
    assert_eq!(gateway.try_login("alice").status, 200);
    let refused = clients.last_mut().unwrap().answer();
    assert_eq!(refused.status, 503);
    assert!(refused.header("Retry-After").is_some(), "{refused:?}");
    let grown = gateway.memory_kib("VmHWM:").saturating_sub(before);
    assert!(grown < 128 << 10, "the gateway grew by {grown} KiB");
    drop(clients);
    eventually("room again", || {
        let large = Request::post("/api/login/").json(&json!({ "username": "a".repeat(SIZE) }));
        (gateway.send(&large).status == 400).then_some(())
    });
}

#[test]
fn fields_that_nobody_reads_do_not_wait_for_a_hash() {
    let settings = "[limits]\nenabled = false\n\
                    [passwords]\nargon2 = { memory = \"19MiB\", iterations = 1, parallelism = 1 }\n";
    let gateway = Gateway::start(settings);
    gateway.register("alice");
    let before = gateway.memory_kib("VmRSS:");
    let more: Vec<_> = (0..95_000).map(|number| format!("\"{number:x}\":1,")).collect();
    let body = format!("{{{}\"username\":\"alice\",\"password\":\"not-theirs\"}}", more.concat());
    let login = Request::post("/api/login/").with("Content-Type", "application/json").body(body);
    let login = login.bytes();
    let looked_at = thread::scope(|scope| {
        let one = || gateway.connect().send(&login).try_answer().is_ok_and(|it| it.status == 400);
        let logins: Vec<_> = (0..32).map(|_| scope.spawn(one)).collect();
        logins.into_iter().filter_map(|login| login.join().unwrap().then_some(())).count()
    });
    assert!(looked_at > 0);
    let hashes = thread::available_parallelism().unwrap().get() as u64 * (19 << 10);
    let grown = gateway.memory_kib("VmHWM:").saturating_sub(before);
    assert!(grown < hashes + (160 << 10), "the gateway grew by {grown} KiB");
}

#[test]
fn a_hundred_thousand_names_in_a_body_take_no_longer_than_their_length() {
    let gateway = Gateway::start("");
    let joined = |name: &dyn Fn(usize) -> String, between: &str| {
        (0..100_000).map(name).collect::<Vec<_>>().join(between)
    };
    let object = |name: &dyn Fn(usize) -> String| format!("{{{}}}", joined(name, ","));
    for (kind, body) in [
        ("application/json", object(&|number| format!("\"{number:x}\":1"))),
        ("application/json", object(&|_| "\"aa\":1".to_owned())),
        ("application/x-www-form-urlencoded", joined(&|number| format!("{number:x}=1"), "&")),
    ] {
        assert!(body.len() < 1 << 20, "{}", body.len());
        let before = gateway.processor_time();
        let answer = login(&gateway, kind, &body);
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(answer.json()["username"][0], "This field is required.");
        // To compare each with each would take a hundred times as long.
        let used = gateway.processor_time() - before;
        assert!(used < 200, "{kind}: {used} hundredths of a second");
    }
}

#[test]
fn ten_thousand_parts_take_no_longer_than_their_length() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    let part = |name: &str, value: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts: String = (0..10_000).map(|number| part(&format!("a{number}"), "1")).collect();
    let credentials = part("username", "alice") + &part("password", PASSWORD);
    let before = gateway.processor_time();
    let kind = "multipart/form-data; boundary=x";
    assert_eq!(login(&gateway, kind, &(parts.clone() + "--x--\r\n")).status, 400);
    assert_eq!(login(&gateway, kind, &(parts + &credentials + "--x--\r\n")).status, 200);
    let used = gateway.processor_time() - before;
    assert!(used < 400, "{used} hundredths of a second");
}

fn login(gateway: &Gateway, kind: &str, body: &str) -> Answer {
    gateway.send(&Request::post("/api/login/").with("Content-Type", kind).body(body))
}
