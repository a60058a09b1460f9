//! What happened: a stream for each trail.

use super::link::Request;
use super::{RedisStore, keys};
use crate::model::event::{Event, Trail};
use crate::store::events::{Written, tell_unreadable};
use crate::store::{EventBounds, EventQuery, StoreError};
use redis::{Cmd, pipe};
use std::collections::{HashMap, HashSet};

/// How many events are read at once.
const CHUNK: usize = 500;

/// Events as Redis returns them: each with its number in the stream.
type Page = Vec<(String, HashMap<String, String>)>;

impl RedisStore {
    /// Adds events, all of a trail or none. What is added twice, because nobody knows whether the
    /// first time had an effect, is read once.
    pub(super) async fn add_events(
        &self,
        events: &[Event],
        bounds: EventBounds,
    ) -> Result<(), StoreError> {
        for trail in Trail::ALL {
            let mut add = pipe();
            add.atomic();
            for event in events.iter().filter(|event| event.trail() == trail) {
                add.cmd("XADD").arg(keys::events(trail)).arg("*").arg(fields(event)).ignore();
            }
            if !add.is_empty() {
                add.add_command(trim(trail, bounds)).ignore();
                self.link.ask::<()>(Request::Batch(&add)).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn list_events(&self, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
        let mut found = Vec::new();
        for trail in Trail::ALL {
            found.extend(self.newest(trail, query).await?);
        }
        // A trail is in the order in which events reached Redis.
        found.sort_by_key(|event| std::cmp::Reverse(event.at));
        found.truncate(query.limit);
        Ok(found)
    }

    /// The newest events of a trail that are wanted.
    async fn newest(&self, trail: Trail, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
        let (mut found, mut seen, mut unreadable) = (Vec::new(), HashSet::new(), 0);
        let mut end = "+".to_owned();
        while found.len() < query.limit {
            let mut read = redis::cmd("XREVRANGE");
            read.arg(keys::events(trail)).arg(&end).arg("-").arg("COUNT").arg(CHUNK);
            let page: Page = self.link.ask(Request::Command(&read)).await?;
            let Some((oldest, _)) = page.last() else { break };
            end = format!("({oldest}");
            for (_, fields) in page {
                match written(fields).and_then(Written::read) {
                    Some(event) if query.wants(&event) && seen.insert(event.clone()) => {
                        found.push(event);
                    }
                    Some(_) => {}
                    None => unreadable += 1,
                }
            }
        }
        tell_unreadable(unreadable);
        Ok(found)
    }

    pub(super) async fn drop_events(&self, bounds: EventBounds) -> Result<(), StoreError> {
        for trail in Trail::ALL {
            self.link.ask::<()>(Request::Command(&trim(trail, bounds))).await?;
            while self.drop_aged(trail, bounds).await? {}
        }
        Ok(())
    }

    /// Drops some of the oldest events of a trail. Whether there may be more to drop.
    async fn drop_aged(&self, trail: Trail, bounds: EventBounds) -> Result<bool, StoreError> {
        let key = keys::events(trail);
        let mut read = redis::cmd("XRANGE");
        read.arg(&key).arg("-").arg("+").arg("COUNT").arg(CHUNK);
        let page: Page = self.link.ask(Request::Command(&read)).await?;
        let is_aged = |fields: &HashMap<String, String>| {
            let at = fields.get("at").and_then(|at| at.parse::<i64>().ok());
            at.is_none_or(|at| at < bounds.since.micros())
        };
        let count = page.len();
        let aged = page.into_iter().filter(|(_, fields)| is_aged(fields));
        let aged: Vec<_> = aged.map(|(number, _)| number).collect();
        if !aged.is_empty() {
            self.link
                .ask::<()>(Request::Command(Cmd::new().arg("XDEL").arg(key).arg(&aged)))
                .await?;
        }
        Ok(aged.len() == count && count == CHUNK)
    }
}

/// Drops the oldest of a trail beyond what it may have.
fn trim(trail: Trail, bounds: EventBounds) -> Cmd {
    let mut trim = redis::cmd("XTRIM");
    trim.arg(keys::events(trail)).arg("MAXLEN").arg("=").arg(bounds.most);
    trim
}

fn fields(event: &Event) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("at", event.at.micros().to_string()),
        ("name", event.name.to_string()),
        ("actor", event.actor.kind().to_owned()),
    ];
    fields.extend(event.actor.address().map(|address| ("address", address.to_string())));
    fields.extend(event.actor.operator().map(|name| ("operator", name.to_string())));
    if let Some((id, name)) = &event.user {
        fields.extend([("user_id", id.to_string()), ("user", name.to_string())]);
    }
    fields.extend(event.detail.clone().map(|detail| ("detail", detail)));
    fields
}

fn written(mut fields: HashMap<String, String>) -> Option<Written> {
    let user = match (fields.remove("user_id"), fields.remove("user")) {
        (Some(id), Some(name)) => Some((id.parse().ok()?, name)),
        (None, None) => None,
        _ => return None,
    };
    Some(Written {
        actor: fields.remove("actor")?,
        address: fields.remove("address"),
        at: fields.remove("at")?.parse().ok()?,
        detail: fields.remove("detail"),
        name: fields.remove("name")?,
        operator: fields.remove("operator"),
        user,
    })
}
