//! How the digests of some tokens were made, where another program made them: a hash for each beginning
//! of a token, and an index of those. A token is written before what is kept of it here.

use super::land_batch::batches;
use super::request::Request;
use super::verify::{Cure, Found};
use super::{RedisStore, keys};
use crate::model::token::{KnoxKey, OldDigest, TokenDigest, TokenRecord};
use crate::store::StoreError;
use crate::store::whole::Finding;
use redis::{Cmd, Pipeline, pipe};

impl RedisStore {
    pub(super) async fn find_old_digests(
        &self,
        key: &KnoxKey,
    ) -> Result<Vec<OldDigest>, StoreError> {
        let all = Cmd::hgetall(keys::old_digests(key));
        let found: Kept = self.link.ask(Request::Command(&all)).await?;
        found.iter().map(|(digest, how)| read(key, digest, how)).collect()
    }

    pub(super) async fn has_any_old_digest(&self) -> Result<bool, StoreError> {
        self.link.ask(Request::Command(&Cmd::exists(keys::OLD_DIGESTS))).await
    }

    /// What is kept of these tokens.
    pub(super) async fn old_digests_of<'a>(
        &self,
        tokens: impl Iterator<Item = &'a TokenRecord>,
    ) -> Result<Vec<OldDigest>, StoreError> {
        let known = tokens.filter_map(|token| Some((token.digest, token.knox_key.as_ref()?)));
        let known: Vec<_> = known.collect();
        if known.is_empty() || !self.has_any_old_digest().await? {
            return Ok(Vec::new());
        }
        let look = known
            .iter()
            .map(|(digest, key)| Cmd::hget(keys::old_digests(key), digest.as_bytes().as_slice()));
        let mut found: Vec<Option<String>> = Vec::with_capacity(known.len());
        for batch in batches(look.collect::<Vec<_>>()) {
            found.extend(self.link.ask::<Vec<_>>(Request::Batch(&batch)).await?);
        }
        let pairs = known.into_iter().zip(found);
        let kept = pairs.filter_map(|((digest, key), how)| Some((digest, key, how?)));
        kept.map(|(digest, key, how)| read(key, digest.as_bytes(), &how)).collect()
    }

    /// Keeps these.
    pub(super) async fn keep_old_digests(&self, all: &[OldDigest]) -> Result<(), StoreError> {
        let mut keep = pipe();
        for old in all {
            write(&mut keep, old);
        }
        if keep.is_empty() {
            return Ok(());
        }
        self.link.ask(Request::Batch(&keep)).await
    }

    /// Lets go of what is kept of tokens that are gone.
    pub(super) async fn sweep_old_digests(&self) -> Result<(), StoreError> {
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SSCAN");
            scan.arg(keys::OLD_DIGESTS).arg(cursor).arg("COUNT").arg(CHUNK);
            let (next, found): (u64, Vec<String>) = self.link.ask(Request::Command(&scan)).await?;
            let beginnings: Vec<_> = found.iter().filter_map(|text| KnoxKey::parse(text)).collect();
            self.sweep_some_old_digests(&beginnings).await?;
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    async fn sweep_some_old_digests(&self, beginnings: &[KnoxKey]) -> Result<(), StoreError> {
        let all = self.digests_that_begin(beginnings).await?;
        let mut look = pipe();
        for digest in all.iter().flatten() {
            look.exists(keys::token(&digest.key()));
        }
        let exist: Vec<bool> =
            if look.is_empty() { Vec::new() } else { self.link.ask(Request::Batch(&look)).await? };
        let mut exist = exist.into_iter();
        let (mut forget, mut emptied) = (pipe(), Vec::new());
        for (key, digests) in beginnings.iter().zip(&all) {
            let mut left = digests.len();
            for digest in digests.iter().filter(|_| !exist.next().unwrap_or(true)) {
                forget.hdel(keys::old_digests(key), digest.as_bytes().as_slice()).ignore();
                left -= 1;
            }
            if left == 0 {
                forget.srem(keys::OLD_DIGESTS, key.as_str()).ignore();
                emptied.push(key.clone());
            }
        }
        if forget.is_empty() {
            return Ok(());
        }
        self.link.ask::<()>(Request::Batch(&forget)).await?;
        self.list_again(&emptied).await
    }

    /// One may have been kept since it was looked at.
    async fn list_again(&self, beginnings: &[KnoxKey]) -> Result<(), StoreError> {
        let all = self.digests_that_begin(beginnings).await?;
        let mut list = pipe();
        for (key, _) in beginnings.iter().zip(all).filter(|(_, digests)| !digests.is_empty()) {
            list.sadd(keys::OLD_DIGESTS, key.as_str()).ignore();
        }
        if list.is_empty() {
            return Ok(());
        }
        self.link.ask(Request::Batch(&list)).await
    }

    async fn digests_that_begin(
        &self,
        beginnings: &[KnoxKey],
    ) -> Result<Vec<Vec<TokenDigest>>, StoreError> {
        let mut read = pipe();
        for key in beginnings {
            read.hkeys(keys::old_digests(key));
        }
        if beginnings.is_empty() {
            return Ok(Vec::new());
        }
        let all: Vec<Vec<Vec<u8>>> = self.link.ask(Request::Batch(&read)).await?;
        let digest = |bytes: Vec<u8>| Some(TokenDigest::new(bytes.try_into().ok()?));
        Ok(all.into_iter().map(|found| found.into_iter().filter_map(digest).collect()).collect())
    }

    /// What is wrong with what is kept of old digests: those of no token are swept.
    pub(super) async fn look_at_old_digests(
        &self,
        beginnings: &[KnoxKey],
        found: &mut Found,
    ) -> Result<(), StoreError> {
        let reads: Vec<_> =
            beginnings.iter().map(|key| Cmd::hgetall(keys::old_digests(key))).collect();
        let all: Vec<Option<Kept>> = self.each_readable(&reads).await?;
        let mut list = pipe();
        for key in beginnings {
            list.sismember(keys::OLD_DIGESTS, key.as_str());
        }
        if beginnings.is_empty() {
            return Ok(());
        }
        let listed: Vec<bool> = self.link.ask(Request::Batch(&list)).await?;
        for ((key, kept), listed) in beginnings.iter().zip(all).zip(listed) {
            // No more of the beginning than tells it.
            let shown = key.as_str().get(..4).unwrap_or_default();
            let is_readable = kept.as_ref().is_some_and(|kept| {
                kept.iter().all(|(digest, how)| read(key, digest, how).is_ok())
            });
            if !is_readable {
                let words =
                    format!("what is kept of old digests of tokens {shown}… cannot be read");
                found.insert(Finding::serious(words), None);
            } else if !listed && kept.is_some_and(|kept| !kept.is_empty()) {
                let words = format!("the old digests of tokens {shown}… are not on their list");
                let add = Cmd::sadd(keys::OLD_DIGESTS, key.as_str());
                found.insert(Finding::mendable(words), Some(Cure::Command(add)));
            }
        }
        Ok(())
    }
}

/// What is kept of tokens that begin alike: their digests, and how each was made.
type Kept = Vec<(Vec<u8>, String)>;

/// How many are looked at in one go.
const CHUNK: usize = 200;

/// Keeps one with what else goes out.
pub(super) fn write(to: &mut Pipeline, old: &OldDigest) {
    for command in keeping(old) {
        to.add_command(command).ignore();
    }
}

/// What keeps one, in place of what was kept of its token.
pub(super) fn keeping(old: &OldDigest) -> [Cmd; 2] {
    let key = keys::old_digests(&old.knox_key);
    let keep = Cmd::hset(&key, old.digest.as_bytes().as_slice(), how(old));
    [keep, Cmd::sadd(keys::OLD_DIGESTS, old.knox_key.as_str())]
}

/// What lets go of one.
pub(super) fn forgetting(old: &OldDigest) -> Cmd {
    Cmd::hdel(keys::old_digests(&old.knox_key), old.digest.as_bytes().as_slice())
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
