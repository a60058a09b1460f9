//! Who may do what: each operation of the document, so that none is forgotten.

use super::super::{Browser, on_each_store, second_factor};
use super::{PLACE, get, key, make_operator, with_key};
use crate::harness::gateway::Gateway;
use crate::harness::http::{Answer, Request};
use serde_json::{Value, json};

/// An operation as the document tells of it.
struct Told {
    method: String,
    path: String,
    /// `None` is any key.
    right: Option<String>,
    statuses: Vec<String>,
}

impl Told {
    /// All of them.
    fn all(document: &Value) -> Vec<Self> {
        let paths = document["paths"].as_object().unwrap().iter();
        let all = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, told)| Self::read(path, method, told))
        });
        all.collect()
    }

    fn read(path: &str, method: &str, told: &Value) -> Self {
        let words = told["description"].as_str().unwrap();
        let right = words.split('`').nth(1).map(str::to_owned);
        assert!(right.is_some() || words == "Every key may.", "{words}");
        let statuses = told["responses"].as_object().unwrap().keys().cloned().collect();
        let path = path.replace("/tokens/{id}", "/tokens/999-0123456789abcdef");
        let path = path.replace("{id}", "999").replace("{network}", "192.0.2.0%2F24");
        Self {
            method: method.to_ascii_uppercase(),
            path: format!("{PLACE}{path}"),
            right,
            statuses,
        }
    }

    fn request(&self) -> Request {
        let request = Request::new(&self.method, &self.path);
        if ["POST", "PUT", "PATCH"].contains(&self.method.as_str()) {
            return request.json(&json!({}));
        }
        request
    }
}

fn bearing(request: Request, key: &str) -> Request {
    request.with("Authorization", &format!("Bearer {key}"))
}

#[test]
fn every_operation_takes_a_key_with_its_right_and_nothing_else() {
    let (gateway, all) = with_key();
    let document = get(&gateway, &all, "/openapi.json").json();
    let operations = Told::all(&document);
    assert!(operations.len() > 10);
    let plain = gateway.register("bob");
    let staff = gateway.register_staff("cleo");
    let mut browser = Browser::signed_in(&gateway, "dora");
    for told in &operations {
        let name = format!("{} {}", told.method, told.path);
        let answer = gateway.send(&told.request());
        assert_eq!(answer.status, 401, "{name}");
        assert_eq!(answer.header("WWW-Authenticate").as_deref(), Some("Bearer"), "{name}");
        for token in [&plain, &staff] {
            assert_eq!(gateway.send(&told.request().token(token)).status, 403, "{name}");
            assert_eq!(gateway.send(&bearing(told.request(), token)).status, 403, "{name}");
        }
        assert_eq!(browser.send(told.request()).status, 401, "{name}");
        let good = gateway.send(&bearing(told.request(), &all));
        assert!(told.statuses.contains(&good.status.to_string()), "{name}: {}", good.status);
        assert!(![401, 403].contains(&good.status), "{name}: {}", good.text());
    }
}

#[test]
fn a_key_is_good_for_its_rights_alone() {
    let (gateway, all) = with_key();
    let document = get(&gateway, &all, "/openapi.json").json();
    let operations = Told::all(&document);
    let mut rights: Vec<_> = operations.iter().filter_map(|told| told.right.clone()).collect();
    rights.sort();
    rights.dedup();
    for right in &rights {
        let key = key(&gateway, "ada", &[right]);
        for told in &operations {
            let is_enough = told.right.as_ref().is_none_or(|wanted| {
                wanted == right || *wanted == right.replace(":write", ":read")
            });
            let answer = gateway.send(&bearing(told.request(), &key));
            let name = format!("{} {} with {right}", told.method, told.path);
            assert_eq!(answer.status != 403, is_enough, "{name}: {}", answer.text());
            if !is_enough {
                assert!(answer.text().contains(told.right.as_ref().unwrap()), "{name}");
            }
        }
    }
}

#[test]
fn no_way_to_write_a_path_opens_what_a_token_does_not() {
    let (gateway, _) = with_key();
    let plain = gateway.register("bob");
    let ways = [
        "/admin/api/v1/users",
        "/admin/api/v1/users/",
        "//admin/api/v1/users",
        "/admin//api/v1/users",
        "/admin/api/v1//users",
        "/admin/api/v1/./users",
        "/admin/api/v1/x/../users",
        "/admin/api/v1/%75sers",
        "/%61dmin/api/v1/users",
        "/admin/api/v1/users%2f",
        "/admin/api%2fv1/users",
        "/admin/api/v1/users;x=y",
        "/admin/api/v1/users%00",
        "/admin/assets/../api/v1/users",
        "/admin/login/../api/v1/users",
        "/admin/api/v1/users?x=/assets/",
        "/admin/api",
        "/admin/api/v2/users",
        "/admin/users/",
    ];
    for way in ways {
        for method in ["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"] {
            let request = Request::new(method, way);
            for request in [request.clone().token(&plain), bearing(request.clone(), &plain)] {
                let status = status_of(&gateway, &request);
                assert!([400, 403].contains(&status), "{method} {way}: {status}");
            }
            let status = status_of(&gateway, &request);
            assert!([302, 400, 401, 405].contains(&status), "{method} {way}: {status}");
        }
    }
}

fn status_of(gateway: &Gateway, request: &Request) -> u16 {
    let answer: Answer = gateway.send(request);
    answer.status
}

#[test]
fn only_its_own_methods_are_taken_at_a_path() {
    let (gateway, key) = with_key();
    let answer = gateway.send(&bearing(Request::new("PUT", "/admin/api/v1/users/1"), &key));
    assert_eq!(
        (answer.status, answer.header("Allow").unwrap()),
        (405, "GET, PATCH, DELETE".into())
    );
    assert_eq!(get(&gateway, &key, "/nowhere").status, 404);
    assert_eq!(get(&gateway, &key, "/users/x").status, 404);
}

#[test]
fn a_key_opens_no_page() {
    let (gateway, key) = with_key();
    for page in ["/admin/", "/admin/login/", "/admin/users/", "/admin/nowhere/"] {
        assert_eq!(gateway.send(&bearing(Request::get(page), &key)).status, 403, "{page}");
    }
}

#[test]
fn who_comes_from_elsewhere_is_told_so_in_json() {
    let gateway = Gateway::start("[admin]\nnetworks = [\"192.0.2.0/24\"]");
    make_operator(&gateway, "ada");
    let key = key(&gateway, "ada", &[]);
    let answer = get(&gateway, &key, "/users");
    assert_eq!(answer.status, 403);
    assert!(answer.json()["detail"].is_string());
}

#[test]
fn where_operators_need_an_app_a_key_is_good_once_its_owner_has_one() {
    on_each_store("[admin]\nrequire_totp = true\n", |gateway| {
        make_operator(gateway, "ada");
        let key = key(gateway, "ada", &[]);
        for path in ["/key", "/users", "/nowhere"] {
            let answer = get(gateway, &key, path);
            assert_eq!(answer.status, 403, "{path}");
            let expected = json!({ "detail": "The key's owner must set up an authenticator app." });
            assert_eq!(answer.json(), expected);
        }
        let mut ada = Browser::of(gateway);
        ada.sign_in("ada");
        second_factor::set_up(&mut ada);
        assert_eq!(get(gateway, &key, "/key").status, 200);
    });
}
