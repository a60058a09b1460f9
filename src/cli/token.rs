//! `authgate token …`

use super::{Failure, SettingsFile, output};
use crate::auth::{Lifetime, NewTokenTerms, TokenName};
use crate::clock::Timestamp;
use crate::config;
use crate::model::event::Actor;
use crate::model::token::TokenRecord;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(super) enum Token {
    /// Lists the live tokens of a user
    List(List),
    /// Issues a token to a user; it is shown this once
    Create(Create),
    /// Ends a token
    Revoke(Revoke),
    /// Ends all tokens of a user
    RevokeAll(RevokeAll),
}

#[derive(Args)]
pub(super) struct List {
    /// The user's name
    user: String,
    #[command(flatten)]
    settings: SettingsFile,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Create {
    /// The user's name
    user: String,
    #[command(flatten)]
    settings: SettingsFile,
    /// How long it holds: such as 90s, 10h or 7d, or never [default: `tokens.lifetime`, 10h]
    #[arg(long, value_name = "D", value_parser = parse_lifetime)]
    lifetime: Option<Lifetime>,
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Revoke {
    /// The token, or its id as `token list` shows it. A token given here may stay in your shell's
    /// history: the id does no harm there
    #[arg(value_name = "TOKEN-OR-ID")]
    token: String,
    #[command(flatten)]
    settings: SettingsFile,
}

#[derive(Args)]
pub(super) struct RevokeAll {
    /// The user's name
    user: String,
    #[command(flatten)]
    settings: SettingsFile,
}

impl Token {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run().await,
            Self::Create(verb) => verb.run().await,
            Self::Revoke(Revoke { token, settings }) => {
                let accounts = settings.accounts()?;
                accounts.revoke_token(&TokenName::parse(token), Actor::CommandLine).await?;
                accounts.until_heard().await;
                println!("the token has ended");
                Ok(())
            }
            Self::RevokeAll(RevokeAll { user, settings }) => {
                let accounts = settings.accounts()?;
                let found = accounts.user_named(&user).await?;
                accounts.revoke_tokens(&found, Actor::CommandLine).await?;
                accounts.until_heard().await;
                println!("all tokens of {user} have ended");
                Ok(())
            }
        }
    }
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let accounts = self.settings.accounts()?;
        let user = accounts.user_named(&self.user).await?;
        let tokens = accounts.tokens_of(&user).await?;
        let tokens: Vec<_> = tokens.into_iter().map(|token| token.record).collect();
        if self.json {
            output::json(&tokens.iter().map(as_json).collect());
            return Ok(());
        }
        let rows = tokens
            .iter()
            .map(|token| [token.id().to_string(), token.created.to_string(), end(token.expires)]);
        let none = format!("{} has no live tokens.", user.username);
        output::table(["ID", "CREATED", "EXPIRES"], rows.collect(), &none);
        Ok(())
    }
}

impl Create {
    async fn run(self) -> Result<(), Failure> {
        let accounts = self.settings.accounts()?;
        let user = accounts.user_named(&self.user).await?;
        let lifetime = self.lifetime.unwrap_or(Lifetime::Usual);
        let terms = NewTokenTerms { lifetime, name: None };
        let issued = accounts.create_token(user, terms, Actor::CommandLine).await?;
        accounts.until_kept().await;
        if self.json {
            let mut object = as_json(&issued.record);
            if let Some(object) = object.as_object_mut() {
                object.insert("token".to_owned(), json!(issued.token.expose()));
            }
            output::json(&object);
            return Ok(());
        }
        // The token alone on standard output, so that a script can take it.
        println!("{}", issued.token.expose());
        let (name, id) = (&issued.user.username, issued.record.id());
        eprintln!("token {id} of {name}, expires: {}; not shown again", end(issued.record.expires));
        Ok(())
    }
}

fn parse_lifetime(text: &str) -> Result<Lifetime, String> {
    Ok(config::parse_lifetime(text)?.map_or(Lifetime::Forever, Lifetime::Of))
}

fn end(expires: Option<Timestamp>) -> String {
    expires.map_or_else(|| "never".to_owned(), |moment| moment.to_string())
}

fn as_json(token: &TokenRecord) -> Value {
    json!({
        "id": token.id().to_string(),
        "created": token.created.to_string(),
        "expires": token.expires.map(|moment| moment.to_string()),
    })
}
