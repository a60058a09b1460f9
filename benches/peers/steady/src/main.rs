//! Asks at a fixed rate, whatever the answers take, and prints how long each took.
//!
//! Every request has a moment at which it is due, and its latency counts from that moment: a request
//! that has to wait for the answer to the one before it on its connection counts with its waiting
//! (no coordinated omission). The connections take turns, so that the requests are evenly spaced.
//!
//! Prints a line for each request in the order of their moments: the nanoseconds from that moment to
//! the end of the answer, and those by which it was sent late; or `failed` and why. A connection that
//! fails is opened again for the next request.
//!
//! usage: steady PORT RATE CONNECTIONS SECONDS [AUTHORIZATION]

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: steady PORT RATE CONNECTIONS SECONDS [AUTHORIZATION]";
/// For all connections to be there before the first request is due.
const PRELUDE: Duration = Duration::from_millis(200);
/// For an answer.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, rate, connections, seconds, authorization @ ..] = arguments.as_slice() else {
        usage();
    };
    let number = |text: &String| text.parse().unwrap_or_else(|_| usage());
    let (rate, connections, seconds) = (number(rate), number(connections), number(seconds));
    let plan = Plan {
        port: u16::try_from(number(port)).unwrap_or_else(|_| usage()),
        request: request(authorization.first()),
        start: Instant::now() + PRELUDE,
        between: Duration::from_secs(1) / u32::try_from(rate).unwrap_or_else(|_| usage()),
        total: rate * seconds,
        step: connections,
    };
    sleep_exactly();
    print(&plan.carry_out());
}

fn usage() -> ! {
    eprintln!("{USAGE}");
    std::process::exit(2);
}

/// A sleep may last 50 microseconds longer than asked for, unless the system is told otherwise.
/// Threads inherit it. Where it cannot be told, requests are sent a little late.
fn sleep_exactly() {
    let _ = std::fs::write("/proc/self/timerslack_ns", "1");
}

fn request(authorization: Option<&String>) -> Vec<u8> {
    let header =
        authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
    format!("GET / HTTP/1.1\r\nHost: bench.local\r\n{header}\r\n").into_bytes()
}

/// What is to be sent, and when.
struct Plan {
    port: u16,
    request: Vec<u8>,
    start: Instant,
    between: Duration,
    /// How many requests.
    total: u64,
    /// How many connections take turns.
    step: u64,
}

/// What became of a request.
enum Outcome {
    Answered { latency: Duration, late: Duration },
    Failed(String),
}

impl Plan {
    /// Each connection's outcomes, in order.
    fn carry_out(&self) -> Vec<Vec<Outcome>> {
        thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.step).map(|first| scope.spawn(move || self.ask_in_turn(first))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
        })
    }

    /// Sends every `step`th request, beginning with `first`.
    fn ask_in_turn(&self, first: u64) -> Vec<Outcome> {
        let mut connection = Connection::open(self.port).ok();
        let mut outcomes = Vec::new();
        let mut at = first;
        while at < self.total {
            let due = self.start + Duration::from_nanos(nanoseconds(self.between) * at);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let late = due.elapsed();
            let outcome = match self.ask(&mut connection) {
                Ok(()) => Outcome::Answered { latency: due.elapsed(), late },
                Err(error) => {
                    connection = None;
                    Outcome::Failed(error.to_string())
                }
            };
            outcomes.push(outcome);
            at += self.step;
        }
        outcomes
    }

    fn ask(&self, connection: &mut Option<Connection>) -> io::Result<()> {
        let open = match connection {
            Some(open) => open,
            None => connection.insert(Connection::open(self.port)?),
        };
        open.ask(&self.request)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Prints the outcomes in the order in which they were due.
fn print(by_connection: &[Vec<Outcome>]) {
    let mut text = String::new();
    let longest = by_connection.iter().map(Vec::len).max().unwrap_or_default();
    for turn in 0..longest {
        for outcome in by_connection.iter().filter_map(|outcomes| outcomes.get(turn)) {
            match outcome {
                Outcome::Answered { latency, late } => {
                    text += &format!("{} {}\n", latency.as_nanos(), late.as_nanos());
                }
                Outcome::Failed(why) => text += &format!("failed {why}\n"),
            }
        }
    }
    // Whoever asked may have gone.
    let _ = io::stdout().write_all(text.as_bytes());
}

/// A kept connection.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::with_capacity(16 << 10, stream)))
    }

    /// Sends a request and reads its answer to the end. Fails on any status but 200.
    fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(request)?;
        let mut line = String::new();
        self.read_line(&mut line)?;
        if line.get(9..12) != Some("200") {
            return Err(io::Error::other(line.trim().to_owned()));
        }
        let mut length = 0;
        loop {
            self.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().map_err(io::Error::other)?;
                }
                Some(_) => {}
            }
        }
        let read = io::copy(&mut (&mut self.0).take(length), &mut io::sink())?;
        if read == length { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    fn read_line(&mut self, line: &mut String) -> io::Result<()> {
        line.clear();
        if self.0.read_line(line)? == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}
