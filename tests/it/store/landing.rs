//! Taking a source of users and tokens over.

use super::feed::Watched;
use super::{Fixture, add, again, digest, hash, in_minutes, is_good, issue, name, new_user, now};
use authgate::clock::Timestamp;
use authgate::model::token::{DigestHash, DigestOver, DigestScheme, KnoxKey, TokenDigest};
use authgate::model::user::{NewUser, Profile, User, UserId, Username};
use authgate::store::staging::{GroupRef, OwnerRef, Refusal, StagedToken, StagedUser};
use authgate::store::whole::{
    Finding, Landed, Landing, OnConflict, Restore, Save, Staging, Stop, Whole,
};
use authgate::store::{Change, Settings, Store, StoreError, UserColumn, UserOrder, UserQuery};
use std::sync::atomic::{AtomicBool, Ordering};

fn joined(number: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(number).unwrap())
}

fn user(number: u64, username: &str) -> StagedUser {
    StagedUser {
        place: number,
        id: Some(number),
        username: username.to_owned(),
        email: format!("{username}@example.com"),
        password: format!("pbkdf2_sha256$1$salt${username}"),
        kind: "pbkdf2_sha256".to_owned(),
        is_active: true,
        joined: Some(joined(number)),
        ..StagedUser::default()
    }
}

fn token(owner: u64, text: &str) -> StagedToken {
    StagedToken {
        place: owner,
        owner: OwnerRef::Number(owner),
        digest: digest(text).as_bytes().to_vec(),
        scheme: DigestScheme::NATIVE,
        salt: Vec::new(),
        knox_key: text.chars().take(15).collect(),
        created: Some(now()),
        expires: Some(in_minutes(60)),
    }
}

/// As knox 4.1 kept it: of what the text spells, and a salt.
fn old_token(owner: u64, text: &str) -> StagedToken {
    let scheme = DigestScheme { hash: DigestHash::Sha256, over: DigestOver::BytesAndSalt };
    StagedToken {
        digest: scheme.digest(text, b"salt").unwrap(),
        knox_key: text.chars().take(8).collect(),
        salt: b"salt".to_vec(),
        scheme,
        ..token(owner, text)
    }
}

fn stage(users: &[StagedUser], tokens: &[StagedToken]) -> Staging {
    let staging = Staging::new().unwrap();
    staging.add_tokens(tokens).unwrap();
    staging.add_users(users).unwrap();
    staging.settle().unwrap();
    staging
}

fn order(on_conflict: OnConflict) -> Landing {
    Landing { at: now(), dry_run: false, on_conflict, stop: Stop::default() }
}

async fn try_to_land(
    fixture: &Fixture,
    staging: &Staging,
    order: &Landing,
) -> Result<Landed, StoreError> {
    fixture.whole().land(staging, order, &|_, _| {}).await
}

async fn land(fixture: &Fixture, staging: &Staging, on_conflict: OnConflict) -> Landed {
    try_to_land(fixture, staging, &order(on_conflict)).await.unwrap()
}

async fn named(store: &dyn Store, username: &str) -> Option<User> {
    store.user_by_name(&Username::stored(username.to_owned())).await.unwrap()
}

async fn is_in_order(whole: &Whole) {
    let findings = whole.verify(now(), false, &|_, _| {}).await.unwrap();
    let words: Vec<_> = findings.into_iter().map(|Finding { words, .. }| words).collect();
    assert!(words.is_empty(), "{words:?}");
}

