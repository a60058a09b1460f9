//! Placeholders in recorded texts: `{{token:NAME}}`, `{{id:NAME}}`, `{{expiry:SECONDS}}`, `{{int:LOW-HIGH}}`.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

/// What tokens and ids turned out to be: taken at first sight, equal from then on.
#[derive(Default)]
pub(super) struct Captures(HashMap<String, String>);

impl Captures {
    /// The text with each placeholder replaced by what it stood for.
    pub(super) fn fill(&self, template: &str) -> Result<String, String> {
        let known = |piece: Piece<'_>| match piece {
            Piece::Literal(text) => Ok(text.to_owned()),
            Piece::Placeholder(placeholder) => {
                let found = self.0.get(placeholder.text).cloned();
                found.ok_or_else(|| format!("{} was never captured", placeholder.text))
            }
        };
        pieces(template).into_iter().map(known).collect()
    }

    /// Compares a text with its template, and captures what is new; fails with what differs.
    pub(super) fn match_text(&mut self, template: &str, text: &str) -> Result<(), String> {
        let mut pieces = pieces(template).into_iter().peekable();
        let mut rest = text;
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Literal(literal) => {
                    rest = rest.strip_prefix(literal).ok_or("differs")?;
                }
                Piece::Placeholder(placeholder) => {
                    // A placeholder reaches to the literal behind it.
                    let end = match pieces.peek() {
                        Some(Piece::Literal(next)) => rest.find(next).ok_or("differs")?,
                        Some(Piece::Placeholder(_)) | None => rest.len(),
                    };
                    self.check(&placeholder, &rest[..end])?;
                    rest = &rest[end..];
                }
            }
        }
        if rest.is_empty() { Ok(()) } else { Err("differs".into()) }
    }

    /// Compares a JSON value with its template; fails with the place and what differs there.
    pub(super) fn match_json(
        &mut self,
        template: &Value,
        value: &Value,
        at: &str,
    ) -> Result<(), String> {
        let differs = || Err(format!("{at}: wanted {template}, got {value}"));
        match (template, value) {
            (Value::String(text), _) if has_placeholder(text) => self
                .match_placeholders(text, value)
                .map_err(|why| format!("{at}: {value} for {text}: {why}")),
            (Value::Object(wanted), Value::Object(got)) => {
                if wanted.len() != got.len() || !wanted.keys().all(|key| got.contains_key(key)) {
                    return differs();
                }
                wanted.iter().try_for_each(|(key, template)| {
                    self.match_json(template, &got[key], &format!("{at}.{key}"))
                })
            }
            (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
                wanted.iter().zip(got).enumerate().try_for_each(|(index, (template, value))| {
                    self.match_json(template, value, &format!("{at}[{index}]"))
                })
            }
            _ if template == value => Ok(()),
            _ => differs(),
        }
    }

    /// An id alone is a JSON number, everything else with a placeholder in it a string.
    fn match_placeholders(&mut self, template: &str, value: &Value) -> Result<(), String> {
        let is_id = matches!(
            pieces(template).as_slice(),
            [Piece::Placeholder(Placeholder { kind: Kind::Id, .. })]
        );
        match value {
            Value::Number(number) if is_id => self.match_text(template, &number.to_string()),
            Value::String(text) if !is_id => self.match_text(template, text),
            _ => Err("wrong type".into()),
        }
    }

    fn check(&mut self, placeholder: &Placeholder<'_>, text: &str) -> Result<(), String> {
        match placeholder.kind {
            Kind::Expiry => check_expiry(placeholder.name, text),
            Kind::Int => check_int(placeholder.name, text),
            Kind::Id if !is_number(text) => Err(format!("{text:?} is no id")),
            Kind::Token if !is_token(text) => Err(format!("{text:?} is no token")),
            Kind::Id | Kind::Token => {
                let first = self.0.entry(placeholder.text.into()).or_insert_with(|| text.into());
                if first == text {
                    return Ok(());
                }
                Err(format!("{} was {first:?} before, now {text:?}", placeholder.text))
            }
        }
    }
}

pub(super) fn has_placeholder(text: &str) -> bool {
    pieces(text).iter().any(|piece| matches!(piece, Piece::Placeholder(_)))
}

/// A recorded body as JSON, its bare `{{id:...}}` quoted; `None` if it is no JSON.
pub(super) fn json_template(body: &str) -> Option<Value> {
    let mut json = String::new();
    for piece in pieces(body) {
        match piece {
            Piece::Placeholder(Placeholder { kind: Kind::Id, text, .. })
                if !json.ends_with('"') =>
            {
                json.extend(["\"", text, "\""]);
            }
            Piece::Placeholder(Placeholder { text, .. }) | Piece::Literal(text) => json += text,
        }
    }
    serde_json::from_str(&json).ok()
}

