//! HTTP/2 without any manners: what a client must not send, frame by frame.

mod floods;
mod frames;
mod identity;
mod malformed;
mod patience;

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::h2_raw::{End, Frame, RawH2};
use crate::harness::http::Request;
use crate::harness::listener::Listener;
use crate::harness::upstream::{Script, Upstream};

/// A gateway that speaks HTTP/2 without TLS, before an app that says who calls.
struct World {
    gateway: Gateway,
    listener: Listener,
    upstream: Upstream,
}

impl World {
    fn start() -> Self {
        Self::before(Upstream::start())
    }

    fn answering(script: Script) -> Self {
        Self::before(Upstream::answering(script))
    }

    fn before(upstream: Upstream) -> Self {
        let listener = Listener::h2c();
        let gateway = listener.gateway(&(upstream.settings() + ROUTES));
        Self { gateway, listener, upstream }
    }

    fn connect(&self) -> RawH2 {
        RawH2::open(self.listener.address)
    }

    /// How stream 1 of a new connection ends, by these frames.
    fn end_of(&self, frames: &[Frame]) -> End {
        let mut client = self.connect();
        for frame in frames {
            client.send(frame);
        }
        client.end_of(1)
    }

    /// Whether others are still served, by this listener and by the plain one.
    fn assert_still_serves(&self) {
        let mut client = self.connect();
        client.get(1, "/public", &[]);
        assert_eq!(client.end_of(1), End::Answered(200));
        assert_eq!(self.gateway.send(&Request::get("/public")).status, 200);
    }
}
