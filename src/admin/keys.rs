//! `/account/keys/`: the keys with which an operator's programs call the API.

use super::page::{self, Nav, moment, moment_or};
use super::proof;
use super::refusal::Refusal;
use super::site::Site;
use crate::api::sentence;
use crate::auth::{ApiKey, KeyError, KeySecret, KeyWish, Resource, Right, Rights};
use crate::gateway::ConsoleAnswer;
use crate::model::user::User;
use http::StatusCode;
use maud::{Markup, html};
use std::time::Duration;

/// For how many days a key may be good.
const SPANS: [(u64, &str); 5] =
    [(1, "1 day"), (7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "1 year")];

/// What was typed, to be shown again where it will not do.
#[derive(Default)]
struct Typed {
    days: Option<u64>,
    name: String,
    problem: Option<String>,
    rights: Vec<String>,
}

/// `/account/keys/`
pub(super) async fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        return list(site, &Typed::default()).await;
    }
    create(site).await
}

async fn list(site: &Site<'_>, typed: &Typed) -> Result<ConsoleAnswer, Refusal> {
    let keys = site.auth().keys_of(site.session.user.id).await?;
    let proof = proof::fields(site).await?;
    let body = html! {
        p { "Programs call the console's API with a key. It acts for you, within the rights that you \
             give it, and only while you are active staff. It outlives your sessions, and your password \
             unless you say otherwise when you change that." }
        @if keys.is_empty() {
            p.empty { "You have no keys. Make one below, and a program can do what you let it do." }
        } @else {
            (table(site, &keys, "/account/keys/"))
        }
        (form(site, typed, &proof))
    };
    let answer = site.page(Nav::None, "API keys", &body);
    if typed.problem.is_none() {
        return Ok(answer);
    }
    Ok(page::with_status(answer, StatusCode::BAD_REQUEST))
}

/// Keys, which are revoked below this path.
pub(super) fn table(site: &Site<'_>, keys: &[ApiKey], path: &str) -> Markup {
    html! {
        div.table { table.cards aria-label="API keys" {
            thead { tr {
                th scope="col" { "Name" }
                th scope="col" { "Rights" }
                th scope="col" { "Created" }
                th scope="col" { "Expires" }
                th scope="col" { "Last used" }
                th scope="col" { "From" }
                th scope="col" { "Action" }
            } }
            tbody { @for key in keys { (row(site, key, path)) } }
        } }
    }
}

fn row(site: &Site<'_>, key: &ApiKey, path: &str) -> Markup {
    let revoke = site.link(&format!("{path}{}/revoke/", key.id));
    html! {
        tr {
            td data-label="Name" { span { bdi { (key.name) } " " code.faint { (short(&key.id)) } } }
            td.long data-label="Rights" { (key.rights) }
            td data-label="Created" { (moment(key.created)) }
            td data-label="Expires" { (moment(key.expires)) }
            td data-label="Last used" { (moment_or(key.last_used.map(|(at, _)| at), "never")) }
            td data-label="From" {
                @match key.last_used {
                    Some((_, from)) => (from),
                    None => span.faint { "–" },
                }
            }
            td { a href=(revoke) aria-label=(format!("Revoke the key {}", key.name)) { "Revoke" } }
        }
    }
}

fn form(site: &Site<'_>, typed: &Typed, proof: &Markup) -> Markup {
    let days = typed.days.unwrap_or(ApiKey::USUAL.as_secs() / 86_400);
    html! {
        section.panel aria-labelledby="new-key" {
            h2 id="new-key" { "New key" }
            @if let Some(problem) = &typed.problem { p.alert role="alert" { (problem) } }
            form.stack method="post" action=(site.link("/account/keys/")) {
                (site.form_key())
                label { "Name"
                    input name="name" required maxlength=(ApiKey::LONGEST_NAME)
                        value=(typed.name) autocomplete="off" placeholder="deploy";
                }
                (boxes(&typed.rights))
                label { "Holds for"
                    select name="days" {
                        @for (number, words) in SPANS {
                            option value=(number) selected[number == days] { (words) }
                        }
                    }
                }
                (proof)
                button.primary { "Make the key" }
            }
        }
    }
}

/// The rights, a row each part and a box each right.
fn boxes(ticked: &[String]) -> Markup {
    let one = |right: Right, label: &str| {
        let (value, is_ticked) = (right.to_string(), ticked.contains(&right.to_string()));
        html! {
            input type="checkbox" name="right" value=(value) checked[is_ticked] aria-label=(label);
        }
    };
    html! {
        div.table { table {
            caption {
                "What it may do. To write is to read, too. Who may write users may make operators, and "
                "who may write tokens may act as any user in the apps."
             }
            thead { tr {
                th scope="col" { "Part" }
                th scope="col" { "Read" }
                th scope="col" { "Write" }
            } }
            tbody { @for resource in Resource::ALL { tr {
                th scope="row" { (resource.as_str()) }
                td { (one(Right::Read(resource), &format!("read {}", resource.as_str()))) }
                td { @if resource.is_writable() {
                    (one(Right::Write(resource), &format!("write {}", resource.as_str())))
                } @else { span.faint { "–" } } }
            } } }
        } }
    }
}

