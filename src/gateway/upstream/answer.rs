//! Which answers of an app can be believed: those that end in one place only.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use pingora::http::ResponseHeader;
use pingora::{Error, ErrorType, Result};

/// What was heard of an app's answer so far.
#[derive(Default)]
pub(super) struct Heard {
    interim: u32,
}

impl Heard {
    /// The most interim answers that are passed on.
    const MOST_INTERIM: u32 = 100;

    /// Fails if the head of an answer cannot be believed.
    pub(super) fn hear(&mut self, response: &ResponseHeader, is_upgrade: bool) -> Result<()> {
        if response.status == StatusCode::SWITCHING_PROTOCOLS {
            return if is_upgrade {
                Ok(())
            } else {
                not_believed("nobody asked for another protocol")
            };
        }
        if response.status.is_informational() {
            self.interim += 1;
            if self.interim > Self::MOST_INTERIM {
                return not_believed("too many interim answers");
            }
        }
        ends_in_one_place(&response.headers)
    }
}

fn ends_in_one_place(headers: &HeaderMap) -> Result<()> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (lengths.next(), lengths.next(), codings.next(), codings.next()) {
        (None, _, None, _) => Ok(()),
        (Some(length), None, None, _) if is_number(length) => Ok(()),
        (None, _, Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Ok(())
        }
        _ => not_believed("where it ends is not clear"),
    }
}

fn is_number(length: &HeaderValue) -> bool {
    let length = length.as_bytes();
    // More digits overflow somewhere.
    (1..=18).contains(&length.len()) && length.iter().all(u8::is_ascii_digit)
}

fn not_believed(why: &'static str) -> Result<()> {
    Err(Error::explain(ErrorType::InvalidHTTPHeader, why).into_up())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_believed(headers: &[(&'static str, &str)]) -> bool {
        let mut response = ResponseHeader::build(200, None).unwrap();
        for (name, value) in headers {
            response.append_header(*name, *value).unwrap();
        }
        Heard::default().hear(&response, false).is_ok()
    }

    #[test]
    fn an_answer_ends_where_all_agree() {
        const LENGTH: &str = "content-length";
        const CODING: &str = "transfer-encoding";
        assert!(is_believed(&[]));
        assert!(is_believed(&[(LENGTH, "0")]));
        assert!(is_believed(&[(CODING, "Chunked")]));
        assert!(!is_believed(&[(LENGTH, "5"), (CODING, "chunked")]));
        assert!(!is_believed(&[(LENGTH, "5"), (LENGTH, "5")]));
        assert!(!is_believed(&[(CODING, "chunked"), (CODING, "chunked")]));
        for length in ["", "5, 5", "+5", "-5", "0x5", "5 ", "9999999999999999999"] {
            assert!(!is_believed(&[(LENGTH, length)]), "{length:?}");
        }
        for coding in ["", "gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked"] {
            assert!(!is_believed(&[(CODING, coding)]), "{coding:?}");
        }
    }

    #[test]
    fn another_protocol_must_be_asked_for() {
        let switch = ResponseHeader::build(101, None).unwrap();
        assert!(Heard::default().hear(&switch, true).is_ok());
        assert!(Heard::default().hear(&switch, false).is_err());
    }

    #[test]
    fn interim_answers_come_to_an_end() {
        let (mut heard, hint) = (Heard::default(), ResponseHeader::build(103, None).unwrap());
        let believed = (0..).take_while(|_| heard.hear(&hint, false).is_ok());
        assert_eq!(believed.count(), 100);
    }
}
