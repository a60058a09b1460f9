//! Spans of time and amounts of memory.

use super::super::written::Value;
use super::text;
use crate::model::limit::Quota;
use bytesize::ByteSize;
use jiff::{Span, SpanRelativeTo};
use std::num::NonZeroU32;
use std::time::Duration;

/// A span of time, longer than none.
pub(in super::super) fn duration(value: &Value) -> Result<Duration, String> {
    let duration = read(value, r#"write one such as "10s""#)?;
    if duration.is_zero() {
        return Err("must be longer than nothing".to_owned());
    }
    Ok(duration)
}

/// A span of time, also none at all.
pub(in super::super) fn duration_or_zero(value: &Value) -> Result<Duration, String> {
    read(value, r#"write one such as "60s""#)
}

/// A span of time, longer than none; `None` if it never ends.
pub(in super::super) fn duration_or_never(value: &Value) -> Result<Option<Duration>, String> {
    if matches!(text(value), Ok("never")) {
        return Ok(None);
    }
    let duration = read(value, r#"write one such as "10h", or "never""#)?;
    if duration.is_zero() {
        return Err(r#"must be longer than nothing; for no end write "never""#.to_owned());
    }
    Ok(Some(duration))
}

/// Beyond this, dates would have years of five digits.
const LONGEST: Duration = Duration::from_hours(100 * 365 * 24);

fn read(value: &Value, advice: &str) -> Result<Duration, String> {
    let text = match value {
        Value::String(text) | Value::Text(text) => text,
        other => return Err(format!("expected a duration, not {}; {advice}", other.kind())),
    };
    let span = text.parse::<Span>().and_then(|span| {
        // Nobody means the hour that a day loses in spring.
        span.to_duration(SpanRelativeTo::days_are_24_hours())
    });
    let duration = span.ok().and_then(|span| Duration::try_from(span).ok());
    let duration = duration.ok_or_else(|| format!("{text:?} is not a duration; {advice}"))?;
    if duration > LONGEST {
        return Err(format!("{text:?} is more than a hundred years"));
    }
    Ok(duration)
}

/// So many in a time; `None` for no bound.
pub(in super::super) fn rate_or_off(value: &Value) -> Result<Option<Quota>, String> {
    if matches!(text(value), Ok("off")) { Ok(None) } else { rate(value).map(Some) }
}

/// So many in a time.
pub(in super::super) fn rate(value: &Value) -> Result<Quota, String> {
    const ADVICE: &str = r#"write one such as "100/1m" or "5/hour""#;
    let text = text(value).map_err(|problem| format!("{problem}; {ADVICE}"))?;
    let (count, period) =
        text.split_once('/').ok_or_else(|| format!("{text:?} is not a rate; {ADVICE}"))?;
    let number = count.trim().parse::<NonZeroU32>().ok();
    let count = number
        .filter(|count| count.get() <= 1_000_000_000)
        .ok_or_else(|| format!("{count:?} is not a number of things in a time; {ADVICE}"))?;
    let period = match period.trim() {
        "s" | "sec" | "second" => Duration::from_secs(1),
        "m" | "min" | "minute" => Duration::from_mins(1),
        "h" | "hour" => Duration::from_hours(1),
        "d" | "day" => Duration::from_hours(24),
        span => duration(&Value::Text(span.to_owned()))?,
    };
    if period < Duration::from_micros(u64::from(count.get())) {
        return Err(format!("{text:?} is more than one a microsecond; \"off\" is no limit"));
    }
    Ok(Quota { count, period })
}

/// An amount of bytes, with a unit or as a number.
pub(in super::super) fn size(value: &Value) -> Result<u64, String> {
    let advice = r#"write one such as "1MiB", or a number of bytes"#;
    match value {
        Value::Integer(bytes) => {
            u64::try_from(*bytes).map_err(|_| format!("{bytes} is not a size; {advice}"))
        }
        Value::String(text) | Value::Text(text) => {
            let size = text.parse::<ByteSize>().map(|size| size.as_u64());
            size.map_err(|_| format!("{text:?} is not a size; {advice}"))
        }
        other => Err(format!("expected a size, not {}; {advice}", other.kind())),
    }
}

/// An amount of memory that this machine can address, more than none.
pub(in super::super) fn memory(value: &Value) -> Result<usize, String> {
    let bytes = size(value)?;
    let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| "is out of bounds; write one such as \"1MiB\"".to_owned())
}
