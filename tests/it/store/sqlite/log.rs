//! What a process that was killed leaves in the log beside the file, and what becomes of that.

use super::*;
use std::process::Stdio;

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
    // What tells that the last but one ends a commit, and of which log: without it nothing tells.
    let last_head = before_last - FRAME + 4..before_last - FRAME + 24;
    for at in head.chain(frames).chain(heads).filter(|at| !last_head.contains(at)) {
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

/// The checksum that SQLite's logs have, of words as this machine has them.
fn checksum(mut sum: (u32, u32), bytes: &[u8], is_big_endian: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let word = |at: usize| {
            let bytes = pair[at..at + 4].try_into().unwrap();
            if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        sum.0 = sum.0.wrapping_add(word(0)).wrapping_add(sum.1);
        sum.1 = sum.1.wrapping_add(word(4)).wrapping_add(sum.0);
    }
    sum
}

/// Writes a commit into a log where one frame ends and the next is to begin, as SQLite does.
fn write_commit(log: &mut Vec<u8>, first: usize, pages: u32) {
    let is_big_endian = log[3] & 1 == 1;
    let stored = |log: &[u8], at: usize| {
        let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
        (word(at), word(at + 4))
    };
    let mut sum = stored(log, if first == 0 { 24 } else { 32 + (first - 1) * FRAME + 16 });
    let salts: Vec<u8> = log[16..24].to_vec();
    for number in 0..pages {
        let mut frame = vec![u8::try_from(first).unwrap(); FRAME];
        frame[..4].copy_from_slice(&(number + 2).to_be_bytes());
        let size: u32 = if number + 1 == pages { 40 } else { 0 };
        frame[4..8].copy_from_slice(&size.to_be_bytes());
        frame[8..16].copy_from_slice(&salts);
        sum = checksum(checksum(sum, &frame[..8], is_big_endian), &frame[24..], is_big_endian);
        frame[16..20].copy_from_slice(&sum.0.to_be_bytes());
        frame[20..24].copy_from_slice(&sum.1.to_be_bytes());
        let at = 32 + (first + number as usize) * FRAME;
        log.resize(log.len().max(at + FRAME), 0);
        log[at..at + FRAME].copy_from_slice(&frame);
    }
}

#[test]
fn commits_that_the_disk_refused_and_a_shorter_one_took_the_place_of_are_no_damage() {
    let (file, log, ends) = made();
    let end = ends[ends.len() - 1] + 1;
    let mut torn = log[..32 + end * FRAME].to_vec();
    // Each began at the same place, for the one before it was not taken; the last was, and is the same
    // as it was at first.
    let last = ends[ends.len() - 2] + 1;
    let taken = torn[32 + last * FRAME..].to_vec();
    write_commit(&mut torn, last, 30);
    write_commit(&mut torn, last, 12);
    torn[32 + last * FRAME..][..taken.len()].copy_from_slice(&taken);
    assert!(torn.len() > log.len() + 15 * FRAME);
    let folder = put(&file, &torn);
    drop(open(&file_in(&folder)));
    assert_eq!(count(&file_in(&folder)), 12);
}

/// The other process of the test below: it writes to the store of its folder until it is killed.
#[test]
#[ignore = "it is run by another test"]
fn writes_to_the_store_of_its_folder() {
    let Ok(db) =
        Connection::open_with_flags("authgate.db", rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)
    else {
        return;
    };
    db.busy_timeout(Duration::from_secs(30)).unwrap();
    for number in 0.. {
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        for one in 0..6 {
            let key = format!("{}{}", (number * 7 + one * 131) % 3000, "x".repeat(700));
            let sql = "INSERT OR REPLACE INTO limits VALUES (?1, ?2, ?2, ?2)";
            db.execute(sql, (key, number)).unwrap();
        }
        db.execute_batch("COMMIT").unwrap();
    }
}

#[test]
fn a_log_that_is_written_to_is_refused_by_nobody() {
    let folder = folder();
    let path = file_in(&folder);
    drop(open(&path));
    let writers = [(), ()].map(|()| {
        let mut program = std::process::Command::new(std::env::current_exe().unwrap());
        program.args(["store::sqlite::log::writes_to_the_store_of_its_folder", "--exact"]);
        let program = program.arg("--ignored").current_dir(&folder).stdout(Stdio::null());
        program.spawn().unwrap()
    });
    let log = folder.path().join("authgate.db-wal");
    crate::harness::eventually("a log", || {
        fs::metadata(&log).is_ok_and(|found| found.len() > 1 << 20).then_some(())
    });
    let mut problems = Vec::new();
    for _ in 0..if crate::harness::is_long() { 2_000 } else { 60 } {
        // Slow is not damaged.
        if let Err(StoreError::Unsuitable(problem)) = SqliteStore::open(&path) {
            problems.push(problem);
        }
    }
    for mut writer in writers {
        assert!(writer.try_wait().unwrap().is_none(), "a writer ended");
        writer.kill().unwrap();
        writer.wait().unwrap();
    }
    assert_eq!(problems, Vec::<String>::new());
}

/// A file with what takes back a change that a kill has left half done.
fn half_changed() -> TempDir {
    let folder = folder();
    let path = file_in(&folder);
    drop(open(&path));
    left_by_a_kill(&folder, 60);
    let other = crate::harness::folder();
    let db = Connection::open(&path).unwrap();
    // Whoever was killed or dropped may hold it for a moment yet.
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    // For this nobody waits but us.
    let alone = "PRAGMA wal_checkpoint(truncate); PRAGMA journal_mode = delete";
    crate::harness::eventually("the file to oneself", || db.execute_batch(alone).ok());
    // What does not fit into the memory of a page or two goes into the file before it is committed.
    db.execute_batch(
        "PRAGMA cache_size = 2;
         BEGIN; UPDATE users SET is_staff = TRUE, password = 'x' || password, username = 'a' || id",
    )
    .unwrap();
    for ending in ["", "-journal"] {
        let name = format!("authgate.db{ending}");
        fs::copy(folder.path().join(&name), other.path().join(&name)).unwrap();
    }
    other
}

#[test]
fn what_was_left_half_changed_is_taken_back_and_served() {
    let folder = half_changed();
    let path = file_in(&folder);
    let before = fs::read(&path).unwrap();
    assert!(before.windows(4).any(|some| some == b"xhhh"), "nothing of it is in the file");
    let settings = Settings::Sqlite { path: path.clone() };
    drop(authgate::store::open_to_serve(&settings).unwrap());
    assert_eq!(count(&path), 60);
    let db = Connection::open(&path).unwrap();
    let staff = "SELECT count(*) FROM users WHERE is_staff OR password LIKE 'x%'";
    assert_eq!(db.query_row(staff, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[test]
fn a_journal_without_its_file_is_not_put_into_a_new_one() {
    let folder = half_changed();
    fs::remove_file(file_in(&folder)).unwrap();
    let problem = refusal(&file_in(&folder));
    assert!(problem.contains("the file is missing"), "{problem}");
    assert!(!file_in(&folder).exists());
}
