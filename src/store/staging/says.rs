//! Of what a source says anything at all. What it does not know of somebody stays as it is here.

use std::ops::BitOrAssign;

/// Of what a source says anything: which columns or fields it has.
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Says {
    /// Whether users may log in.
    pub active: bool,
    /// Addresses.
    pub email: bool,
    /// Groups.
    pub groups: bool,
    /// First and last names.
    pub names: bool,
    /// Whether users are staff.
    pub staff: bool,
    /// Whether Django lets users do everything.
    pub superuser: bool,
    /// Tokens.
    pub tokens: bool,
}

impl Says {
    /// Of all of it.
    pub const ALL: Self = Self {
        active: true,
        email: true,
        groups: true,
        names: true,
        staff: true,
        superuser: true,
        tokens: true,
    };
    /// Of nothing but names and passwords.
    pub const NOTHING: Self = Self {
        active: false,
        email: false,
        groups: false,
        names: false,
        staff: false,
        superuser: false,
        tokens: false,
    };
}

impl BitOrAssign for Says {
    fn bitor_assign(&mut self, more: Self) {
        let Self { active, email, groups, names, staff, superuser, tokens } = more;
        self.active |= active;
        self.email |= email;
        self.groups |= groups;
        self.names |= names;
        self.staff |= staff;
        self.superuser |= superuser;
        self.tokens |= tokens;
    }
}
