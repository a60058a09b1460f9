//! Models of the app's own.

use super::*;

/// A Django of which something is known.
fn read_with(objects: &Value, terms: Terms) -> Batch {
    read_by(objects.to_string(), terms).unwrap()
}

fn token_models(names: &[&str]) -> Terms {
    let token_models = names.iter().map(|name| name.parse().unwrap()).collect();
    Terms { token_models, ..Terms::default() }
}

#[test]
fn a_user_model_of_ones_own_is_named_and_its_users_may_have_no_name_but_an_address() {
    let fields = json!({ "email": "ada@example.com", "password": "!", "shoe_size": 38 });
    let objects = json!([{ "model": "accounts.member", "pk": 1, "fields": fields }]).to_string();
    let said = read_by(&objects, Terms::default()).err().unwrap();
    assert!(said.contains("--user-model accounts.member"), "{said}");
    let wrong = Terms { user_model: Some("accounts.user".parse().unwrap()), ..Terms::default() };
    let said = read_by(&objects, wrong).err().unwrap();
    let words = "no users of accounts.user, but accounts.member looks like users: --user-model accounts.member";
    assert!(said.contains(words), "{said}");
    let model: Model = "accounts.Member".parse().unwrap();
    let terms = Terms { user_model: Some(model), ..Terms::default() };
    let batch = read_by(&objects, terms).unwrap();
    assert_eq!(batch.users[0].username, "ada@example.com");
}

#[test]
fn a_token_model_of_ones_own_is_known_by_its_fields() {
    let mut own = token("0123456789abcde", 64, &json!({}));
    own["model"] = json!("accounts.session");
    let batch = read(&json!([own, user(1, "ada")]));
    assert_eq!((batch.tokens.len(), batch.others.len()), (1, 0));
}

#[test]
fn the_field_by_which_users_sign_in_may_be_another() {
    let mut ada = user(1, "unused");
    ada["fields"]["phone"] = json!("+49123");
    let terms = Terms { username_field: Some("phone".to_owned()), ..Terms::default() };
    let batch = read_by(json!([ada, user(2, "bob")]).to_string(), terms).unwrap();
    assert_eq!(batch.users[0].username, "+49123");
    let words = "2, auth.user 2: phone: is missing; nobody could sign in without it";
    assert_eq!(told(&batch), [words]);
}

#[test]
fn a_field_to_sign_in_by_that_nobody_has_is_told_by_its_name() {
    let terms = || Terms { username_field: Some("emial".to_owned()), ..Terms::default() };
    let objects = json!([user(1, "ada"), token("0123456789abcde", 64, &json!({}))]).to_string();
    let said = read_by(objects, terms()).err().unwrap();
    assert!(said.contains("users of auth.user have no field emial"), "{said}");
    let mut ada = user(1, "ada");
    ada["fields"]["emial"] = Value::Null;
    assert_eq!(read_by(json!([ada]).to_string(), terms()).unwrap().unreadable.len(), 1);
}

#[test]
fn of_models_of_tokens_that_are_named_and_of_no_others_tokens_are_taken() {
    let mut own = token("0123456789abcde", 1, &json!({ "digest": "cd".repeat(64) }));
    own["model"] = json!("accounts.session");
    own["pk"] = json!(5);
    let fields = json!({ "user": 1, "key": "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b" });
    let key = json!({ "model": "accounts.key", "pk": 6, "fields": fields });
    let left = token("0123456789abcdf", 64, &json!({}));
    let objects = json!([own, key, left, user(1, "ada")]);
    let batch = read_with(&objects, token_models(&["accounts.Session", "accounts.key"]));
    let keys: Vec<_> = batch.tokens.iter().map(|token| token.knox_key.as_str()).collect();
    assert_eq!(keys, ["0123456789abcde", "9944b09199c62bc"]);
    assert_eq!(batch.tokens[0].digest, [0xcd; 64]);
    assert_eq!(batch.others, [("knox.authtoken".to_owned(), 1)]);
    let said = read_with(&objects, token_models(&["accounts.sesion"])).warnings;
    assert!(
        said.contains(&"The dump has no accounts.sesion, which --token-model names.".to_owned())
    );
}

#[test]
fn a_uuid_in_place_of_a_number_names_the_owner_of_a_token_however_it_is_written() {
    let uuid = "6C84FB90-12C4-11E1-840D-7B25C5EE775A";
    let mut ada = user(1, "ada");
    ada["pk"] = json!(uuid);
    let bare = uuid.replace('-', "").to_lowercase();
    let tokens = [uuid, &bare].map(|owner| token("0123456789abcde", 64, &json!({ "user": owner })));
    let batch = read(&json!([ada, tokens[0], tokens[1]]));
    assert_eq!((batch.users[0].id, batch.users[0].key.as_ref()), (None, Some(&bare)));
    assert!(batch.tokens.iter().all(|token| token.owner == OwnerRef::Key(bare.clone())));
    assert!(batch.warnings.iter().any(|words| words.contains("such as a UUID")));
}

#[test]
fn a_uuid_without_a_letter_is_no_number() {
    let mut ada = user(1, "ada");
    ada["pk"] = json!("00000000000000000000000000000042");
    let batch = read(&json!([ada]));
    assert_eq!(batch.users[0].key.as_deref(), Some("00000000000000000000000000000042"));
}

#[test]
fn it_is_told_where_nobody_says_who_may_log_in() {
    let told = |batch: Batch| batch.warnings.iter().any(|words| words.contains("(is_active)"));
    assert!(told(read(&json!([user(1, "ada")]))));
    assert!(!told(contract("dump.json")));
    assert!(!told(read(&json!([]))));
}
