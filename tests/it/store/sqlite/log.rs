//! What a process that was killed leaves in the log beside the file, and what becomes of that.

use super::*;

/// The file and its log as they are while a store is in use: what a kill leaves.
fn left_by_a_kill(folder: &TempDir, users: usize) -> (Vec<u8>, Vec<u8>) {
    let path = file_in(folder);
    let db = Connection::open(&path).unwrap();
    for number in 0..users {
        let sql =
            "INSERT INTO users (username, email, password, is_active, is_staff, joined, epoch)
                   VALUES (?1, '', ?2, TRUE, FALSE, 1, 0)";
        db.execute(sql, (format!("user{number}"), "h".repeat(900))).unwrap();
    }
    let left = (fs::read(&path).unwrap(), fs::read(folder.path().join("authgate.db-wal")).unwrap());
    drop(db);
    left
}

/// A folder with this file and this log.
fn put(file: &[u8], log: &[u8]) -> TempDir {
    let folder = folder();
    fs::write(file_in(&folder), file).unwrap();
    fs::write(folder.path().join("authgate.db-wal"), log).unwrap();
    folder
}

fn count(path: &Path) -> i64 {
    let db = Connection::open(path).unwrap();
    db.query_row("SELECT count(*) FROM users", [], |row| row.get(0)).unwrap()
}

const FRAME: usize = 24 + 4096;

/// A store that is whole, its log as a kill leaves it, and in which frames commits end.
fn made() -> (Vec<u8>, Vec<u8>, Vec<usize>) {
    let folder = folder();
    drop(open(&file_in(&folder)));
    tamper(&file_in(&folder), "PRAGMA wal_checkpoint(truncate)");
    let (file, log) = left_by_a_kill(&folder, 12);
    let frames = (log.len() - 32) / FRAME;
    let ends = |frame: &usize| log[32 + frame * FRAME + 4..][..4] != [0; 4];
    let ends: Vec<_> = (0..frames).filter(ends).collect();
    assert!(ends.len() >= 12);
    (file, log, ends)
}

#[test]
fn what_was_killed_in_the_middle_of_a_checkpoint_opens_with_all() {
    let folder = folder();
    drop(open(&file_in(&folder)));
    tamper(&file_in(&folder), "PRAGMA wal_checkpoint(truncate)");
    let (mut file, log) = left_by_a_kill(&folder, 60);
    tamper(&file_in(&folder), "PRAGMA wal_checkpoint(truncate)");
    let later = fs::read(file_in(&folder)).unwrap();
    // Pages are written in their order: the first says already how many there will be.
    file[..4096].copy_from_slice(&later[..4096]);
    assert!(file.len() < later.len());
    let folder = put(&file, &log);
    drop(open(&file_in(&folder)));
    assert_eq!(count(&file_in(&folder)), 60);
}

#[test]
fn a_log_whose_end_was_not_written_is_taken_up_to_there() {
    let (file, log, ends) = made();
    let last = ends[ends.len() - 2];
    for cut in [1, 100, FRAME - 1, FRAME] {
        let folder = put(&file, &log[..log.len() - cut]);
        drop(open(&file_in(&folder)));
        assert!(count(&file_in(&folder)) >= 11);
    }
    // Nobody can tell such an end from one that was never written.
    let mut torn = log.clone();
    torn[32 + (last + 1) * FRAME + 500] ^= 1;
    let folder = put(&file, &torn);
    drop(open(&file_in(&folder)));
    assert_eq!(count(&file_in(&folder)), 11);
}

#[test]
fn a_log_that_is_damaged_before_its_last_commit_is_refused() {
    let (file, log, ends) = made();
    let before_last = 32 + (ends[ends.len() - 2] + 1) * FRAME;
    // The head but for its number of checkpoints, and every kind of place in the frames.
    let head = (0..32).step_by(5);
    // Each is looked at for a while, for someone may be writing.
    let frames = (32..before_last).step_by(if crate::harness::is_long() { 499 } else { 9_973 });
    let heads = (0..24).step_by(5).map(|at| 32 + FRAME + at);
    for at in head.chain(frames).chain(heads) {
        let mut log = log.clone();
        log[at] ^= 0x10;
        let folder = put(&file, &log);
        let problem = refusal(&file_in(&folder));
        assert!(problem.contains("write-ahead log"), "byte {at}: {problem}");
        assert!(problem.contains("authgate store verify"), "byte {at}: {problem}");
        assert!(fs::read(folder.path().join("authgate.db-wal")).unwrap() == log, "byte {at}");
    }
}

#[test]
fn a_log_that_began_anew_is_no_damage() {
    let folder = folder();
    let store = open(&file_in(&folder));
    left_by_a_kill(&folder, 40);
    tamper(&file_in(&folder), "PRAGMA wal_checkpoint(restart)");
    // Fewer frames than before: behind them are those of an earlier time.
    tamper(&file_in(&folder), "UPDATE users SET email = 'x' WHERE id = 1");
    let log = fs::read(folder.path().join("authgate.db-wal")).unwrap();
    assert!(log.len() > 20 * FRAME);
    let other = put(&fs::read(file_in(&folder)).unwrap(), &log);
    drop(open(&file_in(&other)));
    assert_eq!(count(&file_in(&other)), 40);
    drop(store);
}
