//! `authgate events`

use super::{Failure, SettingsFile, output};
use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::model::event::{Event, EventName};
use crate::model::user::Username;
use crate::store::EventQuery;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, value_parser};
use serde_json::{Value, json};
use std::time::Duration;

#[derive(Args)]
pub(super) struct Events {
    #[command(flatten)]
    settings: SettingsFile,
    /// How many, the newest; at most 100000
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Only those of this user's account, deleted ones too
    #[arg(long, value_name = "NAME", value_parser = parse_user)]
    user: Option<Username>,
    /// Only those of this name
    #[arg(long, value_name = "EVENT", value_parser = event_names())]
    name: Option<EventName>,
    /// Only those of the last time: such as 90s, 10h or 7d
    #[arg(long, value_name = "D", value_parser = parse_span)]
    since: Option<Duration>,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

impl Events {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self { settings, limit, user, name, since, json } = self;
        let since = since.map(|span| SystemClock.now().minus(span));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let query = EventQuery { limit, name, since, user };
        let mut events = settings.accounts()?.events(&query).await?;
        events.reverse();
        if json {
            output::json(&events.iter().map(as_json).collect());
            return Ok(());
        }
        let heads = ["TIME", "EVENT", "USER", "FROM", "BY", "DETAIL"];
        output::table(heads, events.iter().map(as_row).collect(), "There are no such events.");
        Ok(())
    }
}

fn event_names() -> impl TypedValueParser<Value = EventName> {
    let names = EventName::ALL.iter().map(|name| name.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

fn parse_user(text: &str) -> Result<Username, String> {
    Username::existing(text).ok_or_else(|| "no user can be called that".to_owned())
}

fn parse_span(text: &str) -> Result<Duration, String> {
    let problem = "write how long ago, such as 10h or 7d";
    config::parse_lifetime(text)?.ok_or_else(|| problem.to_owned())
}

fn as_json(event: &Event) -> Value {
    json!({
        "timestamp": event.at.to_string(),
        "event": event.name.as_str(),
        "user": event.user.as_ref().map(|(_, name)| name.as_str()),
        "user_id": event.user.as_ref().map(|(id, _)| id.0),
        "address": event.actor.address().map(|address| address.to_string()),
        "actor": event.actor.kind(),
        "detail": event.detail,
    })
}

fn as_row(event: &Event) -> [String; 6] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        event.at.to_string(),
        event.name.to_string(),
        or_dash(event.user.as_ref().map(|(_, name)| name.to_string())),
        or_dash(event.actor.address().map(|address| address.to_string())),
        event.actor.kind().to_owned(),
        event.detail.clone().unwrap_or_default(),
    ]
}
