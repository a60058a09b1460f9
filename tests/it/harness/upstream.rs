//! The app behind the gateway: it keeps every request as it came, and answers by a script.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::{io, thread};

use percent_encoding::percent_decode_str;
use serde_json::json;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

use super::eventually;
use super::http::{Body, Connection, Head};

/// How the app answers.
#[derive(Clone, Copy)]
pub(crate) enum Script {
    /// Says in JSON who called it and how, under these header lines.
    Echo(&'static str),
    /// Sends these very bytes.
    Bytes(&'static str),
    /// Sends these bytes and closes the connection.
    BreakOff(&'static str),
    /// Closes the connection once it has the request.
    HangUp,
    /// Says in JSON who called it, a request each time that [`Upstream::say`] is called.
    Held,
    /// Never answers.
    Silence,
    /// Sends what [`Upstream::say`] is given, a chunk each; an empty one ends the answer.
    Dictated,
    /// Reads a body only after [`Upstream::say`], and then counts its bytes.
    Reluctant,
    /// Sends every message of a WebSocket back.
    WebSocket,
    /// Says in JSON who called it, by name and number, and keeps nothing.
    WhoCalls,
}

/// A request as the app got it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<String>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.header(name)
    }

    /// The target, byte for byte.
    pub(crate) fn target(&self) -> &str {
        self.head.first_line.split(' ').nth(1).unwrap()
    }

    /// Every header that an app might take for the caller's identity, sorted, names in lower case.
    pub(crate) fn identity(&self) -> Vec<(String, String)> {
        let fold =
            |name: &str| name.to_ascii_lowercase().replace(|c: char| !c.is_alphanumeric(), "-");
        let mut found: Vec<_> = self
            .head
            .headers
            .iter()
            .filter(|(name, _)| fold(name).starts_with("x-auth"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect();
        found.sort();
        found
    }
}

/// A running app. It takes no more connections once it is dropped.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    say: Sender<&'static str>,
    shared: Arc<Shared>,
}

struct Shared {
    script: Script,
    received: Mutex<Vec<Received>>,
    counted: AtomicU64,
    said: Mutex<Receiver<&'static str>>,
    stopped: AtomicBool,
}

impl Upstream {
    /// An app that says in JSON who called it and how.
    pub(crate) fn start() -> Self {
        Self::answering(Script::Echo(""))
    }

    pub(crate) fn answering(script: Script) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), script)
    }

    /// One at an address that a test has chosen.
    pub(crate) fn at(address: SocketAddr, script: Script) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (say, said) = channel();
        let shared = Arc::new(Shared {
            script,
            received: Mutex::default(),
            counted: AtomicU64::new(0),
            said: Mutex::new(said),
            stopped: AtomicBool::new(false),
        });
        let server = Arc::clone(&shared);
        in_background(move || server.accept(&listener));
        Self { address, say, shared }
    }

    /// The settings that make it the upstream `app`; keys of that table may follow.
    pub(crate) fn settings(&self) -> String {
        format!("[[upstreams]]\nname = \"app\"\nservers = [\"{}\"]\n", self.address)
    }

    /// Tells a script that listens what to do next.
    pub(crate) fn say(&self, chunk: &'static str) {
        self.say.send(chunk).unwrap();
    }

    /// The requests so far, taken away.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.shared.received.lock().unwrap())
    }

    /// The one request so far, taken away.
    pub(crate) fn only_request(&self) -> Received {
        let mut all = self.take();
        assert_eq!(all.len(), 1, "the app's requests: {all:?}");
        all.remove(0)
    }

    /// The next request, taken away when it comes.
    pub(crate) fn next_request(&self) -> Received {
        let first = || self.shared.received.lock().unwrap().pop();
        eventually("a request at the app", first)
    }

    /// How many bytes of bodies [`Script::Reluctant`] has read.
    pub(crate) fn counted(&self) -> u64 {
        self.shared.counted.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.stopped.load(Ordering::SeqCst) {
                return;
            }
            let server = Arc::clone(self);
            // A connection ends when the other end goes, in whatever way.
            in_background(move || drop(server.serve(Connection::over(stream.unwrap()))));
        }
    }

    fn serve(&self, mut client: Connection) -> io::Result<()> {
        loop {
            let head = client.head()?;
            if head.header("Expect").is_some() {
                client.send("HTTP/1.1 100 Continue\r\n\r\n");
            }
            match self.script {
                Script::Reluctant => self.count(&mut client, head)?,
                Script::WebSocket => {
                    self.keep(head.clone(), Body::default());
                    return echo_messages(client, &head);
                }
                Script::WhoCalls => {
                    client.body(&head)?;
                    client.send(who_calls(&head));
                }
                script => {
                    self.receive(&mut client, &head)?;
                    self.answer(script, &mut client, &head)?;
                }
            }
        }
    }

    fn answer(&self, script: Script, client: &mut Connection, head: &Head) -> io::Result<()> {
        match script {
            Script::Echo(headers) => drop(client.send(echo(head, headers))),
            Script::Bytes(bytes) => drop(client.send(bytes)),
            Script::BreakOff(bytes) => {
                client.send(bytes);
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Script::Held => {
                let _ = self.said.lock().unwrap().recv();
                client.send(echo(head, ""));
            }
            Script::Dictated => self.take_dictation(client),
            Script::Silence => drop(client.rest()?),
            Script::HangUp | Script::Reluctant | Script::WebSocket | Script::WhoCalls => {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        Ok(())
    }

    fn receive(&self, client: &mut Connection, head: &Head) -> io::Result<()> {
        let body = client.body(head);
        let whole = body.is_ok();
        self.keep(head.clone(), body.ok().flatten().unwrap_or_default());
        if whole { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn keep(&self, head: Head, body: Body) {
        let Body { bytes: body, trailers } = body;
        self.received.lock().unwrap().push(Received { head, body, trailers });
    }

    fn take_dictation(&self, client: &mut Connection) {
        client.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
        );
        let said = self.said.lock().unwrap();
        while let Ok(chunk) = said.recv() {
            client.send(format!("{:x}\r\n{chunk}\r\n", chunk.len()));
            if chunk.is_empty() {
                return;
            }
        }
    }

    fn count(&self, client: &mut Connection, head: Head) -> io::Result<()> {
        let length = head.content_length().unwrap_or_default() as u64;
        self.keep(head, Body::default());
        let _ = self.said.lock().unwrap().recv();
        while self.counted.load(Ordering::SeqCst) < length {
            let piece = client.some()?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.counted.fetch_add(piece.len() as u64, Ordering::SeqCst);
        }
        client.send("HTTP/1.1 204 No Content\r\n\r\n");
        Ok(())
    }
}

/// What `echo_app.py` of the contract answers.
fn echo(request: &Head, headers: &str) -> String {
    let mut line = request.first_line.split(' ');
    let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let body = json!({
        "user": request.header("X-Auth-User").map(|user| decode(&user)),
        "path": decode(target.split('?').next().unwrap_or_default()),
        "method": if method == "HEAD" { "GET" } else { method },
    })
    .to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    if method == "HEAD" { head } else { head + &body }
}

fn who_calls(request: &Head) -> String {
    let [name, number] = ["X-Auth-User", "X-Auth-User-Id"].map(|name| request.header(name));
    let body = json!({ "user": name, "id": number }).to_string();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn echo_messages(mut client: Connection, request: &Head) -> io::Result<()> {
    let key = request.header("Sec-WebSocket-Key").ok_or(io::ErrorKind::InvalidData)?;
    client.send(format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    ));
    let mut socket = WebSocket::from_raw_socket(client.into_stream(), Role::Server, None);
    while let Ok(message) = socket.read() {
        if message.is_text() || message.is_binary() {
            socket.send(message).map_err(io::Error::other)?;
        }
    }
    Ok(())
}

fn in_background(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name("upstream".into()).spawn(work).unwrap();
}
