//! What is watched of one connection, and the alarm that rings for it.

use super::super::wire::Arrivals;
use crate::auth::Held;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How many bytes a connection may send before the head of a request is complete.
    pub head_bytes: usize,
    /// For the head of a request, once it has begun.
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
}

/// What is watched of one connection and the request that it serves; over HTTP/2, of one request.
///
/// Lives as long as the connection, for its alarm: to set one for each request would cost a system
/// call each time.
pub(super) struct Watched {
    arrivals: Arc<Arrivals>,
    is_surplus: bool,
    state: Mutex<State>,
}

/// What an alarm is about.
pub(super) enum Alarm {
    /// Nothing has been asked for a second or two; rings once for each such time.
    Idle,
    /// The head is late, or there was none for too long, or the whole request takes too long.
    Late,
    /// Someone should look whether this token is still good.
    Look(Held),
    /// Nobody has guarded the request: someone should look whether that may still be.
    Unguarded,
}

impl Watched {
    /// Watches a connection over which this arrives.
    pub(super) fn new(arrivals: Arc<Arrivals>, patience: Patience) -> Self {
        let waiting = Waiting { since: Some(Instant::now()), ..Waiting::after(arrivals.count()) };
        let phase = Phase::Waiting(waiting);
        let state = State { alarm: None, is_first: true, patience, phase };
        Self { arrivals, is_surplus: false, state: Mutex::new(state) }
    }

    /// Watches a request that is one more than may be served at once.
    pub(super) fn of_surplus(self) -> Self {
        Self { is_surplus: true, ..self }
    }

    /// Whether the request is one more than may be served at once.
    pub(super) fn is_surplus(&self) -> bool {
        self.is_surplus
    }

    /// Begins to wait for the next request.
    pub(super) fn expect_head(&self, patience: Patience) {
        let mut state = self.lock();
        state.patience = patience;
        self.arrivals.expect(patience.head_bytes);
        if let Phase::Serving(_) = state.phase {
            state.is_first = false;
            state.phase = Phase::Waiting(Waiting::after(self.arrivals.count()));
        }
    }

    /// Notes that the head was complete at a moment.
    pub(super) fn has_head(&self, at: Instant) {
        let look_at = at + State::LOOK_EVERY;
        self.arrivals.expect_anything();
        self.lock().phase = Phase::Serving(Serving::looked_at(look_at));
    }

    /// Notes which token has let the request pass, and for how long it will hold.
    pub(super) fn has_token(&self, token: Held, lasts: Option<Duration>) {
        if let Phase::Serving(serving) = &mut self.lock().phase {
            serving.token = Some(token);
            serving.set_end(lasts);
        }
    }

    /// Notes that the request has passed unguarded.
    pub(super) fn passes_unguarded(&self) {
        if let Phase::Serving(serving) = &mut self.lock().phase {
            serving.is_unguarded = true;
        }
    }

    /// Notes when the request must be over, whatever becomes of it.
    pub(super) fn must_end_by(&self, deadline: Instant) {
        if let Phase::Serving(serving) = &mut self.lock().phase {
            // Its client may be told first.
            serving.cut_at = Some(deadline + State::LOOK_EVERY);
        }
    }

    /// Notes for how long the token of the request holds.
    pub(super) fn set_end(&self, lasts: Option<Duration>) {
        if let Phase::Serving(serving) = &mut self.lock().phase {
            serving.set_end(lasts);
        }
    }

    /// Whether the token of the request has come to its own end.
    pub(super) fn has_ended(&self) -> bool {
        match &self.lock().phase {
            Phase::Serving(serving) => serving.ends_at.is_some_and(|end| end <= Instant::now()),
            Phase::Waiting(_) => false,
        }
    }

    /// Whether a whole request was served and nothing of a next one has come.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.lock();
        match &state.phase {
            Phase::Serving(_) => false,
            Phase::Waiting(waiting) => !state.is_first && waiting.heard == self.arrivals.count(),
        }
    }

    /// Whether something of a head has come, and not the whole of one. Whether something has come may be
    /// known.
    pub(super) fn is_in_head(&self, is_begun: Option<bool>) -> bool {
        match &self.lock().phase {
            Phase::Serving(_) => false,
            Phase::Waiting(waiting) => {
                is_begun.unwrap_or_else(|| waiting.heard != self.arrivals.count())
            }
        }
    }

    /// Completes when the alarm rings for something.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<Alarm> {
        self.lock().poll(context, &self.arrivals)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct State {
    /// Rings several times a second while requests are served.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Whether nothing was asked yet.
    is_first: bool,
    patience: Patience,
    phase: Phase,
}

