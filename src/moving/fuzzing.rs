//! Lets fuzz targets reach what nobody else has to.

use super::batch::Batch;
use super::django;
use super::{ReadError, Terms};
use std::io::{self, Read};

/// What came of a dump.
#[derive(Debug, Eq, PartialEq)]
pub struct Told {
    /// How many tokens there were.
    pub tokens: usize,
    /// What is said of each row that cannot be taken.
    pub unreadable: Vec<String>,
    /// How many users there were.
    pub users: usize,
}

/// Reads a dump that comes at most so many bytes at a time; an error is told in words.
pub fn read_dump(dump: &[u8], at_once: usize) -> Result<Told, String> {
    let mut told = Told { tokens: 0, unreadable: Vec::new(), users: 0 };
    let mut sink = |batch: Batch| {
        told.tokens += batch.tokens.len();
        told.unreadable.extend(batch.unreadable.iter().map(ToString::to_string));
        told.users += batch.users.len();
        Ok(())
    };
    let from = Slow { at_once, from: dump };
    let words = |error: ReadError| match error {
        ReadError::Broken(why) => why.to_string(),
        other => other.to_string(),
    };
    django::read_dump(from, &Terms::default(), &mut sink).map_err(words)?;
    Ok(told)
}

struct Slow<'a> {
    at_once: usize,
    from: &'a [u8],
}

impl Read for Slow<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = room.len().min(self.at_once);
        self.from.read(room.get_mut(..count).unwrap_or_default())
    }
}
