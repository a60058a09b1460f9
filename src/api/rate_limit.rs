//! What clients are told of a limit: `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers-10).

use crate::clock::seconds_up;
use crate::model::limit::Rule;
use http::{HeaderName, HeaderValue};
use std::time::Duration;

/// The policies of a limit.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// How a limit stands.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The fields that tell of a limit: what it allows, what is left of it, and in how many seconds there
/// is more.
pub fn rate_limit_fields(
    limit: &str,
    rule: Rule,
    left: u32,
    wait: Duration,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let (quota, window) = match rule {
        Rule::Quota(quota) => (quota.count.get(), quota.period),
        Rule::Delay(delay) => (delay.free, delay.memory()),
    };
    // The settings let no name have anything to escape.
    let policy = format!("\"{limit}\";q={quota};w={}", seconds_up(window));
    let state = format!("\"{limit}\";r={left};t={}", seconds_up(wait));
    let fields = [(POLICY, policy), (LIMIT, state)];
    fields.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::limit::{Delay, Quota};
    use std::num::NonZeroU32;

    fn fields(rule: Rule, left: u32, wait: Duration) -> Vec<String> {
        let fields = rate_limit_fields("api", rule, left, wait);
        fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn a_quota_is_told_with_what_is_left_of_it() {
        let count = NonZeroU32::new(100).unwrap();
        let rule = Rule::Quota(Quota { count, period: Duration::from_mins(1) });
        assert_eq!(
            fields(rule, 42, Duration::from_millis(1_500)),
            ["ratelimit-policy: \"api\";q=100;w=60", "ratelimit: \"api\";r=42;t=2"]
        );
    }

    #[test]
    fn a_delay_is_told_as_what_is_free_until_it_is_forgotten() {
        let delay =
            Delay { first: Duration::from_secs(1), free: 20, longest: Duration::from_mins(15) };
        assert_eq!(
            fields(Rule::Delay(delay), 0, Duration::from_secs(8)),
            ["ratelimit-policy: \"api\";q=20;w=3600", "ratelimit: \"api\";r=0;t=8"]
        );
    }
}
