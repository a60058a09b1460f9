//! Where a Redis server is.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

/// What connects to an address; `None` if it is none, or one that would not be taken as it was meant.
pub(super) fn connection_info(url: &str) -> Option<ConnectionInfo> {
    let info = url.into_connection_info().ok()?;
    let settings = info.redis_settings();
    // A raw `/`, `?` or `#` in a password ends the host early, and would show it as one.
    let is_cut =
        url.contains('@') && settings.password().is_none() && settings.username().is_none();
    let is_supported = match info.addr() {
        ConnectionAddr::TcpTls { insecure, .. } => !insecure,
        _ => true,
    };
    (!is_cut && is_supported).then_some(info)
}

#[cfg(test)]
mod tests {
    use super::super::RedisStore;
    use crate::store::StoreError;

    #[test]
    fn an_address_is_read_without_a_runtime() {
        for url in [
            "redis://127.0.0.1",
            "redis://:pass@host:6379/3",
            "redis://user:p%40ss@host/0",
            "rediss://host:6380",
            "unix:///run/redis.sock",
        ] {
            assert!(RedisStore::open(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_wrong_address_is_refused_without_showing_its_password() {
        for url in [
            "",
            "host:6379",
            "http://:hunter2@host",
            "redis://:hunter2@host:port",
            "redis://:hunter2@host/db",
            "redis://user:12#hunter2@host",
            "redis://:hunter2@host?protocol=hunter2",
            "rediss://:hunter2@host/#insecure",
        ] {
            let Err(error) = RedisStore::open(url) else { panic!("{url}") };
            assert!(matches!(error, StoreError::Unsuitable(_)), "{url}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}");
        }
    }
}
