//! The memory that hashes from elsewhere may take, together.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A bounded amount of memory. Who finds too little of it left waits.
pub(super) struct Room {
    freed: Condvar,
    most: u64,
    taken: Mutex<u64>,
}

impl Room {
    pub(super) fn new(most: u64) -> Self {
        // Where there is none, too, they come one after the other.
        Self { freed: Condvar::new(), most: most.max(1), taken: Mutex::default() }
    }

    /// Waits until there is so much, and takes it. Who wants more than there is takes all of it, and so
    /// is alone.
    pub(super) fn take(&self, wanted: u64) -> Taken<'_> {
        let amount = wanted.min(self.most);
        let is_full = |taken: &mut u64| *taken + amount > self.most;
        let free = self.freed.wait_while(self.taken(), is_full);
        *free.unwrap_or_else(PoisonError::into_inner) += amount;
        Taken { amount, room: self }
    }

    fn taken(&self) -> MutexGuard<'_, u64> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An amount that is given back when it is dropped.
pub(super) struct Taken<'r> {
    amount: u64,
    room: &'r Room,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.room.taken() -= self.amount;
        self.room.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn who_finds_too_little_room_waits_until_there_is_enough() {
        let room = Room::new(10);
        let (came, comes) = channel();
        thread::scope(|scope| {
            let first = room.take(6);
            let second = room.take(4);
            scope.spawn(|| {
                let _third = room.take(5);
                came.send(()).unwrap();
            });
            drop(second);
            assert!(comes.recv_timeout(Duration::from_millis(50)).is_err());
            drop(first);
            comes.recv().unwrap();
        });
        assert_eq!(*room.taken(), 0);
    }

    #[test]
    fn what_is_larger_than_the_room_has_it_alone() {
        for most in [10, 0] {
            let room = Room::new(most);
            let large = room.take(11);
            assert_eq!(*room.taken(), room.most);
            assert!(room.most > 0);
            drop(large);
            let _other = room.take(1);
        }
    }
}
