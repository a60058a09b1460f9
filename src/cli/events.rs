//! `authgate events`

mod follow;
mod lines;

use super::{Failure, SettingsFile, output};
use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::model::event::{Actor, Event, EventName};
use crate::model::network::read_network;
use crate::model::user::Username;
use crate::store::EventQuery;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, value_parser};
use ipnet::IpNet;
use std::time::Duration;

#[derive(Args)]
pub(super) struct Events {
    #[command(flatten)]
    settings: SettingsFile,
    /// How many, the newest; at most 100000 [default: 100; with --jsonl all]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=100_000))]
    limit: Option<u32>,
    #[command(flatten)]
    wanted: Wanted,
    /// As a JSON array
    #[arg(long, conflicts_with = "jsonl")]
    json: bool,
    /// As JSON, a line each: all of them, the newest first, as the console exports them
    #[arg(long)]
    jsonl: bool,
    /// Shows those that come from now on, until it is stopped (Ctrl-C)
    #[arg(long, conflicts_with_all = ["limit", "json", "since", "until"])]
    follow: bool,
}

/// How many are shown where nothing is said.
const USUAL: usize = 100;

/// Which events are wanted.
#[derive(Args)]
struct Wanted {
    /// Only those of this user's account, deleted ones too
    #[arg(long, value_name = "NAME", value_parser = username)]
    user: Option<Username>,
    /// Only those of this name
    #[arg(long, value_name = "EVENT", value_parser = event_names())]
    name: Option<EventName>,
    /// Only those from this address, or from an address in this network
    #[arg(long, value_name = "IP", value_parser = parse_network)]
    address: Option<IpNet>,
    /// Only those of this kind of actor
    #[arg(long, value_name = "KIND", value_parser = actors())]
    actor: Option<&'static str>,
    /// Only what this operator did at the console or with an API key
    #[arg(long, value_name = "NAME", value_parser = username)]
    operator: Option<Username>,
    /// Only those whose detail holds this
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only those of the last time: such as 90s, 10h or 7d
    #[arg(long, value_name = "D", value_parser = parse_span)]
    since: Option<Duration>,
    /// Only those before the last time: such as 90s, 10h or 7d
    #[arg(long, value_name = "D", value_parser = parse_span)]
    until: Option<Duration>,
}

impl Events {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Self { settings, limit, wanted, json, jsonl, follow } = self;
        let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let accounts = settings.accounts().await?;
        if follow {
            return follow::run(&accounts, wanted.query(0), jsonl).await;
        }
        if jsonl {
            return lines::print(&accounts, wanted.query(0), limit.unwrap_or(usize::MAX)).await;
        }
        let mut events = accounts.events(&wanted.query(limit.unwrap_or(USUAL))).await?;
        events.reverse();
        if json {
            output::json(&events.iter().map(Event::to_json).collect());
            return Ok(());
        }
        print(&events, "There are no such events.");
        Ok(())
    }
}

/// Prints events as a table, or `none` where there are none.
pub(super) fn print(events: &[Event], none: &str) {
    let heads = ["TIME", "EVENT", "USER", "FROM", "BY", "DETAIL"];
    output::table(heads, events.iter().map(as_row).collect(), none);
}

impl Wanted {
    fn query(self, limit: usize) -> EventQuery {
        let Self { user, name, address, actor, operator, text, since, until } = self;
        let ago = |span: Option<Duration>| span.map(|span| SystemClock.now().minus(span));
        let (since, until) = (ago(since), ago(until));
        EventQuery { actor, address, after: None, limit, name, operator, since, text, until, user }
    }
}

fn actors() -> impl TypedValueParser<Value = &'static str> {
    let known = |kind: String| Actor::KINDS.into_iter().find(|known| *known == kind);
    PossibleValuesParser::new(Actor::KINDS)
        .try_map(move |kind| known(kind).ok_or("there is no such kind"))
}

/// Operators ask for any name, one too that nobody can have.
#[expect(clippy::unnecessary_wraps, reason = "the parser of an argument may fail")]
fn username(text: &str) -> Result<Username, String> {
    Ok(Username::stored(text.to_owned()))
}

fn event_names() -> impl TypedValueParser<Value = EventName> {
    let names = EventName::ALL.iter().map(|name| name.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

/// An address is the network that holds it alone.
pub(super) fn parse_network(text: &str) -> Result<IpNet, String> {
    let words = "write an address, or a network such as 203.0.113.0/24";
    read_network(text).ok_or_else(|| words.to_owned())
}

pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let problem = "write how long, such as 10h or 7d";
    config::parse_lifetime(text)?.ok_or_else(|| problem.to_owned())
}

fn as_row(event: &Event) -> [String; 6] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        event.at.to_string(),
        event.name.to_string(),
        or_dash(event.user.as_ref().map(|(_, name)| name.to_string())),
        or_dash(event.actor.address().map(|address| address.to_string())),
        match event.actor.operator() {
            Some(operator) => format!("{} {operator}", event.actor.kind()),
            None => event.actor.kind().to_owned(),
        },
        event.detail.clone().unwrap_or_default(),
    ]
}
