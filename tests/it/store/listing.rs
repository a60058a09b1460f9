//! What a store promises of users and tokens as operators look for them.

use super::{
    Store, add, again, digest, hash, in_minutes, is_good, issue, name, new_user, now, token,
};
use authgate::clock::Timestamp;
use authgate::model::email::Email;
use authgate::model::token::TokenAbout;
use authgate::model::user::{User, UserChange};
use authgate::store::UserColumn::{
    Active, Email as Address, Joined, LastLogin, Staff, Tokens, Username as Name,
};
use authgate::store::{
    Cursor, Inserted, Issue, Item, ItemKind, NewToken, PasswordChange, TokenUse, UserColumn,
    UserOrder, UserQuery,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

const COLUMNS: [UserColumn; 7] = [Active, Address, Joined, LastLogin, Staff, Tokens, Name];

fn query(by: UserColumn, is_descending: bool) -> UserQuery {
    UserQuery {
        after: None,
        is_active: None,
        is_staff: None,
        limit: 100,
        order: UserOrder { by, is_descending },
        prefix: None,
    }
}

/// All names that a query finds, a page after the other.
async fn found(store: &dyn Store, query: &UserQuery) -> Vec<String> {
    let (mut names, mut query) = (Vec::new(), query.clone());
    loop {
        let page = store.find_users(&query, now()).await.unwrap();
        assert!(page.users.len() <= query.limit);
        names.extend(page.users.iter().map(|listed| listed.user.username.to_string()));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return names,
        }
    }
}

/// Users who tell in every order, some of them equal in it.
async fn people(store: &dyn Store) -> Vec<User> {
    let mut people = Vec::new();
    for (username, email, is_staff) in [
        ("bob", "Zoe@example.com", false),
        ("Alice", "alice@example.com", true),
        ("alicia", "", false),
        ("Zed", "al@example.com", true),
        ("carol", "", false),
        ("dave", "alma@example.com", false),
    ] {
        let new = authgate::model::user::NewUser {
            email: Email::parse(email).unwrap_or_else(|_| Email::stored(String::new())),
            is_staff,
            ..new_user(username)
        };
        match store.insert_user(new).await.unwrap() {
            Inserted::Done(user) => people.push(user),
            Inserted::NameTaken => panic!("{username} is taken"),
        }
    }
    for (place, text) in [(0, "a"), (0, "b"), (3, "c"), (4, "d"), (4, "e"), (4, "f")] {
        let login = NewToken { is_login: place == 3, ..token(&people[place], text) };
        assert_eq!(store.issue_token(login).await.unwrap(), Issue::Done);
    }
    for place in [1, 5] {
        store.change_user(people[place].id, UserChange::Active(false)).await.unwrap();
    }
    let mut again_all = Vec::new();
    for user in people {
        again_all.push(again(store, user.id).await);
    }
    again_all
}

/// What a query should find.
fn expected(people: &[User], query: &UserQuery) -> Vec<String> {
    let tokens = |user: &User| match user.username.as_str() {
        "bob" => 2,
        "Zed" => 1,
        "carol" => 3,
        _ => 0,
    };
    let lower = |text: &str| text.to_ascii_lowercase();
    let key = |user: &User| match query.order.by {
        Active => (i64::from(user.is_active), String::new()),
        Address => (0, lower(user.email.as_str())),
        Joined => (0, String::new()),
        LastLogin => (user.last_login.map_or(-1, Timestamp::micros), String::new()),
        Staff => (i64::from(user.is_staff), String::new()),
        Tokens => (tokens(user), String::new()),
        Name => (0, lower(user.username.as_str())),
    };
    let is_wanted = |user: &&User| {
        query.is_active.is_none_or(|wanted| wanted == user.is_active)
            && query.is_staff.is_none_or(|wanted| wanted == user.is_staff)
            && query.prefix.as_ref().is_none_or(|prefix| {
                let begins = |text: &str| lower(text).starts_with(&lower(prefix));
                begins(user.username.as_str()) || begins(user.email.as_str())
            })
    };
    let mut wanted: Vec<_> = people.iter().filter(is_wanted).collect();
    wanted.sort_by_key(|user| (key(user), user.id));
    if query.order.is_descending {
        wanted.reverse();
    }
    wanted.iter().map(|user| user.username.to_string()).collect()
}

