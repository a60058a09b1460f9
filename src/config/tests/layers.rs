use super::*;
use crate::store;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

fn listen(config: &Config) -> Vec<String> {
    config.server.listeners.iter().map(|listener| listener.address.to_string()).collect()
}

fn redis(config: &Config) -> &str {
    match &config.store {
        store::Settings::Redis { url, .. } => url,
        store::Settings::Sqlite { .. } => panic!("not Redis"),
    }
}

#[test]
fn flags_beat_the_environment_which_beats_the_file() {
    let file = "[server]\nlisten = [\"127.0.0.1:1\"]\nthreads = 3\n";
    let written = Written::file(file);
    assert_eq!(listen(&written.load()), ["127.0.0.1:1"]);
    let written = written.environment([("AUTHGATE__SERVER__LISTEN", "127.0.0.1:2, [::1]:3")]);
    assert_eq!(listen(&written.load()), ["127.0.0.1:2", "[::1]:3"]);
    let listen_flag = vec!["127.0.0.1:4".to_owned()];
    let written = written.flags(Flags { listen: listen_flag, ..Flags::default() });
    assert_eq!(listen(&written.load()), ["127.0.0.1:4"]);
    assert_eq!(written.load().server.threads, 3);
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let mut written = Written::file("");
    written.source.file = Some(written.dir.path().join("other.toml"));
    let expected = "other.toml: cannot be read: No such file or directory (os error 2)";
    assert_eq!(written.mistakes(), expected);
}

#[test]
fn every_kind_of_value_can_come_from_the_environment() {
    let written = Written::file("").environment([
        ("AUTHGATE__TOKENS__AUTO_REFRESH", "true"),
        ("AUTHGATE__TOKENS__LIMIT_PER_USER", "5"),
        ("AUTHGATE__PASSWORDS__ARGON2__MEMORY", "64MiB"),
        ("AUTHGATE__PASSWORDS__CHECKS", "[\"length\"]"),
        ("AUTHGATE__SERVER__MAX_BODY", "2048"),
        ("AUTHGATE__UPSTREAMS", "[{ name = \"a\", servers = [\"a:1\"], read_timeout = \"1s\" }]"),
        ("AUTHGATE__ROUTES", "[{ path = \"/x\", access = \"public\", upstream = \"a\" }]"),
        ("PATH", "/bin"),
    ]);
    let config = written.load();
    assert!(config.auth.tokens.refresh.is_some());
    assert_eq!(config.auth.tokens.limit.map(|limit| limit.most), Some(5));
    assert_eq!(config.auth.hashing.memory_kib, 65_536);
    assert!(config.auth.password_checks.length && !config.auth.password_checks.common);
    assert_eq!(config.gateway.max_body, 2_048);
    assert_eq!(config.gateway.upstreams[0].name, "a");
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    let written = Written::file("").environment([
        ("AUTHGATE__LOG__LEVEL", "loud"),
        ("AUTHGATE__ROUTES", "["),
        ("AUTHGATE__STOR__URL", "redis://:hunter2@x"),
        ("AUTHGATE__STORE", "redis://:hunter2@x"),
        ("AUTHGATE__TOKENS__ULR", "x"),
    ]);
    let mistakes = written.mistakes();
    let lines: Vec<_> = mistakes.lines().collect();
    assert_eq!(
        lines,
        [
            "environment AUTHGATE__LOG__LEVEL: log.level: \"loud\" is not one of \"error\", \
             \"warn\", \"info\", \"debug\", \"trace\"",
            "environment AUTHGATE__ROUTES: routes: unclosed array, expected `]`; write an array of \
             tables in one line, such as [{ name = \"app\" }]",
            "environment AUTHGATE__STORE: store: expected a section, not text",
            "environment AUTHGATE__STOR__URL: stor.url: no such setting; did you mean `store`?",
            "environment AUTHGATE__TOKENS__ULR: tokens.ulr: no such setting",
        ]
    );
}

#[test]
fn a_mistyped_variable_is_a_mistake() {
    let written = Written::file("").environment([("AUTHGATE__STORE__ULR", "redis://:hunter2@x")]);
    let expected =
        "environment AUTHGATE__STORE__ULR: store.ulr: no such setting; did you mean `url`?";
    assert_eq!(written.mistakes(), expected);
}

#[test]
fn a_variable_that_is_not_text_is_a_mistake() {
    let mut written = Written::file("");
    let variable = ("AUTHGATE__STORE__URL", OsString::from_vec(vec![0xff]));
    written.source.environment = Environment::from_iter([variable]);
    let expected = "environment AUTHGATE__STORE__URL: store.url: its value is not UTF-8";
    assert_eq!(written.mistakes(), expected);
}

