//! `/routes/`: which requests lead where, how the apps are, and what would become of a request.

mod explain;
mod table;
mod told;
mod upstreams;

use super::page::Nav;
use super::refusal::Refusal;
use super::site::Site;
use crate::gateway::ConsoleAnswer;
use maud::html;
use std::time::Duration;

/// All below `/routes/`.
pub(super) async fn answer(site: &Site<'_>, rest: &[&str]) -> Result<ConsoleAnswer, Refusal> {
    match rest {
        [] => routes(site),
        ["explain"] => explain::answer(site).await,
        _ => Err(Refusal::NotFound),
    }
}

fn routes(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let reading = site.reading();
    let warnings: Vec<_> =
        reading.warnings.iter().filter(|text| text.contains(": routes")).collect();
    let body = html! {
        @if !warnings.is_empty() {
            div.alert.warn {
                p { "Written, but perhaps not what was wanted:" }
                ul.plain { @for warning in warnings { li { (warning) } } }
            }
        }
        (upstreams::panels(&site.gateway().upstreams()))
        (table::shown(site))
    };
    Ok(site.page(Nav::Routes, "Routes and upstreams", &body))
}

/// How long something takes, in one unit.
fn span(time: Duration) -> String {
    match time.as_secs() {
        0 => "less than a second".to_owned(),
        1 => "1 second".to_owned(),
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds @ ..7200 => format!("{} minutes", seconds / 60),
        seconds @ ..172_800 => format!("{} hours", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
