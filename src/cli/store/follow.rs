//! What comes after a copy: carrying over what gateways change in the store that was copied, until they
//! use the other one.

use super::super::Failure;
use super::super::output::{self, say};
use crate::auth::{Copied, Copying};
use crate::config;
use crate::store::StoreError;
use crate::store::follow::Carried;
use clap::Args;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

#[derive(Args)]
pub(super) struct Follow {
    /// Carry over what gateways change meanwhile, until Ctrl-C: start them with the other store then
    #[arg(long)]
    follow: bool,
    /// The same, until nothing was changed for so long
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true,
          default_missing_value = "10s", value_parser = time)]
    until_quiet: Option<Duration>,
}

/// Who may end it.
struct Ends {
    interrupt: Signal,
    terminate: Signal,
}

impl Follow {
    /// How often it is looked whether anything has changed; when that takes long, it rests longer.
    const PAUSE: Duration = Duration::from_millis(100);
    /// For how long it rests at most.
    const LONGEST_PAUSE: Duration = Duration::from_secs(5);
    /// How often at most what is left is carried over, in case it never comes to an end.
    const ROUNDS: usize = 100;

    pub(super) async fn run(self, copying: &mut Copying) -> Result<(), Failure> {
        // What was changed while it was copied.
        let mut all = catch_up_wholly(copying).await?;
        if self.follow || self.until_quiet.is_some() {
            copying.keep_ahead().await?;
            say(
                "It has caught up, and follows. Start the gateways with the other store now: another \
                 store.url and `authgate upgrade`. Then end this by Ctrl-C.",
            );
            add(&mut all, self.follow_until_told(copying).await?);
            add(&mut all, catch_up_wholly(copying).await?);
        }
        let Carried { items, left_out, tokens, users } = all;
        if !all.is_nothing() {
            say(&format!(
                "Carried over since: {users} users, {tokens} tokens, {items} items that were changed."
            ));
        }
        if left_out > 0 {
            err!(
                "warning: {left_out} times a user was left out, who cannot be read or whose name \
                 somebody else has in the other store"
            );
        }
        compare(copying.finish().await?);
        Ok(())
    }

    /// Carries over until someone says that it is enough, or nothing changes any more.
    async fn follow_until_told(&self, copying: &mut Copying) -> Result<Carried, Failure> {
        let (mut all, mut ends) = (Carried::default(), Ends::listen()?);
        let (mut changed, mut pause, mut is_away) = (Instant::now(), Self::PAUSE, false);
        loop {
            tokio::select! {
                biased;
                () = ends.told() => return Ok(all),
                () = sleep(pause) => {}
            }
            let begun = Instant::now();
            match carry_over(copying).await {
                Ok(carried) => {
                    is_away = false;
                    pause = rest(begun.elapsed(), carried);
                    if !carried.is_nothing() {
                        changed = Instant::now();
                    }
                    add(&mut all, carried);
                }
                Err(error) if error.is_away() => {
                    // It may come back, and nothing is lost until then.
                    if !std::mem::replace(&mut is_away, true) {
                        err!("warning: {}", output::with_causes(&error));
                    }
                    changed = Instant::now();
                }
                Err(error) => return Err(error.into()),
            }
            if self.until_quiet.is_some_and(|quiet| changed.elapsed() >= quiet) {
                return Ok(all);
            }
        }
    }
}

/// How long to rest after a look that took so long. What changed while much was carried over waits no
/// longer.
fn rest(took: Duration, carried: Carried) -> Duration {
    if carried.is_nothing() {
        (took * 4).clamp(Follow::PAUSE, Follow::LONGEST_PAUSE)
    } else {
        Follow::PAUSE
    }
}

impl Ends {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::system("cannot listen for signals"));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn time(text: &str) -> Result<Duration, String> {
    config::parse_lifetime(text)?.ok_or_else(|| "that is no time; leave it out".to_owned())
}

async fn carry_over(copying: &mut Copying) -> Result<Carried, StoreError> {
    let carried = copying.catch_up().await?;
    if !carried.is_nothing() {
        copying.keep_ahead().await?;
    }
    Ok(carried)
}

/// Carries over until there is nothing left.
async fn catch_up_wholly(copying: &mut Copying) -> Result<Carried, Failure> {
    let mut all = Carried::default();
    copying.settle().await;
    for _ in 0..Follow::ROUNDS {
        let carried = copying.catch_up().await?;
        if carried.is_nothing() {
            break;
        }
        add(&mut all, carried);
    }
    Ok(all)
}

fn add(all: &mut Carried, more: Carried) {
    all.items += more.items;
    all.left_out += more.left_out;
    all.tokens += more.tokens;
    all.users += more.users;
}

fn compare(copied: Copied) {
    let Copied { tokens: [tokens, others_tokens], users: [users, others_users] } = copied;
    if copied.is_same() {
        say(&format!("Both have the same: {users} users, {tokens} good tokens."));
    } else {
        say(&format!(
            "This one has {users} users and {tokens} good tokens, the other {others_users} and \
             {others_tokens}: what gateways have added there is more, and what they end there is less."
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_by_how_long_comparing_takes_and_not_after_carrying_over() {
        let nothing = Carried::default();
        let seconds = Duration::from_secs;
        assert_eq!(rest(Duration::ZERO, nothing), Follow::PAUSE);
        assert_eq!(rest(seconds(1), nothing), seconds(4));
        assert_eq!(rest(seconds(100), nothing), Follow::LONGEST_PAUSE);
        assert_eq!(rest(seconds(100), Carried { users: 1, ..nothing }), Follow::PAUSE);
    }
}
