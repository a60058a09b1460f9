//! What operators should know of the users of a source: whose names differ by next to nothing, and who
//! is staff.

use super::Staging;
use super::read::count;
use crate::store::StoreError;
use rusqlite::params;
use unicode_normalization::UnicodeNormalization;

/// Names that differ only by case, by their form in Unicode, or by blanks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LookAlike {
    /// The names.
    pub names: Vec<String>,
    /// By which the list goes on.
    pub row: i64,
}

impl Staging {
    /// Finds names that are told apart here, but hardly by people. To be done once the staging is settled.
    pub fn find_look_alikes(&self) -> Result<(), StoreError> {
        self.db.execute_batch(
            "CREATE TABLE IF NOT EXISTS folded (fold TEXT NOT NULL, username TEXT NOT NULL) STRICT;
             CREATE TABLE IF NOT EXISTS look_alikes (row INTEGER PRIMARY KEY, names TEXT NOT NULL) STRICT;
             DELETE FROM folded; DELETE FROM look_alikes;",
        )?;
        self.in_one_step(|| self.fold_names())
    }

    fn fold_names(&self) -> rusqlite::Result<()> {
        // Of names that are alike one at least is not as it is when folded.
        let sql = "SELECT username FROM users
                   WHERE refusal IS NULL AND username GLOB '*[^a-z0-9@.+_-]*'";
        let mut read = self.db.prepare(sql)?;
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let fold = folded(&name);
            if fold != name {
                let sql = "INSERT INTO folded VALUES (?1, ?2)";
                self.db.prepare_cached(sql)?.execute(params![fold, name])?;
            }
        }
        self.db.execute_batch(
            "INSERT INTO look_alikes (names) SELECT json_group_array(username) FROM (
                 SELECT fold, username FROM folded
                 UNION
                 SELECT folded.fold, users.username FROM folded
                 JOIN users ON users.username = folded.fold AND users.refusal IS NULL
                 ORDER BY 1, 2)
             GROUP BY fold HAVING count(*) > 1;",
        )
    }

    /// At most so many sets of names after a row.
    pub fn look_alikes(&self, after: Option<i64>, most: u32) -> Result<Vec<LookAlike>, StoreError> {
        let sql = "SELECT row, names FROM look_alikes WHERE row > ?1 ORDER BY row LIMIT ?2";
        self.all(sql, params![after.unwrap_or(i64::MIN), most], |row| {
            let names: String = row.get(1)?;
            // Written by this program a moment ago.
            let names = serde_json::from_str(&names).unwrap_or_default();
            Ok(LookAlike { names, row: row.get(0)? })
        })
    }

    /// How many such sets of names there are.
    pub fn look_alike_count(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM look_alikes";
        Ok(self.db.query_row(sql, [], |row| count(row, 0))?)
    }

    /// How many staff there are who are not refused.
    pub fn staff_count(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM users WHERE is_staff AND refusal IS NULL";
        Ok(self.db.query_row(sql, [], |row| count(row, 0))?)
    }

    /// At most so many of them after a row, by row and name.
    pub fn staff(&self, after: Option<i64>, most: u32) -> Result<Vec<(i64, String)>, StoreError> {
        let sql = "SELECT row, username FROM users
                   WHERE row > ?1 AND is_staff AND refusal IS NULL ORDER BY row LIMIT ?2";
        self.all(sql, params![after.unwrap_or(i64::MIN), most], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }
}

/// A name without what case and Unicode's forms make of it, and with blanks where one sees them.
fn folded(name: &str) -> String {
    let folded: String = name.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::StagedUser;
    use super::*;

    fn user(id: u64, username: &str, is_staff: bool) -> StagedUser {
        StagedUser {
            place: id,
            id: Some(id),
            key: None,
            username: username.to_owned(),
            email: String::new(),
            password: "!".to_owned(),
            kind: "unusable".to_owned(),
            trouble: None,
            is_active: true,
            is_staff,
            is_superuser: false,
            first_name: String::new(),
            last_name: String::new(),
            groups: Vec::new(),
            joined: None,
            last_login: None,
        }
    }

    fn staging(names: &[&str]) -> Staging {
        let staging = Staging::new().unwrap();
        let users = (1..).zip(names).map(|(id, name)| user(id, name, id % 2 == 0));
        staging.add_users(&users.collect::<Vec<_>>()).unwrap();
        staging.settle().unwrap();
        staging
    }

    #[test]
    fn names_that_differ_by_case_or_form_alone_are_told_together() {
        let names =
            ["ada", "Ada", "ADA", "bob", "Eve", "José", "josé", "zoë", " zoë", "a b", "a  B"];
        let staging = staging(&names);
        staging.find_look_alikes().unwrap();
        let found = staging.look_alikes(None, 10).unwrap();
        let names: Vec<_> = found.into_iter().map(|alike| alike.names).collect();
        let alike = [
            vec!["a  B", "a b"],
            vec!["ADA", "Ada", "ada"],
            vec!["José", "josé"],
            vec![" zoë", "zoë"],
        ];
        assert_eq!(names, alike);
        assert_eq!(staging.look_alikes(Some(1), 10).unwrap().len(), 3);
    }

    #[test]
    fn staff_are_told_page_by_page() {
        let staging = staging(&["ada", "bob", "eve", "zoe"]);
        assert_eq!(staging.staff_count().unwrap(), 2);
        assert_eq!(staging.staff(None, 1).unwrap(), [(2, "bob".to_owned())]);
        assert_eq!(staging.staff(Some(2), 9).unwrap(), [(4, "zoe".to_owned())]);
    }
}
