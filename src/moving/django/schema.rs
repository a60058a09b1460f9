//! Where a Django keeps users and tokens: its tables are known by their columns.

mod sql;
#[cfg(test)]
mod tests;

use self::sql::Sql;
use super::Terms;
use crate::store::staging::Says;
use std::collections::{BTreeMap, BTreeSet};

/// The tables of a database.
#[derive(Default)]
pub(super) struct Tables {
    /// Each with its columns.
    columns: BTreeMap<String, BTreeSet<String>>,
    /// Columns whose texts are compared without regard to case.
    folded: BTreeSet<(String, String)>,
    /// To which table a column refers.
    references: BTreeMap<(String, String), String>,
}

impl Tables {
    pub(super) fn add_column(&mut self, table: String, column: String) {
        self.columns.entry(table).or_default().insert(column);
    }

    /// Notes that texts of a column are compared without regard to case.
    pub(super) fn folds(&mut self, table: String, column: String) {
        self.folded.insert((table, column));
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
    /// There is no such table of tokens.
    #[error(
        "there is no table {0} with the columns of tokens (digest, token_key, user_id or key, user_id)"
    )]
    NoTokens(String),
    /// The table has no such column.
    #[error("the table {0} has no column {1}")]
    NoSuchColumn(String, String),
    /// Several tables have them.
    #[error("several tables may be the users: {}; --user-model APP.MODEL says which", .0.join(", "))]
    Several(Vec<String>),
    /// Several tables may be the tokens.
    #[error("several tables may be tokens of knox: {}; --token-model APP.MODEL says which", .0.join(", "))]
    SeveralTokens(Vec<String>),
}

/// What is to be asked of a database with these tables, users before tokens.
pub(super) fn queries(
    tables: &Tables,
    terms: &Terms,
    dialect: Dialect,
) -> Result<Vec<Query>, SchemaError> {
    let tokens = tokens_among(tables, terms)?;
    let users = users_among(tables, terms, &tokens)?;
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
    for (name, table) in tokens {
        // As it was called before knox 4.
        let end = if has(tables, name, &["expiry"]) { "expiry" } else { "expires" };
        let columns = ["digest", "token_key", "user_id", "created", end, "salt"];
        let columns =
            if table == Table::Keys { &["key", "user_id", "created"] } else { &columns[..] };
        queries.push(sql.select(name, table, columns));
    }
    Ok(queries)
}

/// What whoever moves should know of a database with these tables, which is asked so.
pub(super) fn warnings(tables: &Tables, terms: &Terms, queries: &[Query]) -> Vec<String> {
    let mut warnings = Vec::new();
    for users in queries.iter().filter(|query| query.table == Table::Users) {
        let own = terms.username_field.as_deref().unwrap_or("username");
        let column = if has(tables, &users.name, &[own]) { own } else { "email" };
        if tables.folded.contains(&(users.name.clone(), column.to_owned())) {
            warnings.push(format!(
                "The database compares {}.{column} without regard to case, and perhaps to accents and \
                 blanks at the end, so that Django lets Ada in as ada, too. Here a name has to be typed \
                 as the database has it.",
                users.name
            ));
        }
    }
    let is_asked = |name: &str| queries.iter().any(|query| query.name == name);
    let is_passed_over = |name: &&String| {
        let has = |columns| has(tables, name, columns);
        !is_asked(name) && (has(&KNOX) || has(&["key", "user_id", "created"]))
    };
    let others: Vec<_> = tables.columns.keys().filter(is_passed_over).cloned().collect();
    if terms.token_models.is_empty() && !others.is_empty() {
        let others = others.join(", ");
        warnings
            .push(format!("Not taken, but perhaps tokens, if --token-model says so: {others}."));
    }
    warnings
}

/// What knox has of a token.
const KNOX: [&str; 3] = ["digest", "token_key", "user_id"];

/// The tables of tokens: those that are named, or else what knox and REST framework have. Of a table of
/// another name a key may be anything, such as the secret of an authenticator app.
fn tokens_among<'a>(
    tables: &'a Tables,
    terms: &Terms,
) -> Result<Vec<(&'a str, Table)>, SchemaError> {
    let kind = |name: &str| {
        let is_knox = has(tables, name, &KNOX).then_some(Table::Tokens);
        is_knox.or(has(tables, name, &["key", "user_id"]).then_some(Table::Keys))
    };
    if !terms.token_models.is_empty() {
        let named = terms.token_models.iter().map(|model| {
            let wanted = model.table();
            let found = tables.columns.keys().find(|name| **name == wanted);
            let found = found.and_then(|name| Some((name.as_str(), kind(name)?)));
            found.ok_or(SchemaError::NoTokens(wanted))
        });
        return named.collect();
    }
    let are_knox = |name: &&str| kind(name) == Some(Table::Tokens);
    let knox: Vec<_> = tables.columns.keys().map(String::as_str).filter(are_knox).collect();
    let own = knox.iter().find(|name| **name == "knox_authtoken");
    let knox = match (own, knox.as_slice()) {
        (Some(one), _) | (None, [one]) => Some(*one),
        (None, []) => None,
        (None, several) => {
            let several = several.iter().map(ToString::to_string).collect();
            return Err(SchemaError::SeveralTokens(several));
        }
    };
    let keys = tables.columns.keys().find(|name| *name == "authtoken_token");
    let keys = keys.map(String::as_str).filter(|name| kind(name) == Some(Table::Keys));
    let [knox, keys] = [(knox, Table::Tokens), (keys, Table::Keys)];
    Ok([knox, keys].into_iter().filter_map(|(name, table)| Some((name?, table))).collect())
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
    tokens: &[(&str, Table)],
) -> Result<&'a str, SchemaError> {
    let named = ["username", "email"].into_iter().chain(terms.username_field.as_deref());
    let is_named = |name: &str| named.clone().any(|column| has(tables, name, &[column]));
    let are_users = |name: &str| has(tables, name, &["id", "password"]) && is_named(name);
    let referring: Vec<_> =
        tokens.iter().map(|(name, _)| *name).chain(["django_admin_log"]).collect();
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