enum Phase {
    Serving(Serving),
    Waiting(Waiting),
}

struct Serving {
    /// When the request must be over, if ever.
    cut_at: Option<Instant>,
    /// When the token comes to its own end, if it has one.
    ends_at: Option<Instant>,
    /// Whether it has passed because nothing was guarded.
    is_unguarded: bool,
    /// When to look at the token next.
    look_at: Instant,
    /// The token that let the request pass.
    token: Option<Held>,
}

/// As long as no alarm has rung, nobody needs to know since when.
struct Waiting {
    /// By when the head must have come; none has begun yet if there is no such moment.
    head_by: Option<Instant>,
    /// How often anything had arrived when it began.
    heard: u64,
    is_told: bool,
    since: Option<Instant>,
}

impl Serving {
    fn looked_at(look_at: Instant) -> Self {
        Self { cut_at: None, ends_at: None, is_unguarded: false, look_at, token: None }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.cut_at.is_some_and(|cut_at| cut_at <= now)
    }

    fn set_end(&mut self, lasts: Option<Duration>) {
        self.ends_at = lasts.map(|lasts| Instant::now() + lasts);
        if let Some(ends_at) = self.ends_at {
            self.look_at = ends_at.min(self.look_at);
        }
    }
}

impl State {
    /// The most that it takes to see the end of a token that the gateway has heard of.
    const LOOK_EVERY: Duration = Duration::from_millis(250);
    /// How often someone looks whether a client that was idle has begun to ask.
    const GLANCE_EVERY: Duration = Duration::from_secs(1);

    fn poll(&mut self, context: &mut Context<'_>, arrivals: &Arrivals) -> Poll<Alarm> {
        loop {
            let first = Self::GLANCE_EVERY.min(self.patience.head);
            let alarm =
                self.alarm.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + first)));
            if let Phase::Serving(serving) = &self.phase
                && alarm.deadline() > serving.look_at
            {
                alarm.as_mut().reset(serving.look_at);
            }
            ready!(alarm.as_mut().poll(context));
            let now = Instant::now();
            let (next, alarm_for) = match &mut self.phase {
                Phase::Serving(serving) => {
                    serving.look_at = now + Self::LOOK_EVERY;
                    let is_over = serving.is_over(now);
                    let unguarded = serving.is_unguarded.then_some(Alarm::Unguarded);
                    let look = serving.token.map(Alarm::Look).or(unguarded);
                    (serving.look_at, if is_over { Some(Alarm::Late) } else { look })
                }
                Phase::Waiting(waiting) => {
                    // Whoever connects is about to ask.
                    let begun = if self.is_first { waiting.since } else { None };
                    let begun = begun.or((arrivals.count() != waiting.heard).then_some(now));
                    waiting.glance(now, begun, self.patience)
                }
            };
            alarm.as_mut().reset(next);
            if let Some(alarm) = alarm_for {
                return Poll::Ready(alarm);
            }
        }
    }
}

impl Waiting {
    fn after(heard: u64) -> Self {
        Self { head_by: None, heard, is_told: false, since: None }
    }

    /// When to glance next, and what there is to say now. `begun` is when the head began to come, if
    /// it has.
    fn glance(
        &mut self,
        now: Instant,
        begun: Option<Instant>,
        patience: Patience,
    ) -> (Instant, Option<Alarm>) {
        let since = *self.since.get_or_insert(now);
        let end = match begun {
            Some(begun) => *self.head_by.get_or_insert(begun + patience.head),
            None => since + patience.idle,
        };
        let next = now + State::GLANCE_EVERY;
        if now >= end {
            return (next, Some(Alarm::Late));
        }
        let is_idle = begun.is_none() && !self.is_told && now >= since + State::GLANCE_EVERY;
        self.is_told |= is_idle;
        (end.min(next), is_idle.then_some(Alarm::Idle))
    }
}
