//! A file of recorded cases, as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::captures::Captures;
use crate::harness::http::Request;

/// A file: under which settings, and the cases.
pub(super) struct File {
    pub(super) header: Header,
    pub(super) cases: Vec<Case>,
}

impl File {
    /// Reads the lines of a file: the header first, then a case each.
    pub(super) fn parse(text: &str) -> Self {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let first: FirstLine = serde_json::from_str(lines.next().unwrap()).unwrap();
        let cases = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { header: first.header, cases }
    }
}

#[derive(Deserialize)]
struct FirstLine {
    header: Header,
}

#[derive(Deserialize)]
pub(super) struct Header {
    /// The settings, in TOML.
    pub(super) settings: String,
    /// What was taken over from a Django first: files beside this one.
    #[serde(default)]
    pub(super) import: Vec<String>,
}

/// A request and what must be answered.
#[derive(Deserialize)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) group: String,
    pub(super) why: String,
    pub(super) request: RecordedRequest,
    pub(super) response: RecordedResponse,
    /// What is not compared: `status`, `json`, `raw`, `header` or `header:Name`.
    #[serde(default)]
    pub(super) ignore: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct RecordedRequest {
    pub(super) method: String,
    #[serde(default)]
    pub(super) delay_before_s: u64,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<RecordedBody>,
}

impl RecordedRequest {
    /// The request with what was captured before; fails where nothing was.
    pub(super) fn fill(&self, captures: &Captures) -> Result<Request, String> {
        let mut request = Request::new(&self.method, &captures.fill(&self.path)?);
        for (name, value) in &self.headers {
            request = request.with(name, &captures.fill(value)?);
        }
        let body = self.body.as_ref().map_or(Ok(vec![]), |body| body.fill(captures))?;
        Ok(request.with("Connection", "close").body(body))
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RecordedBody {
    Text(String),
    Base64 {
        base64: String,
    },
    /// Texts, each repeated so many times.
    Generated {
        #[serde(rename = "gen")]
        parts: Vec<(String, usize)>,
    },
}

impl RecordedBody {
    fn fill(&self, captures: &Captures) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => captures.fill(text).map(String::into_bytes),
            Self::Base64 { base64 } => Ok(decode_base64(base64)),
            Self::Generated { parts } => {
                let repeat = |(text, times): &(String, usize)| text.repeat(*times);
                Ok(parts.iter().map(repeat).collect::<String>().into_bytes())
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RecordedResponse {
    pub(super) status: u16,
    /// Every significant header that is sent.
    pub(super) headers: BTreeMap<String, String>,
    /// `None`: the body is not part of the contract, but for `body_contains`.
    pub(super) body: Option<String>,
    #[serde(default)]
    pub(super) body_contains: Vec<String>,
}

fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut width, mut bytes) = (0_u32, 0, vec![]);
    for digit in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|&letter| letter == digit).expect("Base64");
        bits = bits << 6 | u32::try_from(value).unwrap();
        width += 6;
        if width >= 8 {
            width -= 8;
            bytes.push(u8::try_from(bits >> width & 0xff).unwrap());
        }
    }
    bytes
}
