//! What many servers say of what changes, of which some have not heard yet.

use super::fault::{Failure, Fault};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::time::Duration;
use tokio::time::timeout;

/// How long to wait for another answer after enough were heard: those that are lost answer late or
/// never.
const ANOTHER_OPINION: Duration = Duration::from_millis(100);

/// The answer of the one that has seen the latest epoch. Fails with one of the failures if nobody
/// answers; that they are absent, if no more than `unheard` may be there. If more of them may be there
/// and were not heard it fails, too: they could all have seen a later one.
pub(super) async fn latest<T>(
    answers: impl IntoIterator<Item = impl Future<Output = Result<T, Failure>>>,
    unheard: usize,
    epoch: impl Fn(&T) -> u64,
) -> Result<T, Option<Failure>> {
    let mut answers: FuturesUnordered<_> = answers.into_iter().collect();
    let (mut best, mut absent, mut failure): (Option<T>, _, _) = (None, None, None);
    let mut waits_for = answers.len();
    loop {
        let next = if best.is_none() || waits_for > unheard {
            answers.next().await
        } else {
            timeout(ANOTHER_OPINION, answers.next()).await.unwrap_or_default()
        };
        match next {
            Some(Ok(answer)) => {
                waits_for -= 1;
                if best.as_ref().is_none_or(|best| epoch(&answer) > epoch(best)) {
                    best = Some(answer);
                }
            }
            Some(Err(why)) if matches!(why.fault, Fault::Absent) => {
                waits_for -= 1;
                absent = Some(why);
            }
            Some(Err(why)) => failure = Some(why),
            None if waits_for > unheard => return Err(failure),
            None => return best.ok_or(absent.or(failure)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{Either, pending, ready};

    /// Of these answers, of which no majority may be missing.
    async fn heard(answers: &[Result<u64, Fault>]) -> Option<u64> {
        hear(answers).await.ok()
    }

    async fn hear(answers: &[Result<u64, Fault>]) -> Result<u64, Option<Failure>> {
        let given = answers.iter().map(|answer| match answer {
            Err(Fault::Silent) => Either::Left(async {
                tokio::time::sleep(ANOTHER_OPINION * 3).await;
                Err(Fault::Silent.in_place("far"))
            }),
            answer => Either::Right(ready(answer.clone().map_err(|fault| fault.in_place("here")))),
        });
        latest(given, answers.len() / 2, |epoch| *epoch).await
    }

    #[tokio::test]
    async fn the_latest_is_believed_as_long_as_no_majority_is_unheard() {
        let silent = || Err(Fault::Silent);
        assert_eq!(heard(&[Ok(1), Ok(3), Ok(2)]).await, Some(3));
        assert_eq!(heard(&[Ok(1), silent(), Ok(2)]).await, Some(2));
        assert_eq!(heard(&[silent(), Ok(2), silent()]).await, None);
        assert_eq!(heard(&[silent()]).await, None);
        assert_eq!(heard(&[Ok(1), silent()]).await, Some(1));
    }

    #[tokio::test]
    async fn those_that_are_not_there_choose_nothing() {
        let absent = || Err(Fault::Absent);
        assert_eq!(heard(&[absent(), Ok(2), absent()]).await, Some(2));
        assert_eq!(heard(&[absent(), Ok(2), Err(Fault::Silent)]).await, Some(2));
        let nobody = hear(&[absent(), absent(), Err(Fault::Silent)]).await;
        assert!(matches!(nobody, Err(Some(Failure { fault: Fault::Absent, .. }))));
    }

    #[tokio::test]
    async fn one_that_answers_late_is_not_waited_for_if_enough_were_heard() {
        let never = || Either::Left(pending());
        let answers = [Either::Right(ready(Ok(1))), never(), Either::Right(ready(Ok(2)))];
        assert_eq!(latest(answers, 1, |epoch| *epoch).await.ok(), Some(2));
    }
}
