//! Strangers at the console's door.

use super::second_factor::with_app;
use super::{Browser, make_operator, on_each_store};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

/// Tests cannot come from elsewhere, so a proxy says that they do.
const PROXIES: &str = "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
/// One thread that hashes, for as long as it takes strangers to stand in line.
const SLOW: &str = "[passwords]\nthreads = 1\nargon2 = { memory = \"16MiB\", iterations = 1 }\n";
const OFFICE: &str = "203.0.113.7";

fn address(host: u32) -> String {
    format!("198.18.{}.{}", host / 256, host % 256)
}

/// What becomes of a sign-in with a new browser in the office.
fn from_office(gateway: &Gateway, password: &str) -> u16 {
    Browser::behind_a_proxy(gateway, OFFICE).try_sign_in("ada", password).status
}

/// Has strangers type names and wrong passwords at the console's door, each time from another
/// address, while something else happens.
fn while_strangers_knock<T>(gateway: &Gateway, names: &[&str], act: impl FnOnce() -> T) -> T {
    let (is_over, next, tried) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for name in names {
            let (is_over, next, tried) = (&is_over, &next, &tried);
            scope.spawn(move || {
                let mut stranger = Browser::of(gateway);
                stranger.get("/admin/login/");
                while !is_over.load(Ordering::Relaxed) {
                    stranger.go_to(&address(next.fetch_add(1, Ordering::Relaxed)));
                    let fields = [("username", *name), ("password", "wrong")];
                    stranger.post("/admin/login/", &fields);
                    tried.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while tried.load(Ordering::Relaxed) < 8 {
            thread::yield_now();
        }
        let done = act();
        is_over.store(true, Ordering::Relaxed);
        done
    })
}

#[test]
fn strangers_shut_no_operator_out_who_is_known_where_they_are() {
    on_each_store(&format!("{PROXIES}{SLOW}"), |gateway| {
        make_operator(gateway, "ada");
        assert_eq!(from_office(gateway, PASSWORD), 302);
        let statuses = while_strangers_knock(gateway, &["ada", "eve", "ada", "root"], || {
            [(); 10].map(|()| from_office(gateway, PASSWORD))
        });
        assert_eq!(statuses, [302; 10]);
    });
}

#[test]
fn strangers_keep_no_operator_from_work() {
    let gateway = Gateway::start(&format!("{PROXIES}{SLOW}"));
    make_operator(&gateway, "ada");
    let mut ada = Browser::behind_a_proxy(&gateway, OFFICE);
    ada.sign_in("ada");
    let statuses = while_strangers_knock(&gateway, &["ada", "eve", "ada", "root"], || {
        let mut statuses = Vec::new();
        for number in 0..5 {
            let name = format!("user{number}");
            ada.get("/admin/users/new/");
            let fields = [("username", name.as_str()), ("password", PASSWORD)];
            statuses.push(ada.post("/admin/users/new/", &fields).status);
        }
        statuses
    });
    assert_eq!(statuses, [200; 5]);
}

#[test]
fn guesses_at_an_operator_from_many_addresses_are_slowed_and_the_operator_is_not() {
    let limits = "[limits]\nconsole_failures_per_account = { free = 3, delay = \"10m\" }\n";
    on_each_store(&format!("{PROXIES}{limits}"), |gateway| {
        make_operator(gateway, "ada");
        assert_eq!(from_office(gateway, PASSWORD), 302);
        let mut stranger = Browser::of(gateway);
        let statuses = (0..8).map(|host| {
            stranger.go_to(&address(host));
            stranger.try_sign_in("ada", "wrong").status
        });
        let statuses: Vec<_> = statuses.collect();
        assert_eq!(statuses, [401, 401, 401, 429, 429, 429, 429, 429]);
        // Nor the right password gets in from there, until the wait is over.
        assert_eq!(stranger.try_sign_in("ada", PASSWORD).status, 429);
        // The endpoints count for themselves.
        assert_eq!(gateway.try_login("ada").status, 200);
        for _ in 0..2 {
            assert_eq!(from_office(gateway, "wrong"), 401);
            assert_eq!(from_office(gateway, PASSWORD), 302);
        }
        let shown = gateway.run(&["limits", "show", "--refused"]).done().stdout;
        assert!(shown.contains("console_failures_per_account  ada"), "{shown}");
        gateway.run(&["limits", "clear", "--user", "ada"]).done();
        eventually("the sign-in", || {
            (stranger.try_sign_in("ada", PASSWORD).status == 302).then_some(())
        });
    });
}

#[test]
fn as_shipped_an_operator_is_guessed_at_ten_times_and_then_ever_more_slowly() {
    let gateway = Gateway::start(PROXIES);
    make_operator(&gateway, "ada");
    let mut stranger = Browser::of(&gateway);
    stranger.get("/admin/login/");
    let through = (0..100).filter(|host| {
        stranger.go_to(&address(*host));
        let answer = stranger.post("/admin/login/", &[("username", "ada"), ("password", "wrong")]);
        answer.status == 401
    });
    let through = through.count();
    // Some waits may end meanwhile.
    assert!((10..=14).contains(&through), "{through}");
}

#[test]
fn the_link_for_the_first_operator_makes_them_known_where_they_are() {
    let limits = "[limits]\nconsole_failures_per_account = { free = 0, delay = \"10m\" }\n";
    let gateway = Gateway::start(&format!("{PROXIES}{limits}"));
    let mut ada = Browser::behind_a_proxy(&gateway, OFFICE);
    super::setup::by_the_link(&gateway, &mut ada, "ada");
    let mut stranger = Browser::behind_a_proxy(&gateway, &address(1));
    assert_eq!(stranger.try_sign_in("ada", "wrong").status, 401);
    assert_eq!(stranger.try_sign_in("ada", PASSWORD).status, 429);
    assert_eq!(from_office(&gateway, PASSWORD), 302);
}

#[test]
fn a_password_without_its_code_makes_nobody_known_where_they_are() {
    let limits = "[limits]\nconsole_failures_per_account = { free = 0, delay = \"10m\" }\n";
    on_each_store(&format!("{PROXIES}{limits}"), |gateway| {
        let (mut ada, app) = with_app(gateway, "ada");
        gateway.register("bob");
        let promote = format!("{}promote/", super::users::page_of(gateway, "bob"));
        ada.get(&promote);
        // Someone has her session and her password.
        ada.go_to(OFFICE);
        assert_eq!(from_office(gateway, PASSWORD), 302);
        let proof = |code| [("own_password", PASSWORD), ("code", code)];
        assert_eq!(ada.post(&promote, &proof("000000")).status, 400);
        let mut stranger = Browser::behind_a_proxy(gateway, &address(1));
        assert_eq!(stranger.try_sign_in("ada", "wrong").status, 401);
        assert_eq!(from_office(gateway, PASSWORD), 429);
        gateway.run(&["limits", "clear", "--user", "ada"]).done();
        let mut office = Browser::behind_a_proxy(gateway, OFFICE);
        eventually("the sign-in", || {
            (office.try_sign_in("ada", PASSWORD).status == 302).then_some(())
        });
        office.get("/admin/login/code/");
        let answer = office.post("/admin/login/code/", &[("code", &app.code(0))]);
        assert_eq!(answer.status, 302, "{}", answer.text());
        assert_eq!(stranger.try_sign_in("ada", "wrong").status, 401);
        assert_eq!(from_office(gateway, PASSWORD), 302);
    });
}
