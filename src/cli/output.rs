//! What the verbs print.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;
use std::error::Error;
use std::fmt::{Arguments, Write};
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// Prints a line, as `println!` does, unless nobody reads any more.
macro_rules! out {
    () => { $crate::cli::output::line(format_args!("")) };
    ($($argument:tt)*) => { $crate::cli::output::line(format_args!($($argument)*)) };
}

/// Tells a line on standard error, as `eprintln!` does, unless nobody reads any more.
macro_rules! err {
    ($($argument:tt)*) => { $crate::cli::output::tell(format_args!($($argument)*)) };
}

/// An error and what caused it, in a line.
pub(super) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {words}");
        }
        cause = error.source();
    }
    text
}

/// Prints rows under their heads, or `none` where there are none, unless nobody reads any more.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: Vec<[String; N]>, none: &str) {
    print(&(table_text(heads, rows, none) + "\n"));
}

/// Rows under their heads, or `none` where there are none.
pub(super) fn table_text<const N: usize>(
    heads: [&str; N],
    rows: Vec<[String; N]>,
    none: &str,
) -> String {
    if rows.is_empty() {
        return plain(none);
    }
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads);
    table.add_rows(rows.into_iter().map(|row| row.map(|cell| plain(&cell))));
    table.trim_fmt()
}

/// A text without what a terminal would act on: names and user agents are others' words.
pub(super) fn plain(text: &str) -> String {
    let is_acted_on = |char: char| {
        // Ends of lines, and what turns the direction of writing.
        let marks = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}'];
        let turns = matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        char.is_control() || turns || marks.contains(&char)
    };
    text.replace(is_acted_on, "\u{fffd}")
}

/// Whether something could not be printed though somebody may read it, as where a disk is full.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Whether all that was printed has come to where it goes, or nobody reads any more.
pub(super) fn is_whole() -> bool {
    noted(io::stdout().flush());
    !IS_LOST.load(Ordering::Relaxed)
}

/// Says whether it was printed. Who does not read any more has got what they wanted.
fn noted(printed: io::Result<()>) -> bool {
    let is_printed = printed.is_ok();
    if printed.is_err_and(|error| error.kind() != io::ErrorKind::BrokenPipe) {
        IS_LOST.store(true, Ordering::Relaxed);
    }
    is_printed
}

/// Prints a text, unless nobody reads any more; says whether it did.
pub(super) fn print(text: &str) -> bool {
    let mut stdout = io::stdout().lock();
    noted(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Prints a line, unless nobody reads any more.
pub(super) fn say(line: &str) {
    noted(writeln!(io::stdout(), "{}", plain(line)));
}

/// What `out!` does.
pub(super) fn line(line: Arguments<'_>) {
    noted(writeln!(io::stdout(), "{line}"));
}

/// What `err!` does.
pub(super) fn tell(line: Arguments<'_>) {
    drop(writeln!(io::stderr(), "{line}"));
}

/// Prints data, unless nobody reads any more.
pub(super) fn json(value: &Value) {
    print(&format!("{value:#}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_a_line_or_ends_it_is_not_shown() {
        assert_eq!(
            plain("a\u{202e}b\u{2028}c\u{2066}d\u{1b}[2J"),
            "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}[2J"
        );
        assert_eq!(plain("Zoë ☃ 山田"), "Zoë ☃ 山田");
    }
}
