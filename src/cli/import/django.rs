//! `authgate import django`

use super::super::Failure;
use super::land::Order;
use crate::config::Environment;
use crate::model::password::Password;
use crate::model::token::{DigestHash, DigestOver};
use crate::moving::{DatabaseKind, Knox, Model, Origin, Place, Terms, Zone};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args)]
pub(in crate::cli) struct Django {
    /// A file that `manage.py dumpdata` wrote (JSON or JSONL, also by gzip), - for standard input, a
    /// database of SQLite, or `postgres://USER@HOST/DATABASE` or `mysql://USER@HOST/DATABASE`
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The user model, if it is not Django's own
    #[arg(long, value_name = "APP.MODEL")]
    user_model: Option<Model>,
    /// A model of tokens of the app's own (knox's `TOKEN_MODEL`, or one like REST framework's), also several
    /// times: no other tokens are taken then
    #[arg(long, value_name = "APP.MODEL")]
    token_model: Vec<Model>,
    /// The field by which users sign in, if it is not `username`: the model's `USERNAME_FIELD`
    #[arg(long, value_name = "FIELD")]
    username_field: Option<String>,
    /// The version of knox; without it each token tells
    #[arg(long, value_name = "VERSION", default_value = "auto")]
    knox: Version,
    /// What knox's `SECURE_HASH_ALGORITHM` is
    #[arg(long, value_name = "HASH", default_value = "sha512")]
    digest: DigestHash,
    /// The time zone of moments that do not say theirs, such as `Europe/Berlin`: the `TIME_ZONE` of a
    /// Django without `USE_TZ`. Without it UTC
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
    /// The file with the database's password, where its address has none; otherwise `PGPASSWORD`
    /// or `MYSQL_PWD` is it
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    order: Order,
}

/// A version of knox, as far as its digests differ.
#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Version {
    /// Each token tells
    Auto,
    /// 5.0 and newer
    #[value(name = "5")]
    Five,
    /// 4.2
    #[value(name = "4.2")]
    FourTwo,
    /// 4.1 and older
    #[value(name = "4.1")]
    FourOne,
}

impl Version {
    /// Of what it makes digests; `None` where each token tells.
    pub(in crate::cli) fn over(self) -> Option<DigestOver> {
        match self {
            Self::Auto => None,
            Self::Five => Some(DigestOver::Text),
            Self::FourTwo => Some(DigestOver::Bytes),
            Self::FourOne => Some(DigestOver::BytesAndSalt),
        }
    }
}

impl Django {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let place = self.place()?;
        let knox = Knox { hash: self.digest, over: self.knox.over() };
        let time_zone = self.time_zone.unwrap_or_default();
        let (token_models, user_model) = (self.token_model, self.user_model);
        let username_field = self.username_field;
        let terms = Terms { knox, time_zone, token_models, user_model, username_field };
        self.order.land(Origin::Django { place, terms }).await
    }

    /// The source, with the password of a database.
    fn place(&self) -> Result<Place, Failure> {
        let address = match Place::of(&self.source)? {
            Place::Database(address) if !address.has_password() => address,
            place => return Ok(place),
        };
        let password = if let Some(file) = &self.password_file {
            let text = std::fs::read_to_string(file);
            let text = text.map_err(Failure::system("cannot read the file of the password"))?;
            Some(text.trim_end_matches(['\r', '\n']).to_owned())
        } else {
            let name = match address.kind() {
                DatabaseKind::MySql => "MYSQL_PWD",
                DatabaseKind::Postgres => "PGPASSWORD",
            };
            Environment::of_process().get(name).map(str::to_owned)
        };
        Ok(Place::Database(match password {
            Some(password) => address.with_password(Password::new(password)),
            None => address,
        }))
    }
}
