use super::*;
use crate::policy::{HostPattern, Origins, Route};
use std::time::Duration;

/// What is wrong with a route that has this line too, without its place.
fn problem(line: &str) -> String {
    let mistakes = mistakes_of(&written(line));
    mistakes.split_once("routes[0].").unwrap_or(("", &mistakes)).1.to_owned()
}

fn written(line: &str) -> String {
    format!("[[routes]]\npath = \"/api/v1\"\nupstream = \"app\"\n{line}\n")
}

/// The only route, if it has this line too.
fn route(line: &str) -> Route {
    let config = Written::file(&written(line)).load();
    Route::clone(config.gateway.routes.in_order()[0])
}

#[test]
fn a_host_may_be_all_below_one() {
    for (host, expected) in [
        ("App.Example.com", HostPattern::Is("app.example.com".to_owned())),
        ("*.Example.com", HostPattern::Below("example.com".to_owned())),
        ("[::1]", HostPattern::Is("[::1]".to_owned())),
    ] {
        assert_eq!(route(&format!("host = \"{host}\"")).host, expected);
    }
    for host in ["*", "*.", "a.*.b", "*a.b", "a..b", "a.b.", ".a", "*.[::1]", "a:80", ""] {
        let expected = format!(
            "host: {host:?} is not a host; write a name without a port, such as \
             \"app.example.com\" or \"*.example.com\""
        );
        assert_eq!(problem(&format!("host = \"{host}\"")), expected);
    }
}

#[test]
fn what_is_taken_off_a_path_must_be_there() {
    for (strip, expected) in [("true", "/api/v1"), ("false", ""), ("\"/api/\"", "/api")] {
        assert_eq!(route(&format!("strip_prefix = {strip}")).rewriting.strips(), expected);
    }
    for (strip, expected) in [
        ("\"/ap\"", "\"/ap\" is not what every path of the route begins with"),
        ("\"/api/v1/x\"", "\"/api/v1/x\" is not what every path of the route begins with"),
        ("\"/\"", "leaves nothing to take off: every path begins with \"/\""),
        ("\"api\"", "\"api\" must begin with \"/\""),
        (
            "\"/api/../api\"",
            "\"/api/../api\" matches no request: the path can be read in more than one way",
        ),
    ] {
        let got = problem(&format!("strip_prefix = {strip}"));
        assert_eq!(got, format!("strip_prefix: {expected}"));
    }
    for add in ["/a/../b", "/a//b", "/a;b", "/%2e%2e", "/%61", "x", ""] {
        let got = problem(&format!("add_prefix = \"{add}\""));
        assert!(got.starts_with("add_prefix: "), "{add}: {got}");
    }
}

#[test]
fn headers_that_others_rely_on_cannot_be_changed() {
    let http = "is HTTP's own: the proxy sees to it";
    let caller = "is authgate's own: it says who calls";
    let client = "is authgate's own: it says who is at the other end";
    let token = "is not for settings; `forward_authorization` lets the client's pass";
    for (name, why) in [
        ("Content-Length", http),
        ("transfer_encoding", http),
        ("Connection", http),
        ("Proxy-Authorization", http),
        ("Expect", http),
        ("X-Auth-User", caller),
        ("x_auth_groups", caller),
        ("X-Forwarded-For", client),
        ("X-Request-Id", client),
        ("Authorization", token),
    ] {
        let folded = name.to_ascii_lowercase();
        let set = problem(&format!("set_request_headers = {{ \"{name}\" = \"x\" }}"));
        assert_eq!(set, format!("set_request_headers: {folded:?} {why}"));
        let removed = problem(&format!("remove_request_headers = [\"{name}\"]"));
        assert_eq!(removed, format!("remove_request_headers: {folded:?} {why}"));
    }
    for name in ["Content-Length", "Upgrade", "X-Auth-User", "X-Request-Id"] {
        let set = problem(&format!("set_response_headers = {{ \"{name}\" = \"x\" }}"));
        assert!(set.starts_with("set_response_headers: "), "{set}");
    }
    let host = "remove_request_headers: \"Host\" must be there; it can be set";
    assert_eq!(problem("remove_request_headers = [\"Host\"]"), host);
    route("set_request_headers = { Host = \"a\", \"X-Forwarded-Prefix\" = \"/api\" }");
}

#[test]
fn what_may_be_a_secret_is_not_repeated_in_a_mistake() {
    for set in [
        "set_request_headers = { \"X-Key\" = \"hunter2 \" }",
        "set_response_headers = { \"X-Key\" = \"hunter2\\n\" }",
        "set_request_headers = { \"Authorization\" = \"hunter2\" }",
        "cors = { origins = [\"https://ada:hunter2@app.example.com\"] }",
    ] {
        let got = problem(set);
        assert!(!got.is_empty() && !got.contains("hunter2"), "{got}");
    }
}

