//! Nothing that can happen, and no page, is left out of the flows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use authgate::model::event::EventName;

use super::{FLOWS, in_package};
use crate::console::Browser;
use crate::harness::gateway::Gateway;
use crate::harness::http::{HOST, Request};

/// What takes longer than anyone watches, or ends or replaces what is watched: `tests/it/events`,
/// `tests/it/command_line` and `tests/it/outage` have them.
const ELSEWHERE: [EventName; 6] = [
    EventName::GatewayStopped,
    EventName::LimitLeft,
    EventName::StoreEpochChanged,
    EventName::StoreRestored,
    EventName::StoreSaved,
    EventName::UsersImported,
];

/// What leads on whoever has nothing to do there: who is signed in, has no app, names no network.
const LEADS_ON: [&str; 6] = [
    "/account/totp/codes/",
    "/account/totp/off/",
    "/limits/networks/",
    "/login/",
    "/login/code/",
    "/setup/",
];

#[test]
fn every_event_is_looked_for_on_the_page_of_events() {
    let flows: String =
        sources("tests/browser/flows", "mjs").iter().map(|path| text(path)).collect();
    for name in EventName::ALL.iter().filter(|name| !ELSEWHERE.contains(name)) {
        let words = name.as_str().replace('_', " ");
        assert!(flows.contains(&format!("learnsOf(\"{words}\"")), "no flow learns of: {words}");
    }
}

/// What a flow must have visited is in `tests/browser/routes.mjs`; here that it is all that there is.
#[test]
fn every_page_and_every_form_is_visited_by_a_flow() {
    let gateway = Gateway::start("");
    gateway.register("alice");
    let mut browser = Browser::signed_in(&gateway, "ops");
    let mut there = BTreeSet::new();
    for path in paths() {
        let at = format!("/admin{}", path.replace("ID", "1"));
        // Without the key of a form, which changes nothing.
        let form = Request::post(&at).with("Origin", &format!("http://{HOST}"));
        for (method, request) in [("GET", Request::get(&at)), ("POST", form)] {
            let status = browser.send(request).status;
            // Whoever goes to the path of a form alone is led to its page.
            let leads_on = status == 302 && !LEADS_ON.contains(&path.as_str());
            if status != 405 && !leads_on {
                there.insert(format!("{method} {path}"));
            }
        }
    }
    let routes = text(Path::new(&in_package("tests/browser/routes.mjs")));
    let visited = routes.split('"').skip(1).step_by(2).map(str::to_owned);
    assert_eq!(visited.collect::<BTreeSet<_>>(), there);
}

#[test]
fn every_flow_is_run_and_has_its_routes() {
    let routes = text(Path::new(&in_package("tests/browser/routes.mjs")));
    let named = routes.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(": ["));
    let named: Vec<_> = named.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(named, FLOWS);
    let scripts = sources("tests/browser/flows", "mjs");
    let scripts = scripts.iter().map(|path| path.file_stem().unwrap().to_str().unwrap());
    assert_eq!(scripts.collect::<BTreeSet<_>>(), FLOWS.iter().copied().collect());
}

/// The paths of the console, by its sources: `/users/ID/email/`.
fn paths() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let mut read = BTreeSet::new();
    below("", "mod.rs", &mut paths, &mut read);
    // Who looks at the parts of a path for something else than what is there.
    read.extend(["refusal.rs", "site.rs"].map(|name| PathBuf::from(admin(name))));
    let routers = sources("src/admin", "rs").into_iter();
    let routers = routers.filter(|path| text(path).contains("&[&str]"));
    assert_eq!(routers.collect::<BTreeSet<_>>(), read, "who else has pages?");
    paths
}

/// What is below a path, by the arms of the file that has it.
fn below(path: &str, file: &str, paths: &mut BTreeSet<String>, read: &mut BTreeSet<PathBuf>) {
    read.insert(PathBuf::from(admin(file)));
    let text = text(Path::new(&admin(file)));
    let (all, of_one) = text.split_once("async fn of_one(").unwrap_or((&text, ""));
    for (path, text) in [(path.to_owned(), all), (format!("{path}/ID"), of_one)] {
        for arm in text.lines().filter_map(|line| line.trim_start().strip_prefix('[')) {
            let Some((arm, _)) = arm.split_once("] =>") else { continue };
            match arm.split(", ").map(|part| part.trim_matches('"')).collect::<Vec<_>>()[..] {
                ["assets", _] => {}
                // What is below is in the same file, after this.
                ["number", "rest @ .."] => assert_ne!(of_one, ""),
                [name, "rest @ .."] => {
                    let own = format!("{name}.rs");
                    let is_file = Path::new(&admin(&own)).exists();
                    let file = if is_file { own } else { format!("{name}/mod.rs") };
                    below(&format!("{path}/{name}"), &file, paths, read);
                }
                ["name"] => paths.extend(acts().map(|act| format!("{path}/{act}/"))),
                [""] => _ = paths.insert(format!("{path}/")),
                ref parts => {
                    let parts = parts.join("/").replace("id", "KEY");
                    paths.insert(format!("{path}/{parts}/"));
                }
            }
        }
    }
}

/// The names of what is done to users.
fn acts() -> impl Iterator<Item = String> {
    let acts = text(Path::new(&admin("users/act.rs")));
    let names = acts.split("const fn name(").nth(1).unwrap().split("const fn ").next().unwrap();
    names.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn admin(file: &str) -> String {
    in_package(&format!("src/admin/{file}"))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The files of that kind in a folder and below it, but for the API's.
fn sources(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from(in_package(folder))];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.extend((!path.ends_with("admin/api")).then_some(path));
            } else if path.extension() == Some(Path::new(extension).as_os_str()) {
                sources.push(path);
            }
        }
    }
    sources
}
