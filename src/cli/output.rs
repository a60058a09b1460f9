//! What the verbs print.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;
use std::error::Error;
use std::fmt::Write;

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

/// Prints rows under their heads, or `none` where there are none.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: Vec<[String; N]>, none: &str) {
    if rows.is_empty() {
        println!("{}", plain(none));
        return;
    }
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads);
    table.add_rows(rows.into_iter().map(|row| row.map(|cell| plain(&cell))));
    println!("{}", table.trim_fmt());
}

/// A text without what a terminal would act on: names and user agents are others' words.
pub(super) fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Prints data.
pub(super) fn json(value: &Value) {
    println!("{value:#}");
}
