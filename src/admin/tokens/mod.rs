//! `/tokens/`: the tokens of all users, to be found and ended.

mod find;
mod table;

pub(super) use self::table::{Place, table};

use super::notice;
use super::page::Nav;
use super::refusal::Refusal;
use super::site::Site;
use crate::auth::TokenName;
use crate::gateway::ConsoleAnswer;
use crate::model::token::TokenId;
use crate::store::{Cursor, TokenPage};
use maud::{Markup, html};

/// How many are on a page.
const PAGE: usize = 50;

/// `/tokens/…`
pub(super) async fn answer(site: &Site<'_>, segments: &[&str]) -> Result<ConsoleAnswer, Refusal> {
    match segments {
        [] => list(site).await,
        ["find"] => find::answer(site).await,
        ["revoke"] => revoke(site).await,
        _ => Err(Refusal::NotFound),
    }
}

/// What people see of a token's id: nothing that another page takes for one.
pub(super) fn short(id: TokenId) -> String {
    format!("…{:04x}", id.head & 0xffff)
}

/// A detail of an event with the ids of tokens cut to what people see of them.
pub(super) fn without_ids(detail: &str) -> String {
    let word = |word: &str| word.parse::<TokenId>().map_or_else(|_| word.to_owned(), short);
    detail.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

async fn list(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let query = &site.asked().query;
    let after = query.get("after").map(|place| Cursor(place.to_owned()));
    let page = site.auth().find_tokens(after.as_ref(), PAGE).await?;
    let body = html! {
        (notice::shown(query))
        div.toolbar {
            p.faint { "All tokens that are good now, those used or issued last first." }
            (find::form(site))
        }
        @if page.tokens.is_empty() {
            p.empty {
                @if page.next.is_some() {
                    "No token here is good any more. There may be others: go on to the next page."
                } @else if after.is_some() { "There are no more tokens." }
                @else {
                    "There are no live tokens. Each login makes one; you can make one on a user's page."
                }
            }
        } @else {
            (table(site, &page.tokens, Place::All))
        }
        (pager(site, &page, after.is_some()))
    };
    Ok(site.page(Nav::Tokens, "Tokens", &body))
}

fn pager(site: &Site<'_>, page: &TokenPage, is_later: bool) -> Markup {
    html! {
        @if is_later || page.next.is_some() {
            nav.pager aria-label="Pages" {
                @if is_later { a.button href=(site.link("/tokens/")) { "First" } }
                @if let Some(Cursor(next)) = &page.next {
                    @let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
                    a.button rel="next" href=(site.link(&format!("/tokens/?after={next}"))) { "Next" }
                }
            }
        }
    }
}

/// `/tokens/revoke/`
async fn revoke(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let form = site.form()?;
    let id = token_in(form.required("token")?)?;
    site.auth().revoke_token(&TokenName::Id(id), site.actor()).await?;
    let back = match Place::read(form.get("back")) {
        Place::All => "/tokens/".to_owned(),
        Place::OfUser => format!("/users/{}/", id.user),
    };
    Ok(super::page::redirect(&site.link(&(back + &notice::told_of_token(id)))))
}

/// A token's id in a form or an address.
pub(super) fn token_in(text: &str) -> Result<TokenId, Refusal> {
    text.parse().map_err(|_| Refusal::BadRequest("There is no such token.".to_owned()))
}
