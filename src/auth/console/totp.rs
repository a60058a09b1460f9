//! Authenticator apps (RFC 6238): the secret that one shares with us, and the recovery codes for when
//! it is lost.
//!
//! The secret cannot be hashed, since we compute with it. It is in the store alone.

mod kept;

pub use self::kept::RecoveryCodes;

pub(super) use self::kept::Proof;

use self::kept::{Kept, digits_of};
use super::super::issue::random_bytes;
use super::super::{Auth, AuthError};
use super::proof::Proved;
use crate::model::event::{Actor, EventName};
use crate::model::user::{User, UserId};
use crate::store::{Item, ItemKind, StoreError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use totp_rs::Secret;
use zeroize::Zeroizing;

/// How many codes may be wrong until a new secret is dropped.
const TRIES: u8 = 5;
/// How long there is to confirm a new secret.
const ENROLMENT: Duration = Duration::from_mins(15);
/// How often the item may change under us before we give up.
const ROUNDS: usize = 3;

/// How it is with a user's authenticator app.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AppState {
    /// They have none.
    Off,
    /// Its codes are wanted.
    On,
    /// What is kept of it cannot be read, so nobody is let in until it is reset.
    Unreadable,
}

/// What an app has to be told. Shown once.
pub struct Enrolment {
    /// The secret, in base32.
    pub secret: Zeroizing<String>,
    /// The same as apps scan it.
    pub url: Zeroizing<String>,
}

/// What came of a code that was to confirm a new secret.
pub enum Confirmed {
    /// The secret counts.
    Done(RecoveryCodes),
    /// There is no new secret, not any more, or they have one already: they begin anew.
    Over,
    /// The code is wrong.
    Wrong,
}

impl Auth {
    /// Whether a code is wanted when a user signs in.
    pub async fn has_second_factor(&self, user: UserId) -> Result<bool, AuthError> {
        Ok(self.second_factor(user).await?.is_some())
    }

    /// How it is with a user's app, for those who look after them.
    pub async fn app_state(&self, user: UserId) -> Result<AppState, AuthError> {
        match self.second_factor(user).await {
            Ok(None) => Ok(AppState::Off),
            Ok(Some((_, kept))) if kept.is_sound() => Ok(AppState::On),
            Ok(Some(_)) | Err(AuthError::Store(StoreError::Corrupt { .. })) => {
                Ok(AppState::Unreadable)
            }
            Err(error) => Err(error),
        }
    }

    /// How many recovery codes a user has left; `None` if they have no authenticator app.
    pub async fn recovery_codes_left(&self, user: UserId) -> Result<Option<usize>, AuthError> {
        let found = self.second_factor(user).await?;
        Ok(found.map(|(_, kept)| kept.codes.len()))
    }

    /// Makes a secret for a user's app. It counts once a code confirms it: see
    /// [`Auth::confirm_second_factor`].
    pub async fn begin_second_factor(
        &self,
        user: &User,
        by: Proved,
    ) -> Result<Enrolment, AuthError> {
        // Whoever has the session alone would shut its owner out with an app of their own.
        by.lets_in(true)?;
        let secret = Secret::from(random_bytes::<20>()?);
        let secret = Zeroizing::new(secret.to_base32());
        let kept = Kept { codes: Vec::new(), last: 0, secret: secret.to_string(), tries: 0 };
        let until = self.clock.now().plus(ENROLMENT);
        self.store.put_item(&kept.item(new_key(user.id), user.id, Some(until))?).await?;
        let name = utf8_percent_encode(user.username.as_str(), NON_ALPHANUMERIC);
        let url = format!(
            "otpauth://totp/authgate:{name}?secret={}&issuer=authgate&algorithm=SHA1&digits=6\
             &period=30",
            *secret
        );
        Ok(Enrolment { secret, url: Zeroizing::new(url) })
    }

    /// Has a user's new secret count from now on, if this is a code of it. After a few wrong ones the
    /// secret is dropped: that bounds them, and the limit of codes is left to those that sign in, whom
    /// nobody could keep out by it here.
    pub async fn confirm_second_factor(
        &self,
        user: &User,
        typed: &str,
        by: Actor,
    ) -> Result<Confirmed, AuthError> {
        let now = self.clock.now();
        let from = from_of(&by);
        let Some(mut kept) = self.try_new(user.id).await? else { return Ok(Confirmed::Over) };
        let Some(step) = kept.step_of(&digits_of(typed), now)? else {
            let is_last = kept.tries >= TRIES;
            self.tell_of_wrong_code(user, is_last, from);
            if !is_last {
                return Ok(Confirmed::Wrong);
            }
            self.store.remove_item(ItemKind::Totp, &new_key(user.id)).await?;
            return Ok(Confirmed::Over);
        };
        let codes = RecoveryCodes::random()?;
        kept.codes = codes.digests(user.id);
        kept.last = step;
        kept.tries = 0;
        let item = kept.item(key(user.id), user.id, None)?;
        if !self.store.add_item(&item, now).await? {
            return Ok(Confirmed::Over);
        }
        self.store.remove_item(ItemKind::Totp, &new_key(user.id)).await?;
        self.events.record(self.event(EventName::SecondFactorEnabled, by).of(user));
        Ok(Confirmed::Done(codes))
    }

