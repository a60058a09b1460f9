//! `authgate import …`: what is told of what is not taken as the source has it.

use std::fs::{self, DirBuilder, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::command::{AUTHGATE, Outcome, authgate, run};
use crate::harness::{eventually, folder};

/// A folder with a store in it.
struct Place(TempDir);

impl Place {
    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn store(&self) -> String {
        format!("sqlite:{}", self.path("authgate.db"))
    }

    /// Takes a dump over; says what is told, and what the report has.
    fn import(&self, dump: &Value, options: &[&str]) -> (Outcome, Value) {
        let (source, report) = (self.path("dump.json"), self.path("report.json"));
        fs::write(&source, dump.to_string()).unwrap();
        let store = self.store();
        let verb = ["import", "django", &source, "--report", &report, "--force", "--store", &store];
        let said = authgate(&[&verb[..], options].concat(), "").done();
        let told = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
        (said, told)
    }
}

fn user(pk: u64, name: &str, more: &Value) -> Value {
    let mut fields = json!({
        "username": name, "password": "!", "is_active": true,
        "date_joined": "2026-11-24T06:13:53Z",
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "model": "auth.user", "pk": pk, "fields": fields })
}

fn token(owner: &Value, more: &Value) -> Value {
    let mut fields = json!({
        "token_key": "01234567", "user": owner, "created": "2026-11-24T06:13:54Z", "expiry": null,
    });
    fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "model": "knox.authtoken", "pk": "ab".repeat(64), "fields": fields })
}

#[test]
fn one_of_something_is_told_as_one_and_a_token_of_whom_nobody_takes_as_that() {
    let place = Place(folder());
    let beyond = u64::pow(2, 60);
    let users = [user(1, "ada", &json!({})), user(beyond, "max", &json!({}))];
    let tokens = [token(&json!(beyond), &json!({}))];
    let (said, told) = place.import(&json!([&users[..], &tokens[..]].concat()), &[]);
    assert!(said.says("\n1 user is not taken: nobody can have such a number here."), "{said:?}");
    assert!(said.says("\n1 token is not taken: its user is not taken."), "{said:?}");
    assert_eq!(told["tokens"]["not_taken"], json!({ "owner_refused": 1 }));
}

#[test]
fn tokens_that_name_their_users_by_an_address_bring_a_hint() {
    let place = Place(folder());
    let ada = user(1, "ada", &json!({ "email": "ada@example.com" }));
    let of_ada = token(&json!(["ada@example.com"]), &json!({}));
    let (said, told) = place.import(&json!([ada, of_ada]), &["--dry-run"]);
    assert!(said.says("--username-field email"), "{said:?}");
    assert_eq!(told["warnings"].as_array().unwrap().len(), 1);
    let (said, told) =
        place.import(&json!([ada, of_ada]), &["--dry-run", "--username-field", "email"]);
    assert!(!said.says("Look:"), "{said:?}");
    assert_eq!(told["tokens"]["added"], 1);
}

#[test]
fn what_an_import_corrects_of_a_token_is_told_as_updated() {
    let place = Place(folder());
    let dump = |more: &Value| json!([user(1, "ada", &json!({})), token(&json!(1), more)]);
    place.import(&dump(&json!({})), &["--knox", "5"]);
    let update = |more: &Value, knox: &str| {
        let options = ["--knox", knox, "--on-conflict", "update"];
        let told = place.import(&dump(more), &options).1;
        let count = |of: &str| told["tokens"][of].as_u64().unwrap();
        (count("added"), count("updated"), count("there"))
    };
    let later = json!({ "expiry": "2099-11-24T06:13:53Z" });
    for (more, knox) in [(&json!({}), "4.2"), (&later, "4.2"), (&later, "5")] {
        assert_eq!(update(more, knox), (0, 1, 0), "{knox} {more}");
        assert_eq!(update(more, knox), (0, 0, 1), "{knox} {more}");
    }
    let said = place.import(&dump(&json!({})), &["--knox", "5", "--on-conflict", "update"]).0;
    let row = said.stdout.lines().find(|line| line.starts_with(" tokens")).unwrap();
    let row: Vec<_> = row.split_whitespace().collect();
    assert_eq!(row, ["tokens", "1", "0", "1", "0", "0"]);
}

