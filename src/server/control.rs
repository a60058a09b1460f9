//! The socket by which `authgate reload`, `authgate upgrade`, `authgate overview`, `authgate upstreams`
//! and `authgate routes --running` reach a running gateway.
//!
//! One line asks, one text answers: `ok`, a blank and what was done, or `error`, a blank and why not.

use super::StartError;
use rustix::process::geteuid;
use std::fmt;
use std::fs::{Permissions, set_permissions, symlink_metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as Client;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What a running gateway can be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command {
    /// To tell its mode, as `gate.mode` has it.
    Mode,
    /// To read its settings again.
    Reload,
    /// To tell its routes, and how much they are used.
    Routes,
    /// To hand its listeners to a new process.
    Upgrade,
    /// To tell how its upstreams are.
    Upstreams,
}

impl Command {
    /// The answer of a gateway that guards its apps.
    pub(super) const GUARD: &str = "guard";
    /// The answer of one that guards nothing.
    pub const SHADOW: &str = "shadow";

    const ALL: [Self; 5] = [Self::Mode, Self::Reload, Self::Routes, Self::Upgrade, Self::Upstreams];
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mode => "mode",
            Self::Reload => "reload",
            Self::Routes => "routes",
            Self::Upgrade => "upgrade",
            Self::Upstreams => "upstreams",
        })
    }
}

/// Tells a running gateway to do something. What it has done, or why it has not.
pub fn tell(socket: &Path, command: Command) -> Result<String, TellError> {
    let unreachable = TellError::Unreachable;
    let mut gateway = Client::connect(socket).map_err(unreachable)?;
    writeln!(gateway, "{command}").map_err(unreachable)?;
    let mut answer = String::new();
    gateway.read_to_string(&mut answer).map_err(unreachable)?;
    match answer.split_once(' ') {
        Some(("ok", done)) => Ok(done.to_owned()),
        Some(("error", why)) => Err(TellError::Refused(why.to_owned())),
        Some(_) | None => Err(TellError::Unreachable(ErrorKind::UnexpectedEof.into())),
    }
}

/// Why a gateway has not done what it was told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// It says why.
    #[error("{0}")]
    Refused(String),
    /// Nobody answers.
    #[error("no gateway answers there")]
    Unreachable(#[source] io::Error),
}

/// Where commands come in.
pub(super) struct Control(UnixListener);

impl Control {
    /// Listens at a path, in place of a gateway that has gone or is about to.
    pub(super) fn listen(path: &Path, is_taken_over: bool) -> Result<Self, StartError> {
        let failed = |source| StartError::Control { path: path.to_owned(), source };
        if let Ok(found) = symlink_metadata(path) {
            if !found.file_type().is_socket() {
                let words = "there is another file already, which is no socket";
                return Err(failed(io::Error::new(ErrorKind::AlreadyExists, words)));
            }
            if !is_taken_over && Client::connect(path).is_ok() {
                return Err(failed(ErrorKind::AddrInUse.into()));
            }
            std::fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        Ok(Self(listener))
    }

    /// Passes on commands, and whom to answer, until nobody takes them any more. One who says nothing
    /// holds up nobody.
    pub(super) async fn pass_on(self, to: mpsc::Sender<(Command, Asker)>) {
        let mut heard = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.0.accept() => accepted,
                () = to.closed() => return,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let to = to.clone();
            heard.spawn(async move {
                if let Some(command) = read_command(stream).await {
                    // Fails only where the gateway ends.
                    let _ = to.send(command).await;
                }
            });
            while heard.try_join_next().is_some() {}
        }
    }
}

/// Whoever owns the process may tell it what to do, and root.
async fn read_command(stream: UnixStream) -> Option<(Command, Asker)> {
    const LONGEST: u64 = 64;
    const LIMIT: Duration = Duration::from_secs(1);
    let user = stream.peer_cred().ok()?.uid();
    if user != 0 && user != geteuid().as_raw() {
        return None;
    }
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    timeout(LIMIT, (&mut stream).take(LONGEST).read_line(&mut line)).await.ok()?.ok()?;
    let stream = stream.into_inner();
    let mut known = Command::ALL.into_iter();
    let asker = Asker(stream);
    let Some(command) = known.find(|command| command.to_string() == line.trim()) else {
        asker.answer(Err("no such command".to_owned())).await;
        return None;
    };
    Some((command, asker))
}

/// Someone who waits for an answer.
pub(super) struct Asker(UnixStream);

impl Asker {
    /// Answers.
    pub(super) async fn answer(mut self, outcome: Result<String, String>) {
        const LIMIT: Duration = Duration::from_secs(1);
        let answer = match outcome {
            Ok(done) => format!("ok {done}"),
            Err(why) => format!("error {why}"),
        };
        // Whoever has gone need not know, and whoever does not listen is not waited for.
        let _ = timeout(LIMIT, self.0.write_all(answer.as_bytes())).await;
    }
}
