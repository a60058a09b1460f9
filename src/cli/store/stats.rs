//! `authgate store stats`

use super::super::{Failure, output};
use super::Which;
use crate::clock::Timestamp;
use crate::store::whole::{Room, Stats};
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    which: Which,
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

type Span = Option<(Timestamp, Timestamp)>;

impl Show {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = self.which.load()?;
        let stats = Which::open(&config)?.stats().await?;
        if self.json {
            output::json(&as_json(&stats));
        } else {
            print(&stats);
        }
        Ok(())
    }
}

fn print(stats: &Stats) {
    let Stats { active, dead_tokens, good_tokens, staff, users, .. } = stats;
    let line = |label: &str, text: &str| out!("{label:<9}{}", output::plain(text));
    line("store:", &stats.summary);
    line("schema:", &stats.schema.to_string());
    line("bytes:", &stats.bytes.to_string());
    line("users:", &format!("{users} ({active} active, {staff} staff){}", span(stats.joined)));
    line(
        "tokens:",
        &format!("{good_tokens} good, {dead_tokens} expired or ended{}", span(stats.issued)),
    );
    if let Some((first, last)) = stats.happened {
        line("events:", &format!("{first} to {last}"));
    }
    out!();
    let row = |room: &Room| {
        let bytes = room.bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
        [room.what.clone(), room.count.to_string(), bytes]
    };
    output::table(["KIND", "COUNT", "BYTES"], stats.rooms.iter().map(row).collect(), "Nothing.");
}

fn span(span: Span) -> String {
    span.map(|(first, last)| format!(", {first} to {last}")).unwrap_or_default()
}

fn as_json(stats: &Stats) -> Value {
    let span = |span: Span| {
        span.map(|(first, last)| json!({ "oldest": first.to_string(), "newest": last.to_string() }))
    };
    let room = |room: &Room| json!({ "kind": room.what, "count": room.count, "bytes": room.bytes });
    json!({
        "store": stats.summary,
        "schema": stats.schema,
        "bytes": stats.bytes,
        "users": stats.users,
        "active_users": stats.active,
        "staff": stats.staff,
        "joined": span(stats.joined),
        "good_tokens": stats.good_tokens,
        "dead_tokens": stats.dead_tokens,
        "issued": span(stats.issued),
        "happened": span(stats.happened),
        "kinds": stats.rooms.iter().map(room).collect::<Vec<_>>(),
    })
}
