//! `authgate limits …`

use super::events::{parse_network, parse_span};
use super::{Failure, SettingsFile, output};
use crate::auth::{Decider, LimitView, NewRuling, Proved, Ruling};
use crate::clock::seconds_up;
use crate::model::event::Actor;
use clap::{Args, Subcommand};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Subcommand)]
pub(super) enum Limits {
    /// Lists what counts against limits in the store, and who is refused. With SQLite, unknown tokens
    /// and requests of a class are counted in the gateway's memory, and not listed
    Show(Show),
    /// Forgets what counts against limits: for all, for one account, for one network, or some of it
    Clear(Clear),
    /// Lists the networks that are allowed or denied, by the settings and by operators
    Networks(Networks),
    /// Has no limit hold for a network; running gateways notice within a second
    Allow(Rule),
    /// Has a network refused, everywhere; running gateways notice within a second
    Deny(Rule),
    /// Has a network treated as the settings say again; running gateways notice within a second
    Forget(Forget),
}

#[derive(Args)]
pub(super) struct Networks {
    #[command(flatten)]
    settings: SettingsFile,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Rule {
    #[command(flatten)]
    settings: SettingsFile,
    /// An address, or a network such as 203.0.113.0/24; the smallest that holds an address counts
    #[arg(value_parser = parse_network)]
    network: IpNet,
    /// For how long: such as 1h or 7d; else until it is forgotten
    #[arg(long = "for", value_name = "D", value_parser = parse_span)]
    lasts: Option<Duration>,
    /// Why, for other operators
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

#[derive(Args)]
pub(super) struct Forget {
    #[command(flatten)]
    settings: SettingsFile,
    /// The network as `authgate limits networks` lists it
    #[arg(value_parser = parse_network)]
    network: IpNet,
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
    #[arg(long, conflicts_with_all = ["user", "network"])]
    #[arg(required_unless_present_any = ["user", "network", "limit"])]
    all: bool,
    /// Only this limit, as `limits show` calls it
    #[arg(long, value_name = "LIMIT")]
    limit: Option<String>,
    /// Only the one of these, as `limits show` tells whose it is
    #[arg(long, value_name = "WHOSE", requires = "limit")]
    of: Option<String>,
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
            Self::Clear(verb) => verb.run().await,
            Self::Networks(verb) => verb.run().await,
            Self::Allow(rule) => rule.run(false).await,
            Self::Deny(rule) => rule.run(true).await,
            Self::Forget(verb) => verb.run().await,
        }
    }
}

impl Clear {
    async fn run(self) -> Result<(), Failure> {
        let Self { whose: account, limit, of, .. } = self;
        let accounts = account.settings.accounts().await?;
        let (name, network) = (account.user.as_deref(), account.network);
        let by = Proved::command_line();
        let count = match limit {
            None => accounts.clear_limits(name, network, by).await?,
            Some(limit) => {
                let mut found = accounts.limits(name, network).await?;
                found.retain(|view| {
                    let is_this = |text: &String| *text == view.whose || *text == whose(view);
                    view.limit == limit && of.as_ref().is_none_or(is_this)
                });
                let keys = found.iter().map(LimitView::key).collect();
                accounts.clear_these_limits(keys, by).await?
            }
        };
        accounts.until_heard().await;
        let s = if count == 1 { "" } else { "s" };
        out!("{count} limit{s} cleared; running gateways notice within a second");
        Ok(())
    }
}

impl Show {
    async fn run(self) -> Result<(), Failure> {
        let Whose { user, network, settings } = self.whose;
        let accounts = settings.accounts().await?;
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

impl Networks {
    async fn run(self) -> Result<(), Failure> {
        let accounts = self.settings.accounts().await?;
        let (file, rulings) = (accounts.networks_of_file(), accounts.rulings().await?);
        if self.json {
            let of_file = |networks: &[IpNet], treatment| {
                let rows = networks.iter().map(move |network| {
                    json!({ "network": network.to_string(), "treatment": treatment, "from": "file" })
                });
                rows.collect::<Vec<_>>()
            };
            let of_file = [of_file(&file.allow, "allowed"), of_file(&file.deny, "denied")].concat();
            output::json(&of_file.into_iter().chain(rulings.iter().map(ruling_as_json)).collect());
            return Ok(());
        }
        let of_file = |networks: &[IpNet], treatment: &str| {
            let row = |network: &IpNet| {
                let words = [&network.to_string(), treatment, "the settings file", "", ""];
                words.map(str::to_owned)
            };
            networks.iter().map(row).collect::<Vec<_>>()
        };
        let mut rows = of_file(&file.allow, "allowed");
        rows.extend(of_file(&file.deny, "denied"));
        rows.extend(rulings.iter().map(|ruling| {
            let until = ruling.until.map_or_else(|| "forgotten".to_owned(), |end| end.to_string());
            let Ruling { by, network, note, .. } = ruling;
            [network.to_string(), ruling.words().to_owned(), by.clone(), until, note.clone()]
        }));
        let none = "No network is treated in a way of its own.";
        output::table(["NETWORK", "IS", "BY", "UNTIL", "NOTE"], rows, none);
        Ok(())
    }
}

impl Rule {
    async fn run(self, is_denied: bool) -> Result<(), Failure> {
        let Self { settings, network, lasts, note } = self;
        let accounts = settings.accounts().await?;
        let ruling =
            accounts.rule(NewRuling { is_denied, lasts, network, note }, operator()).await?;
        accounts.until_heard().await;
        out!("{} is {}", ruling.network, ruling.words());
        Ok(())
    }
}

impl Forget {
    async fn run(self) -> Result<(), Failure> {
        let accounts = self.settings.accounts().await?;
        if !accounts.forget_network(self.network, operator()).await? {
            let words = format!("no operator has allowed or denied {}", self.network);
            return Err(Failure::Refused(words));
        }
        accounts.until_heard().await;
        out!("{} is treated as the settings say", self.network);
        Ok(())
    }
}

/// Whoever is at the command line cannot shut themselves out.
fn operator() -> Decider {
    let proved = Some(Proved::command_line());
    Decider { by: Actor::CommandLine, knows: true, proved }
}

fn ruling_as_json(ruling: &Ruling) -> Value {
    json!({
        "network": ruling.network.to_string(),
        "treatment": ruling.words(),
        "from": "operator",
        "by": ruling.by,
        "at": ruling.at.to_string(),
        "until": ruling.until.map(|until| until.to_string()),
        "note": ruling.note,
    })
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
