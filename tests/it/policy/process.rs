//! The process itself: started again, told to read its settings again or to stop, out of files, with a
//! log that nobody reads, and panicking.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::json;

use super::backing::Place;
use super::judge::{check, judge, look_for_signs, tell};
use super::stage::{Asked, Stage, Terms};
use super::stores::until_well;
use super::table::{
    COLD, Cell, Kind, LOG_BLOCKED, NO_FILES, PANIC, RELOAD_FAILS, Row, STOPPING, Sign,
};
use crate::harness::eventually;
use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::{Connection, Request};
use crate::harness::upstream::Upstream;
use crate::panics::Rig;

#[test]
fn started_again_with_sqlite() {
    started_again(Place::Sqlite);
}

#[test]
fn started_again_with_redis() {
    started_again(Place::Redis);
}

#[test]
fn started_again_with_a_cluster() {
    started_again(Place::Cluster);
}

fn started_again(place: Place) {
    let mut stage = Stage::set(place, &Terms::default());
    stage.gateway.restart();
    stage.take_stock();
    check(&mut stage, &COLD);
    look_for_signs(&stage, &COLD);
}

#[test]
fn settings_that_cannot_be_read_again() {
    let mut stage = Stage::set(Place::Sqlite, &Terms::default());
    stage.gateway.write_settings("[server]\nlisten = \"nonsense\"\n[[routes]]\n");
    stage.gateway.hang_up();
    look_for_signs(&stage, &RELOAD_FAILS);
    check(&mut stage, &RELOAD_FAILS);
}

#[test]
fn no_file_is_left() {
    let mut stage = Stage::set(Place::Sqlite, &Terms::default());
    // Those that wait are served in any order, so it is another's tokens that end.
    stage.tokens.last = stage.gateway.register("bob");
    let mut kept = stage.gateway.connect();
    let token = stage.tokens.remembered.clone();
    let public = Request::get("/public").bytes();
    let with_token = Request::get("/app").token(&token).bytes();
    assert_eq!(kept.send(&public).answer().status, 200);
    take_all_files(&stage.gateway);
    let mut waiting = Vec::new();
    let mut wrong = Vec::new();
    for kind in Kind::ALL {
        match NO_FILES.cell(kind) {
            Cell::Waits => {
                let mut client = stage.gateway.connect();
                client.send(stage.request(kind).bytes());
                waiting.push((kind, client));
            }
            cell => {
                let request = if kind == Kind::Public { &public } else { &with_token };
                stage.upstream.take();
                let start = Instant::now();
                let answer = kept.send(request).try_answer();
                let asked = Asked { answer, reached: stage.upstream.take(), took: start.elapsed() };
                wrong.extend(judge(kind, cell, &asked).err());
            }
        }
    }
    eventually("a pause", || stage.gateway.log().contains("no connection can be").then_some(()));
    assert!(stage.upstream.take().is_empty(), "one of those that wait reached the app");
    limit_files(&stage.gateway, None);
    look_for_signs(&stage, &NO_FILES);
    for (kind, mut client) in waiting {
        let answer = client.try_answer();
        // Only one of them is for the app.
        let reached = stage.upstream.take();
        wrong.extend(judge(kind, Cell::Waits, &Asked { answer, reached, took: PROMPT }).err());
    }
    tell(&NO_FILES, &wrong);
}

/// Has no more files be opened, once as many are open as at rest.
fn take_all_files(gateway: &Gateway) {
    let open = || -> BTreeSet<u64> {
        let all = fs::read_dir(format!("/proc/{}/fd", gateway.process_id())).unwrap();
        all.map(|file| file.unwrap().file_name().to_str().unwrap().parse().unwrap()).collect()
    };
    let open = eventually("as many open files as before", || {
        let before = open();
        std::thread::sleep(std::time::Duration::from_millis(50));
        (open() == before).then_some(before)
    });
    // A file gets the lowest number that is free, which must be below the limit.
    limit_files(gateway, (0..10_000).find(|number| !open.contains(number)));
}

