//! A source on its way into a staging: one thread reads, the other writes.

use super::batch::{Batch, Closed};
use super::tally::Tally;
use super::{Origin, Progress, ReadError};
use crate::auth::HashRoom;
use crate::store::StoreError;
use crate::store::staging::{StagedUser, Staging};
use crate::store::whole::Stop;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// What was read of a source, and is not yet taken over.
pub struct Staged {
    /// Users and tokens, settled.
    pub staging: Staging,
    /// What else there was.
    pub tally: Tally,
}

/// Why nothing is staged.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The source cannot be read. Nothing was written.
    #[error("nothing was taken")]
    Read(#[from] ReadError),
    /// The staging cannot be written.
    #[error("cannot keep what is read until all of it is, in the folder of TMPDIR")]
    Spool(#[from] io::Error),
    /// It was told to stop.
    #[error("told to stop")]
    Stopped,
    /// The staging does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many batches may wait: enough that neither thread waits for long, and little memory.
const WAITING: usize = 4;
/// How long nothing may come until it is looked whether to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// Reads all of a source. It blocks until that is done; how far it has come is told on the way.
///
/// Hashes that find no place in this room are told as those that will never work.
pub fn stage(
    origin: Origin,
    room: HashRoom,
    progress: Arc<Progress>,
    stop: &Stop,
    told: &dyn Fn(),
) -> Result<Staged, StageError> {
    let (staging, mut tally) = (Staging::new()?, Tally::new(origin.unit())?);
    let (send, batches) = sync_channel(WAITING);
    let told_of = Arc::clone(&progress);
    // Not waited for where it is stopped: a silent source would keep it.
    let reader = thread::Builder::new().name("reader".to_owned()).spawn(move || {
        let mut hand_on = |batch: Batch| send.send(batch).map_err(|_| Closed);
        origin.read(&progress, &mut hand_on)
    })?;
    loop {
        // A source may be silent for long.
        let batch = batches.recv_timeout(PATIENCE);
        if stop.is_told() {
            return Err(StageError::Stopped);
        }
        told();
        let mut batch = match batch {
            Ok(batch) => batch,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        batch.users.iter_mut().for_each(|user| judge(user, room));
        let kept = staging
            .add_groups(&batch.groups)
            .and_then(|()| staging.add_users(&batch.users))
            .and_then(|()| staging.add_tokens(&batch.tokens));
        kept.map_err(|error| staging.told(error, read_of(&told_of)))?;
        batch.says.into_iter().for_each(|says| staging.note_says(says));
        tally.add(&batch)?;
    }
    reader.join().map_err(|_| io::Error::other("the reader has failed"))??;
    let settled = staging.settle().and_then(|()| staging.find_look_alikes());
    settled.map_err(|error| staging.told(error, None))?;
    match staging.groups_not_known()? {
        0 => {}
        count => tally.warnings.push(of_groups(count)),
    }
    if staging.owners_by_email()? > 0 {
        let words = "Tokens name their users by an email address, as natural keys do where that is what users \
                     sign in by: --username-field email.";
        tally.warnings.push(words.to_owned());
    }
    Ok(Staged { staging, tally })
}

/// What is to be known where so many users are in groups that the source does not have.
fn of_groups(count: u64) -> String {
    let are = if count == 1 { "user is" } else { "users are" };
    format!(
        "{count} {are} in groups of which the source has only numbers: a dump needs auth.group, too. Who is \
         here already keeps the groups of here; who is new gets those alone that have a name."
    )
}

/// How much of the source is read, and how much there is, if that is known.
fn read_of(progress: &Progress) -> Option<(u64, u64)> {
    Some((progress.done(), progress.whole()?))
}

/// Says so where a hash that can be read takes more memory than there is.
fn judge(user: &mut StagedUser, room: HashRoom) {
    if user.trouble.is_none() {
        user.trouble = room.trouble(&user.password).map(|why| why.to_string());
    }
}
