//! The process as a whole: settings that it must not take, change and stop under load, and a soak.

mod change;
mod settings;
mod soak;
mod stop;

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

/// Asks again and again, by clients that keep their connections and by clients that do not, until
/// `disturb` is done.
fn under_load(gateway: SocketAddr, token: &str, disturb: impl FnOnce(&AtomicUsize)) -> Seen {
    const CLIENTS: usize = 4;
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
        let clients: Vec<_> = (0..CLIENTS).map(|turn| client(turn % 2 == 0)).collect();
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

    /// Asks once. As any client does, it asks again where a connection that was kept has ended
    /// without a byte.
    fn ask(&mut self, request: &Request) -> Result<(), String> {
        let request =
            if self.keeps { request.clone() } else { request.clone().with("Connection", "close") };
        if let Some(mut kept) = self.kept.take()
            && let Ok(answer) = kept.send(request.bytes()).try_answer()
        {
            return self.judge(kept, answer.status, answer.header("Connection").as_deref());
        }
        let mut connection = Connection::open(self.gateway);
        let answer = connection.send(request.bytes()).try_answer().map_err(|e| e.to_string())?;
        self.judge(connection, answer.status, answer.header("Connection").as_deref())
    }

    fn judge(
        &mut self,
        connection: Connection,
        status: u16,
        terms: Option<&str>,
    ) -> Result<(), String> {
        if self.keeps && terms != Some("close") {
            self.kept = Some(connection);
        }
        if status == 200 { Ok(()) } else { Err(status.to_string()) }
    }
}
