//! `authgate limits …`

use super::{Failure, SettingsFile, output};
use crate::auth::LimitView;
use crate::clock::seconds_up;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(super) enum Limits {
    /// Lists what counts against limits in the store, and who is refused. With SQLite, unknown tokens
    /// and requests of a class are counted in the gateway's memory, and not listed
    Show(Show),
    /// Forgets what counts against limits: for all, for one account, or for one network
    Clear(Clear),
}

#[derive(Args)]
pub(super) struct Show {
    #[command(flatten)]
    whose: Whose,
    /// Only those who are refused now
    #[arg(long)]
    refused: bool,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Clear {
    #[command(flatten)]
    whose: Whose,
    /// For everyone
    #[arg(long, conflicts_with_all = ["user", "network"], required_unless_present_any = ["user", "network"])]
    all: bool,
}

#[derive(Args)]
struct Whose {
    /// Of this account, whether or not it exists
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Of the network that holds this address
    #[arg(long, value_name = "IP")]
    network: Option<std::net::IpAddr>,
    #[command(flatten)]
    settings: SettingsFile,
}

impl Limits {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Show(verb) => verb.run().await,
            Self::Clear(Clear { whose, .. }) => {
                let Whose { user, network, settings } = whose;
                let accounts = settings.accounts()?;
                let count = accounts.clear_limits(user.as_deref(), network).await?;
                accounts.until_heard().await;
                let s = if count == 1 { "" } else { "s" };
                println!("{count} limit{s} cleared; running gateways notice within a second");
                Ok(())
            }
        }
    }
}

impl Show {
    async fn run(self) -> Result<(), Failure> {
        let Whose { user, network, settings } = self.whose;
        let accounts = settings.accounts()?;
        let mut found = accounts.limits(user.as_deref(), network).await?;
        found.retain(|limit| !self.refused || limit.wait.is_some());
        if self.json {
            output::json(&found.iter().map(as_json).collect());
            return Ok(());
        }
        let rows = found.iter().map(|limit| {
            let wait = limit.wait.map_or_else(String::new, |wait| format!("{}s", seconds_up(wait)));
            [limit.limit.clone(), whose(limit), wait]
        });
        let none = "Nothing counts against a limit.";
        output::table(["LIMIT", "WHOSE", "REFUSED FOR"], rows.collect(), none);
        Ok(())
    }
}

/// The account's name where somebody has it, and what else the limit is of.
fn whose(limit: &LimitView) -> String {
    match &limit.username {
        Some(name) => limit
            .whose
            .split_once(' ')
            .map_or_else(|| name.clone(), |(_, network)| format!("{name} {network}")),
        None => limit.whose.clone(),
    }
}

fn as_json(limit: &LimitView) -> Value {
    json!({
        "limit": limit.limit,
        "whose": limit.whose,
        "user": limit.username,
        "refused_for": limit.wait.map(seconds_up),
    })
}
