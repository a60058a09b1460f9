//! The style sheet, the script and the icon. They are in the binary, and nothing comes from elsewhere.

use super::asked::Asked;
use super::refusal::{Refusal, nothing};
use crate::gateway::ConsoleAnswer;
use http::{HeaderValue, Response, header};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const ASSETS: [(&str, &str, &str); 3] = [
    ("console.css", "text/css; charset=utf-8", include_str!("assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("assets/console.js")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

/// `/assets/NAME`
pub(super) fn answer(asked: &Asked, name: &str) -> Result<ConsoleAnswer, Refusal> {
    if !asked.is_read() {
        return Err(Refusal::MethodNotAllowed);
    }
    let Some((_, kind, text)) = ASSETS.into_iter().find(|(known, ..)| *known == name) else {
        return Ok(nothing());
    };
    let mut response = Response::new(text.as_bytes().to_vec());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // Pages name the version, so what is kept is never an old one.
    let keep =
        if asked.raw_query == version() { "max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    Ok(ConsoleAnswer::Whole(response))
}

/// What changes when an asset does.
pub(super) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let all = ASSETS.iter().fold(Sha256::new(), |all, (.., text)| all.chain_update(text));
        let mut version = hex::encode(all.finalize());
        version.truncate(12);
        version
    });
    &VERSION
}
