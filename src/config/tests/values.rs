use super::*;
use crate::store;
use std::path::Path;
use std::time::Duration;

/// What is wrong with one setting of a section.
fn problem(section: &str, line: &str) -> String {
    let mistakes = mistakes_of(&format!("[{section}]\n{line}\n"));
    mistakes.split_once(&format!("{section}.")).unwrap().1.to_owned()
}

fn lifetime(text: &str) -> Option<Duration> {
    Written::file(&format!("[tokens]\nlifetime = \"{text}\"\n")).load().auth.tokens.lifetime
}

#[test]
fn durations_have_units_and_a_day_is_24_hours() {
    for (text, seconds) in [("90s", 90), ("10h", 36_000), ("1d", 86_400), ("1h 30m", 5_400)] {
        assert_eq!(lifetime(text), Some(Duration::from_secs(seconds)));
    }
    assert_eq!(lifetime("250ms"), Some(Duration::from_millis(250)));
    assert_eq!(lifetime("never"), None);
    for text in ["", "10", "-1h", "1 month"] {
        let expected = format!(
            "lifetime: {text:?} is not a duration; write one such as \"10h\", or \"never\""
        );
        assert_eq!(problem("tokens", &format!("lifetime = \"{text}\"")), expected);
    }
    let expected = "lifetime: \"9000000h\" is more than a hundred years";
    assert_eq!(problem("tokens", "lifetime = \"9000000h\""), expected);
}

#[test]
fn only_the_interval_of_refreshing_may_be_zero() {
    let expected = "lifetime: must be longer than nothing; for no end write \"never\"";
    assert_eq!(problem("tokens", "lifetime = \"0s\""), expected);
    assert_eq!(problem("server", "grace = \"0s\""), "grace: must be longer than nothing");
    let text = "[tokens]\nauto_refresh = true\nmin_refresh_interval = \"0s\"\n";
    let refresh = Written::file(text).load().auth.tokens.refresh.unwrap();
    assert_eq!(refresh.min_interval, Duration::ZERO);
}

#[test]
fn the_cost_of_a_hash_has_bounds() {
    assert_eq!(
        problem("passwords.argon2", "parallelism = 4\nmemory = \"16KiB\""),
        "memory: is out of bounds; write a size from \"32KiB\" to \"1GiB\""
    );
    assert_eq!(
        problem("passwords.argon2", "iterations = 5\nmemory = \"1GiB\""),
        "memory: is too much for 5 iterations; write a size up to \"819MiB\", or fewer iterations"
    );
    let expected = "iterations: 0 is out of bounds; write one from 1 to 64";
    assert_eq!(problem("passwords.argon2", "iterations = 0"), expected);
    let expected = "parallelism: 65 is out of bounds; write one from 1 to 64";
    assert_eq!(problem("passwords.argon2", "parallelism = 65"), expected);
}

#[test]
fn hashes_from_elsewhere_have_some_memory() {
    let expected = "imported_memory: is out of bounds; write one such as \"1MiB\"";
    assert_eq!(problem("passwords", "imported_memory = 0"), expected);
}

#[test]
fn a_network_may_be_an_address_but_not_everyone() {
    let text = "[server]\ntrusted_proxies = [\"10.1.2.3/8\", \"10.0.0.1\", \"::1\"]\n";
    let networks = Written::file(text).load().gateway.trusted_proxies;
    let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "10.0.0.1/32", "::1/128"]);
    for everyone in ["0.0.0.0/0", "::/0"] {
        assert_eq!(
            problem("server", &format!("trusted_proxies = [\"{everyone}\"]")),
            format!(
                "trusted_proxies: \"{everyone}\" is everyone: any client could then forge its address"
            )
        );
    }
    assert_eq!(
        problem("server", "trusted_proxies = [\"home\"]"),
        "trusted_proxies: \"home\" is not a network; write one such as \"10.0.0.0/8\", or an address"
    );
}

#[test]
fn a_prefix_is_short_and_printable() {
    for prefix in ["12345678901", "a b", "é"] {
        let expected = format!(
            "prefix: {prefix:?} is not a prefix; write at most 10 printable ASCII characters \
             without blanks"
        );
        assert_eq!(problem("tokens", &format!("prefix = \"{prefix}\"")), expected);
    }
}

#[test]
fn words_are_one_of_a_few() {
    let expected = "on_limit: \"evict\" is not one of \"refuse\", \"evict-oldest\"";
    assert_eq!(problem("tokens", "on_limit = \"evict\""), expected);
    let expected =
        "checks: \"long\" is not one of \"similarity\", \"length\", \"common\", \"numeric\"";
    assert_eq!(problem("passwords", "checks = [\"long\"]"), expected);
    let expected = "format: \"xml\" is not one of \"text\", \"json\"";
    assert_eq!(problem("log", "format = \"xml\""), expected);
}

#[test]
fn a_limit_of_zero_is_none() {
    let text = "[tokens]\non_limit = \"evict-oldest\"\nlimit_per_user = ";
    assert_eq!(Written::file(&format!("{text}0")).load().auth.tokens.limit, None);
    let limit = store::TokenLimit { most: 3, on_limit: store::OnLimit::EvictOldest };
    assert_eq!(Written::file(&format!("{text}3")).load().auth.tokens.limit, Some(limit));
}

#[test]
fn a_store_of_sqlite_is_a_path() {
    for (url, expected) in [
        ("sqlite:a.db", "a.db"),
        ("sqlite:/var/a.db", "/var/a.db"),
        ("sqlite:///var/a.db", "/var/a.db"),
    ] {
        let config = Written::file(&format!("[store]\nurl = \"{url}\"\n")).load();
        let store::Settings::Sqlite { path } = config.store else { panic!("not SQLite") };
        assert_eq!(path, Path::new(expected));
    }
    assert!(
        problem("store", "url = \"sqlite:\"").starts_with("url: has no path; write sqlite:PATH")
    );
}
