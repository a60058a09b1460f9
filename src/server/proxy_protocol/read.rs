//! Takes a header off a connection, and not a byte more.

use super::{LONGEST, Malformed, Parsed, Source, parse};
use std::io;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Why there was no header.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The connection ended within it.
    #[error("closed before its PROXY protocol header was whole")]
    Closed,
    /// The connection broke.
    #[error("no PROXY protocol header")]
    Io(#[from] io::Error),
    /// Something else was sent.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Reads the header that a connection begins with. What follows it stays to be read. Has no
/// deadline of its own.
pub async fn read(stream: &mut TcpStream) -> Result<Source, ReadError> {
    let mut header = vec![0; LONGEST];
    let mut taken = 0;
    loop {
        // A whole header is shorter, so that there is room left.
        let room = header.get_mut(taken..).unwrap_or_default();
        let seen = taken + stream.peek(room).await?;
        if seen == taken {
            return Err(ReadError::Closed);
        }
        let parsed = parse(header.get(..seen).unwrap_or_default())?;
        let end = match parsed {
            // All that was seen belongs to the header: what is taken need not be looked at again.
            Parsed::Partial => seen,
            Parsed::Whole { length, .. } => length,
        };
        stream.read_exact(header.get_mut(taken..end).unwrap_or_default()).await?;
        taken = end;
        if let Parsed::Whole { source, .. } = parsed {
            return Ok(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    const V1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
    const V2: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xc0\0\x02\x07\xc6\x33\x64\x01\x12\x67\x01\xbb\x04\0\0";

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.set_nodelay(true).unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    async fn rest(mut client: TcpStream, mut server: TcpStream) -> Vec<u8> {
        client.shutdown().await.unwrap();
        let mut rest = Vec::new();
        server.read_to_end(&mut rest).await.unwrap();
        rest
    }

    fn the_client() -> Source {
        Source::Client {
            client: "192.0.2.7:4711".parse().unwrap(),
            destination: "198.51.100.1:443".parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn what_follows_a_header_is_left() {
        for header in [V1, V2] {
            let (mut client, mut server) = pair().await;
            client.write_all(&[header, b"GET / HTTP/1.1\r\n\r\n"].concat()).await.unwrap();
            assert_eq!(read(&mut server).await.unwrap(), the_client());
            assert_eq!(rest(client, server).await, b"GET / HTTP/1.1\r\n\r\n");
        }
    }

    #[tokio::test]
    async fn a_header_may_come_byte_by_byte() {
        for header in [V1, V2] {
            let (mut client, mut server) = pair().await;
            let send = async {
                for byte in [header, b"x"].concat() {
                    client.write_all(&[byte]).await.unwrap();
                    tokio::task::yield_now().await;
                }
            };
            let (source, ()) = tokio::join!(read(&mut server), send);
            assert_eq!(source.unwrap(), the_client());
            assert_eq!(rest(client, server).await, b"x");
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_within_its_header_has_none() {
        for header in [V1, V2] {
            for length in [0, 1, header.len() - 1] {
                let (mut client, mut server) = pair().await;
                client.write_all(&header[..length]).await.unwrap();
                client.shutdown().await.unwrap();
                let outcome = read(&mut server).await;
                assert!(matches!(outcome, Err(ReadError::Closed)), "{length}: {outcome:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_request_is_no_header_and_stays_unread() {
        let (mut client, mut server) = pair().await;
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(matches!(read(&mut server).await, Err(ReadError::Malformed(_))));
        assert_eq!(rest(client, server).await, b"GET / HTTP/1.1\r\n\r\n");
    }
}
