//! Moving in, and out again: accounts and live tokens of other programs are read, as they stream by, and
//! written as Django reads them.
//!
//! ```text
//! django::{dump, sqlite, postgres, mysql}, csv, htpasswd      a row at a time
//! -> row, value            what each field may be, whatever the source; what is wrong with it
//! -> batch                 many rows at a time, from the thread that reads
//! -> stage                 into store::staging, on the thread that writes
//! -> store::whole          which lands what was staged
//! ```

mod address;
mod batch;
mod csv;
mod django;
mod export;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hash;
mod htpasswd;
mod input;
mod progress;
mod remarks;
mod report;
mod row;
mod scheme;
mod stage;
mod tally;
mod text;
mod value;
mod whole_file;
mod zone;

pub use self::address::{Address, BadAddress, DatabaseKind};
pub use self::batch::{Batch, Closed, Of, Sink, Unreadable};
pub use self::django::{Broken, Model, NotAModel, Place, SchemaError, Terms};
pub use self::export::{Export, ExportError, Exported, ForDjango};
pub use self::input::Input;
pub use self::progress::Progress;
pub use self::report::{Report, ReportError};
pub use self::scheme::Knox;
pub use self::stage::{StageError, Staged, stage};
pub use self::tally::{Tally, ToldRows};
pub use self::whole_file::WholeFile;
pub use self::zone::{NotAZone, Zone};

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

/// Where accounts come from.
pub enum Origin {
    /// A table.
    Csv(Input),
    /// A Django.
    Django {
        /// Where it has them.
        place: Place,
        /// What is known of it.
        terms: Terms,
    },
    /// A file of passwords for basic authentication.
    Htpasswd(Input),
}

impl Origin {
    /// Reads all of it, in constant memory, and hands it on in batches. Broken rows are passed over and
    /// told; a broken source is an error, and nothing of it should be used.
    pub fn read(&self, progress: &Progress, sink: Sink<'_>) -> Result<(), ReadError> {
        match self {
            Self::Csv(input) => csv::read(input.open(progress)?, sink),
            Self::Django { place, terms } => django::read(place, terms, progress, sink),
            Self::Htpasswd(input) => htpasswd::read(input.open(progress)?, sink),
        }
    }

    /// The file that it is in, if it is in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Csv(Input::File(path))
            | Self::Htpasswd(Input::File(path))
            | Self::Django {
                place: Place::Dump(Input::File(path)) | Place::Sqlite(path), ..
            } => Some(path),
            Self::Csv(Input::Stdin)
            | Self::Htpasswd(Input::Stdin)
            | Self::Django { place: Place::Dump(Input::Stdin) | Place::Database(_), .. } => None,
        }
    }

    /// What the number of a row counts.
    pub(super) fn unit(&self) -> &'static str {
        match self {
            Self::Csv(_) | Self::Htpasswd(_) => "line",
            Self::Django { place: Place::Dump(_), .. } => "object",
            Self::Django { place: Place::Database(_) | Place::Sqlite(_), .. } => "row",
        }
    }

    /// Whether progress counts bytes, and rows otherwise.
    pub fn is_in_bytes(&self) -> bool {
        !matches!(self, Self::Django { place: Place::Database(_) | Place::Sqlite(_), .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Csv(input) | Self::Htpasswd(input) => input.fmt(f),
            Self::Django { place, .. } => place.fmt(f),
        }
    }
}

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The address of a database cannot be used.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// It is not what it should be.
    #[error("the dump is broken")]
    Broken(#[from] Broken),
    /// Nobody takes what is read.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// A database does not answer as it should.
    #[error("the database {place}")]
    Database {
        /// Which one; no password.
        place: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file cannot be opened.
    #[error("cannot read {name}")]
    Input {
        /// Which one.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It has tokens, and nobody whose they are.
    #[error(
        "the source has tokens and no users: --user-model APP.MODEL says which users they are of, and a \
         dump needs both"
    )]
    NoUsers,
    /// It has no users of the one model, but of another.
    #[error(
        "the dump has no users of {wanted}, but {found} looks like users: --user-model {found}"
    )]
    OtherUsers {
        /// The model that has what users have.
        found: String,
        /// The model that they are sought in.
        wanted: String,
    },
    /// It cannot be read on.
    #[error("the source cannot be read")]
    Read(#[from] io::Error),
    /// A database is not a Django's.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// It cannot be used, and why.
    #[error("{0}")]
    Unusable(String),
}

impl ReadError {
    fn database(place: impl fmt::Display, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Database { place: place.to_string(), source: source.into() }
    }
}

#[cfg(test)]
mod gather {
    use super::{Batch, Input, Origin, Progress};
    use std::io::Write;

    /// All that is read of an origin, in one batch.
    pub(super) fn gather(origin: &Origin) -> Result<Batch, String> {
        let mut all = Batch::default();
        let mut sink = |batch: Batch| {
            let Batch { altered, groups, tokens, others, remarks, .. } = batch;
            let Batch { says, unreadable, users, warnings, .. } = batch;
            all.altered.extend(altered);
            all.remarks.extend(remarks);
            all.says = says.or(all.says);
            all.groups.extend(groups);
            all.tokens.extend(tokens);
            all.others.extend(others);
            all.unreadable.extend(unreadable);
            all.users.extend(users);
            all.warnings.extend(warnings);
            Ok(())
        };
        let words = |error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}: {}", cause.unwrap_or_default())
        };
        origin.read(&Progress::default(), &mut sink).map_err(words)?;
        Ok(all)
    }

    /// A file with this in it.
    pub(super) fn file(text: impl AsRef<[u8]>) -> (Input, tempfile::NamedTempFile) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_ref()).unwrap();
        (Input::File(file.path().to_owned()), file)
    }
}
