//! What the fuzz targets see of this part; it is in their builds alone.

use super::Problem;
use super::form::{self, Rules};
use bytes::Bytes;

/// What became of a body.
#[derive(Default)]
pub struct Read {
    /// How it was refused, if it was.
    pub refusal: Option<Refusal>,
    /// The text of its field `a`.
    pub text: Option<String>,
}

/// An answer to a body that is not taken.
pub struct Refusal {
    /// What it says.
    pub body: Vec<u8>,
    /// Its status.
    pub status: u16,
}

/// Reads a body by its media type, and its field `a`.
pub async fn read_form(content_type: &str, body: &[u8]) -> Read {
    let mut form = match form::read(content_type, Ok(Bytes::copy_from_slice(body))).await {
        Ok(form) => form,
        Err(problem) => return Read { refusal: Some(refusal(&problem)), text: None },
    };
    let text = form.required("a", Rules { allow_blank: true, trim: false, ..Rules::TEXT });
    let refusal = text.is_none().then(|| refusal(&form.into_problem()));
    Read { refusal, text }
}

fn refusal(problem: &Problem) -> Refusal {
    let response = problem.response("Token");
    Refusal { status: response.status().as_u16(), body: response.into_body() }
}
