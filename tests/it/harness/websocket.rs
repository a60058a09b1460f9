//! A client's end of a WebSocket through the gateway.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocket;
use tokio_tungstenite::tungstenite::{Error, HandshakeError, Message, client};

use super::PATIENCE;
use super::gateway::Gateway;

/// Opens a WebSocket, with a token or without.
pub(crate) fn open_websocket(
    gateway: &Gateway,
    path: &str,
    token: Option<&str>,
) -> Result<WebSocket<TcpStream>, Error> {
    let mut request = format!("ws://{}{path}", gateway.address).into_client_request().unwrap();
    if let Some(token) = token {
        let credentials = format!("Token {token}").parse().unwrap();
        request.headers_mut().insert("Authorization", credentials);
    }
    let stream = TcpStream::connect(gateway.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(error)) => Err(error),
        Err(HandshakeError::Interrupted(_)) => panic!("the socket blocks"),
    }
}

/// Whether the app still hears what is said, and answers.
pub(crate) fn is_open(socket: &mut WebSocket<TcpStream>) -> bool {
    let message = Message::text("hello");
    socket.send(message.clone()).is_ok() && socket.read().is_ok_and(|answer| answer == message)
}

/// Waits until a silent WebSocket ends, and says how long that took.
pub(crate) fn until_cut(socket: &mut WebSocket<TcpStream>) -> Duration {
    let start = Instant::now();
    match socket.read() {
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => panic!("it is not cut"),
        Err(_) => start.elapsed(),
        Ok(message) => panic!("the app said {message:?}"),
    }
}
