//! Users who were moved in with hashes of other programs: they get in, and neither work nor answer tells
//! their names from those that nobody has.

use crate::harness::accounts::{accounts_of, create, parts, quick_hasher};
use crate::harness::{folder, wait_for};
use authgate::auth::{
    Argon2Hasher, Auth, AuthError, HashError, LimitSettings, LoginAttempt, Parts, PasswordHasher,
    Proved, Verdict, hash_kind,
};
use authgate::clock::{Clock, ManualClock, SystemClock};
use authgate::model::email::Email;
use authgate::model::password::{Password, PasswordHash};
use authgate::model::user::{NewUser, Profile, UserChange, UserId, Username};
use authgate::store::sqlite::SqliteStore;
use authgate::store::staging::KindCount;
use authgate::store::{Inserted, Store};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Of `"secret"`.
const PBKDF2: &str = "pbkdf2_sha256$1$salt$ON9CizCTCOSMNofn+QvaDpzyU1aMIex1Sg4HarSrZCM=";
const OWN: &str = "argon2id, m=64 t=1 p=1";
const OLD: &str = "pbkdf2_sha256, 1 iterations";

/// Notes of what kind each hash was that a password was compared with.
struct Spy {
    hasher: Argon2Hasher,
    seen: Mutex<Vec<String>>,
}

impl PasswordHasher for Spy {
    fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        self.hasher.hash(password)
    }

    fn verify(&self, password: &Password, against: &PasswordHash) -> Verdict {
        self.seen.lock().unwrap().push(hash_kind(against.expose()).name);
        self.hasher.verify(password, against)
    }

    fn can_verify(&self, against: &PasswordHash) -> bool {
        self.hasher.can_verify(against)
    }
}

struct World {
    auth: Auth,
    clock: Arc<ManualClock>,
    folder: TempDir,
    spy: Arc<Spy>,
    store: Arc<SqliteStore>,
}

impl World {
    fn new() -> Self {
        Self::on(folder())
    }

    fn on(folder: TempDir) -> Self {
        let store = Arc::new(SqliteStore::open(&folder.path().join("authgate.db")).unwrap());
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let spy = Arc::new(Spy { hasher: quick_hasher(), seen: Mutex::default() });
        let parts = Parts {
            hasher: Arc::clone(&spy) as Arc<dyn PasswordHasher>,
            ..parts(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&clock) as Arc<dyn Clock>)
        };
        Self { auth: accounts_of(parts, LimitSettings::off()), clock, folder, spy, store }
    }

    /// Adds a user with a hash as it was moved in.
    async fn user(&self, name: &str, hash: &str) -> UserId {
        let user = NewUser {
            email: Email::parse("").unwrap(),
            is_staff: false,
            joined: self.clock.now(),
            must_change: false,
            password: PasswordHash::new(hash.to_owned()),
            profile: Profile::default(),
            username: Username::parse(name).unwrap(),
        };
        match self.store.insert_user(user).await.unwrap() {
            Inserted::Done(user) => user.id,
            Inserted::NameTaken => panic!("{name} is taken"),
        }
    }

    /// Types a password, and says whether it let in, and of what kinds the hashes were with which it was
    /// compared.
    async fn login(&self, name: &str, password: &str) -> (bool, Vec<String>) {
        self.spy.seen.lock().unwrap().clear();
        let attempt = LoginAttempt {
            password: Password::new(password.to_owned()),
            user_agent: None,
            username: name.to_owned(),
        };
        let outcome = self.auth.login(attempt, [192, 0, 2, 7].into()).await;
        assert!(matches!(outcome, Ok(_) | Err(AuthError::BadCredentials)), "{:?}", outcome.err());
        (outcome.is_ok(), std::mem::take(&mut *self.spy.seen.lock().unwrap()))
    }

    /// Of 40 names that nobody has, how many cost what an old hash does. The others cost what a new one
    /// does, and each costs one hash.
    async fn old_ones(&self) -> usize {
        self.picks().await.into_iter().filter(|is_old| *is_old).count()
    }

    async fn picks(&self) -> Vec<bool> {
        let mut picks = Vec::new();
        for n in 0..40 {
            let (is_in, seen) = self.login(&format!("nobody{n}"), "secret").await;
            assert!(!is_in && (seen == [OLD] || seen == [OWN]), "{seen:?}");
            picks.push(seen == [OLD]);
        }
        picks
    }

    async fn note(&self, counts: [(&str, u64, u64); 2]) {
        let counts = counts.map(|(kind, users, troubled)| KindCount {
            kind: kind.to_owned(),
            troubled,
            users,
        });
        let added = counts.iter().map(|count| count.users).sum();
        self.auth.note_imported(&counts, added).await.unwrap();
    }
}

