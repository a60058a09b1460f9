//! What a source has beside users and tokens.

use super::batch::{Batch, Unreadable};
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
    /// How many rows cannot be read.
    pub unreadable: u64,
    /// What whoever moves should know of the source, in words.
    pub warnings: Vec<String>,
    first: Vec<Unreadable>,
    lines: BufWriter<File>,
}

impl Tally {
    /// How many are remembered: as many as the terminal shows.
    const FIRST: usize = 5;

    pub(super) fn new(unit: &'static str) -> io::Result<Self> {
        let lines = BufWriter::new(tempfile::tempfile()?);
        let (others, remarks) = (BTreeMap::new(), BTreeMap::new());
        let (warnings, first) = (Vec::new(), Vec::new());
        Ok(Self { others, remarks, unit, unreadable: 0, warnings, first, lines })
    }

    pub(super) fn add(&mut self, batch: &Batch) -> io::Result<()> {
        for (model, count) in &batch.others {
            *self.others.entry(model.clone()).or_default() += count;
        }
        for (remark, count) in &batch.remarks {
            *self.remarks.entry(remark).or_default() += count;
        }
        self.warnings.extend(batch.warnings.iter().cloned());
        for row in &batch.unreadable {
            self.unreadable += 1;
            if self.first.len() < Self::FIRST {
                self.first.push(row.clone());
            }
            let Unreadable { place, what, why } = row;
            writeln!(self.lines, "{}", json!({ self.unit: place, "what": what, "why": why }))?;
        }
        Ok(())
    }

    /// The first rows that cannot be read.
    pub fn first(&self) -> &[Unreadable] {
        &self.first
    }

    /// All rows that cannot be read, each as a line of JSON.
    pub(super) fn lines(&mut self) -> io::Result<impl Iterator<Item = io::Result<String>>> {
        self.lines.flush()?;
        let mut file = self.lines.get_ref().try_clone()?;
        file.rewind()?;
        Ok(BufReader::new(file).lines())
    }
}
