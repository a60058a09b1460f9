//! What is wrong with a dump, or with a field of it.

use super::*;

fn said(text: impl AsRef<[u8]>) -> String {
    read_by(text, Terms::default()).err().unwrap()
}

#[test]
fn a_dump_that_is_not_utf_8_says_where_and_what_makes_it_so() {
    let mut text = json!([user(1, "ada"), user(2, "Jos?")]).to_string().into_bytes();
    let at = text.iter().position(|byte| *byte == b'?').unwrap();
    text[at] = 0xe9;
    let said = said(text);
    let words = format!("at byte {at}, after 1 objects: it is not UTF-8");
    assert!(said.contains(&words) && said.contains("iconv -f LATIN1 -t UTF-8"), "{said}");
}

#[test]
fn a_dump_of_wider_characters_is_told_by_its_name_with_a_mark_or_without() {
    let text = json!([user(1, "ada")]).to_string();
    let wide = |bytes: usize, is_little: bool, mark: bool| -> Vec<u8> {
        let all = mark.then_some('\u{feff}').into_iter().chain(text.chars());
        let of = |char: char| {
            let number = u32::from(char);
            let all = if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
            if is_little { all[..bytes].to_vec() } else { all[4 - bytes..].to_vec() }
        };
        all.flat_map(of).collect()
    };
    for (is_little, mark) in [(true, true), (true, false), (false, true), (false, false)] {
        for (bytes, name) in [(2, "it is UTF-16"), (4, "it is UTF-32")] {
            let said = said(wide(bytes, is_little, mark));
            assert!(said.contains(name), "{bytes} {is_little} {mark}: {said}");
        }
    }
}

#[test]
fn what_is_wrong_with_an_object_is_told_truly() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let objects = [
        r#"{"model": "auth.user", "model": "auth.user", "pk": 1, "fields": {}}"#.to_owned(),
        r#"{"pk": 1, "fields": {}}"#.to_owned(),
        r#"{"model": 7, "pk": 1, "fields": {}}"#.to_owned(),
        r#"{"model": "auth.user", "pk": 1, "fields": null}"#.to_owned(),
        r#"{"model": "auth.user", "pk": 1, "fields": {"username": "a", "username": "b"}}"#
            .to_owned(),
        r#"{"model": "auth.user", "pk": 1, "fields": {"username": "\ud800"}}"#.to_owned(),
        format!(r#"{{"model": "auth.user", "pk": 1, "fields": {{"groups": {deep}}}}}"#),
    ];
    let text = format!("[{},{}]", objects.join(","), user(9, "zoe"));
    let batch = read_by(text, Terms::default()).unwrap();
    assert_eq!(batch.users.len(), 1);
    assert_eq!(
        told(&batch),
        [
            "1, an object: has `model` twice",
            "2, an object: has no `model`, as objects of a dump do",
            "3, an object: its `model` is no text",
            "4, auth.user 1: fields: is no object, such as {\"username\": \"ada\"}",
            "5, auth.user 1: fields: has `username` twice",
            "6, auth.user 1: fields: `username` has a text that is no Unicode",
            "7, auth.user 1: fields: `groups` has lists in lists, more than any field has",
        ]
    );
}

#[test]
fn a_name_of_a_field_is_told_as_far_as_one_reads() {
    let name = "é".repeat(20_000);
    // A field that is looked at is there twice, after two of another long name.
    let fields = format!(r#"{{"{name}": 1, "{name}": 2, "email": "a", "email": "b"}}"#);
    let text =
        format!(r#"[{{"model": "auth.user", "pk": 1, "fields": {fields}}}, {}]"#, user(9, "zoe"));
    let said = told(&read_by(text, Terms::default()).unwrap());
    assert!(said[0].contains("éé…` twice") && said[0].len() < 200, "{} bytes", said[0].len());
}

fn altered(batch: &Batch) -> Vec<String> {
    batch.altered.iter().map(ToString::to_string).collect()
}

#[test]
fn what_a_field_has_no_room_for_costs_the_field_and_not_the_user() {
    let mut ada = user(1, "ada");
    ada["fields"]["email"] = json!(format!("{}@example.com", "x".repeat(250)));
    ada["fields"]["first_name"] = json!("é".repeat(151));
    ada["fields"]["last_name"] = json!("y".repeat(150));
    let batch = read(&json!([ada]));
    let [ada] = batch.users.as_slice() else { panic!("{:?}", told(&batch)) };
    assert_eq!((ada.email.as_str(), ada.first_name.clone()), ("", "é".repeat(150)));
    assert_eq!(ada.last_name.len(), 150);
    assert_eq!(
        altered(&batch),
        [
            "1, auth.user 1: email: is longer than 254 characters, and left out",
            "1, auth.user 1: first_name: is longer than 150 characters, and cut off there",
        ]
    );
}

#[test]
fn a_zero_byte_costs_the_field_for_no_database_of_djangos_has_one() {
    let mut ada = user(1, "ada");
    ada["fields"]["email"] = json!("ada\0@example.com");
    ada["fields"]["last_name"] = json!("Love\0lace");
    ada["fields"]["groups"] = json!([["edi\0tors"], ["poets"]]);
    let batch = read(&json!([ada]));
    let [ada] = batch.users.as_slice() else { panic!("{:?}", told(&batch)) };
    assert_eq!((ada.email.as_str(), ada.last_name.as_str()), ("", ""));
    assert_eq!(ada.groups, [GroupRef::Name("poets".to_owned())]);
    assert_eq!(
        altered(&batch),
        [
            "1, auth.user 1: email: has a zero byte, and is left out",
            "1, auth.user 1: last_name: has a zero byte, and is left out",
            "1, auth.user 1: groups: has a name with a zero byte, which is left out",
        ]
    );
}

#[test]
fn what_is_no_hash_that_is_known_may_be_a_password_and_is_not_kept() {
    let of = |password: &str| {
        let mut ada = user(1, "ada");
        ada["fields"]["password"] = json!(password);
        let batch = read(&json!([ada]));
        let user = batch.users.into_iter().next().unwrap();
        (user.password, user.kind, user.trouble.unwrap_or_default())
    };
    let (kept, kind, trouble) = of("pass-Word-123");
    assert_eq!((kept.as_str(), kind.as_str()), ("!", "unknown"));
    assert_eq!(trouble, "it is no hash that is known, and left out: it may be the password itself");
    // Whoever goes back to Django takes these along.
    for password in ["!a8F3", "md5$salt$5b46babb", "pbkdf2_sha256$1$x"] {
        assert_eq!(of(password).0, password);
    }
}
