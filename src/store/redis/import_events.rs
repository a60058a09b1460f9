//! Events of a backup among those that are there. The present ones stay where they are until all are
//! written anew beside them, in their order.

use super::events::fields;
use super::patience::patiently;
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::event::{Event, Trail};
use crate::store::StoreError;
use crate::store::whole::{Progress, merged};
use redis::{Cmd, pipe};
use std::collections::HashSet;

/// How many events are written at once.
const CHUNK: usize = 200;

impl RedisStore {
    /// Adds the events of a backup to those that are there, each once. Says how many there are then.
    pub(super) async fn import_events(
        &self,
        saved: Vec<Event>,
        progress: Progress<'_>,
    ) -> Result<u64, StoreError> {
        let present = self.all_events().await?;
        let known: HashSet<_> = present.iter().collect();
        let are_all_there = saved.iter().all(|event| known.contains(event));
        let count = u64::try_from(known.len()).unwrap_or(0);
        if are_all_there {
            return Ok(count);
        }
        drop(known);
        let events = merged(present.into_iter().chain(saved));
        let mut done = 0;
        for trail in Trail::ALL {
            let of_it: Vec<_> = events.iter().filter(|event| event.trail() == trail).collect();
            let draft = keys::events_draft(trail);
            let forget = Cmd::unlink(&draft);
            patiently(async || self.link.ask::<()>(Request::Command(&forget)).await).await?;
            for chunk in of_it.chunks(CHUNK) {
                let mut add = pipe();
                add.atomic();
                for event in chunk {
                    add.cmd("XADD").arg(&draft).arg("*").arg(fields(event)).ignore();
                }
                // What is added twice, because an answer was lost, is read once.
                patiently(async || self.link.ask::<()>(Request::Batch(&add)).await).await?;
                done += u64::try_from(chunk.len()).unwrap_or(0);
                progress("events", done);
            }
            if !of_it.is_empty() {
                self.put_events(trail, &draft).await?;
            }
        }
        Ok(done)
    }

    async fn put_events(&self, trail: Trail, draft: &str) -> Result<(), StoreError> {
        let rename = Cmd::rename(draft, keys::events(trail));
        let is_there = Cmd::exists(draft);
        patiently(async || {
            // The answer to an attempt before may have been lost.
            if self.link.ask(Request::Command(&is_there)).await? {
                self.link.ask::<()>(Request::Command(&rename)).await?;
            }
            Ok(())
        })
        .await
    }
}
