//! The service that nginx asks by `auth_request`, as lean as one can be: one thread, one question
//! to Redis a request. It answers 200 with the user in two headers, or 401.
//!
//! Redis holds each token as a hash `t:<SHA-256 of the token, hex>` of `uid`, `name` and `exp`
//! (seconds since 1970).
//!
//! usage: authsvc LISTEN REDIS_URL

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, redis] = arguments.as_slice() else {
        eprintln!("usage: authsvc LISTEN REDIS_URL");
        std::process::exit(2);
    };
    let client = redis::Client::open(redis.as_str()).expect("REDIS_URL is redis://HOST:PORT/DB");
    let redis = client.get_multiplexed_async_connection().await.expect("Redis answers");
    let listener = TcpListener::bind(listen).await.expect("LISTEN is free");
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, redis.clone()));
        }
    }
}

async fn serve(stream: TcpStream, redis: MultiplexedConnection) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, redis.clone()));
    // A client that goes away is nobody's fault.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    redis: MultiplexedConnection,
) -> hyper::http::Result<Response<Empty<Bytes>>> {
    let response = match user_of(&request, redis).await {
        Some((id, name)) => {
            Response::builder().header("x-auth-user-id", id).header("x-auth-user", name)
        }
        None => Response::builder().status(401).header("www-authenticate", "Token"),
    };
    response.body(Empty::new())
}

/// The number and the name of the user whose token the request carries.
async fn user_of(
    request: &Request<Incoming>,
    mut redis: MultiplexedConnection,
) -> Option<(String, String)> {
    let token = request.headers().get(AUTHORIZATION)?.as_bytes().strip_prefix(b"Token ")?;
    let key = format!("t:{}", hex::encode(Sha256::digest(token)));
    let (id, name, end): (String, String, u64) =
        redis.hmget(key, &["uid", "name", "exp"]).await.ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    (now < end).then_some((id, name))
}
