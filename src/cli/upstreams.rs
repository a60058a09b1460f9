//! `authgate upstreams`

use super::tell::Tell;
use super::{Failure, output};
use crate::server::control::Command;
use clap::Args;
use serde_json::Value;

#[derive(Args)]
pub(super) struct Upstreams {
    #[command(flatten)]
    gateway: Tell,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

impl Upstreams {
    pub(super) fn run(self) -> Result<(), Failure> {
        let told = self.gateway.ask(Command::Upstreams)?;
        let upstreams: Value = serde_json::from_str(&told)
            .map_err(|_| Failure::Refused("the gateway gives no sensible answer".to_owned()))?;
        if self.json {
            output::json(&upstreams);
            return Ok(());
        }
        let servers = |upstream: &Value| {
            let name = word(upstream, "name");
            let servers = upstream.get("servers").and_then(Value::as_array).into_iter().flatten();
            servers.map(|server| row(&name, server)).collect::<Vec<_>>()
        };
        let rows = upstreams.as_array().into_iter().flatten().flat_map(servers);
        let heads = ["UPSTREAM", "SERVER", "STATE", "IN FLIGHT", "LAST FAILURE"];
        output::table(heads, rows.collect(), "There are no upstreams.");
        Ok(())
    }
}

fn row(upstream: &str, server: &Value) -> [String; 5] {
    let seconds = |key: &str| server.get(key).and_then(Value::as_f64);
    let state = match seconds("left_out_for") {
        Some(left) => format!("left out for {left:.0} s"),
        None => word(server, "state"),
    };
    let failure = match (word(server, "last_failure"), seconds("last_failure_ago")) {
        (why, Some(ago)) => format!("{ago:.0} s ago: {why}"),
        (why, None) if why.is_empty() => "-".to_owned(),
        (why, None) => why,
    };
    let address = word(server, "address");
    let place = if address.is_empty() { word(server, "written") } else { address };
    let in_flight = server.get("in_flight").map_or_else(String::new, Value::to_string);
    [upstream.to_owned(), place, state, in_flight, failure]
}

fn word(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}
