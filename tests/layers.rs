//! The direction of dependencies: each part may use only the parts listed for it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::fs;
use std::path::{Path, PathBuf};

const MAY_USE: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("metrics", &[]),
    ("model", &["clock"]),
    ("policy", &["model"]),
    ("store", &["clock", "metrics", "model"]),
    ("auth", &["clock", "metrics", "model", "store"]),
    ("moving", &["auth", "clock", "model", "store"]),
    ("api", &["auth", "clock", "model", "policy", "store"]),
    ("gateway", &["api", "auth", "clock", "metrics", "model", "policy"]),
    ("admin", &["api", "auth", "clock", "gateway", "metrics", "model", "policy", "store"]),
    ("config", &["admin", "auth", "gateway", "model", "policy", "server", "store"]),
    ("server", &["admin", "auth", "clock", "config", "gateway", "metrics", "model", "store"]),
    (
        "cli",
        &["auth", "clock", "config", "gateway", "model", "moving", "policy", "server", "store"],
    ),
];

const MAY_KNOW_PINGORA: &[&str] = &["gateway", "server", "cli"];

#[test]
fn parts_use_only_the_parts_below_them() {
    for (part, allowed) in MAY_USE {
        for (file, text) in sources_of(part) {
            for used in parts_named_in(&text) {
                let is_fine = used == *part || allowed.contains(&used.as_str());
                assert!(is_fine, "{}: `{part}` may not use `{used}`", file.display());
            }
        }
    }
}

#[test]
fn only_the_outer_parts_know_pingora() {
    for (part, _) in MAY_USE.iter().filter(|(part, _)| !MAY_KNOW_PINGORA.contains(part)) {
        for (file, text) in sources_of(part) {
            assert!(!text.contains("pingora::"), "{}: `{part}` knows Pingora", file.display());
        }
    }
}

#[test]
fn only_auth_talks_to_a_store() {
    for part in ["api", "admin", "gateway", "policy", "config"] {
        for (file, text) in sources_of(part) {
            let talks = text.contains("dyn Store") || text.contains("store::open");
            assert!(!talks, "{}: `{part}` talks to a store", file.display());
        }
    }
}

#[test]
fn every_part_has_its_place_here() {
    let map = fs::read_to_string("src/lib.rs").unwrap();
    let parts = map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for part in parts {
        assert!(MAY_USE.iter().any(|(known, _)| *known == part), "`{part}` has no place");
    }
}

/// Every `part` in a text's `crate::part` and `crate::{part, part}`.
fn parts_named_in(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for (start, path) in text.match_indices("crate::") {
        let rest = &text[start + path.len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap().split(',').collect(),
            None => vec![rest],
        };
        let is_word = |char: &char| char.is_alphanumeric() || *char == '_';
        parts.extend(names.iter().map(|name| name.trim().chars().take_while(is_word).collect()));
    }
    parts
}

fn sources_of(part: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new("src").join(part);
    let files =
        if folder.is_dir() { files_under(&folder) } else { vec![folder.with_extension("rs")] };
    assert!(!files.is_empty(), "there is no part `{part}`");
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(file).unwrap())).collect()
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_under(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