pub(super) async fn a_source_is_taken_over_with_all_that_it_has(fixture: Fixture) {
    let ada = StagedUser {
        first_name: "Ada".to_owned(),
        groups: vec![GroupRef::Number(2), GroupRef::Name("b".to_owned()), GroupRef::Number(9)],
        is_staff: true,
        is_superuser: true,
        last_login: Some(joined(77)),
        last_name: "Lovelace".to_owned(),
        ..user(7, "ada")
    };
    let out = StagedUser { is_active: false, ..user(9, "out") };
    let old = old_token(9, &"0f".repeat(32));
    let ended = StagedToken { expires: Some(now()), ..token(7, "ended") };
    let lasting = StagedToken { expires: None, ..token(7, "lasting") };
    let staging = Staging::new().unwrap();
    staging.add_groups(&[(2, "a".to_owned()), (3, "c".to_owned())]).unwrap();
    staging.add_tokens(&[token(7, "fresh"), lasting, ended, old.clone()]).unwrap();
    staging.add_users(&[ada, out]).unwrap();
    staging.settle().unwrap();
    let landed = land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added), (2, 3));
    assert_eq!(landed.tokens_refused.get(&Refusal::Expired), Some(&1));

    let store = fixture.store();
    let ada = named(&*store, "ada").await.unwrap();
    assert_eq!((ada.id, ada.joined, ada.last_login), (UserId(7), joined(7), Some(joined(77))));
    assert!(ada.is_staff && ada.is_active && !ada.must_change);
    assert!(ada.password == hash("pbkdf2_sha256$1$salt$ada"));
    let groups = vec!["a".to_owned(), "b".to_owned()];
    let (first_name, last_name) = ("Ada".to_owned(), "Lovelace".to_owned());
    assert_eq!(ada.profile, Profile { first_name, groups, is_superuser: true, last_name });
    assert!(is_good(&*store, "fresh").await && is_good(&*store, "lasting").await);
    assert!(!is_good(&*store, "ended").await);
    let (record, _) = store.token(digest("fresh")).await.unwrap().unwrap();
    assert!(record.knox_key == KnoxKey::parse("fresh"));

    assert!(store.has_old_digests().await.unwrap());
    let found = store.old_digests(&KnoxKey::parse("0f0f0f0f").unwrap()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].digest == TokenDigest::padded(&old.digest));
    assert!(found[0].scheme == old.scheme && found[0].salt == b"salt");
    let (record, out) = store.token(found[0].digest).await.unwrap().unwrap();
    assert!(record.user == UserId(9) && record.epoch == out.epoch && !out.is_active);
}

pub(super) async fn what_was_taken_over_is_in_order_and_found(fixture: Fixture) {
    let users: Vec<_> = (1..=1_200).map(|number| user(number, &format!("user{number}"))).collect();
    let tokens: Vec<_> = (1..=1_200)
        .flat_map(|n| [token(n, &format!("a{n}")), token(n, &format!("b{n}"))])
        .collect();
    let landed = land(&fixture, &stage(&users, &tokens), OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added), (1_200, 2_400));
    is_in_order(&fixture.whole()).await;
    let store = fixture.store();
    let order = UserOrder { by: UserColumn::Tokens, is_descending: true };
    let prefix = Some("user12".to_owned());
    let query =
        UserQuery { after: None, is_active: None, is_staff: None, limit: 200, order, prefix };
    let page = store.find_users(&query, now()).await.unwrap();
    assert_eq!(page.users.len(), 12);
    let census = store.census(now()).await.unwrap();
    assert_eq!((census.users, census.tokens), (1_200, 2_400));
    assert_eq!(add(&*store, "next").await.id, UserId(1_201));
}

