//! What ends by itself, by a clock that the test moves.

use crate::harness::accounts::{accounts, registration};
use crate::harness::gateway::PASSWORD;
use crate::harness::redis_server::RedisServer;
use crate::harness::{folder, wait_for};
use authgate::auth::{
    Auth, AuthError, Confirmed, Lifetime, LoginAttempt, ManageError, NewRights, NewTokenTerms,
    OwnProof, Proved, RegisterError, SecondStep, SessionId, SessionSettings, SetupError, SignIn,
    Visitor,
};
use authgate::clock::{Clock, ManualClock, SystemClock};
use authgate::model::event::Actor;
use authgate::model::password::Password;
use authgate::model::user::User;
use authgate::store::Store;
use authgate::store::redis::RedisStore;
use authgate::store::sqlite::SqliteStore;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use totp_rs::{Builder, Secret, Totp};

const SESSIONS: SessionSettings =
    SessionSettings { idle: Duration::from_mins(30), lifetime: Duration::from_hours(12) };

/// Accounts in a store of their own, by a clock that stands still.
struct World {
    auth: Auth,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let folder = folder();
        let store = Arc::new(SqliteStore::open(&folder.path().join("authgate.db")).unwrap());
        Self::on(store, folder)
    }

    fn on(store: Arc<dyn Store>, folder: TempDir) -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let auth = accounts(store, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { auth, clock, _folder: folder }
    }

    async fn operator(&self) -> User {
        let rights = NewRights { is_staff: true, must_change: false };
        self.auth.create_user(registration("ada"), rights, Proved::command_line()).await.unwrap()
    }

    async fn sign_in(&self) -> SignIn {
        let attempt = LoginAttempt {
            password: Password::new(PASSWORD.to_owned()),
            user_agent: None,
            username: "ada".to_owned(),
        };
        self.auth.sign_in(attempt, &visitor(), SESSIONS).await.unwrap()
    }

    async fn session(&self) -> SessionId {
        match self.sign_in().await {
            SignIn::Done(id, _) => id,
            SignIn::NeedsCode(_) => panic!("a code is wanted"),
        }
    }

    async fn is_in(&self, id: &SessionId) -> bool {
        self.auth.session(id, SESSIONS).await.unwrap().is_some()
    }

    async fn app(&self, user: &User) -> Totp {
        let enrolment = self.auth.begin_second_factor(user, Proved::command_line()).await.unwrap();
        let secret = Secret::try_from_base32(&*enrolment.secret).unwrap();
        Builder::new().with_secret(secret).build().unwrap()
    }

    fn code(&self, app: &Totp) -> String {
        app.generate(u64::try_from(self.clock.now().micros() / 1_000_000).unwrap()).to_string()
    }
}

fn visitor() -> Visitor {
    Visitor::new([192, 0, 2, 7].into(), "a browser")
}

#[test]
fn a_session_holds_for_half_an_hour_of_quiet_and_twelve_hours_in_all() {
    wait_for(async {
        let redis = RedisServer::start();
        let store = Arc::new(RedisStore::open(&redis.url()).unwrap());
        for world in [World::new(), World::on(store, folder())] {
            world.operator().await;
            let id = world.session().await;
            for _ in 0..24 {
                world.clock.advance(Duration::from_mins(29));
                assert!(world.is_in(&id).await);
            }
            world.clock.advance(Duration::from_mins(25));
            assert!(!world.is_in(&id).await);
            let id = world.session().await;
            world.clock.advance(Duration::from_mins(31));
            assert!(!world.is_in(&id).await);
        }
    });
}

#[test]
fn settings_that_become_shorter_end_sessions_that_are_there() {
    wait_for(async {
        let world = World::new();
        world.operator().await;
        let id = world.session().await;
        world.clock.advance(Duration::from_mins(10));
        let shorter = SessionSettings { idle: Duration::from_mins(5), ..SESSIONS };
        assert!(world.auth.session(&id, shorter).await.unwrap().is_none());
    });
}

#[test]
fn a_link_for_the_first_operator_is_good_for_a_quarter_of_an_hour() {
    wait_for(async {
        let world = World::new();
        let code = world.auth.offer_setup().await.unwrap().unwrap();
        world.clock.advance(Duration::from_mins(14));
        assert!(world.auth.setup_is_open(&code).await.unwrap());
        world.clock.advance(Duration::from_mins(2));
        assert!(!world.auth.setup_is_open(&code).await.unwrap());
        let made = world.auth.set_up(&code, registration("ada"), &visitor(), SESSIONS).await;
        assert!(matches!(made, Err(SetupError::Closed)));
        let code = world.auth.offer_setup().await.unwrap().unwrap();
        let made = world.auth.set_up(&code, registration("ada"), &visitor(), SESSIONS).await;
        assert!(world.is_in(&made.ok().unwrap()).await);
        assert!(world.auth.offer_setup().await.unwrap().is_none());
    });
}

