//! A stream of JSON is cut into the objects that it lists, one at a time.

mod wide;

#[cfg(test)]
mod tests;

use memchr::memchr2;
use std::io::{self, Read};

/// Finds the objects of a dump, as `dumpdata` writes them: a list, or, by `--format jsonl`, one after
/// another. It looks no further into one than to find its end; memory holds one object at a time, and of
/// one that is very long its beginning.
pub(super) struct Elements<R> {
    from: R,
    buffer: Vec<u8>,
    /// The beginning of the last object that was too long.
    head: Vec<u8>,
    /// Where in the buffer the next thing begins.
    start: usize,
    /// How much of the buffer has been read.
    filled: usize,
    /// How many bytes came before the buffer.
    passed: u64,
    /// Where in the buffer the object begins that was found last.
    last: usize,
    /// How many objects have been found.
    number: u64,
    shape: Shape,
}

/// An object of a dump.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Element<'a> {
    /// The beginning of one that is too long.
    TooLong(&'a [u8]),
    Whole(&'a [u8]),
}

/// How objects follow each other.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Shape {
    Unknown,
    /// In a list, of which this is all so far.
    Listed {
        is_empty: bool,
    },
    /// Each by itself.
    Loose,
    /// The list has ended.
    Ended,
}

/// Why a stream is no dump.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[from] io::Error),
    /// It is not what `dumpdata` writes.
    #[error("at byte {byte}, after {number} objects: {problem}")]
    Syntax {
        /// How far from the beginning.
        byte: u64,
        /// How many objects were found before.
        number: u64,
        /// What is wrong.
        problem: String,
    },
}

impl<R: Read> Elements<R> {
    /// The longest object that is held. A row that holds a file is longer; a user is not.
    const LONGEST: usize = 1 << 20;
    const AT_ONCE: usize = 256 << 10;
    /// How much is looked at of one that is longer.
    const HEAD: usize = 4 << 10;

    pub(super) fn of(from: R) -> Self {
        let (buffer, head, shape) = (vec![0; Self::AT_ONCE], Vec::new(), Shape::Unknown);
        Self { from, buffer, head, start: 0, filled: 0, passed: 0, last: 0, number: 0, shape }
    }

