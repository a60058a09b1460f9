//! A network between a gateway and its store that can do everything that networks do.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::free_address;

/// How connections are treated, those that are open and those that come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Manner {
    /// Everything is carried.
    #[default]
    Whole,
    /// Answers end after so many bytes, and their connection is cut.
    CutOff(usize),
    /// Answers end after so many bytes, and nothing more comes.
    CutShort(usize),
    /// Answers come a byte a second.
    Drip,
    /// Answers come so much later.
    Late(Duration),
    /// Requests arrive, and no answer comes back.
    Mute,
    /// Connections are reset.
    Reset,
    /// Nothing is carried, and connections stay open.
    Silent,
}

/// Carries connections to a server. It takes no more of them once it is dropped.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    /// What is in the next request that is held back.
    held: Mutex<Option<&'static [u8]>>,
    is_holding: AtomicBool,
    is_over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    manner: Mutex<Manner>,
    /// What happens to the next answer, whoever gets it.
    once: Mutex<Option<Manner>>,
    /// How long it takes in each direction.
    takes: Mutex<Duration>,
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
        let line = Arc::new(Line { takes: takes.into(), ..Line::default() });
        let shared = Arc::clone(&line);
        in_background(move || {
            for inner in listener.incoming() {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let inner = inner.unwrap();
                match TcpStream::connect(server) {
                    Ok(outer) if shared.manner() != Manner::Reset => carry(inner, outer, &shared),
                    _ => reset(&inner),
                }
            }
        });
        Self { address, line }
    }

    /// Treats connections so from now on. One that has lost something stays silent for ever.
    pub(crate) fn be(&self, manner: Manner) {
        *self.line.manner.lock().unwrap() = manner;
    }

    /// Treats the very next answer so, and everything else as before.
    pub(crate) fn once(&self, manner: Manner) {
        *self.line.once.lock().unwrap() = Some(manner);
    }

    /// Holds back the next request that has this in it, and all after it on its connection.
    pub(crate) fn hold(&self, request: &'static [u8]) {
        self.line.is_holding.store(true, Ordering::SeqCst);
        *self.line.held.lock().unwrap() = Some(request);
    }

    /// Delivers what was held back, whatever has become of its connection.
    pub(crate) fn deliver(&self) {
        self.line.is_holding.store(false, Ordering::SeqCst);
    }

    /// Whether a request is held back.
    pub(crate) fn holds(&self) -> bool {
        self.line.held.lock().unwrap().is_none() && self.line.is_holding.load(Ordering::SeqCst)
    }

    /// Takes so long in each direction from now on.
    pub(crate) fn slow_down(&self, takes: Duration) {
        *self.line.takes.lock().unwrap() = takes;
    }

    /// Ends all connections, and carries new ones.
    pub(crate) fn cut(&self) {
        for stream in self.line.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Carries nothing from now on, but takes connections and keeps them open.
    pub(crate) fn fall_silent(&self) {
        self.be(Manner::Silent);
    }

    /// Carries everything again.
    pub(crate) fn heal(&self) {
        self.be(Manner::Whole);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.line.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Line {
    fn manner(&self) -> Manner {
        *self.manner.lock().unwrap()
    }

    /// How an answer that has come is treated.
    fn manner_of_answer(&self) -> Manner {
        self.once.lock().unwrap().take().unwrap_or_else(|| self.manner())
    }

    /// What comes next; nothing once the connection has ended, or is to be reset.
    fn read(&self, from: &mut TcpStream, buffer: &mut [u8]) -> Option<usize> {
        loop {
            if self.manner() == Manner::Reset || self.is_over.load(Ordering::SeqCst) {
                reset(from);
                return None;
            }
            match from.read(buffer) {
                Ok(0) => return None,
                Ok(length) => {
                    // Not while it is locked: connections do not wait for each other.
                    let takes = *self.takes.lock().unwrap();
                    thread::sleep(takes);
                    return Some(length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }

    fn carry_requests(&self, mut from: TcpStream, mut to: TcpStream) {
        let (mut buffer, mut is_lost) = ([0; 16 * 1024], false);
        while let Some(length) = self.read(&mut from, &mut buffer) {
            is_lost |= self.manner() == Manner::Silent;
            self.hold(&buffer[..length]);
            if !is_lost && to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }

    fn hold(&self, request: &[u8]) {
        let has = |wanted: &[u8]| request.windows(wanted.len()).any(|part| part == wanted);
        if self.held.lock().unwrap().take_if(|wanted| has(wanted)).is_none() {
            return;
        }
        while self.is_holding.load(Ordering::SeqCst) && !self.is_over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn carry_answers(&self, mut from: TcpStream, mut to: TcpStream) {
        let (mut buffer, mut is_lost) = ([0; 16 * 1024], false);
        while let Some(length) = self.read(&mut from, &mut buffer) {
            let answer = &buffer[..length];
            let written = match self.manner_of_answer() {
                _ if is_lost => Ok(()),
                Manner::Whole | Manner::Reset => to.write_all(answer),
                Manner::CutShort(most) => {
                    is_lost = true;
                    to.write_all(&answer[..most.min(length)])
                }
                Manner::CutOff(most) => {
                    let _ = to.write_all(&answer[..most.min(length)]);
                    break;
                }
                Manner::Drip => self.drip(&mut to, answer),
                Manner::Late(wait) => {
                    thread::sleep(wait);
                    to.write_all(answer)
                }
                Manner::Mute | Manner::Silent => {
                    is_lost = true;
                    Ok(())
                }
            };
            if written.is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }

    /// A byte a second, until that is over.
    fn drip(&self, to: &mut TcpStream, answer: &[u8]) -> io::Result<()> {
        for (at, byte) in answer.iter().enumerate() {
            to.write_all(&[*byte])?;
            for _ in 0..100 {
                if self.manner() != Manner::Drip || self.is_over.load(Ordering::SeqCst) {
                    return to.write_all(&answer[at + 1..]);
                }
                thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    }
}

fn carry(inner: TcpStream, outer: TcpStream, line: &Arc<Line>) {
    /// How soon a connection notices that it is to be reset.
    const PAUSE: Duration = Duration::from_millis(20);
    for stream in [&inner, &outer] {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PAUSE)).unwrap();
    }
    let (client, server) = (inner.try_clone().unwrap(), outer.try_clone().unwrap());
    line.open.lock().unwrap().push(inner.try_clone().unwrap());
    let shared = Arc::clone(line);
    in_background(move || shared.carry_requests(client, server));
    let shared = Arc::clone(line);
    in_background(move || shared.carry_answers(outer, inner));
}

/// Has a connection end with a reset once it is closed.
fn reset(stream: &TcpStream) {
    let _ = set_socket_linger(stream, Some(Duration::ZERO));
}

fn in_background(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name("relay".into()).spawn(work).unwrap();
}
