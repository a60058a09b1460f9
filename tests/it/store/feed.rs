//! What a store promises of its feed.

use super::{Fixture, Store, add, digest, hash, in_minutes, issue, token};
use authgate::model::token::TokenDigest;
use authgate::model::user::{User, UserChange, UserId};
use authgate::store::{
    Change, Issue, NewToken, OnLimit, PasswordChange, StoreError, TokenLimit, Watcher,
};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const BEAT: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(10);

/// What a feed has said.
enum Word {
    Changed(Change),
    ToldUntil(Instant),
}

#[derive(Default)]
struct Notes(Mutex<Vec<Word>>);

impl Watcher for Notes {
    fn changed(&self, change: Change) {
        self.0.lock().unwrap().push(Word::Changed(change));
    }

    fn told_until(&self, moment: Instant) {
        self.0.lock().unwrap().push(Word::ToldUntil(moment));
    }
}

/// A feed that someone listens to.
pub(super) struct Watched {
    feed: JoinSet<StoreError>,
    notes: Arc<Notes>,
}

impl Watched {
    /// Listens, and returns once the feed has told everything up to now.
    pub(super) async fn begin(store: &Arc<dyn Store>) -> Self {
        let (mut feed, notes) = (JoinSet::new(), Arc::<Notes>::default());
        let (store, hears) = (Arc::clone(store), Arc::clone(&notes));
        feed.spawn(async move { store.watch(hears, BEAT).await });
        let watched = Self { feed, notes };
        watched.until_told().await;
        watched
    }

    /// The same where the feed may end a few times before it can be trusted: after a failover.
    pub(super) async fn begin_again(store: &Arc<dyn Store>) -> Self {
        let (mut feed, notes) = (JoinSet::new(), Arc::<Notes>::default());
        let (store, hears) = (Arc::clone(store), Arc::clone(&notes));
        feed.spawn(async move {
            loop {
                println!("{:?}", store.watch(Arc::<Notes>::clone(&hears), BEAT * 10).await);
                sleep(BEAT).await;
            }
        });
        let watched = Self { feed, notes };
        watched.until_told().await;
        watched
    }

    /// Waits until the feed ends.
    pub(super) async fn until_it_ends(&mut self) -> StoreError {
        let end = timeout(PATIENCE, self.feed.join_next()).await;
        end.expect("the feed should end").unwrap().unwrap()
    }

    /// Waits for a proof that everything up to now has been told; how much had been said before it.
    pub(super) async fn until_told(&self) -> usize {
        let now = Instant::now();
        while now.elapsed() < PATIENCE {
            let is_proof = |word: &Word| matches!(word, Word::ToldUntil(moment) if *moment >= now);
            if let Some(place) = self.notes.0.lock().unwrap().iter().position(is_proof) {
                return place;
            }
            sleep(Duration::from_millis(1)).await;
        }
        panic!("the feed does not prove that it is alive");
    }

    pub(super) fn forget(&self) {
        self.notes.0.lock().unwrap().clear();
    }

    /// Whether it said among its first words that this is not as it was.
    pub(super) fn has_told(&self, change: Change, first: usize) -> bool {
        self.notes.0.lock().unwrap().iter().take(first).any(|word| match word {
            Word::Changed(told) => *told == change || *told == Change::Everything,
            Word::ToldUntil(_) => false,
        })
    }

    fn assert_told(&self, change: Change, what: &str) {
        assert!(self.has_told(change, usize::MAX), "{what} is not told before it is answered");
        self.forget();
    }
}

fn of_token(text: &str) -> Change {
    Change::Token(digest(text).key())
}

pub(super) async fn a_feed_begins_with_everything(fixture: Fixture) {
    let watched = Watched::begin(&fixture.store).await;
    let words = watched.notes.0.lock().unwrap();
    assert!(matches!(words.first(), Some(Word::Changed(Change::Everything))));
}

pub(super) async fn a_feed_proves_again_and_again_that_it_is_alive(fixture: Fixture) {
    let watched = Watched::begin(&fixture.store).await;
    for _ in 0..5 {
        watched.until_told().await;
    }
    let words = watched.notes.0.lock().unwrap();
    let changes = words.iter().filter(|word| matches!(word, Word::Changed(_))).count();
    assert_eq!(changes, 1, "nothing has changed");
}

pub(super) async fn a_feed_tells_what_another_changes(fixture: Fixture) {
    let watched = Watched::begin(&fixture.store).await;
    let other = fixture.another();
    let alice = add(&*other, "alice").await;
    let of_alice = Change::User(alice.id);
    for (change, attempt) in [(of_token("a"), 0), (of_token("a"), 1), (of_alice, 2), (of_alice, 3)]
    {
        watched.until_told().await;
        watched.forget();
        match attempt {
            0 => assert!(issue(&*other, &alice, "a").await.user == alice.id),
            1 => assert!(other.revoke_token(digest("a")).await.unwrap()),
            2 => assert!(other.revoke_tokens_of(alice.id, 0).await.unwrap()),
            _ => assert!(other.delete_user(alice.id).await.unwrap()),
        }
        let first = watched.until_told().await;
        assert!(watched.has_told(change, first), "attempt {attempt}");
    }
}

