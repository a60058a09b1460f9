//! `authgate import …`: what is told, and what is left when it does not come to its end.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::command::{AUTHGATE, Outcome, authgate, run};
use crate::harness::full_disk::FullDisk;
use crate::harness::gateway::Gateway;
use crate::harness::http::Request;
use crate::harness::{eventually, folder};

const DUMP: &str = "tests/contract/dump.json";
const EDGE: &str = "tests/contract/dump-edge.json";
/// Of `correct horse battery staple`.
const BCRYPT: &str = "$2b$05$Z/9VK2jyNQsSSERI0e5afOQizzsdoJsWAbuK8pZShfO3H.AcV7Pwm";

/// A folder with a store in it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(folder())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn store(&self) -> String {
        format!("sqlite:{}", self.path("authgate.db"))
    }

    fn run(&self, verb: &[&str], input: &str) -> Outcome {
        authgate(&[verb, &["--store", &self.store()]].concat(), input)
    }

    fn import(&self, source: &str, options: &[&str]) -> Outcome {
        self.run(&[&["import", "django", source], options].concat(), "")
    }

    fn of_users(&self, words: &[&str]) -> Outcome {
        let mut program = Command::new(AUTHGATE);
        run(program.arg("user").args(words).env("AUTHGATE__STORE__URL", self.store()), "")
    }

    /// All there is: users, and their tokens.
    fn all(&self) -> (Vec<Value>, Vec<Value>) {
        if !fs::exists(self.path("authgate.db")).unwrap() {
            return (Vec::new(), Vec::new());
        }
        let lines = self.run(&["export", "jsonl"], "").done().stdout;
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.partition(|line| line["type"] == "user")
    }

    fn counts(&self) -> (usize, usize) {
        let (users, tokens) = self.all();
        (users.len(), tokens.len())
    }
}

#[test]
fn a_dry_run_tells_what_would_be_and_writes_nothing() {
    let place = Place::new();
    let said = place.import(EDGE, &["--dry-run"]).done();
    for words in [
        "md5",
        "sha512:bytes",
        "edge_unusable, object 3: it is marked as unusable (unusable)",
        "2 tokens are not taken: it has run out",
        "This was a dry run: nothing was written.",
    ] {
        assert!(said.says(words), "{words}: {said:?}");
    }
    for secret in ["aGFzaA==", "l4WMgikjSm2gUB7LuLsMG7", "a1137b08", "3a7d2424"] {
        assert!(!said.says(secret), "{said:?}");
    }
    assert_eq!(place.counts(), (0, 0));
}

#[test]
fn a_hash_that_takes_more_than_all_the_memory_for_them_is_told_before() {
    let place = Place::new();
    let hash = "$argon2id$v=19$m=102400,t=1,p=1$YWFnUUk0SUM3eEdkZTE3WWdDY2VCTA$ZGUyupGxfpS5v/y2sDhx2SbiRJpQjYHU7vuPAc5X6/A";
    let table = place.write("users.csv", format!("name,hash\nada,\"{hash}\"\n"));
    for (memory, is_told) in [("101MiB", false), ("99MiB", true)] {
        let settings = format!("[passwords]\nimported_memory = \"{memory}\"\n");
        let config = place.write("authgate.toml", settings);
        let verb = ["import", "csv", &table, "--dry-run", "--config", &config];
        let said = place.run(&verb, "").done();
        assert_eq!(said.says("more than all of passwords.imported_memory"), is_told, "{said:?}");
    }
}

#[test]
fn a_report_has_each_that_will_not_work_for_its_owner_alone() {
    let place = Place::new();
    let report = place.path("report.json");
    let own = json!({ "model": "auth.user", "pk": 77, "fields": { "username": 5 } });
    let mut dump: Value = serde_json::from_str(&fs::read_to_string(EDGE).unwrap()).unwrap();
    dump.as_array_mut().unwrap().push(own);
    let source = place.write("dump.json", dump.to_string());
    place.import(&source, &["--report", &report]).done();
    assert_eq!(fs::metadata(&report).unwrap().permissions().mode() & 0o777, 0o600);
    let told: Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!(told["users"]["in_source"], 13);
    assert_eq!(told["tokens"]["not_taken"]["expired"], 2);
    assert_eq!(told["passwords_that_will_not_work"].as_array().unwrap().len(), 7);
    let unreadable = json!([{
        "object": 27, "id": 77, "what": "auth.user 77",
        "why": "username: is a number; a text is right"
    }]);
    assert_eq!(told["unreadable"], unreadable);
    let refused = place.import(&source, &["--report", &report]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.says("--force replaces it"), "{refused:?}");
    place.import(&source, &["--report", &report, "--force"]).done();
}

