//! A PROXY protocol header is told from the first bytes on, and what follows it is not of it.
#![no_main]

use authgate::server::proxy_protocol::{LONGEST, Parsed, Source, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(bytes);
    if whole == Ok(Parsed::Partial) {
        assert!(bytes.len() < LONGEST, "no header is longer");
    }
    if let Ok(Parsed::Whole { length, source }) = whole {
        assert!((1..=LONGEST).contains(&length) && length <= bytes.len(), "{length}");
        let header = &bytes[..length];
        assert_eq!(parse(header), whole, "what follows changes nothing");
        assert_eq!(parse(&[header, b"GET / HTTP/1.1\r\n"].concat()), whole);
        assert_one_form(source);
    }
    assert_begins_hold(bytes, &whole);
});

/// A reader that sees the bytes come one by one ends where one that sees them all does.
fn assert_begins_hold<E: PartialEq>(bytes: &[u8], whole: &Result<Parsed, E>)
where
    Result<Parsed, E>: std::fmt::Debug,
{
    let end = match whole {
        Ok(Parsed::Whole { length, .. }) => *length,
        Ok(Parsed::Partial) => bytes.len(),
        // Where it failed is not told: it must not have been taken for whole before.
        Err(_) => {
            for end in 0..bytes.len().min(LONGEST) {
                let parsed = parse(&bytes[..end]);
                assert!(!matches!(parsed, Ok(Parsed::Whole { .. })), "{end}: {parsed:?}");
            }
            return;
        }
    };
    for end in (0..end).rev().take(300) {
        assert_eq!(parse(&bytes[..end]), Ok(Parsed::Partial), "the first {end} bytes");
    }
}

/// An address of IPv4 is never hidden in one of IPv6.
fn assert_one_form(source: Source) {
    if let Source::Client { client, destination } = source {
        for address in [client.ip(), destination.ip()] {
            assert_eq!(address, address.to_canonical());
        }
    }
}
