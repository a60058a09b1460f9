//! Everything is given back: nobody is locked in.

mod django;
mod jsonl;

use super::django::Model;
use super::whole_file::WholeFile;
use crate::auth::{Auth, ManageError, Portion};
use crate::model::token::{DigestHash, DigestScheme, KnoxKey, OldDigest, TokenDigest, TokenRecord};
use std::io;

/// As what accounts are written.
pub enum Export {
    /// As `dumpdata` writes them and `loaddata` reads them.
    Django(ForDjango),
    /// An object of JSON a line, with all that is kept.
    Jsonl,
}

/// What is known of the Django that is to read it.
pub struct ForDjango {
    /// Whether it is to be an object a line, which `loaddata` reads one by one, and not one array.
    pub is_in_lines: bool,
    /// How its knox makes digests, tokens of other schemes being left out; `None` if it has no knox.
    pub scheme: Option<DigestScheme>,
    /// Its user model, if that is not Django's own.
    pub user_model: Option<Model>,
}

/// How a token's digest was made, as far as that is known. One whose beginning is as short as those that
/// knox 4 kept was not made as they are made here, even if it has become so meanwhile.
fn scheme_of(record: &TokenRecord, old: Option<&OldDigest>) -> Option<DigestScheme> {
    let is_of_knox_4 = |key: &KnoxKey| key.as_str().len() == KnoxKey::OF_KNOX_4;
    match old {
        Some(old) => Some(old.scheme),
        None if record.knox_key.as_ref().is_some_and(is_of_knox_4) => None,
        None => Some(DigestScheme::NATIVE),
    }
}

/// What knox has of a token.
struct Row<'a> {
    digest: TokenDigest,
    key: &'a KnoxKey,
    salt: &'a [u8],
}

impl<'a> Row<'a> {
    /// The row by which a knox of this scheme finds a token: as it is here, or as it was where it came from.
    fn of(
        record: &'a TokenRecord,
        old: Option<&'a OldDigest>,
        wanted: DigestScheme,
    ) -> Option<Self> {
        if scheme_of(record, old) == Some(wanted)
            && let Some(key) = &record.knox_key
        {
            let salt = old.map_or(&[][..], |old| &old.salt);
            return Some(Self { digest: record.digest, key, salt });
        }
        let former = record.former.as_ref().filter(|former| former.scheme == wanted)?;
        Some(Self { digest: former.digest, key: &former.knox_key, salt: &former.salt })
    }
}

/// A digest in hex, as long as those of this hash are.
fn hex_of(digest: TokenDigest, hash: DigestHash) -> String {
    hex::encode(digest.as_bytes().get(..hash.length()).unwrap_or(digest.as_bytes()))
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Exported {
    /// Tokens that were left out because Django could not find them: nothing of their text is known.
    pub keyless: u64,
    /// Users who are to choose another password, of which Django knows nothing.
    pub must_change: u64,
    /// Tokens that were left out because their digests are of another scheme.
    pub of_other_schemes: u64,
    /// Tokens.
    pub tokens: u64,
    /// Users.
    pub users: u64,
}

/// Why an export is not whole.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The accounts cannot be read.
    #[error(transparent)]
    Accounts(#[from] ManageError),
    /// The file cannot be written.
    #[error("cannot write the export")]
    Io(#[from] io::Error),
}

/// How many users are read at once.
const PAGE: usize = 500;

impl Export {
    /// Writes all accounts in constant memory, and says after each few how many there are so far. What
    /// is changed meanwhile may be there or not.
    pub async fn write(
        &self,
        accounts: &Auth,
        to: &mut WholeFile,
        told: &dyn Fn(u64),
    ) -> Result<Exported, ExportError> {
        let mut done = Exported::default();
        match self {
            Self::Jsonl => {
                each(accounts, |portion| {
                    jsonl::write(&portion, to, &mut done)?;
                    told(done.users);
                    Ok(())
                })
                .await?;
            }
            Self::Django(terms) => {
                let groups = groups(accounts).await?;
                let mut dump = django::Dump::begin(to, terms)?;
                dump.groups(&groups)?;
                each(accounts, |portion| {
                    dump.portion(&portion, &mut done)?;
                    told(done.users);
                    Ok(())
                })
                .await?;
                dump.end()?;
            }
        }
        Ok(done)
    }
}

/// Every user once, in order of number.
async fn each(
    accounts: &Auth,
    mut take: impl FnMut(Portion) -> io::Result<()>,
) -> Result<(), ExportError> {
    let mut after = None;
    loop {
        let page = accounts.portions_after(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.user.id);
        page.into_iter().try_for_each(&mut take)?;
    }
}

/// The names of all groups: in a dump they come before the users who are in them.
async fn groups(accounts: &Auth) -> Result<std::collections::BTreeSet<String>, ExportError> {
    let mut groups = std::collections::BTreeSet::new();
    let mut after = None;
    loop {
        let page = accounts.users_after(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(groups) };
        after = Some(last.id);
        groups.extend(page.into_iter().flat_map(|user| user.profile.groups));
    }
}
