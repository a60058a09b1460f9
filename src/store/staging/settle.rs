//! What can be told of a source only once all of it is there.

use super::{Refusal, Staging};
use crate::store::StoreError;

impl Staging {
    /// Finds out, once all is added, which names are there twice, which groups the numbers mean, and whose
    /// the tokens are.
    pub fn settle(&self) -> Result<(), StoreError> {
        self.refuse_names_that_are_there_twice()?;
        self.db.execute_batch(GROUPS)?;
        self.db.execute_batch(OWNERS)?;
        let nobodys = "UPDATE tokens SET refusal = ?1 WHERE refusal IS NULL AND (
                           owner IS NULL OR owner NOT IN (SELECT row FROM users WHERE refusal IS NULL))";
        if self.db.execute(nobodys, [Refusal::OwnerMissing.name()])? > 0 {
            let known = "UPDATE tokens SET refusal = ?2
                         WHERE refusal = ?1 AND owner IN (SELECT row FROM users)";
            let names = [Refusal::OwnerMissing, Refusal::OwnerRefused].map(Refusal::name);
            self.db.execute(known, names)?;
        }
        Ok(())
    }

    /// The first who has a name keeps it.
    fn refuse_names_that_are_there_twice(&self) -> Result<(), StoreError> {
        self.db.execute_batch(
            "CREATE INDEX IF NOT EXISTS users_by_name ON users (username, place) WHERE refusal IS NULL",
        )?;
        let twice = "UPDATE users SET refusal = ?1 WHERE row IN (
                         SELECT row FROM (
                             SELECT row, username = lag(username) OVER (ORDER BY username, place) AS again
                             FROM users WHERE refusal IS NULL)
                         WHERE again)";
        self.db.execute(twice, [Refusal::NameTwice.name()])?;
        Ok(())
    }
}

/// A group of which there is no name is none. Who has such a one keeps the references: of their groups not
/// all is known.
const GROUPS: &str = "
    UPDATE users SET group_refs = iif(
        EXISTS (SELECT 1 FROM json_each(group_refs) AS one
                WHERE one.type = 'integer' AND one.value NOT IN (SELECT number FROM groups)),
        group_refs, NULL),
    group_names = (
        SELECT json_group_array(name) FROM (
            SELECT DISTINCT name FROM (
                SELECT iif(one.type = 'integer', groups.name, one.value) AS name
                FROM json_each(group_refs) AS one LEFT JOIN groups ON groups.number = one.value)
            WHERE name IS NOT NULL ORDER BY name))
    WHERE group_refs IS NOT NULL";

const OWNERS: &str = "
    UPDATE tokens SET owner = (
        SELECT row FROM users WHERE username = owner_name AND refusal IS NULL)
    WHERE owner_name IS NOT NULL;
    UPDATE tokens SET owner = (SELECT row FROM keys WHERE key = owner_key)
    WHERE owner_key IS NOT NULL";
