//! Limits: a key each, counted by the server's own clock.

use super::request::{How, Request};
use super::{RedisStore, keys};
use crate::clock::{Timestamp, micros};
use crate::model::limit::{Charge, Familiar, Rule, Standing, Taken};
use crate::model::user::UserId;
use crate::store::{Counted, FAMILIAR_NETWORKS, StoreError};
use redis::{Cmd, Pipeline, pipe};
use std::collections::BTreeSet;
use std::time::Duration;

/// How many keys are looked at or deleted at once.
const CHUNK: usize = 500;

type Fields = (Option<u32>, Option<i64>, Option<i64>);

impl RedisStore {
    pub(super) async fn take_of(&self, charges: &[Charge]) -> Result<Counted, StoreError> {
        let mut script = self.scripts.take.call();
        for charge in charges {
            script.key(keys::limit(&charge.key));
            match charge.rule {
                Rule::Quota(quota) => {
                    script.arg("quota").arg(quota.count.get()).arg(quota.every()).arg(0).arg(0)
                }
                Rule::Delay(delay) => script
                    .arg("delay")
                    .arg(delay.free)
                    .arg(micros(delay.first))
                    .arg(micros(delay.longest))
                    .arg(micros(delay.memory())),
            };
        }
        // Asked twice it may count twice, which only errs on the safe side.
        let answer: Vec<u64> = self.link.ask(Request::Script(&script)).await?;
        let place = |number: u64| usize::try_from(number.checked_sub(1)?).ok();
        match answer[..] {
            [0, left, reset] => Ok(Counted::Done(Standing {
                left: u32::try_from(left).unwrap_or(u32::MAX),
                reset: Duration::from_micros(reset),
            })),
            [number, wait] if let Some(charge) = place(number).and_then(|at| charges.get(at)) => {
                let wait = Duration::from_micros(wait);
                Ok(Counted::Refused { charge: charge.clone(), wait })
            }
            _ => {
                let problem = format!("the answer has {} numbers", answer.len());
                Err(StoreError::Corrupt { what: "limit", problem })
            }
        }
    }

    pub(super) async fn give_back_of(&self, charges: &[Charge]) -> Result<(), StoreError> {
        let mut script = self.scripts.give_back.call();
        for charge in charges {
            script.key(keys::limit(&charge.key));
            match charge.rule {
                Rule::Quota(quota) => script.arg(quota.every()),
                Rule::Delay(_) => script.arg(0),
            };
        }
        // Once: given back twice, there would be more than there was.
        self.link.ask_once(Request::Script(&script)).await
    }

    pub(super) async fn list_limits(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(String, Taken)>, StoreError> {
        let mut found = Vec::new();
        for names in self.limit_keys().await?.chunks(CHUNK) {
            let mut read = pipe();
            for name in names {
                read.hmget(name, &["level", "until", "forget"]);
            }
            let all: Vec<Fields> = self.link.ask(Request::Batch(&read)).await?;
            let limits = names.iter().zip(all).filter_map(|(name, fields)| {
                let (Some(level), Some(until), Some(forget)) = fields else { return None };
                let [forget, until] = [forget, until].map(Timestamp::from_micros);
                Some((keys::limit_of(name)?.to_owned(), Taken { forget, level, until }))
            });
            found.extend(limits.filter(|(_, taken)| taken.forget > now));
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(found)
    }

    /// The keys of all limits. Looks at every key there is, which operators may wait for.
    async fn limit_keys(&self) -> Result<Vec<String>, StoreError> {
        let mut found = BTreeSet::new();
        for node in self.link.primaries().await?.nodes {
            let mut cursor = 0_u64;
            loop {
                let mut scan = redis::cmd("SCAN");
                scan.arg(cursor).arg("MATCH").arg(keys::LIMITS).arg("COUNT").arg(CHUNK);
                let names: Vec<String>;
                (cursor, names) = node.ask_again(&Request::Command(&scan), How::default()).await?;
                // A scan may show a key twice.
                found.extend(names);
                if cursor == 0 {
                    break;
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    pub(super) async fn forget_limits(&self, limits: &[String]) -> Result<u64, StoreError> {
        let mut cleared = 0;
        for some in limits.chunks(CHUNK) {
            let mut delete = pipe();
            for key in some {
                delete.del(keys::limit_named(key));
            }
            let counts: Vec<u64> = self.link.ask(Request::Batch(&delete)).await?;
            cleared += counts.iter().sum::<u64>();
        }
        Ok(cleared)
    }

    pub(super) async fn note_familiar(
        &self,
        familiar: Familiar,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::familiar(familiar.user);
        let most = isize::try_from(FAMILIAR_NETWORKS).unwrap_or(isize::MAX);
        let mut note = pipe();
        note.atomic().zadd(&key, familiar.network.to_string(), until.micros());
        note.zremrangebyrank(&key, 0, -most - 1);
        note.cmd("PEXPIREAT").arg(&key).arg(until.millis_up());
        self.link.ask(Request::Batch(note.ignore())).await
    }

    /// Writes down from where a user has logged in.
    pub(super) async fn put_familiar(
        &self,
        user: UserId,
        familiar: &[(String, Timestamp)],
    ) -> Result<(), StoreError> {
        let mut batch = pipe();
        write_familiar(&mut batch, user, familiar);
        if batch.is_empty() {
            return Ok(());
        }
        self.link.ask(Request::Batch(&batch)).await
    }

    pub(super) async fn read_familiar(
        &self,
        familiar: Familiar,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let key = keys::familiar(familiar.user);
        let score = Cmd::zscore(key, familiar.network.to_string());
        let until: Option<f64> = self.link.ask(Request::Command(&score)).await?;
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of this age fit exactly")]
        let until = until.map(|until| Timestamp::from_micros(until as i64));
        Ok(until.filter(|until| *until > now))
    }

    pub(super) async fn drop_familiar(&self, user: UserId) -> Result<(), StoreError> {
        self.link.ask(Request::Command(&Cmd::del(keys::familiar(user)))).await
    }
}

/// Writes down from where a user has logged in, and until when that counts.
pub(super) fn write_familiar(to: &mut Pipeline, user: UserId, familiar: &[(String, Timestamp)]) {
    let Some(last) = familiar.iter().map(|(_, until)| *until).max() else { return };
    let key = keys::familiar(user);
    for (network, until) in familiar {
        to.zadd(&key, network.as_str(), until.micros()).ignore();
    }
    to.cmd("PEXPIREAT").arg(&key).arg(last.millis_up()).ignore();
}
