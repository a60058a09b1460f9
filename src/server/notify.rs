//! What systemd is told (`sd_notify(3)`), where it is asked for; elsewhere nothing happens.

use super::accept::Reception;
use sd_notify::NotifyState::{self, MainPid, MonotonicUsec, Ready, Reloading, Stopping, Watchdog};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// This process serves. It is the main one, also where another one was before.
pub(super) fn ready() {
    tell(&[MainPid(std::process::id()), Ready]);
}

/// Settings are being read again; [`ready`] ends it.
pub(super) fn reloading() {
    let now = NotifyState::monotonic_usec_now().unwrap_or(MonotonicUsec(0));
    tell(&[Reloading, now]);
}

/// This process is about to end.
pub(super) fn stopping() {
    tell(&[Stopping]);
}

/// Says, as often as systemd wants to hear it, that every worker works. Runs until it is dropped.
pub(super) async fn watchdog(reception: Arc<Reception>) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    loop {
        sleep(limit / 4).await;
        if all_work(&reception, limit / 4).await {
            tell(&[Watchdog]);
        } else {
            tracing::error!("a worker does not answer");
        }
    }
}

async fn all_work(reception: &Reception, limit: Duration) -> bool {
    let answers = reception.workers.iter().map(|worker| {
        let (answers, answer) = oneshot::channel();
        worker.handle.spawn(async { answers.send(()) });
        timeout(limit, answer)
    });
    let answers = futures_util::future::join_all(answers).await;
    answers.iter().all(|answer| matches!(answer, Ok(Ok(()))))
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd was not told");
    }
}
