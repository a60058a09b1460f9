//! Tokens in a table: all, or those of one user.

use super::super::asked::Pairs;
use super::super::page::{moment, moment_or};
use super::super::site::Site;
use super::super::users::name;
use super::short;
use crate::store::ListedToken;
use maud::{Markup, html};

/// Which page the table is on: where to go back to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::admin) enum Place<'a> {
    /// That of all tokens, after a place in their order.
    All(&'a str),
    /// That of their user, and which page of theirs.
    OfUser(&'a str),
}

impl<'a> Place<'a> {
    /// The page that a form names.
    pub(super) fn read(form: &'a Pairs) -> Self {
        let at = form.get("at").unwrap_or_default();
        if form.get("back") == Some("user") { Self::OfUser(at) } else { Self::All(at) }
    }

    fn is_of_user(self) -> bool {
        matches!(self, Self::OfUser(_))
    }
}

/// Some tokens, one at least.
pub(in crate::admin) fn table(site: &Site<'_>, tokens: &[ListedToken], place: Place<'_>) -> Markup {
    let is_of_user = place.is_of_user();
    html! {
        div.table {
            table.cards aria-label="Tokens" {
                thead {
                    tr {
                        th scope="col" { "Token" }
                        @if !is_of_user { th scope="col" { "User" } }
                        th scope="col" { "Created" }
                        th scope="col" { "Expires" }
                        th scope="col" { "Last used" }
                        th scope="col" { "Issued" }
                        th scope="col" { "User agent" }
                        th scope="col" { span.hidden { "Actions" } }
                    }
                }
                tbody { @for token in tokens { (row(site, token, place, tokens.len() > 1)) } }
            }
        }
    }
}

fn row(site: &Site<'_>, token: &ListedToken, place: Place<'_>, has_others: bool) -> Markup {
    let ListedToken { about, record, username } = token;
    let id = record.id();
    html! {
        tr {
            td data-label="Token" {
                span { @if let Some(name) = &about.name { bdi { (name) } " " } code.faint { (short(id)) } }
            }
            @if !place.is_of_user() {
                td data-label="User" {
                    a href=(site.link(&format!("/users/{}/", record.user))) { (name(username)) }
                }
            }
            td data-label="Created" { (moment(record.created)) }
            td data-label="Expires" { (moment_or(record.expires, "never")) }
            td data-label="Last used" { (last_used(token)) }
            td data-label="Issued" { (issued(token)) }
            td.agent data-label="User agent" {
                @match &about.user_agent {
                    Some(agent) => bdi title=(agent) { (agent) },
                    None => span.faint { "unknown" },
                }
            }
            td.acts { (acts(site, token, place, has_others)) }
        }
    }
}

fn last_used(token: &ListedToken) -> Markup {
    html! {
        @match token.about.last_used {
            Some((at, from)) => span { (moment(at)) " " span.faint { "from " (from.to_canonical()) } },
            None => span.faint { "never" },
        }
    }
}

fn issued(token: &ListedToken) -> Markup {
    let (by, from) = (&token.about.issued_by, token.about.address);
    html! {
        span {
            @match by {
                Some(operator) => { "by " bdi { (operator) } },
                None => "by a login",
            }
            @if let Some(from) = from { " " span.faint { "from " (from.to_canonical()) } }
        }
    }
}

fn acts(site: &Site<'_>, token: &ListedToken, place: Place<'_>, has_others: bool) -> Markup {
    let id = token.record.id();
    let words = format!("Revoke token {} of {}", short(id), token.username);
    html! {
        div.row {
            form method="post" action=(site.link("/tokens/revoke/")) {
                (site.form_key())
                input type="hidden" name="token" value=(id);
                @if place.is_of_user() { input type="hidden" name="back" value="user"; }
                @let (Place::All(at) | Place::OfUser(at)) = place;
                @if !at.is_empty() { input type="hidden" name="at" value=(at); }
                button.danger aria-label=(words) { "Revoke" }
            }
            @if place.is_of_user() && has_others {
                @let path = format!("/users/{}/tokens/keep/", id.user);
                @let (Place::All(at) | Place::OfUser(at)) = place;
                a.button aria-label=(format!("Revoke others, all but token {}", short(id)))
                    href=(site.link_with(&path, &[("token", &id.to_string()), ("page", at)])) {
                        "Revoke others"
                    }
            }
        }
    }
}
