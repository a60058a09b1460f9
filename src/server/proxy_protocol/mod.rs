//! The PROXY protocol: what a balancer says of a connection, before the client's first byte.
//!
//! Read strictly and to the byte, by code of our own: what the crates for it take (a sign before a
//! port, any byte for a space) a balancer never writes.

mod read;
mod v1;
mod v2;

pub use self::read::{ReadError, read};

use std::net::SocketAddr;

/// The longest header that is read, in bytes. What balancers add to the addresses is far shorter.
pub const LONGEST: usize = 16 + 4096;

/// What a header says, as far as it has arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parsed {
    /// All the bytes belong to a header that goes on.
    Partial,
    /// The first `length` bytes are a header.
    Whole {
        /// Its length.
        length: usize,
        /// Whose connection it is.
        source: Source,
    },
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// The balancer's own, such as a health check, or one that it knows no address of.
    Balancer,
    /// That of a client.
    Client {
        /// Where the client called from.
        client: SocketAddr,
        /// Where it called to.
        destination: SocketAddr,
    },
}

/// The bytes do not begin with a PROXY protocol header.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a PROXY protocol header: {0}")]
pub struct Malformed(&'static str);

/// Reads a header, version 1 or 2, from the start of the bytes. Fails at the first byte that no
/// header can have there.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    if begins(bytes, v1::SIGNATURE) {
        v1::parse(bytes)
    } else if begins(bytes, v2::SIGNATURE) {
        v2::parse(bytes)
    } else {
        Err(Malformed("there is no signature"))
    }
}

/// Whether the bytes begin with the signature, or with as much of it as there are bytes.
fn begins(bytes: &[u8], signature: &[u8]) -> bool {
    bytes.iter().zip(signature).all(|(byte, expected)| byte == expected)
}

/// An address as a header has it, in one form: that of IPv4 where it is one.
fn address(ip: impl Into<std::net::IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(ip.into().to_canonical(), port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_begins_otherwise_is_no_header() {
        for bytes in
            [&b"GET / HTTP/1.1\r\n"[..], b"proxy", b"PROXX", b"\r\n\r\n\0\r\nQUIX", b"\x16"]
        {
            assert_eq!(parse(bytes), Err(Malformed("there is no signature")), "{bytes:?}");
        }
        assert_eq!(parse(b""), Ok(Parsed::Partial));
    }

    proptest! {
        #[test]
        fn any_bytes_get_a_verdict(bytes: Vec<u8>, signature in 0..3) {
            let signature = [&b""[..], v1::SIGNATURE, v2::SIGNATURE][usize::try_from(signature).unwrap()];
            let bytes = [signature, &bytes].concat();
            if let Ok(Parsed::Whole { length, .. }) = parse(&bytes) {
                prop_assert!(length <= bytes.len());
                // What comes after a header changes nothing, and no shorter one is whole.
                prop_assert_eq!(parse(&bytes[..length]), parse(&bytes));
                for shorter in 0..length {
                    prop_assert_eq!(parse(&bytes[..shorter]), Ok(Parsed::Partial));
                }
            }
        }
    }
}
