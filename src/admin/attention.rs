//! What an operator should look at first.

use super::chart::grouped;
use super::site::Site;
use crate::auth::{History, LimitsShown};
use crate::gateway::ServerState;
use crate::store::{Inspection, Series, StoreError};
use maud::{Markup, html};

/// What the overview found out.
pub(super) struct Findings<'a> {
    pub history: Option<&'a History>,
    pub inspection: &'a Result<Inspection, StoreError>,
    pub limits: Option<&'a LimitsShown>,
    /// How many operators have no authenticator app.
    pub without_totp: usize,
}

/// Something to look at.
struct Alert {
    is_bad: bool,
    /// Where there is more to see.
    link: Option<(&'static str, &'static str)>,
    text: String,
}

/// All of it, the worst first.
pub(super) fn list(site: &Site<'_>, findings: &Findings<'_>) -> Markup {
    let mut alerts = of_store(site, findings);
    alerts.extend(of_upstreams(site));
    alerts.extend(of_logins(findings));
    alerts.extend(of_gateway(site));
    alerts.extend(of_operators(findings));
    alerts.sort_by_key(|alert| !alert.is_bad);
    html! {
        section aria-labelledby="attention" {
            h2 id="attention" { "Needs attention" }
            @if alerts.is_empty() {
                p.notice { "Nothing needs attention." }
            } @else {
                ul.alerts {
                    @for alert in &alerts {
                        li.alert.warn[!alert.is_bad] {
                            span { b { (if alert.is_bad { "Problem: " } else { "Note: " }) } (alert.text) }
                            @if let Some((path, label)) = alert.link {
                                " " a href=(site.link(path)) { (label) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn bad(text: impl Into<String>) -> Alert {
    Alert { is_bad: true, link: None, text: text.into() }
}

fn look(text: impl Into<String>) -> Alert {
    Alert { is_bad: false, link: None, text: text.into() }
}

impl Alert {
    fn see(self, path: &'static str, label: &'static str) -> Self {
        Self { link: Some((path, label)), ..self }
    }
}

fn of_store(site: &Site<'_>, findings: &Findings<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    match findings.inspection {
        Ok(inspection) => alerts.extend(inspection.warnings.iter().map(look)),
        Err(error) => alerts.push(bad(format!("The store cannot be examined: {error}."))),
    }
    if let Some(since) = site.auth().refuses_writes_since() {
        let since = since.to_string();
        let since = since.get(11..19).unwrap_or_default();
        alerts.push(bad(format!(
            "The store answers, but takes nothing since {since} UTC: this console can only be read."
        )));
    }
    if !site.auth().metrics().is_feed_up() {
        let words = "The store does not tell this gateway of revocations: each token is checked in \
                     the store, which costs time.";
        alerts.push(bad(words).see("/events/?name=store_lost", "Its outages"));
    }
    alerts
}

fn of_upstreams(site: &Site<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for upstream in site.gateway().upstreams() {
        let name = &upstream.name;
        for server in &upstream.servers {
            let written = &server.written;
            let words = match &server.state {
                ServerState::Up => continue,
                ServerState::Down => "fails its health checks".to_owned(),
                ServerState::Ejected(_) => "has failed and is left out".to_owned(),
                ServerState::Unresolved(None) => "has a name that leads nowhere yet".to_owned(),
                ServerState::Unresolved(Some(why)) => {
                    format!("has a name that leads nowhere: {why}")
                }
            };
            let alert = format!("The server {written} of the upstream {name} {words}.");
            // Others may do its work.
            let alert = if upstream.up() == 0 { bad(alert) } else { look(alert) };
            alerts.push(alert.see("/routes/", "Routes and upstreams"));
        }
    }
    alerts
}

fn of_logins(findings: &Findings<'_>) -> Vec<Alert> {
    /// As few are nothing to speak of.
    const FEW: u64 = 20;
    let mut alerts = Vec::new();
    if let Some(history) = findings.history {
        let failed = |tallies: crate::auth::Tallies| tallies.of(Series::LoginsFailed);
        let now = failed(crate::auth::Tallies::sum(&history.hour));
        let before = failed(history.hour_before);
        if now > FEW && now > before.saturating_mul(3) {
            let (now, before) = (grouped(now), grouped(before));
            let words = format!(
                "{now} logins failed within the last hour, after {before} the hour before."
            );
            alerts.push(look(words).see("/events/?name=login_failed", "Who and from where"));
        }
    }
    match findings.limits.map_or(0, |limits| limits.refused) {
        0 => {}
        1 => alerts.push(look("One limit refuses someone now.").see("/limits/", "Limits")),
        more => alerts
            .push(look(format!("{more} limits refuse someone now.")).see("/limits/", "Limits")),
    }
    alerts
}

fn of_gateway(site: &Site<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    if site.auth().metrics().has_reload_failed() {
        let words = "The settings were to be read again and have mistakes: those before hold.";
        alerts.push(bad(words).see("/events/?name=reload_refused", "What is wrong"));
    }
    let dropped = site.auth().metrics().events_dropped();
    if dropped > 0 {
        let dropped = grouped(dropped);
        alerts.push(look(format!(
            "The store did not take {dropped} events of this gateway in time; they are in its log alone."
        )));
    }
    alerts
}

fn of_operators(findings: &Findings<'_>) -> Vec<Alert> {
    let words = match findings.without_totp {
        0 => return Vec::new(),
        1 => "One operator signs in by a password alone, without an authenticator app.".to_owned(),
        more => {
            format!("{more} operators sign in by a password alone, without an authenticator app.")
        }
    };
    vec![look(words).see("/users/?staff=yes", "Operators")]
}
