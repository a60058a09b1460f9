//! Networks that are allowed or denied: by the settings, and by operators while gateways run.

mod section;

pub(super) use self::section::section;

use super::super::asked::Pairs;
use super::super::notice;
use super::super::page::{self, Nav, with_status};
use super::super::refusal::Refusal;
use super::super::site::Site;
use crate::api::sentence;
use crate::auth::NetworkError::LocksOut;
use crate::auth::{AuthError, Decider, NetworkError, NewRuling};
use crate::gateway::ConsoleAnswer;
use crate::model::network::{Network, read_network};
use http::StatusCode;
use ipnet::IpNet;
use maud::{Markup, html};
use std::time::Duration;

/// What was typed into the form.
#[derive(Default)]
pub(super) struct Typed {
    is_allow: bool,
    lasts: String,
    network: String,
    note: String,
}

/// For how long, as forms say it and as people do.
const SPANS: [(&str, &str, Option<Duration>); 6] = [
    ("10m", "10 minutes", Some(Duration::from_mins(10))),
    ("1h", "an hour", Some(Duration::from_hours(1))),
    ("1d", "a day", Some(Duration::from_hours(24))),
    ("7d", "7 days", Some(Duration::from_hours(7 * 24))),
    ("30d", "30 days", Some(Duration::from_hours(30 * 24))),
    ("forever", "until it is forgotten", None),
];

/// `/limits/networks/`
pub(super) async fn rule(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    const NOT_A_NETWORK: &str =
        "Write an address, or a network such as 203.0.113.0/24 or 2001:db8::/64.";
    if site.asked().is_read() {
        let typed = Typed::read(&site.asked().query);
        if typed.network.is_empty() {
            return Ok(page::redirect(&site.link("/limits/#rule")));
        }
        return match typed.ruling() {
            Some(new) => {
                // Before they say yes: afterwards it may be too late.
                let looked = site.auth().look_at_ruling(new.clone(), &decider(site, None)).await;
                let problem = looked.err().filter(|error| matches!(error, LocksOut { .. }));
                Ok(ruling_asked(site, &typed, &new, problem.as_ref().map(said).as_deref()))
            }
            None => super::page(site, &typed, Some(NOT_A_NETWORK)).await,
        };
    }
    let form = site.form()?;
    let typed = Typed::read(&form);
    let Some(new) = typed.ruling() else {
        return super::page(site, &typed, Some(NOT_A_NETWORK)).await;
    };
    let done = if new.is_denied { "network-denied" } else { "network-allowed" };
    match site.auth().rule(new.clone(), decider(site, Some(&form))).await {
        Ok(_) => Ok(back(site, done)),
        Err(NetworkError::Store(error)) => Err(AuthError::from(error).into()),
        Err(error @ LocksOut { .. }) => Ok(ruling_asked(site, &typed, &new, Some(&said(&error)))),
        Err(error) => super::page(site, &typed, Some(&said(&error))).await,
    }
}

/// `/limits/networks/forget/`
pub(super) async fn forget(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let network = |pairs: &Pairs| -> Result<IpNet, Refusal> {
        let network = pairs.required("network")?.parse();
        network.map_err(|_| Refusal::BadRequest("That is no network.".to_owned()))
    };
    if site.asked().is_read() {
        return Ok(forgetting_asked(site, network(&site.asked().query)?, None));
    }
    let form = site.form()?;
    let network = network(&form)?;
    match site.auth().forget_network(network, decider(site, Some(&form))).await {
        Ok(_) => Ok(back(site, "network-forgotten")),
        Err(NetworkError::Store(error)) => Err(AuthError::from(error).into()),
        Err(error) => Ok(forgetting_asked(site, network, Some(&said(&error)))),
    }
}

