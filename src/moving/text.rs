//! Texts of lines, whose length nobody has promised.

use std::io::{self, Cursor, Read};

/// What is in the first line, as far as it is looked at, and all of the text again.
pub(super) fn first_line<R: Read>(mut from: R) -> io::Result<(Vec<u8>, impl Read)> {
    const MOST: usize = 4 << 10;
    let mut head = Vec::new();
    while head.len() < MOST && !head.contains(&b'\n') {
        if from.by_ref().take(512).read_to_end(&mut head)? == 0 {
            break;
        }
    }
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec();
    Ok((line, Cursor::new(head).chain(from)))
}
