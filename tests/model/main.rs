//! Two gateways, each with a memory of its own, on one simulated store, and a scheduler that says
//! what happens next: every act stops before and after each step at the store, every message to a
//! gateway comes when the scheduler lets it, and time stands still unless it is moved.
//!
//! Stories are made by chance and cut down to the shortest that fails. What a failure prints can be
//! pasted into [`tells`].
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on stops"
)]

mod act;
mod gateway;
mod judge;
mod line;
mod server;
mod step;
mod store;
mod world;

use self::server::{Gate, Kind};
use self::step::{Step, stories};
use self::world::World;
use authgate::auth::Lifetime;
use authgate::model::user::UserId;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use tokio::runtime::{Builder, Runtime};

#[test]
fn no_ended_token_passes_outside_the_bound_and_no_good_one_is_refused_with_redis() {
    try_many_stories(Kind::Redis);
}

#[test]
fn no_ended_token_passes_outside_the_bound_and_no_good_one_is_refused_with_sqlite() {
    try_many_stories(Kind::Sqlite);
}

#[test]
fn a_token_ended_elsewhere_passes_until_it_is_heard_of() {
    use Step::{CatchUp, Finish, Issue, Logout, Use};
    let runtime = timers();
    let _entered = runtime.enter();
    for kind in [Kind::Redis, Kind::Sqlite] {
        let before = [Issue(Gate::A, UserId(1), Lifetime::Forever), Finish(0)];
        let ends = [Use(Gate::B, 0), Finish(0), Logout(Gate::A, 0), Finish(0)];
        let uses = [Use(Gate::B, 0), Finish(0)];
        assert_eq!(tells(kind, &[&before[..], &ends, &uses].concat()), Ok(1));
        assert_eq!(tells(kind, &[&before[..], &ends, &[CatchUp(Gate::B)], &uses].concat()), Ok(0));
    }
}

#[test]
fn a_token_issued_after_an_end_elsewhere_passes_every_time_where_it_was_issued() {
    use Step::{Finish, Issue, LogoutAll, Use};
    let runtime = timers();
    let _entered = runtime.enter();
    for kind in [Kind::Redis, Kind::Sqlite] {
        let mut world = World::new(kind);
        let user = UserId(1);
        let acts =
            [Use(Gate::A, 1), LogoutAll(Gate::B, user), Issue(Gate::A, user, Lifetime::Forever)];
        for step in acts.into_iter().flat_map(|act| [act, Finish(0)]) {
            world.step(step).unwrap();
        }
        let token = world.newest();
        for _ in 0..3 {
            assert_eq!(world.uses(Gate::A, &token), Ok(true), "{kind:?}");
        }
    }
}

fn try_many_stories(kind: Kind) {
    let runtime = timers();
    let _entered = runtime.enter();
    let cases = if is_long() { 200_000 } else { 2_000 };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let plays = |story: Vec<Step>| tells(kind, &story).map(drop).map_err(TestCaseError::fail);
    match runner.run(&stories(), plays) {
        Ok(()) => {}
        Err(TestError::Abort(reason)) => panic!("{reason}"),
        Err(TestError::Fail(reason, story)) => {
            let story = shorten(kind, story);
            panic!("{kind:?}: {reason}: {story:?}")
        }
    }
}

/// Takes out every step without which the story still fails: the runner tries that only before it
/// makes the steps themselves simpler.
fn shorten(kind: Kind, mut story: Vec<Step>) -> Vec<Step> {
    while let Some(shorter) = (0..story.len()).find_map(|number| {
        let shorter = [&story[..number], &story[number + 1..]].concat();
        tells(kind, &shorter).is_err().then_some(shorter)
    }) {
        story = shorter;
    }
    story
}

/// Plays a story to its end and says how often an ended token has passed within the bound.
fn tells(kind: Kind, story: &[Step]) -> Result<usize, &'static str> {
    let mut world = World::new(kind);
    for step in story {
        world.step(*step)?;
    }
    let late = world.late();
    world.settle()?;
    Ok(late)
}

/// For a gateway's pause after a loss, which has no need to end.
fn timers() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "tests/run says by it which form is wanted")]
fn is_long() -> bool {
    std::env::var_os("AUTHGATE_TEST_LONG").is_some()
}
