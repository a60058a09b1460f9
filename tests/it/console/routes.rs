//! The pages of routes, upstreams and settings.

use super::{Browser, between};
use crate::harness::gateway::{Gateway, ROUTES, route};
use crate::harness::http::Request;
use crate::harness::upstream::Upstream;
use crate::harness::{eventually, free_address};
use serde_json::json;

const CONTROLLED: &str = "[server]\ncontrol = \"control\"\n";

/// The cells of the row of a route.
fn cells(page: &str, path: &str) -> Vec<String> {
    let row = page.split("<tr>").find(|row| row.contains(&format!(">{path}</a>")));
    let row = row.unwrap_or_else(|| panic!("no row of {path}: {page}"));
    let row = row.split("</tr>").next().unwrap();
    let cells = row.split("<td").skip(1).map(|cell| cell.split_once('>').unwrap().1);
    let text = |cell: &str| {
        let pieces =
            cell.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
        pieces.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    cells.map(text).collect()
}

#[test]
fn the_table_says_what_each_route_had_to_do() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app);
    let mut browser = Browser::signed_in(&gateway, "ada");
    let token = gateway.register("plain");
    for _ in 0..3 {
        gateway.send(&Request::get("/public/x"));
        gateway.send(&Request::get("/app"));
        gateway.send(&Request::get("/staff").token(&token));
    }
    gateway.send(&Request::get("/app").token(&token));
    let page = eventually("the counts", || {
        let page = browser.get("/admin/routes/").text();
        (cells(&page, "/").get(5)? == "4").then_some(page)
    });
    let expected = ["/", "any", "any", "user", "app", "4", "3 75%", "0", "0", ""];
    assert_eq!(cells(&page, "/"), expected);
    let expected = ["/staff", "any", "any", "staff", "app", "3", "0", "3 100%", "0", ""];
    assert_eq!(cells(&page, "/staff"), expected);
    assert_eq!(cells(&page, "/public")[5..9], ["3", "0", "0", "0"]);
    assert!(page.contains("aria-label=\"4 requests, 3 of them refused or failed\""), "{page}");
}

#[test]
fn counts_outlive_a_reload_where_the_route_stays() {
    let app = Upstream::start();
    let settings = |more: &str| app.settings() + &route("/a", "public") + more + CONTROLLED;
    let gateway = Gateway::start(&settings(""));
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.send(&Request::get("/a"));
    gateway.configure(&settings(&route("/", "public")));
    gateway.tell("reload").done();
    gateway.send(&Request::get("/a"));
    let counted =
        |browser: &mut Browser| cells(&browser.get("/admin/routes/").text(), "/a")[5].clone();
    eventually("both requests", || (counted(&mut browser) == "2").then_some(()));
}

#[test]
fn routes_are_found_by_what_they_say_and_come_a_page_at_a_time() {
    let routes: String =
        (0..150).map(|number| route(&format!("/r{number:03}"), "public")).collect();
    let app = Upstream::start();
    let gateway = Gateway::start(&(app.settings() + &routes + &route("/found", "staff")));
    let mut browser = Browser::signed_in(&gateway, "ada");
    let rows = |page: &str| page.matches("<tr>").count() - 1;
    let first = browser.get("/admin/routes/").text();
    assert_eq!((rows(&first), first.contains("Page 1 of 2, 151 routes")), (100, true));
    assert_eq!(rows(&browser.get("/admin/routes/?page=2").text()), 51);
    let found = browser.get("/admin/routes/?q=STAFF").text();
    assert_eq!((rows(&found), found.contains("/found")), (1, true));
    for none in ["?q=%3Cscript%3E", "?page=99999999999999999999", "?page=9"] {
        let page = browser.get(&format!("/admin/routes/{none}"));
        assert_eq!((page.status, page.text().contains("<script>")), (200, false), "{none}");
    }
}

#[test]
fn an_upstream_that_is_down_is_seen_to_be_and_why() {
    let gone = free_address();
    let text = format!("[[upstreams]]\nname = \"app\"\nservers = [\"{gone}\"]\neject_after = 1\n");
    let gateway = Gateway::start(&(text + &route("/", "public") + CONTROLLED));
    let mut browser = Browser::signed_in(&gateway, "ada");
    assert!(browser.get("/admin/routes/").text().contains("badge good\">up"));
    assert_eq!(gateway.send(&Request::get("/")).status, 502);
    let page = browser.get("/admin/routes/").text();
    assert!(page.contains("no server is up") && page.contains("left out for "), "{page}");
    assert!(page.contains("ago: it refuses connections"), "{page}");
    let told = gateway.tell("upstreams").done();
    assert!(told.says("left out for ") && told.says("it refuses connections"), "{told:?}");
}

