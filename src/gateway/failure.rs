//! Why a request was not forwarded, and what its client is told.

use crate::api::Problem;
use pingora::{Error, ErrorSource, ErrorType};

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
