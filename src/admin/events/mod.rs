//! `/events/`: what has happened, as it happens and of old. Nothing here takes anything away.

mod export;
mod live;
mod row;
mod search;
mod watchers;

pub(super) use self::row::{Columns, head, row};
pub(super) use self::watchers::Watchers;

use self::row::words;
use self::search::Search;
use super::page::Nav;
use super::refusal::Refusal;
use super::site::Site;
use crate::auth::AuthError;
use crate::gateway::ConsoleAnswer;
use crate::model::event::{EventName, Trail};
use crate::store::{Cursor, EventPage};
use maud::{Markup, html};

/// How many are on a page.
const PAGE: usize = 50;

/// `/events/…`
pub(super) async fn answer(site: &Site<'_>, segments: &[&str]) -> Result<ConsoleAnswer, Refusal> {
    match segments {
        [] => list(site).await,
        ["export"] => export::answer(site),
        ["live"] => live::answer(site),
        _ => Err(Refusal::NotFound),
    }
}

async fn list(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let search = Search::read(&site.asked().query);
    // First, so that nothing falls between the page and the news.
    let news = match search.after {
        None => site.auth().news_of_events(None).await.ok().map(|news| news.place),
        Some(_) => None,
    };
    let page = match search.problem() {
        Some(_) => EventPage { events: Vec::new(), next: None },
        None => site.auth().find_events(&search.query(PAGE)).await.map_err(AuthError::from)?,
    };
    let news = news.filter(|_| search.until.is_none() && search.problem().is_none());
    let body = html! {
        (form(site, &search))
        @if let Some(problem) = search.problem() { p.alert role="alert" { (problem) } }
        div.row.between.log {
            p.faint role="status" data-live-state {
                @if search.after.is_some() { "Older events." } @else { "The newest first." }
            }
            div.row {
                button type="button" hidden data-live-pause aria-pressed="false" { "Pause" }
                @if search.after.is_none() {
                    a.button data-live-reload href=(site.link(&format!("/events/{}", search.address()))) { "Reload" }
                }
                a.button href=(site.link(&format!("/events/export/{}", search.unpaged().address()))) {
                    "Export as JSON lines"
                }
            }
        }
        (table(site, &search, &page, news.as_ref()))
        (pager(site, &search, &page))
        (retention(site))
    };
    Ok(site.page(Nav::Events, "Events", &body))
}

fn form(site: &Site<'_>, search: &Search) -> Markup {
    html! {
        form.panel.filter role="search" method="get" action=(site.link("/events/")) {
            div.row {
                (names(search.name))
                (text("user", "User", &search.user))
                (text("address", "Address or network", &search.address))
                (actors(search.actor))
                (text("operator", "Operator", &search.operator))
                (text("text", "Detail holds", &search.text))
                (time("since", "From", &search.since_typed))
                (time("until", "Until", &search.until_typed))
                button.primary { "Search" }
                @if search.is_narrow() { a href=(site.link("/events/")) { "Clear" } }
            }
        }
    }
}

/// All names, with what can cause them.
fn names(chosen: Option<EventName>) -> Markup {
    let groups = [
        (Trail::Users, "Users"),
        (Trail::Anyone, "Anyone"),
        (Trail::Operators, "Operators"),
        (Trail::Gateways, "Gateways"),
    ];
    html! {
        label { "Event"
            select name="name" {
                option value="" { "all" }
                @for (trail, label) in groups {
                    optgroup label=(label) {
                        @for name in EventName::ALL.iter().filter(|name| name.trail() == trail) {
                            option value=(name) selected[chosen == Some(*name)] { (words(*name)) }
                        }
                    }
                }
            }
        }
    }
}

fn text(name: &str, label: &str, value: &str) -> Markup {
    html! {
        label { (label)
            input name=(name) value=(value) maxlength="254" autocomplete="off" autocapitalize="none"
                spellcheck="false";
        }
    }
}

fn time(name: &str, label: &str, value: &str) -> Markup {
    html! {
        label {
            span { (label) " " (zone()) }
            input type="datetime-local" name=(name) value=(value) autocomplete="off" data-utc;
        }
    }
}

/// The zone of moments: browsers with scripts put the reader's own there, and tell and take them in it.
fn zone() -> Markup {
    html! { span data-zone-name { "(UTC)" } }
}

fn actors(chosen: Option<&str>) -> Markup {
    html! {
        label { "By"
            select name="actor" {
                option value="" { "anyone" }
                @for (kind, label) in search::ACTORS {
                    option value=(kind) selected[chosen == Some(kind)] { (label) }
                }
            }
        }
    }
}

/// The events; where they can be followed, with the place where news begin.
fn table(site: &Site<'_>, search: &Search, page: &EventPage, news: Option<&Cursor>) -> Markup {
    let live = news.map(|Cursor(place)| {
        let place: String = form_urlencoded::byte_serialize(place.as_bytes()).collect();
        let address = search.address();
        let joint = if address.is_empty() { "?" } else { "&" };
        let key = site.id.live_key();
        site.link(&format!("/events/live/{address}{joint}after={place}&key={key}"))
    });
    html! {
        div.table {
            table.cards.events aria-label="Events" data-live=[live] data-users=(site.link("/users/")) {
                (head(Columns::All))
                tbody { @for event in &page.events { (row(site, event, Columns::All)) } }
            }
            @if page.events.is_empty() { (nothing(site, search, page)) }
        }
    }
}

fn nothing(site: &Site<'_>, search: &Search, page: &EventPage) -> Markup {
    html! {
        p.empty data-live-empty {
            @if page.next.is_some() {
                "None of the events looked at so far is like that. There may be others: go on to \
                 older ones."
            } @else if search.after.is_some() {
                "There are no older events."
            } @else if search.is_narrow() {
                "No event is like that. " a href=(site.link("/events/")) { "Show all" }
            } @else {
                "Nothing has happened yet. Logins, failures and what operators do will be here."
            }
        }
    }
}

fn pager(site: &Site<'_>, search: &Search, page: &EventPage) -> Markup {
    let link = |search: &Search| site.link(&format!("/events/{}", search.address()));
    let older = page.next.clone().map(|next| Search { after: Some(next), ..search.clone() });
    html! {
        @if search.after.is_some() || older.is_some() {
            nav.pager aria-label="Pages" {
                @if search.after.is_some() { a.button href=(link(&search.unpaged())) { "Newest" } }
                @if let Some(older) = &older { a.button rel="next" href=(link(older)) { "Older" } }
            }
        }
    }
}

fn retention(site: &Site<'_>) -> Markup {
    let settings = site.auth().event_settings();
    let days = settings.keep.as_secs().div_ceil(24 * 3600);
    html! {
        p.hint {
            @if settings.most == 0 {
                "Nothing is kept, by the setting " code { "events.max = 0" } "."
            } @else {
                "Kept for " (days) @if days == 1 { " day" } @else { " days" } " (" code { "events.keep" }
                "), at most " (super::chart::grouped(settings.most)) " of each of four kinds ("
                code { "events.max" } "). Nobody can delete one before."
            }
        }
    }
}
