//! What operators and their machines ask: is it alive, can it serve, what has it counted?

use crate::auth::Auth;
use crate::metrics::Metrics;
use async_trait::async_trait;
use http::{HeaderValue, Response, StatusCode, header};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use std::sync::Arc;

/// Answers `/healthz`, `/readyz` and `/metrics`.
pub(super) struct Ops {
    auth: Arc<Auth>,
    metrics: Arc<Metrics>,
}

impl Ops {
    pub(super) fn new(auth: Arc<Auth>, metrics: Arc<Metrics>) -> Self {
        Self { auth, metrics }
    }

    async fn answer(&self, path: &str) -> (StatusCode, String) {
        match path {
            "/healthz" => (StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => self.readiness().await,
            "/metrics" => match self.metrics.render() {
                Ok(text) => (StatusCode::OK, text),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            },
            _ => {
                let known = "here are /healthz, /readyz and /metrics\n";
                (StatusCode::NOT_FOUND, known.to_owned())
            }
        }
    }

    /// Nothing that passes unguarded waits for the store.
    async fn readiness(&self) -> (StatusCode, String) {
        const UNGUARDED: &str = "ready, but nothing is guarded: gate.mode is \"shadow\"";
        match (self.auth.is_ready().await, self.metrics.is_shadow()) {
            (Ok(()), false) => (StatusCode::OK, "ready\n".to_owned()),
            (Ok(()), true) => (StatusCode::OK, format!("{UNGUARDED}\n")),
            (Err(error), false) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
            (Err(error), true) => (StatusCode::OK, format!("{UNGUARDED}; {error}\n")),
        }
    }
}

#[async_trait]
impl ServeHttp for Ops {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let (status, text) = self.answer(session.req_header().uri.path()).await;
        let mut response = Response::new(Vec::new());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let text_type = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, text_type);
        headers.insert(header::CONTENT_LENGTH, text.len().into());
        *response.body_mut() = text.into_bytes();
        response
    }
}
