//! What came along from Django: it is shown, at all three faces, and decides nothing.

use super::Browser;
use super::api::{get, key};
use super::users::page_of;
use crate::harness::gateway::Gateway;
use rusqlite::Connection;
use serde_json::json;

#[test]
fn what_came_along_is_shown_and_decides_nothing() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    gateway.register("bob");
    let plain = gateway.run(&["user", "show", "bob"]).done().stdout;
    assert!(!plain.contains("groups:") && !plain.contains("superuser:"), "{plain}");
    let database = Connection::open(gateway.folder().join("authgate.db")).unwrap();
    let profile =
        "UPDATE users SET first_name = 'Bob', last_name = '<b>Byte</b>', is_superuser = 1,
                                    group_names = '[\"editors\",\"<i>sales</i>\"]'
                   WHERE username = 'bob'";
    database.execute(profile, []).unwrap();

    let shown = gateway.run(&["user", "show", "bob"]).done();
    for words in ["Bob <b>Byte</b>", "editors, <i>sales</i>", "superuser:"] {
        assert!(shown.says(words), "{words}: {shown:?}");
    }
    let shown = gateway.run(&["user", "show", "bob", "--json"]).done().json();
    let profile = json!({
        "first_name": "Bob",
        "last_name": "<b>Byte</b>",
        "groups": ["editors", "<i>sales</i>"],
        "is_superuser": true,
    });
    assert_eq!(shown["profile"], profile);
    let key = key(&gateway, "ada", &[]);
    let user = get(&gateway, &key, &format!("/users/{}", shown["id"])).json();
    assert_eq!(user["profile"], profile);
    assert_eq!(user["is_staff"], false);

    let page = browser.get(&page_of(&gateway, "bob")).text();
    for words in ["Bob &lt;b&gt;Byte&lt;/b&gt;", "&lt;i&gt;sales&lt;/i&gt;", "Superuser"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("<i>sales"), "{page}");
}
