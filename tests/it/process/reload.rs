//! Other settings for a gateway that runs.

use std::fs;
use std::process::Command;

use super::under_load;
use crate::harness::command::AUTHGATE;
use crate::harness::gateway::{Gateway, ROUTES, route};
use crate::harness::http::{Connection, HOST, Request};
use crate::harness::listener::Listener;
use crate::harness::scripted::{Scripted, answer};
use crate::harness::tls::Authority;
use crate::harness::tls_client::TlsClient;
use crate::harness::upstream::{Script, Upstream};
use crate::harness::{eventually, free_address, is_long};

/// Settings of a server that `authgate reload` reaches; keys of that table may follow.
const CONTROLLED: &str = "[server]\ncontrol = \"control\"\n";

#[test]
fn what_may_change_changes_at_once_and_for_connections_that_are_kept_too() {
    let one = Scripted::named("one");
    let other = Scripted::named("other");
    let gateway = Gateway::metered(&(one.settings() + &route("/", "public") + CONTROLLED));
    let mut kept = gateway.connect();
    let mut ask = |path: &str| kept.send(Request::get(path).bytes()).answer();
    assert_eq!(ask("/").text(), "one");
    assert_eq!(ask("/new").text(), "one");
    let ops = format!("[ops]\nlisten = \"{}\"\n", gateway.ops());
    gateway.configure(
        &(other.settings()
            + &route("/", "public")
            + &route("/new", "nobody")
            + CONTROLLED
            + "max_head = \"1KiB\"\n"
            + &ops
            + "[registration]\nopen = false\n[log]\nlevel = \"debug\"\n"),
    );
    let done = gateway.tell("reload").done();
    assert_eq!(done.stdout.trim(), "settings read again");
    assert_eq!(ask("/").text(), "other");
    assert_eq!(ask("/new").status, 403);
    assert_eq!(gateway.try_register("alice").status, 403);
    let large = Request::get("/").with("X-Large", &"a".repeat(2000));
    assert_eq!(gateway.send(&large).status, 431);
    assert!(gateway.meter("config_reload_failed") < 1.0);
    assert!(gateway.meter("config_reloads_total") >= 1.0);
}

#[test]
fn the_level_of_the_log_changes() {
    let gateway = Gateway::start(&(CONTROLLED.to_owned() + "[log]\nlevel = \"warn\"\n"));
    gateway.send(&Request::get("/quiet"));
    gateway.configure(CONTROLLED);
    gateway.tell("reload").done();
    gateway.send(&Request::get("/loud"));
    eventually("a line", || gateway.log().contains("/loud").then_some(()));
    assert!(!gateway.log().contains("/quiet"));
}

#[test]
fn certificates_of_other_files_are_shown_after_a_reload() {
    let (upstream, authority) = (Upstream::start(), Authority::new());
    let [one, other] = ["one", "other"].map(|file| authority.sign_all(file, &[HOST]));
    let listener = Listener::on("");
    let settings = |certificate: String| {
        let listener = listener.settings() + &format!("certificates = [{certificate}]\n");
        upstream.settings() + ROUTES + CONTROLLED + &listener
    };
    let gateway = Gateway::start(&settings(one.setting()));
    listener.until_open();
    let client = TlsClient::trusting(&authority);
    assert!(client.certificate(listener.address, HOST) == one.der);
    gateway.configure(&settings(other.setting()));
    gateway.tell("reload").done();
    assert!(client.certificate(listener.address, HOST) == other.der);
    // A file that is broken keeps everything else as it was too.
    fs::write(&one.key, "broken").unwrap();
    gateway.configure(&(settings(one.setting()) + &route("/new", "public")));
    let outcome = gateway.tell("reload");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.says("listeners[0].certificates[0].key: "), "{outcome:?}");
    assert!(client.certificate(listener.address, HOST) == other.der);
    assert_eq!(gateway.send(&Request::get("/new")).status, 401);
}

#[test]
fn mistakes_keep_the_settings_and_are_told_to_whoever_asks() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES + CONTROLLED;
    let gateway = Gateway::metered(&settings);
    gateway.write_settings("[server]\nlisen = 1\n[tokens]\nlifetime = \"soon\"\n");
    let outcome = gateway.tell("reload");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    for mistake in ["server.lisen", "tokens.lifetime"] {
        assert!(outcome.says(mistake), "{mistake}: {outcome:?}");
        eventually(mistake, || gateway.log().contains(mistake).then_some(()));
    }
    assert!(gateway.meter("config_reload_failed") >= 1.0);
    assert_eq!(gateway.send(&Request::get("/public")).status, 200);
    gateway.configure(&settings);
    gateway.tell("reload").done();
    assert!(gateway.meter("config_reload_failed") < 1.0);
}

