//! A client's connection as Pingora reads and writes it: no larger than it must be, since many wait.

use async_trait::async_trait;
use pingora::protocols::l4::socket::SocketAddr as PingoraAddress;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType,
};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf};
use tokio::net::TcpStream;

/// What has arrived over a connection, and how much may.
#[derive(Debug)]
pub struct Arrivals {
    count: AtomicU64,
    /// How many more bytes may come before someone says otherwise.
    may_come: AtomicUsize,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { count: AtomicU64::default(), may_come: AtomicUsize::new(usize::MAX) }
    }
}

impl Arrivals {
    /// How often until now. Other than before: the client has sent something.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Bounds what may come from now on: whoever reads a head keeps all of it.
    pub(super) fn expect(&self, bytes: usize) {
        self.may_come.store(bytes, Ordering::Relaxed);
    }

    /// Lets anything come from now on.
    pub(super) fn expect_anything(&self) {
        self.may_come.store(usize::MAX, Ordering::Relaxed);
    }

    /// Notes what has come. Fails if it is too much. One task reads a connection, so that nobody else
    /// counts meanwhile.
    fn note(&self, bytes: usize) -> io::Result<()> {
        self.count.store(self.count().wrapping_add(1), Ordering::Relaxed);
        let may_come = self.may_come.load(Ordering::Relaxed);
        if may_come != usize::MAX {
            let left = may_come.checked_sub(bytes).ok_or(io::ErrorKind::InvalidData)?;
            self.may_come.store(left, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A client's connection. What is read is not kept here, and what is written only until it is
/// flushed.
#[derive(Debug)]
pub struct Wire {
    /// What was read to find out what is spoken, and is still to be read.
    ahead: Vec<u8>,
    arrivals: Arc<Arrivals>,
    digest: Arc<SocketDigest>,
    /// Whether the last read took all that there was room for, so that the runtime takes it for granted
    /// that there is more.
    may_have_more: bool,
    stream: BufWriter<TcpStream>,
}

impl Wire {
    /// The head of an answer and a short body go out in one piece.
    const WRITE_BUFFER: usize = 4096;

    /// A connection of this client, which is another than the socket's peer where a balancer said so.
    pub fn new(stream: TcpStream, client: SocketAddr, arrivals: Arc<Arrivals>) -> Self {
        let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
        // It is new, so it has none yet.
        let _ = digest.peer_addr.set(Some(PingoraAddress::Inet(client)));
        let stream = BufWriter::with_capacity(Self::WRITE_BUFFER, stream);
        let digest = Arc::new(digest);
        Self { ahead: Vec::new(), arrivals, digest, may_have_more: false, stream }
    }

    fn pinned(self: Pin<&mut Self>) -> Pin<&mut BufWriter<TcpStream>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let fitting = buffer.remaining().min(self.ahead.len());
            let (first, rest) = self.ahead.split_at(fitting);
            buffer.put_slice(first);
            self.ahead = rest.to_vec();
            return Poll::Ready(Ok(()));
        }
        let filled = buffer.filled().len();
        ready!(Pin::new(self.stream.get_mut()).poll_read(context, buffer))?;
        let read = buffer.filled().len() - filled;
        self.may_have_more = buffer.remaining() == 0;
        Poll::Ready(if read > 0 { self.arrivals.note(read) } else { Ok(()) })
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pinned().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pinned().poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pinned().poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[async_trait]
impl Peek for Wire {
    /// Fills `buffer` as long as what arrives could be the beginning of HTTP/2 (RFC 9113, section
    /// 3.4): an HTTP/1 client may send less than a whole one, and waits then. Without room, waits
    /// until there is something to read.
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        if buffer.is_empty() && self.ahead.is_empty() {
            let socket = self.stream.get_ref();
            if self.may_have_more {
                socket.peek(&mut [0]).await?;
            } else {
                socket.readable().await?;
            }
        }
        while self.ahead.len() < buffer.len() && PREFACE.starts_with(&self.ahead) {
            let wanted = buffer.len() - self.ahead.len();
            let mut arrived = [0; PREFACE.len()];
            let room = arrived.get_mut(..wanted).unwrap_or_default();
            let read = self.stream.get_mut().read(room).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.arrivals.note(read)?;
            self.ahead.extend_from_slice(arrived.get(..read).unwrap_or_default());
        }
        for (place, byte) in buffer.iter_mut().zip(&self.ahead) {
            *place = *byte;
        }
        Ok(true)
    }
}

#[async_trait]
impl Shutdown for Wire {
    async fn shutdown(&mut self) {
        // Whoever has gone already need not be told.
        let _ = self.stream.shutdown().await;
    }
}

impl UniqueID for Wire {
    fn id(&self) -> UniqueIDType {
        self.stream.get_ref().as_raw_fd()
    }
}

impl Ssl for Wire {}

impl GetTimingDigest for Wire {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Wire {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for Wire {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(Arc::clone(&self.digest))
    }
}