enum Piece<'a> {
    Literal(&'a str),
    Placeholder(Placeholder<'a>),
}

struct Placeholder<'a> {
    /// All of it, braces too.
    text: &'a str,
    kind: Kind,
    name: &'a str,
}

#[derive(Clone, Copy)]
enum Kind {
    Expiry,
    Id,
    Int,
    Token,
}

impl<'a> Placeholder<'a> {
    /// The placeholder that a text begins with.
    fn at_start_of(text: &'a str) -> Option<Self> {
        let inner = text.strip_prefix("{{")?;
        let inner = &inner[..inner.find("}}")?];
        let (kind, name) = inner.split_once(':')?;
        let kind = match kind {
            "expiry" => Kind::Expiry,
            "id" => Kind::Id,
            "int" => Kind::Int,
            "token" => Kind::Token,
            _ => return None,
        };
        Some(Self { text: &text[..inner.len() + 4], kind, name })
    }
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest, mut searched) = (vec![], template, 0);
    while let Some(at) = rest[searched..].find("{{").map(|at| searched + at) {
        let Some(placeholder) = Placeholder::at_start_of(&rest[at..]) else {
            searched = at + 1;
            continue;
        };
        if at > 0 {
            pieces.push(Piece::Literal(&rest[..at]));
        }
        rest = &rest[at + placeholder.text.len()..];
        searched = 0;
        pieces.push(Piece::Placeholder(placeholder));
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Up to 10 printable characters, then 32 to 64 lower-case hex digits.
fn is_token(text: &str) -> bool {
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let digits = text.bytes().rev().take_while(is_hex).count().min(64);
    text.bytes().all(|byte| byte.is_ascii_graphic()) && digits >= 32 && text.len() - digits <= 10
}

/// So many seconds from now, two minutes either way, as DRF writes a moment.
fn check_expiry(seconds: &str, text: &str) -> Result<(), String> {
    let shape = text.replace(|c: char| c.is_ascii_digit(), "0");
    let time = shape.strip_prefix("0000-00-00T00:00:00").unwrap_or_default();
    let zone = time.strip_prefix(".000000").unwrap_or(time);
    if !["Z", "+00:00", "-00:00"].contains(&zone) {
        return Err(format!("{text:?} is no moment as DRF writes it"));
    }
    let moment: Timestamp = text.parse().map_err(|error| format!("{text:?}: {error}"))?;
    let wanted: i64 = seconds.parse().unwrap();
    let early = Timestamp::now().as_second() + wanted - moment.as_second();
    if early.abs() < 120 { Ok(()) } else { Err(format!("{text} is {early} s too early")) }
}

fn check_int(range: &str, text: &str) -> Result<(), String> {
    let (low, high) = range.split_once('-').unwrap();
    let range: (u64, u64) = (low.parse().unwrap(), high.parse().unwrap());
    match text.parse() {
        Ok(number) if is_number(text) && (range.0..=range.1).contains(&number) => Ok(()),
        _ => Err(format!("{text:?} is not in {low}-{high}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_token_is_captured_at_first_sight_and_equal_afterwards() {
        let mut captures = Captures::default();
        captures.match_text("<{{token:a}}>", &format!("<{TOKEN}>")).unwrap();
        assert_eq!(captures.fill("Token {{token:a}}"), Ok(format!("Token {TOKEN}")));
        assert!(captures.match_text("{{token:a}}", &TOKEN.replace('0', "1")).is_err());
    }

    #[test]
    fn an_id_between_the_braces_of_json_is_found() {
        let template = json_template(r#"{"user":{"id":{{id:a}}}}"#).unwrap();
        let answer = serde_json::json!({ "user": { "id": 7 } });
        let mut captures = Captures::default();
        assert_eq!(captures.match_json(&template, &answer, "$"), Ok(()));
        assert_eq!(captures.fill("{{id:a}}"), Ok("7".into()));
    }

    #[test]
    fn an_id_that_is_a_string_is_a_difference() {
        let template = json_template(r#"{"id":{{id:a}}}"#).unwrap();
        let answer = serde_json::json!({ "id": "7" });
        assert!(Captures::default().match_json(&template, &answer, "$").is_err());
    }

    #[test]
    fn an_expiry_lies_so_far_from_now() {
        let in_an_hour = Timestamp::from_second(Timestamp::now().as_second() + 3_600).unwrap();
        assert_eq!(check_expiry("3600", &in_an_hour.to_string()), Ok(()));
        assert!(check_expiry("36000", &in_an_hour.to_string()).is_err());
        assert!(check_expiry("3600", "tomorrow").is_err());
    }

    #[test]
    fn a_number_lies_in_its_range() {
        assert_eq!(check_int("1-5", "5"), Ok(()));
        assert!(check_int("1-5", "6").is_err());
        assert!(check_int("1-5", "+5").is_err());
    }
}
