//! Name and password → token.

use super::issue::Terms;
use super::{Auth, AuthError, Issued, Lane, Seat, Share, Verdict};
use crate::model::event::{Actor, Event, EventName};
use crate::model::password::Password;
use crate::model::token::TokenAbout;
use crate::model::user::{User, UserChange, Username};
use std::net::IpAddr;
use std::sync::Arc;

impl Auth {
    /// Checks a name and a password, and issues a token if they match.
    ///
    /// The attempt is counted before anything is looked at. The token is issued only if the user is
    /// still as they were when the password was checked; otherwise the password is checked again, so
    /// a password that was changed or tokens that were ended meanwhile win.
    pub async fn login(&self, attempt: LoginAttempt, from: IpAddr) -> Result<Issued, AuthError> {
        let LoginAttempt { password, user_agent, username } = attempt;
        let about = TokenAbout { address: Some(from), user_agent, ..TokenAbout::default() };
        let password = Arc::new(password);
        let guess = Typed { door: Door::Api, from, password: &password, username: &username };
        let issued = self.count_guess(guess, async |seat: &mut Seat<'_>, mut found| {
            for _ in 0..ROUNDS {
                let user = self.check_password(seat, guess, found).await?;
                match self.issue(user.clone(), self.login_terms(about.clone())).await {
                    Ok(None) => found = self.find(&username).await?,
                    Ok(Some(issued)) => return Ok(issued),
                    Err(error) => {
                        self.tell_of_useless(&user, &error, from);
                        return Err(error);
                    }
                }
            }
            Err(AuthError::Busy)
        });
        let issued = issued.await?;
        self.tell_of(EventName::LoginSucceeded, &issued.user, from);
        Ok(issued)
    }

    /// Lets a password be judged, for the user of that name as they were found, unless there have been
    /// too many guesses. One that is right does not
    /// count; nor does one that nobody could judge.
    pub(super) async fn count_guess<T>(
        &self,
        typed: Typed<'_>,
        judge: impl AsyncFnOnce(&mut Seat<'_>, Option<User>) -> Result<T, AuthError>,
    ) -> Result<T, AuthError> {
        let Typed { door, from, password, username } = typed;
        if password.expose().len() > LONGEST_PASSWORD {
            // No guess: no user has it.
            return Err(AuthError::BadCredentials);
        }
        let limits = self.limits.login(username, door, from);
        limits.look()?;
        let share = self.limits.share_of(from);
        if door == Door::Api {
            self.passwords.look(share)?;
        }
        self.learn_imported().await;
        let user = self.find(username).await?;
        let familiarity = limits.familiarity(user.as_ref()).await?;
        let lane = door.lane(familiarity.is_known());
        // Before it is counted: whoever finds all places taken has not guessed.
        // By the name as it was typed: one that nobody has is refused no later than any other.
        let share = match door {
            Door::Inside => Some(Share::of_operator(username)),
            Door::Api | Door::Console => share.map(|share| share.of_account(username)),
        };
        let mut seat = self.passwords.reserve(lane, share)?;
        let guess = limits.count(familiarity).await?;
        let outcome = judge(&mut seat, user.clone()).await;
        drop(seat);
        match &outcome {
            Ok(_) | Err(AuthError::TokenLimit) => guess.was_right(user.as_ref()).await,
            // It stays counted.
            Err(AuthError::BadCredentials) => {}
            Err(_) => guess.was_not_judged().await,
        }
        outcome
    }

    pub(super) async fn find(&self, username: &str) -> Result<Option<User>, AuthError> {
        Ok(match Username::existing(username) {
            Some(name) => self.store.user_by_name(&name).await?,
            None => None,
        })
    }

    /// The user who was found, if this is their password and they are not locked out.
    pub(super) async fn check_password(
        &self,
        seat: &mut Seat<'_>,
        typed: Typed<'_>,
        user: Option<User>,
    ) -> Result<User, AuthError> {
        let Typed { door, from, password, username } = typed;
        // A name that nobody has costs a hash too, or the time taken would tell which names exist.
        let (against, is_own) = self.stand_ins.against(user.as_ref(), username);
        let verdict = seat.verify(Arc::clone(password), against).await?;
        match (user, verdict) {
            (Some(user), Verdict::Match) if is_own && door.takes(&user) => Ok(user),
            (Some(user), Verdict::MatchOutdated) if is_own && door.takes(&user) => {
                self.rehash(seat, user, password).await
            }
            (user, _) => {
                self.tell_of_failure(user.as_ref(), door, from);
                Err(AuthError::BadCredentials)
            }
        }
    }

    /// What was typed for a name that nobody has is not told: it may be a password.
    fn tell_of_failure(&self, user: Option<&User>, door: Door, from: IpAddr) {
        let name = match door {
            Door::Api => EventName::LoginFailed,
            Door::Console | Door::Inside => EventName::ConsoleSignInFailed,
        };
        let event = Event::new(name, Actor::Client(from), self.clock.now());
        self.events.record(match user {
            None => event.with("nobody has that name"),
            Some(user) if !user.is_active => event.of(user).with("the user is locked out"),
            Some(user) if !door.takes(user) => event.of(user).with("the user is not staff"),
            Some(user) => event.of(user),
        });
    }

    /// The password was right, which is worth telling although nothing came of it.
    fn tell_of_useless(&self, user: &User, why: &AuthError, from: IpAddr) {
        let event = Event::new(EventName::LoginFailed, Actor::Client(from), self.clock.now());
        let detail = match why {
            AuthError::TokenLimit => "right, but the user has as many tokens as they may have",
            _ => "right, but no token could be issued",
        };
        self.events.record(event.of(user).with(detail));
    }

    /// Tells what a client has done with its account.
    pub(super) fn tell_of(&self, name: EventName, user: &User, from: IpAddr) {
        self.events.record(Event::new(name, Actor::Client(from), self.clock.now()).of(user));
    }

    /// Stores the password under the present cost. Should someone have changed it meanwhile, the
    /// store keeps theirs.
    async fn rehash(
        &self,
        seat: &mut Seat<'_>,
        user: User,
        password: &Arc<Password>,
    ) -> Result<User, AuthError> {
        let to = seat.hash(Arc::clone(password)).await?;
        let change = UserChange::Rehash { from: user.password.clone(), to: to.clone() };
        let changed = self.store.change_user(user.id, change).await?;
        if changed.is_some_and(|changed| changed.password == to) {
            self.stand_ins.was_replaced(&user.password);
        }
        Ok(user)
    }

    fn login_terms(&self, about: TokenAbout) -> Terms {
        let settings = self.settings.load();
        let tokens = &settings.tokens;
        Terms { about, is_login: true, lifetime: tokens.lifetime, limit: tokens.limit }
    }
}

