//! `/events/export/`: all events of a search as JSON, a line each, a page of them at a time: however
//! many there are, no more than one page is in memory.

use super::super::page::download;
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::search::Search;
use crate::auth::Auth;
use crate::gateway::{ConsoleAnswer, CutOff};
use crate::model::event::EventName;
use crate::store::EventQuery;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;

/// How many are read at once.
const PAGE: usize = 500;

/// `/events/export/`
pub(super) fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    site.reads()?;
    let search = Search::read(&site.asked().query);
    if let Some(problem) = search.problem() {
        return Err(Refusal::BadRequest(problem.to_owned()));
    }
    let auth = site.shared_auth();
    auth.tell_of_export(EventName::EventsExported, &search.unpaged().filter(), site.actor());
    let head = download("application/x-ndjson", &format!("events-{}.jsonl", auth.today()));
    let query = search.unpaged().query(PAGE);
    let pieces = stream::unfold(Some((auth, query)), next_page);
    Ok(ConsoleAnswer::Stream(head, pieces.boxed()))
}

/// Where an export stands; `None` once it is at its end.
type Standing = Option<(Arc<Auth>, EventQuery)>;

async fn next_page(standing: Standing) -> Option<(Result<Bytes, CutOff>, Standing)> {
    let (auth, query) = standing?;
    let page = match auth.find_events(&query).await {
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
    let rest = page.next.map(|next| (auth, EventQuery { after: Some(next), ..query }));
    Some((Ok(Bytes::from(lines)), rest))
}
