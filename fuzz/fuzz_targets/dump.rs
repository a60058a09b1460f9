//! A dump of a Django is read in constant memory: what is read of it is the same however it comes, and what
//! is told of it has nothing of a token.
#![no_main]

use authgate::moving::fuzzing::{Told, read_dump};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|dump: &[u8]| {
    let whole = read_dump(dump, usize::MAX);
    let slow = read_dump(dump, 1);
    assert_eq!(whole, slow, "it comes byte by byte");
    let Ok(Told { tokens, unreadable, users }) = whole else { return };
    let rows = users + tokens + unreadable.len();
    assert!(rows <= dump.len() / 2, "a row has two brackets at least");
    for words in &unreadable {
        assert!(words.len() < 10_000, "{words}");
    }
});
