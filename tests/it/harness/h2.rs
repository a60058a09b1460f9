//! HTTP/2 as the tests speak it, at both ends.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream, client, server};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::PATIENCE;
use super::http::HOST;
use super::scripted::upstream;

/// A request as an app got it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) head: Arc<Parts>,
    pub(crate) body: Vec<u8>,
    /// Whether the head said that no body follows.
    pub(crate) ended_at_once: bool,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// An answer as a client got it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) ended_at_once: bool,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// An app of HTTP/2. What it does is the last part of the path: see [`serve`].
pub(crate) struct H2App {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicUsize,
    got: Mutex<Vec<Got>>,
}

impl H2App {
    /// One that begins with HTTP/2.
    pub(crate) fn start() -> Self {
        Self::listen(None)
    }

    /// One that speaks it over TLS, if its settings say so to its clients.
    pub(crate) fn with_tls(settings: Arc<ServerConfig>) -> Self {
        Self::listen(Some(settings.into()))
    }

    fn listen(acceptor: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let server = Arc::clone(&shared);
        let serve = move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(accept(listener, acceptor, server));
        };
        thread::Builder::new().name("h2 app".into()).spawn(serve).unwrap();
        Self { address, shared }
    }

    /// The settings that make it the upstream `app`, spoken to in h2c; keys of that table may follow.
    pub(crate) fn settings(&self) -> String {
        upstream(&[&self.address.to_string()]) + "protocol = \"h2c\"\n"
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The requests so far, taken away.
    pub(crate) fn take(&self) -> Vec<Got> {
        std::mem::take(&mut self.shared.got.lock().unwrap())
    }

    /// The one request so far, taken away.
    pub(crate) fn only_request(&self) -> Got {
        let mut all = self.take();
        assert_eq!(all.len(), 1, "the app's requests: {all:?}");
        all.remove(0)
    }
}

async fn accept(
    listener: std::net::TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        match acceptor.clone() {
            None => in_background(connection(stream, shared)),
            Some(acceptor) => in_background(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    connection(stream, shared).await;
                }
            }),
        }
    }
}

async fn connection<S>(stream: S, shared: Arc<Shared>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    shared.connections.fetch_add(1, Ordering::SeqCst);
    let Ok(mut connection) = server::handshake(stream).await else { return };
    while let Some(Ok((request, answer))) = connection.accept().await {
        let shared = Arc::clone(&shared);
        in_background(async move { drop(serve(request, answer, &shared).await) });
    }
}

/// Does what the path says.
async fn serve(
    request: Request<RecvStream>,
    mut answer: SendResponse<Bytes>,
    shared: &Shared,
) -> Result<(), h2::Error> {
    let (head, mut body) = request.into_parts();
    let head = Arc::new(head);
    let got = |bytes: &[u8], ended_at_once, trailers| {
        let got = Got { head: Arc::clone(&head), body: bytes.to_vec(), ended_at_once, trailers };
        shared.got.lock().unwrap().push(got);
    };
    match head.uri.path().rsplit('/').next().unwrap() {
        "early" => {
            got(b"", false, None);
            let mut stream = answer.send_response(response(&head, 413), false)?;
            stream.send_data("large".into(), true)?;
        }
        "empty" => {
            got(b"", body.is_end_stream(), None);
            answer.send_response(response(&head, 204), true)?;
        }
        "reset" => {
            got(b"", false, None);
            answer.send_reset(Reason::INTERNAL_ERROR);
        }
        "silence" => {
            got(b"", false, None);
            std::future::pending::<()>().await;
        }
        _ => {
            let ended_at_once = body.is_end_stream();
            let mut stream = answer.send_response(response(&head, 200), false)?;
            let mut bytes = vec![];
            // Each piece goes back as it comes.
            while let Some(piece) = body.data().await {
                let piece = piece?;
                let _ = body.flow_control().release_capacity(piece.len());
                bytes.extend_from_slice(&piece);
                stream.send_data(piece, false)?;
            }
            got(&bytes, ended_at_once, body.trailers().await?);
            stream.send_trailers(trailers())?;
        }
    }
    Ok(())
}

/// The head of an answer of the kind that was sent.
fn response(request: &Parts, status: u16) -> Response<()> {
    let mut response = Response::builder().status(status);
    if let Some(kind) = request.headers.get("content-type") {
        response = response.header("content-type", kind);
    }
    response.body(()).unwrap()
}

fn trailers() -> HeaderMap {
    let pairs = [("grpc-status", "0"), ("x-sum", "1"), ("x-auth-user-id", "7")];
    let pairs = pairs.map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
    HeaderMap::from_iter(pairs)
}

/// Runs a client to its end.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE, work).await.expect("an end in time") })
}

/// A connection that begins with HTTP/2.
pub(crate) async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = client::handshake(stream).await.unwrap();
    in_background(async move { drop(connection.await) });
    client.ready().await.unwrap()
}

/// A request to the gateway with these headers.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(format!("http://{HOST}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// Sends a request, with a body or without, and hears the whole answer.
pub(crate) async fn ask(
    client: &SendRequest<Bytes>,
    request: Request<()>,
    body: Option<&'static str>,
) -> Result<Heard, h2::Error> {
    let mut client = client.clone().ready().await?;
    let (answer, mut stream) = client.send_request(request, body.is_none())?;
    if let Some(body) = body {
        stream.send_data(body.into(), true)?;
    }
    hear(answer.await?).await
}

/// Begins a request whose body is sent piece by piece.
pub(crate) async fn begin(
    client: &SendRequest<Bytes>,
    request: Request<()>,
) -> (client::ResponseFuture, SendStream<Bytes>) {
    client.clone().ready().await.unwrap().send_request(request, false).unwrap()
}

/// Hears the rest of an answer.
pub(crate) async fn hear(answer: Response<RecvStream>) -> Result<Heard, h2::Error> {
    let (head, mut body) = answer.into_parts();
    let ended_at_once = body.is_end_stream();
    let mut bytes = vec![];
    while let Some(piece) = body.data().await {
        let piece = piece?;
        let _ = body.flow_control().release_capacity(piece.len());
        bytes.extend_from_slice(&piece);
    }
    Ok(Heard {
        status: head.status.as_u16(),
        headers: head.headers,
        body: bytes,
        ended_at_once,
        trailers: body.trailers().await?,
    })
}

#[expect(clippy::disallowed_methods, reason = "it ends with the runtime of its test")]
pub(super) fn in_background(work: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(work));
}
