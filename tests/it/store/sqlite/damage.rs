//! Files that something has happened to: all that was answered is served, or the start is refused.

use super::*;
use authgate::store::{Settings, open_to_serve};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;

/// A store of some users with tokens that was closed.
async fn made() -> (TempDir, BTreeMap<String, String>) {
    let folder = folder();
    let store = open(&file_in(&folder));
    for number in 0..40 {
        let user = add(&*store, &format!("user{number}")).await;
        issue(&*store, &user, &format!("token{number}")).await;
    }
    drop(store);
    close(&file_in(&folder));
    let told = told(&file_in(&folder));
    assert_eq!(told.len(), 80);
    (folder, told)
}

/// Moves what is in the log into the file. The threads of a store end a moment after it is dropped.
fn close(path: &Path) {
    crate::harness::eventually("the end of the log", || {
        tamper(path, "PRAGMA wal_checkpoint(truncate)");
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        fs::metadata(log).map_or(true, |found| found.len() == 0).then_some(())
    });
}

/// All that decides who is let in, but what has no second copy.
fn told(path: &Path) -> BTreeMap<String, String> {
    let db = Connection::open(path).unwrap();
    let mut told = BTreeMap::new();
    for sql in [
        "SELECT 'user' || id, concat_ws('|', username, lower(email), is_active, is_staff) FROM users",
        "SELECT 'token' || hex(digest), concat_ws('|', user_id, user_epoch, created, expires) FROM tokens",
    ] {
        let mut statement = db.prepare(sql).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            told.insert(row.get(0).unwrap(), row.get(1).unwrap());
        }
    }
    told
}

/// Whether the store of this file begins to serve, or why it does not.
fn serve(path: &Path) -> Result<(), String> {
    let settings = Settings::Sqlite { path: path.to_owned() };
    open_to_serve(&settings).map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_refused_whatever_is_left() {
    let (folder, before) = made().await;
    let path = file_in(&folder);
    let whole = fs::read(&path).unwrap();
    let pages = (0..whole.len()).step_by(4096);
    let between = [1, 15, 16, 99, 100, 511, 512, 1000, 4095, whole.len() - 1];
    for length in pages.chain(between) {
        fs::write(&path, &whole[..length]).unwrap();
        let Err(problem) = serve(&path) else {
            // Of its last page the end was blank.
            assert!(length > whole.len() - 4096, "{length}");
            close(&path);
            assert_eq!(told(&path), before, "{length}");
            continue;
        };
        assert!(problem.contains("authgate.db: it is "), "{length}: {problem}");
        // What is left of it stays for whoever brings it back.
        assert!(fs::read(&path).unwrap() == whole[..length], "{length}");
    }
    fs::write(&path, &whole).unwrap();
    serve(&path).unwrap();
}

/// Every byte in the long form; there are values of which SQLite keeps no second copy, which
/// `docs/backup.md` names.
#[tokio::test]
async fn a_bit_that_was_flipped_is_seen_or_changes_nothing_that_decides() {
    let (folder, before) = made().await;
    let path = file_in(&folder);
    let whole = fs::read(&path).unwrap();
    let step = if crate::harness::is_long() { 11 } else { 397 };
    let (mut refused, mut changed) = (0, Vec::new());
    let places: Vec<_> = (0..whole.len()).step_by(step).chain(0..100).collect();
    for at in &places {
        fs::write(&path, &whole).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[whole[*at] ^ (1 << (at % 8))], *at as u64).unwrap();
        drop(file);
        if let Err(problem) = serve(&path) {
            refused += 1;
            assert!(problem.contains("authgate.db"), "{at}: {problem}");
            continue;
        }
        close(&path);
        let after = told(&path);
        if after != before {
            let differ = before.iter().filter(|(key, value)| after.get(*key) != Some(value));
            changed.push((*at, format!("{:?}", differ.collect::<Vec<_>>())));
            assert_eq!(after.len(), before.len(), "{at}: something is missing");
        }
    }
    println!("{} places: {refused} refused, {} changed: {changed:#?}", places.len(), changed.len());
    assert!(refused > 0);
    assert!(changed.is_empty(), "{changed:#?}");
}

#[test]
fn a_log_without_its_file_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("authgate.db-wal"), "something").unwrap();
    let problem = serve(&file_in(&folder)).unwrap_err();
    assert!(problem.contains("the file is missing"), "{problem}");
    assert!(!file_in(&folder).exists());
}
