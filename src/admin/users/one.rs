//! `/users/ID/`: all that is known of a user, and what can be done.

use super::super::events::{self, Columns};
use super::super::keys;
use super::super::notice;
use super::super::page::{Nav, moment, moment_or};
use super::super::proof::Asks;
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::super::tokens::{Place, table};
use super::act::Act;
use super::{name, path_of};
use crate::auth::{ApiKey, AppState};
use crate::gateway::ConsoleAnswer;
use crate::model::event::Event;
use crate::model::user::{Profile, User};
use crate::store::{EventQuery, ListedToken};
use maud::{Markup, html};
use std::error::Error;

/// How many events are shown.
const LATEST: usize = 20;

/// How many tokens are on a page.
const TOKENS: usize = 100;

/// `/users/ID/`
pub(super) async fn answer(site: &Site<'_>, user: &User) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let mut tokens = site.auth().tokens_of(user).await?;
    tokens.reverse();
    let app = site.auth().app_state(user.id).await?;
    let username = Some(user.username.clone());
    let keys = site.auth().keys_of(user.id).await?;
    let query = EventQuery { user: username, ..EventQuery::newest(LATEST) };
    // What cannot be read of the past must not hide the present.
    let latest = site.auth().events(&query).await.inspect_err(|error| {
        tracing::error!(error = error as &dyn Error, "a user's history cannot be shown");
    });
    let body = html! {
        (notice::shown(&site.asked().query))
        @if !user.username.is_sound() {
            p.alert.warn {
                "No user can have this name: it got into the store past all rules. Nobody is let in \
                 by it, and the account can be deleted."
            }
        }
        div.panels {
            (facts(site, user, tokens.len(), app))
            (acts(site, user, app))
        }
        (token_part(site, user, &tokens))
        @if user.is_staff || !keys.is_empty() { (key_part(site, user, &keys)) }
        (history(site, user, latest.ok().as_deref()))
    };
    let title = match user.username.as_str() {
        "" => "(no name)",
        name => name,
    };
    Ok(site.page(Nav::Users, title, &body))
}

