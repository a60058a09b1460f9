//! The thread that writes. What queues up while one transaction is committed goes into the next, so
//! that many writers share the wait for the disk.

use super::fault;
use super::queue::{self, Caller, Query, ask};
use crate::store::feed::Listener;
use crate::store::{Change, StoreError};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::sync::Arc;
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// The most jobs in a transaction: it bounds how long the first of them waits for the last.
const BATCH: usize = 256;

type Queue = mpsc::Receiver<Order>;

/// Writes to the database.
pub(super) struct Writer {
    queue: mpsc::Sender<Order>,
}

impl Writer {
    /// Starts the thread. What it changes is told to the listener.
    pub(super) fn start(db: Connection, listener: Listener) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel(queue::LENGTH);
        thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || work_off(receiver, db, &listener))
            .map_err(StoreError::unavailable)?;
        Ok(Self { queue: sender })
    }

    /// Does the work, wholly or not at all, and answers once it is on the disk. The work notes what
    /// it changes.
    pub(super) async fn perform<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &mut Vec<Change>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (caller, answer) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Write { work: Some(work), outcome: None, caller });
        ask(&self.queue, Order::Write(job), answer).await
    }

    /// Runs a query on the writer's own connection, outside of any transaction.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (look, answer) = queue::query(query);
        ask(&self.queue, Order::Look(look), answer).await
    }
}

/// What is asked of the thread.
enum Order {
    Look(Query),
    Write(Box<dyn Job>),
}

fn work_off(mut queue: Queue, mut db: Connection, listener: &Listener) {
    while let Some(order) = queue.blocking_recv() {
        let mut batch = Batch::default();
        batch.add(order);
        if !batch.jobs.is_empty() {
            let committed = batch.commit(&mut queue, &mut db).map_err(Arc::new);
            // Even what failed: nobody knows what a disk that refused has kept.
            batch.changes.into_iter().for_each(|change| listener.tell(change));
            batch.jobs.into_iter().for_each(|job| job.answer(&committed));
        }
        batch.looks.into_iter().for_each(|look| look(&db));
    }
}

/// What is done together.
#[derive(Default)]
struct Batch {
    /// What the jobs have changed.
    changes: Vec<Change>,
    jobs: Vec<Box<dyn Job>>,
    /// What comes after the jobs.
    looks: Vec<Query>,
}

impl Batch {
    fn add(&mut self, order: Order) {
        match order {
            Order::Look(look) => self.looks.push(look),
            Order::Write(job) => self.jobs.push(job),
        }
    }

    /// Runs the jobs, and whatever has joined them by the time the database is ours, in a
    /// transaction.
    ///
    /// Jobs join even when another process holds the database for too long: each would otherwise
    /// wait for its own turn to fail.
    fn commit(&mut self, queue: &mut Queue, db: &mut Connection) -> rusqlite::Result<()> {
        let begun = db.transaction_with_behavior(TransactionBehavior::Immediate);
        while self.jobs.len() < BATCH
            && let Ok(order) = queue.try_recv()
        {
            self.add(order);
        }
        let mut transaction = begun?;
        for job in &mut self.jobs {
            job.run(&mut transaction, &mut self.changes)?;
        }
        transaction.commit()
    }
}

/// A piece of work and whoever waits for it, whatever the type of its result.
trait Job: Send {
    /// Does the work and notes what it changes; an error is the end of the whole transaction.
    fn run(
        &mut self,
        transaction: &mut Transaction<'_>,
        changes: &mut Vec<Change>,
    ) -> rusqlite::Result<()>;
    /// Tells the caller, once it is known what became of the transaction.
    fn answer(self: Box<Self>, committed: &Result<(), Arc<rusqlite::Error>>);
}

struct Write<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    caller: Caller<T>,
}

impl<T, F> Job for Write<T, F>
where
    T: Send,
    F: FnOnce(&Connection, &mut Vec<Change>) -> Result<T, StoreError> + Send,
{
    fn run(
        &mut self,
        transaction: &mut Transaction<'_>,
        changes: &mut Vec<Change>,
    ) -> rusqlite::Result<()> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        let savepoint = transaction.savepoint()?;
        let outcome = self.outcome.insert(work(&savepoint, changes));
        // Some faults, such as a full disk, undo the whole transaction: then this fails too.
        if outcome.is_ok() { savepoint.commit() } else { savepoint.finish() }
    }

    fn answer(self: Box<Self>, committed: &Result<(), Arc<rusqlite::Error>>) {
        let answer = match (self.outcome, committed) {
            (Some(Err(own)), _) => Err(own),
            (_, Err(cause)) => Err(StoreError::out(fault::kind(cause), Arc::clone(cause))),
            (Some(outcome), Ok(())) => outcome,
            // A transaction is committed only after all of its jobs; the caller is told by the drop.
            (None, Ok(())) => return,
        };
        // A caller who has gone away needs no answer.
        let _ = self.caller.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE things (name TEXT)").unwrap();
        db
    }

    fn job(
        work: impl FnOnce(&Connection) -> Result<i64, StoreError> + Send + 'static,
    ) -> (Box<dyn Job>, oneshot::Receiver<Result<i64, StoreError>>) {
        let (caller, answer) = oneshot::channel();
        let work = |db: &Connection, _: &mut Vec<Change>| work(db);
        (Box::new(Write { work: Some(work), outcome: None, caller }), answer)
    }

    fn insert(db: &Connection) -> Result<i64, StoreError> {
        db.execute("INSERT INTO things VALUES ('a')", [])?;
        Ok(db.last_insert_rowid())
    }

    fn run(jobs: Vec<Box<dyn Job>>, db: Connection) {
        let (sender, receiver) = mpsc::channel(jobs.len());
        for job in jobs {
            assert!(sender.try_send(Order::Write(job)).is_ok());
        }
        drop(sender);
        work_off(receiver, db, &Listener::default());
    }

    #[test]
    fn a_job_that_fails_leaves_nothing_and_takes_no_other_with_it() {
        let (first, first_answer) = job(insert);
        let (failing, failing_answer) = job(|db| {
            insert(db)?;
            Err(StoreError::Unsuitable("no".to_owned()))
        });
        let (count, count_answer) =
            job(|db| Ok(db.query_row("SELECT count(*) FROM things", [], |row| row.get(0))?));
        run(vec![first, failing, count], memory());
        assert_eq!(first_answer.blocking_recv().unwrap().unwrap(), 1);
        let refusal = failing_answer.blocking_recv().unwrap();
        assert!(matches!(refusal, Err(StoreError::Unsuitable(_))));
        assert_eq!(count_answer.blocking_recv().unwrap().unwrap(), 1);
    }

    #[test]
    fn when_the_transaction_is_lost_every_job_of_it_is_told() {
        let (first, first_answer) = job(insert);
        let (fatal, fatal_answer) = job(|db| {
            db.execute_batch("ROLLBACK")?;
            Ok(1)
        });
        let (last, last_answer) = job(insert);
        run(vec![first, fatal, last], memory());
        for answer in [first_answer, fatal_answer, last_answer] {
            let outcome = answer.blocking_recv().unwrap();
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
        }
    }
}
