//! The pool before a hasher that waits for a word.

use super::*;
use futures_util::future::join_all;
use std::sync::mpsc;

/// Tells which password it has begun, and ends when it is let; or crashes.
struct Held {
    begun: Mutex<mpsc::Sender<String>>,
    go: Mutex<mpsc::Receiver<()>>,
    rests: Mutex<mpsc::Sender<()>>,
}

impl PasswordHasher for Held {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let text = password.expose();
        let _ = self.begun.lock().unwrap().send(text.to_owned());
        let _ = self.go.lock().unwrap().recv();
        assert_ne!(text, "crash");
        Ok(PasswordHash::new(text.to_owned()))
    }

    fn verify(&self, password: &Password, _: &PasswordHash) -> Verdict {
        self.hash(password).map_or(Verdict::Mismatch, |_| Verdict::Match)
    }

    /// A hash of digits takes so much.
    fn room_for(&self, against: &PasswordHash) -> u64 {
        against.expose().parse().unwrap_or(0)
    }

    fn room(&self) -> u64 {
        10
    }

    fn rest(&self) {
        let _ = self.rests.lock().unwrap().send(());
    }
}

/// One thread, and the strings by which its hasher is led.
struct Stage {
    begun: mpsc::Receiver<String>,
    go: mpsc::Sender<()>,
    metrics: Arc<Metrics>,
    pool: HashPool,
    rests: mpsc::Receiver<()>,
}

impl Stage {
    fn new() -> Self {
        Self::of_times(HashPool::LONGEST_WAIT, HashPool::RESTS_AFTER)
    }

    fn of_times(longest_wait: Duration, rests_after: Duration) -> Self {
        Self::with(1, longest_wait, rests_after)
    }

    fn of_threads(threads: usize) -> Self {
        Self::with(threads, HashPool::LONGEST_WAIT, HashPool::RESTS_AFTER)
    }

    fn with(threads: usize, longest_wait: Duration, rests_after: Duration) -> Self {
        let (begun, has_begun) = mpsc::channel();
        let (go, let_go) = mpsc::channel();
        let (rests, has_rested) = mpsc::channel();
        let (begun, let_go, rests) = (Mutex::new(begun), Mutex::new(let_go), Mutex::new(rests));
        let hasher = Arc::new(Held { begun, go: let_go, rests });
        let metrics = Arc::new(Metrics::default());
        let times = (longest_wait, rests_after);
        let pool = HashPool::of_times(hasher, threads, Arc::clone(&metrics), times).unwrap();
        Self { begun: has_begun, go, metrics, pool, rests: has_rested }
    }

    /// Ends the present job and the next ones.
    fn let_go(&self, jobs: usize) {
        for _ in 0..jobs {
            self.go.send(()).unwrap();
        }
    }

    fn shows(&self, line: &str) -> bool {
        self.metrics.render().unwrap().lines().any(|one| one == line)
    }
}

fn password(text: &str) -> Arc<Password> {
    Arc::new(Password::new(text.to_owned()))
}

/// Submits without waiting for the answer.
async fn submit(job: &mut (impl Future<Output = Result<PasswordHash, AuthError>> + Unpin)) {
    assert!(futures_util::poll!(job).is_pending());
}

/// Has a password hashed for each name, in its lane; the first is begun before the others wait. In
/// which order those are begun.
async fn begun_in_turn(stage: &Stage, waiting: &[(&str, Lane)]) -> Vec<String> {
    let seats = waiting.iter().map(|(_, lane)| stage.pool.reserve(*lane, None).unwrap());
    let mut seats: Vec<_> = seats.collect();
    let mut jobs = Vec::new();
    for (seat, (name, _)) in seats.iter_mut().zip(waiting) {
        let mut job = Box::pin(seat.hash(password(name)));
        submit(&mut job).await;
        if jobs.is_empty() {
            assert_eq!(stage.begun.recv().unwrap(), *name);
        }
        jobs.push(job);
    }
    assert!(stage.shows(&format!("authgate_hash_queue_depth {}", waiting.len() - 1)));
    stage.let_go(waiting.len());
    join_all(jobs).await;
    assert!(stage.shows("authgate_hash_queue_depth 0"));
    assert!(stage.shows(&format!("authgate_hash_seconds_count {}", waiting.len())));
    stage.begun.try_iter().collect()
}

