//! Where the console is, and that it is nowhere else and nobody's but who has signed in.

use std::net::SocketAddr;

use super::Browser;
use crate::harness::eventually;
use crate::harness::free_address;
use crate::harness::gateway::{Gateway, PASSWORD, route};
use crate::harness::http::{Answer, Connection, Request};
use crate::harness::listener::Listener;
use crate::harness::upstream::Upstream;

/// Pages, and what is none.
const PAGES: &[&str] = &[
    "/admin",
    "/admin/",
    "/admin/users/",
    "/admin/users/1/",
    "/admin/tokens/",
    "/admin/limits/",
    "/admin/events/",
    "/admin/routes/",
    "/admin/routes/explain/",
    "/admin/settings/",
    "/admin/account/",
    "/admin/logout/",
    "/admin/nowhere/",
];

const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "get"];

/// Other spellings of the console's paths, and ways round a prefix.
const TRICKS: &[&str] = &[
    "//admin",
    "//admin/users/",
    "/admin//users/",
    "/admin/../admin/users/",
    "/admin/./users/",
    "/admin/login/../users/",
    "/admin/login/%2e%2e/users/",
    "/admin/login/.%2e/users/",
    "/admin/login/..%2fusers/",
    "/admin/login/..%5cusers/",
    "/admin/login/..;/users/",
    "/admin/assets/../users/",
    "/x/../admin/users/",
    "/x/..;/admin/users/",
    "/x/%2e%2e/admin/users/",
    "/x/%252e%252e/admin/users/",
    "/./admin/users/",
    "/admin;x",
    "/admin;x/users/",
    "/admin%3bx/users/",
    "/admin%2fusers/",
    "/admin%252fusers/",
    "/admin%5cusers/",
    "/admin\\users",
    "\\admin\\users",
    "/admin%00/users/",
    "/admin/users/%00",
    "/%61dmin/",
    "/%61%64%6d%69%6e/users/",
    "/%2561dmin/",
    "/admin%c0%afusers/",
    "/%ef%bc%8fadmin/",
    "/ADMIN",
    "/Admin/users/",
    "/aDMIN/login/",
    "/admin.",
    "/admin./users/",
    "/admin../users/",
    "/admin%2e/users/",
    "/admin%20/users/",
    "/admin%09/users/",
    "/admin#/../x",
    "/admin/users/#/admin/login/",
    "http://gate.test/admin/users/",
    "http://gate.test/x/../admin/users/",
    "http://other.test/admin/users/",
];

fn send(address: SocketAddr, request: &Request, method: &str) -> Answer {
    let mut connection = Connection::open(address);
    connection.send(request.bytes());
    let answer =
        if method == "HEAD" { connection.answer_without_body() } else { connection.try_answer() };
    answer.unwrap_or_else(|error| panic!("{request:?}: {error}"))
}

fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, &Request::get(path), "GET")
}

fn is_sent_to_sign_in(answer: &Answer) -> bool {
    let to = answer.header("Location").unwrap_or_default();
    answer.status == 302 && to.starts_with("/admin/login/?next=")
}

/// Settings of a gateway that lets everyone pass to the app.
fn open(app: &Upstream) -> String {
    app.settings() + &route("/", "public")
}

#[test]
fn by_default_the_console_is_below_its_path_and_the_rest_is_the_apps() {
    let app = Upstream::start();
    let gateway = Gateway::start(&open(&app));
    assert!(is_sent_to_sign_in(&gateway.send(&Request::get("/admin/"))));
    assert_eq!(app.take().len(), 0);
    for path in ["/", "/administrator", "/app/admin/", "/?next=/admin/"] {
        assert_eq!(gateway.send(&Request::get(path)).status, 200, "{path}");
    }
    assert_eq!(app.take().len(), 4);
}

