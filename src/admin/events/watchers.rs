//! The places of those who follow events: so many in all, and so many of one session.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Those who follow events; each asks the store once a second.
#[derive(Clone, Default)]
pub(in super::super) struct Watchers(Arc<Mutex<Places>>);

/// Who has a place, and is told by the end of the channel that a newer one has it.
#[derive(Default)]
struct Places {
    /// By sessions, the oldest first.
    all: HashMap<String, VecDeque<(u64, oneshot::Sender<()>)>>,
    last: u64,
}

/// The place of one who follows events, which others may have once it is dropped.
pub(super) struct Room {
    displaced: oneshot::Receiver<()>,
    number: u64,
    session: String,
    watchers: Watchers,
}

impl Watchers {
    /// The most at once.
    const MOST: usize = 32;
    /// The most of one session.
    const MOST_OF_ONE: usize = 4;

    /// Room for one more of this session. A page that was left is noticed late: where the session has
    /// as many as it may, or there is no other place, its newest takes that of its oldest. `None` if
    /// all places are those of others.
    pub(super) fn room(&self, session: String) -> Option<Room> {
        let mut places = self.places();
        let is_full = places.all.values().map(VecDeque::len).sum::<usize>() >= Self::MOST;
        let own = places.all.get_mut(&session);
        let count = own.as_ref().map_or(0, |own| own.len());
        if is_full || count >= Self::MOST_OF_ONE {
            own?.pop_front();
        }
        places.last += 1;
        let (number, (place, displaced)) = (places.last, oneshot::channel());
        places.all.entry(session.clone()).or_default().push_back((number, place));
        drop(places);
        Some(Room { displaced, number, session, watchers: self.clone() })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Returns once a newer one of the session has the place.
    pub(super) async fn displaced(&mut self) {
        // Nobody sends anything: the sender is dropped with the place.
        let _ = (&mut self.displaced).await;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut places = self.watchers.places();
        if let Some(own) = places.all.get_mut(&self.session) {
            own.retain(|(number, _)| *number != self.number);
            if own.is_empty() {
                places.all.remove(&self.session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn is_displaced(room: &mut Room) -> bool {
        room.displaced().now_or_never().is_some()
    }

    #[test]
    fn the_newest_of_a_session_takes_the_place_of_its_oldest_and_of_nobody_else() {
        let watchers = Watchers::default();
        let mut other = watchers.room("other".to_owned()).unwrap();
        let mut own: Vec<_> = (0..6).map(|_| watchers.room("own".to_owned()).unwrap()).collect();
        let displaced: Vec<_> = own.iter_mut().map(is_displaced).collect();
        assert_eq!(displaced, [true, true, false, false, false, false]);
        assert!(!is_displaced(&mut other));
        drop(own);
        assert_eq!(watchers.places().all.len(), 1);
    }

    #[test]
    fn whoever_has_none_gets_no_place_of_others() {
        let watchers = Watchers::default();
        let mut rooms: Vec<_> = (0..Watchers::MOST)
            .map(|number| watchers.room(format!("session {}", number / 4)).unwrap())
            .collect();
        assert!(watchers.room("late".to_owned()).is_none());
        let newest = watchers.room("session 7".to_owned());
        assert!(newest.is_some() && is_displaced(&mut rooms[28]));
        rooms.remove(0);
        assert!(watchers.room("late".to_owned()).is_some());
    }
}
