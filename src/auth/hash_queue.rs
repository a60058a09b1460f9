//! Who waits for a thread that hashes, and who is next.

use super::PasswordHasher;
use super::hash_pool::{Lane, Share};
use crate::metrics::Metrics;
use crate::model::limit::AccountKey;
use crate::model::network::Network;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// How many jobs of those who go first are begun in a row while others wait.
const IN_A_ROW: usize = 2;

/// The queues of all lanes.
pub(super) struct Queues {
    /// Those of the console.
    first: Turns<3>,
    others: Turns<2>,
    /// How many jobs of those who go first have been begun since another one.
    in_a_row: usize,
    /// Whether the pool is gone.
    pub is_closed: bool,
    last_id: u64,
}

/// Lanes that take turns, so that none shuts another out.
struct Turns<const N: usize> {
    lanes: [Queue; N],
    /// Which of them is next.
    turn: usize,
}

impl<const N: usize> Turns<N> {
    fn pop(&mut self) -> Option<Job> {
        (0..N).find_map(|_| {
            let queue = self.lanes.get_mut(self.turn);
            self.turn = (self.turn + 1) % N;
            queue?.waiting.pop_front()
        })
    }
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
            first: Turns {
                lanes: [Lane::Proof, Lane::Operator, Lane::Console].map(queue),
                turn: 0,
            },
            others: Turns { lanes: [Lane::Familiar, Lane::Ordinary].map(queue), turn: 0 },
            in_a_row: 0,
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
        let [familiar, ordinary] = &self.others.lanes;
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
        let mut lanes = self.first.lanes.iter().chain(&self.others.lanes);
        !self.is_closed && lanes.all(|queue| queue.waiting.is_empty())
    }

    /// The job whose turn it is; `None` once the pool is gone.
    pub(super) fn next(&mut self) -> Option<Job> {
        if self.is_closed {
            return None;
        }
        if self.in_a_row < IN_A_ROW
            && let Some(job) = self.first.pop()
        {
            self.in_a_row += 1;
            return Some(job);
        }
        if let Some(job) = self.others.pop() {
            self.in_a_row = 0;
            return Some(job);
        }
        self.first.pop()
    }

    fn of(&mut self, lane: Lane) -> &mut Queue {
        let [proof, operator, console] = &mut self.first.lanes;
        let [familiar, ordinary] = &mut self.others.lanes;
        match lane {
            Lane::Console => console,
            Lane::Familiar => familiar,
            Lane::Operator => operator,
            Lane::Ordinary => ordinary,
            Lane::Proof => proof,
        }
    }
}
