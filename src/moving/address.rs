//! The address of a database.

use crate::model::password::Password;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use url::Url;

/// Where a database is and how to sign in to it. Shown without the password.
pub struct Address {
    /// What it speaks.
    pub(super) kind: DatabaseKind,
    /// Which of the server's databases.
    pub(super) database: String,
    /// A name, or the folder (PostgreSQL) or path (MySQL) of a socket.
    pub(super) host: String,
    /// By what one is let in, if it says so.
    pub(super) password: Option<Password>,
    /// Where it listens.
    pub(super) port: u16,
    /// Whether it is spoken to by TLS, which is always proved then.
    pub(super) is_tls: bool,
    /// Who vouches for it, in a file of PEM, in place of those of the public web.
    pub(super) authorities: Option<PathBuf>,
    /// As whom one is known there.
    pub(super) user: String,
}

/// Which database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DatabaseKind {
    /// `MySQL` or `MariaDB`.
    MySql,
    /// `PostgreSQL`.
    Postgres,
}

/// Why an address cannot be used; never a part of it that may be the password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the database's address {0}")]
pub struct BadAddress(String);

impl DatabaseKind {
    /// What an address is of; `None` if it is not of a database.
    fn of(text: &str) -> Option<Self> {
        match text.split_once("://")?.0.to_lowercase().as_str() {
            // As dj-database-url has them, too.
            "mariadb" | "mysql" | "mysql-connector" | "mysql2" | "mysqlgis" => Some(Self::MySql),
            "pgsql" | "postgis" | "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// Whether this is what an address of a database begins with.
    pub(super) fn is_of(scheme: &str) -> bool {
        Self::of(&format!("{scheme}://")).is_some()
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::MySql => "mysql",
            Self::Postgres => "postgres",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::MySql => 3306,
            Self::Postgres => 5432,
        }
    }
}

impl Address {
    /// What it speaks.
    pub fn kind(&self) -> DatabaseKind {
        self.kind
    }

    /// Whether it says a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// The same, with a password.
    #[must_use]
    pub fn with_password(self, password: Password) -> Self {
        Self { password: Some(password), ..self }
    }

    /// Whether it is a socket of this machine's.
    pub(super) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = |words: &str| BadAddress(words.to_owned());
        let example = "is not like postgres://USER@HOST:PORT/DATABASE or mysql://…";
        let kind = DatabaseKind::of(text).ok_or_else(|| bad(example))?;
        // Where a socket is named after it, a host may be left out.
        let with_host = || Url::parse(&text.replacen("@/", "@localhost/", 1));
        let url = Url::parse(text).or_else(|_| with_host()).map_err(|_| bad(example))?;
        let decoded = |part: &str| {
            let text = percent_encoding::percent_decode_str(part).decode_utf8();
            text.map(String::from).map_err(|_| bad("is not UTF-8"))
        };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let mut address = Self {
            kind,
            database: decoded(url.path().trim_start_matches('/'))?,
            host: if host.is_empty() { "localhost".to_owned() } else { decoded(host)? },
            password: url.password().map(&decoded).transpose()?.map(Password::new),
            port: url.port().unwrap_or(kind.port()),
            is_tls: true,
            authorities: None,
            user: decoded(url.username())?,
        };
        let mut mode = None;
        for (key, value) in url.query_pairs() {
            match key.as_ref() {
                "host" | "socket" => address.host = value.into_owned(),
                "sslmode" => mode = Some(value),
                "sslrootcert" => address.authorities = Some(PathBuf::from(value.as_ref())),
                _ => {
                    return Err(bad(
                        "has more than sslmode, sslrootcert and host or socket after ?",
                    ));
                }
            }
        }
        address.is_tls = match mode.as_deref() {
            Some("disable") => false,
            Some("require" | "verify-ca" | "verify-full") => true,
            // What goes no further than this machine needs none.
            None => !address.is_local(),
            Some(_) => return Err(bad("has an sslmode other than disable and require")),
        };
        if address.user.is_empty() || address.database.is_empty() {
            return Err(bad("names no user or no database"));
        }
        Ok(address)
    }
}

impl Address {
    fn is_local(&self) -> bool {
        let is_loopback = |address: std::net::IpAddr| address.is_loopback();
        self.is_socket() || self.host == "localhost" || self.host.parse().is_ok_and(is_loopback)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, database, host, port, user, .. } = self;
        write!(f, "{}://{user}@{host}:{port}/{database}", kind.scheme())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<Address, String> {
        text.parse().map_err(|error: BadAddress| error.to_string())
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let shop = address("postgres://shop:hunter%2F2@db.example:5433/shop").ok().unwrap();
        assert_eq!(shop.to_string(), "postgres://shop@db.example:5433/shop");
        assert_eq!(shop.password.unwrap().expose(), "hunter/2");
        assert!(shop.is_tls);
    }

    #[test]
    fn a_database_of_this_machine_needs_no_tls() {
        for text in ["mysql://u@localhost/d", "mysql://u@[::1]/d", "postgres://u@127.0.0.1/d"] {
            assert!(!address(text).ok().unwrap().is_tls, "{text}");
        }
        for text in ["postgres://u@localhost/d", "postgres://u@/d", "postgresql://u:p%2F@/d"] {
            let socket = address(&format!("{text}?host=/run/postgresql")).ok();
            assert!(socket.is_some_and(|socket| socket.is_socket() && !socket.is_tls), "{text}");
        }
        assert!(address("mysql://u@localhost/d?sslmode=require").ok().unwrap().is_tls);
        assert!(!address("mysql://u@db.example/d?sslmode=disable").ok().unwrap().is_tls);
    }

    #[test]
    fn what_is_wrong_with_an_address_is_told_without_it() {
        for text in [
            "postgres://u:hunter2@h:x/d",
            "postgres://u:hunter2@h",
            "postgres://u:hunter2@h/d?sslmode=prefer",
            "postgres://u:hunter2@h/d?password=hunter2",
        ] {
            let said = address(text).err().unwrap();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
