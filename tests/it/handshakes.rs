//! TLS as careless and hostile clients speak it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};

use crate::harness::PATIENCE;
use crate::harness::gateway::{ROUTES, route};
use crate::harness::http::{HOST, Head, Request};
use crate::harness::listener::Listener;
use crate::harness::upstream::Upstream;

#[test]
fn a_hello_in_many_records_is_read() {
    let (upstream, listener) = (Upstream::start(), Listener::tls());
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let mut terms = trusting(&listener);
    terms.max_fragment_size = Some(64);
    assert_eq!(status(&Request::get("/public"), &listener, terms), 200);
}

#[test]
fn a_hello_byte_by_byte_is_read() {
    let (upstream, listener) = (Upstream::start(), Listener::tls());
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let stream = ByteByByte(connect(listener.address));
    let connection = client(trusting(&listener));
    let mut stream = StreamOwned::new(connection, stream);
    stream.write_all(&Request::get("/public").bytes()).unwrap();
    assert_eq!(status_in(&mut stream), 200);
}

#[test]
fn a_handshake_that_comes_too_slowly_ends() {
    let (upstream, listener) = (Upstream::start(), Listener::tls());
    let impatient = "[server]\nhandshake_timeout = \"200ms\"\n";
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES + impatient));
    // The head of a record that is to be long, and then a byte now and then.
    let mut stream = connect(listener.address);
    stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc]).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
    let is_waiting = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    let begun = std::time::Instant::now();
    loop {
        match stream.read(&mut [0; 64]) {
            Err(error) if is_waiting(&error) => {}
            Ok(0) | Err(_) => return,
            // An alert may say why.
            Ok(_) => continue,
        }
        assert!(begun.elapsed() < PATIENCE, "it goes on");
        let _ = stream.write_all(&[0]);
    }
}

#[test]
fn a_client_that_says_nothing_ends() {
    let (upstream, listener) = (Upstream::start(), Listener::tls());
    let impatient = "[server]\nhandshake_timeout = \"200ms\"\n";
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES + impatient));
    let mut stream = connect(listener.address);
    // Its end, or a reset; were it kept, the read would time out.
    let read = stream.read(&mut [0; 64]);
    assert!(!read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock), "it goes on");
}

#[test]
fn a_client_that_names_no_host_is_served() {
    let (upstream, listener) = (Upstream::start(), Listener::tls());
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let mut terms = trusting(&listener);
    terms.enable_sni = false;
    assert_eq!(status(&Request::get("/public"), &listener, terms), 200);
}

#[test]
fn a_request_that_names_no_host_is_not_one_for_another_host() {
    let (upstream, listener) = (Upstream::start(), Listener::tls());
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let connection = client(trusting(&listener));
    let mut stream = StreamOwned::new(connection, connect(listener.address));
    stream.write_all(b"GET /public HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(status_in(&mut stream), 200);
}

#[test]
fn routes_judge_the_host_of_the_request_and_not_that_of_the_handshake() {
    let (upstream, listener) = (Upstream::start(), Listener::tls());
    let staff = route("/", "staff") + "host = \"staff.test\"\n";
    let _gateway = listener.gateway(&(upstream.settings() + &route("/", "public") + &staff));
    let request = |host| Request::get("/").with("Host", host);
    assert_eq!(status(&request(HOST), &listener, trusting(&listener)), 200);
    let fronted = status(&request("staff.test"), &listener, trusting(&listener));
    assert!([401, 421].contains(&fronted), "{fronted}");
    assert_eq!(upstream.take().len(), 1);
}

#[test]
fn what_is_no_tls_is_served_nothing() {
    let (upstream, listener) = (Upstream::start(), Listener::tls());
    let _gateway = listener.gateway(&(upstream.settings() + ROUTES));
    let mut stream = connect(listener.address);
    stream.write_all(&Request::get("/public").bytes()).unwrap();
    let mut answer = vec![];
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    assert!(upstream.take().is_empty());
}

/// Terms on which only the certificate of a listener is good, and only HTTP/1.1 is spoken.
fn trusting(listener: &Listener) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(PemObject::from_pem_file(listener.certificate()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn client(terms: ClientConfig) -> ClientConnection {
    ClientConnection::new(Arc::new(terms), ServerName::try_from(HOST).unwrap()).unwrap()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn status(request: &Request, listener: &Listener, terms: ClientConfig) -> u16 {
    let mut stream = StreamOwned::new(client(terms), connect(listener.address));
    stream.write_all(&request.bytes()).unwrap();
    status_in(&mut stream)
}

fn status_in(stream: &mut impl Read) -> u16 {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    Head::parse(&head).first_line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Writes each byte by itself.
struct ByteByByte(TcpStream);

impl Read for ByteByByte {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for ByteByByte {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(1)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