/// The heart of it: whoever trusts what is in memory because of a proof must have heard the news.
pub(super) async fn no_proof_overtakes_the_news(fixture: Fixture) {
    let watched = Watched::begin(&fixture.store).await;
    let other = fixture.another();
    let alice = add(&*other, "alice").await;
    for round in 0..100 {
        let text = format!("token{round}");
        issue(&*other, &alice, &text).await;
        watched.until_told().await;
        watched.forget();
        assert!(other.revoke_token(digest(&text)).await.unwrap());
        let first = watched.until_told().await;
        assert!(watched.has_told(of_token(&text), first), "round {round}");
    }
}

pub(super) async fn a_change_of_ones_own_is_told_before_it_is_answered(fixture: Fixture) {
    let store = &*fixture.store;
    let watched = Watched::begin(&fixture.store).await;
    for round in 0..10 {
        let text = format!("token{round}");
        let alice = add(store, &format!("alice{round}")).await;
        watched.until_told().await;
        watched.forget();
        issue(store, &alice, &text).await;
        watched.assert_told(of_token(&text), "a token's issue");
        assert!(store.extend_token(digest(&text), in_minutes(90)).await.unwrap());
        watched.assert_told(of_token(&text), "a token's new end");
        assert!(store.revoke_token(digest(&text)).await.unwrap());
        watched.assert_told(of_token(&text), "a token's end");
        changes_of_a_user_are_told(store, &watched, alice.id).await;
    }
}

async fn changes_of_a_user_are_told(store: &dyn Store, watched: &Watched, id: UserId) {
    let user = Change::User(id);
    for change in [
        UserChange::Staff(true),
        UserChange::Staff(false),
        UserChange::Password { hash: hash("$argon2id$second"), must_change: false },
        UserChange::Active(false),
        UserChange::Active(true),
    ] {
        store.change_user(id, change).await.unwrap().unwrap();
        watched.assert_told(user, "a user's change");
    }
    let seen = store.user(id).await.unwrap().unwrap();
    issue(store, &seen, "kept").await;
    let (from, to) = (seen.password, hash("$argon2id$third"));
    for told in [user, of_token("kept")] {
        watched.forget();
        let (from, to) = if told == user { (&from, &to) } else { (&to, &from) };
        let (from, to) = (from.clone(), to.clone());
        let change = PasswordChange { from, keep: vec![digest("kept")], to, user: id };
        assert!(store.replace_password(change).await.unwrap().is_some());
        watched.assert_told(told, "an owner's new password");
    }
    assert!(store.revoke_tokens_of(id, 0).await.unwrap());
    watched.assert_told(user, "the end of all tokens");
    assert!(store.delete_user(id).await.unwrap());
    watched.assert_told(user, "a user's deletion");
}

pub(super) async fn an_eviction_is_told_before_the_login_is_answered(fixture: Fixture) {
    let store = &*fixture.store;
    let watched = Watched::begin(&fixture.store).await;
    let alice = add(store, "alice").await;
    issue(store, &alice, "token0").await;
    for round in 1..10 {
        watched.until_told().await;
        watched.forget();
        assert_eq!(store.issue_token(only(&alice, round)).await.unwrap(), Issue::Done);
        let oldest = digest(&format!("token{}", round - 1));
        assert!(store.token(oldest).await.unwrap().is_none());
        watched.assert_told(Change::Token(oldest.key()), "an eviction");
    }
}

/// A token beside which its user may have no other.
fn only(user: &User, round: u64) -> NewToken {
    let limit = Some(TokenLimit { most: 1, on_limit: OnLimit::EvictOldest });
    let mut new = NewToken { limit, ..token(user, &format!("token{round}")) };
    new.record.created = new.record.created.plus(Duration::from_millis(round));
    new
}

pub(super) async fn a_change_that_is_not_made_harms_no_feed(fixture: Fixture) {
    let store = &*fixture.store;
    let watched = Watched::begin(&fixture.store).await;
    let nobody: TokenDigest = digest("nobody's");
    assert!(!store.revoke_token(nobody).await.unwrap());
    assert!(!store.extend_token(nobody, in_minutes(1)).await.unwrap());
    assert!(!store.revoke_tokens_of(UserId(999), 0).await.unwrap());
    watched.until_told().await;
}

pub(super) async fn a_later_watcher_takes_the_place_of_an_earlier_one(fixture: Fixture) {
    let store = &*fixture.store;
    let earlier = Watched::begin(&fixture.store).await;
    drop(earlier);
    let alice = add(store, "alice").await;
    let later = Watched::begin(&fixture.store).await;
    later.forget();
    issue(store, &alice, "token").await;
    later.assert_told(of_token("token"), "a token's issue");
}

pub(super) async fn a_feed_ends_with_an_error_when_its_store_is_gone(fixture: Fixture) {
    let mut watched = Watched::begin(&fixture.store).await;
    fixture.lose();
    let error = watched.until_it_ends().await;
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let proofs = watched.notes.0.lock().unwrap().len();
    sleep(3 * BEAT).await;
    assert_eq!(watched.notes.0.lock().unwrap().len(), proofs, "it said more after its end");
}
