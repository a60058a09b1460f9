//! `/events/export/`: all events of a search as JSON, a line each, a page of them at a time: however
//! many there are, no more than one page is in memory.

use super::super::leave::Leave;
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::search::Search;
use crate::gateway::{ConsoleAnswer, CutOff};
use crate::store::EventQuery;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Response, header};
use std::error::Error;
use std::fmt::Write;

/// How many are read at once.
const PAGE: usize = 500;

/// `/events/export/`
pub(super) fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let search = Search::read(&site.asked().query);
    if let Some(problem) = search.problem() {
        return Err(Refusal::BadRequest(problem.to_owned()));
    }
    let leave = site.leave();
    let mut head = Response::new(());
    let disposition = format!("attachment; filename=\"events-{}.jsonl\"", leave.auth.today());
    let headers = head.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    let query = search.unpaged().query(PAGE);
    let pieces = stream::unfold(Some((leave, query)), next_page);
    Ok(ConsoleAnswer::Stream(head, pieces.boxed()))
}

/// Where an export stands; `None` once it is at its end.
type Standing = Option<(Leave, EventQuery)>;

async fn next_page(standing: Standing) -> Option<(Result<Bytes, CutOff>, Standing)> {
    let (leave, query) = standing?;
    if !matches!(leave.holds().await, Ok(true)) {
        tracing::warn!("an export is cut off: whoever asked for it may not have it any more");
        return Some((Err(CutOff), None));
    }
    let page = match leave.auth.find_events(&query).await {
        Ok(page) => page,
        Err(error) => {
            let error = &error as &dyn Error;
            tracing::error!(error, "an export of events is cut off");
            return Some((Err(CutOff), None));
        }
    };
    let mut lines = String::new();
    for event in &page.events {
        // To a text it never fails.
        let _ = writeln!(lines, "{}", event.to_json());
    }
    let rest = page.next.map(|next| (leave, EventQuery { after: Some(next), ..query }));
    Some((Ok(Bytes::from(lines)), rest))
}