/// The form of a request that is to be explained.
fn ask(path: &str) -> Vec<(&str, &str)> {
    vec![("method", "GET"), ("path", path), ("host", "gate.test"), ("from", "127.0.0.1")]
}

#[test]
fn a_request_is_explained_by_the_settings_at_work() {
    let app = Upstream::start();
    let settings = app.settings() + ROUTES + CONTROLLED;
    let gateway = Gateway::start(&settings);
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("plain");
    let form = browser.get("/admin/routes/explain/?path=/staff&method=POST").text();
    assert!(form.contains("value=\"/staff\""), "{form}");
    let mut explain = |more: &[(&str, &str)], path: &str| {
        let answer = browser.post("/admin/routes/explain/", &[&ask(path), more].concat());
        assert_eq!(answer.status, 200);
        answer.text()
    };
    let page = explain(&[("sender", "nobody")], "/app");
    assert!(page.contains(">401<") && page.contains("user: there is no good token"), "{page}");
    let page = explain(&[("sender", "user"), ("user", "plain")], "/staff/x");
    assert!(page.contains(">403<") && page.contains("it is plain"), "{page}");
    let page = explain(&[("sender", "user"), ("user", "ada")], "/staff/x?y=1");
    assert!(page.contains("It goes to app") && page.contains("GET /staff/x?y=1"), "{page}");
    assert!(page.contains("x-auth-user: ada"), "{page}");
    let page = explain(&[("sender", "locked-out")], "/app");
    assert!(page.contains(">401<"), "{page}");
    assert!(explain(&[], "/admin/users/").contains("It is for this console"));
    assert!(explain(&[], "/api/login/").contains("once it has read the body"));
    assert!(explain(&[], "/a/../b").contains(">400<"));
    assert_eq!(app.take().len(), 0, "nothing is sent");
    gateway.configure(&(app.settings() + &route("/app", "public") + CONTROLLED));
    gateway.tell("reload").done();
    let mut browser = Browser::of(&gateway);
    browser.sign_in("ada");
    browser.get("/admin/routes/explain/");
    let page = browser.post("/admin/routes/explain/", &ask("/app")).text();
    assert!(page.contains("It goes to app"), "{page}");
}

#[test]
fn what_cannot_be_explained_is_told_beside_its_field() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    browser.get("/admin/routes/explain/");
    for (field, value, words) in [
        ("headers", "Authorization: Token 1234", "Do not paste tokens here"),
        ("headers", "A: b\n\nnonsense", "Line 3 is no header"),
        ("headers", "A b: c", "Line 1: the name has characters"),
        ("headers", "A: b\x01", "Line 1: the value has characters"),
        ("from", "nowhere", "This is no address"),
        ("path", "app", "A path begins with a slash"),
        ("path", "/a b", "This is no path of a request"),
        ("method", "G T", "This is no method"),
        ("user", "\"><img src=x onerror=alert(1)>", "There is no user"),
        ("user", "", "Say which user sends it"),
    ] {
        let mut form: Vec<_> = ask("/").into_iter().filter(|(name, _)| *name != field).collect();
        form.extend([(field, value), ("sender", if field == "user" { "user" } else { "nobody" })]);
        let page = browser.post("/admin/routes/explain/", &form).text();
        assert!(page.to_lowercase().contains(&words.to_lowercase()), "{field} {value}: {page}");
        assert!(!page.contains("<img"), "{page}");
    }
}

#[test]
fn a_token_among_the_headers_is_not_shown_again() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    browser.get("/admin/routes/explain/");
    for (line, words) in [
        ("Authorization: Token s3cret", "Line 2: do not paste tokens here"),
        (" authorization Token s3cret", "Line 2 is no header"),
    ] {
        let headers = format!("Accept: */*\r\n{line}\r\nnonsense");
        let form = [&ask("/"), &[("headers", headers.as_str())][..]].concat();
        let page = browser.post("/admin/routes/explain/", &form).text();
        assert!(page.contains(words) && page.contains("Line 3 is no header"), "{page}");
        // What else was typed is there to be mended, in the lines that it was in.
        assert!(page.contains(">Accept: */*\n\nnonsense<"), "{page}");
        assert!(!page.contains("s3cret"), "{page}");
    }
}

