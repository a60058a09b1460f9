//! The contract of a store, run against each of them.
//!
//! A store joins with a module that has `async fn fresh() -> Fixture` and says `contract!();`. Times
//! are round the present, because a store may let go of an expired token by its own clock.

/// The contract: `contract!(each)` makes a test of each function, against the store that `fresh`
/// makes; `contract!(together)` one of each part, against one store that is emptied in between, for
/// stores that take their time to start.
macro_rules! contract {
    ($how:ident) => {
        $how! {
            users:
                a_new_user_is_active_and_reads_back
                a_name_belongs_to_one_user
                of_fifty_at_once_one_gets_the_name
                names_are_compared_byte_by_byte
                every_permitted_name_is_kept_as_it_is
                an_address_may_be_blank
                unknown_users_are_no_error
                users_come_in_pages_in_order_of_number
                a_locked_out_user_keeps_nothing_but_the_account
                a_new_password_ends_the_tokens
                taking_staff_away_ends_the_tokens
                a_token_of_an_ordinary_user_never_becomes_one_of_staff
                a_rehash_replaces_the_hash_that_was_verified
                a_rehash_leaves_another_password_alone
                an_owners_new_password_ends_all_tokens_but_the_one_that_is_kept
                a_kept_token_is_prolonged_and_ended_as_before
                a_kept_token_is_good_at_every_moment_of_many_changes
                a_password_that_was_replaced_meanwhile_stays
                of_owners_changes_at_once_one_is_made
                a_token_that_has_ended_or_is_anothers_is_not_kept
                a_token_that_ends_while_the_password_changes_stays_gone
                a_deleted_user_is_gone_with_the_tokens
                the_number_of_a_deleted_user_is_not_given_again
                a_deleted_users_name_is_free;
            operators:
                an_operator_is_active_staff
                who_has_a_name_that_no_user_can_have_is_no_operator
                what_is_done_to_others_spares_an_operator;
            listing:
                users_are_found_in_every_order_with_every_filter
                an_order_goes_on_while_users_come_change_and_go
                a_cursor_that_nobody_gave_is_the_beginning
                a_user_is_listed_with_the_number_of_good_tokens
                what_is_known_of_a_token_is_kept
                a_use_is_noted_and_changes_nothing_else
                a_use_of_a_token_that_has_ended_is_passed_over
                tokens_of_all_users_are_found_the_last_used_first
                tokens_of_one_moment_are_each_found_once
                users_and_tokens_are_counted
                who_must_change_does_so_until_they_have
                another_address_ends_no_token_and_is_found
                nothing_of_a_deleted_user_is_found;
            items:
                an_item_reads_back_and_is_replaced
                items_are_listed_in_order_of_key
                an_item_ends_and_its_place_is_free
                an_item_is_replaced_only_as_it_was_seen
                of_many_at_once_one_adds_replaces_or_removes
                what_is_counted_in_a_minute_adds_up
                every_series_is_kept_under_its_own_name;
            locks:
                a_lock_is_one_holders_until_they_let_go
                a_lock_that_was_left_behind_ends
                a_lock_that_was_taken_by_a_wrong_clock_ends_as_soon
                of_many_at_once_one_takes_a_lock;
            tokens:
                a_token_reads_back_with_its_user
                a_token_may_have_no_end
                unknown_tokens_are_no_error
                a_token_for_an_unknown_user_is_refused
                half_a_digest_is_nobodys
                a_locked_out_user_gets_no_token_by_login_and_takes_along_what_was_theirs
                a_token_for_a_past_epoch_is_refused
                a_token_added_twice_is_one_token
                only_a_login_is_noted
                a_login_that_makes_no_token_is_noted_and_ends_none
                a_refused_login_is_not_noted
                tokens_are_listed_the_oldest_first
                expired_tokens_are_not_listed
                a_full_user_is_refused_one_more
                a_full_user_loses_the_oldest
                a_lower_limit_makes_room_at_once
                expired_tokens_do_not_count
                tokens_of_a_past_epoch_do_not_count
                tokens_of_others_do_not_count
                a_tokens_end_moves_later
                a_tokens_end_never_moves_earlier
                a_token_without_end_stays_so
                a_revoked_token_stays_gone
                a_token_is_revoked_once
                revoking_all_ends_this_users_tokens_only
                a_dead_token_of_a_locked_out_user_is_told_from_an_unknown_one
                a_sweep_takes_expired_tokens_only
                a_login_that_races_with_logoutall_leaves_no_good_token
                logins_at_once_keep_to_the_limit;
            exchange:
                a_token_gets_another_digest_and_stays_what_it_is
                a_token_that_has_ended_gets_no_other_digest
                a_token_that_gets_another_digest_keeps_the_end_that_it_has
                a_token_that_ends_while_it_gets_another_digest_stays_ended
                a_token_that_gets_another_digest_as_its_owners_password_changes_stays;
            events:
                events_read_back_as_they_were_kept
                an_event_that_is_given_again_is_kept_once
                events_come_the_newest_first
                a_limit_takes_the_newest_events
                only_the_events_that_are_wanted_are_told
                events_are_found_by_all_that_they_say
                pages_of_events_follow_each_other
                news_of_events_come_once_and_in_their_order
                the_newest_events_are_kept_within_the_bounds
                what_anyone_can_cause_flushes_nothing_else
                what_users_do_flushes_nothing_that_operators_did
                a_sweep_takes_the_events_that_are_too_old
                a_sweep_brings_events_within_narrower_bounds
                events_outlive_their_user;
            faults:
                the_store_answers
                the_store_says_what_it_is;
        }
        whole! { limits:
            a_limit_is_exact_however_many_come_at_once
            a_quota_comes_back_evenly
            a_quota_says_what_is_left
            a_delay_grows
            what_is_given_back_can_be_taken_again
            giving_back_what_was_never_taken_gives_nothing
            limits_are_listed_and_cleared
            what_is_whole_again_is_not_listed
            a_familiar_network_is_remembered_until_its_end
            of_each_user_a_few_networks_are_remembered
        }
        whole! { conflicts:
            who_is_here_stays_as_they_are
            an_update_makes_users_and_tokens_as_the_source_says
            what_an_update_corrects_of_a_token_is_told
            a_number_or_a_name_of_another_is_never_given_away
            an_operator_is_nobodys_to_take_over
            nothing_is_written_if_anything_conflicts
            a_conflict_that_comes_up_meanwhile_is_told_as_such
            names_that_move_on_are_all_taken_over
        }
        whole! { gone:
            who_was_deleted_does_not_come_back_by_the_same_source
            nobody_comes_back_where_all_were_deleted
            who_was_deleted_is_a_conflict
            who_was_deleted_comes_back_where_that_is_wanted
            a_rename_and_a_user_who_was_refused_are_no_deletions
            deletions_are_saved_and_brought_back
            networks_of_a_deleted_user_go_with_them
        }
        whole! { landing:
            a_source_is_taken_over_with_all_that_it_has
            what_was_taken_over_is_in_order_and_found
            a_rehearsal_writes_nothing_and_tells_what_would_come
            who_has_no_number_gets_one_after_all_others
            a_name_is_kept_to_the_byte
            what_is_wrong_with_a_source_is_told
            whoever_is_stopped_begins_again_and_ends_the_same
            gateways_write_while_a_source_is_taken_over
            gateways_are_told_of_what_ends
            what_is_kept_of_an_old_digest_goes_with_its_token
            what_came_along_is_saved_and_brought_back
            as_many_as_fill_a_batch_are_brought_back
        }
        whole! { exchange:
            what_a_token_was_found_by_before_is_saved_and_brought_back
        }
        whole! { feed:
            a_feed_begins_with_everything
            a_feed_proves_again_and_again_that_it_is_alive
            a_feed_tells_what_another_changes
            no_proof_overtakes_the_news
            a_change_of_ones_own_is_told_before_it_is_answered
            an_eviction_is_told_before_the_login_is_answered
            a_change_that_is_not_made_harms_no_feed
            a_later_watcher_takes_the_place_of_an_earlier_one
            a_feed_ends_with_an_error_when_its_store_is_gone
        }
    };
}

