//! Where a Django keeps users and tokens: its tables are known by their columns.

#[cfg(test)]
mod tests;

use super::Terms;
use crate::store::staging::Says;
use std::collections::{BTreeMap, BTreeSet};

/// The tables of a database.
#[derive(Default)]
pub(super) struct Tables {
    /// Each with its columns.
    columns: BTreeMap<String, BTreeSet<String>>,
    /// To which table a column refers.
    references: BTreeMap<(String, String), String>,
}

impl Tables {
    pub(super) fn add_column(&mut self, table: String, column: String) {
        self.columns.entry(table).or_default().insert(column);
    }

    pub(super) fn add_reference(&mut self, table: String, column: String, to: String) {
        self.references.insert((table, column), to);
    }

    /// The table to which a column of the first of these tables refers that has such a column.
    fn referred_by(&self, tables: &[&str], column: &str) -> Option<&str> {
        let of = |table: &&str| self.references.get(&((*table).to_owned(), column.to_owned()));
        tables.iter().find_map(of).map(String::as_str)
    }
}

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

/// What is to be asked of a database. The columns are those that a row is made of, in its order.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Query {
    /// Which of the columns that are asked for there are.
    columns: Vec<String>,
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
    /// The table has no such column.
    #[error("the table {0} has no column {1}")]
    NoSuchColumn(String, String),
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
    terms: &Terms,
    dialect: Dialect,
) -> Result<Vec<Query>, SchemaError> {
    let knox = one_with(tables, "knox_authtoken", &["digest", "token_key", "user_id"]);
    let keys = one_with(tables, "authtoken_token", &["key", "user_id"]);
    let users = users_among(tables, terms, [knox, keys])?;
    let name = terms.username_field.as_deref();
    if let Some(name) = name.filter(|name| !has(tables, users, &[name])) {
        return Err(SchemaError::NoSuchColumn(users.to_owned(), name.to_owned()));
    }
    let sql = Sql { dialect, tables };
    let mut queries = Vec::new();
    if has(tables, "auth_group", &["id", "name"]) {
        queries.push(sql.select("auth_group", Table::Groups, &["id", "name"]));
    }
    queries.push(sql.users(users, name.unwrap_or("username")));
    if let Some(name) = knox {
        // As it was called before knox 4.
        let end = if has(tables, name, &["expiry"]) { "expiry" } else { "expires" };
        let columns = ["digest", "token_key", "user_id", "created", end, "salt"];
        queries.push(sql.select(name, Table::Tokens, &columns));
    }
    if let Some(name) = keys {
        queries.push(sql.select(name, Table::Keys, &["key", "user_id", "created"]));
    }
    Ok(queries)
}

/// Of what a database says anything that is asked so.
pub(super) fn says(queries: &[Query]) -> Says {
    let mut says = Says::NOTHING;
    for query in queries {
        let has = |column: &str| query.columns.iter().any(|known| known == column);
        match query.table {
            Table::Groups => {}
            Table::Keys | Table::Tokens => says.tokens = true,
            Table::Users => {
                says.active = has("is_active");
                says.email = has("email");
                says.groups = has("groups");
                says.names = has("first_name") || has("last_name");
                says.staff = has("is_staff");
                says.superuser = has("is_superuser");
            }
        }
    }
    says
}