#[test]
fn a_secret_can_stand_in_a_file_of_its_own() {
    let written = Written::file("[store]\nurl = \"sqlite:a.db\"\n");
    let secret = written.extra("secret", "redis://:hunter2@127.0.0.1:6379/1\n");
    let written = written.environment([("AUTHGATE__STORE__URL_FILE", secret.to_str().unwrap())]);
    assert_eq!(redis(&written.load()), "redis://:hunter2@127.0.0.1:6379/1");
}

#[test]
fn a_higher_layer_hides_the_secret_of_a_lower_one_in_either_form() {
    let written = Written::file("[store]\nurl_file = \"/nowhere\"\n")
        .environment([("AUTHGATE__STORE__URL", "redis://b")]);
    assert_eq!(redis(&written.load()), "redis://b");
    let store = Some("redis://c".to_owned());
    let written = written.flags(Flags { store, ..Flags::default() });
    assert_eq!(redis(&written.load()), "redis://c");
}

#[test]
fn one_layer_cannot_give_a_secret_twice() {
    let text = "[store]\nurl = \"redis://:hunter2@x\"\nurl_file = \"secret\"\n";
    let expected =
        "authgate.toml:3:12: store.url_file: is given twice; authgate.toml:2:7 has it too";
    assert_eq!(mistakes_of(text), expected);
}

#[test]
fn a_secret_is_never_repeated() {
    for text in [
        "[store]\nurl = \"redsi://:hunter2@127.0.0.1\"\n",
        "[store]\nurl = \"redis://:hunter2@127.0.0.1:port\"\n",
        "[store]\nurl = redis://:hunter2@127.0.0.1\n",
        "[store]\nurl = [\"redis://:hunter2@127.0.0.1\"]\n",
        "[store]\nulr = \"redis://:hunter2@127.0.0.1\"\n",
        "[store]\nurl_file = \"redis://:hunter2@127.0.0.1\"\n",
        "store = \"redis://:hunter2@127.0.0.1\"\n",
        "[[upstreams]]\nname = \"a\"\nservers = [\"http://ada:hunter2@127.0.0.1:1\"]\n",
    ] {
        let mistakes = mistakes_of(text);
        assert!(!mistakes.contains("hunter2"), "{mistakes}");
    }
    let written = Written::file("");
    let secret = written.extra("secret", "mysql://:hunter2@127.0.0.1\n");
    let written = written.environment([("AUTHGATE__STORE__URL_FILE", secret.to_str().unwrap())]);
    let expected = "environment AUTHGATE__STORE__URL_FILE: store.url_file: is not the address of a \
                    store; write sqlite:PATH, redis://HOST:PORT/DB, redis+sentinel://HOST:PORT,HOST:PORT/NAME or redis+cluster://HOST:PORT,HOST:PORT (rediss for TLS)";
    assert_eq!(written.mistakes(), expected);
}

fn upstream(url: &str) -> Flags {
    Flags { upstream: Some(url.to_owned()), ..Flags::default() }
}

#[test]
fn the_flag_for_the_upstream_moves_the_only_one() {
    let without = Written::file("").flags(upstream("http://127.0.0.1:7"));
    assert_eq!(without.load().gateway.upstreams[0].servers[0].address, "127.0.0.1:7");
    let with = Written::file("[[upstreams]]\nname = \"shop\"\nread_timeout = \"1s\"\n");
    let config = with.flags(upstream("localhost:7")).load();
    let shop = &config.gateway.upstreams[0];
    assert_eq!((shop.name.as_str(), shop.read_timeout.as_secs()), ("shop", 1));
    assert_eq!(shop.servers[0].address, "localhost:7");
}

#[test]
fn the_flag_for_the_upstream_does_not_guess() {
    let text = "[[upstreams]]\nname = \"a\"\nservers = [\"a:1\"]\n\
                [[upstreams]]\nname = \"b\"\nservers = [\"b:1\"]\n";
    let expected =
        "--upstream: upstreams: there are several; set `servers` of the one that is meant";
    assert_eq!(Written::file(text).flags(upstream("c:1")).mistakes(), expected);
}

#[test]
fn mistakes_in_flags_name_the_flag() {
    let listen = vec!["localhost:8000".to_owned()];
    let flags =
        Flags { listen, store: Some("mysql:x".to_owned()), ..upstream("https://example.com") };
    assert_eq!(
        Written::file("").flags(flags).mistakes(),
        "--listen: server.listen: \"localhost:8000\" is not an address; write IP:PORT, such as \
         \"127.0.0.1:8000\" or \"[::1]:8000\"\n\
         --store: store.url: is not the address of a store; write sqlite:PATH, \
         redis://HOST:PORT/DB, redis+sentinel://HOST:PORT,HOST:PORT/NAME or \
         redis+cluster://HOST:PORT,HOST:PORT (rediss for TLS)\n\
         --upstream: upstreams[0].servers: \"https://example.com\" is not a server; write HOST:PORT, \
         such as \"127.0.0.1:9000\", or https://HOST:PORT"
    );
}
