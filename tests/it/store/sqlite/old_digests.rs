//! What is wrong with what is kept of old digests.

use super::*;
use crate::store::staged::{land, old_token, stage, user, verified};
use authgate::store::whole::{Mend, OnConflict};

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
