//! A network between a gateway and its store that can fall silent without a word.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::free_address;

/// Carries connections to a server. It takes no more of them once it is dropped.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    silence: Arc<Silence>,
}

#[derive(Default)]
struct Silence {
    is_silent: AtomicBool,
    is_over: AtomicBool,
    takes_millis: AtomicU64,
}

impl Relay {
    /// Opens a way to the server.
    pub(crate) fn to(server: SocketAddr) -> Self {
        Self::slow(server, Duration::ZERO)
    }

    /// Opens a way that takes so long in each direction.
    pub(crate) fn slow(server: SocketAddr, takes: Duration) -> Self {
        let address = free_address();
        let listener = TcpListener::bind(address).unwrap();
        let silence = Arc::<Silence>::default();
        silence.takes_millis.store(takes.as_millis().try_into().unwrap(), Ordering::SeqCst);
        let shared = Arc::clone(&silence);
        in_background(move || {
            for inner in listener.incoming() {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                carry(inner.unwrap(), TcpStream::connect(server).unwrap(), &shared);
            }
        });
        Self { address, silence }
    }

    /// Carries nothing from now on, but takes connections and keeps them open. Those that have met
    /// silence stay silent for ever.
    pub(crate) fn fall_silent(&self) {
        self.silence.is_silent.store(true, Ordering::SeqCst);
    }

    /// Takes so long in each direction from now on.
    pub(crate) fn slow_down(&self, takes: Duration) {
        self.silence.takes_millis.store(takes.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }

    /// Carries what new connections send.
    pub(crate) fn heal(&self) {
        self.silence.is_silent.store(false, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.silence.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn carry(inner: TcpStream, outer: TcpStream, silence: &Arc<Silence>) {
    for (mut from, mut to) in
        [(inner.try_clone().unwrap(), outer.try_clone().unwrap()), (outer, inner)]
    {
        let silence = Arc::clone(silence);
        in_background(move || {
            let (mut buffer, mut is_deaf) = ([0; 16 * 1024], false);
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                thread::sleep(Duration::from_millis(silence.takes_millis.load(Ordering::SeqCst)));
                is_deaf |= silence.is_silent.load(Ordering::SeqCst);
                if !is_deaf && to.write_all(&buffer[..length]).is_err() {
                    return;
                }
            }
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
    }
}

fn in_background(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name("relay".into()).spawn(work).unwrap();
}