#[tokio::test]
async fn a_free_thread_takes_operators_first_then_those_who_are_known() {
    let waiting = [
        ("first", Lane::Ordinary),
        ("anyone", Lane::Ordinary),
        ("known", Lane::Familiar),
        ("signing in", Lane::Console),
        ("operator", Lane::Operator),
    ];
    let begun = begun_in_turn(&Stage::new(), &waiting).await;
    assert_eq!(begun, ["operator", "signing in", "known", "anyone"]);
}

#[tokio::test]
async fn a_full_lane_refuses_at_once_and_shuts_no_other_out() {
    let stage = Stage::new();
    let lanes = [
        (Lane::Ordinary, 32),
        (Lane::Familiar, 16),
        (Lane::Console, 8),
        (Lane::Operator, 4),
        (Lane::Proof, 4),
    ];
    let mut seats = Vec::new();
    for (lane, most) in lanes {
        for _ in 0..most {
            seats.push(stage.pool.reserve(lane, None).unwrap());
        }
        assert!(matches!(stage.pool.reserve(lane, None), Err(AuthError::Busy)));
    }
    assert!(stage.shows("authgate_hash_refusals_total 5"));
    seats.clear();
    for (lane, _) in lanes {
        assert!(stage.pool.reserve(lane, None).is_ok());
    }
}

#[tokio::test]
async fn whoever_has_waited_too_long_is_told_though_no_thread_is_free() {
    let stage = Stage::of_times(Duration::from_millis(20), HashPool::RESTS_AFTER);
    let mut seats = [(); 2].map(|()| stage.pool.reserve(Lane::Ordinary, None).unwrap());
    let [first, second] = &mut seats;
    let mut running = Box::pin(first.hash(password("running")));
    submit(&mut running).await;
    assert_eq!(stage.begun.recv().unwrap(), "running");
    assert!(matches!(second.hash(password("late")).await, Err(AuthError::Busy)));
    // What a thread has begun is waited for, past the deadline too.
    stage.let_go(1);
    assert_eq!(running.await.unwrap().expose(), "running");
    // The one that was given up is never begun.
    stage.let_go(1);
    assert!(second.hash(password("next")).await.is_ok());
    assert_eq!(stage.begun.try_iter().collect::<Vec<_>>(), ["next"]);
}

#[tokio::test]
async fn who_goes_away_leaves_nothing_behind() {
    let stage = Stage::new();
    let mut busy = stage.pool.reserve(Lane::Ordinary, None).unwrap();
    let mut running = Box::pin(busy.hash(password("running")));
    submit(&mut running).await;
    assert_eq!(stage.begun.recv().unwrap(), "running");
    for _ in 0..100 {
        let mut seat = stage.pool.reserve(Lane::Ordinary, None).unwrap();
        let mut gone = Box::pin(seat.hash(password("gone")));
        submit(&mut gone).await;
    }
    assert!(stage.shows("authgate_hash_queue_depth 0"));
    stage.let_go(1);
    assert!(running.await.is_ok());
    assert_eq!(stage.begun.try_recv(), Err(mpsc::TryRecvError::Empty));
}

#[tokio::test]
async fn a_crash_costs_one_answer_and_no_thread() {
    let stage = Stage::new();
    let mut seat = stage.pool.reserve(Lane::Ordinary, None).unwrap();
    stage.let_go(9);
    for _ in 0..8 {
        assert!(matches!(seat.hash(password("crash")).await, Err(AuthError::Hash(_))));
    }
    assert!(seat.hash(password("x")).await.is_ok());
}

