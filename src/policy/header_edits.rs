//! Headers that are set or removed on the way.

use http::{HeaderName, HeaderValue};

/// What an operator has changed in the headers of a message. By default nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeaderEdits {
    /// Those that are taken off.
    pub remove: Vec<HeaderName>,
    /// Those that are set. Whatever stood under their names is taken off.
    pub set: Vec<(HeaderName, HeaderValue)>,
}

impl HeaderEdits {
    /// Whether it changes nothing.
    pub fn is_none(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty()
    }

    /// The names of all that is taken off, also to be set anew.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.remove.iter().chain(self.set.iter().map(|(name, _)| name))
    }
}
