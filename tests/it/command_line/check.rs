//! `authgate check`

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::fs;

use crate::harness::command::{Outcome, authgate};
use crate::harness::folder;

#[test]
fn sound_settings_are_no_mistake() {
    let sound = "[[upstreams]]\nname = \"app\"\nservers = [\"127.0.0.1:9000\"]\n\
                 [[routes]]\npath = \"/\"\naccess = \"user\"\nupstream = \"app\"\n";
    let outcome = run("check", sound);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn a_warning_is_told_with_its_place_and_is_no_mistake() {
    let open = "[[upstreams]]\nname = \"app\"\nservers = [\"127.0.0.1:9000\"]\n\
                [[routes]]\npath = \"/\"\naccess = \"public\"\nupstream = \"app\"\n";
    let outcome = run("check", open);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(
        outcome.stderr.contains("broken.toml:6:10: warning: routes[0].access: "),
        "{outcome:?}"
    );
    assert!(!outcome.stdout.contains("routes[0]"), "{outcome:?}");
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let outcome = run(
        "check",
        r#"[server]
listen = ["nowhere"]
thread = 4
[tokens]
lifetime = "ten hours"
[[upstreams]]
name = "app"
servers = ["127.0.0.1:9000"]
[[routes]]
path = "/a/../b"
access = "everybody"
upstream = "apps"
"#,
    );
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    for line in [2, 3, 5, 10, 11, 12] {
        assert!(tells_place(&outcome, line), "line {line}: {outcome:?}");
    }
}

#[test]
fn a_mistyped_key_is_told_what_would_be_right() {
    let outcome = run("check", "[server]\nthread = 4\n");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.says("threads"), "{outcome:?}");
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    let outcome = run("check", "[server]\nlisten = [\n= 4\n");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(tells_place(&outcome, 3), "{outcome:?}");
}

#[test]
fn a_file_that_is_not_there_is_a_mistake() {
    let outcome = authgate(&["check", "--config", "/nowhere/authgate.toml"], "");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.says("/nowhere/authgate.toml"), "{outcome:?}");
}

#[test]
fn a_certificate_that_has_expired_is_told_and_is_no_mistake() {
    let folder = folder();
    let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2020, 1, 1);
    params.not_before = date_time_ymd(2019, 1, 1);
    let key = KeyPair::generate().unwrap();
    let write = |name: &str, content: &str| {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let certificate = write("a.pem", &params.self_signed(&key).unwrap().pem());
    let key = write("a.key", &key.serialize_pem());
    let settings = format!(
        "[[listeners]]\naddress = \"127.0.0.1:0\"\n\
         certificates = [{{ certificate = \"{certificate}\", key = \"{key}\" }}]\n"
    );
    let outcome = authgate(&["check", "--config", &write("authgate.toml", &settings)], "");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(outcome.stderr, format!("warning: certificate {certificate} has expired\n"));
}

#[test]
fn a_gateway_does_not_start_on_mistaken_settings() {
    let outcome = run("serve", "[server]\nthread = 4\n");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(tells_place(&outcome, 2), "{outcome:?}");
}

fn run(verb: &str, settings: &str) -> Outcome {
    let folder = folder();
    let file = folder.path().join("broken.toml");
    fs::write(&file, settings).unwrap();
    authgate(&[verb, "--config", file.to_str().unwrap()], "")
}

/// Whether `file:line:column` of that line was said.
fn tells_place(outcome: &Outcome, line: usize) -> bool {
    let place = format!("broken.toml:{line}:");
    let all = format!("{}{}", outcome.stdout, outcome.stderr);
    all.split(&place).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}
