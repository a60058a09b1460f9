//! Who waits for a thread that hashes, and who is next.

use super::PasswordHasher;
use super::hash_pool::{Lane, Share};
use crate::metrics::Metrics;
use crate::model::limit::AccountKey;
use crate::model::network::Network;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// The queues of all lanes.
pub(super) struct Queues {
    operator: Queue,
    console: Queue,
    /// Those that take turns.
    others: [Queue; 3],
    /// Which of these is next.
    turn: usize,
    /// Whether the pool is gone.
    pub is_closed: bool,
    last_id: u64,
}

/// What is done with a password.
pub(super) type Work = Box<dyn FnOnce(&dyn PasswordHasher, &Metrics) + Send>;

/// A password that waits.
pub(super) struct Job {
    id: u64,
    /// Until when it is worth beginning.
    pub until: Instant,
    pub work: Work,
}

#[derive(Default)]
struct Queue {
    /// How many places each of those holds that may not have all.
    held: HashMap<Holder, usize>,
    most: usize,
    /// How many hold a place, whether or not their job is here yet.
    seats: usize,
    waiting: VecDeque<Job>,
}

/// Who may not have all the places of a lane.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Holder {
    Account(AccountKey),
    Network(Network),
}

impl Holder {
    fn all(share: Option<Share>) -> impl Iterator<Item = Self> {
        let account = share.and_then(|share| share.account).map(Self::Account);
        let network = share.and_then(|share| share.network).map(Self::Network);
        account.into_iter().chain(network)
    }
}

impl Queue {
    fn has_room(&self, share: Option<Share>) -> bool {
        let most = |holder: Holder| match holder {
            Holder::Account(_) => (self.most / 4).max(1),
            Holder::Network(_) => (self.most / 2).max(1),
        };
        let held = |holder| self.held.get(&holder).copied().unwrap_or(0);
        self.seats < self.most && Holder::all(share).all(|holder| held(holder) < most(holder))
    }
}

impl Queues {
    pub(super) fn new(threads: usize) -> Self {
        let queue = |lane: Lane| Queue {
            most: lane.seats_per_thread() * threads.max(1),
            ..Queue::default()
        };
        Self {
            operator: queue(Lane::Operator),
            console: queue(Lane::Console),
            others: [Lane::Familiar, Lane::Ordinary, Lane::Guest].map(queue),
            turn: 0,
            is_closed: false,
            last_id: 0,
        }
    }

    /// Takes a place; `false` if none is free, or none of the share.
    pub(super) fn take_seat(&mut self, lane: Lane, share: Option<Share>) -> bool {
        let queue = self.of(lane);
        if !queue.has_room(share) {
            return false;
        }
        queue.seats += 1;
        Holder::all(share).for_each(|holder| *queue.held.entry(holder).or_default() += 1);
        true
    }

    /// Whether there is no place, neither for one that is known nor for a stranger.
    pub(super) fn is_full(&self, share: Option<Share>) -> bool {
        let [familiar, ordinary, _] = &self.others;
        !familiar.has_room(share) && !ordinary.has_room(share)
    }

    /// Gives a place back.
    pub(super) fn free_seat(&mut self, lane: Lane, share: Option<Share>) {
        let queue = self.of(lane);
        queue.seats = queue.seats.saturating_sub(1);
        for holder in Holder::all(share) {
            if let Some(held) = queue.held.get_mut(&holder) {
                *held = held.saturating_sub(1);
                if *held == 0 {
                    queue.held.remove(&holder);
                }
            }
        }
    }

    /// Puts a job at the end of its lane, and returns the number by which it can be taken back.
    pub(super) fn submit(&mut self, lane: Lane, work: Work, until: Instant) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.of(lane).waiting.push_back(Job { id, until, work });
        id
    }

    /// Takes a job back; `None` if it does not wait any more.
    pub(super) fn withdraw(&mut self, lane: Lane, id: u64) -> Option<Job> {
        let waiting = &mut self.of(lane).waiting;
        let place = waiting.binary_search_by_key(&id, |job| job.id).ok()?;
        waiting.remove(place)
    }

    /// Whether there is nothing to do, and may be something yet.
    pub(super) fn is_idle(&self) -> bool {
        let mut lanes = [&self.operator, &self.console].into_iter().chain(&self.others);
        !self.is_closed && lanes.all(|queue| queue.waiting.is_empty())
    }

    /// The job whose turn it is; `None` once the pool is gone.
    pub(super) fn next(&mut self) -> Option<Job> {
        if self.is_closed {
            return None;
        }
        let Self { operator, console, others, turn, .. } = self;
        if let Some(job) = operator.waiting.pop_front().or_else(|| console.waiting.pop_front()) {
            return Some(job);
        }
        // By turns, so that not even those who are known shut the others out.
        let lanes = others.len();
        (0..lanes).find_map(|_| {
            let queue = others.get_mut(*turn);
            *turn = (*turn + 1) % lanes;
            queue?.waiting.pop_front()
        })
    }

    fn of(&mut self, lane: Lane) -> &mut Queue {
        let [familiar, ordinary, guest] = &mut self.others;
        match lane {
            Lane::Operator => &mut self.operator,
            Lane::Console => &mut self.console,
            Lane::Familiar => familiar,
            Lane::Guest => guest,
            Lane::Ordinary => ordinary,
        }
    }
}
