//! Tokens that were moved in with the digests of other programs: they let in, get a digest of ours at
//! their first use, and once ended stay ended, in whichever state.

mod beside;
mod ending;
mod in_use;
mod lost;
mod together;

use crate::harness::accounts::{accounts_of, create, parts, quick_hasher};
use crate::harness::{folder, until, wait_for};
use authgate::auth::{Auth, AuthError, LimitSettings, Parts, PasswordHasher};
use authgate::clock::{Clock, ManualClock, SystemClock};
use authgate::metrics::Metrics;
use authgate::model::password::Password;
use authgate::model::token::{
    DigestHash, DigestOver, DigestScheme, KnoxKey, Token, TokenAbout, TokenDigest, TokenId,
    TokenRecord,
};
use authgate::model::user::User;
use authgate::store::sqlite::SqliteStore;
use authgate::store::{EventQuery, Issue, NewToken, Observed, Store};
use rusqlite::{Connection, params};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const KNOX_4_2: DigestScheme = DigestScheme { hash: DigestHash::Sha512, over: DigestOver::Bytes };
const KNOX_4_1: DigestScheme =
    DigestScheme { hash: DigestHash::Sha512, over: DigestOver::BytesAndSalt };
const SHA3: DigestScheme = DigestScheme { hash: DigestHash::Sha3_256, over: DigestOver::Text };

/// A token as knox makes them, by number.
fn token(number: u64) -> Token {
    Token::new(format!("{number:08x}").repeat(8))
}

struct World {
    auth: Arc<Auth>,
    /// What runs beside the requests.
    _beside: JoinSet<()>,
    clock: Arc<ManualClock>,
    folder: TempDir,
    metrics: Arc<Metrics>,
    store: Arc<SqliteStore>,
    user: User,
}

/// A gateway on a file, without limits.
fn gateway(folder: &TempDir, clock: &Arc<ManualClock>) -> Parted {
    gateway_of(folder, clock, LimitSettings::off())
}

type Parted = (Arc<Auth>, Arc<Metrics>, Arc<SqliteStore>);

fn gateway_of(folder: &TempDir, clock: &Arc<ManualClock>, limits: LimitSettings) -> Parted {
    let store = Arc::new(SqliteStore::open(&folder.path().join("authgate.db")).unwrap());
    let metrics = Arc::<Metrics>::default();
    let observed = Observed::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&metrics));
    let parts = Parts {
        metrics: Arc::clone(&metrics),
        ..parts(Arc::new(observed), Arc::clone(clock) as Arc<dyn Clock>)
    };
    (Arc::new(accounts_of(parts, limits)), metrics, store)
}

impl World {
    async fn new() -> Self {
        let (folder, clock) = (folder(), Arc::new(ManualClock::at(SystemClock.now())));
        let (auth, metrics, store) = gateway(&folder, &clock);
        let user = create(&auth, "ada").await;
        let (mut beside, rewriter) = (JoinSet::new(), Arc::clone(&auth));
        beside.spawn(async move { rewriter.rewrite_tokens().await });
        Self { auth, _beside: beside, clock, folder, metrics, store, user }
    }

    fn db(&self) -> Connection {
        Connection::open(self.folder.path().join("authgate.db")).unwrap()
    }

    /// Moves a token in as a program has kept it.
    async fn move_in(&self, token: &Token, scheme: DigestScheme, salt: &[u8]) -> TokenDigest {
        self.move_in_of(&self.user, token, scheme, salt).await
    }

