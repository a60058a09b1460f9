//! `authgate reload` and `authgate upgrade`

use super::{Failure, SettingsFile};
use crate::config::{Config, Flags};
use crate::server::control::{self, Command};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Tell {
    #[command(flatten)]
    pub settings: SettingsFile,
    /// The socket of the gateway; beats server.control
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
}

impl Tell {
    pub(super) fn run(self, command: Command) -> Result<(), Failure> {
        out!("{}", self.ask(command)?);
        Ok(())
    }

    /// What the gateway answers, where it is known how to reach it and one is there.
    pub(super) fn ask_if_running(&self, config: &Config, command: Command) -> Option<String> {
        let path = self.control.as_ref().or(config.server.control.as_ref())?;
        control::tell(path, command).ok()
    }

    /// What the gateway answers.
    pub(super) fn ask(self, command: Command) -> Result<String, Failure> {
        let path = match self.control {
            Some(path) => path,
            None => self.settings.load(Flags::default())?.server.control.ok_or_else(|| {
                let advice = "set it and start the gateway again, or name its socket by --control";
                Failure::Refused(format!("server.control is not set; {advice}"))
            })?,
        };
        let told = control::tell(&path, command);
        told.map_err(|source| Failure::Tell { path, source })
    }
}