#[test]
fn with_a_listener_of_its_own_the_console_is_there_alone_and_nothing_else_is() {
    let app = Upstream::start();
    let address = free_address();
    let settings = format!("{}[admin]\nlisten = \"{address}\"\n", open(&app));
    let gateway = Gateway::start(&settings);
    eventually("the console", || Connection::try_open(address).ok());
    assert_eq!(gateway.send(&Request::get("/admin/")).status, 200);
    assert_eq!(app.take().len(), 1, "the public listener has the app's own /admin/");
    assert!(is_sent_to_sign_in(&get(address, "/admin/")));
    for path in ["/", "/app", "/api/login/", "/healthz", "/administrator", "/adminlogin/"] {
        let answer = get(address, path);
        assert_eq!((answer.status, answer.header("Location").as_deref()), (302, Some("/admin/")));
    }
    let mut browser = Browser::at(address);
    gateway
        .run_with_input(&["user", "create", "ada", "--staff", "--password-stdin"], PASSWORD)
        .done();
    browser.sign_in("ada");
    assert_eq!(browser.get("/admin/").status, 200);
    assert_eq!(app.take().len(), 0);
}

#[test]
fn a_listener_that_is_set_up_may_be_the_consoles_and_is_so_even_while_it_is_off() {
    let app = Upstream::start();
    let own = Listener::on("");
    let settings = |more: &str| {
        let admin = format!("[admin]\nlisten = \"{}\"\n{more}", own.address);
        let server = "[server]\ncontrol = \"control\"\n";
        open(&app) + server + &own.settings() + &admin
    };
    let gateway = Gateway::start(&settings(""));
    own.until_open();
    assert!(is_sent_to_sign_in(&get(own.address, "/admin/")));
    assert_eq!(gateway.send(&Request::get("/admin/")).status, 200);
    gateway.configure(&settings("enabled = false\n"));
    gateway.tell("reload").done();
    app.take();
    for path in ["/admin/", "/app", "/api/login/"] {
        assert_eq!(get(own.address, path).status, 404, "{path}");
    }
    assert_eq!(app.take().len(), 0);
}

#[test]
fn where_the_console_is_off_its_path_is_like_any_other() {
    let app = Upstream::start();
    let gateway = Gateway::start(&(open(&app) + "[admin]\nenabled = false\n"));
    for path in ["/admin", "/admin/login/", "/ADMIN"] {
        let answer = gateway.send(&Request::get(path));
        assert_eq!((answer.status, answer.header("X-Frame-Options")), (200, None), "{path}");
    }
    assert_eq!(app.take().len(), 3);
}

#[test]
fn no_page_is_shown_to_who_is_not_signed_in() {
    let app = Upstream::start();
    let gateway = Gateway::start(&open(&app));
    for path in PAGES {
        for method in METHODS {
            let answer = send(gateway.address, &Request::new(method, path), method);
            let is_refused =
                is_sent_to_sign_in(&answer) || [400, 403, 405].contains(&answer.status);
            assert!(is_refused, "{method} {path}: {}", answer.status);
        }
    }
    assert_eq!(app.take().len(), 0);
}

#[test]
fn a_session_id_that_is_nobodys_opens_nothing() {
    let gateway = Gateway::start("");
    for cookie in [
        "authgate=".to_owned() + &"0".repeat(64),
        "authgate=".to_owned(),
        "authgate=*".to_owned(),
        "sessionid=".to_owned() + &"0".repeat(64),
        "__Host-authgate=".to_owned() + &"0".repeat(64),
    ] {
        let answer = gateway.send(&Request::get("/admin/").with("Cookie", &cookie));
        assert!(is_sent_to_sign_in(&answer), "{cookie}");
    }
}

#[test]
fn another_spelling_of_a_path_reaches_the_console_behind_its_sign_in_or_nobody() {
    let app = Upstream::start();
    let gateway = Gateway::start(&open(&app));
    for target in TRICKS {
        for method in ["GET", "POST", "DELETE"] {
            let answer = send(gateway.address, &Request::new(method, target), method);
            let is_fine =
                is_sent_to_sign_in(&answer) || [400, 404, 405, 421].contains(&answer.status);
            assert!(is_fine, "{method} {target}: {} {}", answer.status, answer.text());
            assert!(!answer.text().contains("<form"), "{method} {target}");
            let received = app.take();
            assert!(received.is_empty(), "{method} {target}: {:?}", received[0].head.first_line);
        }
    }
}

