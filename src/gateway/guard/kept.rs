//! What Pingora keeps of a connection from one request to the next.

use pingora::apps::HttpPersistentSettings;
use std::fmt::{self, Write};

/// Whether nothing of a next request has come along with the one before. Pingora tells it nowhere but
/// where it describes what it keeps; if it came to use other words, something would seem to be there.
pub(super) fn is_all_answered(kept: &HttpPersistentSettings) -> bool {
    let mut ahead = Ahead::default();
    // Fails as soon as all is known.
    let _ = write!(ahead, "{kept:?}");
    ahead.is_none
}

/// Looks for what was read ahead in a description.
#[derive(Default)]
struct Ahead {
    is_next: bool,
    is_none: bool,
}

impl Write for Ahead {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        match piece {
            "pipelined_prefix" => self.is_next = true,
            ": " => {}
            value if self.is_next => {
                self.is_none = value == "None";
                return Err(fmt::Error);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use pingora::protocols::http::ServerSession;
    use pingora::protocols::l4::stream::Stream;

    fn kept() -> HttpPersistentSettings {
        let (client, _) = tokio::net::UnixStream::pair().unwrap();
        HttpPersistentSettings::for_session(&ServerSession::new_http1(Box::new(Stream::from(
            client,
        ))))
    }

    #[tokio::test]
    async fn what_came_along_with_a_request_is_seen() {
        let mut kept = kept();
        assert!(is_all_answered(&kept));
        kept.set_pipelined_prefix(BytesMut::from("G"));
        assert!(!is_all_answered(&kept));
    }
}