pub(super) async fn users_are_found_in_every_order_with_every_filter(store: Arc<dyn Store>) {
    let people = people(&*store).await;
    let flags = [None, Some(true), Some(false)];
    for is_swept in [false, true] {
        if is_swept {
            store.sweep(now()).await.unwrap();
        }
        for (by, is_descending) in COLUMNS.into_iter().flat_map(|by| [(by, false), (by, true)]) {
            for (is_active, is_staff) in flags.into_iter().flat_map(|a| flags.map(|s| (a, s))) {
                for prefix in [None, Some("AL"), Some("zo"), Some("nobody"), Some("")] {
                    for limit in [1, 2, 100] {
                        let prefix = prefix.map(str::to_owned);
                        let query = UserQuery {
                            is_active,
                            is_staff,
                            limit,
                            prefix,
                            ..query(by, is_descending)
                        };
                        let expected = expected(&people, &query);
                        assert_eq!(found(&*store, &query).await, expected, "{is_swept} {query:?}");
                    }
                }
            }
        }
    }
}

pub(super) async fn an_order_goes_on_while_users_come_change_and_go(store: Arc<dyn Store>) {
    let people = people(&*store).await;
    store.sweep(now()).await.unwrap();
    let first = UserQuery { limit: 2, ..query(Name, false) };
    let page = store.find_users(&first, now()).await.unwrap();
    // The user where the page ended goes, one comes before it and one after it.
    store.delete_user(people[2].id).await.unwrap();
    add(&*store, "aaron").await;
    add(&*store, "bert").await;
    let rest = UserQuery { after: page.next, limit: 100, ..first };
    assert_eq!(found(&*store, &rest).await, ["bert", "bob", "carol", "dave", "Zed"]);
    // One whose login moves is seen again or not, and everybody else once.
    let first = UserQuery { limit: 3, ..query(LastLogin, false) };
    let page = store.find_users(&first, now()).await.unwrap();
    let last = page.users.last().unwrap().user.clone();
    let login = NewToken { is_login: true, ..token(&last, "late") };
    let is_issued = store.issue_token(login).await.unwrap();
    let rest = UserQuery { after: page.next, limit: 100, ..first };
    let mut all = found(&*store, &rest).await;
    all.extend(page.users.iter().map(|listed| listed.user.username.to_string()));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 7, "{is_issued:?} {all:?}");
}

pub(super) async fn a_cursor_that_nobody_gave_is_the_beginning(store: Arc<dyn Store>) {
    people(&*store).await;
    store.sweep(now()).await.unwrap();
    for text in ["", "~", "x~y", "1", "-1~-1", "\0", "é~é"] {
        let after = Some(Cursor(text.to_owned()));
        for by in COLUMNS {
            let query = UserQuery { after: after.clone(), ..query(by, false) };
            assert!(store.find_users(&query, now()).await.is_ok(), "{text}");
        }
        assert!(store.find_tokens(after.as_ref(), 10, now()).await.is_ok(), "{text}");
    }
    let query = UserQuery { after: Some(Cursor("rubbish".to_owned())), ..query(Name, false) };
    assert_eq!(found(&*store, &query).await.len(), 6);
}

pub(super) async fn a_user_is_listed_with_the_number_of_good_tokens(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    for text in ["one", "two", "three", "four"] {
        issue(&*store, &alice, text).await;
    }
    store.revoke_token(digest("one")).await.unwrap();
    let mut past = token(&alice, "past");
    past.record.expires = Some(now());
    store.issue_token(past).await.unwrap();
    let live = async || {
        let page = store.find_users(&query(Name, false), now()).await.unwrap();
        page.users[0].live_tokens
    };
    assert_eq!(live().await, 3);
    store.change_user(alice.id, UserChange::Active(false)).await.unwrap();
    assert_eq!(live().await, 0);
}