    /// A user's new secret, of which one more code is tried. `None` if there is none any more.
    async fn try_new(&self, user: UserId) -> Result<Option<Kept>, AuthError> {
        // As many as may try at once: each round another has got ahead.
        for _ in 0..TRIES {
            let found = self.store.item(ItemKind::Totp, &new_key(user), self.clock.now()).await?;
            let Some(item) = found else { break };
            let mut kept = Kept::read(&item)?;
            if kept.tries >= TRIES {
                break;
            }
            kept.tries += 1;
            if self.put_in_place(&item, &kept).await? {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    /// Makes new recovery codes in place of the old ones. `None` if the user has no second factor.
    pub async fn renew_recovery_codes(
        &self,
        user: &User,
        by: Proved,
    ) -> Result<Option<RecoveryCodes>, AuthError> {
        // Each is good where the app would be asked: whoever has the session alone gets none.
        let by = by.lets_in(true)?;
        let codes = RecoveryCodes::random()?;
        for _ in 0..ROUNDS {
            let Some((item, mut kept)) = self.second_factor(user.id).await? else { break };
            kept.codes = codes.digests(user.id);
            if self.put_in_place(&item, &kept).await? {
                self.events.record(self.event(EventName::RecoveryCodesMade, by).of(user));
                return Ok(Some(codes));
            }
        }
        Ok(None)
    }

    /// Takes a user's second factor from them; says whether they had one.
    pub async fn reset_second_factor(&self, user: &User, by: Proved) -> Result<bool, AuthError> {
        let by = by.lets_in(true)?;
        self.store.remove_item(ItemKind::Totp, &new_key(user.id)).await?;
        let had = self.store.remove_item(ItemKind::Totp, &key(user.id)).await?;
        if had {
            self.events.record(self.event(EventName::SecondFactorDisabled, by).of(user));
        }
        Ok(had)
    }

    /// Forgets the second factor of a user who is gone.
    pub(in super::super) async fn forget_second_factor(&self, user: UserId) {
        for key in [new_key(user), key(user)] {
            if let Err(error) = self.store.remove_item(ItemKind::Totp, &key).await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, %user, "the second factor of a deleted user is still kept");
            }
        }
    }

    /// Whether one who is signed in proves by a code that they have the second factor.
    pub(in super::super) async fn proves_second_factor(
        &self,
        user: &User,
        typed: &str,
        by: &Actor,
    ) -> Result<bool, AuthError> {
        let from = from_of(by);
        let proof = self.check_code(user, typed, from).await?;
        if proof.is_none() {
            self.tell_of_wrong_code(user, false, from);
        }
        Ok(proof.is_some())
    }

    /// Whether this is a code of a user's app, or one of their recovery codes; neither is good twice.
    pub(super) async fn check_code(
        &self,
        user: &User,
        typed: &str,
        from: IpAddr,
    ) -> Result<Option<Proof>, AuthError> {
        let counted = self.limits.code(user.id, from).await?;
        let proof = self.take_code(user, typed).await?;
        if proof.is_some() {
            self.limits.code_was_right(counted).await;
        }
        if let Some(Proof::Recovery { left }) = proof {
            let event = self.event(EventName::RecoveryCodeUsed, Actor::Client(from)).of(user);
            self.events.record(event.with(format!("{left} left")));
        }
        Ok(proof)
    }

    async fn take_code(&self, user: &User, typed: &str) -> Result<Option<Proof>, AuthError> {
        for _ in 0..ROUNDS {
            let Some((item, mut kept)) = self.second_factor(user.id).await? else { break };
            let Some(proof) = kept.take(user.id, typed, self.clock.now())? else { break };
            // Only in place of what was read: of those who show one code at once, one is taken.
            if self.put_in_place(&item, &kept).await? {
                return Ok(Some(proof));
            }
        }
        Ok(None)
    }

    async fn second_factor(&self, user: UserId) -> Result<Option<(Item, Kept)>, AuthError> {
        let found = self.store.item(ItemKind::Totp, &key(user), self.clock.now()).await?;
        let Some(item) = found else { return Ok(None) };
        let kept = Kept::read(&item)?;
        Ok(Some((item, kept)))
    }

    async fn put_in_place(&self, item: &Item, kept: &Kept) -> Result<bool, AuthError> {
        let next = Item { value: kept.text()?, ..item.clone() };
        Ok(self.store.replace_item(&item.value, &next).await?)
    }
}

fn key(user: UserId) -> String {
    user.to_string()
}

fn new_key(user: UserId) -> String {
    format!("{user}-new")
}

/// Where a code is typed.
fn from_of(by: &Actor) -> IpAddr {
    by.address().unwrap_or(Ipv4Addr::UNSPECIFIED.into())
}
