//! What somebody does to a user who is just being taken over, or whom an import that was stopped has begun.

use super::super::staged::{is_in_order, named, order, stage, token, user};
use super::*;
use crate::harness::command::{AUTHGATE, run};
use authgate::store::staging::{Refusal, StagedToken};
use authgate::store::whole::{Landed, OnConflict, Staging, Whole};
use std::process::Command;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

const MANY: u32 = 12_000;

fn whole(path: &Path) -> Whole {
    Whole::of(&Settings::Sqlite { path: path.to_owned() }).unwrap()
}

async fn land(path: &Path, staging: &Staging, on_conflict: OnConflict) -> Landed {
    whole(path).land(staging, &order(on_conflict), &|_, _| {}).await.unwrap()
}

fn service(most: u32) -> Staging {
    let tokens: Vec<StagedToken> = (0..most).map(|n| token(7, &format!("token{n}"))).collect();
    stage(&[user(7, "service"), user(8, "zoe")], &tokens)
}

/// Waits until the user is there without all of their tokens, and then does something to them.
async fn meanwhile<T: Send + 'static>(
    path: &Path,
    act: impl AsyncFnOnce(Arc<dyn Store>) -> T + Send + 'static,
) -> (Arc<dyn Store>, Landed, T) {
    let store = open(path);
    add(&*store, "here").await;
    let (runs, place, theirs) = (Handle::current(), path.to_owned(), Arc::clone(&store));
    let acting = spawn_blocking(move || {
        let db = Connection::open(place).unwrap();
        let sql = "SELECT 1 FROM landing_users JOIN tokens ON user_id = id LIMIT 1";
        crate::harness::eventually("some tokens of the service", || {
            db.query_row(sql, [], |_| Ok(())).ok()
        });
        runs.block_on(act(theirs))
    });
    let landed = land(path, &service(MANY), OnConflict::Skip).await;
    (store, landed, acting.await.unwrap())
}

/// How many good tokens the service has.
async fn good_tokens(store: &dyn Store) -> usize {
    store.tokens_of(UserId(7), now()).await.unwrap().len()
}

#[tokio::test]
async fn whoever_is_logged_out_while_they_are_taken_over_is_there_without_those_tokens() {
    let folder = folder();
    let path = file_in(&folder);
    let revoke = async |store: Arc<dyn Store>| store.revoke_tokens_of(UserId(7), 0).await.unwrap();
    let (store, landed, was_there) = meanwhile(&path, revoke).await;
    assert!(was_there);
    let service = named(&*store, "service").await.unwrap();
    assert!(service.is_active && service.epoch == 1, "{}", service.epoch);
    assert_eq!(good_tokens(&*store).await, 0);
    assert_eq!((landed.added, landed.tokens_added), (2, 0));
    assert_eq!(landed.tokens_kept_out, u64::from(MANY));
    is_in_order(&whole(&path)).await;
}

#[tokio::test]
async fn whose_password_changes_while_they_are_taken_over_keeps_the_new_one() {
    let folder = folder();
    let path = file_in(&folder);
    let change = async |store: Arc<dyn Store>| {
        let change = UserChange::Password { hash: hash("anew"), must_change: true };
        store.change_user(UserId(7), change).await.unwrap();
    };
    let (store, landed, ()) = meanwhile(&path, change).await;
    let service = named(&*store, "service").await.unwrap();
    assert!(service.is_active && service.must_change && service.password == hash("anew"));
    assert_eq!((landed.added, landed.tokens_added, good_tokens(&*store).await), (2, 0, 0));
}

#[tokio::test]
async fn whoever_is_locked_out_while_they_are_taken_over_stays_so() {
    let folder = folder();
    let path = file_in(&folder);
    let lock = async |store: Arc<dyn Store>| {
        store.change_user(UserId(7), UserChange::Active(false)).await.unwrap();
    };
    let (store, landed, ()) = meanwhile(&path, lock).await;
    assert!(!named(&*store, "service").await.unwrap().is_active);
    assert_eq!((landed.added, landed.tokens_added), (2, 0));
    is_in_order(&whole(&path)).await;
    // Another import knows them as who they are.
    let landed = land(&path, &service(MANY), OnConflict::Skip).await;
    assert_eq!((landed.added, landed.kept), (0, 1));
    assert!(!named(&*store, "service").await.unwrap().is_active);
}

