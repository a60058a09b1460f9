//! What is told where more passwords are typed than there are places for.

use super::api::{key, send};
use super::{Browser, make_operator};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::Request;
use serde_json::json;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// One hash at a time, which takes long enough that some of many requests find no place.
const SLOW: &str = "
[passwords]
threads = 1
argon2 = { memory = \"32MiB\", iterations = 4, parallelism = 1 }
[limits]
login_failures_per_account = { free = 1000, delay = \"1s\", max_delay = \"15m\" }
login_failures_per_account_and_network = \"1000/1h\"
console_failures_per_account = { free = 1000, delay = \"1s\", max_delay = \"15m\" }
console_failures_per_account_and_network = \"1000/1m\"
console_failures_per_network = \"1000/1m\"
";

/// Says at its own end that something is over.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// How many try at once.
const MANY: usize = 12;

/// What many are told who try at once: each status once, in order. How often it is told depends on how
/// busy the machine is.
fn told(attempt: impl Fn(&Barrier) -> u16 + Sync) -> Vec<u16> {
    let barrier = Barrier::new(MANY);
    let mut told: Vec<u16> = thread::scope(|scope| {
        let tries = [(); MANY].map(|()| scope.spawn(|| attempt(&barrier)));
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    told.sort_unstable();
    told.dedup();
    told
}

fn console_tells(gateway: &Gateway, name: &str) -> Vec<u16> {
    told(|barrier| {
        let mut browser = Browser::of(gateway);
        browser.get("/admin/login/");
        barrier.wait();
        let fields = [("username", name), ("password", "not-their-Passw0rd")];
        browser.post("/admin/login/", &fields).status
    })
}

fn api_tells(gateway: &Gateway, name: &str) -> Vec<u16> {
    told(|barrier| {
        barrier.wait();
        let credentials = json!({ "username": name, "password": "not-their-Passw0rd" });
        gateway.send(&Request::post("/api/login/").json(&credentials)).status
    })
}

#[test]
fn who_tries_much_at_once_is_told_the_same_of_staff_and_of_others() {
    let gateway = Gateway::start(SLOW);
    gateway.register("plain");
    assert_eq!(gateway.try_login("plain").status, 200, "they are known from here");
    make_operator(&gateway, "ada");
    Browser::of(&gateway).sign_in("ada");
    let of_staff = console_tells(&gateway, "ada");
    assert_eq!(of_staff, [401, 503]);
    assert_eq!(console_tells(&gateway, "plain"), of_staff);
    gateway.run(&["user", "deactivate", "plain"]).done();
    assert_eq!(console_tells(&gateway, "plain"), of_staff);
}

#[test]
fn who_tries_much_at_once_is_told_the_same_of_names_that_nobody_has() {
    let gateway = Gateway::start(SLOW);
    make_operator(&gateway, "ada");
    let plain = ["user", "create", "plain", "--password-stdin"];
    gateway.run_with_input(&plain, PASSWORD).done();
    let of_staff = console_tells(&gateway, "ada");
    assert_eq!(of_staff, [401, 503]);
    assert_eq!(console_tells(&gateway, "plain"), of_staff);
    assert_eq!(console_tells(&gateway, "nobody"), of_staff);
    assert_eq!(api_tells(&gateway, "nobody"), api_tells(&gateway, "plain"));
}

#[test]
fn an_operator_whose_script_sets_many_passwords_leaves_the_others_their_places() {
    let gateway = Gateway::start(SLOW);
    for name in ["ada", "root"] {
        make_operator(&gateway, name);
    }
    gateway.register("plain");
    let id = gateway.run(&["user", "show", "plain", "--json"]).done().json()["id"].to_string();
    let path = format!("/users/{id}/password");
    let set = |key: &str| {
        let body = json!({ "password": "another-Word-456" });
        send(&gateway, key, ("POST", &path), &body).status
    };
    // Two keys of one operator, and one of another.
    let [one, two, other] = ["ada", "ada", "root"].map(|owner| key(&gateway, owner, &[]));
    let served = AtomicUsize::new(0);
    let of_script = told(|barrier| {
        if barrier.wait().is_leader() {
            assert_eq!(set(&other), 200, "the other operator");
            return 200;
        }
        let is_even = served.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        set(if is_even { &one } else { &two })
    });
    assert!(of_script.contains(&503), "{of_script:?}");
}

#[test]
fn keys_that_set_many_passwords_keep_their_owner_from_no_password_of_their_own() {
    let gateway = Gateway::start(SLOW);
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("plain");
    let id = gateway.run(&["user", "show", "plain", "--json"]).done().json()["id"].to_string();
    let path = format!("/users/{id}/password");
    let keys = [(); 3].map(|()| key(&gateway, "ada", &[]));
    let (is_over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let answer = thread::scope(|scope| {
        // Though the test fails.
        let _end = Over(&is_over);
        for key in &keys {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let body = json!({ "password": "another-Word-456" });
                    if send(&gateway, key, ("POST", &path), &body).status == 503 {
                        refused.fetch_add(1, Ordering::Relaxed);
                        // Hashing threads are of low priority, and need the processor meanwhile.
                        thread::sleep(Duration::from_millis(20));
                    }
                }
            });
        }
        eventually("their place is taken", || (refused.load(Ordering::Relaxed) > 0).then_some(()));
        browser.get("/admin/account/password/");
        let new = "another-Word-789";
        browser.post(
            "/admin/account/password/",
            &[("old_password", PASSWORD), ("new_password", new), ("new_password_again", new)],
        )
    });
    assert_eq!(answer.status, 302, "{}", answer.text());
}
