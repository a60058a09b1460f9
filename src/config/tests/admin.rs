//! `[admin]`

use super::*;
use crate::gateway::{ConsoleMount, Face};
use std::time::Duration;

fn of(admin: &str) -> Written {
    Written::file(&format!("[admin]\n{admin}\n"))
}

fn problem(admin: &str) -> String {
    mistakes_of(&format!("[admin]\n{admin}\n"))
}

/// Each listener and what is on it.
fn faces(config: &Config) -> Vec<(String, Face)> {
    let listeners = config.server.listeners.iter();
    listeners.map(|listener| (listener.address.to_string(), listener.face)).collect()
}

#[test]
fn the_console_is_on_the_public_listener_unless_it_is_off_or_apart() {
    let config = of("").load();
    let mount = ConsoleMount { is_apart: false, path: "/admin".to_owned() };
    assert_eq!(config.gateway.console, Some(mount));
    assert_eq!(faces(&config), [("127.0.0.1:8000".to_owned(), Face::Public)]);
    let config = of("enabled = false\nlisten = \"127.0.0.1:9700\"").load();
    assert_eq!((config.gateway.console, config.admin), (None, None));
    assert_eq!(config.server.listeners.len(), 1);
}

#[test]
fn a_new_address_is_a_plain_listener_for_the_console_alone() {
    let config = of("listen = \"127.0.0.1:9700\"").load();
    let public = ("127.0.0.1:8000".to_owned(), Face::Public);
    let console = ("127.0.0.1:9700".to_owned(), Face::Console);
    assert_eq!(faces(&config), [public, console]);
    assert!(config.gateway.console.unwrap().is_apart);
}

#[test]
fn a_listener_that_is_there_becomes_the_consoles_with_all_that_it_has() {
    let listeners = "[[listeners]]\naddress = \"127.0.0.1:9700\"\nproxy_protocol = [\"10.0.0.1\"]\n\
                     [server]\nlisten = [\"127.0.0.1:8000\"]\n";
    for line in ["", "enabled = false\n"] {
        let text = format!("{listeners}[admin]\nlisten = \"127.0.0.1:9700\"\n{line}");
        let config = Written::file(&text).load();
        assert_eq!(config.server.listeners.len(), 2);
        let console = &config.server.listeners[1];
        assert_eq!((console.face, console.proxy_protocol.len()), (Face::Console, 1), "{line}");
    }
}

#[test]
fn the_listener_of_the_console_is_one_that_can_serve_it() {
    let redirect = "[[listeners]]\naddress = \"127.0.0.1:80\"\nredirect_to_https = true\n\
                    [server]\nlisten = [\"127.0.0.1:8000\"]\n[ops]\nlisten = \"127.0.0.1:9600\"\n";
    let problem =
        |address: &str| mistakes_of(&format!("{redirect}[admin]\nlisten = \"{address}\"\n"));
    assert_eq!(
        problem("127.0.0.1:80"),
        "authgate.toml:9:10: admin.listen: \"127.0.0.1:80\" leads to HTTPS and serves nothing; \
         write another, or a new one"
    );
    assert_eq!(
        problem("127.0.0.1:9600"),
        "authgate.toml:9:10: admin.listen: \"127.0.0.1:9600\" is that of ops.listen already; write \
         another port"
    );
    assert_eq!(
        problem("127.0.0.1:0"),
        "authgate.toml:9:10: admin.listen: is a new port at each start, where nobody finds the \
         console; write a port"
    );
    let got = problem("localhost:1");
    assert!(got.contains("admin.listen: \"localhost:1\" is not an address"), "{got}");
    let only = of("listen = \"127.0.0.1:8000\"").warnings();
    assert!(only.contains("admin.listen: there is no other listener"), "{only}");
}

#[test]
fn a_path_has_a_final_slash_or_not_and_is_nobody_elses() {
    for path in ["/ops/console", "/ops/console/"] {
        let console = of(&format!("path = \"{path}\"")).load().gateway.console;
        assert_eq!(console.unwrap().path, "/ops/console");
    }
    for (path, endpoint) in [
        ("/api", "/api/login/"),
        ("/api/login/", "/api/login/"),
        ("/api/register/x", "/api/register/"),
    ] {
        assert_eq!(
            problem(&format!("path = \"{path}\"")),
            format!(
                "authgate.toml:2:8: admin.path: \"{}\" gets in the way of \"{endpoint}\", which \
                 authgate answers itself; write one such as \"/admin\"",
                path.trim_end_matches('/')
            )
        );
    }
    of("path = \"/api/admin\"").load();
    let all = "authgate.toml:2:8: admin.path: would take every path; write one such as \"/admin/\"";
    assert_eq!(problem("path = \"/\""), all);
    for path in ["admin", "//admin", "/a/../b", "/a;b", ""] {
        let got = problem(&format!("path = \"{path}\""));
        assert!(got.starts_with("authgate.toml:2:8: admin.path: "), "{path}: {got}");
    }
}

