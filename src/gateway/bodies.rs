//! The memory of bodies that are gathered before they are answered.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What the bodies of all requests to endpoints take together, beyond a little that each may have.
#[derive(Default)]
pub(super) struct BodyMemory {
    taken: AtomicUsize,
}

/// What one of them takes, until it is dropped.
pub(super) struct BodyShare<'m> {
    memory: &'m BodyMemory,
    taken: usize,
}

impl BodyMemory {
    /// What each body may have, whatever the others take: enough for a name and a password.
    const OWN: usize = 16 << 10;
    /// What all of them share.
    const SHARED: usize = 32 << 20;

    /// The share of a body that has not come yet.
    pub(super) fn share(&self) -> BodyShare<'_> {
        BodyShare { memory: self, taken: 0 }
    }
}

impl BodyShare<'_> {
    /// Makes room for so many bytes in all; `false` if there is none. A body finds room alone, however
    /// large it may be.
    pub(super) fn grow_to(&mut self, size: usize) -> bool {
        let wanted = size.saturating_sub(BodyMemory::OWN);
        let Some(more) = wanted.checked_sub(self.taken).filter(|more| *more > 0) else {
            return true;
        };
        let fit = |taken: usize| {
            let sum = taken.saturating_add(more);
            (taken == self.taken || sum <= BodyMemory::SHARED).then_some(sum)
        };
        let taken = self.memory.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fit);
        if taken.is_ok() {
            self.taken = wanted;
        }
        taken.is_ok()
    }
}

impl Drop for BodyShare<'_> {
    fn drop(&mut self) {
        if self.taken > 0 {
            self.memory.taken.fetch_sub(self.taken, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_bodies_find_room_whatever_the_large_ones_take() {
        let memory = BodyMemory::default();
        let mut large: Vec<_> = (0..64).map(|_| memory.share()).collect();
        let fitting =
            large.iter_mut().filter_map(|body| body.grow_to(1 << 20).then_some(())).count();
        assert_eq!(fitting, 32);
        assert!(memory.share().grow_to(BodyMemory::OWN));
        assert!(!memory.share().grow_to(1 << 20));
        large.pop();
        large.swap_remove(0);
        assert!(memory.share().grow_to(1 << 20));
        drop(large);
        assert_eq!(memory.taken.into_inner(), 0);
    }

    #[test]
    fn a_body_finds_room_alone_however_large_it_is() {
        let memory = BodyMemory::default();
        let mut body = memory.share();
        assert!(body.grow_to(BodyMemory::SHARED * 2));
        assert!(body.grow_to(BodyMemory::SHARED * 3));
        assert!(!memory.share().grow_to(BodyMemory::OWN + 1));
    }
}