/// A name and a password that someone has typed.
pub struct LoginAttempt {
    /// The password.
    pub password: Password,
    /// With what program, as [`TokenAbout::tidy`] keeps it.
    pub user_agent: Option<String>,
    /// The name, which need not be one that a user can have.
    pub username: String,
}

/// Where a name and a password are typed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Door {
    /// At the endpoints.
    Api,
    /// At the console, which is for staff alone.
    Console,
    /// At the console, by one who is signed in and proves that it is still them.
    Inside,
}

impl Door {
    /// Whether a user may come in here at all.
    fn takes(self, user: &User) -> bool {
        user.is_active && (user.is_staff || self == Self::Api)
    }

    /// Where one waits who types a name here, from where its user is known or not. Only from there
    /// one gets a place that strangers do not have: anyone may type a name.
    fn lane(self, is_known: bool) -> Lane {
        match self {
            Self::Inside => Lane::Proof,
            Self::Console if is_known => Lane::Console,
            Self::Api if is_known => Lane::Familiar,
            Self::Api | Self::Console => Lane::Ordinary,
        }
    }
}

/// What someone has typed, and where.
#[derive(Clone, Copy)]
pub(super) struct Typed<'a> {
    pub door: Door,
    pub from: IpAddr,
    pub password: &'a Arc<Password>,
    pub username: &'a str,
}

/// No user has a password of more bytes, so none is hashed.
const LONGEST_PASSWORD: usize = 4096;

/// How often a user may change under a login before it gives up.
pub(super) const ROUNDS: usize = 3;
