//! What is read of a Django, wherever it has it.

mod faults;
mod own_models;

use super::{Model, Place, Terms};
use crate::model::token::{DigestHash, DigestOver, Token};
use crate::moving::gather::{file, gather};
use crate::moving::{Batch, Input, Knox, Origin};
use crate::store::staging::{GroupRef, OwnerRef, Says};
use serde_json::{Value, json};
use std::path::Path;

fn read_by(text: impl AsRef<[u8]>, terms: Terms) -> Result<Batch, String> {
    let (input, _file) = file(text);
    gather(&Origin::Django { place: Place::Dump(input), terms })
}

fn read(objects: &Value) -> Batch {
    read_by(objects.to_string(), Terms::default()).unwrap()
}

fn contract(name: &str) -> Batch {
    let path = Path::new("tests/contract").join(name);
    let place = Place::Dump(Input::File(path));
    gather(&Origin::Django { place, terms: Terms::default() }).unwrap()
}

fn user(pk: u64, name: &str) -> Value {
    json!({ "model": "auth.user", "pk": pk, "fields": { "username": name, "password": "!" } })
}

fn token(key: &str, bytes: usize, more: &Value) -> Value {
    let mut fields = json!({ "token_key": key, "user": 1, "created": "2026-11-24T06:13:54Z" });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "model": "knox.authtoken", "pk": "ab".repeat(bytes), "fields": fields })
}

fn told(batch: &Batch) -> Vec<String> {
    batch.unreadable.iter().map(ToString::to_string).collect()
}

#[test]
fn a_dump_gives_users_and_tokens_as_they_are() {
    let batch = contract("dump.json");
    assert_eq!((batch.users.len(), batch.tokens.len(), batch.unreadable.len()), (5, 4, 0));
    let (user, token) = (&batch.users[1], &batch.tokens[0]);
    assert_eq!(
        (user.id, user.username.as_str(), user.first_name.as_str()),
        (Some(2), "arg", "Arg")
    );
    assert!(user.password.starts_with("argon2$argon2id$") && user.is_active && !user.is_staff);
    assert_eq!(user.joined.unwrap().to_string(), "2026-11-24T06:13:53.955000Z");
    assert_eq!((user.place, user.last_login), (2, None));
    assert_eq!((token.place, &token.owner), (6, &OwnerRef::Number(1)));
    assert_eq!((token.digest.len(), token.knox_key.as_str()), (64, "e3eec4026130845"));
    assert_eq!(token.expires.unwrap().to_string(), "2099-01-01T00:00:00.123000Z");
    assert_eq!(batch.tokens[2].expires, None);
}

#[test]
fn natural_keys_name_owners_and_give_no_numbers() {
    let batch = contract("dump-natural.json");
    assert!(batch.users.iter().all(|user| user.id.is_none()));
    assert_eq!(batch.tokens[0].owner, OwnerRef::Name("pbk".to_owned()));
    let [words] = batch.warnings.as_slice() else { panic!("{:?}", batch.warnings) };
    assert!(
        words.contains("have no numbers, as `dumpdata --natural-primary` leaves them out"),
        "{words}"
    );
}

#[test]
fn tokens_that_name_users_by_numbers_that_the_dump_leaves_out_bring_the_flag_that_is_missing() {
    let mut ada = user(1, "ada");
    ada["fields"]["is_active"] = json!(true);
    ada.as_object_mut().unwrap().remove("pk");
    let batch = read(&json!([ada, token("01234567", 64, &json!({}))]));
    assert_eq!(batch.warnings.len(), 2);
    assert!(batch.warnings[1].contains("--natural-foreign"), "{:?}", batch.warnings);
    assert!(contract("dump.json").warnings.is_empty());
}

#[test]
fn of_the_odd_dump_each_row_is_read() {
    let batch = contract("dump-edge.json");
    assert_eq!((batch.users.len(), batch.tokens.len(), batch.unreadable.len()), (13, 13, 0));
    let of_key = |key| batch.tokens.iter().find(|token| token.knox_key == key).unwrap();
    assert_eq!(of_key("a1137b08").scheme.over, DigestOver::Bytes);
    assert_eq!(of_key("tiny").scheme.over, DigestOver::Text);
    assert_eq!(of_key("tökén-ü").scheme.over, DigestOver::Text);
}

#[test]
fn groups_are_known_by_number_or_by_name() {
    let mut ada = user(1, "ada");
    ada["fields"]["groups"] = json!([3, ["poets"]]);
    let group = json!({ "model": "auth.group", "pk": 3, "fields": { "name": "editors" } });
    let batch = read(&json!([ada, group]));
    assert_eq!(batch.groups, [(3, "editors".to_owned())]);
    let both = [GroupRef::Number(3), GroupRef::Name("poets".to_owned())];
    assert_eq!(batch.users[0].groups, both);
}

