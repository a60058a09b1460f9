//! What the fuzz targets see of this part; it is in their builds alone.

use super::head::Head;
use pingora::protocols::http::ServerSession;
use std::io::Cursor;

/// A head that passed, as it would go to the app.
pub struct Passed {
    /// The headers, by name and value, in the order of their names.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The host that routes judge.
    pub host: String,
    /// The method.
    pub method: String,
    /// The path that routes judge.
    pub path: String,
    /// The request target.
    pub target: Vec<u8>,
    /// The version, as in a request line.
    pub version: String,
}

impl Passed {
    /// The head on the wire.
    pub fn written(&self) -> Vec<u8> {
        let mut wire = [self.method.as_bytes(), b" ", &self.target, b" "].concat();
        wire.extend([self.version.as_bytes(), b"\r\n"].concat());
        for (name, value) in &self.headers {
            wire.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        wire.extend(b"\r\n");
        wire
    }
}

/// Reads bytes as a head, as Pingora does and then the gateway; `None` if either refuses.
pub async fn read_head(bytes: &[u8]) -> Option<Passed> {
    let mut session = ServerSession::new_http1(Box::new(Cursor::new(bytes.to_vec())));
    if !session.read_request().await.ok()? {
        return None;
    }
    let head = Head::read(session.req_header(), &session.to_h1_raw()).ok()?;
    let request = session.req_header_mut();
    head.make_canonical(request).ok()?;
    let headers = request.headers.iter();
    Some(Passed {
        headers: headers.map(|(name, value)| (name.to_string(), value.as_bytes().into())).collect(),
        host: head.host,
        method: request.method.to_string(),
        path: head.path.as_str().to_owned(),
        target: request.raw_path().to_vec(),
        version: format!("{:?}", request.version),
    })
}
