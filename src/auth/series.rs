//! What happens is counted by the minute, for the console's charts: all gateways add into the same
//! minutes, beside the requests.

use super::Auth;
use crate::clock::{Timestamp, micros};
use crate::metrics::Sums;
use crate::store::{Count, Series, StoreError};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often each series counted, in the order of [`Series::ALL`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tallies([u64; Series::ALL.len()]);

/// What was counted in a span of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// How often.
    pub tallies: Tallies,
    /// When it begins.
    pub start: Timestamp,
}

/// What was counted lately, the newest last: spans without a gap, the last of which is not over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct History {
    /// The last day, by quarters of an hour.
    pub day: Vec<Span>,
    /// The last hour, by minutes.
    pub hour: Vec<Span>,
    /// The hour before that, in all.
    pub hour_before: Tallies,
}

/// What is to be added to the store.
#[derive(Default)]
pub(super) struct Untold {
    /// Since when the store does not take it.
    refused_since: Option<Timestamp>,
    told: Sums,
    waiting: HashMap<(Timestamp, Series), u64>,
}

impl Tallies {
    /// How often it counted.
    pub fn of(&self, series: Series) -> u64 {
        let place = Series::ALL.iter().position(|known| *known == series);
        place.and_then(|place| self.0.get(place)).copied().unwrap_or(0)
    }

    /// How often these counted, all together.
    pub fn of_all(&self, series: &[Series]) -> u64 {
        series.iter().map(|series| self.of(*series)).sum()
    }

    /// So many of each of these.
    pub fn of_these(counts: &[(Series, u64)]) -> Self {
        let mut tallies = Self::default();
        for (series, number) in counts {
            tallies.add(*series, *number);
        }
        tallies
    }

    /// The sum of several.
    #[must_use]
    pub fn sum(spans: &[Span]) -> Self {
        let mut sum = Self::default();
        for (place, number) in sum.0.iter_mut().enumerate() {
            *number = spans.iter().filter_map(|span| span.tallies.0.get(place)).sum();
        }
        sum
    }

    fn add(&mut self, series: Series, more: u64) {
        for (number, known) in self.0.iter_mut().zip(Series::ALL) {
            if known == series {
                *number = number.saturating_add(more);
            }
        }
    }
}

impl Auth {
    /// Adds what was counted to the store, now and then. Runs until it is dropped.
    pub async fn keep_series(&self) -> Infallible {
        const PAUSE: Duration = Duration::from_secs(5);
        loop {
            sleep(PAUSE).await;
            self.add_series().await;
        }
    }

    /// Adds what was counted last, if that is done in time.
    pub async fn flush_series(&self, within: Duration) {
        // What is late is not missed by anyone.
        let _ = timeout(within, self.add_series()).await;
    }

    /// Since when the store takes nothing, as far as that was noticed. It may answer all the same.
    pub fn refuses_writes_since(&self) -> Option<Timestamp> {
        self.untold().refused_since
    }

    /// What was counted in the last day, by all gateways.
    pub async fn history(&self) -> Result<History, StoreError> {
        let now = self.clock.now();
        let counts = self.store.counts(start_of(now, DAY_STEP).minus(DAY)).await?;
        let hour = spans(&counts, now, MINUTE, 60);
        let before = hour.first().map_or(now, |span| span.start);
        let hour_before = spans(&counts, before.minus(MINUTE), MINUTE, 60);
        let day = spans(&counts, now, DAY_STEP, 96);
        Ok(History { day, hour, hour_before: Tallies::sum(&hour_before) })
    }

    async fn add_series(&self) {
        let now = self.clock.now();
        let counts = self.untold().gather(self.metrics.sums(), now);
        if counts.is_empty() {
            return;
        }
        match self.store.add_counts(&counts).await {
            Ok(()) => self.untold().refused_since = None,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "what was counted waits for the store");
                let mut untold = self.untold();
                untold.refused_since.get_or_insert(now);
                untold.put_back(counts);
            }
        }
    }

    fn untold(&self) -> std::sync::MutexGuard<'_, Untold> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Untold {
    /// What is to be added to the store by now.
    fn gather(&mut self, sums: Sums, now: Timestamp) -> Vec<Count> {
        let minute = start_of(now, MINUTE);
        for (series, number) in differences(&self.told, &sums) {
            if number > 0 {
                *self.waiting.entry((minute, series)).or_default() += number;
            }
        }
        self.told = sums;
        // Nobody asks for what is older.
        self.waiting.retain(|(minute, _), _| now.since(*minute) < DAY);
        let counts = self.waiting.drain();
        counts.map(|((minute, series), number)| Count { minute, number, series }).collect()
    }

    fn put_back(&mut self, counts: Vec<Count>) {
        for Count { minute, number, series } in counts {
            *self.waiting.entry((minute, series)).or_default() += number;
        }
    }
}

