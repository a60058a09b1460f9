//! How many requests each route has had within the last hour, and how they ended.
//!
//! What nobody has taken costs nothing: the minutes of a route are set up when the first request
//! is counted there, and for each kind of end apart.

use crate::policy::{HostPattern, Route, RouteTable};
use http::{HeaderName, Method};
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// How many requests a route has had within the last hour.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hour {
    /// All of them.
    pub all: u64,
    /// Those that ended with 401.
    pub unauthorized: u64,
    /// Those that ended with 403.
    pub forbidden: u64,
    /// Those that ended with 500 or more.
    pub failed: u64,
}

/// The counts of all routes of a table.
pub(super) struct Traffic {
    /// When the minutes began that are counted here.
    epoch: Instant,
    routes: Vec<Arc<Counts>>,
}

impl Traffic {
    /// Counts for these routes. Those that take the same requests as before go on counting.
    pub(super) fn of(table: &RouteTable, before: Option<(&Self, &RouteTable)>) -> Self {
        let epoch = before.map_or_else(Instant::now, |(before, _)| before.epoch);
        let mut known = HashMap::new();
        if let Some((before, routes)) = before {
            let counted = |route: &Route| before.routes.get(route.number).map(Arc::clone);
            known.extend(routes.iter().filter_map(|route| Some((key(route), counted(route)?))));
        }
        let mut routes: Vec<_> = table.iter().collect();
        routes.sort_unstable_by_key(|route| route.number);
        let routes = routes.iter().map(|route| known.remove(&key(route)).unwrap_or_default());
        Self { epoch, routes: routes.collect() }
    }

    /// Counts a request that has ended with this status; 0 is none.
    pub(super) fn count(&self, route: &Route, status: u16, at: Instant) {
        let Some(counts) = self.routes.get(route.number) else { return };
        let minute = self.minute(at);
        counts.all.add(minute);
        match status {
            401 => counts.unauthorized.add(minute),
            403 => counts.forbidden.add(minute),
            500.. => counts.failed.add(minute),
            _ => {}
        }
    }

    /// The hour of a route that ends at this moment.
    pub(super) fn hour(&self, route: &Route, at: Instant) -> Hour {
        let Some(counts) = self.routes.get(route.number) else { return Hour::default() };
        let minute = self.minute(at);
        Hour {
            all: counts.all.sum(minute),
            unauthorized: counts.unauthorized.sum(minute),
            forbidden: counts.forbidden.sum(minute),
            failed: counts.failed.sum(minute),
        }
    }

    /// The minutes since the first one, which is 1.
    fn minute(&self, at: Instant) -> u32 {
        let minutes = at.saturating_duration_since(self.epoch).as_secs() / 60;
        u32::try_from(minutes).unwrap_or(u32::MAX - 1) + 1
    }
}

/// What no two routes of a table share.
fn key(route: &Route) -> (&HostPattern, &str, Option<&[Method]>, &[HeaderName]) {
    (&route.host, &route.path, route.methods.as_deref(), &route.headers)
}

#[derive(Default)]
struct Counts {
    all: Minutes,
    failed: Minutes,
    forbidden: Minutes,
    unauthorized: Minutes,
}

/// A count for each of the last minutes: the number of the minute above, the count below. So a
/// minute begins at 0 without anyone having to clear it, and without a lock.
#[derive(Default)]
struct Minutes(OnceLock<Box<[AtomicU64; Self::KEPT as usize]>>);

impl Minutes {
    const KEPT: u32 = 60;

    fn add(&self, minute: u32) {
        let minutes = self.0.get_or_init(|| Box::new([const { AtomicU64::new(0) }; _]));
        let Some(slot) = minutes.get((minute % Self::KEPT) as usize) else { return };
        let more = |slot: u64| {
            let count =
                if slot >> 32 == u64::from(minute) { slot & u64::from(u32::MAX) } else { 0 };
            Some(u64::from(minute) << 32 | (count + 1).min(u32::MAX.into()))
        };
        // Never fails: there is always a next value.
        let _ = slot.fetch_update(Relaxed, Relaxed, more);
    }

    fn sum(&self, now: u32) -> u64 {
        let Some(minutes) = self.0.get() else { return 0 };
        let slots = minutes.iter().map(|slot| slot.load(Relaxed));
        let is_recent = |slot: &u64| {
            let minute = slot >> 32;
            minute > 0 && minute + u64::from(Self::KEPT) > u64::from(now)
        };
        slots.filter(is_recent).map(|slot| slot & u64::from(u32::MAX)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn table(paths: &[&str]) -> RouteTable {
        let route = |path: &&str| Route { path: (*path).to_owned(), ..Route::default() };
        RouteTable::new(paths.iter().map(route).collect()).unwrap()
    }

    fn at<'t>(table: &'t RouteTable, path: &str) -> &'t Route {
        table.iter().find(|route| route.path == path).unwrap()
    }

    #[test]
    fn requests_are_counted_by_route_and_by_how_they_ended() {
        let table = table(&["/a", "/b"]);
        let traffic = Traffic::of(&table, None);
        let now = Instant::now();
        for status in [200, 401, 403, 403, 404, 500, 503, 0] {
            traffic.count(at(&table, "/a"), status, now);
        }
        let hour = Hour { all: 8, unauthorized: 1, forbidden: 2, failed: 2 };
        assert_eq!(traffic.hour(at(&table, "/a"), now), hour);
        assert_eq!(traffic.hour(at(&table, "/b"), now), Hour::default());
    }

    #[test]
    fn what_is_older_than_an_hour_counts_no_more() {
        let table = table(&["/a"]);
        let traffic = Traffic::of(&table, None);
        let route = at(&table, "/a");
        let minute = |number: u64| traffic.epoch + Duration::from_secs(number * 60);
        for number in [0, 1, 59, 60, 61] {
            traffic.count(route, 200, minute(number));
        }
        let all = |number| traffic.hour(route, minute(number)).all;
        // The 60th minute took the place of the first one.
        assert_eq!([61, 100, 119, 120, 121].map(all), [3, 3, 2, 1, 0]);
    }

    #[test]
    fn routes_that_stay_keep_their_counts_wherever_they_stand() {
        let before = table(&["/a", "/b"]);
        let counted = Traffic::of(&before, None);
        let now = Instant::now();
        counted.count(at(&before, "/b"), 200, now);
        let after = table(&["/c", "/b", "/a"]);
        let traffic = Traffic::of(&after, Some((&counted, &before)));
        let all = |path| traffic.hour(at(&after, path), now).all;
        assert_eq!(["/a", "/b", "/c"].map(all), [0, 1, 0]);
    }
}
