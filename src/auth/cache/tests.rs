use super::*;
use crate::clock::{ManualClock, Timestamp};
use crate::model::email::Email;
use crate::model::password::PasswordHash;
use crate::model::token::Token;
use crate::model::user::{Profile, Username};

const SECOND: Duration = Duration::from_secs(1);

struct Rig {
    cache: Cache,
    clock: Arc<ManualClock>,
}

impl Rig {
    fn new() -> Self {
        Self::of_size(1 << 20)
    }

    fn of_size(size: u64) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        let settings = CacheSettings { feed_timeout: SECOND, outage_grace: 2 * SECOND, size };
        let cache = Cache::new(settings, Arc::<ManualClock>::clone(&clock), Arc::default());
        let rig = Self { cache, clock };
        rig.beat();
        rig
    }

    fn beat(&self) {
        self.cache.told_until(self.clock.instant());
    }

    fn put(&self, text: &str, user: u64) -> TokenDigest {
        let digest = digest(text);
        self.cache.put(&digest, Some((record(digest, user), a_user(user))), self.cache.count());
        digest
    }

    fn knows(&self, digest: &TokenDigest) -> bool {
        matches!(self.cache.recall(digest), Recall::Known(_))
    }
}

fn digest(text: &str) -> TokenDigest {
    Token::new(text.to_owned()).digest()
}

fn record(digest: TokenDigest, user: u64) -> TokenRecord {
    let created = Timestamp::from_micros(0);
    TokenRecord {
        created,
        digest,
        epoch: 0,
        expires: None,
        former: None,
        knox_key: None,
        user: UserId(user),
    }
}

fn a_user(id: u64) -> User {
    User {
        email: Email::stored("ada@example.com".to_owned()),
        epoch: 0,
        id: UserId(id),
        is_active: true,
        is_staff: false,
        joined: Timestamp::from_micros(0),
        last_login: None,
        must_change: false,
        password: PasswordHash::new(String::new()),
        profile: Profile::default(),
        username: Username::parse("ada").unwrap(),
    }
}

#[test]
fn what_was_put_is_recalled() {
    let rig = Rig::new();
    let token = rig.put("a", 1);
    let Recall::Known(facts) = rig.cache.recall(&token) else { panic!() };
    assert_eq!(facts.user.names.username(), "ada");
    assert_eq!(facts.token.user, UserId(1));
    assert_eq!(facts.token.expires(), None);
}

#[test]
fn nothing_is_recalled_unless_the_feed_was_heard_in_time() {
    let rig = Rig::new();
    let token = rig.put("a", 1);
    rig.clock.advance(Duration::from_millis(999));
    assert!(rig.knows(&token));
    rig.clock.advance(Duration::from_millis(1));
    assert!(!rig.knows(&token));
    rig.beat();
    assert!(rig.knows(&token));
    assert!(rig.cache.distrust());
    assert!(!rig.knows(&token));
    assert!(!rig.cache.distrust());
}

#[test]
fn in_an_outage_memory_answers_for_the_grace_after_the_trust() {
    let rig = Rig::new();
    let token = rig.put("a", 1);
    rig.cache.distrust();
    rig.clock.advance(Duration::from_millis(2_999));
    assert!(!rig.knows(&token));
    assert!(rig.cache.recall_in_outage(&token).is_some());
    rig.clock.advance(Duration::from_millis(1));
    assert!(rig.cache.recall_in_outage(&token).is_none());
}

#[test]
fn what_changes_in_an_outage_is_forgotten_too() {
    for change in [Change::Everything, Change::Token(digest("a").key()), Change::User(UserId(1))] {
        let rig = Rig::new();
        let token = rig.put("a", 1);
        rig.cache.distrust();
        rig.cache.changed(change);
        assert!(rig.cache.recall_in_outage(&token).is_none());
    }
}

#[test]
fn a_store_that_answers_and_tells_nothing_ends_the_grace() {
    let rig = Rig::new();
    let token = rig.put("a", 1);
    rig.cache.store_answers();
    assert!(rig.cache.recall_in_outage(&token).is_some());
    rig.cache.distrust();
    rig.cache.store_answers();
    assert!(rig.cache.recall_in_outage(&token).is_none());
}

#[test]
fn what_changes_is_forgotten_and_nothing_else() {
    let rig = Rig::new();
    let (one, two, three) = (rig.put("one", 1), rig.put("two", 1), rig.put("three", 3));
    rig.cache.changed(Change::Token(one.key()));
    assert_eq!([one, two, three].map(|token| rig.knows(&token)), [false, true, true]);
    rig.cache.changed(Change::User(UserId(1)));
    assert_eq!([one, two, three].map(|token| rig.knows(&token)), [false, false, true]);
}

#[test]
fn when_anything_may_have_changed_nothing_is_recalled_even_after_the_next_proof() {
    let rig = Rig::new();
    let token = rig.put("a", 1);
    rig.cache.changed(Change::Everything);
    assert!(!rig.knows(&token));
    rig.beat();
    assert!(!rig.knows(&token));
    assert!(rig.put("a", 1) == token && rig.knows(&token));
}

#[test]
fn what_changed_while_it_was_read_is_not_put() {
    let token = digest("a");
    for change in [Change::Everything, Change::Token(token.key()), Change::User(UserId(1))] {
        let rig = Rig::new();
        let before = rig.cache.count();
        rig.cache.changed(change);
        rig.cache.put(&token, Some((record(token, 1), a_user(1))), before);
        rig.beat();
        assert!(!rig.knows(&token));
    }
}

#[test]
fn a_token_that_nobody_has_is_remembered_until_someone_has_it() {
    let rig = Rig::new();
    let token = digest("a");
    let none = |rig: &Rig| matches!(rig.cache.recall(&token), Recall::Nobodys);
    rig.cache.put(&token, None, rig.cache.count());
    assert!(none(&rig));
    rig.cache.changed(Change::Token(token.key()));
    assert!(!none(&rig));
    rig.cache.put(&token, None, rig.cache.count());
    rig.clock.advance(UNKNOWN_FOR);
    rig.beat();
    assert!(!none(&rig));
}

#[test]
fn a_token_that_nobody_has_still_is_remembered_anew() {
    let rig = Rig::new();
    let token = digest("a");
    for _ in 0..3 {
        rig.cache.put(&token, None, rig.cache.count());
        assert!(matches!(rig.cache.recall(&token), Recall::Nobodys));
        rig.clock.advance(UNKNOWN_FOR);
        rig.beat();
        assert!(matches!(rig.cache.recall(&token), Recall::Nothing));
    }
}

#[test]
fn memory_is_bounded_and_unknown_tokens_drive_out_no_others() {
    let rig = Rig::of_size(1 << 20);
    let good = rig.put("good", 1);
    for number in 0..20_000 {
        rig.cache.put(&digest(&number.to_string()), None, rig.cache.count());
    }
    assert!(rig.knows(&good));
    for number in 0..20_000 {
        rig.put(&format!("good {number}"), number);
    }
    let Cache { tokens, unknown, users, .. } = &rig.cache;
    let bytes = tokens.bytes() + unknown.bytes() + users.bytes();
    assert!((1 << 19..1 << 20).contains(&bytes), "{bytes}");
}

#[test]
fn a_memory_of_no_size_recalls_nothing() {
    let rig = Rig::of_size(0);
    let token = rig.put("a", 1);
    assert!(!rig.knows(&token));
}
