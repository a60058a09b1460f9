//! Events as rows of a table: of all, or those of one user.

use super::super::page::moment;
use super::super::site::Site;
use super::super::tokens::without_ids;
use super::super::users;
use super::{search, zone};
use crate::model::event::{Event, EventName, Trail};
use maud::{Markup, html};
use sha2::{Digest, Sha256};

/// Which columns a table of events has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::admin) enum Columns {
    All,
    /// Whose they are is clear.
    OfUser,
}

/// The head of the table.
pub(in crate::admin) fn head(columns: Columns) -> Markup {
    html! {
        thead { tr {
            th scope="col" { "Time " (zone()) }
            @for head in ["Event", "User", "From", "By", "Detail"] {
                @if columns == Columns::All || head != "User" { th scope="col" { (head) } }
            }
        } }
    }
}

/// A name for people.
pub(super) fn words(name: EventName) -> String {
    name.as_str().replace('_', " ")
}

/// An event.
pub(in crate::admin) fn row(site: &Site<'_>, event: &Event, columns: Columns) -> Markup {
    let (user, actor) = (event.user.as_ref(), &event.actor);
    html! {
        tr data-key=(key(event)) {
            td data-label="Time" { (moment(event.at)) }
            td data-label="Event" { span.badge.(tone(event.name).unwrap_or("plain")) { (words(event.name)) } }
            @if columns == Columns::All {
                td.long data-label="User" {
                    @if let Some((id, name)) = user {
                        a href=(site.link(&format!("/users/{id}/"))) { (users::name(name)) }
                    }
                }
            }
            td data-label="From" { @if let Some(address) = actor.address() { (address) } }
            td.long data-label="By" {
                @match actor.operator() {
                    Some(operator) => (users::name(operator)),
                    None => span.faint { (search::actor_words(actor.kind())) },
                }
            }
            td.long data-label="Detail" {
                details {
                    summary.faint[event.detail.is_none()] { bdi { (event.detail.as_deref().map_or_else(|| "all fields".to_owned(), without_ids)) } }
                    (fields(event))
                }
            }
        }
    }
}

/// An event for people: programs get whole ids of tokens.
pub(super) fn told(event: &Event) -> serde_json::Value {
    let detail = event.detail.as_deref().map(without_ids);
    Event { detail, ..event.clone() }.to_json()
}

/// All that is known of an event.
fn fields(event: &Event) -> Markup {
    let told = told(event);
    let fields = told.as_object().into_iter().flatten();
    let plain = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    html! {
        dl.facts {
            @for (name, value) in fields.filter(|(_, value)| !value.is_null()) {
                dt { (name) }
                dd { bdi { (plain(value)) } }
            }
        }
    }
}

/// What it looks like: what went wrong stands out.
pub(super) fn tone(name: EventName) -> Option<&'static str> {
    match name {
        EventName::LoginFailed
        | EventName::ConsoleSignInFailed
        | EventName::SecondFactorFailed
        | EventName::LimitReached
        | EventName::ReloadRefused
        | EventName::StoreEpochChanged
        | EventName::StoreLost => Some("bad"),
        EventName::LoginSucceeded | EventName::StoreBack => Some("good"),
        name if name.trail() == Trail::Operators => Some("warn"),
        _ => None,
    }
}

/// What an event is known by, on a page and in a live log: two that say the same are one.
pub(super) fn key(event: &Event) -> String {
    let mut key = hex::encode(Sha256::digest(event.to_json().to_string()));
    key.truncate(16);
    key
}
