//! A source, user by user, each with their tokens.

use super::read::{moment, user};
use super::{ArrivingUser, Refusal, Says, Staging};
use crate::clock::Timestamp;
use crate::model::token::{DigestScheme, KnoxKey, OldDigest, TokenDigest, TokenRecord};
use crate::model::user::User;
use crate::store::StoreError;
use rusqlite::{Rows, Statement, named_params};
use std::collections::HashSet;

/// How many tokens there are of some users at most before no further user comes with them.
const TOKENS: usize = 5_000;

/// A user of a source with their tokens.
pub(in crate::store) struct Arrival {
    pub(in crate::store) user: ArrivingUser,
    pub(in crate::store) tokens: Vec<ArrivingToken>,
    /// The rows of tokens that are among the others already.
    twice: Vec<i64>,
    /// Whether they were not taken in a round before.
    was_refused: bool,
}

/// A token of a source that has not run out.
pub(in crate::store) struct ArrivingToken {
    created: Option<Timestamp>,
    pub(in crate::store) digest: TokenDigest,
    expires: Option<Timestamp>,
    knox_key: Option<KnoxKey>,
    /// Its row in the staging.
    pub(in crate::store) row: i64,
    /// How its digest was made, where it was not as they are made here.
    scheme: Option<(DigestScheme, Vec<u8>)>,
}

impl ArrivingToken {
    /// What the store is to keep of it.
    pub(in crate::store) fn record(&self, user: &User, at: Timestamp) -> TokenRecord {
        TokenRecord {
            created: self.created.unwrap_or(at),
            digest: self.digest,
            epoch: user.epoch,
            expires: self.expires,
            former: None,
            knox_key: self.knox_key.clone(),
            user: user.id,
        }
    }

    /// The same, and what it is to keep beside it: by the digest of ours if it has got one.
    pub(in crate::store) fn kept(
        &self,
        user: &User,
        at: Timestamp,
        ours: Option<&TokenRecord>,
    ) -> (TokenRecord, Option<OldDigest>) {
        let record = self.record(user, ours.map_or(at, |ours| ours.created));
        let Some(TokenRecord { digest, former, knox_key, .. }) = ours.cloned() else {
            return (record, self.old_digest());
        };
        (TokenRecord { digest, former, knox_key, ..record }, None)
    }

    /// What the store is to keep beside it.
    pub(in crate::store) fn old_digest(&self) -> Option<OldDigest> {
        let ((scheme, salt), knox_key) = self.scheme.clone().zip(self.knox_key.clone())?;
        Some(OldDigest { digest: self.digest, knox_key, salt, scheme })
    }
}

/// What is to be gone through.
pub(in crate::store) struct Round<'a> {
    says: Says,
    tokens: Statement<'a>,
    users: Statement<'a>,
    /// Whether none of them was taken in a round before.
    were_refused: bool,
}

impl Staging {
    /// Everybody of whom nothing is known against it.
    pub(in crate::store) fn round(&self) -> Result<Round<'_>, StoreError> {
        self.round_of("users.refusal IS NULL", false)
    }

    /// Those whose name was another's: by now that one may have been renamed.
    pub(in crate::store) fn round_of_namesakes(&self) -> Result<Round<'_>, StoreError> {
        self.round_of("users.refusal = 'name_taken'", true)
    }

    fn round_of(&self, whom: &str, were_refused: bool) -> Result<Round<'_>, StoreError> {
        let tokens = format!(
            "SELECT tokens.* FROM tokens CROSS JOIN users ON users.row = tokens.owner
             WHERE tokens.refusal IS NULL AND {whom} ORDER BY owner, tokens.row"
        );
        let users = format!("SELECT * FROM users WHERE {whom} ORDER BY row");
        let (tokens, users) = (self.db.prepare(&tokens)?, self.db.prepare(&users)?);
        Ok(Round { says: self.says.get(), tokens, users, were_refused })
    }
}

impl Round<'_> {
    /// Goes through it once.
    pub(in crate::store) fn begin(&mut self) -> Result<Arrivals<'_>, StoreError> {
        let users = self.users.query([])?;
        let mut tokens = self.tokens.query([])?;
        let next = next_token(&mut tokens)?;
        let Self { says, were_refused, .. } = *self;
        Ok(Arrivals { next, says, tokens, users, were_refused })
    }
}

