//! `authgate overview`

use super::tell::Tell;
use super::{Failure, accounts_of, output};
use crate::auth::{Concern, Counts, Overview, Tallies};
use crate::config::Flags;
use crate::server::control::Command;
use crate::server::tls::Certificates;
use crate::store::Census;
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
pub(super) struct Show {
    #[command(flatten)]
    gateway: Tell,
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = self.gateway.settings.load(Flags::default())?;
        let certificates: Vec<_> = Certificates::of(&config.server).collect();
        // The settings may have changed since the gateway read them.
        let mode = self.gateway.ask_if_running(&config, Command::Mode);
        let is_shadow = mode.map_or(config.gateway.is_shadow(), |mode| mode == Command::SHADOW);
        let accounts = accounts_of(config)?;
        // One that is away is among what needs attention.
        if let Err(error) = accounts.refuse_half().await
            && !error.is_away()
        {
            return Err(error.into());
        }
        drop(accounts.know_time().await);
        for (listener, certificates) in certificates {
            accounts.metrics().listener_shows(listener, certificates.shown_at(listener));
        }
        let found = accounts.overview().await;
        let mut concerns = found.concerns();
        if is_shadow {
            concerns.insert(0, Concern::unguarded());
        }
        if self.json {
            output::json(&as_json(&found, concerns, is_shadow));
        } else {
            print(&found, &concerns);
        }
        found.outage().map_or(Ok(()), |error| Err(Failure::auth(error)))
    }
}

fn print(found: &Overview, concerns: &[Concern]) {
    out!("Needs attention, as far as the store and the settings tell it:");
    if concerns.is_empty() {
        out!("  nothing");
    }
    for Concern { is_bad, words, .. } in concerns {
        out!("  {}: {}", if *is_bad { "wrong" } else { "look" }, output::plain(words));
    }
    out!();
    if let Ok(census) = &found.census {
        let Census { at, inactive, staff, tokens, users } = census;
        out!("{:<13}{users} ({staff} staff, {inactive} inactive)", "users:");
        out!("{:<13}{tokens} (as of {at})", "live tokens:");
    }
    if let Ok(inspection) = &found.inspection {
        out!("{:<13}{}", "store:", output::plain(&inspection.summary));
    }
    if let Ok(history) = &found.history {
        out!();
        let row = |label: &str, counts: Counts| {
            let requests = counts.requests();
            let Counts { logins_ok, logins_failed, requests_401, requests_403, .. } = counts;
            let Counts { requests_429, requests_5xx, .. } = counts;
            let numbers = [logins_ok, logins_failed, requests, requests_401, requests_403];
            let [ok, failed, all, unknown, forbidden] = numbers.map(|number| number.to_string());
            let [throttled, broken] = [requests_429, requests_5xx].map(|number| number.to_string());
            [label.to_owned(), ok, failed, all, unknown, forbidden, throttled, broken]
        };
        let rows = [("last hour", &history.hour), ("last day", &history.day)];
        let rows = rows.map(|(label, spans)| row(label, Counts::of(&Tallies::sum(spans))));
        let heads = ["", "LOGINS", "FAILED", "REQUESTS", "401", "403", "429", "5XX"];
        output::table(heads, rows.into(), "");
    }
}

/// With the names that the console's API has.
fn as_json(found: &Overview, concerns: Vec<Concern>, is_shadow: bool) -> Value {
    let census = found.census.as_ref().ok();
    let history = found.history.as_ref().ok();
    let inspection = found.inspection.as_ref().ok();
    let concern = |concern: Concern| json!({ "is_bad": concern.is_bad, "words": concern.words });
    json!({
        "users": census.map(|census| census.users),
        "inactive_users": census.map(|census| census.inactive),
        "staff": census.map(|census| census.staff),
        "live_tokens": census.map(|census| census.tokens),
        "counted_at": census.map(|census| census.at.to_string()),
        "last_hour": history.map(|history| Counts::of(&Tallies::sum(&history.hour))),
        "last_day": history.map(|history| Counts::of(&Tallies::sum(&history.day))),
        "store": inspection.map(|found| {
            json!({ "summary": found.summary, "warnings": found.warnings })
        }),
        "is_shadow": is_shadow,
        "attention": concerns.into_iter().map(concern).collect::<Vec<_>>(),
    })
}
