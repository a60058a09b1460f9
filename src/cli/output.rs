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
        println!("{none}");
        return;
    }
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads);
    table.add_rows(rows);
    println!("{}", table.trim_fmt());
}

/// Prints data.
pub(super) fn json(value: &Value) {
    println!("{value:#}");
}
