//! Handing the listening sockets to a new process, so that no client notices that the binary has
//! changed.
//!
//! The new process is a child of the old one, which it finds at its standard input: there the
//! sockets come in, and there it says that it serves, or why not.

use super::StartError;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, send, sendmsg,
};
use rustix::stdio::stdin;
use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// The flag by which a process knows that it takes over from another one.
pub const FLAG: &str = "--take-over";

/// How many listeners can be handed over at once, by the system's own limit.
const MOST_SOCKETS: usize = 253;
/// What the new process says when it serves.
const SERVING: &[u8] = b"serving";

/// A socket that listens, and the address that the settings give it.
pub(super) type Listening = (SocketAddr, TcpListener);

/// How this process was started, to start the next one in the same way.
#[derive(Clone, Debug)]
pub struct Program {
    arguments: Vec<OsString>,
    path: PathBuf,
}

impl Program {
    /// This process. To be asked early: once the file is replaced the system knows only its old name.
    pub fn this() -> io::Result<Self> {
        let arguments = std::env::args_os().skip(1).filter(|argument| argument != FLAG).collect();
        Ok(Self { arguments, path: std::env::current_exe()? })
    }

    /// Starts the program again and gives it the sockets. Returns once it serves, with the number of
    /// its process; until then, and if it does not, this process serves on.
    pub(super) async fn take_over(
        &self,
        sockets: &[(SocketAddr, BorrowedFd<'_>)],
    ) -> Result<u32, String> {
        /// A store may have to be opened, and a password hashed.
        const LONGEST_START: Duration = Duration::from_mins(1);
        let (ours, theirs) = UnixStream::pair().map_err(|error| error.to_string())?;
        let child = Command::new(&self.path)
            .args(&self.arguments)
            .arg(FLAG)
            .stdin(OwnedFd::from(theirs))
            // It is for this process alone.
            .env_remove("WATCHDOG_PID")
            .spawn();
        let child =
            child.map_err(|error| format!("{} does not start: {error}", self.path.display()))?;
        let child = Starting(Some(child));
        let said = match give(&ours, sockets) {
            // One that has ended takes nothing, but may have said why.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => error.to_string(),
            Ok(()) | Err(_) => timeout(LONGEST_START, listen_to(ours)).await.unwrap_or_default(),
        };
        if said.as_bytes() == SERVING {
            return child.serves().ok_or_else(|| "the new process is gone".to_owned());
        }
        let why = if said.is_empty() { "it ended, or was silent for a minute" } else { &said };
        Err(format!("the new process does not serve: {why}"))
    }
}

/// A process that does not serve yet. It ends when this is dropped.
struct Starting(Option<Child>);

impl Starting {
    /// Lets it go on by itself; its number.
    fn serves(mut self) -> Option<u32> {
        self.0.take().map(|child| child.id())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn give(to: &UnixStream, sockets: &[(SocketAddr, BorrowedFd<'_>)]) -> io::Result<()> {
    let addresses: Vec<_> = sockets.iter().map(|(address, _)| address.to_string()).collect();
    let sockets: Vec<_> = sockets.iter().map(|(_, socket)| *socket).collect();
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    if !attached.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(io::Error::other("too many listeners"));
    }
    let text = addresses.join(" ");
    sendmsg(to, &[IoSlice::new(text.as_bytes())], &mut attached, SendFlags::empty())?;
    Ok(())
}

/// What the new process says: that it serves, or why it does not.
async fn listen_to(child: UnixStream) -> String {
    let mut said = Vec::new();
    let stream = child.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(child));
    if let Ok(mut stream) = stream {
        // It may break off, and what was said until then still counts.
        while said != SERVING && stream.read_buf(&mut said).await.is_ok_and(|read| read > 0) {}
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// The process that this one takes over from, at the other end of standard input.
pub struct Predecessor {
    sockets: Vec<Listening>,
}

impl Predecessor {
    /// Takes its listening sockets. Only where [`FLAG`] was given.
    pub fn relieve() -> Result<Self, StartError> {
        let sockets = receive().map_err(StartError::TakeOver)?;
        Ok(Self { sockets })
    }

    /// Its listening sockets, once.
    pub(super) fn sockets(&mut self) -> Vec<Listening> {
        std::mem::take(&mut self.sockets)
    }

    /// Says that this process serves.
    pub(super) fn may_go() {
        // Where nobody listens any more, nobody needs to know.
        let _ = send(stdin(), SERVING, SendFlags::NOSIGNAL);
    }

    /// Says why this process does not serve.
    pub fn must_stay(why: &str) {
        let _ = send(stdin(), why.as_bytes(), SendFlags::NOSIGNAL);
    }
}

fn receive() -> io::Result<Vec<Listening>> {
    let mut text = vec![0; 64 << 10];
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
    let mut attached = RecvAncillaryBuffer::new(&mut space);
    let mut place = [IoSliceMut::new(&mut text)];
    let received = recvmsg(stdin(), &mut place, &mut attached, RecvFlags::CMSG_CLOEXEC)?;
    let sockets = attached.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
        _ => None,
    });
    let sockets: Vec<OwnedFd> = sockets.flatten().collect();
    let text = str::from_utf8(text.get(..received.bytes).unwrap_or_default());
    let addresses = text.map_err(io::Error::other)?.split_whitespace().map(str::parse);
    let addresses: Vec<_> = addresses.collect::<Result<_, _>>().map_err(io::Error::other)?;
    Ok(addresses.into_iter().zip(sockets.into_iter().map(TcpListener::from)).collect())
}
