//! `/users/export/`: all users of a search as CSV, a page of them at a time: however many there are,
//! no more than one page is in memory.

use super::super::leave::Leave;
use super::super::page::download;
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::search::Search;
use crate::auth::{csv_head, csv_row, csv_row_of_unreadable};
use crate::gateway::{ConsoleAnswer, CutOff};
use crate::model::event::EventName;
use crate::store::Cursor;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::error::Error;

/// How many users are read at once.
const PAGE: usize = 500;

/// `/users/export/`
pub(super) fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let leave = site.leave();
    let auth = &leave.auth;
    let search = Search::read(&site.asked().query).restarted();
    auth.tell_of_export(EventName::UsersExported, &search.filter(), site.actor());
    let name = format!("users-{}.csv", auth.today());
    let head = download("text/csv; charset=utf-8", &name);
    let first = stream::once(async { Ok(Bytes::from(csv_head())) });
    let rest = stream::unfold(Some((leave, search)), next_page);
    Ok(ConsoleAnswer::Stream(head, first.chain(rest).boxed()))
}

/// Where an export stands; `None` once it is at its end.
type Standing = Option<(Leave, Search)>;

async fn next_page(standing: Standing) -> Option<(Result<Bytes, CutOff>, Standing)> {
    let (leave, search) = standing?;
    if !matches!(leave.holds().await, Ok(true)) {
        tracing::warn!("an export is cut off: whoever asked for it may not have it any more");
        return Some((Err(CutOff), None));
    }
    let page = match leave.auth.find_users(&search.query(PAGE)).await {
        Ok(page) => page,
        Err(error) => {
            let error = &error as &dyn Error;
            tracing::error!(error, "an export of users is cut off");
            return Some((Err(CutOff), None));
        }
    };
    let unreadable = page.unreadable.iter().copied().map(csv_row_of_unreadable);
    let rows: String = unreadable.chain(page.users.iter().map(csv_row)).collect();
    let more = |next: Cursor| (leave, Search { after: Some(next), ..search });
    Some((Ok(Bytes::from(rows)), page.next.map(more)))
}