#[test]
fn a_key_of_rest_frameworks_own_leaves_as_a_digest_only() {
    let key = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b";
    let fields = json!({ "user": 1, "created": "2026-11-24T06:13:54Z" });
    let key_of_ada = json!({ "model": "authtoken.token", "pk": key, "fields": fields });
    let batch = read(&json!([key_of_ada, user(1, "ada")]));
    let token = &batch.tokens[0];
    assert_eq!(token.digest, Token::new(key.to_owned()).digest().as_bytes());
    assert_eq!((token.knox_key.as_str(), token.expires), ("9944b09199c62bc", None));
    assert!(token.scheme.is_native());
}

#[test]
fn rows_of_each_knox_have_their_scheme() {
    let salted = token("01234567", 64, &json!({ "salt": "ab01", "expires": null }));
    let batch = read(&json!([user(1, "ada"), salted, token("01234567", 64, &json!({}))]));
    let over: Vec<_> = batch.tokens.iter().map(|token| token.scheme.over).collect();
    assert_eq!(over, [DigestOver::BytesAndSalt, DigestOver::Bytes]);
    assert_eq!(batch.tokens[0].salt, [0xab, 0x01]);
    let knox = Knox { hash: DigestHash::Sha256, over: Some(DigestOver::Text) };
    let text = json!([user(1, "ada"), token("01234567", 32, &json!({}))]).to_string();
    let batch = read_by(text, Terms { knox, ..Terms::default() }).unwrap();
    assert_eq!(batch.tokens[0].scheme.to_string(), "sha256:text");
}

#[test]
fn what_is_wrong_with_a_row_is_told_without_its_secrets_and_the_others_are_read() {
    let mut broken = user(7, "eve");
    broken["fields"]["is_staff"] = json!("pass-Word-123");
    let odd = json!({ "model": "auth.user", "pk": [1], "fields": { "username": "u" } });
    let short = token("0123456789abcde", 32, &json!({}));
    let nobody = token("0123456789abcde", 64, &json!({ "user": { "pass-Word-123": 1 } }));
    let bare = json!({ "model": "auth.user" });
    let batch = read(&json!([broken, odd, short, nobody, bare, user(1, "ada")]));
    assert_eq!(batch.users.len(), 1);
    assert_eq!(
        told(&batch),
        [
            "1, auth.user 7: is_staff: is a text that says neither: true, t, yes, y or 1 is yes, and false, f, \
             no, n or 0 is no",
            "2, auth.user: pk: is no number, or not one of a row",
            "3, knox.authtoken: digest: has 32 bytes, but one by sha512 has 64; \
             --digest says what SECURE_HASH_ALGORITHM was",
            "4, knox.authtoken: user: is neither a number nor a name such as [\"ada\"]",
            "5, an object: has no `fields`, as objects of a dump do",
        ]
    );
}

#[test]
fn a_dump_that_is_no_json_is_an_error_that_says_where() {
    let text = format!("[{}, {{\"model\": auth.user}}]", user(1, "ada"));
    let said = read_by(text, Terms::default()).err().unwrap();
    assert!(said.contains("the dump is broken: at byte 74, after 1 objects: the next"), "{said}");
}

#[test]
fn tokens_without_anybody_whose_they_could_be_are_an_error() {
    let text = json!([token("0123456789abcde", 64, &json!({}))]).to_string();
    let said = read_by(text, Terms::default()).err().unwrap();
    assert!(said.contains("the source has tokens and no users"), "{said}");
}

#[test]
fn of_what_no_user_has_nothing_is_said() {
    let says = read(&json!([user(1, "ada")])).says.unwrap();
    assert_eq!(says, Says::NOTHING);
    let says = contract("dump.json").says.unwrap();
    assert_eq!(says, Says::ALL);
}

#[test]
fn an_end_beyond_all_days_is_none_and_a_broken_moment_ends_nothing_else() {
    let late = token("0123456789abcde", 64, &json!({ "expiry": "9999-12-31T23:59:59.999999Z" }));
    let broken = token("0123456789abcdf", 64, &json!({ "expiry": "soon" }));
    let mut ada = user(1, "ada");
    ada["fields"]["last_login"] = json!("0000-00-00 00:00:00");
    ada["fields"]["date_joined"] = json!("2026-11-24T06:13:53");
    let batch = read(&json!([ada, late, broken]));
    assert_eq!((batch.users[0].last_login, batch.tokens[0].expires), (None, None));
    assert_eq!(batch.tokens.len(), 1);
    assert!(told(&batch)[0].starts_with("3, knox.authtoken: expiry: is not a moment"));
    let remarks: Vec<_> = batch.remarks.into_iter().collect();
    let told = [
        ("moments that are none, taken as not known", 1),
        ("moments without a time zone, taken as UTC", 1),
    ];
    assert_eq!(remarks, told);
}

