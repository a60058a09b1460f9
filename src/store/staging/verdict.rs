//! What becomes of a user of a source, by who is here already.
//!
//! Who says what a source holds must not get hold of anybody here: the same person is who has the same
//! number, and the same name or the very moment of their creation. Of an operator all three must be so.

use super::{OnConflict, Refusal, Row, Says};
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

    /// Whether it is something that [`OnConflict::Fail`] fails for.
    pub(in crate::store) fn is_conflict(self) -> bool {
        match self {
            Self::Keep | Self::Update => true,
            Self::Refuse(refusal) => {
                matches!(refusal, Refusal::NameTaken | Refusal::NumberTaken | Refusal::Operator)
            }
            Self::Add | Self::Same => false,
        }
    }
}

/// What becomes of a user, where these have their number and their name.
pub(in crate::store) fn verdict(
    row: &Row,
    of_number: Option<&User>,
    of_name: Option<&User>,
    on_conflict: OnConflict,
) -> Verdict {
    let here = match find(row, of_number, of_name) {
        Ok(None) => return Verdict::Add,
        Ok(Some(here)) => here,
        Err(refusal) => return Verdict::Refuse(refusal),
    };
    if row.over(here) == *here {
        return Verdict::Same;
    }
    match on_conflict {
        OnConflict::Fail | OnConflict::Skip => Verdict::Keep,
        OnConflict::Update => Verdict::Update,
    }
}

/// The same person here, if they are.
fn find<'a>(
    row: &Row,
    of_number: Option<&'a User>,
    of_name: Option<&'a User>,
) -> Result<Option<&'a User>, Refusal> {
    let here = if row.id.is_some() { of_number } else { of_name };
    let Some(here) = here else {
        return of_name.map_or(Ok(None), |other| Err(taken(other, Refusal::NameTaken)));
    };
    let has_name = here.username.as_str() == row.username;
    let has_moment = row.joined == Some(here.joined);
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

impl Row {
    /// Whether this user, to whom no name leads, is what a landing that was stopped has written of this row;
    /// somebody else may have lost their name. An operator's must agree in all.
    pub(in crate::store) fn has_begun(&self, user: &User) -> bool {
        let has_name = user.username.as_str() == self.username;
        let has_moment = self.joined == Some(user.joined);
        let has_hash = user.password.expose() == self.password;
        if user.is_staff {
            has_name && has_moment && has_hash
        } else {
            has_moment || (has_name && has_hash)
        }
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
        let why = verdict.refusal().map_or_else(
            || "they are here already, and not as the source says".to_owned(),
            |refusal| refusal.to_string(),
        );
        StoreError::Unsuitable(format!(
            "it is not taken over, for there is a conflict: {} (entry {} of the source): {why}",
            self.username, self.place
        ))
    }