    /// The same of somebody else.
    async fn move_in_of(
        &self,
        user: &User,
        token: &Token,
        scheme: DigestScheme,
        salt: &[u8],
    ) -> TokenDigest {
        let length = if scheme.over == DigestOver::Text { 15 } else { 8 };
        let knox_key = KnoxKey::of(token, length).unwrap();
        let digest = TokenDigest::padded(&scheme.digest(token.expose(), salt).unwrap());
        let record = TokenRecord {
            created: self.clock.now(),
            digest,
            epoch: self.store.user(user.id).await.unwrap().unwrap().epoch,
            expires: Some(self.clock.now().plus(Duration::from_hours(1))),
            former: None,
            knox_key: Some(knox_key.clone()),
            user: user.id,
        };
        let about = TokenAbout::default();
        let new = NewToken { about, is_login: false, limit: None, record };
        assert_eq!(self.store.issue_token(new).await.unwrap(), Issue::Done);
        let sql =
            "INSERT INTO old_digests (digest, knox_key, scheme, salt) VALUES (?1, ?2, ?3, ?4)";
        let columns = params![digest.as_bytes(), knox_key.as_str(), scheme.to_string(), salt];
        self.db().execute(sql, columns).unwrap();
        digest
    }

    /// A token as it is if the one that rewrote it had not come to the end of it.
    async fn in_both_states(&self, token: &Token) -> TokenDigest {
        let old = self.move_in(token, KNOX_4_2, b"").await;
        let (record, _) = self.store.token(old).await.unwrap().unwrap();
        let record = TokenRecord { digest: token.digest(), ..record };
        let about = TokenAbout::default();
        let new = NewToken { about, is_login: false, limit: None, record };
        assert_eq!(self.store.issue_token(new).await.unwrap(), Issue::Done);
        old
    }

    /// Returns when a token that was used has been rewritten, and no other is left.
    async fn rewritten(&self, token: &Token) {
        until("it is rewritten", async || {
            self.has(token.digest()).await && !self.store.has_old_digests().await.unwrap()
        })
        .await;
    }

    /// Whether the store has a token, good or not.
    async fn has(&self, digest: TokenDigest) -> bool {
        self.store.token(digest).await.unwrap().is_some()
    }

    /// Gives the user a password.
    fn with_password(&self, text: &str) {
        let hash = quick_hasher().hash(&Password::new(text.to_owned())).unwrap();
        let db = self.db();
        db.execute("UPDATE users SET password = ?1", [hash.expose()]).unwrap();
    }

    async fn lets_in(&self, token: &Token) -> bool {
        lets_in(&self.auth, token).await
    }

    async fn digests(&self) -> Vec<TokenDigest> {
        let tokens = self.store.tokens_of(self.user.id, self.clock.now()).await.unwrap();
        tokens.into_iter().map(|token| token.record.digest).collect()
    }

    /// How often the store was asked for anything.
    fn asked(&self) -> u64 {
        let text = self.metrics.render().unwrap();
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("authgate_store_latency_seconds_count "));
        count.unwrap().parse().unwrap()
    }

    /// How often the store is asked for ten tokens that nobody has.
    async fn asked_for_unknown(&self, first: u64) -> u64 {
        let before = self.asked();
        for n in first..first + 10 {
            assert!(!self.lets_in(&token(n)).await);
        }
        self.asked() - before
    }
}