#[tokio::test]
async fn one_seat_serves_for_a_check_and_a_new_hash() {
    let stage = Stage::new();
    stage.let_go(2);
    let mut seat = stage.pool.reserve(Lane::Operator, None).unwrap();
    let old = PasswordHash::new("old".to_owned());
    assert_eq!(seat.verify(password("x"), old).await.unwrap(), Verdict::Match);
    assert!(seat.hash(password("x")).await.is_ok());
}

#[tokio::test]
async fn where_no_password_comes_for_a_while_the_hasher_rests_twice() {
    let stage = Stage::of_times(HashPool::LONGEST_WAIT, Duration::from_millis(1));
    let rests = || [(); 2].map(|()| stage.rests.recv().unwrap());
    rests();
    stage.let_go(1);
    assert!(stage.pool.reserve(Lane::Ordinary, None).unwrap().hash(password("x")).await.is_ok());
    rests();
    drop(stage.pool);
    assert_eq!(stage.rests.iter().count(), 0);
}

#[test]
fn threads_end_with_the_pool() {
    let stage = Stage::new();
    let hasher = Arc::downgrade(&stage.pool.shared.hasher);
    drop(stage);
    while hasher.upgrade().is_some() {
        thread::yield_now();
    }
}

#[tokio::test]
async fn nobody_holds_more_than_their_share_and_others_find_their_places() {
    let stage = Stage::new();
    let share = |address: &str, name: Option<&str>| {
        let network = Some(Network::of(address.parse().unwrap()));
        Some(Share { account: name.map(AccountKey::like), network })
    };
    let (one, other) = (share("192.0.2.1", None), share("192.0.2.2", None));
    let user = [1, 2].map(|host| share(&format!("198.51.100.{host}"), Some("ada")));
    for (lane, most) in [(Lane::Ordinary, 16), (Lane::Familiar, 8), (Lane::Console, 4)] {
        let seats = |share| -> Vec<_> {
            std::iter::from_fn(|| stage.pool.reserve(lane, share).ok()).take(100).collect()
        };
        let of_network = seats(one);
        assert_eq!(of_network.len(), most);
        let of_user = seats(user[0]);
        assert_eq!(of_user.len(), most / 2);
        assert!(stage.pool.reserve(lane, user[1]).is_err());
        assert!(stage.pool.reserve(lane, other).is_ok());
        drop((of_network, of_user));
        assert!(stage.pool.reserve(lane, one).is_ok());
        assert!(stage.pool.reserve(lane, user[1]).is_ok());
    }
}

#[tokio::test]
async fn no_operator_holds_the_places_of_the_others() {
    let stage = Stage::new();
    let reserve = |name| stage.pool.reserve(Lane::Operator, Some(Share::of_operator(name)));
    let first = reserve("ada").unwrap();
    assert!(matches!(reserve("ada"), Err(AuthError::Busy)), "nor do all of their keys together");
    let others = ["eve", "bob", "kim"].map(|name| reserve(name).unwrap());
    drop((first, others));
    assert!(reserve("ada").is_ok());
}

#[tokio::test]
async fn of_three_turns_operators_leave_one_to_the_others() {
    let waiting = [
        ("first", Lane::Ordinary),
        ("script 1", Lane::Operator),
        ("script 2", Lane::Operator),
        ("script 3", Lane::Operator),
        ("script 4", Lane::Operator),
        ("stranger", Lane::Ordinary),
        ("known", Lane::Familiar),
        ("signing in", Lane::Console),
        ("proving", Lane::Proof),
    ];
    let begun = begun_in_turn(&Stage::new(), &waiting).await;
    let (one, two) = (["proving", "script 1", "known"], ["signing in", "script 2", "stranger"]);
    assert_eq!(begun, [&one[..], &two, &["script 3", "script 4"]].concat());
}