#[test]
fn a_code_is_typed_within_five_minutes_of_the_password() {
    wait_for(async {
        let world = World::new();
        let ada = world.operator().await;
        let app = world.app(&ada).await;
        let code = world.code(&app);
        let confirmed = world.auth.confirm_second_factor(&ada, &code, Actor::CommandLine);
        assert!(matches!(confirmed.await.unwrap(), Confirmed::Done(_)));
        for (seconds, lets_in) in [(299, true), (301, false)] {
            let SignIn::NeedsCode(half) = world.sign_in().await else {
                panic!("no code is wanted")
            };
            world.clock.advance(Duration::from_secs(seconds));
            let code = world.code(&app);
            let step = world.auth.finish_sign_in(&half, &code, &visitor(), SESSIONS).await.unwrap();
            assert_eq!(matches!(step, SecondStep::Done(..)), lets_in, "{seconds}");
        }
    });
}

#[test]
fn a_new_key_is_confirmed_within_a_quarter_of_an_hour() {
    wait_for(async {
        let world = World::new();
        let ada = world.operator().await;
        let app = world.app(&ada).await;
        world.clock.advance(Duration::from_mins(16));
        let code = world.code(&app);
        let confirmed = world.auth.confirm_second_factor(&ada, &code, Actor::CommandLine);
        assert!(matches!(confirmed.await.unwrap(), Confirmed::Over));
        assert!(!world.auth.has_second_factor(ada.id).await.unwrap());
    });
}

#[test]
fn a_session_counts_as_its_owners_for_ten_minutes_after_a_sign_in_or_a_proof() {
    wait_for(async {
        let world = World::new();
        let ada = world.operator().await;
        let id = world.session().await;
        let from = visitor().from;
        let is_proved = async || {
            let session = world.auth.session(&id, SESSIONS).await.unwrap().unwrap();
            world.auth.proved_lately(&session, from).is_some()
        };
        world.clock.advance(Duration::from_secs(599));
        assert!(is_proved().await);
        world.clock.advance(Duration::from_secs(1));
        assert!(!is_proved().await);
        for (password, is_right) in [("wrong", false), (PASSWORD, true)] {
            let proof = OwnProof { code: "", password: Password::new(password.to_owned()) };
            let proved = world.auth.prove(&id, &ada, proof, from).await.unwrap();
            assert_eq!((proved.is_ok(), is_proved().await), (is_right, is_right));
        }
        world.clock.advance(Duration::from_secs(599));
        assert!(is_proved().await);
        world.clock.advance(Duration::from_secs(1));
        assert!(!is_proved().await);
    });
}

#[test]
fn a_proof_of_a_while_ago_lets_in_no_operator_whatever_a_page_forgets() {
    wait_for(async {
        let world = World::new();
        let auth = &world.auth;
        let ada = world.operator().await;
        let session = auth.session(&world.session().await, SESSIONS).await.unwrap().unwrap();
        let lately = || auth.proved_lately(&session, visitor().from).unwrap();
        let staff = NewRights { is_staff: true, must_change: false };
        let made = auth.create_user(registration("bob"), staff, lately()).await;
        assert!(matches!(made, Err(RegisterError::Auth(AuthError::Unproved))));
        let bob = auth.create_user(registration("bob"), NewRights::default(), lately()).await;
        let bob = bob.unwrap();
        let password = || Password::new("another-Word-9".to_owned());
        let terms = || NewTokenTerms { lifetime: Lifetime::Forever, name: None };
        auth.set_password(&bob, password(), true, lately()).await.unwrap();
        let bob = auth.user_numbered(bob.id).await.unwrap();
        auth.create_token(bob.clone(), terms(), lately()).await.ok().unwrap();
        let eve =
            auth.create_user(registration("eve"), staff, Proved::command_line()).await.unwrap();
        let out = auth.deactivate(&eve, Actor::CommandLine).await.unwrap().user;
        let refused = [
            auth.promote(&bob, lately()).await.err(),
            auth.activate(&out, lately()).await.err(),
            auth.set_password(&ada, password(), false, lately()).await.err(),
            auth.keep_password(&ada, lately()).await.err(),
            auth.delete_user(&out, lately()).await.err(),
            auth.create_token(ada.clone(), terms(), lately()).await.err(),
            auth.reset_second_factor(&ada, lately()).await.err().map(ManageError::from),
            auth.begin_second_factor(&ada, lately()).await.err().map(ManageError::from),
            auth.renew_recovery_codes(&ada, lately()).await.err().map(ManageError::from),
        ];
        for refused in refused {
            assert!(matches!(refused, Some(ManageError::Auth(AuthError::Unproved))));
        }
    });
}
