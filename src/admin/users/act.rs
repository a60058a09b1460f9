//! What can be done to a user, or to many at once, by a button.

use super::super::site::Site;
use crate::auth::ManageError;
use crate::model::user::User;

/// What can be done by a button.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Act {
    Activate,
    Deactivate,
    Delete,
    Demote,
    EndSessions,
    KeepPassword,
    MustChange,
    Promote,
}

impl Act {
    const ALL: [Self; 8] = [
        Self::Activate,
        Self::Deactivate,
        Self::Delete,
        Self::Demote,
        Self::EndSessions,
        Self::KeepPassword,
        Self::MustChange,
        Self::Promote,
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
            Self::KeepPassword => "Let them keep the password",
            Self::MustChange => "Ask for another password",
            Self::Promote => "Make staff",
        }
    }

    /// Whether it takes something away, so that it is asked for twice.
    pub(super) const fn asks(self) -> bool {
        match self {
            Self::Deactivate | Self::Delete | Self::Demote | Self::EndSessions => true,
            Self::Activate | Self::KeepPassword | Self::MustChange | Self::Promote => false,
        }
    }

    /// What comes of it.
    pub(super) const fn consequence(self) -> &'static str {
        match self {
            Self::Activate => "They may log in again. Tokens that ended stay so.",
            Self::Deactivate => {
                "They cannot log in any more, and all their tokens, sessions and API keys end at once. \
                 The account stays, and can be activated again."
            }
            Self::Delete => {
                "The account is gone at once, and cannot be brought back. What is told of it among \
                 the events stays until it is too old to be kept."
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
            Self::MustChange => "They must choose another password before anything else.",
            Self::Promote => "They may pass where only staff may, and sign in here.",
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
            Self::MustChange => "must choose another password",
            Self::Promote => "staff",
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
        }
    }

    /// Does it.
    pub(super) async fn perform(self, site: &Site<'_>, user: &User) -> Result<(), ManageError> {
        let (auth, by) = (site.auth(), site.actor());
        match self {
            Self::Activate => auth.set_active(user, true, by).await.map(drop),
            Self::Deactivate => auth.set_active(user, false, by).await.map(drop),
            Self::Delete => auth.delete_user(user, by).await,
            Self::Demote => auth.set_staff(user, false, by).await.map(drop),
            Self::EndSessions => auth.revoke_tokens(user, by).await,
            Self::KeepPassword => auth.set_must_change(user, false, by).await.map(drop),
            Self::MustChange => auth.set_must_change(user, true, by).await.map(drop),
            Self::Promote => auth.set_staff(user, true, by).await.map(drop),
        }
    }
}
