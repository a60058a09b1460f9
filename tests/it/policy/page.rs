//! The table of the documentation.

use std::fmt::Write;
use std::fs;

use super::table::{Kind, ROWS};

const PAGE: &str = "docs/failures.md";
const BEGIN: &str = "<!-- made by tests/it/policy of the rows that it tests -->\n";
const END: &str = "<!-- until here -->\n";

#[test]
fn the_documentation_promises_what_is_tested() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect(BEGIN);
    let (_, after) = rest.split_once(END).expect(END);
    let made = format!("{before}{BEGIN}\n{}\n{END}{after}", table());
    if page != made {
        fs::write("target/failures.md", made).unwrap();
        panic!("{PAGE} is old: cp target/failures.md {PAGE}");
    }
}

fn table() -> String {
    let mut text = "| while |".to_owned();
    for kind in Kind::ALL {
        write!(text, " {} |", kind.words()).unwrap();
    }
    text += " seen by |\n|---|";
    text += &"---|".repeat(Kind::ALL.len() + 1);
    for row in ROWS {
        write!(text, "\n| {} |", row.fault).unwrap();
        for cell in row.cells {
            write!(text, " {cell} |").unwrap();
        }
        let signs: Vec<_> = row.signs.iter().map(ToString::to_string).collect();
        write!(text, " {} |", signs.join(", ")).unwrap();
    }
    text + "\n"
}
