//! Texts of characters that all are wider than a byte.

/// What is told of one that begins like this, if it is of such; JSON itself begins with ASCII.
pub(super) fn words(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [_, 0, 0, 0, ..] | [0, 0, 0, _, ..] => {
            Some(
                "it is UTF-32; let `manage.py dumpdata --output FILE` write it, or \
             `iconv -f UTF-32 -t UTF-8 FILE > NEW`",
            )
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [_, 0, ..] | [0, _, ..] => Some(
            "it is UTF-16, as PowerShell's `>` writes it; let `manage.py dumpdata --output FILE` write it",
        ),
        _ => None,
    }
}
