//! A body of whatever kind becomes fields or a refusal; JSON's text arrives as it is.
//!
//! The first line of the input is the media type, the rest is the body.
#![no_main]

use authgate::api::fuzzing::read_form;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (media, body) = input.split_at(end);
    let body = body.get(1..).unwrap_or_default();
    let media = String::from_utf8_lossy(media);
    let form = futures_executor::block_on(read_form(&media, body));
    if let Some(refusal) = &form.refusal {
        assert!((400..500).contains(&refusal.status), "{}", refusal.status);
        let said: Value = serde_json::from_slice(&refusal.body).expect("JSON");
        assert!(said.is_object(), "{said}");
    }
    let json = if media == "application/json" { serde_json::from_slice(body).ok() } else { None };
    let (Some(Value::Object(object)), Some(text)) = (json, &form.text) else { return };
    match &object["a"] {
        Value::String(sent) => assert_eq!(text, sent, "the last field of a name wins"),
        Value::Number(_) => assert!(!text.is_empty()),
        other => panic!("{other} was taken for {text:?}"),
    }
});