async fn lets_in(auth: &Auth, token: &Token) -> bool {
    match auth.authenticate(token, CLIENT).await {
        Ok(_) => true,
        Err(AuthError::InvalidToken | AuthError::InactiveUser) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_token_of_any_scheme_lets_in_and_is_rewritten_at_its_first_use() {
    wait_for(async {
        let world = World::new().await;
        for (n, (scheme, salt)) in
            [(KNOX_4_2, &b""[..]), (KNOX_4_1, b"\x01\xff"), (SHA3, b"")].into_iter().enumerate()
        {
            let token = token(n as u64);
            let old = world.move_in(&token, scheme, salt).await;
            let (was, _) = world.store.token(old).await.unwrap().unwrap();
            assert!(world.lets_in(&token).await, "{scheme}");
            world.rewritten(&token).await;
            let (is, _) = world.store.token(token.digest()).await.unwrap().unwrap();
            assert!((is.created, is.expires, is.epoch) == (was.created, was.expires, was.epoch));
            assert!(is.knox_key == KnoxKey::of(&token, 15), "as knox 5 finds it");
            let former = is.former.unwrap();
            assert!(former.knox_key == was.knox_key.unwrap());
            assert!((former.digest, former.scheme, &*former.salt) == (old, scheme, salt));
            assert_eq!(world.digests().await.len(), n + 1);
            assert!(world.lets_in(&token).await, "{scheme}");
            let asked = world.asked();
            assert!(world.lets_in(&token).await, "{scheme}");
            assert_eq!(world.asked(), asked + 1, "once rewritten it costs no more than others");
        }
        assert!(!world.store.has_old_digests().await.unwrap());
    });
}

#[test]
fn capitals_in_a_token_of_knox_4_are_all_one_before_and_after_it_is_rewritten() {
    wait_for(async {
        let world = World::new().await;
        let plain = Token::new("0123abcd".to_owned() + &"4567ef89".repeat(7));
        // What finds it is compared as it is, in knox too.
        let loud = Token::new("0123abcd".to_owned() + &"4567EF89".repeat(7));
        world.move_in(&plain, KNOX_4_2, b"").await;
        assert!(world.lets_in(&loud).await);
        let (_, held) = world.auth.identify(&loud, CLIENT).await.unwrap();
        world.rewritten(&plain).await;
        assert!(world.lets_in(&plain).await && world.lets_in(&loud).await);
        let louder = Token::new(loud.expose().to_ascii_uppercase());
        assert!(!world.lets_in(&louder).await, "knox does not find it");
        assert!(world.auth.check(held).await.is_ok());
        let caller = world.auth.authenticate(&loud, CLIENT).await.unwrap();
        world.auth.logout(&loud, &caller, CLIENT).await.unwrap();
        assert!(!world.lets_in(&plain).await && !world.lets_in(&loud).await);
        assert!(world.digests().await.is_empty());
        world.auth.flush_events(Duration::from_secs(5)).await;
        let events = world.store.events(&EventQuery::newest(1)).await.unwrap().events;
        let id = TokenId { user: world.user.id, head: plain.digest().head() };
        assert_eq!(events[0].detail, Some(id.to_string()), "as it was listed");
        // To knox 5, and here, they are not.
        let text = Token::new("fedc".repeat(16));
        world.move_in(&text, SHA3, b"").await;
        assert!(world.lets_in(&text).await);
        world.rewritten(&text).await;
        assert!(!world.lets_in(&Token::new("FEDC".repeat(16))).await);
    });
}

#[test]
fn a_token_that_only_begins_like_an_old_one_lets_nobody_in() {
    wait_for(async {
        let world = World::new().await;
        let good = token(7);
        let old = world.move_in(&good, KNOX_4_2, b"").await;
        let alike = good.expose().replace('7', "8");
        for other in [
            alike.clone(),
            format!("{}{}", &good.expose()[..16], &alike[16..]),
            format!("{}00", good.expose()),
        ] {
            assert!(!world.lets_in(&Token::new(other)).await);
        }
        assert!(world.digests().await == [old]);
    });
}

#[test]
fn without_old_digests_an_unknown_token_costs_nothing_more() {
    wait_for(async {
        let world = World::new().await;
        // With the first of them it is asked whether there are any old ones.
        assert!(!world.lets_in(&token(99)).await);
        assert_eq!(world.asked_for_unknown(0).await, 10);
        world.clock.advance(Duration::from_secs(5));
        let moved = token(77);
        world.move_in(&moved, KNOX_4_2, b"").await;
        assert!(world.lets_in(&moved).await, "five seconds later it is known that there are some");
    });
}

#[test]
fn with_old_digests_an_unknown_token_costs_so_many_looks_and_no_more() {
    wait_for(async {
        let world = World::new().await;
        world.move_in(&token(77), KNOX_4_2, b"").await;
        assert!(!world.lets_in(&token(99)).await);
        // By the first 8 and by the first 15 characters, and anew by its digest: another gateway may have
        // rewritten it meanwhile.
        assert_eq!(world.asked_for_unknown(0).await, 40);
    });
}
