//! `authgate token …`

use super::user::{Named, find, read_line};
use super::{Failure, SettingsFile, output};
use crate::auth::{Auth, Lifetime, NewTokenTerms, Proved, TokenName};
use crate::clock::Timestamp;
use crate::config;
use crate::model::event::Actor;
use crate::model::token::{TokenId, TokenRecord};
use crate::store::ListedToken;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(super) enum Token {
    /// Lists the live tokens of a user, or of all, those used or issued last first
    List(List),
    /// Tells whose a token is
    Find(Find),
    /// Issues a token to a user; it is shown this once
    Create(Create),
    /// Ends a token
    Revoke(NamedToken),
    /// Ends all tokens of a user, or all but one
    RevokeAll(RevokeAll),
}

#[derive(Args)]
pub(super) struct List {
    /// The user's name, or id:NUMBER; without it the tokens of all users are listed
    user: Option<String>,
    #[command(flatten)]
    settings: SettingsFile,
    /// At most so many of all users' [default: 100]
    #[arg(long, value_name = "N", conflicts_with = "user")]
    limit: Option<usize>,
    /// All of all users'
    #[arg(long, conflicts_with_all = ["limit", "user"])]
    all: bool,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Find {
    #[command(flatten)]
    token: NamedToken,
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Create {
    #[command(flatten)]
    user: Named,
    /// How long it holds: such as 90s, 10h or 7d, or never [default: `tokens.lifetime`, 10h]
    #[arg(long, value_name = "D", value_parser = parse_lifetime)]
    lifetime: Option<Lifetime>,
    /// What it is for; shown in lists
    #[arg(long)]
    name: Option<String>,
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

/// Which token a verb is about.
#[derive(Args)]
pub(super) struct NamedToken {
    /// The token, or its id as `token list` shows it. A token given here may stay in your shell's
    /// history: --token-stdin does not, and the id does no harm there
    #[arg(value_name = "TOKEN-OR-ID", required_unless_present = "token_stdin")]
    token: Option<String>,
    /// The token is the first line of standard input
    #[arg(long, conflicts_with = "token")]
    token_stdin: bool,
    #[command(flatten)]
    settings: SettingsFile,
}

#[derive(Args)]
pub(super) struct RevokeAll {
    #[command(flatten)]
    user: Named,
    /// The id of one that lives on
    #[arg(long, value_name = "ID")]
    keep: Option<TokenId>,
}

impl Token {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run().await,
            Self::Find(verb) => verb.run().await,
            Self::Create(verb) => verb.run().await,
            Self::Revoke(token) => {
                let (accounts, name) = token.read().await?;
                accounts.revoke_token(&name, Actor::CommandLine).await?;
                accounts.until_heard().await;
                out!("the token has ended");
                Ok(())
            }
            Self::RevokeAll(verb) => verb.run().await,
        }
    }
}

impl RevokeAll {
    async fn run(self) -> Result<(), Failure> {
        let (accounts, user) = self.user.find().await?;
        let name = &user.username;
        let said = match self.keep {
            None => {
                accounts.revoke_tokens(&user, Actor::CommandLine).await?;
                format!("all tokens of {name} have ended")
            }
            Some(keep) => {
                let by = Actor::CommandLine;
                let ended = accounts.revoke_other_tokens(&user, keep, by).await?;
                format!("{ended} tokens of {name} have ended; {keep} lives on")
            }
        };
        accounts.until_heard().await;
        out!("{}", output::plain(&said));
        Ok(())
    }
}

/// How many tokens of all users are listed where nothing is said.
const USUAL: usize = 100;
/// How many are read at once.
const PAGE: usize = 500;

impl List {
    async fn run(self) -> Result<(), Failure> {
        let accounts = self.settings.accounts().await?;
        let (tokens, none) = match &self.user {
            Some(name) => {
                let user = find(&accounts, name).await?;
                let none = format!("{} has no live tokens.", user.username);
                (accounts.tokens_of(&user).await?, none)
            }
            None => (self.of_all(&accounts).await?, "There are no live tokens.".to_owned()),
        };
        if self.json {
            output::json(&tokens.iter().map(as_json).collect());
        } else {
            print(&tokens, &none);
        }
        Ok(())
    }

