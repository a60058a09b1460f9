//! The settings: the file as written, the environment and the flags become each part's own
//! `Settings`, or the list of all that is wrong with them.
//!
//! One layer lies over the other in `layers`; the result is read section by section, in
//! `sections`, by a `section::Section` that notes every mistake and goes on.

mod effective;
mod environment;
mod layers;
mod mistake;
mod report;
mod section;
mod sections;
mod values;
mod written;

pub use self::environment::Environment;
pub use self::layers::{Flags, Source};
pub use self::mistake::{Mistake, Mistakes, Place};

use self::report::Report;
use self::written::Value;
use crate::server::log::LogSettings;
use crate::{admin, auth, gateway, server, store};
use std::time::Duration;

/// The settings of every part. May hold a password, so it has no Debug.
#[derive(Clone)]
pub struct Config {
    /// Of the console; `None` if there is none.
    pub admin: Option<admin::Settings>,
    /// Of accounts and tokens.
    pub auth: auth::Settings,
    /// What is set, where each setting comes from and what it means.
    pub effective: Vec<admin::Setting>,
    /// Of the proxy.
    pub gateway: gateway::Settings,
    /// Of the log.
    pub log: LogSettings,
    /// Of the process and its listeners.
    pub server: server::Settings,
    /// Where users and tokens are kept.
    pub store: store::Settings,
    /// What is written but has no effect.
    pub warnings: Vec<Mistake>,
}

impl Config {
    /// Reads the settings, or says all that is wrong with them.
    ///
    /// Flags beat the environment, which beats the file, which beats the defaults.
    pub fn load(source: &Source) -> Result<Self, Mistakes> {
        let mut report = Report::default();
        let written = layers::gather(source, &mut report);
        let mut config = sections::read(written, &mut report);
        config.warnings = report.take_warnings();
        config.effective = std::mem::take(report.effective()).settings();
        report.into_mistakes().map_or(Ok(config), Err)
    }
}

/// Reads how long something holds, as settings write it: `90s`, `10h`, `7d`; `None` is `never`.
pub fn parse_lifetime(text: &str) -> Result<Option<Duration>, String> {
    values::duration_or_never(&Value::Text(text.to_owned()))
}

#[cfg(test)]
mod tests;
