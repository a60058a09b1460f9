//! How the digests of some tokens were made, where another program made them: a hash for each beginning
//! of a token, and an index of those. A token is written before what is kept of it here.

use super::request::Request;
use super::{RedisStore, keys, record};
use crate::clock::Timestamp;
use crate::model::token::{KnoxKey, OldDigest, TokenDigest};
use crate::store::StoreError;
use redis::{Cmd, Pipeline};

impl RedisStore {
    pub(super) async fn find_old_digests(
        &self,
        key: &KnoxKey,
    ) -> Result<Vec<OldDigest>, StoreError> {
        let all = Cmd::hgetall(keys::old_digests(key));
        let found: Vec<(Vec<u8>, String)> = self.link.ask(Request::Command(&all)).await?;
        found.iter().map(|(digest, how)| read(key, digest, how)).collect()
    }

    pub(super) async fn has_any_old_digest(&self) -> Result<bool, StoreError> {
        self.link.ask(Request::Command(&Cmd::exists(keys::OLD_DIGESTS))).await
    }
}

/// Keeps one of a token with this end, in place of what was kept of that.
pub(super) fn write(to: &mut Pipeline, old: &OldDigest, expires: Option<Timestamp>) {
    let key = keys::old_digests(&old.knox_key);
    to.hset(&key, old.digest.as_bytes().as_slice(), how(old)).ignore();
    // To the last end of all tokens that begin like this.
    to.cmd("ZADD").arg(keys::OLD_DIGESTS).arg("GT").arg(record::score(expires));
    to.arg(old.knox_key.as_str()).ignore();
}

/// How one was made: `SCHEME SALT`, the salt in hex.
fn how(old: &OldDigest) -> String {
    format!("{} {}", old.scheme, hex::encode(&old.salt))
}

pub(super) fn read(key: &KnoxKey, digest: &[u8], how: &str) -> Result<OldDigest, StoreError> {
    let parsed = || {
        let (scheme, salt) = how.split_once(' ')?;
        let (scheme, salt) = (scheme.parse().ok()?, hex::decode(salt).ok()?);
        let digest = TokenDigest::new(digest.try_into().ok()?);
        Some(OldDigest { digest, knox_key: key.clone(), salt, scheme })
    };
    parsed().ok_or_else(|| StoreError::Corrupt {
        what: "old digest",
        problem: "it is not a digest, a scheme and a salt".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::token::{DigestHash, DigestOver, DigestScheme};

    #[test]
    fn what_is_kept_of_an_old_digest_reads_back() {
        let scheme = DigestScheme { hash: DigestHash::Sha512, over: DigestOver::BytesAndSalt };
        let knox_key = KnoxKey::parse("01234567").unwrap();
        for salt in [Vec::new(), vec![0, 255, 7]] {
            let digest = TokenDigest::padded(&[3; 32]);
            let old = OldDigest { digest, knox_key: knox_key.clone(), salt, scheme };
            assert!(read(&knox_key, digest.as_bytes(), &how(&old)).unwrap() == old);
        }
    }

    #[test]
    fn other_words_are_no_old_digests() {
        let key = KnoxKey::parse("01234567").unwrap();
        for how in ["", "sha512:text", "md5:text 00", "sha512:text xx"] {
            assert!(matches!(read(&key, &[0; 64], how), Err(StoreError::Corrupt { .. })), "{how}");
        }
        assert!(read(&key, &[0; 63], "sha512:text ").is_err());
    }
}