#[test]
fn moments_that_do_not_say_their_time_zone_are_in_the_one_that_is_named() {
    let mut ada = user(1, "ada");
    ada["fields"]["date_joined"] = json!("2026-07-24T08:13:53");
    let terms = Terms { time_zone: "Europe/Berlin".parse().unwrap(), ..Terms::default() };
    let batch = read_by(json!([ada]).to_string(), terms).unwrap();
    assert_eq!(batch.users[0].joined.unwrap().to_string(), "2026-07-24T06:13:53Z");
    let remarks: Vec<_> = batch.remarks.into_iter().collect();
    assert_eq!(remarks, [("moments without a time zone, taken by --time-zone", 1)]);
}

#[test]
fn an_object_that_is_too_long_is_told_if_it_should_be_a_user() {
    let mut ada = user(1, "ada");
    ada["fields"]["picture"] = json!("x".repeat(2_000_000));
    let mut other = ada.clone();
    other["model"] = json!("shop.picture");
    let batch = read(&json!([ada, other, user(2, "bob")]));
    assert_eq!(batch.users.len(), 1);
    assert_eq!(told(&batch), ["1, auth.user: is longer than any such object is"]);
    assert_eq!(batch.others, [("shop.picture".to_owned(), 1)]);
}

#[test]
fn a_source_is_known_by_its_text() {
    assert!(matches!(Place::of("-").unwrap(), Place::Dump(Input::Stdin)));
    for text in ["postgres://u@h/d", "PostgreSQL://u@h/d", "postgis://u@h/d", "mysql2://u@h/d"] {
        assert!(matches!(Place::of(text).unwrap(), Place::Database(_)), "{text}");
    }
    for text in ["sqlite:db.sqlite3", "sqlite:///db.sqlite3"] {
        assert_eq!(Place::of(text).unwrap().to_string(), "db.sqlite3");
    }
    let said = Place::of("postgres://u:hunter2@h:x/d").err().unwrap().to_string();
    assert!(said.contains("postgres://USER") && !said.contains("hunter2"), "{said}");
    for (text, kind) in [("oracle://u:hunter2@h/d", "oracle"), ("https://h/dump.json", "https")] {
        let said = Place::of(text).err().unwrap().to_string();
        let words = format!("{kind}:// is no address of a database that can be read");
        assert!(said.contains(&words) && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn other_models_are_passed_over_and_counted() {
    let other = json!({ "model": "shop.order", "pk": 1, "fields": { "total": [1, { "a": 2 }] } });
    let batch = read(&json!([other, user(1, "ada"), other]));
    assert_eq!(batch.others, [("shop.order".to_owned(), 2)]);
    assert_eq!(batch.users[0].place, 2);
}

#[test]
fn a_database_gives_the_same_as_a_dump() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let db = rusqlite::Connection::open(file.path()).unwrap();
    db.execute_batch(
        "CREATE TABLE auth_user (id INTEGER PRIMARY KEY, password, last_login, is_superuser,
            username, last_name, email, is_staff, is_active, date_joined, first_name);
         CREATE TABLE auth_group (id INTEGER PRIMARY KEY, name);
         CREATE TABLE auth_user_groups (id INTEGER PRIMARY KEY, user_id, group_id);
         CREATE TABLE knox_authtoken (digest, salt, created, user_id, expiry, token_key);
         INSERT INTO auth_user VALUES (1, '!', NULL, 0, 'ada', 'L', 'a@example.com', 1, 1,
            '2026-11-24 06:13:53.524000', 'Ada');
         INSERT INTO auth_group VALUES (3, 'editors'), (4, 'poets');
         INSERT INTO auth_user_groups VALUES (1, 1, 3), (2, 1, 4);
         INSERT INTO knox_authtoken VALUES
            ('abcd', 'ab', '2026-11-24 06:13:54', 1, NULL, '01234567'),
            (printf('%0128d', 0), 'ab', '2026-11-24 06:13:54', 1, NULL, '01234567');",
    )
    .unwrap();
    let place = Place::of(file.path().to_str().unwrap()).unwrap();
    assert!(matches!(place, Place::Sqlite(_)));
    let batch = gather(&Origin::Django { place, terms: Terms::default() }).unwrap();
    let ada = &batch.users[0];
    assert_eq!((ada.id, ada.username.as_str(), ada.is_staff), (Some(1), "ada", true));
    assert_eq!(ada.groups, [GroupRef::Number(3), GroupRef::Number(4)]);
    assert_eq!(ada.joined.unwrap().to_string(), "2026-11-24T06:13:53.524000Z");
    assert_eq!(batch.tokens[0].scheme.over, DigestOver::BytesAndSalt);
    assert!(told(&batch)[0].starts_with("4, knox_authtoken: digest: has 2 bytes"));
}
