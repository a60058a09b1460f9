//! What happened is told: a line in the log each, at once, and soon after in the store.

use super::Auth;
use crate::clock::OnceASecond;
use crate::metrics::Metrics;
use crate::model::event::{Actor, Event, EventName, Trail};
use crate::model::user::Username;
use crate::store::{Cursor, EventBounds, EventNews, EventPage, EventQuery, StoreError};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// What is kept of events in the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EventSettings {
    /// For how long.
    pub keep: Duration,
    /// How many of each trail; 0 is none.
    pub most: u64,
}

/// Tells what happens.
pub(super) struct Events {
    /// That events are dropped.
    complaint: OnceASecond,
    metrics: Arc<Metrics>,
    queue: mpsc::Sender<Event>,
    /// How many have been put into the queue.
    queued: AtomicU64,
    /// How many of those wait no more.
    settled: watch::Sender<u64>,
    waiting: tokio::sync::Mutex<Waiting>,
}

/// What is not in the store yet.
struct Waiting {
    /// What is being written. It stays here until the store has it: whoever writes may be stopped.
    batch: Vec<Event>,
    queue: mpsc::Receiver<Event>,
}

impl Events {
    /// How many may wait for the store.
    const QUEUE: usize = 4_096;
    /// How many are written at a time.
    const BATCH: usize = 256;
    /// How many of one trail may be held for the store.
    const HELD: usize = 1_024;
    /// How long others may join a batch: it spares the store many small writes.
    const GATHER: Duration = Duration::from_millis(50);
    /// How long one who acts waits for it to be kept.
    const PATIENCE: Duration = Duration::from_millis(500);
    /// How long the store is left alone when it did not take a batch; longer each time.
    const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
    const LONGEST_PAUSE: Duration = Duration::from_secs(5);

    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let (sender, queue) = mpsc::channel(Self::QUEUE);
        let waiting = Waiting { batch: Vec::new(), queue };
        Self {
            complaint: OnceASecond::default(),
            metrics,
            queue: sender,
            queued: AtomicU64::new(0),
            settled: watch::Sender::new(0),
            waiting: waiting.into(),
        }
    }

    /// Tells it, and waits for nobody. Where too many wait for the store, it is in the log alone.
    pub(super) fn record(&self, event: Event) {
        write_line(&event);
        match event.name {
            EventName::LoginFailed
            | EventName::ConsoleSignInFailed
            | EventName::SecondFactorFailed => self.metrics.login_ended(false),
            EventName::LoginSucceeded | EventName::ConsoleSignedIn => {
                self.metrics.login_ended(true);
            }
            _ => {}
        }
        if self.queue.try_send(event).is_ok() {
            self.queued.fetch_add(1, Ordering::SeqCst);
        } else {
            self.metrics.event_dropped();
            if self.complaint.count(Instant::now()).is_some() {
                tracing::warn!("more events than the store takes: some are in the log alone");
            }
        }
    }
}

impl Events {
    /// So many wait for the store no more.
    fn settle(&self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.settled.send_modify(|settled| *settled = settled.saturating_add(count));
    }
}

impl Waiting {
    /// Waits for events, and for those that come soon after; says how many were dropped.
    async fn gather(&mut self, metrics: &Metrics) -> usize {
        if self.batch.is_empty() {
            self.queue.recv_many(&mut self.batch, Events::BATCH).await;
            sleep(Events::GATHER).await;
        }
        self.take(metrics)
    }

    /// Adds what is there to the batch, and says how many were dropped. Of a trail that the store does not keep no more than so many
    /// wait, so that the others get on.
    fn take(&mut self, metrics: &Metrics) -> usize {
        let mut dropped = 0;
        for _ in 0..Events::BATCH {
            let Ok(event) = self.queue.try_recv() else { break };
            let of_trail = self.batch.iter().filter(|one| one.trail() == event.trail());
            if of_trail.count() < Events::HELD {
                self.batch.push(event);
            } else {
                metrics.event_dropped();
                dropped += 1;
            }
        }
        dropped
    }
}

