//! What an operator should look at first.

use super::chart::grouped;
use super::site::Site;
use crate::auth::{Concern, Matter, Overview};
use crate::gateway::ServerState;
use maud::{Markup, html};

/// Something to look at.
struct Alert {
    is_bad: bool,
    /// Where there is more to see.
    link: Option<(&'static str, &'static str)>,
    text: String,
}

/// All of it, the worst first.
pub(super) fn list(site: &Site<'_>, found: &Overview) -> Markup {
    let mut alerts: Vec<_> = found.concerns().into_iter().map(Alert::from).collect();
    alerts.extend(of_store(site));
    alerts.extend(of_upstreams(site));
    alerts.extend(of_gateway(site));
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

impl From<Concern> for Alert {
    fn from(concern: Concern) -> Self {
        let Concern { is_bad, about, words } = concern;
        let link = match about {
            Matter::Certificates | Matter::Settings => Some(("/settings/", "Settings")),
            Matter::Limits => Some(("/limits/", "Limits")),
            Matter::Logins => Some(("/events/?name=login_failed", "Who and from where")),
            Matter::Operators => Some(("/users/?staff=yes", "Operators")),
            Matter::Store => None,
        };
        Self { is_bad, link, text: words }
    }
}

fn of_store(site: &Site<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
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
