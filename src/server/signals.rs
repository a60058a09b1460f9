//! What the process is told by signals.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that mean something.
pub(super) struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

pub(super) enum Told {
    /// SIGINT, the operator's own Ctrl-C: without waiting.
    End,
    /// SIGHUP.
    Reload,
    /// SIGTERM: once what is in flight is finished.
    Stop,
}

impl Signals {
    /// Listens for them from now on, in place of what they do by default.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hangup.recv() => Told::Reload,
            _ = self.interrupt.recv() => Told::End,
            _ = self.terminate.recv() => {
                tracing::info!("stopping: requests in flight are finished");
                Told::Stop
            }
        }
    }

    /// Returns when the process is told to stop while it does.
    pub(super) async fn stop_again(&mut self) {
        loop {
            if let Told::End | Told::Stop = self.next().await {
                return;
            }
        }
    }
}
