//! Failed logins.

use super::{address, count, from, guess, login, on_each_store, register_from, sign_in};
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::Upstream;
use std::thread;

const WIDE: &str = "login_failures_per_network = \"10000/1h\"\n";

#[test]
fn wrong_passwords_are_limited_by_account_and_by_network() {
    let limits = "login_failures_per_account_and_network = \"3/1h\"\n\
                  login_failures_per_network = \"8/1h\"\n";
    on_each_store(limits, |gateway| {
        gateway.register("alice");
        assert_eq!(count(400, (0..5).map(|_| guess(gateway, "alice", &address(1)))), 3);
        // The right password is not looked at either.
        assert_eq!(sign_in(gateway, "alice", &address(1)).status, 429);
        // Others from there have five left, whether or not they exist.
        let others =
            (0..9).map(|number| guess(gateway, &format!("user{}", number % 3), &address(1)));
        assert_eq!(count(400, others), 5);
        assert_eq!(sign_in(gateway, "alice", &address(2)).status, 200);
    });
}

#[test]
fn one_password_tried_on_many_names_is_limited_by_network() {
    on_each_store("login_failures_per_network = \"10/1h\"\n", |gateway| {
        let tried = (0..15).map(|number| guess(gateway, &format!("name{number}"), &address(1)));
        assert_eq!(count(400, tried), 10);
        assert_eq!(guess(gateway, "name", &address(2)).status, 400);
        let throttled = "throttled_total{limit=\"login_failures_per_network\"}";
        assert!(gateway.meter(throttled) >= 5.0);
    });
}

#[test]
fn a_hundred_failures_a_minute_from_one_network_are_where_it_begins() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let all = (0..110).map(|number| gateway.send(&login(&format!("name{number}"), "wrong")));
    let failed = count(400, all);
    // Some come back while it lasts.
    assert!((100..110).contains(&failed), "{failed}");
}

#[test]
fn an_account_is_delayed_but_never_locked() {
    let limits = WIDE.to_owned() + "login_failures_per_account = { free = 3, delay = \"300ms\" }\n";
    on_each_store(&limits, |gateway| {
        register_from(gateway, "alice", &address(99));
        let tried = (0..6).map(|number| guess(gateway, "alice", &address(number)));
        assert_eq!(count(400, tried), 3);
        let refused = sign_in(gateway, "alice", &address(7));
        assert_eq!((refused.status, refused.header("Retry-After").as_deref()), (429, Some("1")));
        thread::sleep(std::time::Duration::from_millis(350));
        assert_eq!(sign_in(gateway, "alice", &address(8)).status, 200);
    });
}

#[test]
fn nobody_locks_an_owner_out() {
    let limits = WIDE.to_owned()
        + "login_failures_per_account = { free = 3, delay = \"10m\", max_delay = \"10m\" }\n";
    on_each_store(&limits, |gateway| {
        register_from(gateway, "alice", &address(99));
        assert_eq!(sign_in(gateway, "alice", &address(1)).status, 200);
        let attack = (100..140).map(|number| guess(gateway, "alice", &address(number)));
        assert_eq!(count(400, attack), 3);
        // Where the owner has logged in, or registered, they still can.
        for known in [1, 99, 1] {
            assert_eq!(sign_in(gateway, "alice", &address(known)).status, 200);
        }
        assert_eq!(sign_in(gateway, "alice", &address(2)).status, 429);
        // And what they mistype there is on a budget of its own.
        assert_eq!(guess(gateway, "alice", &address(1)).status, 400);
        // Nobody else's account is familiar there.
        assert_eq!(count(400, (0..5).map(|_| guess(gateway, "bob", &address(1)))), 3);
    });
}

#[test]
fn an_account_of_a_like_name_makes_no_network_familiar() {
    let limits = WIDE.to_owned() + "login_failures_per_account = { free = 2, delay = \"10m\" }\n";
    on_each_store(&limits, |gateway| {
        register_from(gateway, "admin", &address(99));
        // The attacker's own.
        register_from(gateway, "ADMIN", &address(1));
        assert_eq!(sign_in(gateway, "ADMIN", &address(1)).status, 200);
        assert_eq!(count(400, (0..5).map(|_| guess(gateway, "admin", &address(1)))), 2);
    });
}

#[test]
fn a_known_network_survives_a_restart_and_so_does_the_delay() {
    let upstream = Upstream::start();
    let settings = [
        &upstream.settings(),
        ROUTES,
        super::BEHIND_A_PROXY,
        "[limits]\nlogin_failures_per_account = { free = 1, delay = \"10m\" }\n",
    ];
    let mut gateway = Gateway::start(&settings.concat());
    register_from(&gateway, "alice", &address(99));
    sign_in(&gateway, "alice", &address(1));
    guess(&gateway, "alice", &address(2));
    gateway.restart();
    assert_eq!(sign_in(&gateway, "alice", &address(3)).status, 429);
    assert_eq!(sign_in(&gateway, "alice", &address(1)).status, 200);
}

