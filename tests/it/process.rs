//! The process as a whole: settings that it must not take, change and stop under load, and a soak.

mod change;
mod reload;
mod settings;
mod soak;
mod stop;
mod upgrade;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::harness::http::{Connection, Request};

/// What clients saw while something happened.
struct Seen {
    answered: usize,
    /// Of each request that was not answered by 200, what came instead.
    failed: Vec<String>,
}

/// Asks again and again, by clients that keep their connections and by as many that do not, until
/// `disturb` is done.
fn under_load(
    gateway: SocketAddr,
    token: &str,
    clients: usize,
    disturb: impl FnOnce(&AtomicUsize),
) -> Seen {
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let request = Request::get("/app").token(token);
    let failed = thread::scope(|scope| {
        let client = |keeps: bool| {
            let (is_over, answered, request) = (&is_over, &answered, &request);
            scope.spawn(move || {
                let mut failed = vec![];
                let mut client = Client::new(gateway, keeps);
                while !is_over.load(Ordering::SeqCst) {
                    match client.ask(request) {
                        Ok(()) => drop(answered.fetch_add(1, Ordering::SeqCst)),
                        Err(instead) => failed.push(instead),
                    }
                }
                failed
            })
        };
        let clients: Vec<_> = (0..clients).map(|turn| client(turn % 2 == 0)).collect();
        disturb(&answered);
        is_over.store(true, Ordering::SeqCst);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    Seen { answered: answered.into_inner(), failed }
}

struct Client {
    gateway: SocketAddr,
    kept: Option<Connection>,
    keeps: bool,
}

impl Client {
    fn new(gateway: SocketAddr, keeps: bool) -> Self {
        Self { gateway, kept: None, keeps }
    }

    /// Asks once. A connection that the other end did not say to end must answer: to ask again over
    /// another one would hide that a request was lost.
    fn ask(&mut self, request: &Request) -> Result<(), String> {
        let request =
            if self.keeps { request.clone() } else { request.clone().with("Connection", "close") };
        let what = if self.kept.is_some() { "kept" } else { "new" };
        let mut connection = match self.kept.take() {
            Some(kept) => kept,
            None => Connection::try_open(self.gateway).map_err(|error| error.to_string())?,
        };
        let answer = connection.send(request.bytes()).try_answer();
        let answer = answer.map_err(|error| format!("{what}: {error}"))?;
        let ends = answer.header("Connection").is_some_and(|terms| terms == "close");
        if self.keeps && !ends {
            self.kept = Some(connection);
        }
        if answer.status == 200 { Ok(()) } else { Err(answer.status.to_string()) }
    }
}
