use super::*;
use crate::policy;

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = r#"[tokens]
scheme = "my token"
lifetme = "1h"
lifetime = "10 hours and a bit"
[registration]
open = "yes"
[passwords]
argon2 = { memory = "1KiB", speed = 3 }
[serverr]
listen = "x"
"#;
    assert_eq!(
        mistakes_of(text),
        "authgate.toml:2:10: tokens.scheme: \"my token\" is not a scheme; write a word such as \
         \"Token\"\n\
         authgate.toml:3:1: tokens.lifetme: no such setting; did you mean `lifetime`?\n\
         authgate.toml:4:12: tokens.lifetime: \"10 hours and a bit\" is not a duration; write one \
         such as \"10h\", or \"never\"\n\
         authgate.toml:6:8: registration.open: expected true or false, not text\n\
         authgate.toml:8:21: passwords.argon2.memory: is out of bounds; write a size from \"8KiB\" \
         to \"1GiB\"\n\
         authgate.toml:8:29: passwords.argon2.speed: no such setting\n\
         authgate.toml:9:2: serverr: no such setting; did you mean `server`?"
    );
}

#[test]
fn a_mistake_of_syntax_has_its_place() {
    let expected = "authgate.toml:2:11: string values must be quoted, expected literal string";
    assert_eq!(mistakes_of("[server]\nthreads = many\n"), expected);
}

#[test]
fn columns_count_characters() {
    let text = "[[routes]]\nmethods = [\"É\", \"get\"]\npath = \"/\"\naccess = \"nobody\"\n";
    assert_eq!(
        mistakes_of(text),
        "authgate.toml:2:12: routes[0].methods: \"É\" is not a method; write one such as \"GET\", \
         in upper case\n\
         authgate.toml:2:17: routes[0].methods: \"get\" is not a method; write one such as \"GET\", \
         in upper case"
    );
}

#[test]
fn wrong_kinds_say_what_was_expected() {
    let text = r#"log = 3
routes = [1]
[server]
listen = "127.0.0.1:8000"
threads = "two"
max_body = 1.5
grace = 10
[tokens]
prefix = 1979-05-27
lifetime = 3600
"#;
    assert_eq!(
        mistakes_of(text),
        "authgate.toml:1:7: log: expected a section, not an integer\n\
         authgate.toml:2:11: routes[0]: expected a section, not an integer\n\
         authgate.toml:4:10: server.listen: expected a list, not text\n\
         authgate.toml:5:11: server.threads: expected a number, not text\n\
         authgate.toml:6:12: server.max_body: expected a size, not a fraction; write one such as \
         \"1MiB\", or a number of bytes\n\
         authgate.toml:7:9: server.grace: expected a duration, not an integer; write one such as \
         \"10s\"\n\
         authgate.toml:9:10: tokens.prefix: expected text in quotes, not a date\n\
         authgate.toml:10:12: tokens.lifetime: expected a duration, not an integer; write one such \
         as \"10h\", or \"never\""
    );
}

#[test]
fn a_setting_of_another_section_is_recognised() {
    let expected = "authgate.toml:2:1: tokens.min_length: no such setting; did you mean `passwords.min_length`?";
    assert_eq!(mistakes_of("[tokens]\nmin_length = 9\n"), expected);
}

#[test]
fn lifetimes_must_fit_each_other() {
    let text = "[tokens]\nlifetime = \"10h\"\nmax_lifetime = \"1h\"\n";
    let expected =
        "authgate.toml:3:16: tokens.max_lifetime: must not be shorter than tokens.lifetime";
    assert_eq!(mistakes_of(text), expected);
    let text = "[tokens]\nlifetime = \"never\"\nauto_refresh = true\n";
    let expected = "authgate.toml:3:16: tokens.auto_refresh: there is nothing to refresh: \
                    tokens.lifetime is \"never\"";
    assert_eq!(mistakes_of(text), expected);
}

#[test]
fn tokens_must_not_look_like_keys_of_the_console() {
    let of = |prefix: &str| format!("[tokens]\nprefix = \"{prefix}\"\n");
    for prefix in ["agk_", "agk_x", "app-agk_", "YWdrXw"] {
        let expected = format!(
            "authgate.toml:2:10: tokens.prefix: {prefix:?} would make tokens look like keys of the \
             console, which reach no app; write another"
        );
        assert_eq!(mistakes_of(&of(prefix)), expected);
    }
    for prefix in ["agk", "agk-", "xagk_"] {
        assert_eq!(Written::file(&of(prefix)).load().auth.tokens.prefix, prefix);
    }
}