#[test]
fn sessions_last_long_enough_to_work_in() {
    let sessions = of("idle_timeout = \"1m\"\nsession_lifetime = \"1m\"").load().admin.unwrap();
    assert_eq!(sessions.sessions.lifetime, Duration::from_mins(1));
    let short = "is too short to work in; write \"1m\" or more";
    for key in ["idle_timeout", "session_lifetime"] {
        let got = problem(&format!("{key} = \"59s\""));
        assert!(got.contains(&format!("admin.{key}: {short}")), "{got}");
        let got = problem(&format!("{key} = \"0s\""));
        assert!(got.contains(&format!("admin.{key}: must be longer than nothing")), "{got}");
    }
    assert_eq!(
        problem("session_lifetime = \"29m\""),
        "authgate.toml:2:20: admin.session_lifetime: must not be shorter than admin.idle_timeout"
    );
    assert_eq!(
        problem("idle_timeout = \"13h\""),
        "authgate.toml:2:16: admin.idle_timeout: must not be longer than admin.session_lifetime, \
         which is \"12h\""
    );
}

#[test]
fn what_is_no_setting_of_the_console_is_told() {
    let got = problem("require_topt = true");
    assert!(got.ends_with("no such setting; did you mean `require_totp`?"), "{got}");
    let got = problem("require_totp = \"yes\"");
    assert!(got.starts_with("authgate.toml:2:16: admin.require_totp: expected"), "{got}");
    let got = problem("networks = [\"10.0.0.0/40\"]");
    assert!(got.starts_with("authgate.toml:2:13: admin.networks: "), "{got}");
    of("networks = [\"0.0.0.0/0\", \"10.0.0.1\"]").load();
}

#[test]
fn passwords_in_the_clear_are_told_unless_a_proxy_may_speak_tls() {
    let settings = |server: &str, admin: &str| format!("[server]\n{server}\n[admin]\n{admin}\n");
    let warnings = |server: &str, admin: &str| Written::file(&settings(server, admin)).warnings();
    let everywhere = "listen = [\"0.0.0.0:8000\"]";
    assert_eq!(
        warnings(everywhere, ""),
        "defaults: admin.listen: operators' passwords come to 0.0.0.0:8000 in the clear: give the \
         console a listener with TLS, or one on loopback, or name the proxy that speaks TLS in \
         server.trusted_proxies"
    );
    let own = warnings("listen = [\"127.0.0.1:8000\"]", "listen = \"10.0.0.1:9700\"");
    assert!(own.contains("come to 10.0.0.1:9700 in the clear"), "{own}");
    for (server, admin) in [
        ("listen = [\"127.0.0.1:8000\", \"[::1]:8000\"]", ""),
        (everywhere, "listen = \"127.0.0.1:9700\""),
        (everywhere, "enabled = false"),
        ("listen = [\"0.0.0.0:8000\"]\ntrusted_proxies = [\"10.0.0.1\"]", ""),
    ] {
        assert_eq!(warnings(server, admin), "", "{server} {admin}");
    }
}

#[test]
fn a_route_that_the_console_hides_is_told() {
    let text = |path: &str, admin: &str| {
        format!("[[routes]]\npath = \"{path}\"\nupstream = \"app\"\n[admin]\n{admin}\n")
    };
    let warnings = |path, admin| Written::file(&text(path, admin)).warnings();
    for path in ["/admin", "/admin/", "/admin/users", "/Admin"] {
        assert_eq!(
            warnings(path, ""),
            "authgate.toml:2:8: routes[0].path: the console is at \"/admin\", so that nothing \
             reaches the route; if the app has pages of its own there, as Django does, move the \
             console by `admin.path` or `admin.listen`"
        );
    }
    for (path, admin) in [
        ("/", ""),
        ("/administrator", ""),
        ("/admin/", "path = \"/authgate\""),
        ("/admin/", "listen = \"127.0.0.1:9700\""),
        ("/admin/", "enabled = false"),
    ] {
        assert_eq!(warnings(path, admin), "", "{path} {admin}");
    }
}
