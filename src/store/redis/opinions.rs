//! What many servers say of what changes, of which some have not heard yet.

use super::fault::Failure;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::time::Duration;
use tokio::time::timeout;

/// How long to wait for another answer once there are enough: those that are lost answer late or never.
const ANOTHER_OPINION: Duration = Duration::from_millis(100);

/// What those say who answer soon, or late as long as there are not enough. Fails with one of the
/// failures if there are never enough.
pub(super) async fn opinions<T>(
    answers: impl IntoIterator<Item = impl Future<Output = Result<T, Failure>>>,
    are_enough: impl Fn(&[T]) -> bool,
) -> Result<Vec<T>, Option<Failure>> {
    let mut answers: FuturesUnordered<_> = answers.into_iter().collect();
    let (mut heard, mut failure) = (Vec::new(), None);
    loop {
        let next = if are_enough(&heard) {
            timeout(ANOTHER_OPINION, answers.next()).await.unwrap_or_default()
        } else {
            answers.next().await
        };
        match next {
            Some(Ok(answer)) => heard.push(answer),
            Some(Err(why)) => failure = Some(why),
            None if are_enough(&heard) => return Ok(heard),
            None => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::Fault;
    use super::*;
    use futures_util::future::{Either, pending, ready};
    use tokio::time::sleep;

    fn says(number: u64) -> impl Future<Output = Result<u64, Failure>> {
        ready(Ok(number))
    }

    fn two(heard: &[u64]) -> bool {
        heard.len() >= 2
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_as_are_needed_are_waited_for_and_others_only_shortly() {
        let late = |number| async move {
            sleep(ANOTHER_OPINION * 5).await;
            Ok(number)
        };
        let needed = [Either::Left(says(1)), Either::Right(late(2))];
        assert_eq!(opinions(needed, two).await.unwrap(), [1, 2]);
        let not_needed = [Either::Left(says(1)), Either::Right(late(2)), Either::Left(says(3))];
        assert_eq!(opinions(not_needed, two).await.unwrap(), [1, 3]);
        let never = [Either::Left(says(1)), Either::Right(pending()), Either::Left(says(3))];
        assert_eq!(opinions(never, two).await.unwrap(), [1, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn fewer_than_are_needed_are_a_failure() {
        let silent = || ready(Err(Fault::Silent.in_place("far")));
        let heard = opinions([Either::Left(says(1)), Either::Right(silent())], two).await;
        assert!(matches!(heard, Err(Some(Failure { fault: Fault::Silent, .. }))));
        assert!(matches!(opinions([says(1)], two).await, Err(None)));
    }
}
