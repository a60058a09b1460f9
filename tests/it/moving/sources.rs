//! A database is read like a dump of it, by whatever server it is kept.

use serde_json::{Value, json};

use crate::harness::command::{Outcome, authgate};
use crate::harness::database::{Database, PASSWORD};
use crate::harness::folder;

/// As a Django with a user model of its own has them; columns of its own are passed over.
const TABLES: [&str; 5] = [
    "CREATE TABLE auth_group (id INTEGER PRIMARY KEY, name VARCHAR(150) NOT NULL)",
    "CREATE TABLE auth_user (id INTEGER PRIMARY KEY, username VARCHAR(150), password VARCHAR(128),
        last_login MOMENT NULL)",
    "CREATE TABLE people_member (id INTEGER PRIMARY KEY, password VARCHAR(128) NOT NULL,
        last_login MOMENT NULL, is_superuser BOOLEAN NOT NULL, username VARCHAR(150) NOT NULL,
        email VARCHAR(254) NOT NULL, is_staff BOOLEAN NOT NULL, is_active BOOLEAN NOT NULL,
        date_joined MOMENT NULL, shoe_size INTEGER)",
    "CREATE TABLE people_member_groups (id INTEGER PRIMARY KEY, member_id INTEGER, group_id INTEGER)",
    "CREATE TABLE knox_authtoken (digest VARCHAR(128) PRIMARY KEY, created MOMENT NULL,
        user_id INTEGER NOT NULL, expiry MOMENT NULL, token_key VARCHAR(25) NOT NULL,
        FOREIGN KEY (user_id) REFERENCES people_member (id))",
];

const WITHOUT_CASE: &str = "without regard to case";

#[test]
fn a_postgresql_is_read_as_it_is() {
    let said = is_read_as_it_is(&Database::postgres(), "TIMESTAMP WITH TIME ZONE");
    assert!(!said.says(WITHOUT_CASE), "{said:?}");
}

#[test]
fn a_postgresql_that_compares_names_without_case_is_told() {
    let database = Database::postgres();
    let collation = "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)";
    database.ask(&format!("CREATE COLLATION folded {collation}"));
    database.ask(
        "CREATE TABLE auth_user (id INTEGER PRIMARY KEY, username VARCHAR(150) COLLATE folded,
         password VARCHAR(128), last_login TIMESTAMP NULL)",
    );
    let folder = folder();
    let store = format!("sqlite:{}", folder.path().join("authgate.db").display());
    let said = authgate(&["import", "django", &database.url(), "--dry-run", "--store", &store], "");
    assert!(said.says(WITHOUT_CASE), "{said:?}");
}

#[test]
fn a_mariadb_is_read_as_it_is() {
    let said = is_read_as_it_is(&Database::mariadb(), "DATETIME(6)");
    assert!(said.says(&format!("people_member.username {WITHOUT_CASE}")), "{said:?}");
}

/// What came of it, as it was told.
fn is_read_as_it_is(database: &Database, moment: &str) -> Outcome {
    for table in TABLES {
        database.ask(&table.replace("MOMENT", moment));
    }
    let digest = "ab".repeat(64);
    for row in [
        "INSERT INTO auth_group VALUES (3, 'editors'), (4, 'poets ☃')",
        "INSERT INTO auth_user VALUES (1, 'nobody', '!', NULL)",
        "INSERT INTO people_member VALUES (7, '!x', NULL, FALSE, 'Zoë', 'zoe@example.com', TRUE, \
         TRUE, '2026-11-24 06:13:53.524001', 38), (9, 'a+b/c=', NULL, TRUE, 'bob', '', FALSE, FALSE, \
         '2026-11-24 06:13:54', NULL)",
        "INSERT INTO people_member_groups VALUES (1, 7, 4), (2, 7, 3)",
        &format!(
            "INSERT INTO knox_authtoken VALUES ('{digest}', '2026-11-24 06:13:54.781000', 7, \
             '2099-01-01 00:00:00.123000', '0123456789abcde')"
        ),
    ] {
        database.ask(row);
    }
    assert_eq!(database.ask("SELECT id, name FROM auth_group WHERE id = 4"), "4\tpoets ☃\n");
    assert!(!database.url().contains(PASSWORD), "a URL cannot hold it as it is");
    let folder = folder();
    let store = format!("sqlite:{}", folder.path().join("authgate.db").display());
    let said = authgate(&["import", "django", &database.url(), "--store", &store], "").done();
    assert!(!said.says(PASSWORD), "{said:?}");
    let lines = authgate(&["export", "jsonl", "--store", &store], "").done().stdout;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [zoe, token, bob] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&zoe["id"], &zoe["username"]), (&json!(7), &json!("Zoë")));
    assert_eq!(zoe["groups"], json!(["editors", "poets ☃"]));
    assert_eq!(
        (&zoe["is_staff"], &zoe["joined"]),
        (&json!(true), &json!("2026-11-24T06:13:53.524001Z"))
    );
    assert_eq!(
        (&token["digest"], &token["expires"]),
        (&json!(digest), &json!("2099-01-01T00:00:00.123000Z"))
    );
    assert_eq!(
        (&bob["id"], &bob["is_active"], &bob["is_superuser"]),
        (&json!(9), &json!(false), &json!(true))
    );
    said
}
