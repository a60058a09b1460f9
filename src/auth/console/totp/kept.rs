//! What is kept of an authenticator app, and whether a code is one of it.

use crate::auth::issue::random_bytes;
use crate::auth::{AuthError, HashError};
use crate::clock::Timestamp;
use crate::model::user::UserId;
use crate::store::{Item, ItemKind, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;

/// Codes for when the app is lost, each good once. Shown once.
pub struct RecoveryCodes(pub Vec<Zeroizing<String>>);

/// By what someone proved that they have the second factor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::auth::console) enum Proof {
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
pub(super) struct Kept {
    /// The digests of the recovery codes that have not been used.
    pub codes: Vec<String>,
    /// The step of the last code that was taken: neither it nor one before it is taken again.
    pub last: u64,
    pub secret: String,
    /// How many codes have been tried to confirm it.
    #[serde(default)]
    pub tries: u8,
}

/// A code as typed, without the blanks that apps show in it.
pub(super) fn digits_of(typed: &str) -> String {
    typed.chars().filter(|char| !char.is_whitespace()).collect()
}

impl RecoveryCodes {
    /// 80 bits each, which no one guesses: a plain digest keeps them safe.
    pub(super) fn random() -> Result<Self, HashError> {
        let code = || {
            let text = Secret::from(random_bytes::<10>()?).to_base32().to_ascii_lowercase();
            let groups: Vec<_> = text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
            Ok(Zeroizing::new(groups.join("-")))
        };
        (0..RECOVERY_CODES).map(|_| code()).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn digests(&self, user: UserId) -> Vec<String> {
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
    pub(super) fn take(
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
    pub(super) fn step_of(&self, code: &str, now: Timestamp) -> Result<Option<u64>, AuthError> {
        let seconds = u64::try_from(now.micros() / 1_000_000).unwrap_or(0);
        Ok(self.totp()?.check(code, seconds))
    }

    /// Whether codes can be computed from it.
    pub(super) fn is_sound(&self) -> bool {
        self.totp().is_ok()
    }

    fn totp(&self) -> Result<Totp, StoreError> {
        // What the crate says of it could tell of the secret.
        let broken = || StoreError::Corrupt { what: "second factor", problem: "its secret".into() };
        let secret = Secret::try_from_base32(&self.secret).map_err(|_| broken())?;
        Builder::new().with_secret(secret).build().map_err(|_| broken())
    }

    pub(super) fn item(
        &self,
        key: String,
        user: UserId,
        expires: Option<Timestamp>,
    ) -> Result<Item, StoreError> {
        Ok(Item { expires, key, kind: ItemKind::Totp, owner: Some(user), value: self.text()? })
    }

    pub(super) fn text(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(StoreError::unavailable)
    }

    pub(super) fn read(item: &Item) -> Result<Self, StoreError> {
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
