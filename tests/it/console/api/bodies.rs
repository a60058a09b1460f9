//! What programs send, and what they are answered.

use super::{get, send, with_key};
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::{Answer, Request};
use serde_json::{Value, json};

fn make(gateway: &Gateway, key: &str, name: &str) -> u64 {
    let user = json!({ "username": name, "password": PASSWORD });
    let answer = send(gateway, key, ("POST", "/users"), &user);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["user"]["id"].as_u64().unwrap()
}

#[test]
fn a_user_lives_and_dies_by_the_api() {
    let (gateway, key) = with_key();
    let id = make(&gateway, &key, "bob");
    let path = format!("/users/{id}");
    let user = get(&gateway, &key, &path).json();
    assert_eq!((&user["username"], &user["live_tokens"]), (&json!("bob"), &json!(0)));
    let change = json!({ "email": "bob@Example.COM", "is_staff": true });
    let user = send(&gateway, &key, ("PATCH", &path), &change).json();
    assert_eq!((&user["email"], &user["is_staff"]), (&json!("bob@example.com"), &json!(true)));
    let token = gateway.login("bob");
    assert_eq!(get(&gateway, &key, &path).json()["live_tokens"], 1);
    let locked = send(&gateway, &key, ("PATCH", &path), &json!({ "is_active": false }));
    assert_eq!((locked.status, gateway.status_of(&token)), (200, 401));
    assert_eq!(gone(&gateway, &key, &path), 204);
    assert_eq!(get(&gateway, &key, &path).status, 404);
}

fn gone(gateway: &Gateway, key: &str, path: &str) -> u16 {
    super::ask(gateway, key, Request::new("DELETE", &format!("{}{path}", super::PLACE))).status
}