#[test]
fn one_account_has_one_count_however_its_name_is_spelled() {
    on_each_store("login_failures_per_account_and_network = \"4/1h\"\n", |gateway| {
        gateway.register("admin");
        for typed in ["Admin", "ADMIN", " admin ", "ａｄｍｉｎ"] {
            assert_eq!(guess(gateway, typed, &address(1)).status, 400, "{typed}");
        }
        for typed in ["admin", "aDMIN", "ⓐdmin"] {
            assert_eq!(guess(gateway, typed, &address(1)).status, 429, "{typed}");
        }
    });
}

#[test]
fn a_client_has_one_count_for_all_of_its_64_bits_of_ipv6() {
    on_each_store("login_failures_per_network = \"3/1h\"\n", |gateway| {
        let from_host = |host| guess(gateway, "alice", &format!("2001:db8:1:2::{host:x}"));
        assert_eq!(count(400, (1..9).map(from_host)), 3);
        assert_eq!(guess(gateway, "alice", "2001:db8:1:3::1").status, 400);
    });
}

#[test]
fn logins_that_succeed_do_not_count() {
    let limits = "login_failures_per_account_and_network = \"2/1h\"\n\
                  login_failures_per_network = \"2/1h\"\n\
                  login_failures_per_account = { free = 2, delay = \"10m\" }\n";
    on_each_store(limits, |gateway| {
        register_from(gateway, "alice", &address(99));
        for _ in 0..6 {
            assert_eq!(sign_in(gateway, "alice", &address(1)).status, 200);
        }
        assert_eq!(count(400, (0..3).map(|_| guess(gateway, "alice", &address(1)))), 2);
    });
}

#[test]
fn guesses_at_once_do_not_get_past() {
    on_each_store("login_failures_per_account_and_network = \"5/1h\"\n", |gateway| {
        gateway.register("alice");
        let answers: Vec<_> = thread::scope(|scope| {
            let guesses = (0..24).map(|_| scope.spawn(|| guess(gateway, "alice", &address(1))));
            let guesses: Vec<_> = guesses.collect();
            guesses.into_iter().map(|guess| guess.join().unwrap()).collect()
        });
        assert_eq!(count(400, answers.into_iter()), 5);
    });
}

#[test]
fn gateways_with_one_store_count_together() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let settings = [
        &upstream.settings(),
        ROUTES,
        super::BEHIND_A_PROXY,
        &redis.settings(),
        "\n[limits]\nlogin_failures_per_network = \"7/1h\"\n",
    ];
    let gateways = [(); 2].map(|()| Gateway::start(&settings.concat()));
    let tried = (0..20)
        .map(|number: usize| guess(&gateways[number % 2], &format!("name{number}"), &address(1)));
    assert_eq!(count(400, tried), 7);
}

#[test]
fn while_the_store_takes_no_writes_no_password_is_judged() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let settings = [&upstream.settings(), ROUTES, super::BEHIND_A_PROXY, &redis.settings()];
    let gateway = Gateway::metered(&settings.concat());
    gateway.register("alice");
    // A replica of nobody: it reads and does not write.
    redis.ask::<()>(&["REPLICAOF", "127.0.0.1", "1"]);
    // The token of the right one could not be kept: the answer would tell which it is.
    assert_eq!(sign_in(&gateway, "alice", &address(1)).status, 503);
    assert_eq!(guess(&gateway, "alice", &address(1)).status, 503);
    let hashed = gateway.meter("hash_seconds_count");
    assert!((1.0..2.0).contains(&hashed), "{hashed}");
}

#[test]
fn a_password_that_no_user_can_have_is_no_guess() {
    on_each_store("login_failures_per_network = \"1/1h\"\n", |gateway| {
        for _ in 0..3 {
            let request = from(&address(1), login("alice", &"x".repeat(4_097)));
            assert_eq!(gateway.send(&request).status, 400);
        }
        assert_eq!(guess(gateway, "alice", &address(1)).status, 400);
    });
}

#[test]
fn logins_that_succeed_have_a_limit_of_their_own() {
    on_each_store("logins_per_account_and_network = \"4/1h\"\n", |gateway| {
        register_from(gateway, "alice", &address(1));
        let statuses = (0..6).map(|_| sign_in(gateway, "alice", &address(1)).status);
        assert_eq!(statuses.collect::<Vec<_>>(), [200, 200, 200, 200, 429, 429]);
        assert_eq!(sign_in(gateway, "alice", &address(2)).status, 200);
    });
}