async fn create(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let form = site.form()?;
    let days = form.get("days").and_then(|days| days.parse().ok());
    let rights: Vec<String> = form.all("right").map(str::to_owned).collect();
    let name = form.get("name").unwrap_or_default().to_owned();
    let wish = KeyWish {
        lifetime: Duration::from_secs(days.unwrap_or(0).min(10_000) * 86_400),
        name: name.clone(),
        rights: Rights::try_from(rights.clone())
            .map_err(|error| Refusal::BadRequest(error.to_string()))?,
    };
    let again = async |problem: &str| {
        let problem = Some(sentence(problem));
        list(site, &Typed { days, name: name.clone(), problem, rights: rights.clone() }).await
    };
    // First what costs no code.
    match site.auth().look_at_key(&site.session.user, &wish).await {
        Ok(()) => {}
        Err(KeyError::Manage(error)) => return Err(error.into()),
        Err(error) => return again(&error.to_string()).await,
    }
    // A key outlives the session, which someone else may have.
    let proved = match proof::check(site, true, &form).await? {
        Ok(proved) => proved,
        Err(words) => return again(words).await,
    };
    match site.auth().create_key(&site.session.user, wish, proved).await {
        Ok((secret, key)) => Ok(shown_once(site, &secret, &key)),
        Err(KeyError::Manage(error)) => Err(error.into()),
        Err(error) => again(&error.to_string()).await,
    }
}

fn shown_once(site: &Site<'_>, secret: &KeySecret, key: &ApiKey) -> ConsoleAnswer {
    let entrance = site.entrance();
    let url = format!("{}{}/api/v1/key", site.asked().origin(), entrance.settings.path);
    let curl = format!("curl -H 'Authorization: Bearer {}' {url}", secret.expose());
    let body = html! {
        p.notice role="status" { "This is the key " strong { (key.name) } ". Copy it now: it is not \
            shown again." }
        section.panel {
            dl.facts {
                dt { "Key" } dd { code { (secret.expose()) } }
                dt { "Rights" } dd { (key.rights) }
                dt { "Expires" } dd { (moment(key.expires)) }
            }
        }
        section.panel {
            p { "What it is good for it says itself:" }
            pre { code { (curl) } }
        }
        p { a href=(site.link("/account/keys/")) { "Back to your keys" } }
    };
    site.page(Nav::None, "Your new API key", &body)
}

/// `/account/keys/ID/revoke/`
pub(super) async fn revoke(site: &Site<'_>, id: &str) -> Result<ConsoleAnswer, Refusal> {
    let place = Place { back: "/account/keys/", nav: Nav::None, path: "/account/keys/" };
    revoke_of(site, &site.session.user, id, place).await
}

/// Where keys are shown.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Where to go once one is revoked.
    pub back: &'a str,
    pub nav: Nav,
    /// Below which path they are.
    pub path: &'a str,
}

/// Asks whether a key of an operator is to end, and ends it.
pub(super) async fn revoke_of(
    site: &Site<'_>,
    owner: &User,
    id: &str,
    place: Place<'_>,
) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        let keys = site.auth().keys_of(owner.id).await?;
        let key = keys.into_iter().find(|key| key.id == id).ok_or(Refusal::NotFound)?;
        return Ok(confirm(site, &key, place));
    }
    site.form()?;
    match site.auth().revoke_key(owner, id, site.actor()).await {
        // One that is gone is what was wanted.
        Ok(_) | Err(KeyError::NoSuchKey) => Ok(page::redirect(&site.link(place.back))),
        Err(KeyError::Manage(error)) => Err(error.into()),
        Err(error) => Err(Refusal::Refused(sentence(&error.to_string()))),
    }
}

fn confirm(site: &Site<'_>, key: &ApiKey, place: Place<'_>) -> ConsoleAnswer {
    let body = html! {
        section.panel {
            p { "Whatever calls the API with the key " strong { (key.name) } " ("
                code { (short(&key.id)) } ") is refused from its next request on." }
            p { "It is good for " (key.rights) ", and was last used: "
                (moment_or(key.last_used.map(|(at, _)| at), "never")) "." }
            form.row method="post" action=(site.link(&format!("{}{}/revoke/", place.path, key.id))) {
                (site.form_key())
                button.danger { "Revoke the key" }
                a.button href=(site.link(place.back)) { "Keep it" }
            }
        }
    };
    site.page(place.nav, "Revoke an API key", &body)
}

/// An id as lists show it.
fn short(id: &str) -> String {
    let start = id.len().saturating_sub(4);
    format!("…{}", id.get(start..).unwrap_or_default())
}
