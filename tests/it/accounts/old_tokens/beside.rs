//! Rewriting goes on beside the requests: none waits for it, and none fails with it.

use super::{CLIENT, KNOX_4_2, World, gateway_of, token};
use crate::harness::{until, wait_for};
use authgate::auth::{AuthError, LimitSettings};
use authgate::model::limit::Quota;
use authgate::model::token::Token;
use authgate::store::Store;
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::timeout;

#[test]
fn where_the_store_takes_no_writes_it_lets_in_as_it_is_and_is_rewritten_later() {
    wait_for(async {
        for table in ["old_digests", "tokens"] {
            let world = World::new().await;
            let old = world.move_in(&token(1), KNOX_4_2, b"").await;
            let what = if table == "tokens" { "UPDATE OF digest" } else { "DELETE" };
            let no = format!(
                "CREATE TRIGGER no BEFORE {what} ON {table} BEGIN SELECT raise(ABORT, 'no'); END"
            );
            world.db().execute(&no, []).unwrap();
            assert!(world.lets_in(&token(1)).await, "{table}");
            assert!(world.digests().await == [old], "{table}");
            world.db().execute("DROP TRIGGER no", []).unwrap();
            until("it is rewritten", async || {
                assert!(world.lets_in(&token(1)).await, "{table}");
                world.digests().await == [token(1).digest()]
            })
            .await;
        }
    });
}

#[test]
fn what_a_token_has_opened_goes_on_where_it_cannot_be_rewritten() {
    wait_for(async {
        let world = World::new().await;
        world.move_in(&token(1), KNOX_4_2, b"").await;
        let no = "CREATE TRIGGER no BEFORE UPDATE OF digest ON tokens
                  BEGIN SELECT raise(ABORT, 'no'); END";
        world.db().execute(no, []).unwrap();
        let (_, held) = world.auth.identify(&token(1), CLIENT).await.unwrap();
        assert!(world.auth.check(held).await.is_ok());
        world.db().execute("DROP TRIGGER no", []).unwrap();
        until("it is rewritten", async || {
            assert!(world.lets_in(&token(1)).await);
            !world.store.has_old_digests().await.unwrap()
        })
        .await;
        assert!(world.auth.check(held).await.is_ok(), "rewritten meanwhile");
        assert!(world.store.revoke_token(token(1).digest()).await.unwrap());
        assert!(world.auth.check(held).await.is_err(), "ended meanwhile");
    });
}

#[test]
fn a_request_with_an_old_token_waits_for_no_write() {
    wait_for(async {
        let world = World::new().await;
        world.move_in(&token(1), KNOX_4_2, b"").await;
        let db = world.db();
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        let soon = Duration::from_secs(1);
        assert!(timeout(soon, world.lets_in(&token(1))).await.expect("an answer"));
        db.execute_batch("COMMIT").unwrap();
        world.rewritten(&token(1)).await;
    });
}

#[test]
fn a_network_over_its_limit_of_unknown_tokens_costs_little_and_its_good_tokens_let_in() {
    wait_for(async {
        let mut world = World::new().await;
        world.move_in(&token(77), KNOX_4_2, b"").await;
        let unknown = |n: u64| token(100 + n);
        world.is_over_its_limit(unknown(999)).await;
        // In a second a few are looked for as ever, and no more than those.
        assert!(world.asked_for_thirty(unknown).await <= 30 + 20 * 3);
        assert_eq!(world.asked_for_thirty(|n| unknown(30 + n)).await, 30, "as without old digests");
        world.clock.advance(Duration::from_secs(1));
        assert!(world.lets_in(&token(77)).await, "others of that network go on");
    });
}

#[test]
fn a_network_over_its_limit_of_unknown_tokens_pays_no_more_for_capitals() {
    wait_for(async {
        let mut world = World::new().await;
        let moved = Token::new("0123abcd".repeat(8));
        let loud = Token::new("0123abcd".to_owned() + &"0123ABCD".repeat(7));
        world.move_in(&moved, KNOX_4_2, b"").await;
        assert!(world.lets_in(&moved).await);
        world.rewritten(&moved).await;
        let unknown = |n: u64| Token::new(format!("{n:07}A").repeat(8));
        world.is_over_its_limit(unknown(999)).await;
        assert!(world.asked_for_thirty(unknown).await <= 30 + 20);
        assert_eq!(world.asked_for_thirty(|n| unknown(30 + n)).await, 30, "as without capitals");
        world.clock.advance(Duration::from_secs(1));
        assert!(world.lets_in(&loud).await, "others of that network go on");
    });
}

impl World {
    /// Has a gateway that limits unknown tokens, at which a client has tried too many of them.
    async fn is_over_its_limit(&mut self, unknown: Token) {
        let quota = Quota { count: NonZeroU32::new(3).unwrap(), period: Duration::from_hours(1) };
        let limits = LimitSettings {
            enabled: true,
            unknown_tokens_from: Some(quota),
            ..LimitSettings::off()
        };
        (self.auth, self.metrics, self.store) = gateway_of(&self.folder, &self.clock, limits);
        until("the limit", async || {
            let refused = self.auth.authenticate(&unknown, CLIENT).await;
            refused.is_err_and(|error| is_throttled(&error))
        })
        .await;
    }

    /// How often the store is asked for thirty tokens that are refused for the limit.
    async fn asked_for_thirty(&self, unknown: impl Fn(u64) -> Token) -> u64 {
        let before = self.asked();
        for n in 0..30 {
            let refused = self.auth.authenticate(&unknown(n), CLIENT).await;
            assert!(refused.is_err_and(|error| is_throttled(&error)));
        }
        self.asked() - before
    }
}

fn is_throttled(error: &AuthError) -> bool {
    matches!(error, AuthError::Throttled(_))
}
