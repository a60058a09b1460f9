//! Addresses, by Django's rules.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A user's address: blank, or one that Django's `EmailValidator` accepts, its domain in lower case.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Email(String);

impl Email {
    /// The most characters that an address may have.
    pub const MAX_CHARS: usize = 254;

    /// Reads an address, or says all that is wrong with it, in Django's order.
    pub fn parse(typed: &str) -> Result<Self, Vec<EmailError>> {
        let mut errors = Vec::new();
        if typed.chars().count() > Self::MAX_CHARS {
            errors.push(EmailError::TooLong);
        }
        if typed.contains('\0') {
            errors.push(EmailError::Null);
        }
        if !typed.is_empty() && !is_valid(typed) {
            errors.push(EmailError::Invalid);
        }
        if errors.is_empty() { Ok(Self(normalize(typed))) } else { Err(errors) }
    }

    /// Takes in an address that a store kept.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is not an address, in Django's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EmailError {
    /// It is not one.
    #[error("Enter a valid email address.")]
    Invalid,
    /// It has a NUL.
    #[error("Null characters are not allowed.")]
    Null,
    /// It is longer than Django's column.
    #[error("Ensure this field has no more than {} characters.", Email::MAX_CHARS)]
    TooLong,
}

fn normalize(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => address.to_owned(),
    }
}

fn is_valid(address: &str) -> bool {
    address.chars().count() <= 320
        && address.rsplit_once('@').is_some_and(|(local, domain)| {
            (is_dot_atom(local) || is_quoted(local)) && is_domain(domain)
        })
}

/// RFC 5322, section 3.2.3.
fn is_dot_atom(local: &str) -> bool {
    let is_atom_char = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_char))
}

/// A quoted local part, without unescaped blanks: Django's subset of RFC 5322, section 3.2.4.
fn is_quoted(local: &str) -> bool {
    let Some(inner) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return false;
    };
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        let fine = match char {
            '\\' => chars.next().is_some_and(|c| c.is_ascii() && !"\0\n\r".contains(c)),
            _ => char.is_ascii() && !"\0\t\n\r \"".contains(char),
        };
        if !fine {
            return false;
        }
    }
    true
}

fn is_domain(domain: &str) -> bool {
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return literal.parse::<Ipv4Addr>().is_ok() || literal.parse::<Ipv6Addr>().is_ok();
    }
    if domain.eq_ignore_ascii_case("localhost") {
        return true;
    }
    match domain.rsplit_once('.') {
        Some((labels, top)) => labels.split('.').all(is_label) && is_top_label(top),
        None => false,
    }
}

fn is_label(label: &str) -> bool {
    has_label_form(label, 1) && label.chars().all(|c| c.is_ascii_digit() || is_label_letter(c))
}

fn is_top_label(label: &str) -> bool {
    let puny = label.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("xn--"));
    let is_good =
        |c: char| if puny { c.is_ascii_alphanumeric() || c == '-' } else { is_label_letter(c) };
    has_label_form(label, 2) && label.chars().all(is_good)
}

fn has_label_form(label: &str, least: usize) -> bool {
    let length = label.chars().count();
    (least..=63).contains(&length) && !label.starts_with('-') && !label.ends_with('-')
}

fn is_label_letter(char: char) -> bool {
    char.is_ascii_alphabetic() || char == '-' || ('\u{a1}'..='\u{ffff}').contains(&char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn djangos_good_addresses_pass() {
        for address in [
            "a@localhost",
            "a@[127.0.0.1]",
            "a@[::1]",
            "a.b+c!#$%&'*/=?^_`{|}~-@example.com",
            "\"a..b\"@example.com",
            "\"a\\\"b\"@example.com",
            "\"a\\ b\"@example.com",
            "a@bücher.example",
            "a@example.xn--p1ai",
            "a@b--c.com",
        ] {
            assert!(Email::parse(address).is_ok(), "{address}");
        }
    }

    #[test]
    fn djangos_bad_addresses_do_not() {
        for address in [
            "plain",
            "a@@b.com",
            "@b.com",
            "a@",
            "a@b",
            "a@[127.0.0.256]",
            "a@127.0.0.1",
            "a@[IPv6:::1]",
            "a@[fe80::1%eth0]",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a b@example.com",
            "\"a b\"@example.com",
            "é@example.com",
            "a@💩.com",
            "a@example.c0m",
            "a@example.c",
            "a@-b.com",
            "a@b-.com",
            "a@b_c.com",
            "a@b..com",
            "a@example.com.",
            "a@exam\nple.com",
            "Al <al@example.com>",
        ] {
            assert_eq!(Email::parse(address), Err(vec![EmailError::Invalid]), "{address}");
        }
    }

    #[test]
    fn only_the_domain_is_lowered() {
        assert_eq!(Email::parse("MiXeD@Example.ORG").unwrap().as_str(), "MiXeD@example.org");
    }

    #[test]
    fn a_blank_address_is_fine() {
        assert_eq!(Email::parse("").unwrap(), Email::default());
    }

    #[test]
    fn every_mistake_is_told_in_djangos_order() {
        assert_eq!(
            Email::parse("a\0@example.com"),
            Err(vec![EmailError::Null, EmailError::Invalid])
        );
        let long = format!("{}@example.com", "l".repeat(243));
        assert_eq!(Email::parse(&long), Err(vec![EmailError::TooLong]));
    }
}
