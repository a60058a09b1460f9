//! Authenticator apps (RFC 6238): the secret that one shares with us, and the recovery codes for when
//! it is lost.
//!
//! The secret cannot be hashed, since we compute with it. It is in the store alone.

use super::super::issue::random_bytes;
use super::super::{Auth, AuthError, HashError};
use super::proof::Proved;
use crate::clock::Timestamp;
use crate::model::event::{Actor, EventName};
use crate::model::user::{User, UserId};
use crate::store::{Item, ItemKind, StoreError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;
/// How many codes may be wrong until a new secret is dropped.
const TRIES: u8 = 5;
/// How long there is to confirm a new secret.
const ENROLMENT: Duration = Duration::from_mins(15);
/// How often the item may change under us before we give up.
const ROUNDS: usize = 3;

/// What an app has to be told. Shown once.
pub struct Enrolment {
    /// The secret, in base32.
    pub secret: Zeroizing<String>,
    /// The same as apps scan it.
    pub url: Zeroizing<String>,
}

/// Codes for when the app is lost, each good once. Shown once.
pub struct RecoveryCodes(pub Vec<Zeroizing<String>>);

/// What came of a code that was to confirm a new secret.
pub enum Confirmed {
    /// The secret counts.
    Done(RecoveryCodes),
    /// There is no new secret, not any more, or they have one already: they begin anew.
    Over,
    /// The code is wrong.
    Wrong,
}

/// By what someone proved that they have the second factor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Proof {
    /// By a code of the app.
    App,
    /// By a recovery code; so many are left.
    Recovery {
        /// How many.
        left: usize,
    },
}

/// A secret as it is kept.
#[derive(Deserialize, Serialize)]
struct Kept {
    /// The digests of the recovery codes that have not been used.
    codes: Vec<String>,
    /// The step of the last code that was taken: neither it nor one before it is taken again.
    last: u64,
    secret: String,
    /// How many codes have been tried to confirm it.
    #[serde(default)]
    tries: u8,
}