/// The table of users: the one that is named, or that tokens or the admin's log refer to, or the only one
/// that looks like it.
fn users_among<'a>(
    tables: &'a Tables,
    terms: &Terms,
    of_tokens: [Option<&str>; 2],
) -> Result<&'a str, SchemaError> {
    let named = ["username", "email"].into_iter().chain(terms.username_field.as_deref());
    let is_named = |name: &str| named.clone().any(|column| has(tables, name, &[column]));
    let are_users = |name: &str| has(tables, name, &["id", "password"]) && is_named(name);
    let [knox, keys] = of_tokens.map(Option::unwrap_or_default);
    let referring = [knox, keys, "django_admin_log"];
    let wanted = match &terms.user_model {
        Some(model) => Some(model.table()),
        None => tables.referred_by(&referring, "user_id").map(str::to_owned),
    };
    if let Some(wanted) = wanted {
        let found = tables.columns.keys().find(|name| **name == wanted && are_users(name));
        return found.map(String::as_str).ok_or(SchemaError::NoSuchTable(wanted));
    }
    let is_candidate = |name: &&str| are_users(name) && has(tables, name, &["last_login"]);
    let candidates: Vec<_> =
        tables.columns.keys().map(String::as_str).filter(is_candidate).collect();
    match candidates.as_slice() {
        [] => Err(SchemaError::NoUsers),
        [one] => Ok(one),
        several => Err(SchemaError::Several(several.iter().map(ToString::to_string).collect())),
    }
}

fn has(tables: &Tables, name: &str, columns: &[&str]) -> bool {
    let all = |table: &BTreeSet<String>| columns.iter().all(|column| table.contains(*column));
    tables.columns.get(name).is_some_and(all)
}

/// The table of that name, or else the only one with these columns.
fn one_with<'a>(tables: &'a Tables, name: &'a str, columns: &[&str]) -> Option<&'a str> {
    if has(tables, name, columns) {
        return Some(name);
    }
    let mut found = tables.columns.keys().filter(|name| has(tables, name, columns));
    found.next().filter(|_| found.next().is_none()).map(String::as_str)
}

struct Sql<'a> {
    dialect: Dialect,
    tables: &'a Tables,
}

impl Sql<'_> {
    fn select(&self, name: &str, table: Table, columns: &[&str]) -> Query {
        let asked = columns.iter().map(|column| (*column, self.column(name, column)));
        self.query(name, table, asked)
    }

    fn users(&self, name: &str, username: &str) -> Query {
        let of = |column| if column == "username" { username } else { column };
        let asked = USERS.iter().map(|column| (*column, self.column(name, of(column))));
        self.query(name, Table::Users, asked.chain([("groups", self.groups_of(name))]))
    }

    fn query<'a>(
        &self,
        name: &str,
        table: Table,
        asked: impl Iterator<Item = (&'a str, Option<String>)>,
    ) -> Query {
        let (mut columns, mut selected) = (Vec::new(), Vec::new());
        for (column, sql) in asked {
            columns.extend(sql.is_some().then(|| column.to_owned()));
            selected.push(sql.unwrap_or_else(|| "NULL".to_owned()));
        }
        let from = self.quoted(name);
        Query {
            columns,
            count: format!("SELECT count(*) FROM {from}"),
            name: name.to_owned(),
            sql: format!("SELECT {} FROM {from} t", selected.join(", ")),
            table,
        }
    }

    /// The numbers of a user's groups, with commas between them.
    fn groups_of(&self, users: &str) -> Option<String> {
        let name = format!("{users}_groups");
        let is_owner = |column: &&String| column.ends_with("_id") && *column != "group_id";
        let members = self.tables.columns.get(&name)?;
        let owner = members.iter().find(is_owner).filter(|_| members.contains("group_id"))?;
        let (name, owner) = (self.quoted(&name), self.quoted(owner));
        let all = match self.dialect {
            Dialect::MySql | Dialect::Sqlite => "group_concat(g.group_id)",
            Dialect::Postgres => "string_agg(g.group_id::text, ',')",
        };
        Some(format!("(SELECT {all} FROM {name} g WHERE g.{owner} = t.id)"))
    }

    fn column(&self, table: &str, column: &str) -> Option<String> {
        has(self.tables, table, &[column]).then(|| format!("t.{}", self.quoted(column)))
    }

    fn quoted(&self, name: &str) -> String {
        match self.dialect {
            Dialect::MySql => format!("`{}`", name.replace('`', "``")),
            Dialect::Postgres | Dialect::Sqlite => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }
}
