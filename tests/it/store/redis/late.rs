//! Requests that the network holds back, and delivers when nobody waits for them any more.

use super::*;
use crate::harness::eventually;
use crate::harness::redis_cluster::RedisCluster;
use crate::harness::redis_sentinels::RedisSentinels;
use crate::harness::relay::Relay;
use authgate::model::token::{DigestScheme, KnoxKey, OldDigest};
use authgate::store::PasswordChange;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What is in the request that writes a token, and in no other.
const WRITES_TOKEN: &[u8] = b"PXAT";

/// A server, and two who use it: the one behind a relay, and the other not.
fn beside_a_relay() -> (RedisServer, Relay, Arc<RedisStore>, RedisStore) {
    let server = RedisServer::start();
    let relay = Relay::to(server.address());
    let behind = RedisStore::open(&format!("redis://{}/0", relay.address)).unwrap();
    let other = open(&server);
    (server, relay, Arc::new(behind), other)
}

/// Has the write of a token come late, and says how often it was sent.
async fn sent(store: &RedisStore, relay: &Relay, calls: impl Fn() -> u64) -> u64 {
    let user = add_user(store, "alice").await;
    let before = calls();
    relay.hold(WRITES_TOKEN);
    let error = store.issue_token(new_token(&user, "t")).await.err();
    assert!(relay.holds(), "the write was not seen");
    let others = calls() - before;
    relay.deliver();
    eventually("the late write", || (calls() > before + others).then_some(()));
    sleep(Duration::from_millis(50)).await;
    println!("the client was told {error:?}");
    calls() - before
}

