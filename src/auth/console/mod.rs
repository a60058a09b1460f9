//! Who is let into the console: signing in, sessions, and what else operators prove themselves with.

mod session;
mod sign_in;

pub use self::session::{Session, SessionId, SessionSettings};
pub use self::sign_in::SignIn;
