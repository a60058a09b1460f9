//! What one value may be. Each reader says what is wrong, and what would be right.

mod amounts;
mod files;
mod headers;
mod names;
mod net;
mod servers;

pub(super) use self::amounts::{
    duration, duration_or_never, duration_or_zero, memory, rate, rate_or_off, size,
};
pub(super) use self::files::{file, socket_or_off};
pub(super) use self::headers::{
    field_name, field_value, origin, reserved_in_answers, reserved_in_requests,
};
pub(super) use self::names::{
    class_name, console_path, header_name, host, method, name, route_path, scheme, store_url,
    token_prefix,
};
pub(super) use self::net::{address, address_or_off, network, network_or_all, redirect_port};
pub(super) use self::servers::{
    any_header, authorities, content, health_host, health_path, is_blind, name_server,
    pem_of_authorities, server, server_name,
};

use super::written::Value;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Text as written.
pub(super) fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::String(text) | Value::Text(text) => Ok(text),
        other => Err(format!("expected text in quotes, not {}", other.kind())),
    }
}

/// True or false.
pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(value) => Ok(*value),
        Value::Text(text) => text.parse().map_err(|_| format!("{text:?} is not true or false")),
        other => Err(format!("expected true or false, not {}", other.kind())),
    }
}

/// A whole number within bounds.
pub(super) fn number<T>(bounds: RangeInclusive<T>) -> impl Fn(&Value) -> Result<T, String>
where
    T: Copy + Display + PartialOrd + TryFrom<i64>,
{
    move |value| {
        let number = match value {
            Value::Integer(number) => *number,
            Value::Text(text) => text.parse().map_err(|_| format!("{text:?} is not a number"))?,
            other => return Err(format!("expected a number, not {}", other.kind())),
        };
        let within = T::try_from(number).ok().filter(|number| bounds.contains(number));
        let (least, most) = (bounds.start(), bounds.end());
        within.ok_or_else(|| format!("{number} is out of bounds; write one from {least} to {most}"))
    }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(choices: &[(&str, T)]) -> impl Fn(&Value) -> Result<T, String> {
    move |value| {
        let word = text(value)?;
        let chosen = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("{name:?}")).collect();
        chosen.ok_or_else(|| format!("{word:?} is not one of {}", names.join(", ")))
    }
}
