//! Listening sockets, and the way of a connection from there to a worker.

use super::connection;
use super::connections::Connections;
use super::listening::Listener;
use super::worker::Workers;
use super::{Limits, StartError};
use crate::clock::OnceASecond;
use crate::gateway::Guard;
use crate::metrics::Metrics;
use arc_swap::ArcSwap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::time::sleep;

/// What all listeners share.
pub(super) struct Reception {
    /// When it was last said that nobody can be accepted.
    pub complaint: OnceASecond,
    pub connections: Arc<Connections>,
    pub guard: Arc<Guard>,
    pub limits: ArcSwap<Limits>,
    pub metrics: Arc<Metrics>,
    /// Turns true when connections must end after what they serve.
    pub stopping: watch::Receiver<bool>,
    pub workers: Workers,
}

impl Reception {
    /// Waits until another connection may be served. Between this and the next moment in which the
    /// thread waits for something nobody else takes the place.
    async fn room(&self) {
        let most = self.limits.load().connections.max_connections;
        if let Some(most) = most {
            self.connections.room(most, &self.guard, &self.metrics).await;
        }
    }
}

/// Whether new connections are welcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Door {
    /// They are.
    Open,
    /// Those that wait are; then nobody is.
    Closing,
    /// Another process takes them.
    HandedOver,
}

/// Listens at an address.
pub(super) fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    /// How many connections may wait to be accepted; the system may allow less.
    const BACKLOG: u32 = 4096;
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        // Each accepted connection has it from here: a small piece of a stream waits for no other.
        socket.set_nodelay(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?.into_std()
    };
    bound().map_err(|source| StartError::Listen { address, source })
}

/// Has the runtime of this thread tell when connections wait.
#[expect(
    deprecated,
    reason = "its heir is unsafe, for sockets that may be gone; this one is owned"
)]
pub(super) fn register(socket: TcpListener) -> io::Result<AsyncFd<TcpListener>> {
    AsyncFd::new(socket)
}

/// Hands the connections of a listener to the workers until the door is closed.
pub(super) async fn accept_all(
    listener: Arc<Listener>,
    socket: AsyncFd<TcpListener>,
    reception: Arc<Reception>,
    mut door: watch::Receiver<Door>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = accept(&socket) => accepted,
            _ = door.wait_for(|door| *door != Door::Open) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::select! {
                    () = reception.room() => {}
                    // Whoever was accepted is served.
                    _ = door.wait_for(|door| *door != Door::Open) => {}
                }
                hand_over(stream, peer, &listener, &reception);
            }
            Err(error) => reception.pause_after(&error).await,
        }
    }
    if *door.borrow() == Door::Closing {
        while let Ok((stream, peer)) = accept_now(socket.get_ref()) {
            hand_over(stream, peer, &listener, &reception);
        }
    }
}

async fn accept(socket: &AsyncFd<TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        let mut ready = socket.readable().await?;
        if let Ok(accepted) = ready.try_io(|socket| accept_now(socket.get_ref())) {
            return accepted;
        }
    }
}

fn accept_now(socket: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = socket.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, peer))
}

fn hand_over(
    stream: TcpStream,
    peer: SocketAddr,
    listener: &Arc<Listener>,
    reception: &Arc<Reception>,
) {
    let Some(worker) = reception.workers.next() else { return };
    let place = reception.connections.enter(&reception.metrics);
    let (listener, reception) = (Arc::clone(listener), Arc::clone(reception));
    let proxy = worker.proxy(listener.how().settings.face);
    let arrived = connection::Arrived { idle_ends: worker.idle_ends(), peer, place, stream };
    worker.handle.spawn(async move {
        connection::serve(arrived, &listener, &reception, proxy).await;
    });
}

impl Reception {
    /// A client that has gone again concerns nobody else; what the system has run out of needs a
    /// moment.
    async fn pause_after(&self, error: &io::Error) {
        const PAUSE: Duration = Duration::from_millis(100);
        if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) {
            return;
        }
        self.metrics.accepting_paused();
        // Whatever the number of listeners.
        if self.complaint.count(Instant::now()).is_some() {
            tracing::error!(%error, "no connection can be accepted for now");
        }
        sleep(PAUSE).await;
    }
}
