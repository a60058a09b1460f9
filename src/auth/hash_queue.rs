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
    /// How much room is left, in KiB, for jobs that want some.
    free: u64,
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
    /// The next job: one that wants no room, or the first of all that do, if there is so much.
    fn pop(&mut self, free: u64) -> Option<Job> {
        let first = self.first_with_room(free);
        (0..N).find_map(|_| {
            let queue = self.lanes.get_mut(self.turn);
            self.turn = (self.turn + 1) % N;
            let waiting = &mut queue?.waiting;
            let place = waiting.iter().position(|job| job.room == 0 || Some(job.id) == first);
            waiting.remove(place?)
        })
    }

    fn has_any(&self, free: u64) -> bool {
        let wants_none = |queue: &Queue| queue.waiting.iter().any(|job| job.room == 0);
        self.first_with_room(free).is_some() || self.lanes.iter().any(wants_none)
    }

    fn first_with_room(&self, free: u64) -> Option<u64> {
        self.first_for_room().filter(|(_, room)| *room <= free).map(|(id, _)| id)
    }

    /// Which one has waited longest of those that want room, and how much. Others wait for it, or small
    /// ones would keep a large one waiting for ever.
    fn first_for_room(&self) -> Option<(u64, u64)> {
        let waiting = self.lanes.iter().flat_map(|queue| &queue.waiting);
        waiting.filter(|job| job.room > 0).map(|job| (job.id, job.room)).min()
    }
}

/// What is done with a password.
pub(super) type Work = Box<dyn FnOnce(&dyn PasswordHasher, &Metrics) + Send>;

/// A password that waits.
pub(super) struct Job {
    id: u64,
    /// How much room it takes, in KiB.
    pub room: u64,
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
    /// For so many threads, and so much room.
    pub(super) fn new(threads: usize, room: u64) -> Self {
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
            free: room,
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
    pub(super) fn submit(&mut self, lane: Lane, room: u64, work: Work, until: Instant) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.of(lane).waiting.push_back(Job { id, room, until, work });
        id
    }

    /// Takes a job back; `None` if it does not wait any more.
    pub(super) fn withdraw(&mut self, lane: Lane, id: u64) -> Option<Job> {
        let waiting = &mut self.of(lane).waiting;
        let place = waiting.binary_search_by_key(&id, |job| job.id).ok()?;
        waiting.remove(place)
    }

    /// Whether there is nothing that can be done, and may be something yet.
    pub(super) fn is_idle(&self) -> bool {
        let has_any = self.first.has_any(self.free) || self.others.has_any(self.free_for_others());
        !self.is_closed && !has_any
    }

    /// How much room those have who do not go first: none while one waits for it who does.
    fn free_for_others(&self) -> u64 {
        let is_awaited = self.first.first_for_room().is_some_and(|(_, room)| room > self.free);
        if is_awaited { 0 } else { self.free }
    }

    /// Gives the room of a job back.
    pub(super) fn free(&mut self, room: u64) {
        self.free += room;
    }

    /// The job whose turn it is, and takes its room; `None` once the pool is gone.
    pub(super) fn next(&mut self) -> Option<Job> {
        if self.is_closed {
            return None;
        }
        let job = self.pop()?;
        self.free = self.free.saturating_sub(job.room);
        Some(job)
    }

    fn pop(&mut self) -> Option<Job> {
        if self.in_a_row < IN_A_ROW
            && let Some(job) = self.first.pop(self.free)
        {
            self.in_a_row += 1;
            return Some(job);
        }
        if let Some(job) = self.others.pop(self.free_for_others()) {
            self.in_a_row = 0;
            return Some(job);
        }
        self.first.pop(self.free)
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
