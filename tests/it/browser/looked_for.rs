//! Nothing that can happen, and no page, is left out of the flows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use authgate::model::event::EventName;

use super::in_package;

/// What takes longer than anyone watches, or ends what is watched: `tests/it/events` has them.
const ELSEWHERE: [EventName; 2] = [EventName::GatewayStopped, EventName::LimitLeft];

#[test]
fn every_event_is_looked_for_on_the_page_of_events() {
    let flows = texts(&in_package("tests/browser/flows"), "mjs").concat();
    for name in EventName::ALL.iter().filter(|name| !ELSEWHERE.contains(name)) {
        let words = name.as_str().replace('_', " ");
        assert!(flows.contains(&format!("learnsOf(\"{words}\"")), "no flow learns of: {words}");
    }
}

/// What a flow must have visited is in `tests/browser/routes.mjs`; here only that nothing is missing
/// there, by the words between the slashes.
#[test]
fn every_part_of_a_path_is_visited_by_a_flow() {
    let routes = fs::read_to_string(in_package("tests/browser/routes.mjs")).unwrap();
    let visited: BTreeSet<&str> = routes.split(['/', '"', ' ']).collect();
    for part in parts_of_paths() {
        assert!(visited.contains(part.as_str()), "no flow visits: {part}");
    }
}

/// The words in the arms of the console's matches of paths, and the names of acts.
fn parts_of_paths() -> BTreeSet<String> {
    let sources = texts(&in_package("src/admin"), "rs").concat();
    let arms = sources.lines().filter(|line| line.trim_start().starts_with("[\""));
    let arms = arms.filter_map(|line| line.split_once("] =>")).map(|(arm, _)| arm.to_owned());
    let acts = fs::read_to_string(in_package("src/admin/users/act.rs")).unwrap();
    let acts = acts.split("const fn name(").nth(1).unwrap().split("const fn ").next().unwrap();
    let texts = arms.chain([acts.to_owned()]);
    let quoted = texts
        .flat_map(|text| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
    let parts: BTreeSet<_> = quoted.collect();
    assert!(parts.contains("explain") && parts.contains("reset-totp"), "{parts:?}");
    parts
}

/// The files of that kind in a folder and below it, but for the API's.
fn texts(folder: &str, extension: &str) -> Vec<String> {
    let mut folders = vec![PathBuf::from(folder)];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.extend((!path.ends_with("admin/api")).then_some(path));
            } else if path.extension() == Some(Path::new(extension).as_os_str()) {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    texts
}
