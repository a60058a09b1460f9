//! The line from the server to one gateway: what it has still to hear, and how it is told.

use crate::server::Kind;
use authgate::store::{Change, Watcher};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// A line. It is as good as cut while it is mute, and nobody knows until it breaks.
#[derive(Default)]
pub(crate) struct Line {
    /// How many changes were noted: what SQLite tells of other processes.
    foreign: u64,
    is_broken: bool,
    is_mute: bool,
    /// What SQLite said last.
    known: Option<u64>,
    phase: Phase,
    proven: Option<Instant>,
    queue: VecDeque<Message>,
    /// How many changes SQLite's writer has made and not yet told of.
    untold: usize,
    watcher: Option<Arc<dyn Watcher>>,
}

/// How far the gateway is with the next proof that its line is alive.
#[derive(Clone, Copy, Default)]
enum Phase {
    /// Nobody listens.
    #[default]
    Down,
    /// The server has not yet been asked to tell of changes.
    Asking,
    /// It tells of them from now on, but its answer is still on its way.
    Answered,
    Idle,
    /// A proof was asked for then.
    Asked(Instant),
    /// The answer is on its way: for SQLite, with the count of changes.
    Sent(Instant, u64),
}

enum Message {
    Change(Change),
    Proof(Instant),
}

impl Line {
    /// Begins anew.
    pub(crate) fn connect(&mut self, watcher: Arc<dyn Watcher>) {
        let Self { foreign, untold, .. } = *self;
        let (phase, watcher) = (Phase::Asking, Some(watcher));
        *self = Self { foreign, phase, untold, watcher, ..Self::default() };
    }

    /// Ends for everyone to see.
    pub(crate) fn lose(&mut self) {
        self.phase = Phase::Down;
        self.is_broken = true;
        self.queue.clear();
    }

    /// Ends without anyone seeing it.
    pub(crate) fn mute(&mut self) {
        self.is_mute = true;
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether something is on its way.
    pub(crate) fn has_message(&self) -> bool {
        !self.is_mute && !self.queue.is_empty()
    }

    /// Notes what has changed at the server.
    pub(crate) fn note(&mut self, change: Change) {
        self.foreign += 1;
        if !matches!(self.phase, Phase::Down | Phase::Asking) {
            self.queue.push_back(Message::Change(change));
        }
    }

    /// The gateway's own writer changes something.
    pub(crate) fn writes(&mut self) {
        self.untold += 1;
    }

    /// The gateway was told of what it has changed.
    pub(crate) fn has_written(&mut self) {
        self.untold = self.untold.saturating_sub(1);
    }

    /// Takes the next message in, and says what it tells of.
    pub(crate) fn hear(&mut self) -> Option<Change> {
        let message = if self.is_mute { None } else { self.queue.pop_front() };
        match message? {
            Message::Change(change) => Some(change),
            Message::Proof(asked) => {
                self.proven = Some(asked);
                self.phase = Phase::Idle;
                None
            }
        }
    }

    /// Goes one step towards the next proof, and says what the gateway is told by it.
    pub(crate) fn beat(&mut self, kind: Kind, now: Instant) -> Option<Change> {
        if self.is_mute {
            return None;
        }
        let (phase, told) = match (kind, self.phase) {
            (_, Phase::Down) => (Phase::Down, None),
            (Kind::Redis, Phase::Asking) => (Phase::Answered, None),
            (Kind::Redis, Phase::Answered) => (Phase::Idle, Some(Change::Everything)),
            (_, Phase::Idle) | (Kind::Sqlite, Phase::Asking) => (Phase::Asked(now), None),
            (Kind::Redis, Phase::Asked(asked)) => {
                self.queue.push_back(Message::Proof(asked));
                (Phase::Sent(asked, 0), None)
            }
            (Kind::Redis, sent @ Phase::Sent(..)) => (sent, None),
            // The writer counts changes, and it does so after it has told of its own.
            (Kind::Sqlite, asked @ Phase::Asked(_)) if self.untold > 0 => (asked, None),
            (Kind::Sqlite, Phase::Asked(asked)) => (Phase::Sent(asked, self.foreign), None),
            (Kind::Sqlite, Phase::Sent(asked, count)) => {
                self.proven = Some(asked);
                let is_news = self.known.replace(count) != Some(count);
                (Phase::Idle, is_news.then_some(Change::Everything))
            }
            (Kind::Sqlite, Phase::Answered) => unreachable!("SQLite is not asked to tell"),
        };
        self.phase = phase;
        told
    }

    pub(crate) fn tell(&self, change: Change) {
        if let Some(watcher) = &self.watcher {
            watcher.changed(change);
        }
    }

    /// Passes on a proof, if one has come, and says whether one has.
    pub(crate) fn prove(&mut self) -> bool {
        let proof = self.watcher.as_ref().zip(self.proven.take());
        proof.map(|(watcher, asked)| watcher.told_until(asked)).is_some()
    }
}