fn limit_files(gateway: &Gateway, most: Option<u64>) {
    let process = Pid::from_raw(i32::try_from(gateway.process_id()).unwrap());
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = most.or(maximum);
    prlimit(process, Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

#[test]
fn no_file_is_left_for_the_way_to_the_app() {
    let mut stage = Stage::set(Place::Sqlite, &Terms::default());
    let mut kept = stage.gateway.connect();
    // An answer of our own needs no way to the app.
    assert_eq!(kept.send(Request::get("/app").bytes()).answer().status, 401);
    take_all_files(&stage.gateway);
    let start = Instant::now();
    let answer = kept.send(Request::get("/public").bytes()).try_answer();
    let asked = Asked { answer, reached: stage.upstream.take(), took: start.elapsed() };
    judge(Kind::Public, Cell::Unavailable, &asked).unwrap();
    limit_files(&stage.gateway, None);
    until_well(&mut stage, &[]);
}

const PROMPT: std::time::Duration = std::time::Duration::ZERO;

#[test]
fn told_to_stop() {
    let mut stage = Stage::set(Place::Sqlite, &Terms::default());
    // All are asked for at once, so it is another's tokens that end.
    stage.tokens.last = stage.gateway.register("bob");
    stage.gateway.freeze();
    let mut waiting = Vec::new();
    for kind in Kind::ALL {
        let mut client = stage.gateway.connect();
        client.send(stage.request(kind).bytes());
        waiting.push((kind, client));
    }
    stage.gateway.terminate();
    stage.gateway.thaw();
    let mut wrong = Vec::new();
    let mut reached = Vec::new();
    for (kind, mut client) in waiting {
        let answer = client.try_answer();
        reached.extend(stage.upstream.take());
        let named = answer.as_ref().ok().and_then(|answer| {
            let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
            let path = body["path"].as_str()?.to_owned();
            reached.iter().position(|request| request.target() == path)
        });
        let reached = named.map(|at| reached.remove(at)).into_iter().collect();
        let asked = Asked { answer, reached, took: PROMPT };
        wrong.extend(judge(kind, STOPPING.cell(kind), &asked).err());
    }
    tell(&STOPPING, &wrong);
    eventually("a closed door", || {
        TcpStream::connect(stage.gateway.address).is_err().then_some(())
    });
    assert_eq!(stage.gateway.exit_code(), Some(0));
    for sign in STOPPING.signs {
        let Sign::Log(words) = sign else { panic!("{sign}: it is gone") };
        assert!(stage.gateway.log().contains(words), "{words}");
    }
}

#[test]
fn a_log_that_nobody_reads() {
    // What it writes goes through a reader that can be stopped.
    let shell = "rm -f pipe reader; mkfifo pipe; cat pipe >&2 & echo $! > reader; exec 2>pipe";
    let mut stage = Stage::set(Place::Sqlite, &Terms { shell, ..Terms::default() });
    let reader = fs::read_to_string(stage.gateway.folder().join("reader")).unwrap();
    let signal = |name| {
        assert!(Command::new("kill").args(["-s", name, reader.trim()]).status().unwrap().success());
    };
    signal("STOP");
    let mut client = stage.gateway.connect();
    let many = Request::get("/nobody").bytes().repeat(AT_ONCE);
    for _ in 0..MORE_THAN_WAIT / AT_ONCE {
        client.send(&many);
        for _ in 0..AT_ONCE {
            assert_eq!(client.answer().status, 403);
        }
    }
    check(&mut stage, &LOG_BLOCKED);
    look_for_signs(&stage, &LOG_BLOCKED);
    signal("CONT");
    until_well(&mut stage, &[]);
    eventually("a line of after that", || {
        stage.gateway.send(&Request::get("/public/after"));
        stage.gateway.log().contains("/public/after").then_some(())
    });
    let written = stage.gateway.log().matches("/nobody").count();
    assert!((16_000..MORE_THAN_WAIT).contains(&written), "{written}");
}

/// More lines than wait for a reader, who would be waited for if none were dropped.
const MORE_THAN_WAIT: usize = 20_000;
/// How many requests are sent at once.
const AT_ONCE: usize = 100;

#[test]
fn a_panic() {
    let upstream = Upstream::start();
    let rig = Rig::before(&upstream);
    let account = |name: &str| json!({ "username": name, "password": PASSWORD });
    let ask = |request: &Request| {
        upstream.take();
        let start = Instant::now();
        let answer = Connection::open(rig.address).send(request.bytes()).try_answer();
        Asked { answer, reached: upstream.take(), took: start.elapsed() }
    };
    let register = Request::post("/api/register/").json(&account("alice"));
    let token = ask(&register).answer.unwrap().json()["token"].as_str().unwrap().to_owned();
    let mut wrong = Vec::new();
    let row: &Row = &PANIC;
    for kind in Kind::ALL {
        let request = match kind {
            Kind::Public | Kind::Page | Kind::Change => continue,
            Kind::Remembered | Kind::Fresh => Request::get("/app").token(&token),
            Kind::Login => Request::post("/api/login/").json(&account("alice")),
            Kind::Register => Request::post("/api/register/").json(&account("bob")),
            Kind::Logout => Request::post("/api/logout/").token(&token),
            Kind::LogoutAll => Request::post("/api/logoutall/").token(&token),
        };
        rig.arm();
        wrong.extend(judge(kind, row.cell(kind), &ask(&request)).err());
        let next = Request::get("/app").token(&token);
        wrong.extend(judge(Kind::Fresh, Cell::Served, &ask(&next)).err());
    }
    tell(row, &wrong);
    assert!(rig.metrics.render().unwrap().contains("authgate_panics_total 6\n"));
}
