//! Each attack case is proved by a test that is there: `tests/attack/README.md` says by which.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The cases, by their letter and how many there are.
const CASES: &[(char, u32)] = &[
    ('P', 23),
    ('I', 16),
    ('A', 17),
    ('S', 16),
    ('H', 2),
    ('N', 8),
    ('R', 17),
    ('V', 5),
    ('C', 5),
    ('G', 5),
    ('L', 6),
    ('U', 14),
    ('D', 11),
    ('T', 13),
    ('X', 17),
];

const RUNNER: &str = "attack.py";

#[test]
fn each_case_is_in_the_table_once() {
    let wanted: Vec<_> = CASES
        .iter()
        .flat_map(|(letter, most)| (1..=*most).map(move |number| format!("{letter}{number:02}")))
        .collect();
    let listed: Vec<_> = table().into_iter().map(|(case, _)| case).collect();
    assert_eq!(listed, wanted);
}

#[test]
fn what_proves_a_case_is_there() {
    let tests = sources();
    let runner = fs::read_to_string("tests/attack/attack.py").unwrap();
    for (case, proofs) in table() {
        assert!(!proofs.is_empty(), "{case} is proved by nothing");
        for proof in proofs {
            let is_there = if proof == RUNNER {
                runner.contains(&format!("(\"{case}\", "))
            } else {
                is_test(&tests, &proof) || is_flow(&proof)
            };
            assert!(is_there, "{case}: no test {proof}");
        }
    }
}

/// Whether it is a test, a promise of every store, or a fault of the policy.
fn is_test(sources: &str, name: &str) -> bool {
    let begins = match name.strip_prefix("policy::") {
        Some(fault) => vec![format!("\n{fault}: "), format!("#[test]\nfn {fault}()")],
        None => vec![
            format!("#[test]\nfn {name}()"),
            format!("]\nasync fn {name}()"),
            format!("pub(super) async fn {name}("),
        ],
    };
    begins.iter().any(|begin| sources.contains(begin))
}

/// Whether it is a script that a browser goes through, and a test does.
fn is_flow(name: &str) -> bool {
    let flows = fs::read_to_string("tests/it/browser.rs").unwrap();
    Path::new(&format!("tests/browser/flows/{name}.mjs")).exists()
        && flows.lines().any(|line| line.trim_start().starts_with(name))
}

/// What the runner holds, it is said to hold: no case of it is left out of the table.
#[test]
fn the_runner_proves_what_it_holds() {
    let runner = fs::read_to_string("tests/attack/attack.py").unwrap();
    let table: BTreeMap<_, _> = table().into_iter().collect();
    for (case, proofs) in &table {
        let holds = runner.contains(&format!("(\"{case}\", "));
        assert_eq!(holds, proofs.iter().any(|proof| proof == RUNNER), "{case}");
    }
}

/// The rows of the table: a case, and what proves it.
fn table() -> Vec<(String, Vec<String>)> {
    let text = fs::read_to_string("tests/attack/README.md").unwrap();
    let rows = text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (case, _, proofs) = (cells.next()?, cells.next()?, cells.next()?);
        let proofs = proofs.split('`').skip(1).step_by(2).map(str::to_owned);
        (case != "case").then(|| (case.to_owned(), proofs.collect()))
    });
    rows.collect()
}

/// The text of every Rust file, lines without their indent.
fn sources() -> String {
    let mut files = vec![];
    for folder in ["src", "tests"] {
        walk(Path::new(folder), &mut files);
    }
    files.concat()
}

fn walk(folder: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(path).unwrap();
            files.extend(text.lines().map(|line| format!("{}\n", line.trim_start())));
        }
    }
}
