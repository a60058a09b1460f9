//! What many servers say of what changes, of which some have not heard yet.

use super::fault::Failure;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::time::Duration;
use tokio::time::timeout;

/// How long to wait for another answer after the first: those that are lost answer late or never.
const SECOND_OPINION: Duration = Duration::from_millis(100);

/// The answer of the one that has seen the latest epoch. Fails with one of the failures if nobody
/// answers.
pub(super) async fn latest<T>(
    answers: impl IntoIterator<Item = impl Future<Output = Result<T, Failure>>>,
    epoch: impl Fn(&T) -> u64,
) -> Result<T, Option<Failure>> {
    let mut answers: FuturesUnordered<_> = answers.into_iter().collect();
    let (mut best, mut failure): (Option<T>, _) = (None, None);
    loop {
        let next = match best {
            None => answers.next().await,
            Some(_) => timeout(SECOND_OPINION, answers.next()).await.unwrap_or_default(),
        };
        match next {
            Some(Ok(answer)) => {
                if best.as_ref().is_none_or(|best| epoch(&answer) > epoch(best)) {
                    best = Some(answer);
                }
            }
            Some(Err(why)) => failure = Some(why),
            None => return best.ok_or(failure),
        }
    }
}
