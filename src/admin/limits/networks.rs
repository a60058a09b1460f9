//! Networks that are allowed or denied: by the settings, and by operators while gateways run.

mod section;

pub(super) use self::section::section;

use super::super::asked::Pairs;
use super::super::notice;
use super::super::page::{self, Nav, with_status};
use super::super::proof::{self, Asks};
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

const NOT_A_NETWORK: &str =
    "Write an address, or a network such as 203.0.113.0/24 or 2001:db8::/64.";

/// `/limits/networks/`
pub(super) async fn rule(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        return before_ruling(site).await;
    }
    let form = site.form()?;
    let typed = Typed::read(&form);
    let Some(new) = typed.ruling() else {
        return super::page(site, &typed, Some(NOT_A_NETWORK)).await;
    };
    let done = if new.is_denied { "network-denied" } else { "network-allowed" };
    let decider = decider(site, Some(&form));
    // First what costs no code.
    let ruled = match site.auth().look_at_ruling(new.clone(), &decider).await {
        Ok(lets_in) => match proof::check_if(site, lets_in, &form).await? {
            Ok(proved) => {
                let decider = Decider { proved, ..decider };
                site.auth().rule(new.clone(), decider).await.map(drop)
            }
            Err(words) => {
                let knows = form.is_ticked("knows");
                let wrong = Wrong { knows, unproved: Some(words), ..Wrong::default() };
                return ruling_asked(site, &typed, &new, wrong).await;
            }
        },
        Err(error) => Err(error),
    };
    match ruled {
        Ok(()) => Ok(back(site, done)),
        Err(NetworkError::Store(error)) => Err(AuthError::from(error).into()),
        Err(error @ LocksOut { .. }) => {
            let wrong = Wrong { problem: Some(said(&error)), ..Wrong::default() };
            ruling_asked(site, &typed, &new, wrong).await
        }
        Err(error) => super::page(site, &typed, Some(&said(&error))).await,
    }
}

/// What is asked, before they say yes: afterwards it may be too late.
async fn before_ruling(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let typed = Typed::read(&site.asked().query);
    if typed.network.is_empty() {
        return Ok(page::redirect(&site.link("/limits/#rule")));
    }
    let Some(new) = typed.ruling() else {
        return super::page(site, &typed, Some(NOT_A_NETWORK)).await;
    };
    let looked = site.auth().look_at_ruling(new.clone(), &decider(site, None)).await;
    let problem = looked.err().filter(|error| matches!(error, LocksOut { .. }));
    let wrong = Wrong { problem: problem.as_ref().map(said), ..Wrong::default() };
    ruling_asked(site, &typed, &new, wrong).await
}

/// `/limits/networks/forget/`
pub(super) async fn forget(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let network = |pairs: &Pairs| -> Result<IpNet, Refusal> {
        let network = pairs.required("network")?.parse();
        network.map_err(|_| Refusal::BadRequest("That is no network.".to_owned()))
    };
    if site.asked().is_read() {
        return forgetting_asked(site, network(&site.asked().query)?, Wrong::default()).await;
    }
    let form = site.form()?;
    let network = network(&form)?;
    let lets_in = site.auth().ruling_lets_in(network, None).await.map_err(AuthError::from)?;
    let proved = match proof::check_if(site, lets_in, &form).await? {
        Ok(proved) => proved,
        Err(words) => {
            let wrong = Wrong { unproved: Some(words), ..Wrong::default() };
            return forgetting_asked(site, network, wrong).await;
        }
    };
    let decider = Decider { proved, ..decider(site, Some(&form)) };
    match site.auth().forget_network(network, decider).await {
        Ok(_) => Ok(back(site, "network-forgotten")),
        Err(NetworkError::Store(error)) => Err(AuthError::from(error).into()),
        Err(error) => {
            let wrong = Wrong { problem: Some(said(&error)), ..Wrong::default() };
            forgetting_asked(site, network, wrong).await
        }
    }
}

/// Why it was not done.
#[derive(Default)]
struct Wrong {
    /// Whether they have said already that they know it.
    knows: bool,
    /// What they must say that they know.
    problem: Option<String>,
    /// What is wrong with the proof.
    unproved: Option<&'static str>,
}

/// Asks whether a network is to be allowed or denied.
async fn ruling_asked(
    site: &Site<'_>,
    typed: &Typed,
    new: &NewRuling,
    wrong: Wrong,
) -> Result<ConsoleAnswer, Refusal> {
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
    let lets_in = site.auth().ruling_lets_in(new.network, Some(new)).await;
    let asks = Asks::before(site, lets_in.map_err(AuthError::from)?);
    let question = Question { asks, fields: &fields, text: question, wrong };
    asked(site, (verb, "/limits/networks/"), question).await
}

/// Asks whether a network is to be treated as the settings say.
async fn forgetting_asked(
    site: &Site<'_>,
    network: IpNet,
    wrong: Wrong,
) -> Result<ConsoleAnswer, Refusal> {
    let question = html! {
        p { strong { "Forget " code { (network) } "?" } }
        p { "It is treated as the settings say within a second, by all gateways." }
    };
    let fields = [("network", network.to_string())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let lets_in = site.auth().ruling_lets_in(network, None).await.map_err(AuthError::from)?;
    let asks = Asks::before(site, lets_in);
    let question = Question { asks, fields: &fields, text: question, wrong };
    asked(site, ("Forget", "/limits/networks/forget/"), question).await
}

/// What is asked, and with which fields it is answered.
struct Question<'a> {
    asks: Asks,
    fields: &'a [(&'a str, &'a str)],
    text: Markup,
    wrong: Wrong,
}

/// A page that asks; where it would shut out who is asked, they must say that they know.
async fn asked(
    site: &Site<'_>,
    (verb, path): (&str, &str),
    question: Question<'_>,
) -> Result<ConsoleAnswer, Refusal> {
    let Question { asks, fields, text, wrong: Wrong { knows, problem, unproved } } = question;
    let body = html! {
        div.panel {
            @if let Some(problem) = &problem { p.alert role="alert" { (problem) } }
            (text)
            form.stack method="post" action=(site.link(path)) {
                (site.form_key())
                @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                @if knows { input type="hidden" name="knows" value="yes"; }
                @if problem.is_some() {
                    label.check {
                        input type="checkbox" name="knows" value="yes";
                        span { "Even if it shuts me out: I come from " code { (Network::of(site.asked().from)) } }
                    }
                }
                (proof::part(site, asks, unproved).await?)
                div.row {
                    button.danger[verb != "Allow"].primary[verb == "Allow"] { (verb) }
                    a.button href=(site.link("/limits/")) { "Cancel" }
                }
            }
        }
    };
    let answer = site.page(Nav::Limits, &format!("{verb} a network"), &body);
    let is_wrong = problem.is_some() || unproved.is_some();
    let is_refused = is_wrong && !site.asked().is_read();
    Ok(if is_refused { with_status(answer, StatusCode::BAD_REQUEST) } else { answer })
}

fn decider(site: &Site<'_>, form: Option<&Pairs>) -> Decider {
    let knows = form.is_some_and(|form| form.is_ticked("knows"));
    Decider { by: site.actor(), knows, proved: None }
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
