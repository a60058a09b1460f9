//! Settings as a whole: every mistake with its place and its words.

mod admin;
mod defaults;
mod effective;
mod layers;
mod limits;
mod listeners;
mod mistakes;
mod routes;
mod store;
mod upstreams;
mod values;

use super::{Config, Environment, Flags, Source};
use std::path::PathBuf;
use tempfile::TempDir;

/// Settings from a file, an environment and flags of the test's own.
struct Written {
    dir: TempDir,
    source: Source,
}

impl Written {
    fn file(text: &str) -> Self {
        let mut written = Self { dir: TempDir::new().unwrap(), source: Source::default() };
        written.source.file = Some(written.extra("authgate.toml", text));
        written
    }

    fn environment<const N: usize>(mut self, variables: [(&str, &str); N]) -> Self {
        self.source.environment = Environment::from_iter(variables);
        self
    }

    fn flags(mut self, flags: Flags) -> Self {
        self.source.flags = flags;
        self
    }

    /// Another file beside that of the settings.
    fn extra(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn load(&self) -> Config {
        Config::load(&self.source).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    /// The mistakes, a line each, with the directory left out.
    fn mistakes(&self) -> String {
        let mistakes = Config::load(&self.source).err().expect("no mistake was found");
        mistakes.to_string().replace(&format!("{}/", self.dir.path().display()), "")
    }

    /// What has no effect, a line each, with the directory left out.
    fn warnings(&self) -> String {
        let warnings: Vec<_> = self.load().warnings.iter().map(ToString::to_string).collect();
        warnings.join("\n").replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn mistakes_of(text: &str) -> String {
    Written::file(text).mistakes()
}
