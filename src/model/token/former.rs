//! How a token's former digest is written down with it: in as few bytes as there is to say, for there may
//! be many.

use super::{DigestHash, DigestOver, DigestScheme, KnoxKey, OldDigest, TokenDigest};

/// What the first byte is at least. No text of a token begins like this.
const FIRST: u8 = 0x80;
/// What is added to the length of a beginning that is written out.
const WRITTEN_OUT: u8 = 0x80;

impl OldDigest {
    /// Writes it: how the digest was made, the lengths of salt and beginning, the salt, the beginning
    /// where it is none of the token's present one, and the digest. `None` if a salt is longer than any.
    pub fn former_bytes(&self, present: Option<&KnoxKey>) -> Option<Vec<u8>> {
        let beginning = self.knox_key.as_str();
        let is_known = present.is_some_and(|key| key.as_str().starts_with(beginning));
        let (mark, beginning_bytes) =
            if is_known { (0, &[][..]) } else { (WRITTEN_OUT, beginning.as_bytes()) };
        let first = FIRST + 3 * hash_number(self.scheme.hash) + over_number(self.scheme.over);
        let lengths = [u8::try_from(self.salt.len()).ok()?, u8::try_from(beginning.len()).ok()?];
        let digest = self.digest.as_bytes().get(..self.scheme.hash.length())?;
        let [salt, key] = lengths;
        Some([&[first, salt, key | mark], &*self.salt, beginning_bytes, digest].concat())
    }

    /// Whether what follows may be one that is written down.
    pub fn begins_former(bytes: &[u8]) -> bool {
        bytes.first().is_some_and(|first| scheme(*first).is_some())
    }

    /// How long the one is with which this begins.
    pub fn former_length(bytes: &[u8]) -> Option<usize> {
        let &[first, salt, key, ..] = bytes else { return None };
        let written_out = if key & WRITTEN_OUT == 0 { 0 } else { key & !WRITTEN_OUT };
        let parts = [usize::from(salt), usize::from(written_out), scheme(first)?.hash.length()];
        Some(parts.iter().sum::<usize>() + 3)
    }

    /// Reads what was written; `None` if it is not as it would be written.
    pub fn read_former(bytes: &[u8], present: Option<&KnoxKey>) -> Option<Self> {
        let (&[first, salt, key], rest) = bytes.split_first_chunk()?;
        let (salt, rest) = rest.split_at_checked(usize::from(salt))?;
        let (beginning, digest) = if key & WRITTEN_OUT == 0 {
            (present?.as_str().get(..usize::from(key))?, rest)
        } else {
            let (text, rest) = rest.split_at_checked(usize::from(key & !WRITTEN_OUT))?;
            (str::from_utf8(text).ok()?, rest)
        };
        let read = Self {
            digest: TokenDigest::padded(digest),
            knox_key: KnoxKey::parse(beginning)?,
            salt: salt.to_vec(),
            scheme: scheme(first)?,
        };
        (read.former_bytes(present)? == bytes).then_some(read)
    }
}

fn scheme(first: u8) -> Option<DigestScheme> {
    let number = first.checked_sub(FIRST)?;
    let hash = DigestHash::ALL.into_iter().find(|hash| hash_number(*hash) == number / 3)?;
    let over = DigestOver::ALL.into_iter().find(|over| over_number(*over) == number % 3)?;
    Some(DigestScheme { hash, over })
}

/// These numbers are in stores: a hash that is added gets the next one.
const fn hash_number(hash: DigestHash) -> u8 {
    match hash {
        DigestHash::Sha512 => 0,
        DigestHash::Sha256 => 1,
        DigestHash::Sha384 => 2,
        DigestHash::Sha3_256 => 3,
        DigestHash::Sha3_512 => 4,
        DigestHash::Blake2b => 5,
        DigestHash::Blake2s => 6,
        DigestHash::Sha224 => 7,
        DigestHash::Sha3_224 => 8,
        DigestHash::Sha3_384 => 9,
    }
}

/// Likewise.
const fn over_number(over: DigestOver) -> u8 {
    match over {
        DigestOver::Text => 0,
        DigestOver::Bytes => 1,
        DigestOver::BytesAndSalt => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> KnoxKey {
        KnoxKey::parse(text).unwrap()
    }

    fn one(hash: DigestHash, over: DigestOver, salt: &[u8]) -> OldDigest {
        let digest = TokenDigest::padded(&vec![7; hash.length()]);
        let scheme = DigestScheme { hash, over };
        OldDigest { digest, knox_key: key("01234567"), salt: salt.to_vec(), scheme }
    }

    #[test]
    fn a_former_digest_reads_back_whatever_made_it() {
        for hash in DigestHash::ALL {
            for over in DigestOver::ALL {
                for salt in [&b""[..], b"\x00\xff", &[9; 255]] {
                    for present in [None, Some(key("0123456789abcde")), Some(key("other"))] {
                        let former = one(hash, over, salt);
                        let bytes = former.former_bytes(present.as_ref()).unwrap();
                        assert!(OldDigest::begins_former(&bytes));
                        assert_eq!(OldDigest::former_length(&bytes), Some(bytes.len()));
                        let read = OldDigest::read_former(&bytes, present.as_ref());
                        assert!(read.unwrap() == former);
                    }
                }
            }
        }
    }

    #[test]
    fn one_of_knox_4_takes_67_bytes_or_with_its_salt_75() {
        let present = key("0123456789abcde");
        let length = |over, salt: &[u8]| {
            one(DigestHash::Sha512, over, salt).former_bytes(Some(&present)).unwrap().len()
        };
        assert_eq!(length(DigestOver::Bytes, b""), 67);
        assert_eq!(length(DigestOver::BytesAndSalt, b"8 bytes."), 75);
    }

    #[test]
    fn other_bytes_are_no_former_digest() {
        let present = key("0123456789abcde");
        let whole = one(DigestHash::Sha512, DigestOver::Bytes, b"").former_bytes(Some(&present));
        let whole = whole.unwrap();
        let mut longer_key = whole.clone();
        longer_key[2] = 16;
        // One that would be written otherwise could not be told from the one that was read.
        let mut written_out = whole.clone();
        written_out[2] |= WRITTEN_OUT;
        written_out.splice(3..3, *b"01234567");
        let others: [&[u8]; 6] = [
            b"",
            &whole[..whole.len() - 1],
            &[&whole[..], &[0]].concat(),
            &[&[0x9e], &whole[1..]].concat(),
            &longer_key,
            &written_out,
        ];
        for bytes in others {
            assert!(OldDigest::read_former(bytes, Some(&present)).is_none(), "{bytes:?}");
        }
        assert!(OldDigest::read_former(&whole, None).is_none());
        for text in ["0123456789abcde", "~"] {
            assert!(!OldDigest::begins_former(text.as_bytes()));
        }
        assert!(!OldDigest::begins_former(&[0xf0]));
    }

    #[test]
    fn a_salt_that_is_longer_than_any_is_not_written() {
        let former = one(DigestHash::Sha512, DigestOver::BytesAndSalt, &[1; 256]);
        assert!(former.former_bytes(None).is_none());
    }
}
