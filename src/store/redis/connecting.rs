//! Connecting, beside those who wait for it, and until a silent server speaks.

use super::connection::{Live, REPLY_WITHIN};
use super::fault::Fault;
use super::inspect::Info;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long those who wait for a connection wait, its second attempt included.
const CONNECT_WITHIN: Duration = Duration::from_millis(400);
/// How long they wait where the server is known to be silent: if it is back, it is noticed by then.
const GLANCE: Duration = Duration::from_millis(50);
/// How long one try goes on. A server far away needs many round trips, and by TLS more.
const TRY_FOR: Duration = Duration::from_secs(1);
/// How long after a try another one begins, while the server is silent.
const TRY_EVERY: Duration = Duration::from_millis(250);
/// How long to wait before the second attempt: a restarting server refuses for a moment.
const SECOND_ATTEMPT_AFTER: Duration = Duration::from_millis(50);
/// How long a silent server is tried for nobody.
const WANTED_FOR: Duration = Duration::from_secs(5);
/// How many requests may wait to be written.
const QUEUE: usize = 1024;

/// What a connection has to be.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    /// Whether the server is one of a cluster. One that is alone must not be: it refuses what has keys of two
    /// slots, though all of them be its own.
    pub(super) is_of_cluster: bool,
    /// How long a reply may take.
    pub(super) reply_within: Duration,
}

/// How connecting goes.
#[derive(Clone)]
pub(super) enum News {
    /// It has begun.
    Begun,
    /// It is over.
    Over(Result<Live, Fault>),
    /// The server says nothing; it goes on.
    Silent,
}

/// An attempt that is under way, for those who wait for its outcome.
#[derive(Clone)]
pub(super) struct Attempt {
    /// When somebody asked for it last.
    asked: Arc<Mutex<Instant>>,
    news: watch::Receiver<News>,
}

/// The same, for the task that makes it.
pub(super) struct Work {
    asked: Arc<Mutex<Instant>>,
    news: watch::Sender<News>,
}

impl Attempt {
    /// One that somebody asks for now.
    pub(super) fn new(now: Instant) -> (Self, Work) {
        let (tell, news) = watch::channel(News::Begun);
        let asked = Arc::new(Mutex::new(now));
        (Self { asked: Arc::clone(&asked), news }, Work { asked, news: tell })
    }

    /// Notes that somebody else asks for it.
    pub(super) fn is_asked_for(&self, now: Instant) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Whether it is not over.
    pub(super) fn goes_on(&self) -> bool {
        self.news.has_changed().is_ok() && !matches!(*self.news.borrow(), News::Over(_))
    }

    /// Whether it has met silence.
    pub(super) fn is_silent(&self) -> bool {
        self.news.has_changed().is_ok() && matches!(*self.news.borrow(), News::Silent)
    }

    /// Waits for what comes of it, and hardly at all where the server is known to be silent. `None`
    /// if nothing came of it.
    pub(super) async fn outcome(mut self) -> Option<Result<Live, Fault>> {
        let was_silent = self.is_silent();
        let news = self.news.wait_for(|news| match news {
            News::Begun => false,
            News::Over(_) => true,
            News::Silent => !was_silent,
        });
        let patience = if was_silent { GLANCE } else { CONNECT_WITHIN };
        match timeout(patience, news).await {
            Ok(Ok(news)) => match &*news {
                News::Over(outcome) => Some(outcome.clone()),
                News::Begun | News::Silent => Some(Err(Fault::Silent)),
            },
            Ok(Err(_)) => None,
            Err(_) => Some(Err(Fault::Silent)),
        }
    }
}

impl Work {
    /// Tells those who wait.
    pub(super) fn tell(&self, news: News) {
        self.news.send_replace(news);
    }

    /// Connects. A server that is silent is tried anew until it speaks, refuses, or nobody has asked
    /// for it for long.
    pub(super) async fn until_connected(
        &self,
        client: &Client,
        terms: Terms,
    ) -> Result<MultiplexedConnection, Fault> {
        let started = Instant::now();
        let mut tries = FuturesUnordered::new();
        loop {
            if tries.is_empty() || self.is_wanted() {
                tries.push(timeout(TRY_FOR, connect(client, terms)));
            }
            let pause = sleep(TRY_EVERY);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    Some(outcome) = tries.next() => match outcome {
                        Ok(Err(Fault::Silent)) | Err(_) => self.meets_silence(),
                        Ok(outcome) => return outcome,
                    },
                    () = &mut pause => break,
                }
            }
            if started.elapsed() >= CONNECT_WITHIN {
                self.meets_silence();
            }
            if tries.is_empty() && !self.is_wanted() {
                return Err(Fault::Silent);
            }
        }
    }

    fn meets_silence(&self) {
        self.news.send_if_modified(|news| {
            let is_new = matches!(news, News::Begun);
            *news = News::Silent;
            is_new
        });
    }

    fn is_wanted(&self) -> bool {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.elapsed() < WANTED_FOR
    }
}

async fn connect(client: &Client, terms: Terms) -> Result<MultiplexedConnection, Fault> {
    match connect_once(client, terms).await {
        Err(Fault::Lost(_)) => {
            sleep(SECOND_ATTEMPT_AFTER).await;
            connect_once(client, terms).await
        }
        result => result,
    }
}

/// Connects, and refuses a server that cannot be used before it is asked anything else.
async fn connect_once(client: &Client, terms: Terms) -> Result<MultiplexedConnection, Fault> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(TRY_FOR))
        .set_response_timeout(Some(terms.reply_within.max(REPLY_WITHIN)))
        .set_pipeline_buffer_size(QUEUE);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    let info = Info::parse(&info);
    info.refuse_old()?;
    if !terms.is_of_cluster {
        info.refuse_node()?;
    }
    Ok(connection)
}
