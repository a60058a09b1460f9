//! Where a Django keeps users and tokens: its tables are known by their columns.

use super::model::Model;
use std::collections::{BTreeMap, BTreeSet};

/// Each table of a database with its columns.
pub(super) type Tables = BTreeMap<String, BTreeSet<String>>;

/// How a database writes SQL.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Dialect {
    MySql,
    Postgres,
    Sqlite,
}

/// What rows are of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Table {
    Groups,
    /// Tokens of Django REST framework's own.
    Keys,
    /// Tokens of knox.
    Tokens,
    Users,
}

/// What is to be asked of a database. The columns are those of [`super::row`], in its order.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Query {
    /// How many rows there are.
    pub(super) count: String,
    pub(super) name: String,
    pub(super) sql: String,
    pub(super) table: Table,
}

/// Why a database is not that of a Django whose users can be found.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum SchemaError {
    /// There is no such table.
    #[error("there is no table {0} with the columns of users (id, password, username or email)")]
    NoSuchTable(String),
    /// No table has the columns.
    #[error(
        "no table has the columns of a Django's users (id, password, last_login, username or email)"
    )]
    NoUsers,
    /// Several tables have them.
    #[error("several tables may be the users: {}; --user-model APP.MODEL says which", .0.join(", "))]
    Several(Vec<String>),
}

const USERS: [&str; 11] = [
    "id",
    "username",
    "email",
    "password",
    "is_active",
    "is_staff",
    "is_superuser",
    "first_name",
    "last_name",
    "date_joined",
    "last_login",
];

/// What is to be asked of a database with these tables, users before tokens.
pub(super) fn queries(
    tables: &Tables,
    model: Option<&Model>,
    dialect: Dialect,
) -> Result<Vec<Query>, SchemaError> {
    let users = users_among(tables, model)?;
    let sql = Sql { dialect, tables };
    let mut queries = Vec::new();
    if has(tables, "auth_group", &["id", "name"]) {
        queries.push(sql.select("auth_group", Table::Groups, &["id", "name"]));
    }
    queries.push(sql.users(users));
    if let Some(name) = one_with(tables, "knox_authtoken", &["digest", "token_key", "user_id"]) {
        // As it was called before knox 4.
        let end = if has(tables, name, &["expiry"]) { "expiry" } else { "expires" };
        let columns = ["digest", "token_key", "user_id", "created", end, "salt"];
        queries.push(sql.select(name, Table::Tokens, &columns));
    }
    if has(tables, "authtoken_token", &["key", "user_id"]) {
        queries.push(sql.select("authtoken_token", Table::Keys, &["key", "user_id", "created"]));
    }
    Ok(queries)
}

fn users_among<'a>(tables: &'a Tables, model: Option<&Model>) -> Result<&'a str, SchemaError> {
    let is_named = |name: &str| has(tables, name, &["username"]) || has(tables, name, &["email"]);
    let are_users = |name: &str| has(tables, name, &["id", "password"]) && is_named(name);
    if let Some(model) = model {
        let wanted = model.table();
        let found = tables.keys().find(|name| **name == wanted && are_users(name));
        return found.map(String::as_str).ok_or(SchemaError::NoSuchTable(wanted));
    }
    let mut names = tables.keys().map(String::as_str);
    // Where a Django has a user model of its own, this table is not made.
    if let Some(name) = names.clone().find(|name| *name == "auth_user" && are_users(name)) {
        return Ok(name);
    }
    let is_candidate = |name: &&str| are_users(name) && has(tables, name, &["last_login"]);
    let candidates: Vec<_> = names.by_ref().filter(is_candidate).collect();
    match candidates.as_slice() {
        [] => Err(SchemaError::NoUsers),
        [one] => Ok(one),
        several => Err(SchemaError::Several(several.iter().map(ToString::to_string).collect())),
    }
}

fn has(tables: &Tables, name: &str, columns: &[&str]) -> bool {
    let all = |table: &BTreeSet<String>| columns.iter().all(|column| table.contains(*column));
    tables.get(name).is_some_and(all)
}

/// The table of that name, or else the only one with these columns.
fn one_with<'a>(tables: &'a Tables, name: &'a str, columns: &[&str]) -> Option<&'a str> {
    if has(tables, name, columns) {
        return Some(name);
    }
    let mut found = tables.keys().filter(|name| has(tables, name, columns));
    found.next().filter(|_| found.next().is_none()).map(String::as_str)
}

struct Sql<'a> {
    dialect: Dialect,
    tables: &'a Tables,
}

