//! `authgate import …`

mod django;
mod land;
mod told;

use self::land::Order;
use super::Failure;
use crate::moving::{Input, Origin};
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(super) enum Import {
    /// Users, groups and live tokens of a Django, with django-rest-knox or REST framework's own tokens:
    /// from what `manage.py dumpdata` writes, or from its database, which is only read
    Django(django::Django),
    /// Users from a table in CSV, whose first line names the columns: `name` or `username`, `hash` or
    /// `password`, and perhaps `email`, `id`, `is_active`, `is_staff`, `is_superuser`, `first_name`,
    /// `last_name`, `groups`, `joined` and `last_login`. Hashes are as Django has them, or as Argon2 and
    /// bcrypt write them
    Csv(Plain),
    /// Users from a file for basic authentication, with hashes of bcrypt or Argon2
    Htpasswd(Plain),
}

/// A source of which nothing more is to be said.
#[derive(Args)]
pub(super) struct Plain {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    source: String,
    #[command(flatten)]
    order: Order,
}

impl Import {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Django(verb) => verb.run().await,
            Self::Csv(verb) => verb.order.land(Origin::Csv(Input::of(&verb.source))).await,
            Self::Htpasswd(verb) => {
                verb.order.land(Origin::Htpasswd(Input::of(&verb.source))).await
            }
        }
    }
}
