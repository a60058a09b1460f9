//! What a source has beside users and tokens.

use super::batch::{Batch, Of, Unreadable};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};

/// What cannot be taken, and what is of no use here. It is counted, and each row that cannot be read is
/// kept on disk: there may be many.
pub struct Tally {
    /// How many objects there are of other models.
    pub others: BTreeMap<String, u64>,
    /// What was taken otherwise than it was written, and how often.
    pub remarks: BTreeMap<&'static str, u64>,
    /// What the places of rows count: `object`, `row` or `line`.
    pub unit: &'static str,
    /// Rows of which a field is taken otherwise than it is written, or left out.
    pub altered: ToldRows,
    /// Rows that cannot be read.
    pub unreadable: ToldRows,
    /// What whoever moves should know of the source, in words.
    pub warnings: Vec<String>,
}

/// Rows of which something is told: how many, and each of them on disk.
pub struct ToldRows {
    /// How many there are.
    pub count: u64,
    first: Vec<Unreadable>,
    lines: BufWriter<File>,
}

impl Tally {
    pub(super) fn new(unit: &'static str) -> io::Result<Self> {
        let (others, remarks, warnings) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let (altered, unreadable) = (ToldRows::new()?, ToldRows::new()?);
        Ok(Self { others, remarks, unit, altered, unreadable, warnings })
    }

    pub(super) fn add(&mut self, batch: &Batch) -> io::Result<()> {
        for (model, count) in &batch.others {
            *self.others.entry(model.clone()).or_default() += count;
        }
        for (remark, count) in &batch.remarks {
            *self.remarks.entry(remark).or_default() += count;
        }
        self.warnings.extend(batch.warnings.iter().cloned());
        batch.altered.iter().try_for_each(|row| self.altered.add(row, self.unit))?;
        batch.unreadable.iter().try_for_each(|row| self.unreadable.add(row, self.unit))
    }
}

impl ToldRows {
    /// How many are remembered: as many as the terminal shows.
    const FIRST: usize = 5;

    fn new() -> io::Result<Self> {
        let lines = BufWriter::new(tempfile::tempfile()?);
        Ok(Self { count: 0, first: Vec::new(), lines })
    }

    fn add(&mut self, row: &Unreadable, unit: &str) -> io::Result<()> {
        self.count += 1;
        if self.first.len() < Self::FIRST {
            self.first.push(row.clone());
        }
        let Unreadable { of, place, what, why } = row;
        let line = match of {
            Of::Another => json!({ unit: place, "what": what, "why": why }),
            Of::User(id) => json!({ unit: place, "id": id, "what": what, "why": why }),
        };
        writeln!(self.lines, "{line}")
    }

    /// The first of them.
    pub fn first(&self) -> &[Unreadable] {
        &self.first
    }

    /// All of them, each as a line of JSON.
    pub(super) fn lines(&mut self) -> io::Result<impl Iterator<Item = io::Result<String>>> {
        self.lines.flush()?;
        let mut file = self.lines.get_ref().try_clone()?;
        file.rewind()?;
        Ok(BufReader::new(file).lines())
    }
}
