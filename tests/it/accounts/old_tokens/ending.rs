//! Ended in whichever state, it stays ended.

use super::{CLIENT, KNOX_4_1, KNOX_4_2, World, gateway, lets_in, token};
use crate::harness::accounts::create;
use crate::harness::{until, wait_for};
use authgate::auth::{Auth, AuthError, NewPassword, TokenName};
use authgate::model::event::Actor;
use authgate::model::password::Password;
use authgate::model::token::{KnoxKey, Token, TokenId};
use authgate::store::Store;
use std::time::Duration;
use tokio::time::sleep;

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
        until("the other is rewritten", async || world.has(other.digest()).await).await;
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
        let bob = create(&world.auth, "bob").await;
        for (n, what) in [
            "DELETE FROM tokens WHERE user_id = 1",
            "UPDATE users SET epoch = epoch + 1 WHERE username = 'ada'",
            "UPDATE users SET is_active = 0 WHERE username = 'ada'",
        ]
        .into_iter()
        .enumerate()
        {
            let (token, other) = (token(n as u64), token(n as u64 + 10));
            world.move_in(&token, KNOX_4_2, b"").await;
            world.move_in_of(&bob, &other, KNOX_4_2, b"").await;
            // Nobody else writes meanwhile: whoever rewrites it has looked it up before.
            let db = world.db();
            db.execute_batch("BEGIN IMMEDIATE").unwrap();
            assert!(world.lets_in(&token).await && world.lets_in(&other).await);
            db.execute(what, []).unwrap();
            sleep(Duration::from_millis(100)).await;
            db.execute_batch("COMMIT").unwrap();
            until("the other is rewritten", async || {
                assert!(world.lets_in(&other).await);
                world.has(other.digest()).await
            })
            .await;
            assert!(!world.lets_in(&token).await, "{what}");
            assert!(world.store.token(token.digest()).await.unwrap().is_none(), "{what}");
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
        // One that rewrites nothing itself.
        let (auth, ..) = gateway(&world.folder, &world.clock);
        for (n, comes_late) in [(1, false), (2, true)] {
            let token = token(n);
            let old = world.move_in(&token, KNOX_4_2, b"").await;
            let caller = auth.authenticate(&token, CLIENT).await.unwrap();
            assert!(world.digests().await.contains(&old), "it is as it was");
            if comes_late {
                // Another one does so when the logout has just ended the old one.
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
            auth.logout(&token, &caller, CLIENT).await.unwrap();
            assert!(world.digests().await.is_empty(), "{comes_late}");
            assert!(!lets_in(&auth, &token).await, "{comes_late}");
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
        world.move_in(&token, KNOX_4_2, b"").await;
        // One that rewrites nothing itself.
        let (auth, ..) = gateway(&world.folder, &world.clock);
        change_password(&world, &auth, &token).await;
        assert!(lets_in(&auth, &token).await);
    });
}

#[test]
fn a_token_that_is_rewritten_as_its_owner_changes_the_password_stays_good() {
    wait_for(async {
        let world = World::new().await;
        let token = token(1);
        let old = world.move_in(&token, KNOX_4_2, b"").await;
        let (auth, ..) = gateway(&world.folder, &world.clock);
        // Another one has rewritten it when the password is written.
        let meanwhile = format!(
            "CREATE TRIGGER meanwhile BEFORE UPDATE OF password ON users BEGIN
               DELETE FROM old_digests;
               UPDATE tokens SET digest = x'{}' WHERE digest = x'{}';
             END",
            hex::encode(token.digest().as_bytes()),
            hex::encode(old.as_bytes()),
        );
        change_password_while(&world, &auth, &token, &meanwhile).await;
        assert!(world.digests().await == [token.digest()]);
        assert!(lets_in(&auth, &token).await);
    });
}

#[test]
fn a_token_is_good_by_its_text_alone_whatever_is_kept_of_what_it_was_found_by() {
    wait_for(async {
        let world = World::new().await;
        let token = token(1);
        let old = world.move_in(&token, KNOX_4_2, b"").await;
        assert!(world.lets_in(&token).await);
        world.rewritten(&token).await;
        assert!(!world.has(old).await, "nobody is looked for by it");
        let key = KnoxKey::of(&token, 8).unwrap();
        assert!(world.store.old_digests(&key).await.unwrap().is_empty());
        world.clock.advance(Duration::from_secs(20));
        assert!(!world.lets_in(&super::token(99)).await);
        assert_eq!(world.asked_for_unknown(10).await, 10, "misses cost nothing more");
        // What is kept goes with it.
        let caller = world.auth.authenticate(&token, CLIENT).await.unwrap();
        world.auth.logout(&token, &caller, CLIENT).await.unwrap();
        assert!(!world.lets_in(&token).await && world.digests().await.is_empty());
    });
}

async fn change_password(world: &World, auth: &Auth, token: &Token) {
    change_password_while(world, auth, token, "").await;
}

/// Has the owner of a token change the password, while the database does something.
async fn change_password_while(world: &World, auth: &Auth, token: &Token, trigger: &str) {
    world.with_password("correct horse battery");
    let caller = auth.authenticate(token, CLIENT).await.unwrap();
    world.db().execute_batch(trigger).unwrap();
    let [old, new] = ["correct horse battery", "staple a cloud to it"];
    let [old, new] = [old, new].map(|text| Password::new(text.to_owned()));
    let passwords = NewPassword { new, old };
    auth.change_password(&caller, token, passwords, CLIENT).await.unwrap();
}
