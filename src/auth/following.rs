//! Following events: what has been kept since one looked last, by whichever gateway or command line.

use super::Auth;
use crate::model::event::Event;
use crate::store::{Cursor, EventNews, EventQuery, StoreError};
use std::collections::VecDeque;

/// One who follows events, and looks for news now and then.
pub struct EventFollower {
    place: Option<Cursor>,
    /// What was told last. Redis may have an event twice.
    told: VecDeque<Event>,
    wanted: EventQuery,
}

impl EventFollower {
    /// One who wants these, of those that are kept after a place; without one, after the first look.
    pub fn new(wanted: EventQuery, place: Option<Cursor>) -> Self {
        Self { place, told: VecDeque::new(), wanted }
    }

    /// Up to where was looked, to go on there another time.
    pub fn place(&self) -> Option<&Cursor> {
        self.place.as_ref()
    }

    /// What is new, in the order in which it was kept. Where the store cannot tell, the next look
    /// begins at the same place.
    pub async fn news(&mut self, auth: &Auth) -> Result<Vec<Event>, StoreError> {
        const REMEMBERED: usize = 512;
        let EventNews { events, place } = auth.news_of_events(self.place.as_ref()).await?;
        self.place = Some(place);
        let mut new = Vec::new();
        for event in events {
            if self.wanted.wants(&event) && !self.told.contains(&event) {
                self.told.push_back(event.clone());
                new.push(event);
            }
        }
        self.told.drain(..self.told.len().saturating_sub(REMEMBERED));
        Ok(new)
    }
}