#[test]
fn the_settings_are_told_with_where_they_come_from() {
    let gateway = Gateway::start(&(CONTROLLED.to_owned() + "[tokens]\nlifetime = \"2h\"\n"));
    let mut browser = Browser::signed_in(&gateway, "ada");
    let all = browser.get("/admin/settings/").text();
    assert!(all.contains("<code>&quot;2h&quot;</code>") && all.contains("authgate.toml:"), "{all}");
    assert!(all.contains("<code>min_refresh_interval</code>"), "{all}");
    let changed = browser.get("/admin/settings/?show=changed").text();
    assert!(changed.contains("<code>lifetime</code>"), "{changed}");
    assert!(!changed.contains("<code>min_refresh_interval</code>"), "{changed}");
    let told = gateway.run(&["settings", "--changed"]).done();
    assert!(told.says("tokens.lifetime") && !told.says("tokens.prefix"), "{told:?}");
    let told = gateway.run(&["settings", "--json"]).done().json();
    let lifetime = told.as_array().unwrap().iter().find(|one| one["name"] == "tokens.lifetime");
    assert_eq!(lifetime.unwrap()["value"], "\"2h\"");
}

#[test]
fn a_reload_that_was_refused_and_what_waits_are_told() {
    let gateway = Gateway::start(CONTROLLED);
    let mut browser = Browser::signed_in(&gateway, "ada");
    let refused = "cannot be put to work";
    assert!(!browser.get("/admin/settings/").text().contains(refused));
    gateway.configure(&(CONTROLLED.to_owned() + "[tokens]\nlifetime = \"soon\"\n"));
    assert_eq!(gateway.tell("reload").code, Some(1));
    let page = browser.get("/admin/settings/").text();
    assert!(page.contains(refused), "{page}");
    let why = between(&page, "<pre>", "</pre>").unwrap();
    assert!(why.contains("tokens.lifetime: ") && why.contains("soon"), "{why}");
    gateway.configure(&(CONTROLLED.to_owned() + "threads = 1\n[tokens]\nlifetime = \"3h\"\n"));
    gateway.tell("reload").done();
    let page = browser.get("/admin/settings/").text();
    assert!(!page.contains(refused) && page.contains("&quot;3h&quot;"), "{page}");
    assert!(page.contains("Waiting for an upgrade: <strong>server.threads</strong>"), "{page}");
}

#[test]
fn what_a_route_sets_is_shown_on_no_face() {
    let upstream = Upstream::start();
    let secret = "set_request_headers = { \"X-Api-Secret\" = \"hunter2\" }\n\
                  set_response_headers = { \"X-Other\" = \"hunter2\" }\n";
    let settings =
        |secret: &str| upstream.settings() + &route("/app", "public") + secret + CONTROLLED;
    let gateway = Gateway::start(&settings(secret));
    let mut browser = Browser::signed_in(&gateway, "ada");
    browser.get("/admin/routes/explain/");
    let page = browser.post("/admin/routes/explain/", &ask("/app")).text();
    let verb = ["key", "create", "ada", "test", "--right", "routes:read"];
    let key = gateway.run(&verb).done().stdout;
    let request = |body| {
        let request = Request::post("/admin/api/v1/explain").json(&body);
        gateway.send(&request.with("Authorization", &format!("Bearer {}", key.trim())))
    };
    let api = request(json!({ "target": "/app" })).text();
    let text = gateway.run(&["explain", "GET", "/app"]).done().stdout;
    let data = gateway.run(&["explain", "GET", "/app", "--json"]).done().stdout;
    for told in [page, api, text, data] {
        assert!(told.contains("(set by the route)") && !told.contains("hunter2"), "{told}");
    }
    assert!(!gateway.run(&["routes", "--json"]).done().stdout.contains("hunter2"));
    // Nor does a key that may see routes learn who the users are.
    for name in ["ada", "nobody"] {
        let answer = request(json!({ "target": "/app", "username": name }));
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(answer.text().contains("users:read"));
    }
    gateway.configure(&settings(&secret.replace("2\"", "2 \"")));
    assert_ne!(gateway.tell("reload").code, Some(0));
    assert!(!gateway.log().contains("hunter2"));
    assert!(!browser.get("/admin/settings/").text().contains("hunter2"));
}
