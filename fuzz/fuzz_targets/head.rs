//! A head that passes says one thing, and says it again in the form in which it goes to the app.
#![no_main]

use authgate::gateway::fuzzing::{Passed, read_head};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|head: &[u8]| {
    let Some(passed) = futures_executor::block_on(read_head(head)) else { return };
    let target = std::str::from_utf8(&passed.target).expect("ASCII");
    assert!(target.starts_with('/'), "{target}");
    assert!(target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{target}");
    assert_eq!(target.split('?').next(), Some(passed.path.as_str()), "the path is the target's");
    assert_eq!(passed.host, passed.host.to_ascii_lowercase());
    assert!(!passed.host.contains(['@', '/', ' ', ',', '\\']), "{}", passed.host);
    assert_ne!(passed.method, "CONNECT");
    assert_one_framing(&passed);
    let again = futures_executor::block_on(read_head(&passed.written()));
    let again = again.expect("what passed once passes again");
    assert_eq!((again.host, again.path), (passed.host, passed.path));
    assert_eq!((again.method, again.target), (passed.method, passed.target));
});

fn assert_one_framing(passed: &Passed) {
    let values = |wanted: &str| {
        let same = passed.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        same.map(|(_, value)| value.as_slice()).collect::<Vec<_>>()
    };
    match (values("content-length").as_slice(), values("transfer-encoding").as_slice()) {
        ([], []) => {}
        ([length], []) => assert!(!length.is_empty() && length.iter().all(u8::is_ascii_digit)),
        ([], [coding]) => assert!(coding.eq_ignore_ascii_case(b"chunked")),
        both => panic!("two framings: {both:?}"),
    }
    assert!(values("host").len() <= 1 && values("authorization").len() <= 1);
    for (name, value) in &passed.headers {
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)), "{name}: {value:?}");
    }
}
