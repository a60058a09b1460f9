//! `[tokens]`, `[registration]`, `[passwords]` and `[events]`: accounts, what they are given and what
//! is kept of what happens to them.

use super::super::section::Section;
use super::super::values;
use crate::auth::{
    Argon2Hasher, CacheSettings, EventSettings, HashCost, LimitSettings, PasswordChecks, Refresh,
    Settings, TokenSettings,
};
use crate::gateway::Endpoints;
use crate::store::{OnLimit, TokenLimit};
use std::time::Duration;

/// What concerns the gateway of the settings of accounts.
pub(super) struct Shown {
    pub endpoints: Endpoints,
    /// What stands before a token.
    pub scheme: String,
}

/// The settings of accounts.
pub(super) fn auth(
    root: &mut Section<'_>,
    cache: CacheSettings,
    limits: LimitSettings,
) -> (Settings, Shown) {
    let (scheme, tokens) = root.section("tokens", tokens);
    let (registration_open, refuse_look_alikes) = root.section("registration", |section| {
        let choices = [("refuse", true), ("allow", false)];
        let is_open = section.read("open", true, values::boolean);
        (is_open, section.read("look_alikes", true, values::choice(&choices)))
    });
    let mut endpoints = Endpoints::default();
    let (password_checks, (hash_threads, imported_memory, hashing)) =
        root.section("passwords", |section| {
            endpoints.change_password = section.read("self_service", false, values::boolean);
            (password_checks(section), hashing(section))
        });
    let events = root.section("events", events);
    let settings = Settings {
        cache,
        events,
        hash_threads,
        hashing,
        imported_memory,
        limits,
        password_checks,
        refuse_look_alikes,
        registration_open,
        tokens,
    };
    (settings, Shown { endpoints, scheme })
}

fn events(section: &mut Section<'_>) -> EventSettings {
    let keep = section.read("keep", Duration::from_hours(90 * 24), values::duration);
    let most = section.read("max", 100_000, values::number(0..=10_000_000));
    EventSettings { keep, most }
}

fn tokens(section: &mut Section<'_>) -> (String, TokenSettings) {
    let scheme = section.read("scheme", "Token".to_owned(), values::scheme);
    let prefix = section.read("prefix", String::new(), values::token_prefix);
    let lifetime = Some(Duration::from_hours(10));
    let lifetime = section.read("lifetime", lifetime, values::duration_or_never);
    let refresh = refresh(section, lifetime);
    let limit = limit(section);
    (scheme, TokenSettings { lifetime, limit, prefix, refresh })
}

fn refresh(section: &mut Section<'_>, lifetime: Option<Duration>) -> Option<Refresh> {
    let is_on = section.read("auto_refresh", false, values::boolean);
    let min_interval =
        section.read("min_refresh_interval", Duration::from_mins(1), values::duration_or_zero);
    let max_lifetime = section.read("max_lifetime", None, values::duration_or_never);
    if is_on && lifetime.is_none() {
        let problem = "there is nothing to refresh: tokens.lifetime is \"never\"";
        section.reject("auto_refresh", problem);
    }
    if let (Some(lifetime), Some(most)) = (lifetime, max_lifetime)
        && most < lifetime
    {
        section.reject("max_lifetime", "must not be shorter than tokens.lifetime");
    }
    is_on.then_some(Refresh { min_interval, max_lifetime })
}

fn limit(section: &mut Section<'_>) -> Option<TokenLimit> {
    let choices = [("refuse", OnLimit::Refuse), ("evict-oldest", OnLimit::EvictOldest)];
    let most = section.read("limit_per_user", 0, values::number(0..=1_000_000));
    let on_limit = section.read("on_limit", OnLimit::Refuse, values::choice(&choices));
    (most > 0).then_some(TokenLimit { most, on_limit })
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Check {
    Common,
    Length,
    Numeric,
    Similarity,
}

fn password_checks(section: &mut Section<'_>) -> PasswordChecks {
    let choices = [
        ("similarity", Check::Similarity),
        ("length", Check::Length),
        ("common", Check::Common),
        ("numeric", Check::Numeric),
    ];
    let written = section.list("checks", values::choice(&choices));
    let has = |check| written.as_ref().is_none_or(|list| list.iter().any(|(_, one)| *one == check));
    PasswordChecks {
        similarity: has(Check::Similarity),
        length: has(Check::Length),
        common: has(Check::Common),
        numeric: has(Check::Numeric),
        min_length: section.read("min_length", 8, values::number(1..=128)),
    }
}

/// By how many threads, in how much memory for old hashes, and at what cost passwords are hashed.
fn hashing(section: &mut Section<'_>) -> (usize, u64, HashCost) {
    let size = |value: &_| values::memory(value).and_then(|_| values::size(value));
    let memory = section.read("imported_memory", Argon2Hasher::ROOM, size);
    (section.threads(), memory, section.section("argon2", hash_cost))
}

fn hash_cost(section: &mut Section<'_>) -> HashCost {
    let memory = section.read("memory", 19 * 1024 * 1024, values::size);
    let iterations = section.read("iterations", 2, values::number(1..=HashCost::MOST.iterations));
    let most = HashCost::MOST.parallelism;
    let parallelism = section.read("parallelism", 1, values::number(1..=most));
    let memory_kib = memory_kib(section, memory, parallelism);
    let cost = HashCost { iterations, memory_kib, parallelism };
    if !cost.is_bearable() {
        let most = HashCost::MOST_KIB_PASSES / u64::from(iterations) / 1024;
        let problem = format!(
            "is too much for {iterations} iterations; write a size up to \"{most}MiB\", or fewer \
             iterations"
        );
        section.reject("memory", &problem);
    }
    cost
}

/// Argon2 needs 8 KiB for each lane, and counts in KiB.
fn memory_kib(section: &mut Section<'_>, bytes: u64, parallelism: u32) -> u32 {
    const MOST_KIB: u32 = HashCost::MOST.memory_kib;
    let least = 8 * parallelism;
    let kib = u32::try_from(bytes / 1024).ok().filter(|kib| (least..=MOST_KIB).contains(kib));
    kib.unwrap_or_else(|| {
        let problem = format!("is out of bounds; write a size from \"{least}KiB\" to \"1GiB\"");
        section.reject("memory", &problem);
        MOST_KIB
    })
}
