//! The contract of the four routes: what Django with knox answered, replayed on every store.
//!
//! `tests/contract/` holds the recorded cases, a file for each set of settings; they are not edited
//! here. The cases of a file run in its order, so that each comes after those of its `setup`.

mod captures;
mod case;
mod compare;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};

use crate::harness::gateway::{Gateway, route};
use crate::harness::http::{Answer, Connection, Request};
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::{Script, Upstream};
use captures::Captures;
use case::{Case, File};

/// Makes a test of each file on each store, and a list of the files.
macro_rules! replayed {
    ($($name:ident: $file:literal,)+) => {
        const REPLAYED: &[&str] = &[$($file),+];

        mod on_sqlite {
            $(#[test] fn $name() { super::replay($file, ""); })+
        }

        mod on_redis {
            $(#[test] fn $name() { super::replay_on_redis($file); })+
        }
    };
}

replayed! {
    auto_refresh: "variant-auto-refresh.jsonl",
    auto_refresh_max: "variant-auto-refresh-max.jsonl",
    auto_refresh_min_interval: "variant-auto-refresh-min-interval.jsonl",
    bearer: "variant-bearer.jsonl",
    defaults: "contract.jsonl",
    import: "variant-import.jsonl",
    import_edge: "variant-import-edge.jsonl",
    prefix: "variant-prefix.jsonl",
    token_limit: "variant-token-limit.jsonl",
    token_limit_expiry: "variant-token-limit-expiry.jsonl",
    ttl_none: "variant-ttl-none.jsonl",
    ttl_short: "variant-ttl-short.jsonl",
    validators_object: "variant-validators-object.jsonl",
}

#[test]
fn every_recorded_file_is_replayed() {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.into_string().unwrap());
    let mut files: Vec<String> = names
        .filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "jsonl"))
        .collect();
    files.sort();
    let mut replayed = REPLAYED.to_vec();
    replayed.sort_unstable();
    assert_eq!(files, replayed);
}

/// A dump may name users by what tells them apart in place of their numbers.
#[test]
fn an_import_by_natural_keys_is_as_good() {
    let mut file = File::parse(&fs::read_to_string(folder().join("variant-import.jsonl")).unwrap());
    assert_eq!(file.header.import, ["dump.json"]);
    file.header.import = vec!["dump-natural.json".to_owned()];
    replay_file(file, "");
}

/// The reference's app is a Django view: these come from it, and pass the gateway untouched.
const DJANGO_VIEW: Script = Script::Echo(
    "Allow: GET, POST, HEAD, OPTIONS\r\n\
     X-Content-Type-Options: nosniff\r\n\
     Referrer-Policy: same-origin\r\n\
     Cross-Origin-Opener-Policy: same-origin\r\n\
     X-Frame-Options: DENY\r\n",
);

fn replay_on_redis(file: &str) {
    let redis = RedisServer::start();
    replay(file, &format!("[store]\nurl = \"{}\"\n", redis.url()));
}

/// Replays a file on a fresh gateway; panics with all that differs.
fn replay(file: &str, store: &str) {
    replay_file(File::parse(&fs::read_to_string(folder().join(file)).unwrap()), store);
}

fn replay_file(file: File, store: &str) {
    let upstream = Upstream::answering(DJANGO_VIEW);
    // Hundreds of registrations from one address are an attack.
    let unlimited = "\n[limits]\nenabled = false\n";
    let settings =
        file.header.settings + store + unlimited + &upstream.settings() + &route("/", "user");
    let gateway = Gateway::start(&settings);
    // Whoever was moved in has hashes of full cost.
    let connect = || match file.header.import.as_slice() {
        [] => gateway.connect(),
        _ => gateway.connect().for_costly_hashes(),
    };
    for source in &file.header.import {
        gateway.run(&["import", "django", folder().join(source).to_str().unwrap()]).done();
    }
    let mut captures = Captures::default();
    let failed: Vec<String> = file
        .cases
        .iter()
        .filter_map(|case| {
            let differences = try_case(connect, case, &mut captures);
            (!differences.is_empty()).then(|| report(case, &differences))
        })
        .collect();
    let (count, all) = (failed.len(), file.cases.len());
    assert!(failed.is_empty(), "{count} of {all} cases failed:\n{}", failed.join("\n"));
}

/// All that is wrong with the answer to a case.
fn try_case(connect: impl Fn() -> Connection, case: &Case, captures: &mut Captures) -> Vec<String> {
    let request = match case.request.fill(captures) {
        Ok(request) => request,
        Err(missing) => return vec![missing],
    };
    thread::sleep(Duration::from_secs(case.request.delay_before_s));
    match exchange(connect(), &request, case.request.method == "HEAD") {
        Ok(answer) => compare::differences(case, &answer, captures),
        Err(error) => vec![format!("error: {error}")],
    }
}

/// Sends the last request of a connection; nothing may come after its answer.
fn exchange(mut connection: Connection, request: &Request, is_head: bool) -> io::Result<Answer> {
    connection.send(request.bytes());
    let answer =
        if is_head { connection.answer_without_body()? } else { connection.try_answer()? };
    let surplus = connection.rest()?;
    if surplus.is_empty() {
        return Ok(answer);
    }
    Err(io::Error::other(format!("after the answer: {:?}", String::from_utf8_lossy(&surplus))))
}

fn report(case: &Case, differences: &[String]) -> String {
    format!("{} [{}] {}\n    {}", case.id, case.group, case.why, differences.join("\n    "))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/contract")
}
