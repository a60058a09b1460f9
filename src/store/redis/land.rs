//! Taking a source over into Redis, while gateways may serve from it.
//!
//! Whoever is taken over has a mark from the first step to the last, by which they are nobody: they cannot
//! log in, and their tokens are not good. Where a landing is stopped, the next one removes whoever has a mark
//! of it, and does anew what had not come so far. Commands go out in batches, however many servers there are,
//! and no script is run for a token.

use super::land_add::Newcomer;
use super::land_begun::Past;
use super::land_judge::Judged;
use super::land_pace::Pace;
use super::land_replace::{Owner, keep_out};
use super::patience::patiently;
use super::request::Request;
use super::{RedisStore, keys};
use crate::model::user::UserId;
use crate::store::StoreError;
use crate::store::staging::{
    Arrival, Landed, Landing, OnConflict, Refusal, Round, Staging, Verdict,
};
use crate::store::whole::Progress;
use futures_util::stream::{self, StreamExt};
use redis::{Cmd, pipe};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::iter;
use std::pin::pin;

/// How many users are taken over in one go.
const CHUNK: usize = 500;
/// How many such goes are under way at once.
const AT_ONCE: usize = 4;

/// How a source is taken over.
pub(super) struct Crossing<'a> {
    /// How many tokens were added that are not good: their users may not log in.
    pub(super) dormant: Cell<u64>,
    /// The last number that was given to a user before.
    pub(super) given: u64,
    /// Who would have another name by now, where nothing is written.
    pub(super) moved: RefCell<HashSet<UserId>>,
    pub(super) order: &'a Landing,
    pace: Pace,
    /// The epochs of users who were removed, for their numbers come again.
    pub(super) past: RefCell<Past>,
    /// What the mark says of whoever is taken over.
    pub(super) run: &'a str,
    pub(super) staging: &'a Staging,
    /// Whether anything is written.
    pub(super) writes: bool,
}

impl RedisStore {
    /// Takes a source over in the turn of that run, or tells what would come of it.
    pub(in crate::store) async fn land(
        &self,
        staging: &Staging,
        order: &Landing,
        run: &str,
        progress: Progress<'_>,
    ) -> Result<Landed, StoreError> {
        order.stop.holds_for(&staging.db)?;
        patiently(async || self.ask_version().await).await?;
        patiently(async || self.check_layout().await).await?;
        staging.begin_landing(order.at)?;
        let (given, is_empty) = patiently(async || self.numbers_given().await).await?;
        if order.dry_run || order.on_conflict == OnConflict::Fail {
            let (dormant, moved, pace, past) = Default::default();
            let rehearsal =
                Crossing { dormant, given, moved, order, pace, past, run, staging, writes: false };
            if order.dry_run {
                staging.refuse_tokens_that_are_there_twice()?;
            }
            let landed = self.go_through(&rehearsal, progress).await?;
            if order.dry_run {
                return staging.end_landing(landed);
            }
        }
        self.refuse_without_room(staging, order).await?;
        patiently(async || self.bring_up_to_date().await).await?;
        // First, so that no new user gets the number of one who is still to come.
        let highest = staging.highest_number()?;
        patiently(async || self.give_no_number_to(highest, is_empty).await).await?;
        let (moved, past) = (RefCell::default(), RefCell::new(self.remove_begun(run).await?));
        for step in [&self.scripts.arrive, &self.scripts.arrived] {
            patiently(async || self.make_known(step).await).await?;
        }
        let (dormant, pace) = Default::default();
        let crossing =
            Crossing { dormant, given, moved, order, pace, past, run, staging, writes: true };
        let landed = self.go_through(&crossing, progress).await?;
        if is_empty {
            self.end_anew(&crossing, &landed).await?;
        }
        staging.end_landing(landed)
    }

    /// Notes all that a sweep would find out, where all who are there have come by this. Else a sweep does.
    async fn end_anew(&self, crossing: &Crossing<'_>, landed: &Landed) -> Result<(), StoreError> {
        let count = Cmd::zcard(keys::USERS);
        let there: u64 = patiently(async || self.link.ask(Request::Command(&count)).await).await?;
        if there != landed.added {
            return Ok(());
        }
        let good = landed.tokens_added.saturating_sub(crossing.dormant.get());
        patiently(async || self.note_all_indexed(crossing.order.at, good).await).await
    }

