//! `/users/act/`: one thing done to many users, once it is clear who they are.

use super::super::asked::Pairs;
use super::super::page::{Nav, with_status};
use super::super::proof::{self, Asks};
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::act::{Act, MOST};
use super::change::what_goes_too;
use super::search::Search;
use super::{name, path_of};
use crate::auth::{AuthError, ManageError};
use crate::gateway::ConsoleAnswer;
use crate::model::user::{User, UserId};
use http::StatusCode;
use maud::{Markup, html};

/// `/users/act/`
pub(super) async fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    if site.asked().is_read() {
        let query = &site.asked().query;
        let (act, users) = selected(site, query).await?;
        if users.is_empty() {
            return Ok(nobody(site, query));
        }
        return question(site, (act, &users), query, None).await;
    }
    let form = site.form()?;
    let (act, users) = selected(site, &form).await?;
    if users.is_empty() {
        return Ok(nobody(site, &form));
    }
    let proved = match proof::check_if(site, lets_in(site, act, &users), &form).await? {
        Ok(proved) => proved,
        Err(words) => return question(site, (act, &users), &form, Some(words)).await,
    };
    let mut results = Vec::new();
    for user in users {
        let outcome = act.perform(site.auth(), &user, site.actor(), proved.clone()).await;
        let is_away = matches!(outcome, Err(ManageError::Auth(AuthError::Store(_))));
        results.push((user, outcome.map_err(|error| Refusal::from(error).words())));
        if is_away {
            break;
        }
    }
    site.auth().until_settled().await;
    let asked_for = form.all("user").count();
    let body = html! {
        (report(site, act, &results, asked_for))
        p { a href=(list(site, &form)) { "Back to the users" } }
    };
    Ok(site.page(Nav::Users, act.label(), &body))
}

/// The list from which the selection came, with its search and its page.
fn list(site: &Site<'_>, pairs: &Pairs) -> String {
    let search = pairs.get("list").unwrap_or_default().trim_start_matches('?');
    site.link(&format!("/users/{}", Search::read(&Pairs::read(search.as_bytes())).address()))
}

fn nobody(site: &Site<'_>, pairs: &Pairs) -> ConsoleAnswer {
    let body = html! {
        p.alert role="alert" { "Nobody is selected. Tick the users in the list first." }
        p { a href=(list(site, pairs)) { "Back to the users" } }
    };
    with_status(site.page(Nav::Users, "Nobody is selected", &body), StatusCode::BAD_REQUEST)
}

/// What is to be done, and to whom: those who are still there.
async fn selected(site: &Site<'_>, pairs: &Pairs) -> Result<(Act, Vec<User>), Refusal> {
    let act = pairs.get("act").and_then(Act::named).filter(|act| Act::BULK.contains(act));
    let act = act.ok_or_else(|| Refusal::BadRequest("Nobody said what to do.".to_owned()))?;
    let mut ids: Vec<UserId> =
        pairs.all("user").filter_map(|id| id.parse().ok()).map(UserId).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > MOST {
        return Err(Refusal::BadRequest(format!("At most {MOST} users can be selected at once.")));
    }
    let mut users = Vec::new();
    for id in ids {
        match site.auth().user_numbered(id).await {
            Err(ManageError::NoSuchUser(_)) => {}
            found => users.push(found?),
        }
    }
    Ok((act, users))
}

/// What it takes to do it to all of them.
fn lets_in(site: &Site<'_>, act: Act, users: &[User]) -> Option<bool> {
    users.iter().filter_map(|user| act.lets_in(user, &site.actor())).max()
}

async fn question(
    site: &Site<'_>,
    (act, users): (Act, &[User]),
    sent: &Pairs,
    unproved: Option<&str>,
) -> Result<ConsoleAnswer, Refusal> {
    let verb = act.label();
    let goes = if act == Act::Delete { Some(what_goes_too(site, users).await?) } else { None };
    let asks = Asks::before(site, lets_in(site, act, users));
    let body = html! {
        div.panel {
            p { strong { (verb) ": " (counted(users.len())) "?" } }
            @if let Some(goes) = goes { (goes) }
            p { (act.consequence(users.len())) }
            ul.names {
                @for user in users {
                    li {
                        a href=(site.link(&path_of(user))) { (name(&user.username)) }
                        @if !user.email.as_str().is_empty() { " " bdi.faint { (user.email) } }
                        @if user.is_staff { " " span.badge { "staff" } }
                        @if user.id == site.session.user.id { " " span.badge.warn { "you" } }
                    }
                }
            }
            form.stack method="post" action=(site.link("/users/act/")) {
                (site.form_key())
                input type="hidden" name="act" value=(act.name());
                input type="hidden" name="list" value=(sent.get("list").unwrap_or_default());
                @for user in users { input type="hidden" name="user" value=(user.id); }
                (proof::part(site, asks, unproved).await?)
                div.row {
                    button class=(if act.asks() { "danger" } else { "primary" }) {
                        (verb) " " (counted(users.len()))
                    }
                    a.button href=(list(site, sent)) { "Cancel" }
                }
            }
        }
    };
    Ok(proof::refused_if(unproved, site.page(Nav::Users, verb, &body)))
}

fn report(
    site: &Site<'_>,
    act: Act,
    results: &[(User, Result<bool, String>)],
    asked_for: usize,
) -> Markup {
    let done = results.iter().filter(|(_, outcome)| outcome.is_ok()).count();
    let left = asked_for.saturating_sub(results.len());
    html! {
        @if done > 0 { p.notice role="status" { "Done for " (counted(done)) "." } }
        @if done < asked_for {
            p.alert role="alert" { "Not done for " (counted(asked_for - done)) "." }
        }
        div.table {
            table.cards aria-label="What came of it" {
                thead { tr { th scope="col" { "User" } th scope="col" { "Result" } } }
                tbody {
                    @for (user, outcome) in results {
                        tr {
                            td data-label="User" {
                                @if act == Act::Delete && outcome.is_ok() { (name(&user.username)) }
                                @else { a href=(site.link(&path_of(user))) { (name(&user.username)) } }
                            }
                            td data-label="Result" {
                                @match outcome {
                                    Ok(true) => span.good { (act.done()) },
                                    Ok(false) => span.faint { (act.already().1) },
                                    Err(words) => span.bad { "not done: " (words) },
                                }
                            }
                        }
                    }
                }
            }
        }
        @if left > 0 { p { (counted(left)) " were not there any more, or were not tried." } }
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "1 user".to_owned() } else { format!("{count} users") }
}
