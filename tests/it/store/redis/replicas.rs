//! What is answered only once replicas have it.

use super::*;
use std::time::Instant;
use tokio::task::JoinSet;
use tokio::time::sleep;

fn replica_of(server: &RedisServer) -> RedisServer {
    let of = format!("{} {}", server.address().ip(), server.address().port());
    let replica = RedisServer::start_with(&["--replicaof", &of]);
    server.wait_for_replicas();
    replica
}

async fn tokens(store: &RedisStore, number: usize) -> Vec<String> {
    store.make_newest().await.unwrap();
    let user = add_user(store, "alice").await;
    // A replica that has just come says what it has once a second at first.
    while store.revoke_tokens_of(user.id, 0).await.is_err() {}
    let user = store.user(user.id).await.unwrap().unwrap();
    let texts: Vec<_> = (0..number).map(|number| format!("t{number}")).collect();
    for text in &texts {
        store.issue_token(new_token(&user, text)).await.unwrap();
    }
    texts
}

/// Ends tokens, one each so often, all at once; what came of it and in what time.
async fn end(
    store: &Arc<RedisStore>,
    texts: &[String],
    every: Duration,
) -> Vec<(String, Duration)> {
    let mut calls = JoinSet::new();
    for text in texts {
        let (store, digest) = (Arc::clone(store), digest(text));
        calls.spawn(async move {
            let begun = Instant::now();
            let outcome = store.revoke_token(digest).await;
            (
                outcome.map_or_else(|error| error.kind().to_owned(), |_| "done".to_owned()),
                begun.elapsed(),
            )
        });
        sleep(every).await;
    }
    calls.join_all().await
}

fn number(outcomes: &[(String, Duration)], wanted: &str) -> usize {
    outcomes.iter().filter(|(outcome, _)| outcome == wanted).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_replica_is_away_many_are_told_so_and_what_they_ended_has_ended() {
    let server = RedisServer::start();
    let replica = replica_of(&server);
    let store = Arc::new(open(&server).ending_on(1));
    let texts = tokens(&store, 24).await;
    store.ping().await.unwrap();
    replica.freeze();
    let outcomes = end(&store, &texts, Duration::from_millis(60)).await;
    replica.thaw();
    let slowest = outcomes.iter().map(|(_, took)| *took).max().unwrap();
    let kinds = ["write_refused", "timeout", "done"].map(|kind| number(&outcomes, kind));
    println!("a replica that is away: refused, late, done {kinds:?}, slowest {slowest:?}");
    let mut lived = 0;
    for text in &texts {
        lived += u32::from(is_live(&store, text).await);
    }
    println!("{lived} tokens live");
    assert_eq!(number(&outcomes, "done"), 0);
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert_eq!(lived, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_replica_that_follows_many_are_answered_at_once() {
    let server = RedisServer::start();
    let _replica = replica_of(&server);
    let store = Arc::new(open(&server).ending_on(1));
    let texts = tokens(&store, 200).await;
    let begun = Instant::now();
    let outcomes = end(&store, &texts, Duration::ZERO).await;
    println!("200 ends on a replica: {:?}", begun.elapsed());
    assert_eq!(number(&outcomes, "done"), 200, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_of_the_server_nobody_meets_a_connection_of_before() {
    let mut server = RedisServer::start();
    let _replica = replica_of(&server);
    let store = Arc::new(open(&server).ending_on(1));
    let texts = tokens(&store, 80).await;
    let (before, after) = texts.split_at(40);
    // Whoever waits has a connection then, and each of those is broken after this.
    end(&store, before, Duration::ZERO).await;
    server.restart();
    server.wait_for_replicas();
    let outcomes = end(&store, after, Duration::from_millis(20)).await;
    println!("after a restart: {} of 40 done", number(&outcomes, "done"));
    // A replica on a busy machine may be late; that is told in other words.
    assert_eq!(number(&outcomes, "done") + number(&outcomes, "write_refused"), 40, "{outcomes:?}");
}
