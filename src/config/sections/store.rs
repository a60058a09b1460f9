//! `[store]`: where users and tokens are kept, and what of them in memory.

use super::super::section::Section;
use super::super::values;
use crate::auth::CacheSettings;
use crate::store;
use std::path::PathBuf;
use std::time::Duration;

pub(super) fn store(section: &mut Section<'_>) -> store::Settings {
    let default = store::Settings::Sqlite { path: PathBuf::from("authgate.db") };
    let mut store = section.secret(["url", "url_file"], default, values::store_url);
    let pem = section.read("ca_file", None, |value| values::pem_of_authorities(value).map(Some));
    let wanted = section.read("replicas", 0, values::number(0..=16));
    match &mut store {
        store::Settings::Redis { authorities, replicas, url } => {
            if pem.is_some() && !url.starts_with("rediss") {
                section.reject("ca_file", "has no use without TLS: write rediss in store.url");
            }
            (*authorities, *replicas) = (pem, wanted);
        }
        store::Settings::Sqlite { .. } if wanted > 0 => {
            section.reject("replicas", "is for Redis: a file has no replicas");
        }
        store::Settings::Sqlite { .. } if pem.is_some() => {
            section.reject("ca_file", "is for Redis: a file needs no TLS");
        }
        store::Settings::Sqlite { .. } => {}
    }
    store
}

pub(super) fn cache(section: &mut Section<'_>) -> CacheSettings {
    /// Four proofs must fit in it, and one takes a round trip.
    const SHORTEST: Duration = Duration::from_millis(100);
    let size = section.read("cache_size", 64 << 20, values::size);
    let feed_timeout = section.read("feed_timeout", Duration::from_secs(1), values::duration);
    if feed_timeout < SHORTEST {
        section.reject("feed_timeout", "is too short to be kept; write \"100ms\" or more");
    }
    let outage_grace = section.read("outage_grace", Duration::ZERO, values::duration_or_zero);
    CacheSettings { feed_timeout, outage_grace, size }
}