#[test]
fn headers_to_set_are_sound_and_set_once() {
    let twins = "set_request_headers = { \"X-Env\" = \"a\", \"x_env\" = \"b\" }";
    assert_eq!(
        problem(twins),
        "set_request_headers: \"x_env\" is set at authgate.toml:4:25 already"
    );
    for value in ["a\\nb", "a\\r", " a", "é", "\\u0000"] {
        let got = problem(&format!("set_request_headers = {{ \"X-Env\" = \"{value}\" }}"));
        assert!(got.contains("what x-env is set to is not the value of a header"), "{got}");
    }
    let got = problem("set_request_headers = { \"X Env\" = \"a\" }");
    assert!(got.contains("is not the name of a header"), "{got}");
    let got = problem("set_request_headers = { \"X-Env\" = 1 }");
    assert_eq!(got, "set_request_headers: expected text in quotes, not an integer");
    let got = problem("set_request_headers = \"X-Env\"");
    assert_eq!(got, "set_request_headers: expected a section, not text");
}

#[test]
fn origins_are_written_as_browsers_write_them() {
    for origin in ["https://a.test", "http://[::1]:8000", "capacitor://localhost"] {
        let cors = route(&format!("cors = {{ origins = [\"{origin}\"] }}")).cors.unwrap();
        assert_eq!(cors.origins, Origins::These(vec![origin.parse().unwrap()]));
    }
    for origin in [
        "a.test",
        "https://",
        "https://a.test/",
        "https://A.test",
        "https://*.a.test",
        "null",
        "https://a.test:443",
        "http://a.test:080",
        "https://u@a.test",
        "",
    ] {
        let got = problem(&format!("cors = {{ origins = [\"{origin}\"] }}"));
        assert!(got.starts_with("cors.origins: "), "{origin}: {got}");
    }
}

#[test]
fn cors_must_be_whole_and_must_not_let_everyone_act_as_everyone() {
    assert_eq!(problem("cors = { credentials = true }"), "cors.origins: is missing");
    assert_eq!(problem("cors = { origins = [] }"), "cors.origins: must name at least one");
    let star = "cors = { origins = [\"*\", \"https://a.test\"], credentials = true }";
    let expected =
        "cors.credentials: cannot go with the origin \"*\": any page could act as its visitor";
    assert_eq!(problem(star), expected);
    let doubled = "cors = { origins = [\"*\"] }\n\
                   set_response_headers = { \"Access-Control-Allow-Origin\" = \"*\" }";
    let expected = "set_response_headers: \"access-control-allow-origin\" is said by this route's \
                    `cors`";
    assert_eq!(problem(doubled), expected);
    route("set_response_headers = { \"Access-Control-Allow-Origin\" = \"*\" }");
    assert_eq!(
        route("cors = { origins = [\"*\"] }\nmethods = [\"GET\"]").cors.unwrap().methods,
        "GET"
    );
}

#[test]
fn limits_of_a_route_are_its_own() {
    let route = route("read_timeout = \"5m\"\ntotal_timeout = \"10m\"\nmax_body = \"1MiB\"");
    assert_eq!(route.read_timeout, Some(Duration::from_mins(5)));
    assert_eq!(route.total_timeout, Some(Duration::from_mins(10)));
    assert_eq!(route.max_body, Some(1 << 20));
}

#[test]
fn ties_are_told_with_both_places() {
    let route = |line: &str| format!("[[routes]]\npath = \"/\"\naccess = \"nobody\"\n{line}\n");
    let routes = ["headers = [\"X-A\"]", "headers = [\"X-B\", \"x-b\"]"].map(route).concat();
    let expected =
        "authgate.toml:5:1: routes: takes the same requests as the one at authgate.toml:1:1";
    assert_eq!(mistakes_of(&routes), expected);
    let both = route("headers = [\"X-A\", \"X-B\"]");
    assert_eq!(Written::file(&(routes + &both)).load().gateway.routes.in_order().len(), 3);
}

#[test]
fn a_prefix_is_never_empty() {
    let text = "[[routes]]\npath = \"\"\naccess = \"public\"\nupstream = \"app\"\n";
    let expected = "authgate.toml:2:8: routes[0].path: \"\" must begin with \"/\"";
    assert_eq!(mistakes_of(text), expected);
}

#[test]
fn the_path_to_change_a_password_is_a_routes_unless_it_is_asked_for() {
    let route = "[[routes]]\npath = \"/api/password/change/\"\nupstream = \"app\"\n";
    assert_eq!(Written::file(route).warnings(), "");
    let warnings = Written::file(&format!("{route}[passwords]\nself_service = true\n")).warnings();
    assert!(warnings.contains("authgate answers this path itself"), "{warnings}");
}

#[test]
fn what_has_no_effect_or_opens_everything_is_told_but_is_no_mistake() {
    let route = |path: &str, line: &str| {
        format!("[[routes]]\npath = \"{path}\"\nupstream = \"app\"\n{line}\n")
    };
    let text = route("/api/login", "")
        + &route("/api/login/x", "methods = [\"TRACE\", \"CONNECT\"]")
        + &route("/", "access = \"public\"")
        + &route("/", "access = \"public\"\nmethods = [\"GET\", \"TRACE\"]");
    assert_eq!(
        Written::file(&text).warnings(),
        "authgate.toml:2:8: routes[0].path: authgate answers this path itself; only those below it \
         reach the route\n\
         authgate.toml:8:11: routes[1].methods: authgate refuses these, so that nothing reaches the \
         route\n\
         authgate.toml:12:10: routes[2].access: everyone may pass, without a token, wherever no \
         other route says otherwise"
    );
}
