//! A name server that says of every name what a test has told it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// A running name server.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    addresses: Vec<Ipv4Addr>,
    asked: usize,
    is_away: bool,
    /// In seconds.
    lasts: u8,
}

impl NameServer {
    /// The type of a record that is an IPv4 address.
    const A: u16 = 1;

    /// One that knows these addresses, for a second each.
    pub(crate) fn start(addresses: &[Ipv4Addr]) -> Self {
        Self::lasting(1, addresses)
    }

    /// One that knows these addresses for so many seconds.
    pub(crate) fn lasting(lasts: u8, addresses: &[Ipv4Addr]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let state = State { addresses: addresses.to_vec(), asked: 0, is_away: false, lasts };
        let state = Arc::new(Mutex::new(state));
        let served = Arc::clone(&state);
        let serve = move || {
            let mut query = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut query) {
                let mut state = served.lock().unwrap();
                state.asked += 1;
                if !state.is_away {
                    let _ = socket.send_to(&answer(&query[..length], &state), client);
                }
            }
        };
        thread::Builder::new().name("name server".into()).spawn(serve).unwrap();
        Self { address, state }
    }

    /// Says this from now on.
    pub(crate) fn say(&self, addresses: &[Ipv4Addr]) {
        self.state.lock().unwrap().addresses = addresses.to_vec();
    }

    /// Answers nobody from now on.
    pub(crate) fn go_away(&self) {
        self.state.lock().unwrap().is_away = true;
    }

    /// How many questions it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }

    /// The settings that make a gateway ask it.
    pub(crate) fn settings(&self) -> String {
        format!("[dns]\nservers = [\"{}\"]\n", self.address)
    }
}

/// RFC 1035, section 4.1.
fn answer(query: &[u8], state: &State) -> Vec<u8> {
    let name = query[12..].iter().position(|byte| *byte == 0).unwrap() + 13;
    let question = &query[12..name + 4];
    let kind = u16::from_be_bytes([query[name], query[name + 1]]);
    let known = if kind == NameServer::A { state.addresses.as_slice() } else { &[] };
    let count = u16::try_from(known.len()).unwrap().to_be_bytes();
    let mut answer = vec![query[0], query[1], 0x81, 0x80, 0, 1, count[0], count[1], 0, 0, 0, 0];
    answer.extend_from_slice(question);
    for address in known {
        // The name of the question; an address of the Internet, for so long.
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, state.lasts, 0, 4]);
        answer.extend_from_slice(&address.octets());
    }
    answer
}