pub(super) async fn what_is_known_of_a_token_is_kept(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let about = TokenAbout {
        address: Some("2001:db8::1".parse().unwrap()),
        issued_by: Some("root".to_owned()),
        last_used: None,
        name: Some("nightly \"build\" \u{1f525}".to_owned()),
        user_agent: Some("curl/8".to_owned()),
    };
    let new = NewToken { about: about.clone(), ..token(&alice, "token") };
    assert_eq!(store.issue_token(new.clone()).await.unwrap(), Issue::Done);
    let listed = store.tokens_of(alice.id, now()).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].about, about);
    assert_eq!(listed[0].username, name("alice"));
    assert!(listed[0].record == new.record);
    let page = store.find_tokens(None, 10, now()).await.unwrap();
    assert!(page.next.is_none() && page.tokens == listed);
}

fn used(user: &User, text: &str, at: Timestamp, last: u8) -> TokenUse {
    TokenUse { at, digest: digest(text), from: address(last), user: user.id }
}

fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last).into()
}

pub(super) async fn a_use_is_noted_and_changes_nothing_else(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let record = issue(&*store, &alice, "token").await;
    let (early, late) = (in_minutes(1), in_minutes(2));
    store.note_uses(&[used(&alice, "token", early, 1)]).await.unwrap();
    store.note_uses(&[used(&alice, "token", late, 2)]).await.unwrap();
    let listed = store.tokens_of(alice.id, now()).await.unwrap();
    assert_eq!(listed[0].about.last_used, Some((late, address(2))));
    assert!(store.token(digest("token")).await.unwrap() == Some((record, alice)));
}

pub(super) async fn a_use_of_a_token_that_has_ended_is_passed_over(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    store.revoke_token(digest("token")).await.unwrap();
    let uses = [used(&alice, "token", now(), 1), used(&alice, "unknown", now(), 1)];
    store.note_uses(&uses).await.unwrap();
    store.note_uses(&[]).await.unwrap();
    assert!(!is_good(&*store, "token").await);
    assert!(store.find_tokens(None, 10, now()).await.unwrap().tokens.is_empty());
    // Nor does one of the same digest inherit it.
    issue(&*store, &alice, "token").await;
    let listed = store.tokens_of(alice.id, now()).await.unwrap();
    assert_eq!(listed[0].about.last_used, None);
}

/// The digests' texts, a page after the other.
async fn recent(store: &dyn Store, limit: usize, texts: &[&str]) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.find_tokens(after.as_ref(), limit, now()).await.unwrap();
        assert!(page.tokens.len() <= limit);
        for token in page.tokens {
            let text = texts.iter().find(|text| digest(text) == token.record.digest);
            found.push((*text.unwrap()).to_owned());
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

pub(super) async fn tokens_of_all_users_are_found_the_last_used_first(store: Arc<dyn Store>) {
    let (alice, bob) = (add(&*store, "alice").await, add(&*store, "bob").await);
    let begin = now();
    let texts = ["one", "two", "three", "four", "five", "six"];
    for (seconds, text) in (0..).zip(texts) {
        let mut new = token(if seconds % 2 == 0 { &alice } else { &bob }, text);
        new.record.created = begin.minus(Duration::from_secs(100 - seconds));
        if text == "three" {
            new.record.expires = Some(begin);
        }
        assert_eq!(store.issue_token(new).await.unwrap(), Issue::Done);
    }
    store.revoke_token(digest("six")).await.unwrap();
    store.note_uses(&[used(&alice, "one", begin, 1)]).await.unwrap();
    for limit in [1, 2, 3, 100] {
        let found = recent(&*store, limit, &texts).await;
        assert_eq!(found, ["one", "five", "four", "two"], "{limit}");
    }
    store.revoke_tokens_of(bob.id, 0).await.unwrap();
    assert_eq!(recent(&*store, 1, &texts).await, ["one", "five"]);
    store.delete_user(alice.id).await.unwrap();
    assert!(recent(&*store, 1, &texts).await.is_empty());
}

pub(super) async fn tokens_of_one_moment_are_each_found_once(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    let texts: Vec<_> = (0..250).map(|number| format!("token{number}")).collect();
    let created = now();
    for text in &texts {
        let mut new = token(&alice, text);
        new.record.created = created;
        assert_eq!(store.issue_token(new).await.unwrap(), Issue::Done);
    }
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    for limit in [7, 100] {
        let mut found = recent(&*store, limit, &texts).await;
        assert_eq!(found.len(), 250);
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 250);
    }
}