impl Auth {
    /// The events that were asked for, the newest first, as far as they are kept.
    pub async fn events(&self, query: &EventQuery) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        let mut rest = query.clone();
        loop {
            rest.limit = query.limit - events.len();
            let page = self.store.events(&rest).await?;
            events.extend(page.events);
            rest.after = page.next;
            if rest.after.is_none() || events.len() >= query.limit {
                return Ok(events);
            }
        }
    }

    /// A page of the events that were asked for, the newest first. Where they are rare it looks on
    /// for a while, and then says where the next page goes on.
    pub async fn find_events(&self, query: &EventQuery) -> Result<EventPage, StoreError> {
        const LOOKS: usize = 8;
        let mut query = query.clone();
        let mut found = self.store.events(&query).await?;
        for _ in 1..LOOKS {
            if found.next.is_none() || !found.events.is_empty() {
                break;
            }
            query.after = found.next;
            found = self.store.events(&query).await?;
        }
        Ok(found)
    }

    /// What was kept since a place, by whichever gateway or command line; without one only the place
    /// where news begin.
    pub async fn news_of_events(&self, place: Option<&Cursor>) -> Result<EventNews, StoreError> {
        /// Of each trail at a time.
        const MOST: usize = 200;
        self.store.news_of_events(place, MOST).await
    }

    /// What is kept of events.
    pub fn event_settings(&self) -> EventSettings {
        self.settings.load().events
    }

    /// Tells of something that has happened to this gateway.
    pub fn tell(&self, name: EventName, detail: Option<&str>) {
        let event = Event::new(name, Actor::Gateway, self.clock.now());
        self.events.record(match detail {
            Some(detail) => event.with(detail),
            None => event,
        });
    }

    /// Writes events to the store as they come, and waits for it when it is away. Runs until it is
    /// dropped.
    pub async fn keep_events(&self) -> Infallible {
        let mut waiting = self.events.waiting.lock().await;
        let mut pause = Events::SHORTEST_PAUSE;
        loop {
            let dropped = waiting.gather(&self.metrics).await;
            self.events.settle(dropped);
            match self.write_batch(&mut waiting).await {
                Ok(()) => pause = Events::SHORTEST_PAUSE,
                Err(error) => {
                    if pause == Events::SHORTEST_PAUSE {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(error, "events wait for the store");
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(Events::LONGEST_PAUSE);
                }
            }
        }
    }

    /// Returns once what was recorded is kept, as a rule, or after a moment, so that what is shown
    /// next tells of it. For a process in which [`Auth::keep_events`] runs.
    pub async fn until_settled(&self) {
        let recorded = self.events.queued.load(Ordering::SeqCst);
        let mut settled = self.events.settled.subscribe();
        // Whoever acts need not know that the store is slow: the log has it, and the page comes.
        let _ = timeout(Events::PATIENCE, settled.wait_for(|count| *count >= recorded)).await;
    }

    /// Writes what has been recorded so far, when nobody does so beside the requests, and warns if
    /// that is not done in time.
    pub async fn flush_events(&self, within: Duration) {
        let outcome = timeout(within, async {
            let mut waiting = self.events.waiting.lock().await;
            loop {
                self.events.settle(waiting.take(&self.metrics));
                if waiting.batch.is_empty() {
                    return Ok(());
                }
                self.write_batch(&mut waiting).await?;
            }
        });
        let outcome = outcome.await.unwrap_or_else(|late| Err(StoreError::unavailable(late)));
        if let Err(error) = outcome {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the last events are not kept in the store");
        }
    }

    /// Writes each trail by itself, so that one that the store cannot keep does not hold up the
    /// others, and what is kept is not written again.
    async fn write_batch(&self, waiting: &mut Waiting) -> Result<(), StoreError> {
        let bounds = self.event_bounds();
        let mut outcome = Ok(());
        for trail in Trail::ALL {
            let is_part = |event: &Event| event.trail() == trail;
            let part = waiting.batch.iter().filter(|event| is_part(event));
            let part: Vec<_> = part.cloned().collect();
            if part.is_empty() {
                continue;
            }
            let kept = match bounds.most {
                0 => Ok(()),
                _ => self.store.keep_events(&part, bounds).await,
            };
            match kept {
                Ok(()) => {
                    waiting.batch.retain(|event| !is_part(event));
                    self.events.settle(part.len());
                }
                Err(StoreError::Corrupt { .. }) => outcome = kept,
                Err(StoreError::Unavailable(_) | StoreError::Unsuitable(_)) => return kept,
            }
        }
        outcome
    }

    /// What the store may keep now.
    pub(super) fn event_bounds(&self) -> EventBounds {
        let EventSettings { keep, most } = self.settings.load().events;
        EventBounds { most, since: self.clock.now().minus(keep) }
    }
}

fn write_line(event: &Event) {
    let user = event.user.as_ref();
    tracing::info!(
        target: "authgate::event",
        event = event.name.as_str(),
        user = user.map(|(_, name)| name.as_str()),
        user_id = user.map(|(id, _)| id.0),
        address = event.actor.address().map(tracing::field::display),
        actor = event.actor.kind(),
        operator = event.actor.operator().map(Username::as_str),
        detail = event.detail.as_deref(),
        "event"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn event(micros: i64) -> Event {
        Event::new(EventName::LoginFailed, Actor::Gateway, Timestamp::from_micros(micros))
    }

    #[tokio::test]
    async fn what_the_queue_has_no_room_for_is_counted_and_nobody_waits() {
        let metrics = Arc::new(Metrics::default());
        let events = Events::new(Arc::clone(&metrics));
        for micros in 0..4_099 {
            events.record(event(micros));
        }
        let text = metrics.render().unwrap();
        assert!(text.contains("authgate_events_dropped_total 3\n"), "{text}");
        let mut waiting = events.waiting.lock().await;
        waiting.take(&metrics);
        assert_eq!((waiting.batch.len(), &waiting.batch[0]), (Events::BATCH, &event(0)));
    }
}
