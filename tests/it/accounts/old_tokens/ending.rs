//! Ended in whichever state, it stays ended.

use super::{CLIENT, KNOX_4_1, KNOX_4_2, World, token};
use crate::harness::accounts::create;
use crate::harness::{until, wait_for};
use authgate::auth::{AuthError, NewPassword, TokenName};
use authgate::model::event::Actor;
use authgate::model::password::Password;
use authgate::model::token::{KnoxKey, TokenDigest, TokenId};
use authgate::store::Store;
use std::time::Duration;

#[test]
fn a_logout_ends_it_for_good_also_where_a_process_died_in_between() {
    wait_for(async {
        let world = World::new().await;
        let token = token(1);
        world.move_in(&token, KNOX_4_2, b"").await;
        let caller = world.auth.authenticate(&token, CLIENT).await.unwrap();
        world.rewritten(&token).await;
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
        until("it is rewritten", async || world.has(used.digest()).await).await;
        world.auth.logout_all(&caller, CLIENT).await.unwrap();
        assert!(!world.lets_in(&used).await && !world.lets_in(&unused).await);
        assert!(world.digests().await.is_empty());
    });
}

#[test]
fn a_token_that_has_run_out_or_whose_user_is_locked_out_stays_as_it_is() {
    wait_for(async {
        let world = World::new().await;
        let (late, token, other) = (token(1), token(2), token(3));
        let bob = create(&world.auth, "bob").await;
        let old_late = world.move_in(&late, KNOX_4_2, b"").await;
        world.clock.advance(Duration::from_hours(2));
        assert!(!world.lets_in(&late).await);
        let old = world.move_in(&token, KNOX_4_2, b"").await;
        world.move_in_of(&bob, &other, KNOX_4_2, b"").await;
        world.db().execute("UPDATE users SET is_active = 0 WHERE username = 'ada'", []).unwrap();
        assert!(matches!(
            world.auth.authenticate(&token, CLIENT).await,
            Err(AuthError::InactiveUser)
        ));
        // Whoever comes after them has been rewritten: so would they have been by now.
        assert!(world.lets_in(&other).await);
        until("the other is rewritten", async || {
            world.has(other.digest()).await && world.is_nothing_under_way()
        })
        .await;
        for (token, old) in [(&late, old_late), (&token, old)] {
            assert!(!world.has(token.digest()).await && world.has(old).await);
        }
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
            until("it ends", async || !world.lets_in(&token).await).await;
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

#[test]
fn an_operator_who_ends_a_token_by_its_id_ends_it_in_both_states() {
    wait_for(async {
        let world = World::new().await;
        for (n, ends_old) in [(1, true), (2, false)] {
            let token = token(n);
            let old = world.in_both_states(&token).await;
            let digest = if ends_old { old } else { token.digest() };
            let id = TokenName::Id(TokenId { user: world.user.id, head: digest.head() });
            world.auth.revoke_token(&id, Actor::CommandLine).await.unwrap();
            assert!(world.digests().await.is_empty(), "{ends_old}");
            assert!(!world.lets_in(&token).await, "{ends_old}");
        }
    });
}

#[test]
fn an_operator_who_ends_all_tokens_but_one_keeps_that_and_no_other_in_either_state() {
    wait_for(async {
        let world = World::new().await;
        let (kept, other) = (token(1), token(2));
        let old = world.in_both_states(&kept).await;
        world.clock.advance(Duration::from_secs(1));
        world.in_both_states(&other).await;
        let keep = TokenId { user: world.user.id, head: old.head() };
        let by = Actor::CommandLine;
        world.auth.revoke_other_tokens(&world.user, keep, by).await.unwrap();
        assert!(world.lets_in(&kept).await);
        assert!(!world.lets_in(&other).await);
        let left = world.digests().await;
        assert!(left.iter().all(|digest| [old, kept.digest()].contains(digest)));
    });
}

#[test]
fn a_token_that_is_rewritten_as_an_operator_ends_it_by_its_id_is_ended() {
    wait_for(async {
        let world = World::new().await;
        let token = token(1);
        let old = world.move_in(&token, KNOX_4_2, b"").await;
        // Another one has rewritten it when the old one is to be ended.
        let key = KnoxKey::of(&token, 8).unwrap();
        let late = format!(
            "CREATE TRIGGER late BEFORE DELETE ON tokens WHEN OLD.digest = x'{}' BEGIN
               INSERT INTO tokens (digest, user_id, created, expires, user_epoch, knox_key)
               VALUES (x'{}', OLD.user_id, OLD.created, OLD.expires, OLD.user_epoch, '{}');
               SELECT raise(IGNORE);
             END",
            hex::encode(old.as_bytes()),
            hex::encode(token.digest().as_bytes()),
            key.as_str(),
        );
        world.db().execute(&late, []).unwrap();
        let id = TokenName::Id(TokenId { user: world.user.id, head: old.head() });
        world.auth.revoke_token(&id, Actor::CommandLine).await.unwrap();
        assert!(!world.digests().await.contains(&token.digest()));
    });
}

#[test]
fn a_new_password_leaves_the_token_good_with_which_it_was_asked_for() {
    wait_for(async {
        let world = World::new().await;
        let token = token(1);
        let old = world.move_in(&token, KNOX_4_2, b"").await;
        world.with_password("correct horse battery");
        // Another one has the right to rewrite it, and is slow.
        let claim = "INSERT INTO items (kind, key, value) VALUES ('old_token', ?1, '')";
        world.db().execute(claim, [hex::encode(old.key().as_bytes())]).unwrap();
        let caller = world.auth.authenticate(&token, CLIENT).await.unwrap();
        let [old, new] = ["correct horse battery", "staple a cloud to it"];
        let [old, new] = [old, new].map(|text| Password::new(text.to_owned()));
        let passwords = NewPassword { new, old };
        world.auth.change_password(&caller, &token, passwords, CLIENT).await.unwrap();
        assert!(world.lets_in(&token).await);
    });
}
