//! What differs between an answer and the recorded one.

use super::captures::{Captures, has_placeholder, json_template};
use super::case::Case;
use crate::harness::http::Answer;

/// The headers that count. One that is not in the record must not be sent.
const SIGNIFICANT: &[&str] = &[
    "Content-Type",
    "WWW-Authenticate",
    "Allow",
    "Vary",
    "Retry-After",
    "Location",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "X-Frame-Options",
    "Content-Length",
];

/// All that differs, but for what the case ignores.
pub(super) fn differences(case: &Case, answer: &Answer, captures: &mut Captures) -> Vec<String> {
    let mut differences = vec![];
    let mut note = |kind: &str, outcome: Result<(), String>| {
        let group = kind.split(':').next().unwrap_or_default();
        let is_ignored = case.ignore.iter().any(|ignored| ignored == kind || ignored == group);
        match outcome {
            Err(why) if !is_ignored => differences.push(format!("{kind}: {why}")),
            _ => {}
        }
    };
    note("status", equal(Some(&case.response.status), Some(&answer.status)));
    note("json", compare_json(case, answer, captures));
    note("raw", compare_text(case, answer, captures));
    for name in SIGNIFICANT {
        note(&format!("header:{name}"), compare_header(name, case, answer, captures));
    }
    differences
}

/// A body that is not recorded, or that is no JSON, has nothing to compare here.
fn compare_json(case: &Case, answer: &Answer, captures: &mut Captures) -> Result<(), String> {
    let Some(template) = case.response.body.as_deref().and_then(json_template) else {
        return Ok(());
    };
    let body = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("{error} | body {:?}", answer.text()))?;
    captures.match_json(&template, &body, "$")
}

fn compare_text(case: &Case, answer: &Answer, captures: &mut Captures) -> Result<(), String> {
    let text = answer.text();
    if let Some(template) = &case.response.body {
        return captures
            .match_text(template, &text)
            .map_err(|why| format!("{why} | wanted {template:?} | got {text:?}"));
    }
    match case.response.body_contains.iter().find(|part| !text.contains(*part)) {
        Some(missing) => Err(format!("{missing:?} is not in {text:?}")),
        None => Ok(()),
    }
}

fn compare_header(
    name: &str,
    case: &Case,
    answer: &Answer,
    captures: &mut Captures,
) -> Result<(), String> {
    let got = answer.header(name);
    if name == "Content-Length" {
        return compare_length(case, answer, got.as_ref());
    }
    match (case.response.headers.get(name), &got) {
        (Some(template), Some(value)) if has_placeholder(template) => captures
            .match_text(template, value)
            .map_err(|why| format!("{why} | wanted {template:?}, got {value:?}")),
        (wanted, got) => equal(wanted, got.as_ref()),
    }
}

/// The length is the recorded one, or the true one where the body holds what was generated. That
/// the reference sent its answer in chunks, or that we do, is framing and no difference.
fn compare_length(case: &Case, answer: &Answer, got: Option<&String>) -> Result<(), String> {
    let true_length = answer.body.len().to_string();
    let varies = case.response.body.as_deref().is_none_or(has_placeholder);
    let wanted = match case.response.headers.get("Content-Length") {
        Some(_) if varies && case.request.method != "HEAD" => Some(&true_length),
        Some(recorded) => Some(recorded),
        None => got.filter(|length| **length == true_length),
    };
    let is_framed_otherwise = answer.status == 204 || answer.head.is_chunked();
    if got.is_none() && is_framed_otherwise {
        return Ok(());
    }
    equal(wanted, got)
}

fn equal<T: PartialEq + std::fmt::Debug>(
    wanted: Option<&T>,
    got: Option<&T>,
) -> Result<(), String> {
    if wanted == got { Ok(()) } else { Err(format!("wanted {wanted:?}, got {got:?}")) }
}
