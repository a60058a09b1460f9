//! `authgate key …`

use super::events::parse_span;
use super::user::Named;
use super::{Failure, output};
use crate::auth::{ApiKey, KeyWish, Proved, Right, Rights};
use crate::model::event::Actor;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Subcommand)]
pub(super) enum Key {
    /// Lists the API keys of an operator
    List(List),
    /// Makes an API key that acts for an operator; it is shown this once
    Create(Create),
    /// Ends an API key
    Revoke(Revoke),
}

#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    owner: Named,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Create {
    #[command(flatten)]
    owner: Named,
    /// What to call the key
    name: String,
    /// What it is good for, such as users:read or tokens:write; may be given several times. Parts:
    /// users, tokens, limits (to read or write), events, routes, settings, overview (to read)
    #[arg(long = "right", value_name = "RIGHT", required_unless_present = "all_rights")]
    rights: Vec<Right>,
    /// It is good for everything
    #[arg(long, conflicts_with = "rights")]
    all_rights: bool,
    /// How long it holds: such as 10h or 7d; a year at most
    #[arg(long, value_name = "D", default_value = "90d", value_parser = parse_span)]
    lifetime: Duration,
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Revoke {
    #[command(flatten)]
    owner: Named,
    /// The key's id, as `key list` shows it
    id: String,
}

impl Key {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run().await,
            Self::Create(verb) => verb.run().await,
            Self::Revoke(Revoke { owner, id }) => {
                let (accounts, owner) = owner.find().await?;
                let key = accounts.revoke_key(&owner, &id, Actor::CommandLine).await?;
                accounts.until_kept().await;
                out!("the key {} has ended", key.name);
                Ok(())
            }
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let (accounts, owner) = self.owner.find().await?;
        let keys = accounts.keys_of(owner.id).await.map_err(Failure::auth)?;
        if self.json {
            output::json(&keys.iter().map(as_json).collect());
            return Ok(());
        }
        let rows = keys.iter().map(|key| {
            let used = key.last_used.map_or_else(|| "never".to_owned(), |(at, _)| at.to_string());
            let (created, expires) = (key.created.to_string(), key.expires.to_string());
            let from = key.last_used.map_or_else(|| "-".to_owned(), |(_, from)| from.to_string());
            [key.id.clone(), key.name.clone(), key.rights.to_string(), created, expires, used, from]
        });
        let none = format!("{} has no API keys.", owner.username);
        let heads = ["ID", "NAME", "RIGHTS", "CREATED", "EXPIRES", "LAST USED", "FROM"];
        output::table(heads, rows.collect(), &none);
        Ok(())
    }
}

impl Create {
    async fn run(self) -> Result<(), Failure> {
        let (accounts, owner) = self.owner.find().await?;
        let rights =
            if self.all_rights { Rights::all() } else { self.rights.into_iter().collect() };
        let wish = KeyWish { lifetime: self.lifetime, name: self.name, rights };
        let (secret, key) = accounts.create_key(&owner, wish, Proved::command_line()).await?;
        accounts.until_kept().await;
        if self.json {
            let mut object = as_json(&key);
            if let Some(object) = object.as_object_mut() {
                object.insert("key".to_owned(), json!(secret.expose()));
            }
            output::json(&object);
            return Ok(());
        }
        // The key alone on standard output, so that a script can take it.
        out!("{}", secret.expose());
        let (name, rights, expires) = (&owner.username, &key.rights, key.expires);
        err!("key {} of {name} for {rights}, expires: {expires}; not shown again", key.id);
        Ok(())
    }
}

fn as_json(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "rights": Vec::from(key.rights.clone()),
        "created": key.created.to_string(),
        "expires": key.expires.to_string(),
        "last_used": key.last_used.map(|(at, _)| at.to_string()),
        "last_used_from": key.last_used.map(|(_, from)| from.to_string()),
    })
}
