//! Ended in whichever state, it stays ended.

use super::{CLIENT, KNOX_4_1, KNOX_4_2, World, token, wait_for};
use authgate::auth::{AuthError, TokenName};
use authgate::model::event::Actor;
use authgate::model::token::TokenDigest;
use authgate::store::Store;
use std::time::Duration;

#[test]
fn a_logout_ends_it_for_good_also_where_a_process_died_in_between() {
    wait_for(async {
        let world = World::new().await;
        let token = token(1);
        world.move_in(&token, KNOX_4_2, b"").await;
        let caller = world.auth.authenticate(&token, CLIENT).await.unwrap();
        // As if the one that rewrote it had not come to the old one.
        world.move_in(&token, KNOX_4_2, b"").await;
        world.auth.logout(&token, &caller, CLIENT).await.unwrap();
        assert!(world.digests().await.is_empty());
        assert!(!world.lets_in(&token).await);
    });
}

#[test]
fn what_ends_all_tokens_of_a_user_ends_those_that_are_not_rewritten() {
    wait_for(async {
        let world = World::new().await;
        let (used, unused) = (token(1), token(2));
        world.move_in(&used, KNOX_4_2, b"").await;
        world.move_in(&unused, KNOX_4_2, b"").await;
        let caller = world.auth.authenticate(&used, CLIENT).await.unwrap();
        world.auth.logout_all(&caller, CLIENT).await.unwrap();
        assert!(!world.lets_in(&used).await && !world.lets_in(&unused).await);
        assert!(world.digests().await.is_empty());
    });
}

#[test]
fn a_token_that_has_run_out_or_whose_user_is_locked_out_stays_as_it_is() {
    wait_for(async {
        let world = World::new().await;
        let (late, token) = (token(1), token(2));
        world.move_in(&late, KNOX_4_2, b"").await;
        world.clock.advance(Duration::from_hours(2));
        assert!(!world.lets_in(&late).await);
        world.move_in(&token, KNOX_4_2, b"").await;
        world.db().execute("UPDATE users SET is_active = 0", []).unwrap();
        assert!(matches!(
            world.auth.authenticate(&token, CLIENT).await,
            Err(AuthError::InactiveUser)
        ));
        world.db().execute("UPDATE users SET is_active = 1", []).unwrap();
        assert!(world.lets_in(&token).await);
    });
}

#[test]
fn a_token_that_is_ended_between_look_up_and_rewriting_stays_ended() {
    wait_for(async {
        let world = World::new().await;
        for (n, (at, what)) in [
            ("items", "DELETE FROM tokens WHERE digest IN (SELECT digest FROM old_digests)"),
            ("tokens", "DELETE FROM tokens WHERE digest IN (SELECT digest FROM old_digests)"),
            ("items", "UPDATE users SET epoch = epoch + 1"),
            ("items", "UPDATE users SET is_active = 0"),
        ]
        .into_iter()
        .enumerate()
        {
            let token = token(n as u64);
            world.move_in(&token, KNOX_4_2, b"").await;
            let trigger = format!("CREATE TRIGGER ends AFTER INSERT ON {at} BEGIN {what}; END");
            world.db().execute(&trigger, []).unwrap();
            assert!(!world.lets_in(&token).await, "{at}: {what}");
            world.db().execute("DROP TRIGGER ends", []).unwrap();
            assert!(!world.lets_in(&token).await, "{at}: {what}");
            assert!(world.store.token(token.digest()).await.unwrap().is_none(), "{at}: {what}");
        }
    });
}

#[test]
fn an_operator_finds_and_ends_by_its_text_what_was_never_used() {
    wait_for(async {
        let world = World::new().await;
        let old = world.move_in(&token(1), KNOX_4_1, b"salt").await;
        let by_text = TokenName::Token(token(1));
        let found = world.auth.find_token(&by_text).await.unwrap();
        assert!(found.record.digest == old);
        world.auth.revoke_token(&by_text, Actor::CommandLine).await.unwrap();
        assert!(!world.lets_in(&token(1)).await && world.digests().await.is_empty());
    });
}

#[test]
fn a_logout_while_another_gateway_rewrites_it_ends_it_whoever_is_first() {
    wait_for(async {
        let world = World::new().await;
        let key = |digest: TokenDigest| hex::encode(digest.key().as_bytes());
        for (n, comes_late) in [(1, false), (2, true)] {
            let token = token(n);
            let old = world.move_in(&token, KNOX_4_2, b"").await;
            // Another one has the right to rewrite it, and is slow.
            let claim = "INSERT INTO items (kind, key, value) VALUES ('old_token', ?1, '')";
            world.db().execute(claim, [key(old)]).unwrap();
            let caller = world.auth.authenticate(&token, CLIENT).await.unwrap();
            assert!(world.digests().await.contains(&old), "it is as it was");
            if comes_late {
                // It does so when the logout has just ended the old one.
                let late = format!(
                    "CREATE TRIGGER late AFTER DELETE ON tokens WHEN OLD.digest = x'{}' BEGIN
                       INSERT INTO tokens (digest, user_id, created, expires, user_epoch)
                       VALUES (x'{}', OLD.user_id, OLD.created, OLD.expires, OLD.user_epoch);
                     END",
                    hex::encode(old.as_bytes()),
                    hex::encode(token.digest().as_bytes()),
                );
                world.db().execute(&late, []).unwrap();
            }
            world.auth.logout(&token, &caller, CLIENT).await.unwrap();
            assert!(world.digests().await.is_empty(), "{comes_late}");
            assert!(!world.lets_in(&token).await, "{comes_late}");
        }
    });
}
