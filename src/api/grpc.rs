//! The same refusals in gRPC's terms: a client of gRPC does not look at the status of HTTP.

use super::Problem;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Whether a request is one of gRPC, by its headers.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    const NAME: &[u8] = b"application/grpc";
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let Some((name, rest)) = kind.split_at_checked(NAME.len()) else { return false };
    name.eq_ignore_ascii_case(NAME) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

/// The codes of gRPC that a gate has use for.
#[derive(Clone, Copy)]
enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

impl Problem {
    /// The response that says so to a client of gRPC: headers alone, which are its trailers too.
    pub fn grpc_response(&self) -> Response<Vec<u8>> {
        const STATUS: HeaderName = HeaderName::from_static("grpc-status");
        const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
        const NOT_PLAIN: &AsciiSet = &CONTROLS.add(b'%');
        let mut response = Response::new(Vec::new());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(STATUS, (self.grpc_code() as u16).into());
        let words = utf8_percent_encode(&self.words(), NOT_PLAIN).to_string();
        headers.extend(HeaderValue::try_from(words).ok().map(|words| (MESSAGE, words)));
        self.tell_when(headers);
        response
    }

    fn grpc_code(&self) -> Code {
        match self {
            Self::AmbiguousPath
            | Self::BadRequest(_)
            | Self::BodyIncomplete
            | Self::Conflict(_)
            | Self::ExpectationFailed
            | Self::Fields(_)
            | Self::Malformed(_)
            | Self::Misdirected
            | Self::NameTaken
            | Self::NestedTooDeeply
            | Self::UnsupportedMediaType(_) => Code::InvalidArgument,
            Self::BodyTooSlow | Self::GatewayTimeout => Code::DeadlineExceeded,
            Self::Denied(_)
            | Self::Forbidden
            | Self::MustChangePassword
            | Self::RegistrationClosed => Code::PermissionDenied,
            Self::HeadTooLarge(_) | Self::Throttled(_) | Self::TokenLimit | Self::TooLarge(_) => {
                Code::ResourceExhausted
            }
            Self::MethodNotAllowed(_) | Self::NotFound | Self::UnknownTransferCoding => {
                Code::Unimplemented
            }
            Self::Internal => Code::Internal,
            Self::BadGateway | Self::Busy | Self::Unavailable => Code::Unavailable,
            Self::InvalidToken(_) | Self::NotAuthenticated => Code::Unauthenticated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(problem: &Problem) -> (u16, String, String) {
        let response = problem.grpc_response();
        assert!(response.body().is_empty());
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/grpc");
        (response.status().as_u16(), header("grpc-status"), header("grpc-message"))
    }

    #[test]
    fn refusals_have_the_codes_that_clients_of_grpc_act_on() {
        for (problem, code, words) in [
            (Problem::NotAuthenticated, "16", "Authentication credentials were not provided."),
            (Problem::InvalidToken("Invalid token."), "16", "Invalid token."),
            (Problem::Forbidden, "7", "You do not have permission to perform this action."),
            (Problem::NotFound, "12", "Not found."),
            (Problem::BadGateway, "14", "Bad gateway."),
            (Problem::Busy, "14", "Service temporarily unavailable."),
            (Problem::Unavailable, "14", "Service temporarily unavailable."),
            (Problem::GatewayTimeout, "4", "Gateway timeout."),
            (Problem::Internal, "13", "Internal error."),
            (Problem::Malformed("50% é".to_owned()), "3", "50%25 %C3%A9"),
        ] {
            assert_eq!(said(&problem), (200, code.to_owned(), words.to_owned()));
        }
    }

    #[test]
    fn a_request_of_grpc_is_known_by_its_content_type() {
        for (kind, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/GRPC; x=y", true),
            ("application/grpc-web", false),
            ("application/json", false),
            ("application/gr", false),
        ] {
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static(kind));
            assert_eq!(is_grpc(&HeaderMap::from_iter([kind])), expected);
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }
}
