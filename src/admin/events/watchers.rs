//! The places of those who follow events: so many in all, of one operator and of one session.

use crate::model::user::UserId;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Those who follow events; each asks the store once a second.
#[derive(Clone, Default)]
pub(in super::super) struct Watchers(Arc<Mutex<Places>>);

#[derive(Default)]
struct Places {
    /// The oldest first.
    all: VecDeque<Place>,
    last: u64,
}

/// Who has a place.
struct Place {
    number: u64,
    operator: UserId,
    session: String,
    /// Dropped with the place, which tells that a newer one has it.
    _taken: oneshot::Sender<()>,
}

/// The place of one who follows events, which others may have once it is dropped.
pub(super) struct Room {
    displaced: oneshot::Receiver<()>,
    number: u64,
    watchers: Watchers,
}

impl Watchers {
    /// The most at once.
    const MOST: usize = 32;
    /// The most of one operator.
    const MOST_OF_OPERATOR: usize = 8;
    /// The most of one session.
    const MOST_OF_SESSION: usize = 4;

    /// Room for one more of this session. A page that was left is noticed late: where the session or
    /// its operator has as many as they may, or there is no other place, its newest takes that of
    /// their oldest. `None` if all places are those of others.
    pub(super) fn room(&self, operator: UserId, session: String) -> Option<Room> {
        let mut places = self.places();
        let all = &mut places.all;
        let is_of_session = |place: &Place| place.session == session;
        let is_of_operator = |place: &Place| place.operator == operator;
        let count = |is_own: &dyn Fn(&Place) -> bool| all.iter().filter(|own| is_own(own)).count();
        let oldest = if count(&is_of_session) >= Self::MOST_OF_SESSION {
            all.iter().position(is_of_session)
        } else if count(&is_of_operator) >= Self::MOST_OF_OPERATOR || all.len() >= Self::MOST {
            Some(all.iter().position(is_of_operator)?)
        } else {
            None
        };
        if let Some(oldest) = oldest {
            all.remove(oldest);
        }
        places.last += 1;
        let (number, (taken, displaced)) = (places.last, oneshot::channel());
        places.all.push_back(Place { number, operator, session, _taken: taken });
        drop(places);
        Some(Room { displaced, number, watchers: self.clone() })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Returns once a newer one has the place.
    pub(super) async fn displaced(&mut self) {
        // Nobody sends anything: the sender is dropped with the place.
        let _ = (&mut self.displaced).await;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.watchers.places().all.retain(|place| place.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn is_displaced(room: &mut Room) -> bool {
        room.displaced().now_or_never().is_some()
    }

    fn displaced(rooms: &mut [Room]) -> Vec<usize> {
        let places = rooms.iter_mut().enumerate();
        places.filter_map(|(place, room)| is_displaced(room).then_some(place)).collect()
    }

    /// Places of an operator, four for each session of theirs.
    fn rooms(watchers: &Watchers, operator: u64, count: usize) -> Vec<Room> {
        let session = |number: usize| format!("session {} of {operator}", number / 4);
        let room = |number| watchers.room(UserId(operator), session(number));
        (0..count).map(|number| room(number).unwrap()).collect()
    }

    #[test]
    fn the_newest_of_a_session_takes_the_place_of_its_oldest_and_of_nobody_else() {
        let watchers = Watchers::default();
        let mut other = watchers.room(UserId(2), "other".to_owned()).unwrap();
        let mut more = watchers.room(UserId(1), "more".to_owned()).unwrap();
        let room = |_| watchers.room(UserId(1), "own".to_owned()).unwrap();
        let mut own: Vec<_> = (0..6).map(room).collect();
        assert_eq!(displaced(&mut own), [0, 1]);
        assert!(!is_displaced(&mut other) && !is_displaced(&mut more));
        drop(own);
        assert_eq!(watchers.places().all.len(), 2);
    }

    #[test]
    fn however_many_sessions_an_operator_has_they_share_eight_places() {
        let watchers = Watchers::default();
        let mut others = rooms(&watchers, 1, 3);
        let mut own = rooms(&watchers, 2, 32);
        assert_eq!(displaced(&mut own), (0..24).collect::<Vec<_>>());
        assert!(displaced(&mut others).is_empty());
        assert_eq!(watchers.places().all.len(), 11);
    }

    #[test]
    fn whoever_has_none_gets_no_place_of_others() {
        let watchers = Watchers::default();
        let mut all: Vec<_> = (0..8).map(|operator| rooms(&watchers, operator, 4)).collect();
        assert!(watchers.room(UserId(9), "late".to_owned()).is_none());
        let newest = watchers.room(UserId(7), "another".to_owned());
        assert!(newest.is_some() && is_displaced(&mut all[7][0]));
        all.remove(0);
        assert!(watchers.room(UserId(9), "late".to_owned()).is_some());
    }
}
