//! Who is let into the console: signing in, sessions, and what else operators prove themselves with.

mod api_key;
mod rights;
mod session;
mod sign_in;

pub use self::api_key::{ApiKey, KeyCaller, KeyError, KeySecret, KeyWish};
pub use self::rights::{NotARight, Resource, Right, Rights};
pub use self::session::{Session, SessionId, SessionSettings};
pub use self::sign_in::SignIn;
