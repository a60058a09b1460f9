//! `authgate settings`

use super::{Failure, SettingsFile, output};
use crate::config::Flags;
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub(super) struct Settings {
    #[command(flatten)]
    file: SettingsFile,
    /// Only those that do not have their defaults
    #[arg(long)]
    changed: bool,
    /// As a JSON array, with what each setting does
    #[arg(long)]
    json: bool,
}

impl Settings {
    pub(super) fn run(self) -> Result<(), Failure> {
        let settings = self.file.load(Flags::default())?.effective.into_iter();
        let settings = settings.filter(|one| one.origin.is_some() || !self.changed);
        if self.json {
            let settings = settings.map(|one| {
                json!({
                    "name": one.name,
                    "value": one.value,
                    "origin": one.origin,
                    "meaning": one.meaning,
                })
            });
            output::json(&settings.collect());
            return Ok(());
        }
        let row = |origin: Option<String>| origin.unwrap_or_else(|| "default".to_owned());
        let rows = settings.map(|one| [one.name, one.value, row(one.origin)]);
        output::table(
            ["SETTING", "VALUE", "FROM"],
            rows.collect(),
            "Every setting has its default.",
        );
        Ok(())
    }
}
