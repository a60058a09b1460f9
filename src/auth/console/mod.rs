//! Who is let into the console: signing in, sessions, and what else operators prove themselves with.

mod account;
mod second_factor;
mod session;
mod setup;
mod sign_in;
mod totp;

pub use self::second_factor::SecondStep;
pub use self::session::{Session, SessionId, SessionSettings, SessionView, Visitor};
pub use self::setup::{SetupCode, SetupError};
pub use self::sign_in::SignIn;
pub use self::totp::{Enrolment, RecoveryCodes};
