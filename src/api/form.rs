//! JSON, urlencoded and multipart bodies → fields, gathering what is wrong with them.

use super::{BodyError, Problem};
use bytes::Bytes;
use mime::Mime;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::convert::Infallible;

/// The fields of a body, and what is wrong with them so far.
#[derive(Default)]
pub(super) struct Form {
    errors: Map<String, Value>,
    fields: HashMap<String, Field>,
}

/// What a client sent as a field.
enum Field {
    /// Nothing that could be text.
    NotText,
    /// JSON's null.
    Null,
    /// Text that no string can hold.
    Surrogates,
    /// Text, or a number's text.
    Text(String),
}

/// Reads a body by its media type. An empty body has no fields, whatever it calls itself.
pub(super) async fn read(
    content_type: &str,
    body: Result<Bytes, BodyError>,
) -> Result<Form, Problem> {
    if body.as_ref().is_ok_and(Bytes::is_empty) {
        return Ok(Form::default());
    }
    let unsupported = || Problem::UnsupportedMediaType(content_type.to_owned());
    let media: Mime = content_type.parse().map_err(|_| unsupported())?;
    match media.essence_str() {
        "application/json" => json(&body?),
        "application/x-www-form-urlencoded" => Ok(urlencoded(&body?)),
        "multipart/form-data" => multipart(content_type, body?).await,
        _ => Err(unsupported()),
    }
}

fn urlencoded(body: &[u8]) -> Form {
    let pairs = form_urlencoded::parse(body).into_owned();
    Form {
        fields: pairs.map(|(name, text)| (name, Field::Text(text))).collect(),
        ..Form::default()
    }
}

async fn multipart(content_type: &str, body: Bytes) -> Result<Form, Problem> {
    let malformed = |problem: multer::Error| {
        Problem::Malformed(format!("Multipart form parse error - {problem}"))
    };
    let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
    let body = futures_util::stream::iter([Ok::<_, Infallible>(body)]);
    let mut parts = multer::Multipart::new(body, boundary);
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let Some(name) = part.name().map(str::to_owned) else { continue };
        let is_file = match part.file_name() {
            // A browser's way to say that no file was chosen.
            Some("") => continue,
            file => file.is_some(),
        };
        let text = part.text().await.map_err(malformed)?;
        form.fields.insert(name, if is_file { Field::NotText } else { Field::Text(text) });
    }
    Ok(form)
}

/// How deeply a JSON body may be nested.
const DEEPEST: usize = 128;

fn json(body: &[u8]) -> Result<Form, Problem> {
    if depth(body) > DEEPEST {
        return Err(Problem::NestedTooDeeply);
    }
    let malformed =
        |error: serde_json::Error| Problem::Malformed(format!("JSON parse error - {error}"));
    let document: &RawValue = serde_json::from_slice(body).map_err(malformed)?;
    let text = document.get();
    let kind = match text.bytes().next() {
        Some(b'{') => {
            let fields: HashMap<String, &RawValue> =
                serde_json::from_str(text).map_err(malformed)?;
            let fields = fields.into_iter().map(|(name, value)| (name, field(value)));
            return Ok(Form { fields: fields.collect(), ..Form::default() });
        }
        Some(b'n') => return Err(non_field("No data provided")),
        Some(b'[') => "list",
        Some(b'"') => "str",
        Some(b't' | b'f') => "bool",
        _ if text.contains(['.', 'e', 'E']) => "float",
        _ => "int",
    };
    Err(non_field(&format!("Invalid data. Expected a dictionary, but got {kind}.")))
}

fn field(value: &RawValue) -> Field {
    let text = value.get();
    match text.bytes().next() {
        Some(b'n') => Field::Null,
        Some(b'"') => serde_json::from_str(text).map_or(Field::Surrogates, Field::Text),
        Some(b'-' | b'0'..=b'9') => Field::Text(number(text)),
        _ => Field::NotText,
    }
}

/// A number's text, as Python writes it. Integers have no bounds there.
fn number(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(float) if text.contains(['.', 'e', 'E']) => format!("{float:?}"),
        _ if text == "-0" => "0".to_owned(),
        _ => text.to_owned(),
    }
}

fn non_field(message: &str) -> Problem {
    Problem::Fields(Map::from_iter([("non_field_errors".to_owned(), json!([message]))]))
}

/// How deeply brackets are nested, counted without recursion.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut in_string = false;
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// How a text field is read.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// Whether it may be blank.
    pub allow_blank: bool,
    /// What is said of a value that is not text.
    pub not_text: &'static str,
    /// Whether blanks round it are cut off.
    pub trim: bool,
}

