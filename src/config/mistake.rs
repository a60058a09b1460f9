//! What is wrong with the settings, and where.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Everything that is wrong with the settings, in the order in which it was written: at least one
/// mistake. Is displayed as one line for each.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// These mistakes, in order; `None` if there are none.
    pub(super) fn of(mut mistakes: Vec<Mistake>) -> Option<Self> {
        mistakes.sort_by(|one, other| one.place.cmp(&other.place));
        (!mistakes.is_empty()).then_some(Self(mistakes))
    }

    /// The mistakes one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }
}

impl Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl IntoIterator for Mistakes {
    type IntoIter = std::vec::IntoIter<Mistake>;
    type Item = Mistake;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type IntoIter = std::slice::Iter<'a, Mistake>;
    type Item = &'a Mistake;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One thing that is wrong with the settings. Never repeats a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// The full name of the setting, such as `tokens.lifetime`; empty if it is about the whole file.
    pub key: String,
    /// Where it is written.
    pub place: Place,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, place, problem } = self;
        if key.is_empty() {
            write!(f, "{place}: {problem}")
        } else {
            write!(f, "{place}: {key}: {problem}")
        }
    }
}

/// Where a setting is written.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// Nowhere: it has its default.
    Default,
    /// Somewhere in a file, or the file as a whole.
    File(Arc<str>),
    /// At a character of a file, both counted from 1.
    Line {
        /// The file, as it was given.
        file: Arc<str>,
        /// The line.
        line: usize,
        /// The character in the line.
        column: usize,
    },
    /// In a variable of the environment.
    Variable(Arc<str>),
    /// In a flag of the command line, such as `--listen`.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("defaults"),
            Self::File(file) => f.write_str(file),
            Self::Line { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}
