//! What a reader of settings has found out.

use super::effective::Effective;
use super::mistake::{Mistake, Mistakes, Place};
use std::collections::BTreeSet;

/// What a reader has found out: which settings there are, and what is wrong with those written.
#[derive(Default)]
pub(super) struct Report {
    effective: Effective,
    known: BTreeSet<String>,
    mistakes: Vec<Mistake>,
    unknown: Vec<Unknown>,
    warnings: Vec<Mistake>,
}

impl Report {
    /// Notes something that is wrong.
    pub(super) fn note(&mut self, key: String, place: Place, problem: String) {
        self.mistakes.push(Mistake { key, place, problem });
    }

    /// Notes something that has no effect.
    pub(super) fn warn(&mut self, key: String, place: Place, problem: String) {
        self.warnings.push(Mistake { key, place, problem });
    }

    /// What the settings are, as they are asked for.
    pub(super) fn effective(&mut self) -> &mut Effective {
        &mut self.effective
    }

    /// All that has no effect, taken away.
    pub(super) fn take_warnings(&mut self) -> Vec<Mistake> {
        std::mem::take(&mut self.warnings)
    }

    /// All that is wrong, if anything is.
    pub(super) fn into_mistakes(mut self) -> Option<Mistakes> {
        for Unknown { key, name, place, section } in std::mem::take(&mut self.unknown) {
            let suggestion = suggest(&section, &key, &self.known);
            let suggestion =
                suggestion.map_or_else(String::new, |s| format!("; did you mean `{s}`?"));
            self.note(name, place, format!("no such setting{suggestion}"));
        }
        Mistakes::of(self.mistakes)
    }

    /// Notes a setting that nobody asked for.
    pub(super) fn note_unknown(&mut self, unknown: Unknown) {
        self.unknown.push(unknown);
    }

    /// Notes that there is such a setting.
    pub(super) fn know(&mut self, name: String) {
        self.known.insert(name);
    }

    /// The names of all settings that were asked for, such as `tokens.lifetime`.
    #[cfg(test)]
    pub(super) fn known(&self) -> &BTreeSet<String> {
        &self.known
    }
}

/// A setting that nobody asked for.
pub(super) struct Unknown {
    /// Its name in its section.
    pub(super) key: String,
    /// Its full name, as it is shown.
    pub(super) name: String,
    /// Where it is written.
    pub(super) place: Place,
    /// Its section, as in the names of known settings.
    pub(super) section: String,
}

/// The known setting that was meant by an unknown one: one of the same section with a name much
/// like it, or one of that very name in another section.
fn suggest<'k>(section: &str, key: &str, known: &'k BTreeSet<String>) -> Option<&'k str> {
    let siblings = known.iter().filter_map(|name| {
        let (parent, last) = name.rsplit_once('.').unwrap_or(("", name));
        (parent == section).then_some(last)
    });
    let elsewhere = || known.iter().find(|name| name.rsplit('.').next() == Some(key));
    nearest(key, siblings).or_else(|| elsewhere().map(String::as_str))
}

/// The name that was most probably meant, if a few slips of the hand explain what was written.
pub(super) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let slips = names.map(|name| (strsim::osa_distance(name, written), name));
    let most = (written.chars().count() / 3).max(1);
    slips.filter(|(slips, _)| *slips <= most).min().map(|(_, name)| name)
}
