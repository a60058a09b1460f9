//! What clients do with their tokens while an update goes through those of their user, in many steps.

use super::super::staged::{is_in_order, old_token, order, stage, token, user};
use super::old_digests::exchange;
use super::*;
use authgate::model::token::TokenDigest;
use authgate::store::staging::{StagedToken, StagedUser};
use authgate::store::whole::{Landed, OnConflict, Staging, Whole};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

const MANY: u32 = 12_000;

fn whole(path: &Path) -> Whole {
    Whole::of(&Settings::Sqlite { path: path.to_owned() }).unwrap()
}

async fn land(path: &Path, staging: &Staging, on_conflict: OnConflict) -> Landed {
    whole(path).land(staging, &order(on_conflict), &|_, _| {}).await.unwrap()
}

/// Very many tokens, and after them some of which it is told what becomes of them.
fn tokens(last: &[StagedToken]) -> Vec<StagedToken> {
    (0..MANY).map(|n| token(7, &format!("token{n}"))).chain(last.iter().cloned()).collect()
}

fn service(email: &str, tokens: &[StagedToken]) -> Staging {
    stage(&[StagedUser { email: email.to_owned(), ..user(7, "service") }], tokens)
}

/// The same with another password, for which all that they have ends and is written anew.
fn anew(tokens: &[StagedToken]) -> Staging {
    let (email, password) = ("after@example.com".to_owned(), "of the source".to_owned());
    stage(&[StagedUser { email, password, ..user(7, "service") }], tokens)
}

/// Has the service be here.
async fn taken_over(path: &Path, tokens: &[StagedToken]) -> Arc<dyn Store> {
    let store = open(path);
    add(&*store, "here").await;
    land(path, &service("before@example.com", tokens), OnConflict::Skip).await;
    store
}

/// Does something as soon as the first step of an update of the service is done.
async fn after_a_step(
    path: &Path,
    store: &Arc<dyn Store>,
    source: &Staging,
    act: impl AsyncFnOnce(Arc<dyn Store>) + Send + 'static,
) -> Landed {
    let (runs, place, theirs) = (Handle::current(), path.to_owned(), Arc::clone(store));
    let acting = spawn_blocking(move || {
        let db = Connection::open(place).unwrap();
        let sql = "SELECT 1 FROM users WHERE email = 'after@example.com'";
        crate::harness::eventually("a step", || db.query_row(sql, [], |_| Ok(())).ok());
        runs.block_on(act(theirs));
    });
    let landed = land(path, source, OnConflict::Update).await;
    acting.await.unwrap();
    landed
}

#[tokio::test]
async fn a_token_that_is_logged_out_while_an_update_goes_on_is_not_written_again() {
    let folder = folder();
    let path = file_in(&folder);
    let tokens = tokens(&[token(7, "last")]);
    let store = taken_over(&path, &tokens).await;
    let log_out = async |store: Arc<dyn Store>| {
        assert!(store.revoke_token(digest("last")).await.unwrap());
    };
    let source = service("after@example.com", &tokens);
    let landed = after_a_step(&path, &store, &source, log_out).await;
    assert!(!is_good(&*store, "last").await);
    assert_eq!((landed.updated, landed.tokens_there), (1, u64::from(MANY)));
    assert_eq!((landed.tokens_added, landed.tokens_ended, landed.tokens_kept_out), (0, 0, 1));
    is_in_order(&whole(&path)).await;
    // What is done is done: the source has it.
    let landed = land(&path, &service("", &tokens), OnConflict::Update).await;
    assert_eq!((landed.tokens_added, landed.tokens_kept_out), (1, 0));
}

#[tokio::test]
async fn a_token_that_has_got_another_digest_is_good_by_that_alone_while_an_update_goes_on() {
    let folder = folder();
    let path = file_in(&folder);
    let texts = ["0f", "1e", "2d"].map(|two| two.repeat(32));
    let last: Vec<_> = texts.iter().map(|text| old_token(7, text)).collect();
    let tokens = tokens(&last);
    let store = taken_over(&path, &tokens).await;
    let [stays, ends, changes] = texts.clone();
    exchange(&*store, &stays).await;
    exchange(&*store, &ends).await;
    let meanwhile = async move |store: Arc<dyn Store>| {
        assert!(is_good(&*store, &stays).await && is_good(&*store, &ends).await);
        assert!(store.revoke_token(digest(&ends)).await.unwrap());
        exchange(&*store, &changes).await;
    };
    let source = service("after@example.com", &tokens);
    let landed = after_a_step(&path, &store, &source, meanwhile).await;
    let mut good = Vec::new();
    for (text, old) in texts.iter().zip(&last) {
        let old = store.token(TokenDigest::padded(&old.digest)).await.unwrap();
        good.push((is_good(&*store, text).await, old.is_some()));
    }
    assert_eq!(good, [(true, false), (false, false), (true, false)]);
    assert_eq!((landed.updated, landed.tokens_there), (1, u64::from(MANY) + 1));
    assert_eq!((landed.tokens_added, landed.tokens_ended, landed.tokens_kept_out), (0, 0, 2));
    assert!(!store.has_old_digests().await.unwrap());
    is_in_order(&whole(&path)).await;
}

#[tokio::test]
async fn what_is_swept_away_while_an_update_writes_it_anew_was_not_logged_out() {
    let folder = folder();
    let path = file_in(&folder);
    let tokens = tokens(&[token(7, "last")]);
    let store = taken_over(&path, &tokens).await;
    let sweep = async |store: Arc<dyn Store>| store.sweep(now()).await.map(drop).unwrap();
    let landed = after_a_step(&path, &store, &anew(&tokens), sweep).await;
    assert!(is_good(&*store, "last").await);
    assert_eq!((landed.updated, landed.tokens_kept_out), (1, 0));
    assert_eq!(store.tokens_of(UserId(7), now()).await.unwrap().len(), tokens.len());
}

#[tokio::test]
async fn an_update_leaves_a_token_by_its_other_digest_and_nothing_of_the_former() {
    let folder = folder();
    let path = file_in(&folder);
    let text = "0f".repeat(32);
    let old = [old_token(7, &text)];
    let store = taken_over(&path, &old).await;
    let before = TokenDigest::padded(&old[0].digest);
    let (record, _) = store.token(before).await.unwrap().unwrap();
    exchange(&*store, &text).await;
    let about = authgate::model::token::TokenAbout::default();
    let left = authgate::store::NewToken { about, is_login: false, limit: None, record };
    store.issue_token(left).await.unwrap();
    for (source, there) in [(service("before@example.com", &old), 1), (anew(&old), 0)] {
        let landed = land(&path, &source, OnConflict::Update).await;
        assert_eq!((landed.tokens_there, landed.tokens_updated), (there, 1 - there));
        assert_eq!((landed.tokens_added, landed.tokens_ended), (0, 0));
        assert!(is_good(&*store, &text).await && store.token(before).await.unwrap().is_none());
    }
    is_in_order(&whole(&path)).await;
    let landed = land(&path, &anew(&[]), OnConflict::Update).await;
    assert!(landed.tokens_ended == 1 && !is_good(&*store, &text).await);
}