#[test]
fn a_field_that_is_not_taken_as_it_is_is_told_and_a_clear_password_does_not_come_out_again() {
    let place = Place(folder());
    let long = json!({ "email": "x".repeat(300), "password": "pass-Word-123" });
    let (said, told) = place.import(&json!([user(7, "ada", &long)]), &[]);
    let words = "email: is longer than 254 characters, and left out";
    assert!(said.says(&format!("object 1, auth.user 7: {words}")), "{said:?}");
    assert_eq!(told["altered"], json!([{ "object": 1, "what": "auth.user 7", "why": words }]));
    assert!(said.says("it may be the password itself"), "{said:?}");
    let out = authgate(&["export", "jsonl", "--store", &place.store()], "").done();
    assert!(out.says(r#""password":"!""#) && !out.says("pass-Word-123"), "{out:?}");
}

#[test]
fn what_a_killed_import_has_left_is_removed_by_the_next_and_nothing_else_is() {
    let place = Place(folder());
    let rest = folder();
    let at = |name: &str| rest.path().join(name);
    let dead =
        ["staging-dead", "rehearsal-dead", "restore-dead"].map(|it| format!("authgate-{it}"));
    let left = ["staging-alive", "staging-else", "staging-open"].map(|it| format!("authgate-{it}"));
    for name in dead.iter().chain(&left).map(String::as_str).chain([".authgate-dead.part", "x"]) {
        DirBuilder::new().mode(0o700).create(at(name)).unwrap();
        fs::write(at(name).join("authgate.db"), "hashes").unwrap();
        fs::write(at(name).join("authgate.lock"), "").unwrap();
    }
    fs::set_permissions(at("authgate-staging-open"), Permissions::from_mode(0o755)).unwrap();
    fs::write(at("authgate-staging-else/else"), "").unwrap();
    fs::write(at("authgate-staging-file"), "").unwrap();
    symlink(at("x"), at("authgate-staging-link")).unwrap();
    let alive = fs::File::open(at("authgate-staging-alive/authgate.lock")).unwrap();
    alive.try_lock().unwrap();
    let import = || {
        let table = place.path("users.csv");
        fs::write(&table, "name,hash\nada,!\n").unwrap();
        let mut program = Command::new(AUTHGATE);
        program.args(["import", "csv", &table, "--dry-run", "--store", &place.store()]);
        run(program.env("TMPDIR", rest.path()), "").done()
    };
    let words = "4 files that killed commands have left";
    let said = import();
    assert!(said.stderr.contains(words), "{said:?}");
    let mut left: Vec<_> =
        fs::read_dir(rest.path()).unwrap().map(|one| one.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(
        left,
        [
            "authgate-staging-alive",
            "authgate-staging-else",
            "authgate-staging-file",
            "authgate-staging-link",
            "authgate-staging-open",
            "x"
        ]
    );
    for name in ["authgate-staging-else", "authgate-staging-open", "x"] {
        assert_eq!(fs::read_to_string(at(name).join("authgate.db")).unwrap(), "hashes");
    }
    assert!(!import().stderr.contains("have left"));
}

#[test]
fn what_an_import_keeps_of_its_source_is_there_until_it_ends_or_the_next_after_it_was_killed() {
    let place = Place(folder());
    let rest = folder();
    let table = place.path("users.csv");
    fs::write(&table, "name,hash\nada,!\n").unwrap();
    let import = |source: &str| {
        let mut program = Command::new(AUTHGATE);
        program.args(["import", "csv", source, "--dry-run", "--store", &place.store()]);
        program.env("TMPDIR", rest.path());
        program
    };
    let files = || fs::read_dir(rest.path()).unwrap().count();
    let mut silent = import("-");
    let mut silent = silent.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    eventually("what is read of a silent source", || (files() > 0).then_some(()));
    let said = run(&mut import(&table), "").done();
    assert!(!said.stderr.contains("left") && files() == 1, "{said:?}");
    silent.kill().unwrap();
    silent.wait().unwrap();
    assert_eq!(files(), 1);
    let said = run(&mut import(&table), "").done();
    let words = "1 file that a killed command has left, with hashes, is removed";
    assert!(said.stderr.contains(words) && files() == 0, "{said:?}");
}

#[test]
fn nobody_puts_anything_beside_what_an_import_keeps_of_its_source() {
    let place = Place(folder());
    let rest = folder();
    let mut program = Command::new(AUTHGATE);
    program.args(["import", "csv", "-", "--store", &place.store()]).env("TMPDIR", rest.path());
    let mut import = program.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let kept = eventually("what is kept of the source", || {
        fs::read_dir(rest.path()).unwrap().next().map(|one| one.unwrap().path())
    });
    // As whoever shares the folder can, whose log SQLite would read and write.
    let log = kept.with_file_name(format!("{}-wal", kept.file_name().unwrap().to_str().unwrap()));
    fs::write(&log, "x").unwrap();
    let found = fs::metadata(&kept).unwrap();
    let mut source = import.stdin.take().unwrap();
    source.write_all(b"name,hash\n").unwrap();
    for number in 0..5_000 {
        writeln!(source, "user{number},!").unwrap();
    }
    drop(source);
    assert!(import.wait().unwrap().success());
    assert_eq!(fs::read_to_string(&log).unwrap(), "x");
    assert!(found.is_dir() && found.mode() & 0o777 == 0o700, "{found:?}");
}

#[test]
fn imports_that_run_at_the_same_time_are_in_nobodys_way() {
    let (place, rest) = (Place(folder()), folder());
    let table = place.path("users.csv");
    fs::write(&table, "name,hash\nada,!\n").unwrap();
    let store = place.store();
    for _ in 0..5 {
        let begin = |_| {
            let mut program = Command::new(AUTHGATE);
            program.args(["import", "csv", &table, "--dry-run", "--store", &store]);
            program.env("TMPDIR", rest.path()).stdin(Stdio::null());
            program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let running: Vec<_> = (0..12).map(begin).collect();
        for import in running {
            let ended = import.wait_with_output().unwrap();
            let words = String::from_utf8(ended.stderr).unwrap();
            assert!(ended.status.success() && !words.contains("left"), "{words}");
        }
    }
    assert_eq!(fs::read_dir(rest.path()).unwrap().count(), 0);
}

#[test]
fn groups_that_a_dump_does_not_have_are_told_and_take_none_away() {
    let place = Place(folder());
    let ada = |groups| user(1, "ada", &json!({ "groups": groups }));
    let bob = user(2, "bob", &json!({ "groups": [] }));
    let group = json!({ "model": "auth.group", "pk": 3, "fields": { "name": "editors" } });
    let (said, told) = place.import(&json!([ada(json!([3])), bob, group]), &[]);
    assert!(!said.says("Look:") && told["users"]["groups_not_known"] == 0, "{said:?}");
    let update = ["--on-conflict", "update"];
    for groups in [json!([3]), json!([["poets"], 7])] {
        let (said, told) = place.import(&json!([ada(groups), bob]), &update);
        let words = "Look: 1 user is in groups of which the source has only numbers: a dump needs auth.group";
        assert!(said.says(words), "{said:?}");
        let users = &told["users"];
        assert_eq!((&users["groups_not_known"], &users["unchanged"]), (&json!(1), &json!(2)));
    }
    let out = authgate(&["export", "jsonl", "--store", &place.store()], "").done();
    assert!(out.says(r#""groups":["editors"]"#), "{out:?}");
    let (said, told) = place.import(&json!([ada(json!([])), bob]), &update);
    assert!(!said.says("Look:") && told["users"]["updated"] == 1, "{said:?}");
}

#[test]
fn a_store_of_authgate_is_no_django_and_is_told_what_takes_it() {
    let place = Place(folder());
    place.import(&json!([user(1, "ada", &json!({}))]), &[]);
    let saved = place.path("saved.db");
    authgate(&["store", "backup", &saved, "--store", &place.store()], "").done();
    let to = format!("sqlite:{}", place.path("other.db"));
    for source in [saved, place.store()] {
        let said = authgate(&["import", "django", &source, "--store", &to], "");
        assert_eq!(said.code, Some(1), "{said:?}");
        let words = "it is a store of authgate, or a backup of one: `authgate store copy` and `authgate store \
                     restore` take it, with all tokens";
        assert!(said.stderr.contains(words), "{said:?}");
    }
}

#[test]
fn a_row_that_cannot_be_read_is_told_with_its_number_wherever_it_has_one() {
    let place = Place(folder());
    let fields = r#"{"username":"cy","username":"cy","password":"!"}"#;
    let dump = place.path("broken.json");
    let objects = [
        format!(r#"{{"model":"auth.user","pk":3,"fields":{fields}}}"#),
        format!(r#"{{"model":"auth.user","pk":4,"pk":5,"fields":{fields}}}"#),
        user(6, "ada", &json!({ "is_active": "perhaps" })).to_string(),
        user(7, "bob", &json!({})).to_string(),
    ];
    fs::write(&dump, format!("[{}]", objects.join(","))).unwrap();
    let report = place.path("told.json");
    let verb = ["import", "django", &dump, "--report", &report, "--store", &place.store()];
    let said = authgate(&verb, "").done();
    let told: Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    let rows = told["unreadable"].as_array().unwrap();
    let told: Vec<_> = rows.iter().map(|row| (&row["what"], &row["id"])).collect();
    let what = ["auth.user 3", "an object", "auth.user 6"].map(Value::from);
    let ids = [json!(3), Value::Null, json!(6)];
    assert_eq!(told, what.iter().zip(&ids).collect::<Vec<_>>(), "{said:?}");
}