const MINUTE: Duration = Duration::from_mins(1);
const DAY_STEP: Duration = Duration::from_mins(15);
const DAY: Duration = Duration::from_hours(24);

fn differences(old: &Sums, new: &Sums) -> impl Iterator<Item = (Series, u64)> {
    let [old, new] = [old, new].map(|sums| {
        let [class_2, class_3, class_4, class_5] = sums.classes;
        [
            (Series::LoginsFailed, sums.logins_failed),
            (Series::LoginsOk, sums.logins_ok),
            (Series::Requests(2), class_2),
            (Series::Requests(3), class_3),
            (Series::Requests(4), class_4),
            (Series::Requests(5), class_5),
            (Series::Unauthorized, sums.unauthorized),
            (Series::Forbidden, sums.forbidden),
            (Series::Throttled, sums.throttled),
        ]
    });
    old.into_iter().zip(new).map(|((_, old), (series, new))| (series, new.saturating_sub(old)))
}

/// The beginning of the span of this length that holds a moment.
fn start_of(moment: Timestamp, step: Duration) -> Timestamp {
    let step = micros(step).max(1);
    Timestamp::from_micros(moment.micros().div_euclid(step) * step)
}

/// So many spans, the last of which holds `now`.
fn spans(counts: &[Count], now: Timestamp, step: Duration, number: u32) -> Vec<Span> {
    let last = start_of(now, step);
    let starts = (0..number).rev().map(|back| last.minus(step * back));
    let mut spans: Vec<_> =
        starts.map(|start| Span { start, tallies: Tallies::default() }).collect();
    let first = last.minus(step * number.saturating_sub(1));
    for count in counts.iter().filter(|count| count.minute >= first) {
        let place = count.minute.since(first).as_micros() / step.as_micros().max(1);
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if let Some(span) = spans.get_mut(place) {
            span.tallies.add(count.series, count.number);
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_795_500_000_000_000 + seconds * 1_000_000)
    }

    fn ok(minute: Timestamp, number: u64) -> Count {
        Count { minute, number, series: Series::LoginsOk }
    }

    #[test]
    fn what_the_store_did_not_take_is_given_again_with_what_came_since() {
        let mut untold = Untold::default();
        let sums = |logins_ok| Sums { logins_ok, ..Sums::default() };
        let first = untold.gather(sums(3), at(5));
        assert_eq!(first, [ok(at(0), 3)]);
        untold.put_back(first);
        assert_eq!(untold.gather(sums(5), at(15)), [ok(at(0), 5)]);
        assert_eq!(untold.gather(sums(5), at(25)), []);
        assert_eq!(untold.gather(sums(6), at(65)), [ok(at(60), 1)]);
    }

    #[test]
    fn what_nobody_asks_for_any_more_is_let_go() {
        let mut untold = Untold::default();
        untold.put_back(vec![ok(at(0), 3)]);
        assert_eq!(untold.gather(Sums::default(), at(86_400)), []);
    }

    #[test]
    fn a_span_in_which_nothing_was_counted_is_there_all_the_same() {
        let counts = [ok(at(-120), 2), ok(at(0), 1), ok(at(-86_400), 9), ok(at(60), 7)];
        let spans = spans(&counts, at(30), MINUTE, 60);
        let last: Vec<_> =
            spans[56..].iter().map(|span| span.tallies.of(Series::LoginsOk)).collect();
        assert_eq!((spans.len(), last), (60, vec![0, 2, 0, 1]));
        assert_eq!(spans[59].start, at(0));
        assert_eq!(Tallies::sum(&spans).of_all(&[Series::LoginsOk, Series::LoginsFailed]), 3);
    }
}