    /// The next object; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Element<'_>>, Broken> {
        if self.shape == Shape::Unknown {
            self.begin()?;
        }
        if !self.has_another()? {
            return Ok(None);
        }
        let mut scan = Scan::default();
        let end = self.end_of_object(&mut scan)?;
        self.last = std::mem::replace(&mut self.start, end);
        self.number += 1;
        if scan.is_over {
            return Ok(self.buffer.get(self.last..end).map(Element::Whole));
        }
        let head = self.buffer.get(self.last..self.last + Self::HEAD).unwrap_or_default();
        self.head.clear();
        self.head.extend_from_slice(head);
        self.pass_over(scan)?;
        Ok(Some(Element::TooLong(&self.head)))
    }

    /// There is something wrong with the object that was found last, so far from its beginning.
    pub(super) fn broken_within(&self, offset: usize, problem: impl Into<String>) -> Broken {
        let byte = self.passed + u64::try_from(self.last + offset).unwrap_or(u64::MAX);
        Broken::Syntax { byte, number: self.number.saturating_sub(1), problem: problem.into() }
    }

    fn broken(&self, problem: impl Into<String>) -> Broken {
        let byte = self.passed + u64::try_from(self.start).unwrap_or(u64::MAX);
        Broken::Syntax { byte, number: self.number, problem: problem.into() }
    }

    fn begin(&mut self) -> Result<(), Broken> {
        while self.filled < 4 && self.fill()? {}
        let head = self.buffer.get(..self.filled).unwrap_or_default();
        if let Some(words) = wide::words(head) {
            return Err(self.broken(words));
        }
        if head.starts_with("\u{feff}".as_bytes()) {
            self.start = 3;
        }
        self.shape = match self.peek()? {
            Some(b'[') => {
                self.start += 1;
                Shape::Listed { is_empty: true }
            }
            Some(b'{') => Shape::Loose,
            Some(_) => {
                let words = "it does not begin with [ or {, as a dump of `manage.py dumpdata` does";
                return Err(self.broken(words));
            }
            None => return Err(self.broken("it is empty")),
        };
        Ok(())
    }

    /// Goes to the beginning of the next object, and says whether there is one.
    fn has_another(&mut self) -> Result<bool, Broken> {
        let next = self.peek()?;
        match (self.shape, next) {
            (Shape::Loose | Shape::Listed { is_empty: true }, Some(b'{')) => {}
            (Shape::Loose | Shape::Ended, None) => return Ok(false),
            (Shape::Ended, Some(_)) => {
                return Err(self.broken("something follows the end of the list"));
            }
            (Shape::Listed { .. }, Some(b']')) => {
                self.start += 1;
                self.shape = Shape::Ended;
                return self.has_another();
            }
            (Shape::Listed { is_empty: false }, Some(b',')) => {
                self.start += 1;
                if self.peek()? != Some(b'{') {
                    return Err(self.broken("{ is to begin the next object"));
                }
            }
            (Shape::Listed { .. }, None) => {
                return Err(self.broken("it ends before the list does: the file was cut short"));
            }
            (Shape::Listed { is_empty: false }, Some(_)) => {
                return Err(self.broken(", or ] is to follow an object"));
            }
            (Shape::Listed { .. } | Shape::Loose | Shape::Unknown, _) => {
                return Err(self.broken("{ is to begin the next object"));
            }
        }
        if let Shape::Listed { is_empty } = &mut self.shape {
            *is_empty = false;
        }
        Ok(true)
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Result<Option<u8>, Broken> {
        loop {
            let rest = self.buffer.get(self.start..self.filled).unwrap_or_default();
            if let Some(blanks) = rest.iter().position(|byte| !byte.is_ascii_whitespace()) {
                self.start += blanks;
                return Ok(self.buffer.get(self.start).copied());
            }
            self.start = self.filled;
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Where the object ends that begins here, or as much of it as is held.
    fn end_of_object(&mut self, scan: &mut Scan) -> Result<usize, Broken> {
        let mut seen = 0;
        loop {
            let fresh = self.buffer.get(self.start + seen..self.filled).unwrap_or_default();
            if let Some(end) = scan.end_in(fresh) {
                return Ok(self.start + seen + end);
            }
            seen = self.filled - self.start;
            if seen >= Self::LONGEST {
                return Ok(self.filled);
            }
            if !self.fill()? {
                return Err(self.broken(Self::CUT));
            }
        }
    }

    const CUT: &str = "it ends within an object: the file was cut short";

    /// Goes to the end of an object of which this is the beginning.
    fn pass_over(&mut self, mut scan: Scan) -> Result<(), Broken> {
        loop {
            if !self.fill()? {
                return Err(self.broken(Self::CUT));
            }
            let fresh = self.buffer.get(self.start..self.filled).unwrap_or_default();
            if let Some(end) = scan.end_in(fresh) {
                self.start += end;
                return Ok(());
            }
            self.start = self.filled;
        }
    }

    /// Reads on, and says whether there was more.
    fn fill(&mut self) -> Result<bool, Broken> {
        self.passed += u64::try_from(self.start).unwrap_or(u64::MAX);
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match self.from.read(room) {
                Ok(count) => {
                    self.filled += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// How far into an object it has been looked.
#[derive(Default)]
struct Scan {
    depth: u32,
    is_escaped: bool,
    is_over: bool,
    is_text: bool,
}

impl Scan {
    /// How many of these bytes are still of the object; `None` if it goes on after them.
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.is_escaped {
                self.is_escaped = false;
            } else if self.is_text {
                at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
                match bytes.get(at) {
                    Some(b'"') => self.is_text = false,
                    _ => self.is_escaped = true,
                }
            } else {
                match byte {
                    b'"' => self.is_text = true,
                    b'{' => self.depth += 1,
                    b'}' => self.depth = self.depth.saturating_sub(1),
                    _ => {}
                }
                if self.depth == 0 {
                    self.is_over = true;
                    return Some(at + 1);
                }
            }
            at += 1;
        }
        None
    }
}
