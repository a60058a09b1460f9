//! How a database is asked for rows.

use super::{Dialect, Query, Table, Tables, has};

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

pub(super) struct Sql<'a> {
    pub(super) dialect: Dialect,
    pub(super) tables: &'a Tables,
}

impl Sql<'_> {
    pub(super) fn select(&self, name: &str, table: Table, columns: &[&str]) -> Query {
        let asked = columns.iter().map(|column| (*column, self.column(name, column)));
        self.query(name, table, asked)
    }

    pub(super) fn users(&self, name: &str, username: &str) -> Query {
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