/// Users of a source in the order of their rows.
pub(in crate::store) struct Arrivals<'a> {
    /// The first token that has not been handed out, and its owner.
    next: Option<(i64, ArrivingToken)>,
    says: Says,
    tokens: Rows<'a>,
    users: Rows<'a>,
    /// Whether none of them was taken in a round before.
    were_refused: bool,
}

impl Arrivals<'_> {
    /// At most so many more, and fewer where they have many tokens; none once all have been there.
    pub(in crate::store) fn next(&mut self, most: usize) -> Result<Vec<Arrival>, StoreError> {
        let (mut arrivals, mut tokens) = (Vec::with_capacity(most), 0);
        while arrivals.len() < most
            && tokens < TOKENS
            && let Some(row) = self.users.next()?
        {
            let user = user(row, self.says)?;
            let was_refused = self.were_refused;
            let mut arrival = Arrival { user, tokens: Vec::new(), twice: Vec::new(), was_refused };
            self.add_tokens(&mut arrival)?;
            tokens += arrival.tokens.len();
            arrivals.push(arrival);
        }
        Ok(arrivals)
    }

    fn add_tokens(&mut self, arrival: &mut Arrival) -> Result<(), StoreError> {
        let (owner, mut seen) = (arrival.user.row, HashSet::new());
        while let Some((of, token)) = self.next.take_if(|(of, _)| *of <= owner) {
            self.next = next_token(&mut self.tokens)?;
            if of < owner {
                continue;
            }
            if seen.insert(token.digest) {
                arrival.tokens.push(token);
            } else {
                arrival.twice.push(token.row);
            }
        }
        Ok(())
    }
}

fn next_token(rows: &mut Rows<'_>) -> Result<Option<(i64, ArrivingToken)>, StoreError> {
    let Some(row) = rows.next()? else { return Ok(None) };
    let scheme: Option<String> = row.get("scheme")?;
    let scheme = scheme.and_then(|text| text.parse().ok());
    let salt: Option<Vec<u8>> = row.get("salt")?;
    let knox_key: Option<String> = row.get("knox_key")?;
    let token = ArrivingToken {
        created: moment(row, "created")?,
        digest: TokenDigest::new(row.get("digest")?),
        expires: moment(row, "expires")?,
        knox_key: knox_key.and_then(|text| KnoxKey::parse(&text)),
        row: row.get("row")?,
        scheme: scheme.map(|scheme| (scheme, salt.unwrap_or_default())),
    };
    Ok(Some((row.get("owner")?, token)))
}

impl Staging {
    /// Takes back what an earlier landing has found out, and refuses tokens that have run out by now.
    pub(in crate::store) fn begin_landing(&self, at: Timestamp) -> Result<(), StoreError> {
        if self.has_landed.replace(true) {
            self.db.execute_batch(FORGET)?;
        }
        let sql = "UPDATE tokens SET refusal = 'expired' WHERE refusal IS NULL AND expires <= :at";
        self.db.execute(sql, named_params! { ":at": at })?;
        Ok(())
    }

    /// Notes that a user is not taken, or is after all.
    pub(in crate::store) fn note(
        &self,
        row: i64,
        refusal: Option<Refusal>,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE users SET refusal = ?2 WHERE row = ?1";
        self.db.prepare_cached(sql)?.execute((row, refusal.map(Refusal::name)))?;
        Ok(())
    }

    /// Notes what becomes of a user, and which of their tokens are there twice.
    pub(in crate::store) fn note_arrival(
        &self,
        arrival: &Arrival,
        refusal: Option<Refusal>,
    ) -> Result<(), StoreError> {
        // As it was before, it need not be written.
        if refusal.is_some() || arrival.was_refused {
            self.note(arrival.user.row, refusal)?;
        }
        arrival.twice.iter().try_for_each(|row| self.note_token(*row, Refusal::TokenTaken))
    }

    /// Notes that a token is not taken.
    pub(in crate::store) fn note_token(
        &self,
        row: i64,
        refusal: Refusal,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE tokens SET refusal = ?2 WHERE row = ?1";
        self.db.prepare_cached(sql)?.execute((row, refusal.name()))?;
        Ok(())
    }
}

const FORGET: &str = "
    UPDATE users SET refusal = NULL WHERE refusal IN (
        'name_taken', 'number_gone', 'number_taken', 'operator');
    UPDATE tokens SET refusal = NULL WHERE refusal IN ('expired', 'token_taken')
        OR refusal = 'owner_refused' AND owner IN (SELECT row FROM users WHERE refusal IS NULL);";