#[test]
fn a_broken_dump_changes_nothing_and_says_where() {
    let place = Place::new();
    let text = fs::read_to_string(DUMP).unwrap();
    let source = place.write("cut.json", &text[..text.len() - 40]);
    let said = place.import(&source, &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.says("after 8 objects: it ends within an object"), "{said:?}");
    assert_eq!(place.counts(), (0, 0));
}

#[test]
fn standard_input_and_what_gzip_has_packed_are_as_good_as_a_file() {
    let text = fs::read_to_string(DUMP).unwrap();
    let place = Place::new();
    place.run(&["import", "django", "-"], &text).done();
    assert_eq!(place.counts(), (5, 4));
    let other = Place::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let source = other.write("dump.json.gz", packed.finish().unwrap());
    other.import(&source, &[]).done();
    assert!(place.all() == other.all());
}

#[test]
fn doing_it_again_changes_nothing() {
    let place = Place::new();
    place.import(DUMP, &[]).done();
    let before = place.all();
    for conflict in ["skip", "update", "fail"] {
        place.import(DUMP, &["--on-conflict", conflict]).done();
        assert!(place.all() == before, "{conflict}");
    }
}

#[test]
fn a_conflict_fails_all_of_it_if_that_is_wanted() {
    let place = Place::new();
    place.import(DUMP, &[]).done();
    let text = fs::read_to_string(DUMP).unwrap().replace("scr@example.com", "new@example.com");
    let text = text.replace("\"pk\": 5", "\"pk\": 50");
    let source = place.write("changed.json", text);
    let before = place.all();
    let said = place.import(&source, &["--on-conflict", "fail"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(place.all() == before);
    place.import(&source, &["--on-conflict", "update"]).done();
    assert_eq!(place.all().0[3]["email"], "new@example.com");
}

#[test]
fn a_table_that_says_nothing_of_tokens_and_rights_ends_and_changes_none() {
    let place = Place::new();
    let text =
        fs::read_to_string(DUMP).unwrap().replace("\"is_staff\": false", "\"is_staff\": true");
    place.import(&place.write("staff.json", &text), &[]).done();
    let (users, tokens) = place.all();
    let hash = users[0]["password"].as_str().unwrap();
    let joined = users[0]["joined"].as_str().unwrap();
    let table = format!("id,name,hash,email,joined\n1,pbk,{hash},new@example.com,{joined}\n");
    let table = place.write("table.csv", table);
    place.run(&["import", "csv", &table, "--on-conflict", "update"], "").done();
    let (users, after) = place.all();
    assert_eq!(
        (&users[0]["email"], &users[0]["is_staff"]),
        (&json!("new@example.com"), &json!(true))
    );
    assert_eq!(users[0]["first_name"], "Pbk");
    assert!(after == tokens);
}

#[test]
fn whoever_comes_by_htpasswd_or_a_table_signs_in() {
    let gateway = Gateway::start("");
    let place = Place::new();
    let lines = place.write("htpasswd", format!("ada:{BCRYPT}\nbob:$apr1$x$y\n"));
    let said = gateway.run(&["import", "htpasswd", &lines]).done();
    assert!(said.says("bob, line 2: hashes of this kind cannot be verified (apr1)"), "{said:?}");
    let table = place.write("table.csv", format!("email,name,hash\n,eve,{BCRYPT}\n"));
    gateway.run(&["import", "csv", &table]).done();
    for (name, status) in [("ada", 200), ("eve", 200), ("bob", 400)] {
        let body = json!({ "username": name, "password": "correct horse battery staple" });
        let answer = gateway.send(&Request::post("/api/login/").json(&body));
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
    }
    let told = gateway.run(&["events", "--name", "users_imported"]).done();
    for (source, added) in [(lines, "2 users"), (table, "1 user")] {
        assert!(told.says(&format!("from {source}: {added}")), "{told:?}");
    }
}

#[test]
fn what_whoever_moves_should_know_is_told_at_the_terminal_and_in_the_report() {
    let place = Place::new();
    let ada = r#"[{"model":"auth.user","pk":1,"fields":{"username":"ada","password":"!"}}]"#;
    let (source, report) = (place.write("dump.json", ada), place.path("report.json"));
    let said = place.import(&source, &["--dry-run", "--report", &report]).done();
    let words =
        "The source does not say who may log in (is_active): everybody who is new here may.";
    assert!(said.says(&format!("Look: {words}")), "{said:?}");
    let told: Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!(told["warnings"], json!([words]));
}

#[test]
fn who_was_deleted_here_comes_back_only_where_that_is_said() {
    let place = Place::new();
    place.import(DUMP, &[]).done();
    place.of_users(&["delete", "id:1", "id:2"]).done();
    let left = place.counts();
    let report = place.path("report.json");
    for options in [&["--dry-run"][..], &["--on-conflict", "update"], &["--report", &report]] {
        let said = place.import(DUMP, options).done();
        let told = "2 users are not taken: who had the number was deleted here (--restore-deleted";
        assert!(said.says(told), "{said:?}");
        assert_eq!(place.counts(), left, "{options:?}");
    }
    let told: Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!(told["users"]["not_taken"]["number_gone"], 2);
    assert_eq!(told["users_not_taken"].as_array().unwrap().len(), 2);
    let said = place.import(DUMP, &["--on-conflict", "fail"]);
    assert!(said.code == Some(1) && said.says("was deleted here"), "{said:?}");
    for wrong in ["", "x", "1,,2", "-1", "ALL"] {
        let said = place.import(DUMP, &["--restore-deleted", wrong]);
        assert!(said.code == Some(2), "{wrong}: {said:?}");
    }
    place.import(DUMP, &["--restore-deleted", "2"]).done();
    assert_eq!(place.counts().0, left.0 + 1);
    assert_eq!(place.of_users(&["show", "id:1"]).code, Some(1));
    place.import(DUMP, &["--restore-deleted", "all"]).done();
    assert_eq!(place.counts().0, left.0 + 2);
}

#[test]
fn a_source_for_which_there_is_no_room_says_where_and_how_much_and_changes_nothing() {
    let place = Place::new();
    let import = |folder: &str, disk: Option<&FullDisk>| {
        let mut program = Command::new(AUTHGATE);
        program.args(["import", "django", DUMP, "--store", &place.store()]).env("TMPDIR", folder);
        if let Some(disk) = disk {
            disk.hold_for(&mut program);
        }
        run(&mut program, "")
    };
    let missing = place.path("missing");
    let said = import(&missing, None);
    assert_eq!(said.code, Some(1), "{said:?}");
    for words in
        ["cannot keep what is read of the source in", &missing, "No such file", "TMPDIR=FOLDER"]
    {
        assert!(said.says(words), "{words}: {said:?}");
    }
    let narrow = folder();
    let disk = FullDisk::below(narrow.path());
    disk.fill();
    let said = import(narrow.path().to_str().unwrap(), Some(&disk));
    assert_eq!(said.code, Some(1), "{said:?}");
    let told = [
        "there is no room for what is read",
        narrow.path().to_str().unwrap(),
        "MiB",
        "TMPDIR=FOLDER",
    ];
    for words in told {
        assert!(said.says(words), "{words}: {said:?}");
    }
    assert!(!said.says("the store does not answer"), "{said:?}");
    assert_eq!(place.counts(), (0, 0));
    disk.empty();
    let said = import(narrow.path().to_str().unwrap(), Some(&disk));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(place.counts(), (5, 4));
    assert_eq!(fs::read_dir(narrow.path()).unwrap().count(), 0);
}

#[test]
fn a_store_without_room_for_a_source_says_so() {
    let place = Place::new();
    place.import(DUMP, &[]).done();
    let before = place.counts();
    let disk = FullDisk::below(place.0.path());
    disk.fill();
    let mut program = Command::new(AUTHGATE);
    let import = ["import", "django", EDGE, "--store", &place.store()];
    disk.hold_for(program.args(import));
    let said = run(&mut program, "");
    assert_eq!(said.code, Some(1), "{said:?}");
    let path = place.path("authgate.db");
    for words in ["there is no room for it at", &path, "MiB", "do the same again"] {
        assert!(said.says(words), "{words}: {said:?}");
    }
    disk.empty();
    assert_eq!(place.counts(), before);
}

#[test]
fn a_source_of_which_nobody_is_taken_is_a_failure() {
    let place = Place::new();
    let refused = r#"[{"model":"auth.user","pk":1,"fields":{"username":"a\tb"}}]"#;
    let unreadable = r#"[{"model":"auth.user","pk":1,"fields":{"username":5}}]"#;
    for dump in [refused, unreadable, "[]"] {
        let said = place.import(&place.write("dump.json", dump), &[]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.says("nobody was taken over"), "{said:?}");
    }
}

#[test]
fn a_silent_source_can_be_stopped_and_nothing_is_written() {
    let place = Place::new();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut program = Command::new(AUTHGATE)
            .args(["import", "django", "-", "--store", &place.store()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = program.stdin.take().unwrap();
        input.write_all(b"[").unwrap();
        stop(&program.id().to_string(), signal);
        let said = end_of(program);
        let words = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(code), "{words}");
        assert!(words.contains("stopped before it was done: nothing was written"), "{words}");
        drop(input);
    }
}

#[test]
fn a_database_that_never_answers_can_be_stopped_and_its_password_is_not_told() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let port = server.local_addr().unwrap().port();
    let place = Place::new();
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://u:hunter2@127.0.0.1:{port}/app");
        let program = Command::new(AUTHGATE)
            .args(["import", "django", &url, "--store", &place.store()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let connection = eventually("a connection", || server.accept().ok());
        stop(&program.id().to_string(), "INT");
        let said = end_of(program);
        let words = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(130), "{words}");
        drop(connection);
        let refused = place.import(&url.replace(&port.to_string(), "1"), &[]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.says("u@127.0.0.1:1/app") && !refused.says("hunter2"), "{refused:?}");
    }
}

/// Tells a program to stop once it listens for that: until then a signal would just end it.
fn stop(id: &str, signal: &str) {
    let status = format!("/proc/{id}/status");
    eventually("a program that listens for signals", || {
        let status = fs::read_to_string(&status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        // Of SIGHUP, SIGINT and SIGTERM.
        ([1, 2, 15].iter().all(|number| caught & (1 << (number - 1)) != 0)).then_some(())
    });
    let sent = Command::new("kill").args(["-s", signal, id]).status().unwrap();
    assert!(sent.success());
}

/// Waits for the end of a program, and has what it has said.
fn end_of(mut program: Child) -> Output {
    eventually("its end", || program.try_wait().unwrap());
    program.wait_with_output().unwrap()
}

#[test]
fn a_report_takes_the_place_of_neither_source_nor_store() {
    let place = Place::new();
    let source = place.write("dump.json", fs::read(DUMP).unwrap());
    place.import(&source, &[]).done();
    let before = place.counts();
    for (report, words) in [("dump.json", "the place of the source"), ("authgate.db", "a database")]
    {
        let said = place.import(&source, &["--report", &place.path(report), "--force"]);
        assert!(said.code == Some(1) && said.says(words), "{said:?}");
    }
    let exported = place.run(&["export", "jsonl", &place.path("authgate.db"), "--force"], "");
    assert!(exported.code == Some(1) && exported.says("a database"), "{exported:?}");
    assert_eq!(place.counts(), before);
    assert_eq!(fs::read(&source).unwrap(), fs::read(DUMP).unwrap());
}
