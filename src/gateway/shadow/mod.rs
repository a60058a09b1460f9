//! A gateway that guards nothing yet: every request passes as it came, is judged beside, and the two
//! verdicts, ours and the app's, are compared.
//!
//! No request waits for our verdict: what memory knows is known at once; what only the store knows is
//! judged in a queue of its own, bounded in length and time.

mod case;
mod tell;
mod verdict;

pub(super) use self::case::Case;

use self::case::Ours;
use self::tell::Told;
use self::verdict::Asked;
use super::Gateway;
use super::console::Face;
use super::cors::Preflight;
use super::head::{self, Head};
use super::judge::{Arrival, Judge, Witness, question, question_to_come};
use super::live::Live;
use crate::api::Problem;
use crate::metrics::Metrics;
use crate::policy::{Passage, Route, Shadow};
use futures_util::future::BoxFuture;
use futures_util::stream::poll_fn;
use futures_util::{FutureExt, StreamExt};
use pingora::http::RequestHeader;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Why there is no verdict where one of ours has failed.
const PANIC: &str = "judging failed by a mistake in authgate";

/// What all requests share that pass unguarded.
pub(super) struct Beside {
    late: tokio::sync::Mutex<mpsc::Receiver<BoxFuture<'static, ()>>>,
    metrics: Arc<Metrics>,
    /// Since when nothing passes unguarded any more.
    over: Mutex<Option<Instant>>,
    queue: mpsc::Sender<BoxFuture<'static, ()>>,
    told: Arc<Told>,
}

/// A request that passes unguarded.
pub(super) struct Passes {
    pub case: Arc<Case>,
    pub passage: Passage,
    /// The route that takes it, if one does.
    pub route: Option<Arc<Route>>,
    /// The path and query that the app gets, where its route rewrites them.
    pub target: Option<String>,
}

impl Beside {
    /// How many requests may wait for the store. Of those that find no place there is no verdict.
    const QUEUE: usize = 1_024;
    /// How many the store is asked about at once.
    const AT_ONCE: usize = 64;
    /// How long a verdict may take.
    const PATIENCE: Duration = Duration::from_secs(1);

    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        let (queue, late) = mpsc::channel(Self::QUEUE);
        let told = Arc::new(Told::new(Arc::clone(&metrics)));
        Self { late: late.into(), metrics, over: Mutex::default(), queue, told }
    }

    /// Notes whether nothing passes unguarded any more.
    pub(super) fn is_over(&self, is_over: bool) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        *over = if is_over { over.or_else(|| Some(Instant::now())) } else { None };
    }

    /// Whether that has been so for such a time.
    pub(super) fn is_over_for(&self, span: Duration) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        over.is_some_and(|since| since.elapsed() >= span)
    }

    /// Counts a request that no proxy can pass on as it came.
    pub(super) fn refused(&self, problem: &Problem) {
        let would = Ours::refused(problem).would.label();
        self.metrics.shadow_compared(&would, "none", "refused");
    }

    /// Does something about a request that has to be passed on, whatever comes of it.
    fn unless_it_panics<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(work));
        done.map_err(|_| self.metrics.panicked()).ok()
    }

    /// Has a request judged: now if that needs nobody, or else beside the exchange with the app.
    fn judge(&self, case: &Arc<Case>, asked: Asked) {
        let verdict = AssertUnwindSafe(asked.verdict()).catch_unwind();
        let (verdict, metrics) = (timeout(Self::PATIENCE, verdict), Arc::clone(&self.metrics));
        let judged = async move {
            match verdict.await {
                Ok(Ok(ours)) => ours,
                Ok(Err(_)) => {
                    metrics.panicked();
                    Ours::unknown(PANIC)
                }
                Err(_) => Ours::unknown("it took too long"),
            }
        };
        let mut judged = judged.boxed();
        if let Some(ours) = (&mut judged).now_or_never() {
            return case.judge(ours);
        }
        let late = Arc::clone(case);
        let judged = async move { late.judge(judged.await) };
        if self.queue.try_send(judged.boxed()).is_err() {
            case.judge(Ours::unknown("too many wait for the store"));
        }
    }
}

impl Gateway {
    /// Lets a request pass as it came, and has it judged beside. `None` if it is for the console,
    /// which is guarded as ever. Fails only for what no proxy can pass on as it came.
    pub(super) fn let_pass(
        &self,
        shadow: Shadow,
        live: &Arc<Live>,
        request: &RequestHeader,
        arrival: &Arrival<'_>,
    ) -> Result<Option<Passes>, Problem> {
        let beside = &self.beside;
        let head = beside.unless_it_panics(|| Head::read(request, arrival.raw));
        let head = head.unwrap_or(Err(Problem::Internal));
        if self.face == Face::Console || head.as_ref().is_ok_and(|head| self.is_console(live, head))
        {
            return Ok(None);
        }
        if head.is_err() {
            head::check_delivery(request, arrival.raw)?;
        }
        let head = head.ok();
        let route = head.as_ref().and_then(|head| route_of(live, request, head)).cloned();
        let target = head.zip(route.as_ref()).and_then(|(head, route)| {
            let path = route.rewriting.apply(&head.path).ok()??;
            Some(head.target(&path))
        });
        let case = Arc::new(Case::new(request, route.as_ref(), Arc::clone(&beside.told)));
        let witness = Witness::Accounts(&self.auth, arrival.client.address);
        let judge = Judge { face: self.face, live, witness };
        match beside.unless_it_panics(|| judge.read(request, arrival)) {
            Some(Ok(head)) => {
                let (auth, live) = (Arc::clone(&self.auth), Arc::clone(live));
                let (face, request) = (self.face, request.clone());
                beside.judge(&case, Asked { auth, face, head, live, request });
            }
            Some(Err(problem)) => case.judge(Ours::refused(&problem)),
            None => case.judge(Ours::unknown(PANIC)),
        }
        let passage = Passage::Unguarded(shadow.let_pass(route.as_ref()));
        Ok(Some(Passes { case, passage, route, target }))
    }

    fn is_console(&self, live: &Live, head: &Head) -> bool {
        let mount = live.settings.console.as_ref();
        mount.is_some_and(|mount| mount.takes(self.face, head.path.as_str()))
    }

    /// Judges the requests about which the store has to be asked, for as long as requests are served.
    pub(super) async fn keep_judging(&self) -> Infallible {
        let mut late = self.beside.late.lock().await;
        let late = poll_fn(|context| late.poll_recv(context));
        late.for_each_concurrent(Beside::AT_ONCE, |judged| judged).await;
        // The queue is as old as the gateway.
        std::future::pending().await
    }
}

/// Which route would take a request, if it were for an app. A preflight leads where the request to
/// come would.
fn route_of<'a>(live: &'a Live, request: &RequestHeader, head: &Head) -> Option<&'a Arc<Route>> {
    let routes = &live.settings.routes;
    routes.find(&question(request, head)).or_else(|| {
        let preflight = Preflight::of(request)?;
        let method = preflight.method()?;
        routes.find(&question_to_come(preflight, &method, request, head))
    })
}
