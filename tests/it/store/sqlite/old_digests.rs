//! What is wrong with what is kept of old digests.

use super::*;
use crate::harness::command::authgate;
use crate::store::staged::{land, old_token, stage, user, verified};
use authgate::model::token::{KnoxKey, TokenRecord};
use authgate::store::whole::{Mend, OnConflict};
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::task::spawn_blocking;

#[tokio::test]
async fn an_old_digest_without_its_token_is_let_go_of_and_one_that_cannot_be_read_is_told() {
    let fixture = fresh().await;
    let texts = ["0f".repeat(32), "1e".repeat(32)];
    let tokens: Vec<_> = texts.iter().map(|text| old_token(1, text)).collect();
    land(&fixture, &stage(&[user(1, "ada")], &tokens), OnConflict::Skip).await;
    let Settings::Sqlite { path } = &fixture.settings else { panic!("not a file") };
    tamper(
        path,
        "PRAGMA foreign_keys = off;
         DELETE FROM tokens WHERE digest IN (
             SELECT digest FROM old_digests WHERE knox_key = '0f0f0f0f');
         UPDATE old_digests SET scheme = 'md5:text' WHERE knox_key = '1e1e1e1e'",
    );
    let told: Vec<_> =
        verified(&fixture.whole(), false).await.into_iter().map(|one| one.mend).collect();
    assert_eq!(told, [Mend::No, Mend::Possible]);
    verified(&fixture.whole(), true).await;
    let told: Vec<_> =
        verified(&fixture.whole(), false).await.into_iter().map(|one| one.mend).collect();
    assert_eq!(told, [Mend::No]);
}

/// Gives a token another digest, as its first use does.
pub(super) async fn exchange(store: &dyn Store, text: &str) {
    let key = |length| KnoxKey::parse(text.get(..length).unwrap());
    let old = store.old_digests(&key(8).unwrap()).await.unwrap().pop().unwrap();
    let (record, _) = store.token(old.digest).await.unwrap().unwrap();
    let digest = digest(text);
    let former = old.digest;
    let new = TokenRecord { digest, former: Some(Box::new(old)), knox_key: key(15), ..record };
    assert!(store.exchange_token(former, &new).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_has_each_token_once_while_they_get_other_digests() {
    const MANY: usize = 1_000;
    let fixture = fresh().await;
    let texts: Vec<_> = (0..MANY).map(|n| format!("{n:08x}{:056x}", 7)).collect();
    let tokens: Vec<_> = texts.iter().map(|text| old_token(1, text)).collect();
    land(&fixture, &stage(&[user(1, "ada")], &tokens), OnConflict::Skip).await;
    let Settings::Sqlite { path } = &fixture.settings else { panic!("not a file") };
    let store = format!("sqlite:{}", path.display());
    let mut exchanging = JoinSet::new();
    let theirs = fixture.another();
    exchanging.spawn(async move {
        for text in texts {
            exchange(&*theirs, &text).await;
        }
    });
    loop {
        let is_over = exchanging.is_empty() || exchanging.try_join_next().is_some();
        let place = store.clone();
        let export = move || authgate(&["export", "jsonl", "--store", &place], "").done().stdout;
        let lines = spawn_blocking(export).await.unwrap();
        let tokens: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|line: &Value| line["type"] == "token")
            .collect();
        // How each is found is known in either state, and in none between.
        let broken = tokens.iter().filter(|token| token["scheme"].is_null()).count();
        assert_eq!((tokens.len(), broken), (MANY, 0));
        let before = |token: &Value| {
            let of = if token["former"].is_object() { &token["former"] } else { token };
            of["digest"].as_str().unwrap().to_owned()
        };
        assert_eq!(tokens.iter().map(before).collect::<BTreeSet<_>>().len(), MANY);
        if is_over {
            return;
        }
    }
}
