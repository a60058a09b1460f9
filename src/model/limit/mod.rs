//! Limits: how much of something one may have, and in which time.

mod key;
mod kind;
mod rule;

pub use self::key::{AccountKey, Familiar, LimitKey, Subject};
pub use self::kind::LimitKind;
pub use self::rule::{Delay, Quota, Rule, Standing, Taken};

/// One more of something that is limited.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Charge {
    /// What, and whose.
    pub key: LimitKey,
    /// What is allowed of it.
    pub rule: Rule,
}