#[test]
fn users_are_found_page_by_page() {
    let (gateway, key) = with_key();
    for number in 0..5 {
        make(&gateway, &key, &format!("user{number}"));
    }
    let first = get(&gateway, &key, "/users?search=USER&sort=-username&limit=3").json();
    let names = |page: &Value| -> Vec<String> {
        let users = page["users"].as_array().unwrap().iter();
        users.map(|user| user["username"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["user4", "user3", "user2"]);
    let next: String =
        form_urlencoded::byte_serialize(first["next"].as_str().unwrap().as_bytes()).collect();
    let path = format!("/users?search=USER&sort=-username&limit=3&cursor={next}");
    let second = get(&gateway, &key, &path).json();
    assert_eq!(names(&second), ["user1", "user0"]);
    let staff = get(&gateway, &key, "/users?is_staff=true").json();
    assert_eq!(names(&staff), ["ada"]);
}

#[test]
fn a_password_that_is_made_is_shown_once_and_works() {
    let (gateway, key) = with_key();
    let made = send(&gateway, &key, ("POST", "/users"), &json!({ "username": "bob" })).json();
    let (id, password) = (&made["user"]["id"], made["password"].as_str().unwrap());
    assert_eq!(made["user"]["must_change"], true);
    let login = |password: &str| {
        let credentials = json!({ "username": "bob", "password": password });
        gateway.send(&Request::post("/api/login/").json(&credentials)).status
    };
    assert_ne!(login("something-Else-1"), 200);
    let path = format!("/users/{id}/password");
    let other = send(&gateway, &key, ("POST", &path), &json!({})).json();
    assert_ne!(other["password"], password);
    let typed = json!({ "password": "chosen-Word-789" });
    let typed = send(&gateway, &key, ("POST", &path), &typed).json();
    assert_eq!(typed["password"], Value::Null);
    assert_eq!(login("chosen-Word-789"), 200);
}

#[test]
fn tokens_are_made_found_and_ended() {
    let (gateway, key) = with_key();
    let id = make(&gateway, &key, "bob");
    let path = format!("/users/{id}/tokens");
    let made =
        send(&gateway, &key, ("POST", &path), &json!({ "name": "ci", "expires_in": 60 })).json();
    let token = made["token"].as_str().unwrap().to_owned();
    assert_ne!(gateway.status_of(&token), 401);
    let found = send(&gateway, &key, ("POST", "/tokens/find"), &json!({ "token": token })).json();
    assert_eq!((&found["id"], &found["user"]), (&made["id"], &json!("bob")));
    assert_eq!((&found["name"], &found["issued_by"]), (&json!("ci"), &json!("ada")));
    let all = get(&gateway, &key, "/tokens").json();
    assert_eq!(all["tokens"].as_array().unwrap().len(), 1);
    let kept = send(&gateway, &key, ("POST", &path), &json!({ "expires_in": null })).json();
    assert_eq!(kept["expires"], Value::Null);
    let query = format!("{path}?keep={}", kept["id"].as_str().unwrap());
    assert_eq!(gone(&gateway, &key, &query), 204);
    assert_eq!(gateway.status_of(&token), 401);
    let one = format!("/tokens/{}", kept["id"].as_str().unwrap());
    assert_eq!(gone(&gateway, &key, &one), 204);
    assert_eq!(gone(&gateway, &key, &one), 404);
    let find = send(&gateway, &key, ("POST", "/tokens/find"), &json!({ "token": token }));
    assert_eq!(find.status, 404);
    assert!(!gateway.log().contains(&token));
}

#[test]
fn many_users_are_changed_in_one_go() {
    let (gateway, key) = with_key();
    let ids = ["bob", "cleo"].map(|name| make(&gateway, &key, name));
    let act = json!({ "action": "deactivate", "ids": [ids[0], ids[1], 999] });
    let outcome = send(&gateway, &key, ("POST", "/users/bulk"), &act).json();
    assert_eq!(outcome["done"], json!(ids));
    assert_eq!(outcome["failed"][0]["id"], 999);
    let locked = get(&gateway, &key, "/users?is_active=false").json();
    assert_eq!(locked["users"].as_array().unwrap().len(), 2);
}

#[test]
fn what_makes_no_sense_is_refused_under_the_name_of_its_field() {
    let (gateway, key) = with_key();
    let id = make(&gateway, &key, "bob");
    let (user, tokens) = (format!("/users/{id}"), format!("/users/{id}/tokens"));
    let (password, list) = (format!("/users/{id}/password"), "/users".to_owned());
    for (method, path, body, field) in [
        ("PATCH", &user, r#"{"id":999}"#, "id"),
        ("PATCH", &user, r#"{"username":"eve"}"#, "username"),
        ("PATCH", &user, r#"{"password":"x"}"#, "password"),
        ("PATCH", &user, r#"{"is_staff":"yes"}"#, "is_staff"),
        ("PATCH", &user, r#"{"is_staff":1}"#, "is_staff"),
        ("PATCH", &user, r#"{"is_staff":true,"is_staff":false}"#, "is_staff"),
        ("PATCH", &user, r#"{"email":"nobody"}"#, "email"),
        ("PATCH", &user, "[]", "non_field_errors"),
        ("POST", &tokens, r#"{"expires_in":-1}"#, "expires_in"),
        ("POST", &tokens, r#"{"expires_in":0}"#, "expires_in"),
        ("POST", &tokens, r#"{"expires_in":1e300}"#, "expires_in"),
        ("POST", &tokens, r#"{"expires_in":"1h"}"#, "expires_in"),
        ("POST", &tokens, r#"{"user":1}"#, "user"),
        ("POST", &password, r#"{"password":""}"#, "password"),
        ("POST", &password, r#"{"password":"password"}"#, "password"),
        ("POST", &password, r#"{"password":"   "}"#, "password"),
        ("POST", &list, r#"{"username":"bob"}"#, "username"),
        ("POST", &list, r#"{"username":"b b"}"#, "username"),
        ("POST", &list, "{}", "username"),
    ] {
        let answer = raw(&gateway, &key, (method, path), ("application/json", body));
        assert_eq!(answer.status, 400, "{method} {path} {body}: {}", answer.text());
        assert!(answer.json()[field][0].is_string(), "{body}: {}", answer.text());
    }
    let answer = get(&gateway, &key, &user).json();
    assert_eq!((&answer["username"], &answer["is_staff"]), (&json!("bob"), &json!(false)));
}

fn raw(
    gateway: &Gateway,
    key: &str,
    (method, path): (&str, &str),
    (kind, body): (&str, &str),
) -> Answer {
    let request = Request::new(method, &format!("{}{path}", super::PLACE));
    super::ask(gateway, key, request.with("Content-Type", kind).body(body))
}

#[test]
fn a_query_has_only_what_is_asked_for() {
    let (gateway, key) = with_key();
    let id = make(&gateway, &key, "bob");
    for (method, path) in [
        ("POST", format!("/users/{id}/password?password=chosen-Word-789")),
        ("PATCH", format!("/users/{id}?is_staff=true")),
        ("GET", "/users?limit=-1".to_owned()),
        ("GET", "/users?limit=0".to_owned()),
        ("GET", "/users?limit=201".to_owned()),
        ("GET", "/users?limit=5&limit=6".to_owned()),
        ("GET", "/users?sort=password".to_owned()),
        ("GET", "/users?is_staff=maybe".to_owned()),
        ("GET", "/users?api_key=x".to_owned()),
    ] {
        let answer = raw(&gateway, &key, (method, &path), ("application/json", "{}"));
        assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text());
    }
}

#[test]
fn a_form_is_no_json() {
    let (gateway, key) = with_key();
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"] {
        let answer = raw(&gateway, &key, ("POST", "/users"), (kind, "username=eve"));
        assert_eq!(answer.status, 415, "{kind}");
    }
}

#[test]
fn no_answer_shows_a_hash_or_more_of_a_token_than_its_id() {
    let (gateway, key) = with_key();
    let id = make(&gateway, &key, "bob");
    let tokens = [gateway.login("bob"), gateway.login("bob")];
    let document = get(&gateway, &key, "/openapi.json").json();
    let paths = document["paths"].as_object().unwrap().iter();
    let reads = paths.filter(|(_, methods)| methods["get"].is_object());
    let secrets = tokens.iter().flat_map(|token| [token.clone(), digest(token)]);
    let secrets: Vec<_> = secrets.chain([key[4..].to_owned(), "$argon2".to_owned()]).collect();
    for (path, _) in reads {
        let path = path.replace("{id}", &id.to_string());
        let one_each = if path == "/users" || path == "/tokens" { "?limit=1" } else { "" };
        let answer = get(&gateway, &key, &format!("{path}{one_each}"));
        assert_eq!(answer.status, 200, "{path}");
        for secret in &secrets {
            assert!(!answer.text().contains(secret), "{path}: {}", answer.text());
        }
    }
}

/// As a store has it.
fn digest(token: &str) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha512::digest(token))
}
