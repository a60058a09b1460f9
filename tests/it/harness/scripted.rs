//! An app that does to each connection what a test says, down to the byte.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::http::{Connection, Head, Request};
use super::{PATIENCE, free_address};

/// A running app. It takes no more connections once it is dropped.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicUsize,
    heads: Mutex<Vec<Head>>,
    stopped: AtomicBool,
}

/// One connection to the app.
pub(crate) struct Visit {
    pub(crate) client: Connection,
    /// Which connection it is, counted from 1.
    pub(crate) number: usize,
    shared: Arc<Shared>,
}

impl Visit {
    /// The next request, with its body; `None` when the gateway has gone.
    pub(crate) fn request(&mut self) -> Option<Head> {
        let head = self.head()?;
        self.client.body(&head).ok()?;
        Some(head)
    }

    /// The next head alone.
    pub(crate) fn head(&mut self) -> Option<Head> {
        let head = self.client.head().ok()?;
        self.shared.heads.lock().unwrap().push(head.clone());
        Some(head)
    }

    /// Answers every request with these bytes.
    pub(crate) fn always(&mut self, answer: &str) {
        while self.request().is_some() {
            self.client.send(answer);
        }
    }
}

impl Scripted {
    /// An app that does this to each connection, which it then closes.
    pub(crate) fn start(script: impl Fn(&mut Visit) + Send + Sync + 'static) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), script)
    }

    /// One at an address that a test has chosen.
    pub(crate) fn at(
        address: SocketAddr,
        script: impl Fn(&mut Visit) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let (script, server) = (Arc::new(script), Arc::clone(&shared));
        in_background(move || {
            for stream in listener.incoming() {
                if server.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let number = server.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let shared = Arc::clone(&server);
                let script = Arc::clone(&script);
                let mut visit = Visit { client: Connection::over(stream), number, shared };
                in_background(move || script(&mut visit));
            }
        });
        Self { address, shared }
    }

    /// One that answers every request with its own name.
    pub(crate) fn named(name: &'static str) -> Self {
        Self::start(move |visit| visit.always(&answer(name)))
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<Head> {
        self.shared.heads.lock().unwrap().clone()
    }

    /// The settings that make it the upstream `app`; keys of that table may follow.
    pub(crate) fn settings(&self) -> String {
        upstream(&[&self.address.to_string()])
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// The settings of an upstream `app` with these servers; keys of that table may follow.
pub(crate) fn upstream(servers: &[&str]) -> String {
    format!("[[upstreams]]\nname = \"app\"\nservers = {servers:?}\n")
}

/// An answer with a body.
pub(crate) fn answer(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// An address that refuses connections.
pub(crate) fn nobody() -> SocketAddr {
    free_address()
}

/// A request to a public route.
pub(crate) fn public() -> Request {
    Request::get("/public")
}

fn in_background(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name("scripted".into()).spawn(work).unwrap();
}