pub(super) async fn who_is_here_stays_as_they_are(fixture: Fixture) {
    let store = fixture.store();
    let source = [user(1, "ada"), user(2, "bob")];
    let tokens = [token(1, "one"), token(1, "two"), token(2, "three")];
    land(&fixture, &stage(&source, &tokens), OnConflict::Skip).await;
    store.revoke_token(digest("one")).await.unwrap();
    let before = named(&*store, "ada").await.unwrap();
    // By its password or its rights a source must not get hold of who is here.
    let other = StagedUser {
        is_staff: true,
        password: "pbkdf2_sha256$1$salt$other".to_owned(),
        ..user(1, "ada")
    };
    let tokens = [token(1, "one"), token(1, "new"), token(2, "three"), token(3, "four")];
    let staging = stage(&[other, user(2, "bob"), user(3, "new")], &tokens);
    for round in 0..2 {
        let landed = land(&fixture, &staging, OnConflict::Skip).await;
        assert_eq!(landed.kept, 1, "{landed:?}");
        assert_eq!((landed.added, landed.unchanged), [(1, 1), (0, 2)][round], "{landed:?}");
    }
    assert!(again(&*store, UserId(1)).await == before);
    for (text, is_to_be) in
        [("one", false), ("two", true), ("new", false), ("three", true), ("four", true)]
    {
        assert_eq!(is_good(&*store, text).await, is_to_be, "{text}");
    }
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn an_update_makes_users_and_tokens_as_the_source_says(fixture: Fixture) {
    let store = fixture.store();
    let source = [user(1, "ada"), user(2, "bob"), user(3, "eve")];
    let tokens = [token(1, "one"), token(1, "two"), token(2, "three"), token(3, "five")];
    land(&fixture, &stage(&source, &tokens), OnConflict::Skip).await;
    let ada = named(&*store, "ada").await.unwrap();
    issue(&*store, &ada, "issued here").await;
    store.revoke_token(digest("two")).await.unwrap();
    let renamed = StagedUser {
        email: "other@example.com".to_owned(),
        first_name: "Ada".to_owned(),
        username: "lovelace".to_owned(),
        ..user(1, "ada")
    };
    let other = StagedUser { password: "pbkdf2_sha256$1$salt$other".to_owned(), ..user(2, "bob") };
    let tokens = [token(1, "two"), token(1, "four"), token(2, "three"), token(3, "five")];
    let staging = stage(&[renamed, other, user(3, "eve")], &tokens);
    for round in 0..2 {
        let landed = land(&fixture, &staging, OnConflict::Update).await;
        assert_eq!((landed.updated, landed.unchanged), [(2, 1), (0, 3)][round], "{landed:?}");
    }
    assert!(named(&*store, "ada").await.is_none());
    let ada = named(&*store, "lovelace").await.unwrap();
    assert_eq!(ada.email.as_str(), "other@example.com");
    assert_eq!((ada.id, ada.profile.first_name.as_str()), (UserId(1), "Ada"));
    let bob = named(&*store, "bob").await.unwrap();
    assert!(bob.epoch > 0 && bob.password == hash("pbkdf2_sha256$1$salt$other"));
    for (text, is_to_be) in [
        ("one", false),
        ("issued here", false),
        ("two", true),
        ("three", true),
        ("four", true),
        ("five", true),
    ] {
        assert_eq!(is_good(&*store, text).await, is_to_be, "{text}");
    }
    assert_eq!(store.tokens_of(UserId(1), now()).await.unwrap().len(), 2);
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn a_number_or_a_name_of_another_is_never_given_away(fixture: Fixture) {
    let store = fixture.store();
    let here = add(&*store, "here").await;
    issue(&*store, &here, "theirs").await;
    let tokens = [token(here.id.0, "one"), token(50, "two"), token(51, "theirs")];
    let source = [user(here.id.0, "stranger"), user(50, "here"), user(51, "thief")];
    let staging = stage(&source, &tokens);
    for on_conflict in [OnConflict::Skip, OnConflict::Update] {
        let landed = land(&fixture, &staging, on_conflict).await;
        let refused: Vec<_> = landed.refused.into_iter().collect();
        assert_eq!(refused, [(Refusal::NameTaken, 1), (Refusal::NumberTaken, 1)]);
        let refused: Vec<_> = landed.tokens_refused.into_iter().collect();
        assert_eq!(refused, [(Refusal::OwnerRefused, 2), (Refusal::TokenTaken, 1)]);
        assert!(again(&*store, here.id).await == here);
        assert!(!is_good(&*store, "one").await && !is_good(&*store, "two").await);
        let (theirs, _) = store.token(digest("theirs")).await.unwrap().unwrap();
        assert_eq!(theirs.user, here.id);
    }
    let told: Vec<_> =
        staging.refused(None, 10).unwrap().into_iter().map(|one| (one.id, one.refusal)).collect();
    let number = (Some(here.id.0), Refusal::NumberTaken);
    assert_eq!(told, [number, (Some(50), Refusal::NameTaken)]);
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn an_operator_is_nobodys_to_take_over(fixture: Fixture) {
    let store = fixture.store();
    let new = NewUser { is_staff: true, ..new_user("root") };
    let authgate::store::Inserted::Done(root) = store.insert_user(new).await.unwrap() else {
        panic!("the name is taken")
    };
    issue(&*store, &root, "theirs").await;
    let number = root.id.0;
    let with_name = StagedUser { is_staff: true, ..user(number, "root") };
    let with_moment = StagedUser { joined: Some(root.joined), ..user(number, "other") };
    let without_number = StagedUser { id: None, joined: None, ..user(number, "root") };
    for thief in [with_name, with_moment, user(99, "root"), without_number] {
        let owner = OwnerRef::Name(thief.username.clone());
        let staging = stage(&[thief], &[StagedToken { owner, ..token(number, "thief's") }]);
        for on_conflict in [OnConflict::Skip, OnConflict::Update] {
            let landed = land(&fixture, &staging, on_conflict).await;
            let refused: Vec<_> = landed.refused.into_iter().collect();
            assert_eq!(refused, [(Refusal::Operator, 1)]);
            assert!(again(&*store, root.id).await == root);
            assert!(is_good(&*store, "theirs").await && !is_good(&*store, "thief's").await);
        }
    }
}

pub(super) async fn nothing_is_written_if_anything_conflicts(fixture: Fixture) {
    let store = fixture.store();
    let here = add(&*store, "here").await;
    let staging = stage(&[user(20, "ada"), user(21, "here")], &[token(20, "one")]);
    let error = try_to_land(&fixture, &staging, &order(OnConflict::Fail)).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unsuitable(words) if words.contains("here")), "{error}");
    assert!(named(&*store, "ada").await.is_none() && !is_good(&*store, "one").await);
    assert!(again(&*store, here.id).await == here);
    let staging = stage(&[user(20, "ada"), user(22, "bob")], &[token(20, "one")]);
    for added in [2, 0] {
        let landed = land(&fixture, &staging, OnConflict::Fail).await;
        assert_eq!((landed.added, landed.unchanged), (added, 2 - added));
        assert!(is_good(&*store, "one").await);
    }
}

pub(super) async fn a_rehearsal_writes_nothing_and_tells_what_would_come(fixture: Fixture) {
    let store = fixture.store();
    let first = [user(1, "ada"), user(2, "bob")];
    let second = [StagedUser { is_staff: true, ..user(1, "ada") }, user(2, "bob"), user(3, "eve")];
    let tokens = [token(1, "one"), token(2, "two"), token(2, "two"), token(3, "three")];
    for (source, on_conflict) in [(&first[..], OnConflict::Skip), (&second[..], OnConflict::Update)]
    {
        let staging = stage(source, &tokens);
        let rehearsal = Landing { dry_run: true, ..order(on_conflict) };
        let before =
            (store.users_after(None, 10).await.unwrap().len(), is_good(&*store, "one").await);
        let told = try_to_land(&fixture, &staging, &rehearsal).await.unwrap();
        let after =
            (store.users_after(None, 10).await.unwrap().len(), is_good(&*store, "one").await);
        assert_eq!(before, after);
        let landed = land(&fixture, &staging, on_conflict).await;
        assert_eq!((told.added, told.updated), (landed.added, landed.updated));
        assert_eq!(told.tokens_added, landed.tokens_added);
        assert_eq!(told.refused, landed.refused);
        assert_eq!(told.tokens_refused, landed.tokens_refused);
    }
}

pub(super) async fn who_has_no_number_gets_one_after_all_others(fixture: Fixture) {
    let store = fixture.store();
    let by_name = |username: &str| OwnerRef::Name(username.to_owned());
    let nameless = |username| StagedUser { id: None, ..user(1, username) };
    let source = [nameless("ada"), user(40, "bob"), nameless("eve")];
    let tokens = [
        StagedToken { owner: by_name("ada"), ..token(0, "one") },
        StagedToken { owner: by_name("eve"), ..token(0, "two") },
    ];
    let staging = stage(&source, &tokens);
    land(&fixture, &staging, OnConflict::Skip).await;
    for (username, number) in [("bob", 40), ("ada", 41), ("eve", 42)] {
        assert_eq!(named(&*store, username).await.unwrap().id, UserId(number), "{username}");
    }
    for (text, owner) in [("one", 41), ("two", 42)] {
        assert_eq!(store.token(digest(text)).await.unwrap().unwrap().0.user, UserId(owner));
    }
    let landed = land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!((landed.added, landed.unchanged), (0, 3));
    assert_eq!(add(&*store, "next").await.id, UserId(43));
    let staging = stage(&[nameless("zoe"), user(60, "max")], &[]);
    land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!(named(&*store, "zoe").await.unwrap().id, UserId(61));
    assert_eq!(add(&*store, "last").await.id, UserId(62));
}

pub(super) async fn what_is_wrong_with_a_source_is_told(fixture: Fixture) {
    let store = fixture.store();
    let source = [
        user(1, "ada"),
        user(1, "again"),
        user(2, "ada"),
        user(3, "a name"),
        user(0, "nobody"),
        user(u64::MAX, "endless"),
    ];
    let short = StagedToken { digest: vec![1; 63], ..token(1, "short") };
    let unfound = StagedToken { knox_key: String::new(), ..old_token(1, "0f0f") };
    let tokens = [
        short,
        unfound,
        token(9, "nobody's"),
        token(3, "refused"),
        token(1, "one"),
        token(1, "one"),
    ];
    let staging = stage(&source, &tokens);
    let landed = land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!((landed.added, landed.tokens_added), (1, 1));
    let refused: Vec<_> = landed.refused.into_iter().collect();
    assert_eq!(
        refused,
        [
            (Refusal::NameTwice, 1),
            (Refusal::NameUnsound, 1),
            (Refusal::NumberTwice, 1),
            (Refusal::NumberUnsound, 2),
        ]
    );
    let refused: Vec<_> = landed.tokens_refused.into_iter().collect();
    let told = [
        (Refusal::DigestUnsound, 2),
        (Refusal::OwnerMissing, 1),
        (Refusal::OwnerRefused, 1),
        (Refusal::TokenTaken, 1),
    ];
    assert_eq!(refused, told);
    assert_eq!(named(&*store, "ada").await.unwrap().id, UserId(1));
    assert_eq!(add(&*store, "next").await.id, UserId(3 + 1));
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn names_that_move_on_are_all_taken_over(fixture: Fixture) {
    let store = fixture.store();
    let first = [user(1, "a"), user(2, "b"), user(3, "c")];
    land(&fixture, &stage(&first, &[]), OnConflict::Skip).await;
    let moved = |number, username: &str| StagedUser {
        username: username.to_owned(),
        ..user(number, "same")
    };
    let staging =
        stage(&[moved(1, "b"), moved(2, "c"), moved(3, "d"), user(4, "a")], &[token(4, "x")]);
    let landed = land(&fixture, &staging, OnConflict::Update).await;
    assert!(landed.refused.is_empty(), "{landed:?}");
    for (username, number) in [("b", 1), ("c", 2), ("d", 3), ("a", 4)] {
        assert_eq!(named(&*store, username).await.unwrap().id, UserId(number), "{username}");
    }
    assert!(is_good(&*store, "x").await);
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn whoever_is_stopped_begins_again_and_ends_the_same(fixture: Fixture) {
    let store = fixture.store();
    add(&*store, "here").await;
    let users: Vec<_> = (10..=3_000).map(|n| user(n, &format!("user{n}"))).collect();
    let tokens: Vec<_> = (10..=3_000).map(|n| token(n, &format!("token{n}"))).collect();
    let staging = stage(&users, &tokens);
    let order = order(OnConflict::Skip);
    let is_stopped = AtomicBool::new(false);
    let stop = |_: &str, _: u64| {
        is_stopped.store(true, Ordering::SeqCst);
        order.stop.tell();
    };
    let stopped = fixture.whole().land(&staging, &order, &stop).await;
    assert!(stopped.is_err() && is_stopped.load(Ordering::SeqCst));
    let there = store.users_after(None, 5_000).await.unwrap().len();
    assert!(0 < there && there < users.len(), "{there} users");
    let staging = stage(&users, &tokens);
    let landed = land(&fixture, &staging, OnConflict::Skip).await;
    assert_eq!(landed.added + landed.unchanged, 2_991);
    assert!(landed.added > 0 && landed.unchanged > 0, "{landed:?}");
    for number in [10, 11, 500, 1_000, 2_999, 3_000] {
        assert!(is_good(&*store, &format!("token{number}")).await, "{number}");
        assert_eq!(store.tokens_of(UserId(number), now()).await.unwrap().len(), 1);
    }
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn gateways_are_told_of_what_ends(fixture: Fixture) {
    let store = fixture.store();
    land(&fixture, &stage(&[user(1, "ada")], &[token(1, "one")]), OnConflict::Skip).await;
    let watched = Watched::begin(&store).await;
    watched.forget();
    land(&fixture, &stage(&[user(1, "ada")], &[]), OnConflict::Update).await;
    watched.until_told().await;
    assert!(watched.has_told(Change::Token(digest("one").key()), usize::MAX));
}

pub(super) async fn what_is_kept_of_an_old_digest_goes_with_its_token(fixture: Fixture) {
    let store = fixture.store();
    let texts = ["0f".repeat(32), "0f0f0f0f".to_owned() + &"1e".repeat(28)];
    let tokens: Vec<_> = texts.iter().map(|text| old_token(1, text)).collect();
    land(&fixture, &stage(&[user(1, "ada")], &tokens), OnConflict::Skip).await;
    let key = KnoxKey::parse("0f0f0f0f").unwrap();
    assert_eq!(store.old_digests(&key).await.unwrap().len(), 2);
    for (at, left) in [(0, 1), (1, 0)] {
        store.revoke_token(TokenDigest::padded(&tokens[at].digest)).await.unwrap();
        store.sweep(now()).await.unwrap();
        assert_eq!(store.old_digests(&key).await.unwrap().len(), left);
        assert_eq!(store.has_old_digests().await.unwrap(), left > 0);
    }
    is_in_order(&fixture.whole()).await;
}

pub(super) async fn what_came_along_is_saved_and_brought_back(fixture: Fixture) {
    let old = old_token(1, &"0f".repeat(32));
    let ada = StagedUser {
        groups: vec![GroupRef::Name("a".to_owned())],
        last_name: "Lovelace".to_owned(),
        ..user(1, "ada")
    };
    land(&fixture, &stage(&[ada], &[old, token(1, "one")]), OnConflict::Skip).await;
    let before = again(&*fixture.store(), UserId(1)).await;
    let folder = crate::harness::folder();
    let saved = folder.path().join("saved.db");
    let save = Save { at: now(), replaces: false, stop: Stop::default(), to: saved.clone() };
    fixture.whole().save(&save, &|_, _| {}).await.unwrap();
    let elsewhere = Settings::Sqlite { path: folder.path().join("elsewhere.db") };
    for whole in [Whole::of(&elsewhere).unwrap(), fixture.whole()] {
        let from = saved.clone();
        let order = Restore { at: now(), from, keeps_tokens: true, replaces: true };
        whole.restore(&order, &|_, _| {}).await.unwrap();
        is_in_order(&whole).await;
    }
    for store in [authgate::store::open(&elsewhere).unwrap(), fixture.another()] {
        let ada = named(&*store, "ada").await.unwrap();
        assert_eq!(ada.profile, before.profile);
        let (record, _) = store.token(digest("one")).await.unwrap().unwrap();
        assert!(record.knox_key == KnoxKey::parse("one"));
        let found = store.old_digests(&KnoxKey::parse("0f0f0f0f").unwrap()).await.unwrap();
        assert_eq!(found.len(), 1);
        assert!(store.token(found[0].digest).await.unwrap().is_some());
    }
    assert_eq!(name("ada"), before.username);
}
