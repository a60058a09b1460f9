//! Who is let into the console: signing in, sessions, and what else operators prove themselves with.

mod account;
mod api_key;
mod proof;
mod rights;
mod second_factor;
mod session;
mod sessions;
mod setup;
mod sign_in;
mod totp;

pub use self::account::{OwnChange, OwnChanged};
pub use self::api_key::{ApiKey, KeyCaller, KeyError, KeySecret, KeyWish};
pub use self::proof::{NoProof, OwnProof, Proved};
pub use self::rights::{NotARight, Resource, Right, Rights};
pub use self::second_factor::SecondStep;
pub use self::session::{Session, SessionId, SessionSettings, Visitor};
pub use self::sessions::SessionView;
pub use self::setup::{SetupCode, SetupError};
pub use self::sign_in::SignIn;
pub use self::totp::{AppState, Confirmed, Enrolment, RecoveryCodes};

use crate::store::StoreError;

/// A store that takes no writes is no reason to refuse what needs none: what was to be noted is let go.
fn unless_full(noted: Result<bool, StoreError>) {
    if let Err(error) = noted {
        tracing::debug!(error = &error as &dyn std::error::Error, "could not be noted");
    }
}