#[tokio::test(flavor = "multi_thread")]
async fn with_sentinels_a_write_that_is_late_is_not_sent_again() {
    let servers = RedisSentinels::start_behind_a_relay();
    let store = RedisStore::open(&servers.url()).unwrap();
    let calls = || servers.servers[0].calls("set");
    let sent = sent(&store, servers.relay.as_ref().unwrap(), calls).await;
    assert_eq!(sent, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_a_write_that_is_late_is_not_sent_again() {
    let cluster = RedisCluster::start_behind_relays(3);
    let store = RedisStore::open(&cluster.url()).unwrap();
    let token = URL_SAFE_NO_PAD.encode(digest("t").key().as_bytes());
    let owner = cluster.owner(&format!("authgate:token:{{{token}}}"));
    let calls = || cluster.servers[owner].calls("set");
    assert_eq!(sent(&store, &cluster.relays[owner], calls).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_cluster_writes_of_many_that_are_late_are_not_sent_again() {
    let cluster = RedisCluster::start_behind_relays(3);
    let store = RedisStore::open(&cluster.url()).unwrap();
    let user = add_user(&store, "alice").await;
    store.issue_token(new_token(&user, "t")).await.unwrap();
    let notes = cluster.owner(&format!("authgate:token-notes:{{{}}}", user.id));
    let calls = || cluster.servers[notes].calls("hset");
    let before = calls();
    let relay = &cluster.relays[notes];
    // That a token was used is noted for many at once.
    relay.hold(b"HSET");
    let in_use = authgate::store::TokenUse {
        at: SystemClock.now(),
        digest: digest("t"),
        from: [192, 0, 2, 1].into(),
        user: user.id,
    };
    assert!(store.note_uses(&[in_use]).await.is_err());
    assert!(relay.holds(), "the write was not seen");
    relay.deliver();
    eventually("the late write", || (calls() > before).then_some(()));
    sleep(Duration::from_millis(50)).await;
    assert_eq!(calls() - before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_driven_out_before_it_is_written_is_not_good() {
    let server = RedisServer::start();
    let relay = Relay::to(server.address());
    let behind = RedisStore::open(&format!("redis://{}/0", relay.address)).unwrap();
    let (behind, other) = (Arc::new(behind), open(&server));
    // On a machine that is busy the write may be given up meanwhile: then nobody has that token.
    for round in 0..10 {
        let alice = add_user(&behind, &format!("alice{round}")).await;
        let token =
            |text: &str| limited(&alice, &format!("{text}{round}"), 1, OnLimit::EvictOldest);
        relay.hold(WRITES_TOKEN);
        let (store, first) = (Arc::clone(&behind), token("first"));
        let mut call = JoinSet::new();
        call.spawn(async move { store.issue_token(first).await });
        eventually("the write", || relay.holds().then_some(()));
        assert_eq!(other.issue_token(token("second")).await.unwrap(), Issue::Done);
        relay.deliver();
        if call.join_all().await.iter().all(Result::is_ok) {
            assert!(!is_live(&other, &format!("first{round}")).await);
            assert!(is_live(&other, &format!("second{round}")).await);
            return;
        }
    }
    panic!("no write was answered in time");
}

/// What takes the place of a token of knox 4.
fn rewritten(old: &TokenRecord, text: &str) -> TokenRecord {
    TokenRecord { digest: digest(text), ..old.clone() }
}

/// Has a step of what gives a token another digest come when the token has ended elsewhere, and nobody
/// waits for it any more.
async fn is_good_after_a_late_step(step: &'static [u8]) -> bool {
    let (server, relay, behind, other) = beside_a_relay();
    let alice = add_user(&other, "alice").await;
    let old = new_token(&alice, "old");
    other.issue_token(old.clone()).await.unwrap();
    // So that the server knows the step.
    let first = new_token(&alice, "first");
    other.issue_token(first.clone()).await.unwrap();
    let second = rewritten(&first.record, "second");
    assert!(behind.exchange_token(digest("first"), &second).await.unwrap());
    relay.hold(step);
    let wanted = rewritten(&old.record, "new");
    let held = behind.exchange_token(digest("old"), &wanted);
    let given_up = tokio::time::timeout(Duration::from_millis(200), held).await;
    assert!(relay.holds(), "the step was not seen");
    for text in ["old", "new"] {
        other.revoke_token(digest(text)).await.unwrap();
    }
    let calls = || server.calls("set") + server.calls("evalsha");
    let before = calls();
    relay.deliver();
    eventually("the late step", || (calls() > before).then_some(()));
    sleep(Duration::from_millis(50)).await;
    println!("the client was told {:?}", given_up.map(|done| done.is_ok()));
    assert!(!is_live(&other, "old").await);
    is_live(&other, "new").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_gives_an_ended_token_another_digest_and_is_late_brings_nothing_back() {
    for step in [WRITES_TOKEN, b"EVALSHA"] {
        assert!(!is_good_after_a_late_step(step).await, "{}", step.escape_ascii());
    }
}

/// Between the two steps by which a token ends, somebody gives it the same digest once more.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_gets_its_digest_again_while_it_ends_is_ended() {
    let (_server, relay, behind, other) = beside_a_relay();
    let alice = add_user(&other, "alice").await;
    let old = new_token(&alice, "old");
    other.issue_token(old.clone()).await.unwrap();
    let how = OldDigest {
        digest: digest("old"),
        knox_key: KnoxKey::parse("0f0f0f0f").unwrap(),
        salt: Vec::new(),
        scheme: DigestScheme::NATIVE,
    };
    let wanted = TokenRecord { former: Some(Box::new(how)), ..rewritten(&old.record, "new") };
    assert!(other.exchange_token(digest("old"), &wanted).await.unwrap());
    behind.token(digest("new")).await.unwrap();
    relay.hold(b"ZREM");
    let mut ending = JoinSet::new();
    ending.spawn({
        let behind = Arc::clone(&behind);
        async move { behind.revoke_token(digest("new")).await }
    });
    eventually("the second step", || relay.holds().then_some(()));
    assert!(other.exchange_token(digest("old"), &wanted).await.unwrap());
    relay.deliver();
    assert!(ending.join_next().await.unwrap().unwrap().unwrap());
    assert!(!is_live(&other, "new").await);
}

/// Whoever changes the password has looked for the token by one of its digests, and not yet by the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_gets_another_digest_while_it_is_looked_for_stays_at_a_new_password() {
    let (_server, relay, behind, other) = beside_a_relay();
    let alice = add_user(&other, "alice").await;
    let old = new_token(&alice, "old");
    other.issue_token(old.clone()).await.unwrap();
    behind.token(digest("old")).await.unwrap();
    let key = URL_SAFE_NO_PAD.encode(digest("old").key().as_bytes());
    relay.hold(format!("authgate:token:{{{key}}}").leak().as_bytes());
    let change = PasswordChange {
        from: alice.password.clone(),
        keep: vec![digest("new"), digest("old")],
        to: hash("$argon2id$second"),
        user: alice.id,
    };
    let mut changing = JoinSet::new();
    changing.spawn(async move { behind.replace_password(change).await });
    eventually("the look for the old one", || relay.holds().then_some(()));
    let wanted = rewritten(&old.record, "new");
    assert!(other.exchange_token(digest("old"), &wanted).await.unwrap());
    relay.deliver();
    assert!(changing.join_next().await.unwrap().unwrap().unwrap().is_some());
    assert!(is_live(&other, "new").await);
}
