//! HTTP/1.1 as the tests speak it: every byte is the test's own, and none is corrected on the way.
//!
//! Heads are Latin-1, so that a `char` up to `\u{ff}` is the byte of that number.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use tokio_rustls::rustls::{ClientConnection, StreamOwned};

use super::PATIENCE;

/// The host that a request asks for, unless it names another.
pub(crate) const HOST: &str = "gate.test";

/// A request, as a test writes it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: vec![], body: vec![] }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Adds a header, even if there is one of that name.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.with("Authorization", &format!("Token {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.with("Content-Type", "application/json").body(body.to_string())
    }

    /// The bytes on the wire. Host and Content-Length are added unless the test says its own.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.target)];
        if !self.names("host") {
            lines.push(format!("Host: {HOST}"));
        }
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        if self.needs_length() {
            lines.push(format!("Content-Length: {}", self.body.len()));
        }
        let mut bytes = latin1(&(lines.join("\r\n") + "\r\n\r\n"));
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn needs_length(&self) -> bool {
        let expected = ["POST", "PUT", "PATCH"].contains(&self.method.as_str());
        (expected || !self.body.is_empty())
            && !self.names("content-length")
            && !self.names("transfer-encoding")
    }

    fn names(&self, wanted: &str) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    }
}

/// The first line of a message and its headers.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) first_line: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// Splits at CRLF alone: a bare CR or LF stays visible in a value.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        let mut lines = text.trim_end_matches("\r\n").split("\r\n").map(str::to_owned);
        let first_line = lines.next().unwrap_or_default();
        let split = |line: String| match line.split_once(':') {
            Some((name, value)) => (name.to_owned(), value.trim_matches([' ', '\t']).to_owned()),
            None => (line, String::new()),
        };
        Self { first_line, headers: lines.map(split).collect() }
    }

    /// The values of a header, joined as a list; `None` if it is not there.
    pub(crate) fn header(&self, wanted: &str) -> Option<String> {
        let same = |name: &str| name.eq_ignore_ascii_case(wanted);
        let values: Vec<&str> =
            self.headers.iter().filter(|(name, _)| same(name)).map(|(_, v)| v.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) fn is_chunked(&self) -> bool {
        self.header("Transfer-Encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }

    pub(crate) fn content_length(&self) -> Option<usize> {
        self.header("Content-Length").map(|value| value.parse().expect("Content-Length"))
    }

    fn status(&self) -> u16 {
        let number = self.first_line.split(' ').nth(1).and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("not a status line: {:?}", self.first_line))
    }
}

/// An answer, unpacked from its framing.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.header(name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.text()))
    }
}

/// A body that said where it ends.
#[derive(Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) trailers: Vec<String>,
}

/// One connection, seen from either end.
pub(crate) struct Connection {
    stream: Stream,
    unread: Vec<u8>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

/// The client's end of a connection of TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl Connection {
    /// Connects to a server; what is read must come within [`PATIENCE`].
    pub(crate) fn open(server: SocketAddr) -> Self {
        Self::try_open(server).expect("connecting")
    }

    /// Like [`Self::open`]; fails where nobody listens.
    pub(crate) fn try_open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Ok(Self::over(stream))
    }

    /// Waits longer for what is read: hashes of full cost are made after all else on the machine.
    pub(crate) fn for_costly_hashes(self) -> Self {
        if let Stream::Plain(stream) = &self.stream {
            stream.set_read_timeout(Some(PATIENCE * 9)).unwrap();
        }
        self
    }

    /// Speaks over a socket that is connected already.
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream: Stream::Plain(stream), unread: vec![] }
    }

    /// Speaks over TLS.
    pub(crate) fn over_tls(stream: TlsStream) -> Self {
        Self { stream: Stream::Tls(Box::new(stream)), unread: vec![] }
    }

    /// Sends all of it; fails if the other end does not take it.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes),
        }
    }

    /// Sends what the other end takes: it may answer and close before it has read everything.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.try_send(bytes.as_ref());
        self
    }

    /// The next answer that is not an interim one (1xx).
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer().expect("an answer")
    }

    /// Like [`Self::answer`]; fails when the connection ends before the answer does.
    pub(crate) fn try_answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.answer_without_body()?;
        if ![204, 304].contains(&answer.status) {
            answer.body = match self.body(&answer.head)? {
                Some(body) => body.bytes,
                None => self.rest()?,
            };
        }
        Ok(answer)
    }

    /// The next answer's head alone, as it comes to HEAD.
    pub(crate) fn answer_without_body(&mut self) -> io::Result<Answer> {
        loop {
            let head = self.head()?;
            let status = head.status();
            if status / 100 != 1 {
                return Ok(Answer { status, head, body: vec![] });
            }
        }
    }

    /// The next head, of a request or of any answer.
    pub(crate) fn head(&mut self) -> io::Result<Head> {
        Ok(Head::parse(&self.until(b"\r\n\r\n")?))
    }

    /// The body that follows a head; `None` if the head does not say where it ends.
    pub(crate) fn body(&mut self, head: &Head) -> io::Result<Option<Body>> {
        if head.is_chunked() {
            return self.chunks().map(Some);
        }
        let Some(length) = head.content_length() else { return Ok(None) };
        Ok(Some(Body { bytes: self.exactly(length)?, trailers: vec![] }))
    }

    /// The next chunk of a chunked body; the last one is empty, and the trailers follow it.
    pub(crate) fn chunk(&mut self) -> io::Result<Vec<u8>> {
        let line = self.line()?;
        let size = usize::from_str_radix(&line, 16).map_err(io::Error::other)?;
        if size == 0 {
            return Ok(vec![]);
        }
        let chunk = self.exactly(size)?;
        assert_eq!(self.line()?, "", "a chunk's end");
        Ok(chunk)
    }

    /// Everything up to the other end's close.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? {}
        Ok(std::mem::take(&mut self.unread))
    }

    /// What comes next, however much it is; empty at the end of the stream.
    pub(crate) fn some(&mut self) -> io::Result<Vec<u8>> {
        if self.unread.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// The bare socket, when nothing unread is left.
    pub(crate) fn into_stream(self) -> TcpStream {
        assert!(self.unread.is_empty(), "bytes left over: {:?}", self.unread);
        match self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(_) => panic!("not bare: it speaks TLS"),
        }
    }

    fn chunks(&mut self) -> io::Result<Body> {
        let mut body = Body::default();
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                break;
            }
            body.bytes.extend(chunk);
        }
        loop {
            let trailer = self.line()?;
            if trailer.is_empty() {
                return Ok(body);
            }
            body.trailers.push(trailer);
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let line = self.until(b"\r\n")?;
        Ok(String::from_utf8_lossy(&line).trim_end_matches("\r\n").to_owned())
    }

    fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return self.exactly(at + end.len());
            }
            self.more()?;
        }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.more()?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    fn more(&mut self) -> io::Result<()> {
        if self.fill()? {
            return Ok(());
        }
        let so_far = String::from_utf8_lossy(&self.unread);
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("closed after {so_far:?}")))
    }

    /// Reads what is there; `false` at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut buffer),
            Stream::Tls(stream) => stream.read(&mut buffer),
        };
        let length = match read {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            read => read?,
        };
        self.unread.extend_from_slice(&buffer[..length]);
        Ok(length > 0)
    }
}

/// The bytes of a text whose characters are all of Latin-1.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(character).expect("Latin-1")).collect()
}
