//! What becomes of a user of a source, by who is here already.
//!
//! Who says what a source holds must not get hold of anybody here: the same person is who has the same
//! number, and the same name or the very moment of their creation. Of an operator all three must be so.

use super::{ArrivingUser, OnConflict, Refusal, Says};
use crate::clock::Timestamp;
use crate::model::email::Email;
use crate::model::password::PasswordHash;
use crate::model::user::{User, UserChange, UserId, Username};
use crate::store::StoreError;

/// What becomes of a user of a source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::store) enum Verdict {
    /// They are added.
    Add,
    /// They are here, otherwise than the source says, and stay as they are.
    Keep,
    /// They are not taken.
    Refuse(Refusal),
    /// They are here as the source says. Their tokens become those of the source where others are updated.
    Same,
    /// They are here, and become as the source says.
    Update,
}

impl Verdict {
    /// Why they are not taken, if so.
    pub(in crate::store) fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Refuse(refusal) => Some(refusal),
            Self::Add | Self::Keep | Self::Same | Self::Update => None,
        }
    }

    /// The same, unless they would be added although the number is of somebody who was deleted here.
    pub(in crate::store) fn unless_gone(self, is_gone: bool) -> Self {
        match self {
            Self::Add if is_gone => Self::Refuse(Refusal::NumberGone),
            verdict => verdict,
        }
    }

    /// Whether it is something that [`OnConflict::Fail`] fails for.
    pub(in crate::store) fn is_conflict(self) -> bool {
        match self {
            Self::Keep | Self::Update => true,
            Self::Refuse(refusal) => {
                use Refusal::{NameTaken, NumberGone, NumberTaken, Operator};
                matches!(refusal, NameTaken | NumberGone | NumberTaken | Operator)
            }
            Self::Add | Self::Same => false,
        }
    }
}

/// What becomes of a user, where these have their number and their name.
pub(in crate::store) fn verdict(
    row: &ArrivingUser,
    of_number: Option<&User>,
    of_name: Option<&User>,
    on_conflict: OnConflict,
) -> Verdict {
    let here = match find(row, of_number, of_name) {
        Ok(None) => return Verdict::Add,
        Ok(Some(here)) => here,
        Err(refusal) => return Verdict::Refuse(refusal),
    };
    // That they have logged in since is no difference.
    if (User { last_login: here.last_login, ..row.over(here) }) == *here {
        return Verdict::Same;
    }
    match on_conflict {
        OnConflict::Fail | OnConflict::Skip => Verdict::Keep,
        OnConflict::Update => Verdict::Update,
    }
}

/// The same person here, if they are.
fn find<'a>(
    row: &ArrivingUser,
    of_number: Option<&'a User>,
    of_name: Option<&'a User>,
) -> Result<Option<&'a User>, Refusal> {
    let here = if row.id.is_some() { of_number } else { of_name };
    let Some(here) = here else {
        return of_name.map_or(Ok(None), |other| Err(taken(other, Refusal::NameTaken)));
    };
    let has_name = here.username.as_str() == row.username;
    let has_moment = row.has_joined_with(here);
    // Who has no number is known by the name, and by the moment if the source has it.
    let is_same =
        if row.id.is_some() { has_name || has_moment } else { has_moment || row.joined.is_none() };
    if here.is_staff && !(row.id.is_some() && has_name && has_moment) {
        return Err(Refusal::Operator);
    }
    if !is_same {
        let refusal = if row.id.is_some() { Refusal::NumberTaken } else { Refusal::NameTaken };
        return Err(refusal);
    }
    match of_name {
        Some(other) if other.id != here.id => Err(taken(other, Refusal::NameTaken)),
        _ => Ok(Some(here)),
    }
}

/// Of whom an operator is, it is said that they are one. Who is staff and locked out may be one again.
fn taken(by: &User, otherwise: Refusal) -> Refusal {
    if by.is_staff { Refusal::Operator } else { otherwise }
}

impl ArrivingUser {
    /// Whether they have joined in the same moment: a dump has the millisecond, a database more.
    fn has_joined_with(&self, here: &User) -> bool {
        let millisecond = |moment: Timestamp| moment.micros().div_euclid(1_000);
        self.joined.is_some_and(|joined| millisecond(joined) == millisecond(here.joined))
    }

    /// The user as they are to be added.
    pub(in crate::store) fn anew(&self, id: UserId, epoch: u64, at: Timestamp) -> User {
        User {
            email: Email::stored(self.email.clone()),
            epoch,
            id,
            is_active: self.is_active,
            is_staff: self.is_staff,
            joined: self.joined.unwrap_or(at),
            last_login: self.last_login,
            must_change: false,
            password: PasswordHash::new(self.password.clone()),
            profile: self.profile.clone(),
            username: Username::stored(self.username.clone()),
        }
    }

    /// Why nothing is taken over because of them.
    pub(in crate::store) fn conflict(&self, verdict: Verdict) -> StoreError {
        let conflict = self.in_words(verdict);
        StoreError::Unsuitable(format!("it is not taken over, for there is a conflict: {conflict}"))
    }

    /// The same of somebody who was in nobody's way when all of them were looked at.
    pub(in crate::store) fn late_conflict(&self, verdict: Verdict) -> StoreError {
        let conflict = self.in_words(verdict);
        StoreError::Unsuitable(format!(
            "not all of it is taken over, for a conflict has come up meanwhile: {conflict}. Users who were \
             taken over before are here, with their tokens"
        ))
    }

    fn in_words(&self, verdict: Verdict) -> String {
        let why = verdict.refusal().map_or_else(
            || "they are here already, and not as the source says".to_owned(),
            |refusal| refusal.to_string(),
        );
        format!("{} (entry {} of the source): {why}", self.username, self.place)
    }

    /// What becomes of who is here, of the same epoch. What the source does not know stays as it is, and of two
    /// logins the later one counts.
    pub(in crate::store) fn over(&self, here: &User) -> User {
        let mut anew = self.anew(here.id, here.epoch, here.joined);
        anew.must_change = here.must_change && anew.password == here.password;
        anew.last_login = anew.last_login.max(here.last_login);
        if self.has_joined_with(here) {
            anew.joined = here.joined;
        }
        let Says { active, email, groups, names, staff, superuser, tokens: _ } = self.says;
        if !active {
            anew.is_active = here.is_active;
        }
        if !email {
            anew.email = here.email.clone();
        }
        if !groups {
            anew.profile.groups.clone_from(&here.profile.groups);
        }
        if !names {
            anew.profile.first_name.clone_from(&here.profile.first_name);
            anew.profile.last_name.clone_from(&here.profile.last_name);
        }
        if !staff {
            anew.is_staff = here.is_staff;
        }
        if !superuser {
            anew.profile.is_superuser = here.profile.is_superuser;
        }
        anew
    }
}

/// Whether what is different of a user ends their tokens, as if each had been changed by itself.
pub(in crate::store) fn ends_tokens(before: &User, after: &User) -> bool {
    let password =
        UserChange::Password { hash: after.password.clone(), must_change: after.must_change };
    (before.password != after.password && password.ends_tokens())
        || (before.is_staff != after.is_staff && UserChange::Staff(after.is_staff).ends_tokens())
        || (before.is_active != after.is_active
            && UserChange::Active(after.is_active).ends_tokens())
}

#[cfg(test)]
mod tests;