#[test]
fn a_name_that_nobody_has_asks_redis_as_often_as_one_that_somebody_has() {
    let (upstream, redis) = (Upstream::start(), RedisServer::start());
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + &redis.settings()));
    gateway.register("alice");
    let asked = |name: &str| {
        let calls = || ["get", "hgetall", "zscore"].map(|command| redis.calls(command));
        let before = calls();
        assert_eq!(gateway.send(&login(name, "wrong")).status, 400);
        calls().iter().zip(before).map(|(after, before)| after - before).collect::<Vec<_>>()
    };
    assert_eq!(asked("alice"), asked("nobody"));
}

#[test]
fn a_network_stays_known_when_the_cost_of_hashes_changes() {
    let upstream = Upstream::start();
    let settings = |more: &str| {
        let limits = "[limits]\nlogin_failures_per_account = { free = 1, delay = \"10m\" }\n";
        upstream.settings() + ROUTES + super::BEHIND_A_PROXY + limits + more
    };
    let mut gateway = Gateway::start(&settings(""));
    register_from(&gateway, "alice", &address(1));
    let dearer = "[passwords]\nargon2 = { memory = \"64KiB\", iterations = 2, parallelism = 1 }\n";
    gateway.configure(&settings(dearer));
    gateway.restart();
    guess(&gateway, "alice", &address(2));
    for _ in 0..3 {
        assert_eq!(sign_in(&gateway, "alice", &address(1)).status, 200);
    }
}

#[test]
fn a_network_is_a_strangers_once_the_password_is_another() {
    let limits = WIDE.to_owned() + "login_failures_per_account = { free = 2, delay = \"10m\" }\n";
    on_each_store(&limits, |gateway| {
        register_from(gateway, "alice", &address(1));
        gateway
            .run_with_input(
                &["user", "set-password", "alice", "--password-stdin"],
                "another-Pass-9",
            )
            .done();
        assert_eq!(count(400, (0..5).map(|_| guess(gateway, "alice", &address(1)))), 2);
    });
}

#[test]
fn what_is_refused_is_told_as_django_rest_framework_does_and_for_how_long() {
    let limits = "login_failures_per_network = \"1/30s\"\n";
    on_each_store(limits, |gateway| {
        guess(gateway, "alice", &address(1));
        let refused = guess(gateway, "alice", &address(1));
        assert_eq!(refused.status, 429);
        let wait: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
        assert!((25..=30).contains(&wait), "{wait}");
        let words = format!("Request was throttled. Expected available in {wait} seconds.");
        assert_eq!(refused.json()["detail"], words);
        assert_eq!(refused.header("Allow").as_deref(), Some("POST, OPTIONS"));
        let policy = "\"login_failures_per_network\";q=1;w=30";
        assert_eq!(refused.header("RateLimit-Policy").as_deref(), Some(policy));
        let state = format!("\"login_failures_per_network\";r=0;t={wait}");
        assert_eq!(refused.header("RateLimit").as_deref(), Some(&*state));
    });
}

#[test]
fn a_second_is_told_in_the_singular() {
    on_each_store("login_failures_per_network = \"1/1s\"\n", |gateway| {
        let refused = std::iter::repeat_with(|| guess(gateway, "alice", &address(1)))
            .take(50)
            .find(|answer| answer.status == 429)
            .expect("a refusal");
        let words = "Request was throttled. Expected available in 1 second.";
        assert_eq!(refused.json()["detail"], words);
    });
}

#[test]
fn a_client_that_speaks_for_itself_is_counted_by_its_own_address() {
    let upstream = Upstream::start();
    let limits = "[limits]\nlogin_failures_per_network = \"2/1h\"\n";
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + limits));
    let tried = (0..6).map(|number| {
        let request = login("alice", "wrong")
            .with("X-Forwarded-For", &address(number))
            .with("X-Real-IP", &address(number))
            .with("Forwarded", &format!("for={}", address(number)));
        gateway.send(&request)
    });
    assert_eq!(count(400, tried), 2);
}

#[test]
fn nobody_is_refused_where_limits_are_off() {
    on_each_store("enabled = false\nlogin_failures_per_network = \"1/1h\"\n", |gateway| {
        assert_eq!(count(400, (0..5).map(|_| guess(gateway, "alice", &address(1)))), 5);
    });
}

#[test]
fn a_body_that_is_no_login_does_not_count() {
    on_each_store("login_failures_per_network = \"1/1h\"\n", |gateway| {
        for _ in 0..3 {
            let request = from(&address(1), login("alice", ""));
            assert_eq!(gateway.send(&request).status, 400);
        }
        gateway.register("alice");
        let request = from(&address(1), login("alice", PASSWORD));
        assert_eq!(gateway.send(&request).status, 200);
    });
}
