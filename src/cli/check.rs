//! `authgate check`

use super::{Failure, SettingsFile};
use crate::config::Flags;
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
        for warning in &config.warnings {
            eprintln!("{warning}");
        }
        println!("{what}: no mistakes");
        Ok(())
    }
}