#[test]
fn headers_that_name_another_path_do_not_lead_to_the_console() {
    let app = Upstream::start();
    let gateway = Gateway::start(&open(&app));
    for name in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Prefix"] {
        let answer = gateway.send(&Request::get("/x").with(name, "/admin/"));
        assert_eq!(answer.status, 200, "{name}");
        let answer = gateway.send(&Request::get("/admin/").with(name, "/x"));
        assert!(is_sent_to_sign_in(&answer), "{name}");
    }
    assert_eq!(app.take().len(), 4);
}

#[test]
fn a_token_of_the_apps_opens_no_page_by_no_method() {
    let app = Upstream::start();
    let gateway = Gateway::start(&open(&app));
    let tokens = [gateway.register("plain"), gateway.register_staff("chief")];
    for token in &tokens {
        for path in PAGES.iter().chain(&["/admin/login/"]) {
            for method in METHODS {
                let request = Request::new(method, path).token(token);
                let answer = send(gateway.address, &request, method);
                // What is no method is refused before anyone looks where it leads.
                let expected = if *method == "get" { 400 } else { 403 };
                assert_eq!(answer.status, expected, "{method} {path}");
                assert!(!answer.text().contains(token.as_str()), "{method} {path}");
            }
        }
        for target in TRICKS {
            let answer = send(gateway.address, &Request::get(target).token(token), "GET");
            assert!([400, 403, 404, 421].contains(&answer.status), "{target}: {}", answer.status);
        }
    }
    assert_eq!(app.take().len(), 0);
}

#[test]
fn no_answer_of_the_console_can_be_framed_or_kept() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let token = gateway.register("plain");
    let mut answers = vec![
        ("a redirect", gateway.send(&Request::get("/admin/"))),
        ("signing in", gateway.send(&Request::get("/admin/login/"))),
        ("a forged form", gateway.send(&Request::post("/admin/login/"))),
        ("a token", gateway.send(&Request::get("/admin/").token(&token))),
        ("no asset", gateway.send(&Request::get("/admin/assets/none"))),
        ("a method", gateway.send(&Request::new("DELETE", "/admin/"))),
        ("a page", browser.get("/admin/")),
        ("no page", browser.get("/admin/nowhere/")),
        ("a form without a key", browser.send(Request::post("/admin/logout/"))),
    ];
    for (what, answer) in &answers {
        let cached = answer.header("Cache-Control").unwrap_or_default();
        assert!(cached.contains("no-store"), "{what}: {cached}");
    }
    for asset in ["console.css", "console.js", "icon.svg"] {
        answers.push((asset, gateway.send(&Request::get(&format!("/admin/assets/{asset}")))));
    }
    for (what, answer) in answers {
        let policy = answer.header("Content-Security-Policy").unwrap_or_default();
        assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
        assert_eq!(answer.header("X-Frame-Options").as_deref(), Some("DENY"), "{what}");
        let opener = answer.header("Cross-Origin-Opener-Policy");
        assert_eq!(opener.as_deref(), Some("noopener-allow-popups"), "{what}");
        assert_eq!(answer.header("X-Content-Type-Options").as_deref(), Some("nosniff"), "{what}");
    }
}

#[test]
fn pages_take_get_and_head_and_tell_so() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for method in ["OPTIONS", "PUT", "DELETE", "PROPFIND"] {
        let answer = browser.send(Request::new(method, "/admin/"));
        let allowed = answer.header("Allow");
        assert_eq!((answer.status, allowed.as_deref()), (405, Some("GET, HEAD, POST")), "{method}");
    }
    let page = browser.get("/admin/");
    let cookie = browser.cookie().unwrap().to_owned();
    let request = Request::new("HEAD", "/admin/").with("Cookie", &cookie);
    let head = send(gateway.address, &request, "HEAD");
    assert_eq!((head.status, head.header("Content-Length")), (200, page.header("Content-Length")));
    let nowhere = browser.get("/admin/nowhere/");
    assert_eq!((nowhere.status, nowhere.text().contains("There is no such page")), (404, true));
}

#[test]
fn from_elsewhere_than_its_networks_not_even_the_sign_in_is_shown() {
    let settings = |networks: &str| {
        format!("[admin]\nnetworks = [\"{networks}\"]\n[server]\ncontrol = \"control\"\n")
    };
    let gateway = Gateway::start(&settings("192.0.2.0/24"));
    for path in ["/admin/", "/admin/login/", "/admin/assets/console.css"] {
        let request = Request::get(path).with("X-Forwarded-For", "192.0.2.1");
        assert_eq!(gateway.send(&request).status, 403, "{path}");
    }
    gateway.configure(&settings("127.0.0.0/8"));
    gateway.tell("reload").done();
    assert_eq!(gateway.send(&Request::get("/admin/login/")).status, 200);
}

