//! What is counted over time: a hash for each hour, which Redis forgets after a day.

use super::request::Request;
use super::{RedisStore, keys};
use crate::clock::Timestamp;
use crate::store::{Count, Series, StoreError};
use redis::pipe;
use std::collections::{BTreeSet, HashMap};

/// Microseconds.
const HOUR: i64 = 3_600_000_000;
/// How many hours are looked at: a day, and the parts of hours at both of its ends.
const HOURS: i64 = 26;

impl RedisStore {
    /// Asked once: what is added twice would be counted twice.
    pub(super) async fn count_more(&self, counts: &[Count]) -> Result<(), StoreError> {
        let mut add = pipe();
        for Count { minute, number, series } in counts {
            let field = format!("{}:{}", minute.micros(), series.as_str());
            add.hincr(keys::counts(hour(*minute)), field, *number).ignore();
        }
        let hours: BTreeSet<_> = counts.iter().map(|count| hour(count.minute)).collect();
        for hour in hours {
            add.expire(keys::counts(hour), HOURS * HOUR / 1_000_000).ignore();
        }
        if add.is_empty() { Ok(()) } else { self.link.ask_once(Request::Batch(&add)).await }
    }

    pub(super) async fn list_counts(&self, since: Timestamp) -> Result<Vec<Count>, StoreError> {
        let mut read = pipe();
        for after in 0..HOURS {
            read.hgetall(keys::counts(hour(since) + after));
        }
        let hours: Vec<HashMap<String, u64>> = self.link.ask(Request::Batch(&read)).await?;
        let counted = |(field, number): (String, u64)| {
            let (minute, series) = field.split_once(':')?;
            let minute = Timestamp::from_micros(minute.parse().ok()?);
            Some(Count { minute, number, series: Series::read(series)? })
        };
        let mut counts: Vec<_> = hours.into_iter().flatten().filter_map(counted).collect();
        counts.retain(|count| count.minute >= since);
        counts.sort_by_key(|count| (count.minute, count.series.as_str()));
        Ok(counts)
    }
}

fn hour(moment: Timestamp) -> i64 {
    moment.micros().div_euclid(HOUR)
}
