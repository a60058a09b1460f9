//! A path that passes has one reading, whoever reads it.
#![no_main]

use authgate::policy::CleanPath;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode;

fuzz_target!(|raw: &str| {
    let Ok(clean) = CleanPath::parse(raw) else { return };
    let clean = clean.as_str();
    let again = CleanPath::parse(clean).expect("what is clean is taken");
    assert_eq!(again.as_str(), clean, "what is clean stays as it is");
    assert!(clean.bytes().all(|byte| byte.is_ascii_graphic()), "{clean}");
    assert!(!clean.contains(['?', '#', ';', '\\']), "{clean}");
    let mut decoded = clean.as_bytes().to_vec();
    for _ in 0..=3 {
        assert_same_segments(clean, &decoded);
        decoded = percent_decode(&decoded).collect();
    }
});

/// However an app reads a path, it has as many segments, and none leads elsewhere.
fn assert_same_segments(clean: &str, decoded: &[u8]) {
    let wanted = clean.matches('/').count();
    let text = String::from_utf8(decoded.to_vec()).expect("UTF-8");
    for reading in [text.clone(), text.replace('\\', "/"), look_alikes(&text)] {
        let segments: Vec<_> = reading.split('/').skip(1).map(without_noise).collect();
        if !reading.contains(LOOK_LIKE_SLASHES) && reading == text {
            assert_eq!(segments.len(), wanted, "{clean} as {reading}");
        }
        let (last, others) = segments.split_last().expect("a path begins with a slash");
        assert!(last.as_str() != "." && last.as_str() != "..", "{clean} as {reading}");
        for segment in others {
            assert!(!["", ".", ".."].contains(&segment.as_str()), "{clean} as {reading}");
        }
        assert!(!reading.contains(['\0', '\r', '\n', ';']), "{clean} as {reading:?}");
    }
}

const LOOK_LIKE_SLASHES: [char; 3] = ['\u{ff0f}', '\u{2215}', '\u{2044}'];

/// As a careless app reads it, which folds what looks alike.
fn look_alikes(text: &str) -> String {
    text.replace(LOOK_LIKE_SLASHES, "/")
        .replace('\u{ff3c}', "/")
        .replace(['\u{ff0e}', '\u{2024}'], ".")
        .replace('\u{2025}', "..")
        .replace('\u{2026}', "...")
}

/// A segment without its blanks and controls, cut where a query or a fragment could begin.
fn without_noise(segment: &str) -> String {
    let segment = segment.split(['?', '#']).next().unwrap_or_default();
    segment.chars().filter(|char| !char.is_whitespace() && !char.is_control()).collect()
}
