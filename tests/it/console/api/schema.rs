//! schemathesis: everything that the document says of the API, tried.

use std::process::Command;

use super::{PLACE, get, key, make_operator};
use crate::clients::installed;
use crate::harness::command::run;
use crate::harness::gateway::Gateway;
use crate::harness::redis_server::RedisServer;
use crate::harness::{folder, is_long};

/// What each answer is held against. Not whether all is accepted that the schemas let through: no
/// schema says which names are taken, or which passwords too easy.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,\
                      negative_data_rejection,allow_header_conformance,ignored_auth,\
                      use_after_free,missing_required_header";

#[test]
fn everything_that_the_document_says_holds_with_sqlite() {
    try_everything(&Gateway::start(&settings("")));
}

#[test]
fn everything_that_the_document_says_holds_with_redis() {
    let redis = RedisServer::start();
    try_everything(&Gateway::start(&settings(&redis.settings())));
}

/// Whoever tries everything shows many keys that nobody has.
fn settings(store: &str) -> String {
    format!("{store}\n[limits]\nunknown_tokens_per_network = \"off\"\n")
}

fn try_everything(gateway: &Gateway) {
    make_operator(gateway, "ada");
    make_operator(gateway, "bob");
    let key = key(gateway, "ada", &[]);
    let folder = folder();
    let url = format!("http://{}{PLACE}/openapi.json", gateway.address);
    let (examples, phases) =
        if is_long() { ("200", "coverage,fuzzing,stateful") } else { ("5", "coverage,fuzzing") };
    let mut schemathesis = Command::new(installed("venv/bin/schemathesis"));
    let schemathesis = schemathesis
        .args(["run", &url, "--header", &format!("Authorization: Bearer {key}")])
        .args(["--checks", CHECKS, "--phases", phases, "--max-examples", examples])
        .args(["--seed", "1", "--continue-on-failure", "--no-color", "--warnings", "off"])
        .current_dir(folder.path());
    let outcome = run(schemathesis, "");
    assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.stdout, outcome.stderr);
    // The key holds to the end: what was tried was tried with it.
    assert_eq!(get(gateway, &key, "/key").status, 200);
    assert!(!gateway.log().contains(" panicked at "));
}
