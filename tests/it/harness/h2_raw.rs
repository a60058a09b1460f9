//! HTTP/2 frame by frame, without any of the manners of a client: what a test writes is what is sent.
//!
//! Header blocks are literal and neither compressed nor indexed, and the gateway is asked to keep no
//! table, so that answers can be read without one.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;
use super::http::HOST;

/// The types of frames (RFC 9113, section 6).
pub(crate) mod frame {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// The flags of frames.
pub(crate) mod flag {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const ACK: u8 = 1;
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;
    pub(crate) const PADDED: u8 = 8;
}

/// What each connection begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame, as it came or as it is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// The frame of a whole header block.
    pub(crate) fn headers(flags: u8, stream: u32, headers: &[(&str, &str)]) -> Self {
        Self::new(frame::HEADERS, flags | flag::END_HEADERS, stream, block(headers))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[self.kind, self.flags], &self.stream.to_be_bytes()];
        [head.concat(), self.payload.clone()].concat()
    }

    /// The error code of `RST_STREAM` or `GOAWAY`.
    pub(crate) fn error_code(&self) -> u32 {
        let at = if self.kind == frame::GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// How a stream ended.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// By an answer of this status.
    Answered(u16),
    /// By the end of the whole connection.
    Closed,
    /// By `RST_STREAM`.
    Reset,
}

/// One connection to a gateway.
pub(crate) struct RawH2 {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl RawH2 {
    /// Connects, and sends the preface and settings of no table.
    pub(crate) fn open(server: SocketAddr) -> Self {
        let mut connection = Self::silent(server);
        connection.write(PREFACE);
        // The size of the table is 0.
        connection.send(&Frame::new(frame::SETTINGS, flag::NONE, 0, [0, 1, 0, 0, 0, 0]));
        connection
    }

    /// Connects, and says nothing.
    pub(crate) fn silent(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).expect("connecting");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, unread: vec![] }
    }

    /// Sends a frame; `false` if the other end takes no more.
    pub(crate) fn send(&mut self, frame: &Frame) -> bool {
        self.write(&frame.bytes())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends the head of a request without a body.
    pub(crate) fn get(&mut self, stream: u32, path: &str, more: &[(&str, &str)]) -> bool {
        let headers = request("GET", path, more);
        self.send(&Frame::headers(flag::END_STREAM, stream, &headers))
    }

    /// The next frame; `None` once the connection has ended.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let head = self.exactly(9)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let payload = self.exactly(number(&head[..3]) as usize)?;
        let stream = number(&head[5..]) & 0x7fff_ffff;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// Reads until a stream has ended, and answers `SETTINGS` meanwhile.
    pub(crate) fn end_of(&mut self, stream: u32) -> End {
        let mut status = None;
        while let Some(next) = self.frame() {
            if next.kind == frame::SETTINGS && next.flags & flag::ACK == 0 {
                self.send(&Frame::new(frame::SETTINGS, flag::ACK, 0, []));
            }
            if next.kind == frame::GOAWAY && next.error_code() != 0 {
                return End::Closed;
            }
            if next.stream != stream {
                continue;
            }
            match next.kind {
                frame::RST_STREAM => return status.map_or(End::Reset, End::Answered),
                frame::HEADERS if status.is_none() => status = Some(status_of(&next.payload)),
                _ => {}
            }
            if let (Some(status), true) = (status, next.flags & flag::END_STREAM != 0) {
                return End::Answered(status);
            }
        }
        status.map_or(End::Closed, End::Answered)
    }

    /// Reads until `GOAWAY` or the end of the connection; the error code, `None` if there was none.
    pub(crate) fn goaway(&mut self) -> Option<u32> {
        while let Some(next) = self.frame() {
            if next.kind == frame::GOAWAY && next.error_code() != 0 {
                return Some(next.error_code());
            }
        }
        None
    }

    /// Whether the gateway still answers a `PING`.
    pub(crate) fn is_alive(&mut self) -> bool {
        let ping = Frame::new(frame::PING, flag::NONE, 0, *b"arethere");
        if !self.send(&ping) {
            return false;
        }
        while let Some(next) = self.frame() {
            if next.kind == frame::PING && next.flags & flag::ACK != 0 {
                return next.payload == ping.payload;
            }
        }
        false
    }

    fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unread.len() < length {
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(read) => self.unread.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("silence"),
                Err(_) => return None,
            }
        }
        Some(self.unread.drain(..length).collect())
    }
}

/// The headers of a sound request, and more.
pub(crate) fn request<'a>(
    method: &'a str,
    path: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let pseudo = [(":method", method), (":scheme", "http"), (":authority", HOST), (":path", path)];
    [&pseudo, more].concat()
}

/// A header block of literals. Text is Latin-1, so that a `char` up to `\u{ff}` is that byte.
pub(crate) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![];
    for (name, value) in headers {
        block.push(0); // a literal, without indexing
        for text in [name, value] {
            let text = super::http::latin1(text);
            push_length(&mut block, text.len());
            block.extend(text);
        }
    }
    block
}

/// An integer of seven bits and more (RFC 7541, section 5.1).
fn push_length(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        block.push(u8::try_from(length).unwrap());
        return;
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// The status, which comes first in an answer's block.
fn status_of(block: &[u8]) -> u16 {
    // After changes of the table's size.
    let at = block.iter().position(|byte| byte >> 5 != 1).unwrap();
    let indexed = [200, 204, 206, 304, 400, 404, 500];
    match block[at] {
        index @ 0x88..=0x8e => indexed[usize::from(index - 0x88)],
        0x08 | 0x18 | 0x48 => text_of(&block[at + 1..]).parse().expect("a status"),
        other => panic!("no status: {other:#x} of {block:?}"),
    }
}

/// A text of digits, plain or in Huffman's code.
fn text_of(block: &[u8]) -> String {
    let length = usize::from(block[0] & 0x7f);
    let bytes = &block[1..=length];
    if block[0] & 0x80 == 0 {
        return String::from_utf8(bytes.to_vec()).unwrap();
    }
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let (mut text, mut at) = (String::new(), 0);
    let number = |from: usize, count: usize| {
        bits.get(from..from + count).map(|bits| bits.iter().fold(0, |sum, bit| sum * 2 + bit))
    };
    // Digits up to 2 have five bits, the others six; what is left is of ones.
    while let Some(five) = number(at, 5) {
        match (five, number(at, 6)) {
            (0..=2, _) => {
                text.push(char::from(b'0' + five));
                at += 5;
            }
            (_, Some(six @ 0b01_1001..=0b01_1111)) => {
                text.push(char::from(b'3' + six - 0b01_1001));
                at += 6;
            }
            _ => break,
        }
    }
    text
}