    /// The last number that was given to a user, and whether there is nobody. Where one was ever given, an
    /// index without anybody may be one that is lost.
    async fn numbers_given(&self) -> Result<(u64, bool), StoreError> {
        let mut look = pipe();
        look.get(keys::NEXT_USER).zcard(keys::USERS);
        let (given, users): (Option<u64>, u64) = self.link.ask(Request::Batch(&look)).await?;
        Ok((given.unwrap_or(0), given.is_none() && users == 0))
    }

    /// Everybody once, and those again whose name was another's who may have been renamed since, as long
    /// as that helps.
    async fn go_through(
        &self,
        crossing: &Crossing<'_>,
        progress: Progress<'_>,
    ) -> Result<Landed, StoreError> {
        let mut landed = Landed::default();
        let mut round = crossing.staging.round()?;
        loop {
            let before = landed.renamed;
            self.go_round(crossing, &mut round, progress, &mut landed).await?;
            if landed.renamed == before {
                return Ok(landed);
            }
            round = crossing.staging.round_of_namesakes()?;
        }
    }

    async fn go_round(
        &self,
        crossing: &Crossing<'_>,
        round: &mut Round<'_>,
        progress: Progress<'_>,
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        let mut arrivals = round.begin()?;
        let some = || match arrivals.next(CHUNK) {
            Ok(some) if some.is_empty() => None,
            some => Some(some),
        };
        // While Redis does some, the next are made ready.
        let parts = stream::iter(iter::from_fn(some)).map(|some| async move {
            let landed = self.land_some(crossing, some?).await?;
            if crossing.writes {
                self.keep_pace(&crossing.pace).await;
            }
            Ok::<_, StoreError>(landed)
        });
        let mut parts = pin!(parts.buffer_unordered(AT_ONCE));
        while let Some(part) = parts.next().await {
            landed.add(&part?);
            progress("users", landed.users());
        }
        Ok(())
    }

    async fn land_some(
        &self,
        crossing: &Crossing<'_>,
        arrivals: Vec<Arrival>,
    ) -> Result<Landed, StoreError> {
        let mut landed = Landed::default();
        let judged = self.judge_all(crossing, &arrivals).await?;
        let updates = crossing.order.on_conflict == OnConflict::Update;
        let mut newcomers = Vec::new();
        for (arrival, judged) in arrivals.into_iter().zip(judged) {
            let Judged { former, here, name_of, verdict } = judged;
            let row = &arrival.user;
            if crossing.order.on_conflict == OnConflict::Fail && verdict.is_conflict() {
                let is_late = crossing.writes;
                return Err(if is_late {
                    row.late_conflict(verdict)
                } else {
                    row.conflict(verdict)
                });
            }
            crossing.staging.note_arrival(&arrival, verdict.refusal())?;
            landed.count(verdict);
            if crossing.writes && verdict.refusal().is_none() {
                self.free_what_is_left(row, name_of, here.as_ref().zip(former)).await?;
            }
            match (verdict, here) {
                (Verdict::Add, _) => newcomers.push(arrival),
                (Verdict::Update, Some(here)) => {
                    self.land_over(crossing, &arrival, &here, &mut landed).await?;
                }
                (Verdict::Same, Some(here)) if updates => {
                    let owner = Owner { since: here.epoch, user: &here };
                    self.land_tokens(crossing, owner, &arrival, &mut landed).await?;
                }
                (Verdict::Same | Verdict::Keep, _) => {
                    keep_out(&arrival, &mut landed);
                }
                (Verdict::Update | Verdict::Refuse(_), _) => {}
            }
        }
        let newcomers = self.numbered(crossing, newcomers).await?;
        if crossing.writes {
            self.add_newcomers(crossing, newcomers, &mut landed).await?;
        } else {
            self.count_newcomers(crossing, &newcomers, &mut landed).await?;
        }
        Ok(landed)
    }

    /// Notes that a user is not taken who was counted as added.
    pub(super) fn refuse(
        crossing: &Crossing<'_>,
        newcomer: &Newcomer,
        refusal: Refusal,
        landed: &mut Landed,
    ) -> Result<(), StoreError> {
        landed.added = landed.added.saturating_sub(1);
        crossing.staging.note(newcomer.row, Some(refusal))
    }
}