pub(super) async fn users_and_tokens_are_counted(store: Arc<dyn Store>) {
    people(&*store).await;
    let mut past = token(&add(&*store, "eve").await, "past");
    past.record.expires = Some(now());
    store.issue_token(past).await.unwrap();
    store.sweep(now()).await.unwrap();
    let census = store.census(now()).await.unwrap();
    assert_eq!((census.users, census.staff, census.inactive, census.tokens), (7, 2, 2, 6));
    assert!(census.at <= now());
}

pub(super) async fn who_must_change_does_so_until_they_have(store: Arc<dyn Store>) {
    let new = authgate::model::user::NewUser { must_change: true, ..new_user("alice") };
    let Inserted::Done(alice) = store.insert_user(new).await.unwrap() else { panic!("taken") };
    assert!(alice.must_change && again(&*store, alice.id).await.must_change);
    issue(&*store, &alice, "token").await;
    let change = PasswordChange {
        from: hash("$argon2id$first"),
        keep: vec![digest("token")],
        to: hash("second"),
        user: alice.id,
    };
    assert!(store.replace_password(change).await.unwrap().is_some());
    assert!(!again(&*store, alice.id).await.must_change);
    for must_change in [true, false] {
        let set = UserChange::MustChange(must_change);
        assert_eq!(
            store.change_user(alice.id, set).await.unwrap().unwrap().must_change,
            must_change
        );
        assert!(is_good(&*store, "token").await);
        let password = UserChange::Password { hash: hash("third"), must_change: !must_change };
        store.change_user(alice.id, password).await.unwrap();
        let after = again(&*store, alice.id).await;
        assert!(after.must_change != must_change && after.password == hash("third"));
        issue(&*store, &after, "token").await;
    }
}

pub(super) async fn another_address_ends_no_token_and_is_found(store: Arc<dyn Store>) {
    let alice = add(&*store, "alice").await;
    issue(&*store, &alice, "token").await;
    store.sweep(now()).await.unwrap();
    for address in ["New@example.com", "new@example.com", "other@example.com"] {
        let email = Email::parse(address).unwrap();
        let change = UserChange::Email(email.clone());
        assert!(store.change_user(alice.id, change).await.unwrap().unwrap().email == email);
        assert!(is_good(&*store, "token").await);
        for (prefix, number) in [("someone", 0), (&address[..4], 1)] {
            let query = UserQuery { prefix: Some(prefix.to_owned()), ..query(Address, false) };
            assert_eq!(found(&*store, &query).await.len(), number, "{prefix}");
        }
        assert_eq!(found(&*store, &query(Address, false)).await, ["alice"]);
    }
}

pub(super) async fn nothing_of_a_deleted_user_is_found(store: Arc<dyn Store>) {
    let (alice, bob) = (add(&*store, "alice").await, add(&*store, "bob").await);
    issue(&*store, &alice, "token").await;
    store.note_uses(&[used(&alice, "token", now(), 1)]).await.unwrap();
    store.sweep(now()).await.unwrap();
    for (key, owner) in [("a", Some(alice.id)), ("b", Some(bob.id)), ("c", None)] {
        let (key, value) = (key.to_owned(), "{}".to_owned());
        let item = Item { expires: None, key, kind: ItemKind::Session, owner, value };
        store.put_item(&item).await.unwrap();
    }
    assert!(store.delete_user(alice.id).await.unwrap());
    for by in COLUMNS {
        assert_eq!(found(&*store, &query(by, false)).await, ["bob"]);
    }
    let prefix = Some("alice".to_owned());
    assert!(found(&*store, &UserQuery { prefix, ..query(Name, false) }).await.is_empty());
    assert!(store.find_tokens(None, 10, now()).await.unwrap().tokens.is_empty());
    let items = store.items(ItemKind::Session, now()).await.unwrap();
    assert_eq!(items.iter().map(|item| item.key.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    store.sweep(now()).await.unwrap();
    let census = store.census(now()).await.unwrap();
    assert_eq!((census.users, census.tokens), (1, 0));
}