impl Auth {
    /// Whether a code is wanted when a user signs in.
    pub async fn has_second_factor(&self, user: UserId) -> Result<bool, AuthError> {
        Ok(self.second_factor(user).await?.is_some())
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

    /// Has a user's new secret count from now on, if this is a code of it. It is counted as a code of
    /// one that counts is, and after a few wrong ones the secret is dropped.
    pub async fn confirm_second_factor(
        &self,
        user: &User,
        typed: &str,
        by: Actor,
    ) -> Result<Confirmed, AuthError> {
        let now = self.clock.now();
        let from = from_of(&by);
        let counted = self.limits.code(user.id, from).await?;
        let Some(mut kept) = self.try_new(user.id).await? else {
            self.limits.code_was_right(counted).await;
            return Ok(Confirmed::Over);
        };
        let Some(step) = kept.step_of(&digits_of(typed), now)? else {
            let is_last = kept.tries >= TRIES;
            self.tell_of_wrong_code(user, is_last, from);
            if !is_last {
                return Ok(Confirmed::Wrong);
            }
            self.store.remove_item(ItemKind::Totp, &new_key(user.id)).await?;
            return Ok(Confirmed::Over);
        };
        self.limits.code_was_right(counted).await;
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

/// A code as typed, without the blanks that apps show in it.
fn digits_of(typed: &str) -> String {
    typed.chars().filter(|char| !char.is_whitespace()).collect()
}

impl RecoveryCodes {
    /// 80 bits each, which no one guesses: a plain digest keeps them safe.
    fn random() -> Result<Self, HashError> {
        let code = || {
            let text = Secret::from(random_bytes::<10>()?).to_base32().to_ascii_lowercase();
            let groups: Vec<_> = text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
            Ok(Zeroizing::new(groups.join("-")))
        };
        (0..RECOVERY_CODES).map(|_| code()).collect::<Result<_, _>>().map(Self)
    }

    fn digests(&self, user: UserId) -> Vec<String> {
        self.0.iter().map(|code| recovery_digest(user, code)).collect()
    }
}

/// Of a recovery code, however it is written.
fn recovery_digest(user: UserId, typed: &str) -> String {
    let letters = typed.chars().filter(char::is_ascii_alphanumeric);
    let code: Zeroizing<String> =
        Zeroizing::new(letters.map(|char| char.to_ascii_lowercase()).collect());
    hex::encode(Sha256::digest(format!("recovery {user} {}", *code)))
}

impl Kept {
    /// Takes a code, if it is good.
    fn take(
        &mut self,
        user: UserId,
        typed: &str,
        now: Timestamp,
    ) -> Result<Option<Proof>, AuthError> {
        if let Some(step) = self.step_of(&digits_of(typed), now)? {
            if step <= self.last {
                return Ok(None);
            }
            self.last = step;
            return Ok(Some(Proof::App));
        }
        let digest = recovery_digest(user, typed);
        let Some(place) = self.codes.iter().position(|code| *code == digest) else {
            return Ok(None);
        };
        self.codes.remove(place);
        Ok(Some(Proof::Recovery { left: self.codes.len() }))
    }

    /// The step that a code is of: the present one, the one before or the one after.
    fn step_of(&self, code: &str, now: Timestamp) -> Result<Option<u64>, AuthError> {
        let seconds = u64::try_from(now.micros() / 1_000_000).unwrap_or(0);
        Ok(self.totp()?.check(code, seconds))
    }

    fn totp(&self) -> Result<Totp, StoreError> {
        // What the crate says of it could tell of the secret.
        let broken = || StoreError::Corrupt { what: "second factor", problem: "its secret".into() };
        let secret = Secret::try_from_base32(&self.secret).map_err(|_| broken())?;
        Builder::new().with_secret(secret).build().map_err(|_| broken())
    }

    fn item(
        &self,
        key: String,
        user: UserId,
        expires: Option<Timestamp>,
    ) -> Result<Item, StoreError> {
        Ok(Item { expires, key, kind: ItemKind::Totp, owner: Some(user), value: self.text()? })
    }

    fn text(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(StoreError::unavailable)
    }

    fn read(item: &Item) -> Result<Self, StoreError> {
        // The words of the parser could quote the secret.
        let problem = || StoreError::Corrupt { what: "second factor", problem: "not JSON".into() };
        serde_json::from_str(&item.value).map_err(|_| problem())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: UserId = UserId(7);
    /// RFC 6238, appendix B: the secret for SHA-1.
    const RFC_SECRET: &[u8] = b"12345678901234567890";

    fn kept() -> Kept {
        let secret = Secret::from(RFC_SECRET).to_base32();
        Kept { codes: Vec::new(), last: 0, secret, tries: 0 }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // The RFC shows eight digits; six are their end.
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")]
        {
            assert_eq!(kept().take(ADA, code, at(seconds)).unwrap(), Some(Proof::App), "{code}");
        }
    }

    #[test]
    fn a_code_is_good_for_its_step_and_the_ones_beside_it() {
        for (seconds, is_good) in [(0, true), (30, true), (89, true), (90, false), (120, false)] {
            let proof = kept().take(ADA, "287082", at(seconds)).unwrap();
            assert_eq!(proof.is_some(), is_good, "{seconds}");
        }
    }

    #[test]
    fn no_code_is_good_twice_nor_one_before_it() {
        let mut kept = kept();
        assert!(kept.take(ADA, "287082", at(59)).unwrap().is_some());
        assert!(kept.take(ADA, "287 082", at(60)).unwrap().is_none());
        let before = kept.totp().unwrap().generate(20).to_string();
        assert!(kept.take(ADA, &before, at(59)).unwrap().is_none());
    }

    #[test]
    fn a_recovery_code_is_good_once_however_it_is_written() {
        let (mut kept, codes) = (kept(), RecoveryCodes::random().unwrap());
        kept.codes = codes.digests(ADA);
        let typed = codes.0[3].to_uppercase().replace('-', " ");
        assert_eq!(kept.take(ADA, &typed, at(0)).unwrap(), Some(Proof::Recovery { left: 9 }));
        assert_eq!(kept.take(ADA, &codes.0[3], at(0)).unwrap(), None);
        assert_eq!(kept.take(UserId(8), &codes.0[4], at(0)).unwrap(), None);
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for typed in ["", "000000", "28708", "+87082", "abcdef-ghijkl", "２８７０８２"] {
            assert_eq!(kept().take(ADA, typed, at(59)).unwrap(), None, "{typed}");
        }
    }
}
