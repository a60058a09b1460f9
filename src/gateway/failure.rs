//! Why a request was not forwarded, and what its client is told.

use crate::api::Problem;
use crate::metrics::UpstreamFault;
use pingora::{Error, ErrorSource, ErrorType};

/// All servers have as many requests as they may have.
pub(super) const FULL: ErrorType = ErrorType::Custom("Full");

/// Whether a server could not be connected to.
pub(super) fn is_of_connecting(error: &Error) -> bool {
    use ErrorType::{
        ConnectError, ConnectNoRoute, ConnectRefused, ConnectTimedout, HandshakeError, InvalidCert,
        SocketError, TLSHandshakeFailure, TLSHandshakeTimedout,
    };
    matches!(
        error.etype(),
        ConnectError
            | ConnectNoRoute
            | ConnectRefused
            | ConnectTimedout
            | HandshakeError
            | InvalidCert
            | SocketError
            | TLSHandshakeFailure
            | TLSHandshakeTimedout
    )
}

/// Whether a server has ended its connection.
pub(super) fn is_of_breaking_off(error: &Error) -> bool {
    *error.esource() == ErrorSource::Upstream
        && matches!(error.etype(), ErrorType::ConnectionClosed | ErrorType::ReadError)
}

/// What was wrong with a server, in a few words for operators.
pub(super) fn words_of(error: &Error) -> String {
    match error.etype() {
        ErrorType::ConnectNoRoute => "there is no way to it",
        ErrorType::ConnectRefused => "it refuses connections",
        ErrorType::ConnectTimedout => "connecting takes too long",
        ErrorType::ConnectionClosed => "it closes the connection before it answers",
        ErrorType::HTTPStatus(status) => return format!("it answers {status}"),
        ErrorType::InvalidCert => "its certificate is not trusted",
        ErrorType::HandshakeError | ErrorType::TLSHandshakeFailure => {
            "there is no agreement on TLS"
        }
        ErrorType::ReadError => "it breaks off before it answers",
        ErrorType::ReadTimedout => "its answer takes too long",
        ErrorType::TLSHandshakeTimedout => "its TLS handshake takes too long",
        ErrorType::WriteTimedout => "it takes too long to accept a request",
        other => return format!("it fails: {}", other.as_str()),
    }
    .to_owned()
}

/// What a failure of an upstream is counted as.
pub(super) fn fault_of(error: &Error) -> UpstreamFault {
    use ErrorType::{ConnectTimedout, ReadTimedout, TLSHandshakeTimedout, WriteTimedout};
    match error.etype() {
        &FULL => UpstreamFault::Full,
        ConnectTimedout | ReadTimedout | TLSHandshakeTimedout | WriteTimedout => {
            UpstreamFault::Timeout
        }
        _ if is_of_connecting(error) => UpstreamFault::Refused,
        _ => UpstreamFault::Broken,
    }
}

/// What a client is told of a failure to forward; `None` if it has gone.
pub(super) fn problem_of(error: &Error) -> Option<Problem> {
    use ErrorType::{
        ConnectTimedout, ConnectionClosed, ReadError, ReadTimedout, TLSHandshakeTimedout,
        WriteError, WriteTimedout,
    };
    match (error.esource(), error.etype()) {
        (
            ErrorSource::Upstream,
            ConnectTimedout | ReadTimedout | TLSHandshakeTimedout | WriteTimedout,
        ) => Some(Problem::GatewayTimeout),
        // Where it is the system that gives us no socket, no server has failed.
        (ErrorSource::Upstream, &FULL | ErrorType::InternalError) => Some(Problem::Unavailable),
        (ErrorSource::Upstream, _) => Some(Problem::BadGateway),
        (ErrorSource::Downstream, ConnectionClosed | ReadError | WriteError | WriteTimedout) => {
            None
        }
        (ErrorSource::Downstream, ReadTimedout) => Some(Problem::BodyTooSlow),
        (ErrorSource::Downstream, _) | (_, ErrorType::InvalidHTTPHeader) => {
            Some(Problem::BadRequest("The request is malformed."))
        }
        (ErrorSource::Internal | ErrorSource::Unset, _) => Some(Problem::Internal),
    }
}