#[test]
fn who_was_moved_in_logs_in_and_their_hash_is_replaced() {
    wait_for(async {
        let world = World::new();
        let ada = world.user("ada", PBKDF2).await;
        assert_eq!(world.login("ada", "Secret").await, (false, vec![OLD.to_owned()]));
        assert_eq!(world.login("ada", "secret").await, (true, vec![OLD.to_owned()]));
        let kept = world.store.user(ada).await.unwrap().unwrap().password;
        assert_eq!(hash_kind(kept.expose()).name, OWN);
        assert_eq!(world.login("ada", "secret").await, (true, vec![OWN.to_owned()]));
    });
}

#[test]
fn unknown_names_cost_what_users_cost_who_were_moved_in() {
    wait_for(async {
        let world = World::new();
        assert_eq!(world.old_ones().await, 0);
        for n in 0..4 {
            world.user(&format!("user{n}"), PBKDF2).await;
        }
        world.note([(OLD, 3, 0), ("unusable", 1, 1)]).await;
        // What is known is good for a minute.
        assert_eq!(world.old_ones().await, 0);
        world.clock.advance(Duration::from_mins(1));
        assert_eq!(world.old_ones().await, 40);
        for n in 4..8 {
            world.user(&format!("user{n}"), PBKDF2).await;
        }
        world.note([(OLD, 0, 0), ("unusable", 1, 0)]).await;
        world.clock.advance(Duration::from_mins(1));
        let some = world.old_ones().await;
        assert!((5..35).contains(&some), "{some}");
        // Another gateway says the same of each name.
        let (before, other) = (world.picks().await, World::on(world.folder));
        assert_eq!(other.picks().await, before);
    });
}

#[test]
fn as_users_register_and_get_other_passwords_unknown_names_cost_what_new_users_do() {
    wait_for(async {
        let world = World::new();
        for n in 0..6 {
            world.user(&format!("user{n}"), PBKDF2).await;
        }
        world.note([(OLD, 6, 0), ("unusable", 0, 0)]).await;
        let all = world.picks().await;
        assert!(all.iter().all(|is_old| *is_old));
        for n in 0..6 {
            create(&world.auth, &format!("new{n}")).await;
        }
        world.clock.advance(Duration::from_mins(1));
        let half = world.picks().await;
        let count = |picks: &[bool]| picks.iter().filter(|is_old| **is_old).count();
        assert!((8..32).contains(&count(&half)), "{half:?}");
        let user = async |n: usize| {
            let name = Username::parse(&format!("user{n}")).unwrap();
            world.store.user_by_name(&name).await.unwrap().unwrap()
        };
        for n in 0..3 {
            let by = || Proved::command_line();
            let password = Password::new("correct horse battery".to_owned());
            world.auth.set_password(&user(n).await, password, false, by()).await.unwrap();
            world.auth.delete_user(&user(n + 3).await, by()).await.unwrap();
        }
        world.clock.advance(Duration::from_mins(1));
        assert_eq!(world.old_ones().await, 0);
        // Nor does another gateway know anything else.
        assert_eq!(World::on(world.folder).old_ones().await, 0);
    });
}

#[test]
fn a_name_whose_hash_never_verifies_costs_what_unknown_ones_do() {
    wait_for(async {
        let world = World::new();
        world.note([(OLD, 1, 0), ("unusable", 0, 0)]).await;
        let beyond = "pbkdf2_sha256$10000001$salt$VgSKfwHDSyB3YVYMqZOSFRzR7wjGG9PRmn4oCnVN0jI=";
        for (n, hash) in ["!", "!abc", "", "secret", "md5$a$b", "pbkdf2_sha256$1$s$", beyond]
            .into_iter()
            .enumerate()
        {
            let name = format!("user{n}");
            world.user(&name, hash).await;
            assert_eq!(world.login(&name, "secret").await, (false, vec![OLD.to_owned()]), "{hash}");
        }
    });
}

#[test]
fn who_is_locked_out_costs_one_hash_of_their_own() {
    wait_for(async {
        let world = World::new();
        let ada = world.user("ada", PBKDF2).await;
        world.store.change_user(ada, UserChange::Active(false)).await.unwrap();
        for password in ["secret", "wrong"] {
            assert_eq!(world.login("ada", password).await, (false, vec![OLD.to_owned()]));
        }
    });
}

#[test]
fn once_all_have_logged_in_unknown_names_cost_what_new_users_do() {
    wait_for(async {
        let world = World::new();
        for n in 0..3 {
            world.user(&format!("user{n}"), PBKDF2).await;
        }
        world.note([(OLD, 3, 0), ("unusable", 0, 0)]).await;
        assert_eq!(world.old_ones().await, 40);
        for n in 0..3 {
            assert!(world.login(&format!("user{n}"), "secret").await.0);
        }
        world.clock.advance(Duration::from_mins(1));
        assert_eq!(world.old_ones().await, 0);
        // Whoever looks at the store hears of it, too.
        assert_eq!(World::on(world.folder).old_ones().await, 0);
    });
}
