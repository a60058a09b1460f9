//! The write-ahead log, looked at before SQLite reads it: it takes the first frame that is wrong for the
//! log's end, as a power cut leaves it, and drops what comes after. That is right for what nobody was told
//! is kept, and wrong for everything else.
//!
//! Each commit is on the disk before the next begins. So where a frame follows directly one that ends a
//! commit, that commit was whole once, and what is wrong with it or before it is damage. Of the last commit
//! nobody can tell. Nor is it enough that there is a commit somewhere after: a commit that the disk refused
//! leaves its frames, which the next one overwrites only as far as it is long, and nothing follows their
//! ends.

use super::make::log_of;
use super::trouble::Trouble;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// What a log begins with; the last bit says in which order its checksums read bytes.
const MAGIC: u32 = 0x377f_0682;

/// Refuses a log of which SQLite would drop what was kept.
pub(super) fn check(path: &Path) -> Result<(), Trouble> {
    match damage(path).map_err(Trouble::File)? {
        Some(words) => Err(Trouble::Damaged(words)),
        None => Ok(()),
    }
}

/// What SQLite would drop of a file's log although it was kept. A log that someone writes to is none that
/// SQLite reads anew, and to look at it shows frames of two moments: only one that stands still can be
/// damaged.
pub(super) fn damage(path: &Path) -> io::Result<Option<String>> {
    /// Whoever writes at all writes again in this time, or has come to the end of what was half written.
    const LOOKS: u32 = 5;
    const PAUSE: Duration = Duration::from_millis(40);
    let log = log_of(path);
    let look = || -> io::Result<_> {
        let before = moment(&log)?;
        let mut found = find_damage(&log)?;
        for _ in 1..LOOKS {
            if found.is_none() || moment(&log)? != before {
                return Ok(None);
            }
            thread::sleep(PAUSE);
            found = find_damage(&log)?;
        }
        Ok(found.filter(|_| moment(&log).is_ok_and(|now| now == before)))
    };
    match look() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        looked => looked,
    }
}

/// What is another after each write: a log's head, its length, and when it was changed.
fn moment(log: &Path) -> io::Result<(Vec<u8>, u64, SystemTime)> {
    let file = File::open(log)?;
    let found = file.metadata()?;
    let mut head = Vec::new();
    file.take(HEADER as u64).read_to_end(&mut head)?;
    Ok((head, found.len(), found.modified()?))
}

fn find_damage(log: &Path) -> io::Result<Option<String>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(log)?);
    let mut header = Vec::new();
    file.by_ref().take(HEADER as u64).read_to_end(&mut header)?;
    let Some(reader) = Reader::read(&header) else {
        let mut rest = Vec::new();
        file.take((FRAME_HEADER + 512) as u64).read_to_end(&mut rest)?;
        let is_written = header.len() == HEADER && rest.len() == FRAME_HEADER + 512;
        let is_blank = header.iter().chain(&rest).all(|byte| *byte == 0);
        let words = "the head of its write-ahead log cannot be read";
        return Ok((is_written && !is_blank).then(|| words.to_owned()));
    };
    let mut frame = vec![0; FRAME_HEADER + reader.page];
    let mut walk = Walk { last: reader.start, wrong: None, is_after_commit: false };
    for number in 1_u64.. {
        match file.read_exact(&mut frame) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
        if let Some(wrong) = walk.take(number, &reader, &frame) {
            return Ok(Some(format!(
                "frame {wrong} of its write-ahead log is wrong, and what was kept after it would be lost"
            )));
        }
    }
    Ok(None)
}

/// What the frames of a log have in common.
struct Reader {
    is_big_endian: bool,
    page: usize,
    salts: [u8; 8],
    start: Sum,
}

type Sum = (u32, u32);

impl Reader {
    /// `None` if it is no head of a log.
    fn read(header: &[u8]) -> Option<Self> {
        let magic = word(header, 0, true)?;
        let page = usize::try_from(word(header, 8, true)?).ok()?;
        if magic & !1 != MAGIC || !page.is_power_of_two() || !(512..=65_536).contains(&page) {
            return None;
        }
        let is_big_endian = magic & 1 == 1;
        let sum = checksum((0, 0), header.get(..24)?, is_big_endian);
        let salts = header.get(16..24)?.try_into().ok()?;
        (Some(sum) == stored_sum(header, 24)).then_some(Self {
            is_big_endian,
            page,
            salts,
            start: sum,
        })
    }

    /// Whether a frame is of this log, and not of one whose place it has taken.
    fn is_of_this(&self, frame: &[u8]) -> bool {
        frame.get(8..16) == Some(&self.salts)
    }

    /// Whether a frame is whole, and follows the one that says so of itself.
    fn follows(&self, before: Sum, frame: &[u8]) -> bool {
        let sum = || {
            let head = checksum(before, frame.get(..8)?, self.is_big_endian);
            Some(checksum(head, frame.get(FRAME_HEADER..)?, self.is_big_endian))
        };
        self.is_of_this(frame) && sum() == stored_sum(frame, 16)
    }
}

/// What was seen of the frames so far.
struct Walk {
    /// Whether the last frame ends a commit.
    is_after_commit: bool,
    /// What the last frame says of itself.
    last: Sum,
    /// The first frame that is wrong.
    wrong: Option<u64>,
}

impl Walk {
    /// The first frame that is wrong, once one is whole that was written later.
    fn take(&mut self, number: u64, reader: &Reader, frame: &[u8]) -> Option<u64> {
        let follows = reader.follows(self.last, frame);
        if follows && self.is_after_commit && self.wrong.is_some() {
            return self.wrong;
        }
        if !follows && self.wrong.is_none() {
            self.wrong = Some(number);
        }
        let ends_commit = word(frame, 4, true).is_some_and(|pages| pages > 0);
        self.is_after_commit = ends_commit && reader.is_of_this(frame);
        self.last = stored_sum(frame, 16).unwrap_or_default();
        None
    }
}

fn stored_sum(bytes: &[u8], at: usize) -> Option<Sum> {
    Some((word(bytes, at, true)?, word(bytes, at + 4, true)?))
}

fn word(bytes: &[u8], at: usize, is_big_endian: bool) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
}

/// SQLite's, of whole pairs of words.
fn checksum((mut one, mut other): Sum, bytes: &[u8], is_big_endian: bool) -> Sum {
    for pair in bytes.chunks_exact(8) {
        let (Some(first), Some(second)) =
            (word(pair, 0, is_big_endian), word(pair, 4, is_big_endian))
        else {
            continue;
        };
        one = one.wrapping_add(first).wrapping_add(other);
        other = other.wrapping_add(second).wrapping_add(one);
    }
    (one, other)
}