#[tokio::test]
async fn the_known_and_the_strangers_take_turns() {
    let waiting = [
        ("first", Lane::Ordinary),
        ("stranger", Lane::Ordinary),
        ("another stranger", Lane::Ordinary),
        ("known", Lane::Familiar),
        ("also known", Lane::Familiar),
    ];
    let begun = begun_in_turn(&Stage::new(), &waiting).await;
    assert_eq!(begun, ["known", "stranger", "also known", "another stranger"]);
}

/// Has passwords compared with hashes that take so much room each, or none, in a lane; says after each of
/// them whether it has been begun.
async fn compared(stage: &Stage, waiting: &[(&str, u64, Lane)]) -> Vec<String> {
    let seats = waiting.iter().map(|(_, _, lane)| stage.pool.reserve(*lane, None).unwrap());
    let mut seats: Vec<_> = seats.collect();
    let (mut jobs, mut begun) = (Vec::new(), Vec::new());
    for (seat, (name, room, _)) in seats.iter_mut().zip(waiting) {
        let hash = PasswordHash::new(room.to_string());
        let mut job = Box::pin(seat.verify(password(name), hash));
        assert!(futures_util::poll!(&mut job).is_pending());
        begun.extend(stage.begun.recv_timeout(Duration::from_millis(100)));
        jobs.push(job);
    }
    begun.push("-".to_owned());
    for _ in waiting {
        stage.let_go(1);
        begun.extend(stage.begun.recv_timeout(Duration::from_millis(100)));
    }
    for verdict in join_all(jobs).await {
        assert_eq!(verdict.unwrap(), Verdict::Match);
    }
    assert!(stage.shows("authgate_hash_queue_depth 0"));
    begun
}

#[tokio::test]
async fn who_finds_too_little_room_keeps_no_thread_from_others() {
    let any = Lane::Ordinary;
    let waiting = [("large", 6, any), ("larger", 7, any), ("own", 0, any)];
    let begun = compared(&Stage::of_threads(2), &waiting).await;
    assert_eq!(begun, ["large", "own", "-", "larger"]);
}

#[tokio::test]
async fn who_wants_much_room_is_not_passed_by_those_who_want_little() {
    let (any, known) = (Lane::Ordinary, Lane::Familiar);
    let waiting = [("first", 6, any), ("much", 10, any), ("little", 1, any), ("known", 1, known)];
    let begun = compared(&Stage::of_threads(4), &waiting).await;
    assert_eq!(begun[..3], ["first", "-", "much"]);
    assert_eq!(begun.len(), 5);
}

#[tokio::test]
async fn room_is_for_operators_first() {
    let waiting = [
        ("first", 6, Lane::Ordinary),
        ("anyone", 7, Lane::Ordinary),
        ("operator", 10, Lane::Operator),
        ("signing in", 0, Lane::Console),
    ];
    let begun = compared(&Stage::of_threads(2), &waiting).await;
    assert_eq!(begun, ["first", "signing in", "-", "operator", "anyone"]);
}

#[tokio::test]
async fn who_waits_for_room_and_goes_away_holds_up_nobody() {
    let stage = Stage::of_threads(3);
    let mut seats: Vec<_> =
        (0..3).map(|_| stage.pool.reserve(Lane::Ordinary, None).unwrap()).collect();
    let mut jobs: Vec<_> = seats
        .iter_mut()
        .zip([("first", 6), ("much", 10), ("little", 4)])
        .map(|(seat, (name, room))| {
            Box::pin(seat.verify(password(name), PasswordHash::new(room.to_string())))
        })
        .collect();
    for job in &mut jobs {
        assert!(futures_util::poll!(job).is_pending());
    }
    assert_eq!(stage.begun.recv().unwrap(), "first");
    drop(jobs.remove(1));
    assert_eq!(stage.begun.recv().unwrap(), "little");
    stage.let_go(2);
    join_all(jobs).await;
}