    /// What becomes of who is here, of the same epoch. What the source does not know stays as it is.
    pub(in crate::store) fn over(&self, here: &User) -> User {
        let mut anew = self.anew(here.id, here.epoch, here.joined);
        anew.must_change = here.must_change && anew.password == here.password;
        anew.last_login = anew.last_login.or(here.last_login);
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
mod tests {
    use super::*;
    use crate::model::user::Profile;

    const MOMENT: Timestamp = Timestamp::from_micros(1_795_503_694_000_121);
    const LATER: Timestamp = Timestamp::from_micros(1_795_503_694_000_122);

    fn row(id: Option<u64>, username: &str, joined: Option<Timestamp>) -> Row {
        Row {
            email: String::new(),
            id,
            is_active: true,
            is_staff: false,
            joined,
            last_login: None,
            password: "$hash".to_owned(),
            place: 1,
            profile: Profile::default(),
            row: 1,
            says: Says::ALL,
            username: username.to_owned(),
        }
    }

    fn here(id: u64, username: &str, joined: Timestamp) -> User {
        row(None, username, Some(joined)).anew(UserId(id), 7, joined)
    }

    fn operator(id: u64, username: &str, joined: Timestamp) -> User {
        User { is_staff: true, ..here(id, username, joined) }
    }

    fn of(row: &Row, users: &[&User]) -> Verdict {
        let of_number = users.iter().copied().find(|user| Some(user.id.0) == row.id);
        let of_name = users.iter().copied().find(|user| user.username.as_str() == row.username);
        verdict(row, of_number, of_name, OnConflict::Update)
    }

    #[test]
    fn who_is_not_here_is_added() {
        assert_eq!(of(&row(Some(1), "ada", Some(MOMENT)), &[]), Verdict::Add);
        assert_eq!(of(&row(None, "ada", None), &[]), Verdict::Add);
    }

    #[test]
    fn the_same_number_with_the_name_or_the_moment_is_the_same_person() {
        let ada = here(1, "ada", MOMENT);
        assert_eq!(of(&row(Some(1), "ada", Some(MOMENT)), &[&ada]), Verdict::Same);
        assert_eq!(of(&row(Some(1), "ada", Some(LATER)), &[&ada]), Verdict::Update);
        assert_eq!(of(&row(Some(1), "renamed", Some(MOMENT)), &[&ada]), Verdict::Update);
        let other = of(&row(Some(1), "bob", Some(LATER)), &[&ada]);
        assert_eq!(other, Verdict::Refuse(Refusal::NumberTaken));
    }

    #[test]
    fn a_name_of_another_is_taken_even_by_a_rename() {
        let users = [&here(1, "ada", MOMENT), &here(2, "bob", MOMENT)];
        let stranger = row(Some(3), "bob", Some(MOMENT));
        assert_eq!(of(&stranger, &users), Verdict::Refuse(Refusal::NameTaken));
        let renamed = row(Some(1), "bob", Some(MOMENT));
        assert_eq!(of(&renamed, &users), Verdict::Refuse(Refusal::NameTaken));
    }

    #[test]
    fn an_operator_is_the_same_only_by_number_name_and_moment() {
        let root = operator(1, "root", MOMENT);
        for (id, name, joined) in [
            (Some(1), "root", Some(LATER)),
            (Some(1), "other", Some(MOMENT)),
            (Some(1), "other", Some(LATER)),
            (Some(9), "root", Some(MOMENT)),
            (Some(1), "root", None),
            (None, "root", None),
            (None, "root", Some(MOMENT)),
            (None, "root", Some(LATER)),
        ] {
            let verdict = of(&row(id, name, joined), &[&root]);
            assert_eq!(verdict, Verdict::Refuse(Refusal::Operator), "{id:?} {name} {joined:?}");
        }
        let same = Row { is_staff: true, ..row(Some(1), "root", Some(MOMENT)) };
        assert_eq!(of(&same, &[&root]), Verdict::Same);
        let locked_out = User { is_active: false, ..root };
        let verdict = of(&row(Some(1), "root", Some(LATER)), &[&locked_out]);
        assert_eq!(verdict, Verdict::Refuse(Refusal::Operator));
    }

    #[test]
    fn a_rename_to_an_operators_name_is_told_as_that() {
        let users = [&here(1, "ada", MOMENT), &operator(2, "root", MOMENT)];
        let verdict = of(&row(Some(1), "root", Some(MOMENT)), &users);
        assert_eq!(verdict, Verdict::Refuse(Refusal::Operator));
    }

    #[test]
    fn who_has_no_number_is_known_by_the_name() {
        let ada = here(5, "ada", MOMENT);
        assert_eq!(of(&row(None, "ada", Some(MOMENT)), &[&ada]), Verdict::Same);
        assert_eq!(of(&row(None, "ada", None), &[&ada]), Verdict::Same);
        let other = of(&row(None, "ada", Some(LATER)), &[&ada]);
        assert_eq!(other, Verdict::Refuse(Refusal::NameTaken));
    }

    #[test]
    fn what_a_stopped_landing_wrote_is_told_from_one_who_lost_their_name() {
        let ada = here(1, "ada", MOMENT);
        assert!(row(Some(1), "ada", Some(MOMENT)).has_begun(&ada));
        assert!(row(Some(1), "renamed", Some(MOMENT)).has_begun(&ada));
        assert!(row(Some(1), "ada", None).has_begun(&ada));
        let other = Row { password: "$other".to_owned(), ..row(Some(1), "ada", Some(LATER)) };
        assert!(!other.has_begun(&ada));
        let root = operator(1, "root", MOMENT);
        assert!(row(Some(1), "root", Some(MOMENT)).has_begun(&root));
        assert!(!row(Some(1), "other", Some(MOMENT)).has_begun(&root));
        let stranger = Row { password: "$other".to_owned(), ..row(Some(1), "root", Some(MOMENT)) };
        assert!(!stranger.has_begun(&root));
    }

    #[test]
    fn who_is_different_stays_so_unless_updates_are_wanted() {
        let ada = here(1, "ada", MOMENT);
        let staff = Row { is_staff: true, ..row(Some(1), "ada", Some(MOMENT)) };
        for on_conflict in [OnConflict::Skip, OnConflict::Fail] {
            let verdict = verdict(&staff, Some(&ada), Some(&ada), on_conflict);
            assert_eq!(verdict, Verdict::Keep);
            assert!(verdict.is_conflict());
        }
        assert_eq!(of(&staff, &[&ada]), Verdict::Update);
    }

    #[test]
    fn what_the_source_does_not_know_stays() {
        let known = User { last_login: Some(LATER), must_change: true, ..here(1, "ada", MOMENT) };
        let after = row(Some(1), "ada", None).over(&known);
        assert!(after == known);
        let other = Row { password: "$other".to_owned(), ..row(Some(1), "ada", None) };
        assert!(!other.over(&known).must_change);
    }

    #[test]
    fn of_what_a_source_says_nothing_that_stays_as_it_is() {
        let profile = Profile { groups: vec!["poets".to_owned()], ..Profile::default() };
        let email = Email::stored("root@example.com".to_owned());
        let known = User { email, profile, is_active: false, ..operator(1, "root", MOMENT) };
        let says = Says { email: true, ..Says::NOTHING };
        let after = Row { says, ..row(Some(1), "root", Some(MOMENT)) }.over(&known);
        assert!(after == User { email: Email::default(), ..known });
    }

    #[test]
    fn a_password_staff_or_a_lockout_ends_tokens_and_nothing_else_does() {
        let ada = here(1, "ada", MOMENT);
        let ends = |after: User| ends_tokens(&ada, &after);
        assert!(ends(User { password: PasswordHash::new("$other".to_owned()), ..ada.clone() }));
        assert!(ends(User { is_staff: true, ..ada.clone() }));
        assert!(ends(User { is_active: false, ..ada.clone() }));
        assert!(!ends(User { username: Username::stored("eve".to_owned()), ..ada.clone() }));
        let locked_out = User { is_active: false, ..ada.clone() };
        assert!(!ends_tokens(&locked_out, &ada));
    }
}
