//! `/users/`: who has an account.

use super::super::notice;
use super::super::page::{Nav, moment, moment_or};
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::act::Act;
use super::search::{COLUMNS, Search};
use super::{name, path_of};
use crate::gateway::ConsoleAnswer;
use crate::model::user::UserId;
use crate::store::{Cursor, ListedUser, UserColumn, UserPage};
use maud::{Markup, html};

/// How many are on a page.
const PAGE: usize = 50;

/// `/users/`
pub(super) async fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let search = Search::read(&site.asked().query);
    let page = site.auth().find_users(&search.query(PAGE)).await?;
    let body = html! {
        (notice::shown(&site.asked().query))
        div.toolbar {
            (search_form(site, &search))
            div.row {
                a.button href=(site.link(&format!("/users/export/{}", search.restarted().address()))) {
                    "Export as CSV"
                }
                a.button.primary href=(site.link("/users/new/")) { "New user" }
            }
        }
        @if page.by != search.order.by {
            p.notice { "So many begin like that that they are in order of name." }
        }
        @if page.users.is_empty() && page.unreadable.is_empty() { (nobody(site, &search, &page)) }
        @else { (selection(site, &search, &page)) }
        (pager(site, &search, &page))
    };
    Ok(site.page(Nav::Users, "Users", &body))
}

fn search_form(site: &Site<'_>, search: &Search) -> Markup {
    html! {
        form.row role="search" method="get" action=(site.link("/users/")) {
            label { "Name or email begins with"
                input type="search" name="q" value=[search.text.as_deref()] autocomplete="off"
                    autocapitalize="none" spellcheck="false" maxlength="254";
            }
            (choice("active", "Active", search.is_active))
            (choice("staff", "Staff", search.is_staff))
            input type="hidden" name="sort" value=(search.sort());
            button { "Search" }
            @if search.is_narrow() { a href=(site.link("/users/")) { "Clear" } }
        }
    }
}

fn choice(name: &str, label: &str, chosen: Option<bool>) -> Markup {
    html! {
        label { (label)
            select name=(name) {
                option value="" selected[chosen.is_none()] { "all" }
                option value="yes" selected[chosen == Some(true)] { "yes" }
                option value="no" selected[chosen == Some(false)] { "no" }
            }
        }
    }
}

fn nobody(site: &Site<'_>, search: &Search, page: &UserPage) -> Markup {
    html! {
        p.empty {
            @if page.next.is_some() {
                "Nobody among those looked at so far is like that. There may be others: go on to the \
                 next page."
            } @else if search.after.is_some() {
                "There is nobody more."
            } @else if search.is_narrow() {
                "Nobody is like that. " a href=(site.link("/users/")) { "Show all users" }
            } @else {
                "There are no users yet. " a href=(site.link("/users/new/")) { "Make one" }
                ", or let people register."
            }
        }
    }
}

/// The table, in the form that takes a selection to where it is asked what to do with it.
fn selection(site: &Site<'_>, search: &Search, page: &UserPage) -> Markup {
    html! {
        form method="get" action=(site.link("/users/act/")) {
            input type="hidden" name="list" value=(search.address());
            div.table {
                table.cards aria-label="Users" {
                    thead { tr {
                        th scope="col" {
                            input type="checkbox" hidden data-ticks="user" aria-label="Select all on this page";
                        }
                        @for column in COLUMNS { (head(site, search, column)) }
                    } }
                    tbody {
                        @for id in &page.unreadable { (unreadable(*id)) }
                        @for user in &page.users { (row(site, user)) }
                    }
                }
            }
            div.row.selected {
                span.faint { "With those selected:" }
                @for act in Act::BULK {
                    button name="act" value=(act.name()) class=[act.asks().then_some("danger")] {
                        (act.label())
                    }
                }
            }
        }
    }
}

fn head(site: &Site<'_>, search: &Search, column: (UserColumn, &str, &str)) -> Markup {
    let (by, _, label) = column;
    let is_sorted = search.order.by == by;
    let order = if search.order.is_descending { "descending" } else { "ascending" };
    let there = search.sorted_by(by).address();
    html! {
        th scope="col" aria-sort=[is_sorted.then_some(order)]
            class=[(by == UserColumn::Tokens).then_some("number")] {
            a href=(site.link(&format!("/users/{there}"))) { (label) }
        }
    }
}

fn row(site: &Site<'_>, listed: &ListedUser) -> Markup {
    let user = &listed.user;
    html! {
        tr {
            td.pick {
                input type="checkbox" name="user" value=(user.id)
                    aria-label=(format!("Select {}", user.username));
            }
            td.long data-label="Username" { a href=(site.link(&path_of(user))) { (name(&user.username)) } }
            td.long data-label="Email" { bdi { (user.email) } }
            td data-label="Active" { (flag(user.is_active, !user.is_active)) }
            td data-label="Staff" { (flag(user.is_staff, false)) }
            td data-label="Joined" { (moment(user.joined)) }
            td data-label="Last login" { (moment_or(user.last_login, "never")) }
            td.number data-label="Live tokens" { (listed.live_tokens) }
        }
    }
}

/// One whose record cannot be read must not hide the others, nor be hidden.
fn unreadable(id: UserId) -> Markup {
    html! {
        tr {
            td.pick {}
            td.long data-label="Username" colspan=(COLUMNS.len()) {
                span.badge.bad { "cannot be read" }
                " The record of number " (id) " in the store is damaged, so they are let in nowhere. \
                 Mend it there, or remove it."
            }
        }
    }
}

/// Yes or no, so that what matters stands out.
fn flag(is_true: bool, is_bad: bool) -> Markup {
    html! {
        @if is_bad { span.badge.bad { "no" } }
        @else if is_true { span.badge.good { "yes" } }
        @else { span.faint { "no" } }
    }
}

fn pager(site: &Site<'_>, search: &Search, page: &UserPage) -> Markup {
    let link = |search: &Search| site.link(&format!("/users/{}", search.address()));
    let first = search.after.is_some().then(|| link(&search.restarted()));
    let next = page.next.clone().map(|next: Cursor| Search { after: Some(next), ..search.clone() });
    html! {
        @if first.is_some() || next.is_some() {
            nav.pager aria-label="Pages" {
                @if let Some(first) = first { a.button href=(first) { "First" } }
                @if let Some(next) = &next { a.button rel="next" href=(link(next)) { "Next" } }
                @if next.is_some() && page.users.len() + page.unreadable.len() < PAGE && !page.users.is_empty() {
                    span.faint { "Not all were looked at: the search goes on with the next page." }
                }
            }
        }
    }
}
