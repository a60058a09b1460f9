//! What is not done on the word of a session alone, which someone else may have.
//!
//! Whatever lets someone in wants a [`Proved`], and nobody can make one but here: to make, activate or
//! promote a user, to set a password or have one kept, to take an authenticator app away, to hand out a
//! token, a key or recovery codes; to delete a user, whose name is free then; to allow a network, and to
//! have whoever is refused try again. So does the end of one's own other sessions, or a thief would keep
//! their owner out. What shuts anyone else out wants none: it must be quick.

use super::super::login::{Door, Typed};
use super::super::{Auth, AuthError, Seat};
use super::api_key::KeyCaller;
use super::session::{Session, SessionId};
use crate::model::event::Actor;
use crate::model::password::Password;
use crate::model::user::User;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// For how long after a sign-in or a proof a session is taken for its owner's, where no operator is
/// let in.
const LASTS: Duration = Duration::from_mins(10);

/// Someone of whom it is known that they may let others in.
#[derive(Clone)]
pub struct Proved {
    by: Actor,
    when: When,
}

/// When they proved it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum When {
    /// A while ago.
    Lately,
    /// With this very request.
    Now,
}

/// By what one who is signed in proves that it is them.
pub struct OwnProof<'a> {
    /// A code of their app, or a recovery code; blank if they have none.
    pub code: &'a str,
    /// Their present password.
    pub password: Password,
}

/// Why nothing was proved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoProof {
    /// The password is blank, or the code of one who has an app. That is no guess.
    Missing,
    /// The password or the code is wrong.
    Wrong,
}

impl Proved {
    /// Whoever has the command line has the store itself.
    pub fn command_line() -> Self {
        Self { by: Actor::CommandLine, when: When::Now }
    }

    /// A program shows its key with each request, and may what the key is good for.
    pub fn by_key(caller: &KeyCaller, from: IpAddr) -> Self {
        Self { by: Actor::ApiKey(caller.owner.username.clone(), from), when: When::Now }
    }

    /// Who it is, for what lets in an operator, or anyone else.
    pub(in super::super) fn lets_in(self, is_operator: bool) -> Result<Actor, AuthError> {
        match self.when {
            When::Lately if is_operator => Err(AuthError::Unproved),
            When::Lately | When::Now => Ok(self.by),
        }
    }
}

impl Auth {
    /// Someone whose session was proved lately: enough to let in who is no operator.
    pub fn proved_lately(&self, session: &Session, from: IpAddr) -> Option<Proved> {
        let now = self.clock.now();
        // Nor if it was by a clock that is ahead.
        let is_fresh = now.since(session.proved) < LASTS && session.proved.since(now) < LASTS;
        is_fresh.then(|| Proved { by: by(&session.user, from), when: When::Lately })
    }

    /// Someone who is signed in, if they know their password, and a code if they have the second
    /// factor. It counts as a sign-in does.
    pub async fn prove(
        &self,
        id: &SessionId,
        user: &User,
        proof: OwnProof<'_>,
        from: IpAddr,
    ) -> Result<Result<Proved, NoProof>, AuthError> {
        let OwnProof { code, password } = proof;
        let has_app = self.has_second_factor(user.id).await?;
        if password.expose().is_empty() || (has_app && code.trim().is_empty()) {
            return Ok(Err(NoProof::Missing));
        }
        let password = Arc::new(password);
        let username = user.username.as_str();
        let guess = Typed { door: Door::Inside, from, password: &password, username };
        let judged = self.count_guess(guess, async |seat: &mut Seat<'_>, found| {
            self.check_password(seat, guess, found).await
        });
        match judged.await {
            Ok(found) if found.id == user.id => {}
            Ok(_) | Err(AuthError::BadCredentials) => return Ok(Err(NoProof::Wrong)),
            Err(error) => return Err(error),
        }
        let by = by(user, from);
        if has_app && !self.proves_second_factor(user, code, &by).await? {
            return Ok(Err(NoProof::Wrong));
        }
        self.limits.acquaint(user.id, from).await;
        self.note_proof(id).await;
        Ok(Ok(Proved { by, when: When::Now }))
    }
}

fn by(user: &User, from: IpAddr) -> Actor {
    Actor::Admin(user.username.clone(), from)
}
