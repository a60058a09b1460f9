//! The small app of the demo: it shows what reaches it.

use super::Failure;
use crate::server;
use crate::server::log::{self, LogFormat, LogSettings};
use async_trait::async_trait;
use clap::Args;
use http::{HeaderValue, Response, header};
use pingora::apps::http_app::{HttpServer, ServeHttp};
use pingora::protocols::http::ServerSession;
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::services::listening::Service;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

#[derive(Args)]
pub(super) struct Echo {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
}

impl Echo {
    pub(super) fn run(self) -> Result<(), Failure> {
        log::start_at_once(LogSettings { format: LogFormat::Text, level: tracing::Level::INFO });
        server::check_free(self.listen)?;
        let mut server = Server::new_with_opt_and_conf(None, ServerConf::default());
        server.bootstrap();
        server.add_service(at(self.listen));
        server.run_forever()
    }
}

/// The app, as a service that listens at an address.
pub(super) fn at(address: SocketAddr) -> Service<HttpServer<ShowApp>> {
    let mut service = Service::new("app".to_owned(), HttpServer::new_app(ShowApp));
    service.add_tcp(&address.to_string());
    service
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