#[tokio::test]
async fn whoever_is_deleted_while_they_are_taken_over_is_told_as_not_taken() {
    let folder = folder();
    let path = file_in(&folder);
    let delete = async |store: Arc<dyn Store>| store.delete_user(UserId(7)).await.unwrap();
    let (store, landed, was_there) = meanwhile(&path, delete).await;
    assert!(was_there && named(&*store, "service").await.is_none());
    assert_eq!((landed.added, landed.tokens_added), (1, 0));
    assert_eq!(landed.refused.get(&Refusal::NumberGone), Some(&1));
    assert_eq!(landed.tokens_refused.get(&Refusal::OwnerRefused), Some(&u64::from(MANY)));
    is_in_order(&whole(&path)).await;
}

/// As an import that was killed has left it.
async fn begun(path: &Path) -> Arc<dyn Store> {
    let store = open(path);
    add(&*store, "here").await;
    land(path, &service(2_500), OnConflict::Skip).await;
    tamper(
        path,
        "UPDATE users SET is_active = FALSE WHERE id = 7;
         INSERT INTO landing_users VALUES (7);",
    );
    store
}

#[tokio::test]
async fn whose_tokens_were_ended_after_an_import_was_stopped_gets_them_by_none_but_an_update() {
    let folder = folder();
    let path = file_in(&folder);
    let store = begun(&path).await;
    store.revoke_tokens_of(UserId(7), 0).await.unwrap();
    let landed = land(&path, &service(2_500), OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added, landed.tokens_kept_out), (1, 0, 2_500));
    assert!(named(&*store, "service").await.unwrap().is_active);
    assert_eq!(good_tokens(&*store).await, 0);
    is_in_order(&whole(&path)).await;
    let landed = land(&path, &service(2_500), OnConflict::Update).await;
    assert_eq!((landed.unchanged, landed.tokens_added), (2, 2_500));
}

/// Has an operator do something.
fn operate(path: &Path, verb: &[&str]) {
    let mut program = Command::new(AUTHGATE);
    let store = format!("sqlite:{}", path.display());
    run(program.args(verb).env("AUTHGATE__STORE__URL", store), "").done();
}

#[tokio::test]
async fn whom_an_operator_locks_out_after_an_import_was_stopped_is_let_in_by_none() {
    let folder = folder();
    let path = file_in(&folder);
    let store = begun(&path).await;
    operate(&path, &["user", "deactivate", "service"]);
    for _ in 0..2 {
        let landed = land(&path, &service(2_500), OnConflict::Skip).await;
        assert_eq!((landed.added, landed.kept), (0, 1));
        assert!(!named(&*store, "service").await.unwrap().is_active);
        assert_eq!(good_tokens(&*store).await, 0);
    }
    is_in_order(&whole(&path)).await;
}

#[tokio::test]
async fn a_token_that_was_ended_after_an_import_was_stopped_comes_by_none_but_an_update() {
    let folder = folder();
    let path = file_in(&folder);
    let store = begun(&path).await;
    assert!(store.revoke_token(digest("token3")).await.unwrap());
    let landed = land(&path, &service(2_500), OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added, landed.tokens_kept_out), (1, 0, 1));
    assert!(named(&*store, "service").await.unwrap().is_active);
    assert_eq!(good_tokens(&*store).await, 2_499);
    is_in_order(&whole(&path)).await;
    let landed = land(&path, &service(2_500), OnConflict::Update).await;
    assert_eq!((landed.tokens_added, good_tokens(&*store).await), (1, 2_500));
}

#[tokio::test]
async fn whom_a_stopped_import_has_begun_does_not_get_a_name_that_is_anothers() {
    let folder = folder();
    let path = file_in(&folder);
    let store = begun(&path).await;
    let source = stage(&[user(7, "here"), user(9, "max")], &[token(9, "maxs")]);
    let landed = land(&path, &source, OnConflict::Skip).await;
    assert_eq!((landed.added, landed.refused.get(&Refusal::NameTaken)), (1, Some(&1)));
    assert!(is_good(&*store, "maxs").await);
    assert!(!named(&*store, "service").await.unwrap().is_active);
}
