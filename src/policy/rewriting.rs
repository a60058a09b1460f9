//! What becomes of a path on its way to the app.

use super::table::trim;
use super::{AmbiguousPath, CleanPath};

/// Takes something off the start of a path, and puts something before the rest. By default neither.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rewriting {
    add: String,
    strip: String,
}

impl Rewriting {
    /// Takes `strip` off and puts `add` before the rest; final slashes of both mean nothing.
    pub fn new(strip: &str, add: &str) -> Self {
        Self { add: trim(add).to_owned(), strip: trim(strip).to_owned() }
    }

    /// Whether it leaves every path as it is.
    pub fn is_none(&self) -> bool {
        self.add.is_empty() && self.strip.is_empty()
    }

    /// What it takes off.
    pub fn strips(&self) -> &str {
        &self.strip
    }

    /// What it puts before the rest.
    pub fn adds(&self) -> &str {
        &self.add
    }

    /// The path that the app gets; `None` if it is the one that was asked for. Whatever has not one
    /// reading is refused, as if a client had sent it.
    pub fn apply(&self, path: &CleanPath) -> Result<Option<CleanPath>, AmbiguousPath> {
        if self.is_none() {
            return Ok(None);
        }
        let rest = path.as_str().strip_prefix(&*self.strip).ok_or(AmbiguousPath)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return Err(AmbiguousPath);
        }
        let written = format!("{}{rest}", self.add);
        let written = if written.is_empty() { "/".to_owned() } else { written };
        let clean = CleanPath::parse(&written)?;
        if clean.as_str() == written { Ok(Some(clean)) } else { Err(AmbiguousPath) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(strip: &str, add: &str, path: &str) -> Option<String> {
        let path = CleanPath::parse(path).unwrap();
        let rewritten = Rewriting::new(strip, add).apply(&path).ok()?;
        Some(rewritten.map_or_else(|| "as it was".to_owned(), |path| path.as_str().to_owned()))
    }

    #[test]
    fn a_path_is_rewritten_on_segment_borders() {
        for (strip, add, path, expected) in [
            ("", "", "/api/x", "as it was"),
            ("/api", "", "/api/x/y", "/x/y"),
            ("/api/", "", "/api/x/", "/x/"),
            ("/api", "", "/api", "/"),
            ("/api", "", "/api/", "/"),
            ("/api", "/v2", "/api", "/v2"),
            ("/api", "/v2/", "/api/", "/v2/"),
            ("/api", "/v2", "/api/a%20b", "/v2/a%20b"),
            ("", "/v2", "/", "/v2/"),
            ("", "/v2/app", "/x", "/v2/app/x"),
        ] {
            let got = rewritten(strip, add, path);
            assert_eq!(got.as_deref(), Some(expected), "{strip} {add} {path}");
        }
    }

    #[test]
    fn what_does_not_begin_with_the_prefix_is_refused() {
        assert_eq!(rewritten("/api", "", "/apis/x"), None);
        assert_eq!(rewritten("/api", "", "/x"), None);
    }

    #[test]
    fn what_would_not_be_clean_is_refused() {
        for add in ["/a/..", "/a//b", "/a;b", "/%41", "a"] {
            assert_eq!(rewritten("", add, "/x"), None, "{add}");
        }
    }
}
