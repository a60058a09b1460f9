//! Users as lines of CSV (RFC 4180), which spreadsheets open without working anything out.

use crate::model::user::UserId;
use crate::store::ListedUser;

/// The heads of the columns, with the end of their line.
pub fn csv_head() -> String {
    "id,username,email,is_active,is_staff,joined,last_login,live_tokens\r\n".to_owned()
}

/// A user, with the end of the line.
pub fn csv_row(listed: &ListedUser) -> String {
    let user = &listed.user;
    let cells = [
        user.id.to_string(),
        cell(user.username.as_str()),
        cell(user.email.as_str()),
        user.is_active.to_string(),
        user.is_staff.to_string(),
        user.joined.to_string(),
        user.last_login.map(|at| at.to_string()).unwrap_or_default(),
        listed.live_tokens.to_string(),
    ];
    cells.join(",") + "\r\n"
}

/// One whose record cannot be read: nothing but the number.
pub fn csv_row_of_unreadable(id: UserId) -> String {
    format!("{id},,,,,,,\r\n")
}

/// A text that someone else chose. A spreadsheet takes what begins so for a formula, so that is
/// made plain text by an apostrophe.
fn cell(text: &str) -> String {
    let plain = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n') => format!("'{text}"),
        _ => text.to_owned(),
    };
    let needs_quotes = plain.contains([',', '"', '\r', '\n', ';', '\'']);
    if needs_quotes { format!("\"{}\"", plain.replace('"', "\"\"")) } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spreadsheet_would_work_out_is_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(cell(text).starts_with("\"'"), "{text:?}");
        }
        assert_eq!(cell("ada"), "ada");
    }

    #[test]
    fn what_would_end_a_cell_stands_in_quotes() {
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("\"><img src=x>"), "\"\"\"><img src=x>\"");
        assert_eq!(cell("a\r\nb"), "\"a\r\nb\"");
    }
}
