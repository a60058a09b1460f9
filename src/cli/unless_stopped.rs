//! What takes long, and may be stopped by a signal.

use super::Failure;
use crate::store::whole::Stop;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

/// Does something that takes long. On SIGINT, SIGTERM and SIGHUP it is told to stop, and clears up after
/// itself; `left` says what is left then.
pub(super) async fn unless_stopped<T, E, W>(
    left: impl FnOnce() -> String,
    work: impl FnOnce(Stop) -> W + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    E: Into<Failure> + Send + 'static,
    W: Future<Output = Result<T, E>>,
{
    const AGAIN: Duration = Duration::from_millis(50);
    let listen = |kind| signal(kind).map_err(Failure::system("cannot listen for signals"));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    let stop = Stop::default();
    let (runtime, told) = (Handle::current(), stop.clone());
    // Beside the signals: what SQLite does is not waited for by anything else.
    let mut work = spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = told.told() => None,
                done = work(told.clone()) => Some(done),
            }
        })
    });
    let code = tokio::select! {
        biased;
        done = &mut work => return finished(done)?.ok_or_else(|| stopped(left(), 1))?.map_err(Into::into),
        _ = interrupt.recv() => 130,
        _ = terminate.recv() => 143,
        _ = hang_up.recv() => 129,
    };
    loop {
        stop.tell();
        if let Ok(done) = timeout(AGAIN, &mut work).await {
            return match finished(done)? {
                // It was done before it heard of it.
                Some(Ok(done)) => Ok(done),
                Some(Err(_)) | None => Err(stopped(left(), code)),
            };
        }
    }
}

fn finished<T>(done: Result<T, JoinError>) -> Result<T, Failure> {
    done.map_err(|error| Failure::Refused(error.to_string()))
}

fn stopped(left: String, code: u8) -> Failure {
    Failure::Stopped { code, left }
}