impl Rules {
    /// A field of text that must not be blank.
    pub(super) const TEXT: Self =
        Self { allow_blank: false, not_text: "Not a valid string.", trim: true };
}

impl Form {
    /// Whether a field was sent.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Takes a field that must be there. What is wrong with it comes out of
    /// [`Form::into_problem`].
    pub(super) fn required(&mut self, name: &str, rules: Rules) -> Option<String> {
        match self.fields.remove(name) {
            None => self.refuse(name, ["This field is required."]),
            Some(Field::NotText) => self.refuse(name, [rules.not_text]),
            Some(Field::Null) => self.refuse(name, ["This field may not be null."]),
            Some(Field::Surrogates) => {
                self.refuse(name, ["Surrogate characters are not allowed."]);
            }
            Some(Field::Text(text)) => {
                let text = if rules.trim { trim(&text).to_owned() } else { text };
                if !text.is_empty() || rules.allow_blank {
                    return Some(text);
                }
                self.refuse(name, ["This field may not be blank."]);
            }
        }
        None
    }

    /// Notes what is wrong with a field.
    pub(super) fn refuse<M: ToString>(
        &mut self,
        name: &str,
        messages: impl IntoIterator<Item = M>,
    ) {
        let messages = messages.into_iter().map(|message| Value::String(message.to_string()));
        self.errors.insert(name.to_owned(), Value::Array(messages.collect()));
    }

    /// All that was wrong.
    pub(super) fn into_problem(self) -> Problem {
        Problem::Fields(self.errors)
    }
}

/// Cuts off what Python's `str.strip` does.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|char: char| char.is_whitespace() || ('\x1c'..='\x1f').contains(&char))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(problem: &Problem) -> String {
        String::from_utf8(problem.response("Token").into_body()).unwrap()
    }

    fn text_of(body: &str) -> Option<String> {
        json(body.as_bytes()).ok().unwrap().required("a", Rules::TEXT)
    }

    #[test]
    fn numbers_are_taken_as_their_text_however_large() {
        for (sent, taken) in [("0", "0"), ("-0", "0"), ("1.50", "1.5"), ("1e5", "100000.0")] {
            assert_eq!(text_of(&format!(r#"{{"a":{sent}}}"#)).as_deref(), Some(taken));
        }
        let large = "123456789012345678901234567890";
        assert_eq!(text_of(&format!(r#"{{"a":{large}}}"#)).as_deref(), Some(large));
    }

    #[test]
    fn the_last_of_two_fields_of_one_name_wins() {
        assert_eq!(text_of(r#"{"a":"x","a":"y"}"#).as_deref(), Some("y"));
        let mut form = urlencoded(b"a=x&a=y");
        assert_eq!(form.required("a", Rules::TEXT).as_deref(), Some("y"));
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        let mut form = json(br#"{"a":null,"b":true,"c":" ","e":"\ud800"}"#).ok().unwrap();
        for name in ["a", "b", "c", "d", "e"] {
            form.required(name, Rules::TEXT);
        }
        assert_eq!(
            words(&form.into_problem()),
            r#"{"a":["This field may not be null."],"b":["Not a valid string."],"c":["This field may not be blank."],"d":["This field is required."],"e":["Surrogate characters are not allowed."]}"#
        );
    }

    #[test]
    fn a_body_that_is_no_object_is_told_by_pythons_names() {
        for (body, kind) in
            [("[]", "list"), ("\"a\"", "str"), ("5", "int"), ("1.5", "float"), ("true", "bool")]
        {
            let problem = json(body.as_bytes()).err().unwrap();
            assert!(words(&problem).contains(&format!("but got {kind}.")), "{body}");
        }
        assert!(words(&json(b"null").err().unwrap()).contains("No data provided"));
    }

    #[test]
    fn malformed_json_is_a_parse_error() {
        for body in
            ["", " ", "{", "{'a':1}", "{\"a\":01}", "{\"a\":NaN}", "{} x", "\u{feff}{}", "tru"]
        {
            let problem = json(body.as_bytes()).err().unwrap();
            assert!(words(&problem).starts_with("{\"detail\":\"JSON parse error - "), "{body}");
        }
        assert!(json(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn nesting_has_a_bound_that_brackets_in_strings_do_not_count_for() {
        let nested = |levels| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(json(nested(100).as_bytes()).is_ok());
        assert!(matches!(json(nested(100_000).as_bytes()), Err(Problem::NestedTooDeeply)));
        assert!(json(format!("{{\"a\":\"{}\"}}", "[\\\"".repeat(500)).as_bytes()).is_ok());
    }
}