#[test]
fn its_path_and_whether_it_is_there_change_at_once() {
    let app = Upstream::start();
    let settings =
        |admin: &str| open(&app) + "[server]\ncontrol = \"control\"\n[admin]\n" + admin + "\n";
    let gateway = Gateway::start(&settings(""));
    let to = |path: &str| gateway.send(&Request::get(path)).header("Location");
    assert_eq!(to("/admin/").as_deref(), Some("/admin/login/?next=%2Fadmin%2F"));
    gateway.configure(&settings("path = \"/ops/console/\""));
    assert_eq!(gateway.tell("reload").done().stdout.trim(), "settings read again");
    assert_eq!(
        to("/ops/console/").as_deref(),
        Some("/ops/console/login/?next=%2Fops%2Fconsole%2F")
    );
    assert_eq!((to("/admin/"), app.take().len()), (None, 1));
    gateway.configure(&settings("enabled = false"));
    assert_eq!(gateway.tell("reload").done().stdout.trim(), "settings read again");
    assert_eq!((to("/ops/console/"), app.take().len()), (None, 1));
    gateway.configure(&settings(""));
    gateway.tell("reload").done();
    assert!(to("/admin/").is_some());
}

#[test]
fn the_console_changes_its_listener_by_an_upgrade_and_is_meanwhile_where_it_was() {
    let app = Upstream::start();
    let address = free_address();
    let settings =
        |admin: &str| open(&app) + "[server]\ncontrol = \"control\"\n[admin]\n" + admin + "\n";
    let apart = settings(&format!("listen = \"{address}\""));
    let mut gateway = Gateway::start(&settings(""));
    let is_public = |gateway: &Gateway| {
        let is_public = is_sent_to_sign_in(&gateway.send(&Request::get("/admin/")));
        assert_eq!(app.take().is_empty(), is_public);
        is_public
    };
    let is_apart = || {
        Connection::try_open(address).is_ok_and(|_| is_sent_to_sign_in(&get(address, "/admin/")))
    };
    let waits = "settings read again; admin.listen cannot change while the gateway runs: \
                 `authgate upgrade` or a restart puts it to work";
    gateway.configure(&apart);
    assert_eq!(gateway.tell("reload").done().stdout.trim(), waits);
    assert_eq!((is_public(&gateway), is_apart()), (true, false));
    gateway.upgrade();
    eventually("the console", || is_apart().then_some(()));
    assert!(!is_public(&gateway));
    gateway.configure(&settings(""));
    assert_eq!(gateway.tell("reload").done().stdout.trim(), waits);
    assert_eq!((is_public(&gateway), is_apart()), (false, true));
    gateway.upgrade();
    eventually("the public console", || is_public(&gateway).then_some(()));
    eventually("the end of the listener", || (!is_apart()).then_some(()));
}

#[test]
fn a_console_that_comes_with_a_listener_of_its_own_is_nowhere_until_that_is_open() {
    let app = Upstream::start();
    let address = free_address();
    let settings =
        |admin: &str| open(&app) + "[server]\ncontrol = \"control\"\n[admin]\n" + admin + "\n";
    let gateway = Gateway::start(&settings("enabled = false"));
    gateway.configure(&settings(&format!("listen = \"{address}\"")));
    assert!(gateway.tell("reload").done().says("admin.listen cannot change"));
    assert_eq!(gateway.send(&Request::get("/admin/")).status, 200);
    assert_eq!(app.take().len(), 1);
}

#[test]
fn explaining_a_path_of_the_console_says_whose_it_is() {
    let gateway = Gateway::start("");
    let told = gateway.run(&["explain", "GET", "/admin/"]).done();
    assert!(told.says("this is its console"), "{told:?}");
    let told = gateway.run(&["explain", "GET", "/admin/", "--json"]).done().json();
    assert_eq!(told["answered_by"], "console");
}
