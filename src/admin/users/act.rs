//! What can be done to a user, or to many at once, by a button.

use crate::auth::{Auth, AuthError, ManageError, Proved};
use crate::model::event::Actor;
use crate::model::user::User;

/// What can be done by a button.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::admin) enum Act {
    Activate,
    Deactivate,
    Delete,
    Demote,
    EndSessions,
    KeepPassword,
    MustChange,
    Promote,
    ResetTotp,
}

/// The most users to whom something is done at once.
pub(in crate::admin) const MOST: usize = 500;

impl Act {
    const ALL: [Self; 9] = [
        Self::Activate,
        Self::Deactivate,
        Self::Delete,
        Self::Demote,
        Self::EndSessions,
        Self::KeepPassword,
        Self::MustChange,
        Self::Promote,
        Self::ResetTotp,
    ];

    /// What can be done to many.
    pub(super) const BULK: [Self; 4] =
        [Self::Activate, Self::Deactivate, Self::EndSessions, Self::Delete];

    /// The one that a path or a form names.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.name() == name)
    }

    /// What paths and forms call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::Delete => "delete",
            Self::Demote => "demote",
            Self::EndSessions => "end-sessions",
            Self::KeepPassword => "keep-password",
            Self::MustChange => "must-change",
            Self::Promote => "promote",
            Self::ResetTotp => "reset-totp",
        }
    }

    /// What its button says.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Activate => "Activate",
            Self::Deactivate => "Deactivate",
            Self::Delete => "Delete",
            Self::Demote => "Take staff away",
            Self::EndSessions => "End all sessions",
            Self::KeepPassword => "No longer require a new password",
            Self::MustChange => "Require a new password",
            Self::Promote => "Make staff",
            Self::ResetTotp => "Turn off the authenticator app",
        }
    }

    /// Whether it takes something away, so that it is asked for twice.
    pub(super) const fn asks(self) -> bool {
        match self {
            Self::Deactivate
            | Self::Delete
            | Self::Demote
            | Self::EndSessions
            | Self::ResetTotp => true,
            Self::Activate | Self::KeepPassword | Self::MustChange | Self::Promote => false,
        }
    }

    /// Whether it lets someone in, so that it takes a proof: an operator, or anyone else. What nobody does
    /// to their own account takes none.
    pub(super) fn lets_in(self, user: &User, by: &Actor) -> Option<bool> {
        match self {
            Self::Activate if !user.is_active => Some(user.is_staff),
            // Whoever registers the name then is let in by apps that know people by it.
            Self::Delete if by.operator() != Some(&user.username) => Some(user.is_staff),
            Self::KeepPassword if user.must_change => Some(user.is_staff),
            Self::Promote if !user.is_staff => Some(true),
            Self::ResetTotp => Some(true),
            Self::Activate
            | Self::Deactivate
            | Self::Delete
            | Self::Demote
            | Self::EndSessions
            | Self::KeepPassword
            | Self::MustChange
            | Self::Promote => None,
        }
    }

    /// What comes of it, for so many users.
    pub(super) const fn consequence(self, users: usize) -> &'static str {
        match self {
            Self::Deactivate if users > 1 => {
                "They cannot log in any more, and all their tokens and sessions end at once. The \
                 accounts stay, and can be activated again."
            }
            Self::Delete if users > 1 => {
                "The accounts are gone at once, and cannot be brought back. Their names are free then: \
                 apps that know people by their names take whoever gets one next for the same. \
                 Deactivate them to keep the names. What is told of them among the events stays until \
                 it is too old to be kept."
            }
            Self::Activate => "They may log in again. Tokens that ended stay so.",
            Self::Deactivate => {
                "They cannot log in any more, and all their tokens, sessions and API keys end at once. \
                 The account stays, and can be activated again."
            }
            Self::Delete => {
                "The account is gone at once, and cannot be brought back. Its name is free then: apps \
                 that know people by their names take whoever gets it next for the same. Deactivate it \
                 to keep the name. What is told of it among the events stays until it is too old to \
                 be kept."
            }
            Self::Demote => {
                "They may no longer pass where only staff may, nor sign in here. All their tokens, \
                 sessions and API keys end at once; they can log in again as an ordinary user."
            }
            Self::EndSessions => {
                "All their tokens and sessions end at once, those of apps and of this console, and \
                 their API keys. They can log in again with their password."
            }
            Self::KeepPassword => "They may keep the password that they have.",
            Self::MustChange => "They must change the password before anything else.",
            Self::Promote => {
                "They may pass where only staff may, and sign in here. All their tokens end at once: \
                 they have to log in again."
            }
            Self::ResetTotp => {
                "Their password alone signs them in here then, and their recovery codes are void. Do \
                 it only if they have lost the app."
            }
        }
    }

    /// What stands in the column of results once it was done.
    pub(super) const fn done(self) -> &'static str {
        match self {
            Self::Activate => "may log in again",
            Self::Deactivate => "locked out; all tokens have ended",
            Self::Delete => "deleted",
            Self::Demote => "staff no more; all tokens have ended",
            Self::EndSessions => "all tokens, sessions and API keys have ended",
            Self::KeepPassword => "may keep the password",
            Self::MustChange => "must change the password",
            Self::Promote => "staff; all tokens have ended",
            Self::ResetTotp => "authenticator app turned off",
        }
    }

    /// The notice that tells of it.
    pub(super) const fn notice(self) -> &'static str {
        match self {
            Self::Activate => "activated",
            Self::Deactivate => "deactivated",
            Self::Delete => "deleted",
            Self::Demote => "demoted",
            Self::EndSessions => "sessions-ended",
            Self::KeepPassword => "may-keep-password",
            Self::MustChange => "must-change-password",
            Self::Promote => "promoted",
            Self::ResetTotp => "totp-reset",
        }
    }

    /// The notice that tells that there was nothing to do, and the words for a list.
    pub(super) const fn already(self) -> (&'static str, &'static str) {
        match self {
            Self::Activate => ("active-already", "is active already"),
            Self::Deactivate => ("out-already", "is locked out already"),
            Self::Demote => ("not-staff", "is not staff"),
            Self::KeepPassword => ("may-keep-already", "may keep the password already"),
            Self::MustChange => ("must-change-already", "must change the password already"),
            Self::Promote => ("staff-already", "is staff already"),
            // There always is.
            Self::Delete | Self::EndSessions | Self::ResetTotp => (self.notice(), self.done()),
        }
    }

    /// Does it; says whether there was something to do. What lets someone in takes one who has proved who
    /// they are.
    pub(in crate::admin) async fn perform(
        self,
        auth: &Auth,
        user: &User,
        by: Actor,
        proved: Option<Proved>,
    ) -> Result<bool, ManageError> {
        if self == Self::Delete && by.operator() == Some(&user.username) {
            return Err(ManageError::OwnAccount);
        }
        let Some(proved) = proved else { return self.perform_unproved(auth, user, by).await };
        let managed = match self {
            Self::Activate => auth.activate(user, proved).await?,
            Self::Delete => return auth.delete_user(user, proved).await.map(|()| true),
            Self::KeepPassword => auth.keep_password(user, proved).await?,
            Self::Promote => auth.promote(user, proved).await?,
            Self::ResetTotp => {
                auth.reset_second_factor(user, proved).await?;
                return Ok(true);
            }
            _ => return self.perform_unproved(auth, user, by).await,
        };
        Ok(managed.is_changed)
    }

    async fn perform_unproved(
        self,
        auth: &Auth,
        user: &User,
        by: Actor,
    ) -> Result<bool, ManageError> {
        let managed = match self {
            Self::Activate | Self::KeepPassword | Self::Promote
                if self.lets_in(user, &by).is_none() =>
            {
                return Ok(false);
            }
            Self::Activate
            | Self::Delete
            | Self::KeepPassword
            | Self::Promote
            | Self::ResetTotp => return Err(AuthError::Unproved.into()),
            Self::Deactivate => auth.deactivate(user, by).await?,
            Self::Demote => auth.demote(user, by).await?,
            Self::EndSessions => return auth.revoke_tokens(user, by).await.map(|()| true),
            Self::MustChange => auth.require_new_password(user, by).await?,
        };
        Ok(managed.is_changed)
    }
}