#[test]
fn listeners_must_differ() {
    let text = "[server]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:1\"]\n\
                [ops]\nlisten = \"127.0.0.1:1\"\n";
    assert_eq!(
        mistakes_of(text),
        "authgate.toml:2:26: server.listen: \"127.0.0.1:1\" is there already\n\
         authgate.toml:4:10: ops.listen: \"127.0.0.1:1\" is that of a listener already; write \
         another port"
    );
    let config = Written::file("[server]\nlisten = [\"[::]:0\", \"[::]:0\"]\n").load();
    assert_eq!(config.server.listeners.len(), 2);
    let expected = "authgate.toml:2:10: server.listen: must name at least one";
    assert_eq!(mistakes_of("[server]\nlisten = []\n"), expected);
}

#[test]
fn identity_headers_must_differ_for_an_app_too() {
    let text = "[identity]\nuser = \"X-Auth_User-Id\"\nemail = \"Content-Type\"\nstaff = \"a b\"\n";
    assert_eq!(
        mistakes_of(text),
        "authgate.toml:2:8: identity.user: apps may take it for the header of identity.user_id\n\
         authgate.toml:3:9: identity.email: \"Content-Type\" has a meaning of its own in HTTP; write \
         another name\n\
         authgate.toml:4:9: identity.staff: \"a b\" is not the name of a header; write one such as \
         \"X-Auth-User\""
    );
}

#[test]
fn upstreams_and_routes_must_fit_each_other() {
    let text = r#"
[[upstreams]]
name = "shop"
servers = ["127.0.0.1", "a:1/x", "http://a:80/"]
[[upstreams]]
name = "shop"
servers = []
[[upstreams]]
[[routes]]
path = "/a"
upstream = "shpo"
[[routes]]
path = "/b//c"
access = "staf"
[[routes]]
path = "/a/"
upstream = "shop"
[[routes]]
methods = []
host = "a:80"
access = "nobody"
"#;
    assert_eq!(
        mistakes_of(text),
        "authgate.toml:4:12: upstreams[0].servers: \"127.0.0.1\" is not a server; write HOST:PORT, \
         such as \"127.0.0.1:9000\", or https://HOST:PORT\n\
         authgate.toml:4:25: upstreams[0].servers: \"a:1/x\" is not a server; write HOST:PORT, such \
         as \"127.0.0.1:9000\", or https://HOST:PORT\n\
         authgate.toml:6:8: upstreams.name: \"shop\" is also the name of the one at \
         authgate.toml:3:8\n\
         authgate.toml:7:11: upstreams[1].servers: must name at least one\n\
         authgate.toml:8:1: upstreams[2].name: is missing\n\
         authgate.toml:8:1: upstreams[2].servers: is missing\n\
         authgate.toml:11:12: routes[0].upstream: \"shpo\" is not the name of an upstream; did you \
         mean \"shop\"?\n\
         authgate.toml:12:1: routes[1].upstream: is missing\n\
         authgate.toml:13:8: routes[1].path: \"/b//c\" matches no request: the path can be read in \
         more than one way\n\
         authgate.toml:14:10: routes[1].access: \"staf\" is not one of \"public\", \"optional\", \
         \"user\", \"staff\", \"nobody\"\n\
         authgate.toml:15:1: routes: takes the same requests as the one at authgate.toml:9:1\n\
         authgate.toml:18:1: routes[3].path: is missing\n\
         authgate.toml:19:11: routes[3].methods: must name at least one\n\
         authgate.toml:20:8: routes[3].host: \"a:80\" is not a host; write a name without a port, \
         such as \"app.example.com\" or \"*.example.com\""
    );
}

#[test]
fn without_routes_all_users_go_to_the_first_upstream() {
    let text = "[[upstreams]]\nname = \"shop\"\nservers = [\"a:1\"]\n";
    let config = Written::file(text).load();
    let routes = config.gateway.routes.in_order();
    let expected =
        policy::Route { access: policy::Access::User, upstream: Some(0), ..Default::default() };
    assert_eq!(routes.iter().map(|route| &***route).collect::<Vec<_>>(), [&expected]);
}