    async fn of_all(&self, accounts: &Auth) -> Result<Vec<ListedToken>, Failure> {
        let most = if self.all { usize::MAX } else { self.limit.unwrap_or(USUAL) };
        let (mut tokens, mut after) = (Vec::new(), None);
        while tokens.len() < most {
            let limit = PAGE.min(most - tokens.len());
            let page = accounts.find_tokens(after.as_ref(), limit).await?;
            tokens.extend(page.tokens);
            after = page.next;
            if after.is_none() {
                return Ok(tokens);
            }
        }
        if self.limit.is_none() {
            err!("these are the first {most}; --all lists them all");
        }
        Ok(tokens)
    }
}

impl Find {
    async fn run(self) -> Result<(), Failure> {
        let (accounts, name) = self.token.read().await?;
        let token = accounts.find_token(&name).await?;
        if self.json {
            output::json(&as_json(&token));
        } else {
            print(&[token], "");
        }
        Ok(())
    }
}

impl Create {
    async fn run(self) -> Result<(), Failure> {
        let (accounts, user) = self.user.find().await?;
        let lifetime = self.lifetime.unwrap_or(Lifetime::Usual);
        let terms = NewTokenTerms { lifetime, name: self.name };
        let issued = accounts.create_token(user, terms, Proved::command_line()).await?;
        accounts.until_kept().await;
        if self.json {
            let mut object = record_as_json(&issued.record);
            if let Some(object) = object.as_object_mut() {
                object.insert("token".to_owned(), json!(issued.token.expose()));
            }
            output::json(&object);
            return Ok(());
        }
        // The token alone on standard output, so that a script can take it.
        out!("{}", issued.token.expose());
        let (name, id) = (&issued.user.username, issued.record.id());
        err!("token {id} of {name}, expires: {}; not shown again", end(issued.record.expires));
        Ok(())
    }
}

impl NamedToken {
    /// The accounts, and the token that was named, or else the one at the first line of standard
    /// input.
    async fn read(self) -> Result<(Auth, TokenName), Failure> {
        let text = self.token.map_or_else(read_line, Ok)?;
        Ok((self.settings.accounts().await?, TokenName::parse(text.trim().to_owned())))
    }
}

fn parse_lifetime(text: &str) -> Result<Lifetime, String> {
    match config::parse_lifetime(text)? {
        Some(span) if span.as_secs() > Lifetime::LONGEST => {
            Err("at most ten years, or never".to_owned())
        }
        span => Ok(span.map_or(Lifetime::Forever, Lifetime::Of)),
    }
}

fn end(expires: Option<Timestamp>) -> String {
    expires.map_or_else(|| "never".to_owned(), |moment| moment.to_string())
}

/// Prints tokens as a table, or `none` where there are none.
pub(super) fn print(tokens: &[ListedToken], none: &str) {
    let heads = [
        "ID",
        "USER",
        "NAME",
        "CREATED",
        "EXPIRES",
        "LAST USED",
        "FROM",
        "ISSUED BY",
        "ISSUED FROM",
        "USER AGENT",
    ];
    output::table(heads, tokens.iter().map(as_row).collect(), none);
}

fn as_row(token: &ListedToken) -> [String; 10] {
    let ListedToken { about, record, username } = token;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let used = about.last_used;
    [
        record.id().to_string(),
        username.to_string(),
        or_dash(about.name.clone()),
        record.created.to_string(),
        end(record.expires),
        used.map_or_else(|| "never".to_owned(), |(at, _)| at.to_string()),
        or_dash(used.map(|(_, from)| from.to_canonical().to_string())),
        about.issued_by.clone().unwrap_or_else(|| "a login".to_owned()),
        or_dash(about.address.map(|from| from.to_canonical().to_string())),
        or_dash(about.user_agent.clone()),
    ]
}

/// A token as data: never itself.
pub(super) fn as_json(token: &ListedToken) -> Value {
    let ListedToken { about, record, username } = token;
    let mut object = record_as_json(record);
    let more = json!({
        "user": username.as_str(),
        "name": about.name,
        "last_used": about.last_used.map(|(at, _)| at.to_string()),
        "last_used_from": about.last_used.map(|(_, from)| from.to_canonical()),
        "issued_by": about.issued_by,
        "issued_from": about.address.map(|from| from.to_canonical()),
        "user_agent": about.user_agent,
    });
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn record_as_json(token: &TokenRecord) -> Value {
    json!({
        "id": token.id().to_string(),
        "created": token.created.to_string(),
        "expires": token.expires.map(|moment| moment.to_string()),
    })
}