#[test]
fn what_cannot_change_is_named() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + CONTROLLED));
    let [first, second, ops] = [(); 3].map(|()| free_address());
    gateway.configure(&format!(
        "{}{}\n[server]\ncontrol = \"other\"\nthreads = 7\nlisten = [\"{first}\", \"{second}\"]\n\
         [store]\nurl = \"sqlite:other.db\"\n[ops]\nlisten = \"{ops}\"\n\
         [log]\nformat = \"json\"\n[passwords]\nargon2 = {{ memory = \"128KiB\", iterations = 1, \
         parallelism = 1 }}\n",
        upstream.settings(),
        route("/", "public")
    ));
    let outcome = gateway.tell("reload").done();
    for named in [
        "the addresses of listeners",
        "log.format",
        "ops.listen",
        "passwords.argon2",
        "server.control",
        "server.threads",
        "store",
    ] {
        assert!(outcome.stdout.contains(named), "{named}: {outcome:?}");
    }
    // What can change has.
    assert_eq!(gateway.send(&Request::get("/")).status, 200);
}

#[test]
fn flags_and_the_environment_still_win() {
    let [one, other] = [Scripted::named("one"), Scripted::named("other")];
    let mut program = Command::new(AUTHGATE);
    program.env("AUTHGATE__REGISTRATION__OPEN", "false");
    let upstream = format!("http://{}", one.address);
    let flags = ["--upstream", upstream.as_str()];
    let settings = |more: &str| other.settings() + &route("/", "public") + CONTROLLED + more;
    let gateway = Gateway::start_by(program, &settings(""), &flags);
    gateway.configure(&settings("[registration]\nopen = true\n"));
    gateway.tell("reload").done();
    assert_eq!(gateway.send(&Request::get("/")).text(), "one");
    assert_eq!(gateway.try_register("alice").status, 403);
}

#[test]
fn a_file_that_is_watched_needs_no_word() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES;
    let gateway = Gateway::start_by(Command::new(AUTHGATE), &settings, &["--watch"]);
    for turn in 0..3 {
        let path = format!("/new-{turn}");
        gateway.configure(&(settings.clone() + &route(&path, "public")));
        eventually("the new route", || {
            (gateway.send(&Request::get(&path)).status == 200).then_some(())
        });
    }
    // Also where the file is replaced, as editors do.
    let file = gateway.folder().join("authgate.toml");
    let written = fs::read_to_string(&file).unwrap().replace("/new-2", "/moved");
    fs::write(file.with_extension("new"), written).unwrap();
    fs::rename(file.with_extension("new"), &file).unwrap();
    eventually("the moved route", || {
        (gateway.send(&Request::get("/moved")).status == 200).then_some(())
    });
}

#[test]
fn a_file_that_is_not_watched_is_left_alone() {
    let upstream = Upstream::start();
    let settings = upstream.settings() + ROUTES;
    let gateway = Gateway::start(&settings);
    gateway.configure(&(settings + &route("/new", "public")));
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(gateway.send(&Request::get("/new")).status, 401);
}

#[test]
fn a_request_in_flight_keeps_the_settings_that_it_began_with() {
    let app = Upstream::answering(Script::Dictated);
    let more = "set_response_headers = { \"X-Which\" = \"old\" }\n";
    let settings = |more: &str| app.settings() + &route("/", "public") + more + CONTROLLED;
    let gateway = Gateway::start(&settings(more));
    let mut client = gateway.connect();
    client.send(Request::get("/").bytes());
    app.next_request();
    let shut = app.settings() + &route("/", "nobody") + CONTROLLED;
    gateway.configure(&shut);
    gateway.tell("reload").done();
    assert_eq!(gateway.send(&Request::get("/")).status, 403);
    app.say("a");
    app.say("");
    let answer = client.answer();
    assert_eq!((answer.status, answer.header("X-Which").as_deref()), (200, Some("old")));
    assert_eq!(answer.text(), "a");
    assert_eq!(client.send(Request::get("/").bytes()).answer().status, 403);
}

#[test]
fn an_upstream_that_is_gone_still_answers_what_it_was_asked() {
    let [app, other] = [Upstream::answering(Script::Held), Upstream::start()];
    let settings = |app: &Upstream| app.settings() + &route("/", "public") + CONTROLLED;
    let gateway = Gateway::start(&settings(&app));
    let mut client = gateway.connect();
    client.send(Request::get("/").bytes());
    app.next_request();
    gateway.configure(&settings(&other));
    gateway.tell("reload").done();
    app.say("");
    assert_eq!(client.answer().status, 200);
    assert_eq!(client.send(Request::get("/").bytes()).answer().status, 200);
    assert_eq!(other.take().len(), 1);
}

#[test]
fn many_reloads_under_load_fail_no_request() {
    let app = Scripted::start(|visit| visit.always(&answer("app")));
    let settings = app.settings() + ROUTES + CONTROLLED;
    let gateway = Gateway::start(&settings);
    let token = gateway.register("alice");
    let reloads = if is_long() { 1_000 } else { 50 };
    let seen = under_load(gateway.address, &token, 32, |_| {
        for turn in 0..reloads {
            let route = route(&format!("/turn-{turn}"), "public");
            gateway.configure(&(settings.clone() + &route));
            gateway.tell("reload").done();
            let fresh = Request::get(&format!("/turn-{turn}"));
            let status = Connection::open(gateway.address).send(fresh.bytes()).answer().status;
            assert_eq!(status, 200, "after reload {turn}");
        }
    });
    assert_eq!(seen.failed, Vec::<String>::new());
    assert!(seen.answered > 0);
}
