//! A network between a gateway and its store that can fall silent without a word, slow down, or end
//! its connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::free_address;

/// Carries connections to a server. It takes no more of them once it is dropped.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    is_silent: AtomicBool,
    is_over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    /// How long each piece takes, in milliseconds.
    takes: AtomicU64,
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
        let line = Arc::<Line>::default();
        line.takes.store(takes.as_millis().try_into().unwrap(), Ordering::SeqCst);
        let shared = Arc::clone(&line);
        in_background(move || {
            for inner in listener.incoming() {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                // A server that is away takes no connections here either.
                if let (Ok(inner), Ok(outer)) = (inner, TcpStream::connect(server)) {
                    carry(inner, outer, &shared);
                }
            }
        });
        Self { address, line }
    }

    /// Takes so long from now on for each piece that it carries.
    pub(crate) fn slow_down(&self, takes: Duration) {
        let takes = u64::try_from(takes.as_millis()).unwrap();
        self.line.takes.store(takes, Ordering::SeqCst);
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        for stream in self.line.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Carries nothing from now on, but takes connections and keeps them open. Those that have met
    /// silence stay silent for ever.
    pub(crate) fn fall_silent(&self) {
        self.line.is_silent.store(true, Ordering::SeqCst);
    }

    /// Carries what new connections send.
    pub(crate) fn heal(&self) {
        self.line.is_silent.store(false, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.line.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn carry(inner: TcpStream, outer: TcpStream, line: &Arc<Line>) {
    for stream in [&inner, &outer] {
        let _ = stream.set_nodelay(true);
    }
    let (Ok(inner_too), Ok(outer_too)) = (inner.try_clone(), outer.try_clone()) else { return };
    line.open.lock().unwrap().extend(inner.try_clone().ok());
    for (mut from, mut to) in [(inner_too, outer_too), (outer, inner)] {
        let line = Arc::clone(line);
        in_background(move || {
            let (mut buffer, mut is_deaf) = ([0; 16 * 1024], false);
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                thread::sleep(Duration::from_millis(line.takes.load(Ordering::SeqCst)));
                is_deaf |= line.is_silent.load(Ordering::SeqCst);
                if !is_deaf && to.write_all(&buffer[..length]).is_err() {
                    return;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

fn in_background(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name("relay".into()).spawn(work).unwrap();
}
