//! Finding users, and the tokens of all.

use super::super::Auth;
use super::ManageError;
use crate::model::event::{Actor, EventName};
use crate::model::user::{User, UserId, Username};
use crate::store::{Cursor, TokenPage, UserPage, UserQuery};

impl Auth {
    /// The user of that name.
    pub async fn user_named(&self, name: &str) -> Result<User, ManageError> {
        let found = self.store.user_by_name(&Username::stored(name.to_owned())).await?;
        found.ok_or_else(|| ManageError::NoSuchUser(name.to_owned()))
    }

    /// The user of that number.
    pub async fn user_numbered(&self, id: UserId) -> Result<User, ManageError> {
        let found = self.store.user(id).await?;
        found.ok_or_else(|| ManageError::NoSuchUser(format!("number {id}")))
    }

    /// At most `limit` users with a number above `after`, in order of number.
    pub async fn users_after(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, ManageError> {
        Ok(self.store.users_after(after, limit).await?)
    }

    /// A page of the users that were asked for. It may be short, or empty, and another follow it.
    pub async fn find_users(&self, query: &UserQuery) -> Result<UserPage, ManageError> {
        Ok(self.store.find_users(query, self.clock.now()).await?)
    }

    /// A page of the live tokens of all users, those that were used or issued last first.
    pub async fn find_tokens(
        &self,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<TokenPage, ManageError> {
        Ok(self.store.find_tokens(after, limit, self.clock.now()).await?)
    }

    /// The day, in UTC: `2026-11-24`.
    pub fn today(&self) -> String {
        self.clock.now().to_string().chars().take(10).collect()
    }

    /// Tells that an operator takes a list with them, and what it was narrowed to.
    pub fn tell_of_export(&self, name: EventName, filter: &str, by: Actor) {
        self.events.record(self.event(name, by).with(if filter.is_empty() {
            "all"
        } else {
            filter
        }));
    }
}