/// Asks whether a network is to be allowed or denied.
fn ruling_asked(
    site: &Site<'_>,
    typed: &Typed,
    new: &NewRuling,
    problem: Option<&str>,
) -> ConsoleAnswer {
    let verb = if new.is_denied { "Deny" } else { "Allow" };
    let spans = SPANS.into_iter().find(|(name, ..)| *name == typed.lasts);
    let span = match spans {
        Some((_, words, Some(_))) => format!("for {words}"),
        Some((_, words, None)) => words.to_owned(),
        None => String::new(),
    };
    let question = html! {
        p { strong { (verb) " " code { (new.network) } " " (span) "?" } }
        p {
            @if new.is_denied {
                "All gateways refuse whatever comes from there within a second, whoever sends it."
            } @else {
                "No limit holds for what comes from there, so passwords can be guessed at any pace."
            }
        }
        @if !new.note.is_empty() { p { "Note: " bdi { (new.note) } } }
    };
    let fields = [
        ("network", typed.network.as_str()),
        ("treatment", if typed.is_allow { "allow" } else { "deny" }),
        ("for", typed.lasts.as_str()),
        ("note", typed.note.as_str()),
    ];
    asked(site, (verb, "/limits/networks/"), &question, &fields, problem)
}

/// Asks whether a network is to be treated as the settings say.
fn forgetting_asked(site: &Site<'_>, network: IpNet, problem: Option<&str>) -> ConsoleAnswer {
    let question = html! {
        p { strong { "Forget " code { (network) } "?" } }
        p { "It is treated as the settings say within a second, by all gateways." }
    };
    let fields = [("network", network.to_string())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    asked(site, ("Forget", "/limits/networks/forget/"), &question, &fields, problem)
}

/// A page that asks; where it would shut out who is asked, they must say that they know.
fn asked(
    site: &Site<'_>,
    (verb, path): (&str, &str),
    question: &Markup,
    fields: &[(&str, &str)],
    problem: Option<&str>,
) -> ConsoleAnswer {
    let body = html! {
        div.panel {
            @if let Some(problem) = problem { p.alert role="alert" { (problem) } }
            (question)
            form.stack method="post" action=(site.link(path)) {
                (site.form_key())
                @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                @if problem.is_some() {
                    label.check {
                        input type="checkbox" name="knows" value="yes";
                        span { "Even if it shuts me out: I come from " code { (Network::of(site.asked().from)) } }
                    }
                }
                div.row {
                    button.danger[verb != "Allow"].primary[verb == "Allow"] { (verb) }
                    a.button href=(site.link("/limits/")) { "Cancel" }
                }
            }
        }
    };
    let answer = site.page(Nav::Limits, &format!("{verb} a network"), &body);
    let is_refused = problem.is_some() && !site.asked().is_read();
    if is_refused { with_status(answer, StatusCode::BAD_REQUEST) } else { answer }
}

fn decider(site: &Site<'_>, form: Option<&Pairs>) -> Decider {
    Decider { by: site.actor(), knows: form.is_some_and(|form| form.is_ticked("knows")) }
}

fn back(site: &Site<'_>, done: &str) -> ConsoleAnswer {
    page::redirect(&site.link(&format!("/limits/{}", notice::told(done))))
}

fn said(error: &NetworkError) -> String {
    match error {
        LocksOut { .. } => format!(
            "{} Nothing was changed. Tick the box below if that is what you want; then only the \
             command line lets you in again.",
            sentence(&error.to_string())
        ),
        error => format!("Nothing was changed: {error}."),
    }
}

impl Typed {
    fn read(form: &Pairs) -> Self {
        let text = |name| form.get(name).unwrap_or_default().trim().to_owned();
        Self {
            is_allow: form.get("treatment") == Some("allow"),
            lasts: text("for"),
            network: text("network"),
            note: text("note"),
        }
    }

    fn ruling(&self) -> Option<NewRuling> {
        let network = read_network(&self.network)?;
        let (.., lasts) = SPANS.into_iter().find(|(name, ..)| *name == self.lasts)?;
        Some(NewRuling { is_denied: !self.is_allow, lasts, network, note: self.note.clone() })
    }
}
