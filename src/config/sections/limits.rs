//! `[limits]`: how much anyone may try.

use super::super::mistake::Place;
use super::super::section::Section;
use super::super::values;
use crate::auth::LimitSettings;
use crate::model::limit::{Delay, Quota};
use crate::model::network::Exceptions;
use crate::policy::{RateBy, RateClass};
use ipnet::IpNet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

/// The limits, and the classes of requests that routes name.
pub(super) fn limits(section: &mut Section<'_>) -> (LimitSettings, Vec<Arc<RateClass>>) {
    let mut quota =
        |key, count, period| section.read(key, quota_of(count, period), values::rate_or_off);
    let logins_of_from =
        quota("login_failures_per_account_and_network", 20, Duration::from_hours(1));
    let all_logins_of_from = quota("logins_per_account_and_network", 300, MINUTE);
    let logins_from = quota("login_failures_per_network", 100, MINUTE);
    let sign_ins_of_from = quota("console_failures_per_account_and_network", 5, MINUTE);
    let sign_ins_from = quota("console_failures_per_network", 10, MINUTE);
    let codes_of = quota("console_codes_per_user", 10, 10 * MINUTE);
    let registrations_from = quota("registrations_per_network", 60, MINUTE);
    let unknown_tokens_from = quota("unknown_tokens_per_network", 300, MINUTE);
    let settings = LimitSettings {
        enabled: section.read("enabled", true, values::boolean),
        logins_of: section.section("login_failures_per_account", |section| delay(section, 20)),
        sign_ins_of: section.section("console_failures_per_account", |section| delay(section, 10)),
        familiar_for: section.read(
            "familiar_for",
            Duration::from_hours(30 * 24),
            values::duration_or_zero,
        ),
        gateways: gateways(section),
        exceptions: Arc::new(exceptions(section)),
        all_logins_of_from,
        codes_of,
        logins_from,
        logins_of_from,
        registrations_from,
        sign_ins_from,
        sign_ins_of_from,
        unknown_tokens_from,
    };
    (settings, classes(section))
}

fn quota_of(count: u32, period: Duration) -> Option<Quota> {
    NonZeroU32::new(count).map(|count| Quota { count, period })
}

fn gateways(section: &mut Section<'_>) -> NonZeroU32 {
    let count = section.read("gateways", 1, values::number(1..=1_000));
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

fn delay(section: &mut Section<'_>, free: u32) -> Option<Delay> {
    let free = section.read("free", free, values::number(0..=1_000_000));
    let first = section.read("delay", Duration::from_secs(1), values::duration_or_zero);
    let longest = section.read("max_delay", 15 * MINUTE, values::duration_or_zero);
    if first.is_zero() && !longest.is_zero() {
        section.reject("delay", "must be longer than nothing; max_delay = \"0s\" is no limit");
    }
    if longest < first {
        section.reject("max_delay", "must not be shorter than the first delay");
    }
    (!longest.is_zero()).then_some(Delay { free, first, longest })
}

fn exceptions(section: &mut Section<'_>) -> Exceptions {
    let mut networks = |key| section.list(key, values::network_or_all).unwrap_or_default();
    let (allow, deny) = (networks("allow"), networks("deny"));
    for (place, network) in &deny {
        if allow.iter().any(|(_, allowed)| allowed == network) {
            section.note("deny", place.clone(), format!("\"{network}\" is in limits.allow too"));
        }
    }
    let values = |list: Vec<(Place, IpNet)>| list.into_iter().map(|(_, network)| network).collect();
    Exceptions { allow: values(allow), deny: values(deny) }
}

fn classes(section: &mut Section<'_>) -> Vec<Arc<RateClass>> {
    let mut known: Vec<Arc<RateClass>> = Vec::new();
    let written = section.sections("classes", |section| {
        let name = section.require("name", values::class_name);
        let rate = section.require("rate", values::rate);
        let choices =
            [("user", RateBy::User), ("token", RateBy::Token), ("address", RateBy::Address)];
        let by = section.read("by", RateBy::User, values::choice(&choices));
        let class = RateClass { by, name: name?.into(), quota: rate? };
        Some((section.place(), class))
    });
    for (place, class) in written.into_iter().flatten().flatten() {
        if known.iter().any(|other| other.name == class.name) {
            section.note("classes", place, format!("{:?} is the name of another", class.name));
        } else {
            known.push(Arc::new(class));
        }
    }
    known
}
