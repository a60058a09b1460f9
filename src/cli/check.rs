//! `authgate check`

use super::{Failure, SettingsFile};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Flags, Mistake};
use crate::server::tls::Certificates;
use clap::Args;

#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    settings: SettingsFile,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let what = match &self.settings.config {
            Some(file) => file.display().to_string(),
            None => "the built-in defaults".to_owned(),
        };
        let config = self.settings.load(Flags::default())?;
        for Mistake { key, place, problem } in &config.warnings {
            err!("{place}: warning: {key}: {problem}");
        }
        for warning in certificate_warnings(&config) {
            err!("warning: {warning}");
        }
        out!("{what}: no mistakes");
        Ok(())
    }
}

/// What is no mistake of a certificate, and yet hardly what was wanted.
fn certificate_warnings(config: &Config) -> Vec<String> {
    let certificates = Certificates::of(&config.server);
    certificates.flat_map(|(_, certificates)| certificates.warnings(SystemClock.now())).collect()
}