impl Sql<'_> {
    fn select(&self, name: &str, table: Table, columns: &[&str]) -> Query {
        let columns: Vec<_> = columns.iter().map(|column| self.column(name, column)).collect();
        self.query(name, table, &columns)
    }

    fn users(&self, name: &str) -> Query {
        let mut columns: Vec<_> = USERS.iter().map(|column| self.column(name, column)).collect();
        columns.push(self.groups_of(name));
        self.query(name, Table::Users, &columns)
    }

    fn query(&self, name: &str, table: Table, columns: &[String]) -> Query {
        let from = self.quoted(name);
        Query {
            count: format!("SELECT count(*) FROM {from}"),
            name: name.to_owned(),
            sql: format!("SELECT {} FROM {from} t", columns.join(", ")),
            table,
        }
    }

    /// The numbers of a user's groups, with commas between them.
    fn groups_of(&self, users: &str) -> String {
        let name = format!("{users}_groups");
        let is_owner = |column: &&String| column.ends_with("_id") && *column != "group_id";
        let members = self.tables.get(&name).filter(|columns| columns.contains("group_id"));
        let Some(owner) = members.and_then(|columns| columns.iter().find(is_owner)) else {
            return "NULL".to_owned();
        };
        let (name, owner) = (self.quoted(&name), self.quoted(owner));
        let all = match self.dialect {
            Dialect::MySql | Dialect::Sqlite => "group_concat(g.group_id)",
            Dialect::Postgres => "string_agg(g.group_id::text, ',')",
        };
        format!("(SELECT {all} FROM {name} g WHERE g.{owner} = t.id)")
    }

    fn column(&self, table: &str, column: &str) -> String {
        if has(self.tables, table, &[column]) {
            format!("t.{}", self.quoted(column))
        } else {
            "NULL".to_owned()
        }
    }

    fn quoted(&self, name: &str) -> String {
        match self.dialect {
            Dialect::MySql => format!("`{}`", name.replace('`', "``")),
            Dialect::Postgres | Dialect::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(tables: &[(&str, &str)]) -> Tables {
        let columns = |text: &str| text.split(' ').map(str::to_owned).collect();
        tables.iter().map(|(name, text)| ((*name).to_owned(), columns(text))).collect()
    }

    const OWN: (&str, &str) = ("accounts_member", "id email password last_login");
    const USERS: (&str, &str) = ("auth_user", "id username email password last_login is_staff");

    fn names(given: &[(&str, &str)], model: Option<&str>) -> Result<Vec<String>, SchemaError> {
        let model = model.map(|model| model.parse().unwrap());
        let found = queries(&tables(given), model.as_ref(), Dialect::Sqlite)?;
        Ok(found.into_iter().map(|query| query.name).collect())
    }

    #[test]
    fn users_and_tokens_are_found_by_their_columns() {
        let knox = ("knox_authtoken", "digest token_key user_id created expiry");
        let keys = ("authtoken_token", "key user_id created");
        let found = names(&[USERS, knox, keys, ("auth_group", "id name")], None).unwrap();
        assert_eq!(found, ["auth_group", "auth_user", "knox_authtoken", "authtoken_token"]);
    }

    #[test]
    fn a_user_model_of_ones_own_is_found_or_named() {
        assert_eq!(names(&[OWN], None).unwrap(), ["accounts_member"]);
        let other = ("shop_customer", "id email password last_login");
        let both = vec!["accounts_member".to_owned(), "shop_customer".to_owned()];
        assert_eq!(names(&[OWN, other], None), Err(SchemaError::Several(both)));
        assert_eq!(names(&[OWN, other], Some("shop.Customer")).unwrap(), ["shop_customer"]);
        let none = Err(SchemaError::NoSuchTable("shop_buyer".to_owned()));
        assert_eq!(names(&[OWN, other], Some("shop.buyer")), none);
        assert_eq!(names(&[("shop_order", "id total")], None), Err(SchemaError::NoUsers));
    }

    #[test]
    fn what_a_table_does_not_have_is_asked_for_as_nothing() {
        let old = ("knox_authtoken", "digest token_key user_id created expires salt");
        let found = queries(&tables(&[USERS, old]), None, Dialect::MySql).unwrap();
        assert!(
            found[0].sql.contains("t.`password`, NULL, t.`is_staff`, NULL"),
            "{}",
            found[0].sql
        );
        assert!(found[1].sql.ends_with("t.`expires`, t.`salt` FROM `knox_authtoken` t"));
    }

    #[test]
    fn groups_are_found_whatever_the_model_is_called() {
        let members = ("accounts_member_groups", "id member_id group_id");
        let found = queries(&tables(&[OWN, members]), None, Dialect::Postgres).unwrap();
        let part = "(SELECT string_agg(g.group_id::text, ',') FROM \"accounts_member_groups\" g \
                    WHERE g.\"member_id\" = t.id)";
        assert!(found[0].sql.contains(part), "{}", found[0].sql);
    }
}
