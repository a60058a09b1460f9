//! `/settings/`: what the settings are, and where each comes from.

mod page;

pub(super) use self::page::answer;

use crate::clock::Timestamp;

/// What was read of the settings, and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// The file that they are in, if they are in one.
    pub file: Option<String>,
    /// When those at work were read.
    pub read: Timestamp,
    /// When others were read that cannot be put to work, and why not; `None` once some could.
    pub refused: Option<(Timestamp, String)>,
    /// All that have a value, in the order of the handbook.
    pub settings: Vec<Setting>,
    /// Those that have changed and wait for an upgrade.
    pub waiting: Vec<String>,
    /// What is written but has no effect, or hardly the one that was wanted.
    pub warnings: Vec<String>,
}

/// A setting, as operators write it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    /// What it does; may be blank.
    pub meaning: String,
    /// Its full name, such as `tokens.lifetime`.
    pub name: String,
    /// Where it is written; `None` if it has its default.
    pub origin: Option<String>,
    /// Its value, as it is written; secrets are left out.
    pub value: String,
}

impl Setting {
    /// The name of its section, and its name there. A list of sections is in none.
    pub fn parts(&self) -> (&str, &str) {
        self.name.split_once('.').unwrap_or(("", &self.name))
    }
}