fn facts(site: &Site<'_>, user: &User, tokens: usize, app: AppState) -> Markup {
    let edit = site.link(&format!("{}email/", path_of(user)));
    html! {
        section.panel aria-label="Facts" {
            p.row {
                @if user.is_active { span.badge.good { "active" } }
                @else { span.badge.bad { "locked out" } }
                @if user.is_staff { span.badge { "staff" } }
                @if user.must_change { span.badge.warn { "must change the password" } }
                @if user.id == site.session.user.id { span.badge.warn { "you" } }
            }
            dl.facts {
                dt { "Number" } dd { (user.id) }
                dt { "Username" } dd { (name(&user.username)) }
                dt { "Email" }
                dd {
                    @if user.email.as_str().is_empty() { span.faint { "none" } }
                    @else { bdi { (user.email) } }
                    " " a href=(edit) aria-label="Change the email" { "Change" }
                }
                dt { "Joined" } dd { (moment(user.joined)) }
                dt { "Last login" } dd { (moment_or(user.last_login, "never")) }
                dt { "Live tokens" } dd { (tokens) }
                dt { "Password" } dd { (site.auth().hash_words(user)) }
                (profile(&user.profile))
                @if user.is_staff || app != AppState::Off {
                    dt { "Authenticator app" }
                    dd {
                        @match app {
                            AppState::On => span.badge.good { "on" },
                            AppState::Off => span.badge.warn { "off" },
                            AppState::Unreadable => {
                                span.badge.bad { "cannot be read" }
                                " They cannot sign in here until it is turned off."
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What came along from Django, where there is something.
fn profile(profile: &Profile) -> Markup {
    let name = profile.full_name();
    html! {
        @if !name.is_empty() { dt { "Name" } dd { bdi { (name) } } }
        @if !profile.groups.is_empty() {
            dt { "Groups" }
            dd { @for group in &profile.groups { span.badge { bdi { (group) } } " " } }
        }
        @if profile.is_superuser { dt { "Superuser" } dd { "in Django" } }
    }
}

fn acts(site: &Site<'_>, user: &User, app: AppState) -> Markup {
    let is_own = user.id == site.session.user.id;
    let active = if user.is_active { Act::Deactivate } else { Act::Activate };
    let staff = if user.is_staff { Act::Demote } else { Act::Promote };
    let change = if user.must_change { Act::KeepPassword } else { Act::MustChange };
    html! {
        section.panel aria-labelledby="acts" {
            h2 id="acts" { "Actions" }
            div.row.acts {
                @if is_own {
                    a.button href=(site.link("/account/")) { "Change your password" }
                } @else {
                    a.button href=(site.link(&format!("{}password/", path_of(user)))) {
                        "Set password"
                    }
                }
                (button(site, user, change))
                (button(site, user, Act::EndSessions))
                @if !is_own {
                    @if app != AppState::Off { (button(site, user, Act::ResetTotp)) }
                    (button(site, user, active))
                    (button(site, user, staff))
                    (button(site, user, Act::Delete))
                }
            }
            @if is_own {
                p.hint {
                    "This is your own account: another operator can lock it out, make it an ordinary \
                     one, or delete it."
                }
            }
        }
    }
}

/// A link to where something is asked first, or a button that does it.
fn button(site: &Site<'_>, user: &User, act: Act) -> Markup {
    let there = site.link(&format!("{}{}/", path_of(user), act.name()));
    html! {
        @if act.asks() {
            a.button.danger href=(there) { (act.label()) }
        } @else if Asks::before(site, act.lets_in(user, &site.actor())) == Asks::Always {
            a.button href=(there) { (act.label()) }
        } @else {
            form method="post" action=(there) {
                (site.form_key())
                button { (act.label()) }
            }
        }
    }
}

fn token_part(site: &Site<'_>, user: &User, tokens: &[ListedToken]) -> Markup {
    let pages = tokens.len().div_ceil(TOKENS).max(1);
    let asked = site.asked().query.get("page").and_then(|page| page.parse::<usize>().ok());
    // After the last of a page is gone, the page before it is shown.
    let page = asked.unwrap_or(1).clamp(1, pages);
    let shown = tokens.chunks(TOKENS).nth(page - 1).unwrap_or_default();
    let at = if page > 1 { page.to_string() } else { String::new() };
    html! {
        section aria-labelledby="tokens" {
            div.row.between.head {
                h2 id="tokens" { "Tokens" }
                div.row {
                    @if !tokens.is_empty() {
                        a.button.danger href=(site.link(&format!("{}end-sessions/", path_of(user)))) {
                            "Revoke all"
                        }
                    }
                    @if user.is_active && user.username.is_sound() {
                        a.button href=(site.link(&format!("{}tokens/new/", path_of(user)))) { "New token" }
                    }
                }
            }
            @if shown.is_empty() {
                p.empty { "They have no live token. Each login makes one." }
            } @else { (table(site, shown, Place::OfUser(&at))) }
            @if pages > 1 { (token_pager(site, user, page, pages)) }
        }
    }
}

fn token_pager(site: &Site<'_>, user: &User, page: usize, pages: usize) -> Markup {
    let link = |page: usize| {
        let page = if page > 1 { page.to_string() } else { String::new() };
        site.link_with(&path_of(user), &[("page", &page)]) + "#tokens"
    };
    html! {
        nav.pager aria-label="Pages of tokens" {
            @if page > 1 { a.button rel="prev" href=(link(page - 1)) { "Newer" } }
            @if page < pages { a.button rel="next" href=(link(page + 1)) { "Older" } }
            span.faint { "Page " (page) " of " (pages) }
        }
    }
}

/// What programs call the API with in their name.
fn key_part(site: &Site<'_>, user: &User, keys: &[ApiKey]) -> Markup {
    html! {
        section aria-labelledby="keys" {
            div.row.between.head {
                h2 id="keys" { "API keys" }
                @if user.id == site.session.user.id {
                    a.button href=(site.link("/account/keys/")) { "Your API keys" }
                }
            }
            @if keys.is_empty() {
                p.empty { "No program calls the API in their name." }
            } @else { (keys::table(site, keys, &format!("{}keys/", path_of(user)))) }
        }
    }
}

/// `/users/ID/keys/KEY/revoke/`
pub(super) async fn revoke_key(
    site: &Site<'_>,
    user: &User,
    id: &str,
) -> Result<ConsoleAnswer, Refusal> {
    let back = path_of(user) + &notice::told("key-revoked");
    let path = format!("{}keys/", path_of(user));
    let place = keys::Place { back: &back, nav: Nav::Users, path: &path };
    keys::revoke_of(site, user, id, place).await
}

/// The latest events of the account; `None` if they cannot be read.
fn history(site: &Site<'_>, user: &User, events: Option<&[Event]>) -> Markup {
    let all = site.link_with("/events/", &[("user", user.username.as_str())]);
    html! {
        section aria-labelledby="history" {
            div.row.between.head {
                h2 id="history" { "History" }
                a href=(all) { "All events of this account" }
            }
            @if events.is_none() {
                p.alert role="alert" { "What happened cannot be read now." }
            }
            @let events = events.unwrap_or_default();
            @if events.is_empty() {
                p.empty { "Nothing of this account is kept among the events." }
            } @else {
                div.table {
                    table.cards aria-labelledby="history" {
                        (events::head(Columns::OfUser))
                        tbody { @for event in events { (events::row(site, event, Columns::OfUser)) } }
                    }
                }
            }
        }
    }
}
