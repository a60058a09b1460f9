//! How long an app may be silent to a client who wants another protocol: no longer than to others,
//! until it has agreed.
//!
//! Pingora's own timeouts are fixed when a server is chosen, and a WebSocket needs long ones. So
//! these connections keep shorter ones themselves; they are made for one request and not kept.

use async_trait::async_trait;
use pingora::connectors::l4::Connect;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora::{Error, ErrorType, Result};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long the server of one connection may be silent.
#[derive(Debug)]
pub(super) struct Terms {
    /// Whether they are at work: it is connected, and has not agreed to another protocol.
    are_at_work: AtomicBool,
    is_late: AtomicBool,
    /// While its answer is awaited or read.
    read: Duration,
    /// How long both ends may be silent after it has agreed.
    pub upgraded: Duration,
    /// While it is sent something.
    write: Duration,
}

impl Terms {
    /// Terms that are not at work yet.
    pub(super) fn new(read: Duration, write: Duration, upgraded: Duration) -> Self {
        let (are_at_work, is_late) = Default::default();
        Self { are_at_work, is_late, read, upgraded, write }
    }

    /// Puts them to work.
    pub(super) fn begin(&self) {
        self.are_at_work.store(true, Relaxed);
    }

    /// Lifts them.
    pub(super) fn end(&self) {
        self.are_at_work.store(false, Relaxed);
    }

    /// Whether the server has been silent for too long.
    pub(super) fn were_broken(&self) -> bool {
        self.is_late.load(Relaxed)
    }

    /// What came of reading or writing, if it was not silence for too long.
    fn bound<T>(
        &self,
        limit: Duration,
        alarm: &mut Alarm,
        context: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() || !self.are_at_work.load(Relaxed) {
            *alarm = None;
            return polled;
        }
        let alarm = alarm.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(alarm.as_mut().poll(context));
        self.is_late.store(true, Relaxed);
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

/// Rings when it has been silent for too long.
type Alarm = Option<Pin<Box<Sleep>>>;

/// Connects on these terms. How long that may take is the caller's matter.
#[derive(Debug)]
pub(super) struct Connector(pub Arc<Terms>);

#[async_trait]
impl Connect for Connector {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let SocketAddr::Inet(address) = address else {
            return Error::e_explain(ErrorType::ConnectError, "no address");
        };
        let stream = TcpStream::connect(address).await.map_err(|error| {
            let kind = match error.kind() {
                ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
                ErrorKind::TimedOut => ErrorType::ConnectTimedout,
                _ => ErrorType::ConnectError,
            };
            Error::because(kind, "connecting for another protocol", error)
        })?;
        let terms = Arc::clone(&self.0);
        let socket = Socket { reading: None, stream, terms, writing: None };
        Ok(VirtualSocketStream::new(Box::new(socket)).into())
    }
}

#[derive(Debug)]
struct Socket {
    reading: Alarm,
    stream: TcpStream,
    terms: Arc<Terms>,
    writing: Alarm,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.terms.bound(this.terms.read, &mut this.reading, context, polled)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.stream).poll_write(context, bytes);
        if polled.is_ready() {
            // As long as a request is sent its answer is not late.
            this.reading = None;
        }
        this.terms.bound(this.terms.write, &mut this.writing, context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl VirtualSocket for Socket {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        match option {
            VirtualSockOpt::NoDelay => self.stream.set_nodelay(true),
            // Nobody asks for others.
            _ => Ok(()),
        }
    }
}
