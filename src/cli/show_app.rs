//! The small app of the demo: it shows what reaches it.

use super::{Failure, wait_for};
use crate::server::log::{self, LogFormat, LogSettings};
use crate::server::small;
use async_trait::async_trait;
use clap::Args;
use http::{HeaderValue, Response, header};
use pingora::apps::http_app::{HttpServer, ServeHttp};
use pingora::protocols::http::ServerSession;
use serde_json::{Map, Value, json};
use std::future::pending;
use std::net::{SocketAddr, TcpListener};

#[derive(Args)]
pub(super) struct Echo {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
}

impl Echo {
    pub(super) fn run(self) -> Result<(), Failure> {
        log::start_at_once(LogSettings { format: LogFormat::Text, level: tracing::Level::INFO });
        let listener = TcpListener::bind(self.listen);
        let listener = listener.map_err(Failure::system("cannot listen there"))?;
        wait_for(async {
            serve(listener).await;
            Ok(())
        })
    }
}

/// Serves the app at a listener.
pub(super) async fn serve(listener: TcpListener) {
    let served = small::serve(HttpServer::new_app(ShowApp), listener, pending());
    if let Err(error) = served.await {
        tracing::error!(%error, "the app does not serve");
    }
}

pub(super) struct ShowApp;

#[async_trait]
impl ServeHttp for ShowApp {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let request = session.req_header();
        let headers = request.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), Value::String(value))
        });
        let shown = json!({
            "method": request.method.as_str(),
            "path": request.uri.path(),
            "headers": headers.collect::<Map<_, _>>(),
        });
        let body = format!("{shown:#}\n").into_bytes();
        let mut response = Response::new(Vec::new());
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
        *response.body_mut() = body;
        response
    }
}