macro_rules! each {
    ($($part:ident: $($test:ident)*;)*) => {$($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            let fixture = fresh().await;
            super::$part::$test(fixture.store()).await;
        }
    )*)*};
}

macro_rules! together {
    ($($part:ident: $($test:ident)*;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $part() {
            let servers = start();
            $(
                println!(stringify!($test));
                servers.flush();
                super::$part::$test(open(&servers)).await;
            )*
        }
    )*};
}

/// Some tests need more than the store: another handle of it, and its loss.
macro_rules! whole {
    ($part:ident: $($test:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            super::$part::$test(fresh().await).await;
        }
    )*};
}

mod cluster;
mod conflicts;
mod events;
mod exchange;
mod faults;
mod feed;
mod gone;
mod items;
mod landing;
mod limits;
mod listing;
mod locks;
mod operators;
mod redis;
mod sentinel;
mod sqlite;
mod staged;
mod tokens;
mod users;

use authgate::clock::{Clock, SystemClock, Timestamp};
use authgate::model::email::Email;
use authgate::model::password::PasswordHash;
use authgate::model::token::{Token, TokenAbout, TokenDigest, TokenRecord};
use authgate::model::user::{NewUser, Profile, User, UserId, Username};
use authgate::store::redis::RedisStore;
use authgate::store::whole::Whole;
use authgate::store::{Inserted, Issue, NewToken, Settings, Store, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An empty store. It lives as long as this does.
struct Fixture {
    settings: Settings,
    store: Arc<dyn Store>,
    another: Box<dyn Fn() -> Arc<dyn Store> + Send + Sync>,
    lose: Box<dyn Fn() + Send + Sync>,
}

impl Fixture {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Another handle of the same store, as another process has it.
    fn another(&self) -> Arc<dyn Store> {
        (self.another)()
    }

    /// The whole of it.
    fn whole(&self) -> Whole {
        Whole::of(&self.settings).unwrap()
    }

    /// Takes away what the store stands on.
    fn lose(&self) {
        (self.lose)();
    }
}

/// An empty store in the Redis of a URL, and what takes that away.
fn redis_over(url: String, lose: impl Fn() + Send + Sync + 'static) -> Fixture {
    let settings = redis_at(url.clone());
    let open = move || -> Arc<dyn Store> { Arc::new(RedisStore::open(&url).unwrap()) };
    Fixture { settings, store: open(), another: Box::new(open), lose: Box::new(lose) }
}

/// How to reach a Redis.
fn redis_at(url: String) -> Settings {
    Settings::Redis { authorities: None, replicas: 0, url }
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn in_minutes(minutes: u64) -> Timestamp {
    now().plus(Duration::from_mins(minutes))
}

fn name(text: &str) -> Username {
    Username::parse(text).unwrap()
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(text.to_owned())
}

fn digest(text: &str) -> TokenDigest {
    Token::new(text.to_owned()).digest()
}

fn new_user(username: &str) -> NewUser {
    NewUser {
        email: Email::parse("someone@example.com").unwrap(),
        is_staff: false,
        joined: now(),
        must_change: false,
        password: hash("$argon2id$first"),
        profile: Profile::default(),
        username: name(username),
    }
}

async fn add(store: &dyn Store, username: &str) -> User {
    match store.insert_user(new_user(username)).await.unwrap() {
        Inserted::Done(user) => user,
        Inserted::NameTaken => panic!("{username} is taken"),
    }
}

/// The user as they are now.
async fn again(store: &dyn Store, id: UserId) -> User {
    store.user(id).await.unwrap().unwrap()
}

/// A token of an hour.
fn token(user: &User, text: &str) -> NewToken {
    let created = now();
    NewToken {
        about: TokenAbout::default(),
        record: TokenRecord {
            created,
            digest: digest(text),
            epoch: user.epoch,
            expires: Some(created.plus(Duration::from_hours(1))),
            former: None,
            knox_key: None,
            user: user.id,
        },
        limit: None,
        is_login: false,
    }
}

async fn issue(store: &dyn Store, user: &User, text: &str) -> TokenRecord {
    let token = token(user, text);
    assert_eq!(store.issue_token(token.clone()).await.unwrap(), Issue::Done);
    token.record
}

/// Whether the token would let its client in.
async fn is_good(store: &dyn Store, text: &str) -> bool {
    let found = store.token(digest(text)).await.unwrap();
    found.is_some_and(|(record, user)| {
        user.is_active && record.epoch == user.epoch && !record.has_expired(now())
    })
}

/// The user's tokens that are good at a moment, in the store's order.
async fn live(store: &dyn Store, user: UserId, at: Timestamp) -> Vec<TokenRecord> {
    store.tokens_of(user, at).await.unwrap().into_iter().map(|token| token.record).collect()
}

/// The digests of the user's good tokens, in the store's order.
async fn digests(store: &dyn Store, user: UserId) -> Vec<TokenDigest> {
    live(store, user, now()).await.iter().map(|record| record.digest).collect()
}

/// Asks until there is an answer, and says how long that took.
async fn until_it_answers<T>(what: impl AsyncFn() -> Result<T, StoreError>) -> (T, Duration) {
    let start = Instant::now();
    loop {
        match what().await {
            Ok(answer) => return (answer, start.elapsed()),
            Err(error) => assert!(start.elapsed() < Duration::from_secs(20), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
