//! Whether what came is what the table says.

use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::stage::{Asked, Stage, Tokens};
use super::table::{Cell, Kind, Row, Sign};
use crate::harness::eventually;
use crate::harness::http::Answer;

/// Within which a 503 comes, on a machine that is busy with other tests.
const SOON: Duration = Duration::from_secs(2);

/// Asks for everything, and panics with every cell that is not as its row says.
pub(super) fn check(stage: &mut Stage, row: &Row) {
    let mut wrong = Vec::new();
    for kind in Kind::ALL {
        let cell = row.cell(kind);
        if let Cell::Not(_) = cell {
            continue;
        }
        let hashes = stage.hashes();
        let asked = stage.ask(kind);
        println!("{} after {:?}", kind.words(), asked.took);
        wrong.extend(judge(kind, cell, &asked).err());
        wrong.extend(is_so(stage, row, kind, &asked).err());
        if cell == Cell::Held {
            wrong.extend(is_held(stage, row, kind).err());
        }
        // A store that cannot tell costs no hash.
        if cell == Cell::Unavailable && stage.hashes() > hashes {
            wrong.push(format!("{}: a password was hashed", kind.words()));
        }
    }
    tell(row, &wrong);
}

/// Panics with all that is wrong, if anything is.
pub(super) fn tell(row: &Row, wrong: &[String]) {
    assert!(wrong.is_empty(), "while {}:\n  {}\n", row.fault, wrong.join("\n  "));
}

/// Waits for every sign that the row promises.
pub(super) fn look_for_signs(stage: &Stage, row: &Row) {
    for sign in row.signs {
        eventually(&sign.to_string(), || is_seen(stage, *sign).then_some(()));
    }
    assert_eq!(stage.status_of_ops("/healthz"), 200, "a restart would not help");
}

/// Whether it came with the fault: a gate that always says so says nothing.
fn is_seen(stage: &Stage, sign: Sign) -> bool {
    let (before, now) = (stage.before(sign), amount(stage, sign));
    match sign {
        Sign::Zero(_) => now < 0.5 && before > 0.5,
        Sign::Counted(_) | Sign::Log(_) | Sign::NotReady => now > before,
    }
}

/// How much there is of a sign.
pub(super) fn amount(stage: &Stage, sign: Sign) -> f64 {
    match sign {
        Sign::Log(words) => {
            let lines = stage.gateway.log().matches(words).count();
            u32::try_from(lines).map_or(f64::MAX, f64::from)
        }
        Sign::Counted(name) | Sign::Zero(name) => stage.gateway.try_meter(name).unwrap_or(0.0),
        Sign::NotReady => f64::from(u8::from(stage.status_of_ops("/readyz") == 503)),
    }
}

/// Whether what was told is so: a token that was given out is good, one that was ended is not, nor are
/// those that end with it, and who was locked out cannot log in.
fn is_so(stage: &Stage, row: &Row, kind: Kind, asked: &Asked) -> Result<(), String> {
    let Ok(answer) = &asked.answer else { return Ok(()) };
    let gateway = &stage.gateway;
    let is_app_well =
        !matches!(row.cell(Kind::Fresh), Cell::BadGateway | Cell::GatewayTimeout | Cell::CutOff);
    let (is_so, what) = match (kind, answer.status) {
        (Kind::Login | Kind::Register, 200) if is_app_well => {
            let token = answer.json()["token"].as_str().unwrap_or_default().to_owned();
            (gateway.status_of(&token) == 200, "the token that was given out is not good")
        }
        (Kind::Logout | Kind::LogoutAll, 204) => {
            let mut ended = ended_by(kind, &stage.tokens).into_iter();
            (ended.all(|token| gateway.status_of(token) == 401), "a token that was ended is good")
        }
        (Kind::Change, 302) if row.cell(kind) == row.cell(Kind::Login) => {
            let wanted = if stage.is_eve_locked() { 400 } else { 200 };
            // A clock that has just been set back leaves one at a time.
            let login = || Some(gateway.try_login("eve").status).filter(|status| *status != 429);
            (eventually("a login", login) == wanted, "what was changed is not so")
        }
        _ => return Ok(()),
    };
    if is_so { Ok(()) } else { Err(format!("{}: {what}", kind.words())) }
}

/// The tokens that a logout ends, of those that are known.
pub(super) fn ended_by(kind: Kind, tokens: &Tokens) -> Vec<&str> {
    match kind {
        Kind::Logout => vec![&tokens.ended],
        _ => vec![&tokens.last, &tokens.remembered],
    }
}

/// A token whose end could not be written is not taken here any more; where the store tells of tokens,
/// so does the gateway.
fn is_held(stage: &Stage, row: &Row, kind: Kind) -> Result<(), String> {
    let can_tell = row.cell(Kind::Fresh) == Cell::Served;
    for token in ended_by(kind, &stage.tokens) {
        match stage.gateway.status_of(token) {
            401 => {}
            503 if !can_tell => {}
            status => return Err(format!("{}: the token is {status} afterwards", kind.words())),
        }
    }
    Ok(())
}

/// What is wrong with a cell.
pub(super) fn judge(kind: Kind, cell: Cell, asked: &Asked) -> Result<(), String> {
    let answer = match (&asked.answer, cell) {
        (Err(error), Cell::CutOff)
            if error.kind() == ErrorKind::UnexpectedEof && asked.reached.len() == 1 =>
        {
            return Ok(());
        }
        (Err(error), _) => return Err(format!("{}: {cell} wanted: {error}", kind.words())),
        (Ok(answer), _) => answer,
    };
    let fits = |is_so: bool, what: &str| if is_so { Ok(()) } else { Err(what.to_owned()) };
    let found = match cell {
        // Nobody knows how far it had come: it may be busy with that still.
        Cell::ServedOr503 if answer.status == 503 => is_away(kind, asked, answer, 1..=5),
        Cell::Served | Cell::ServedOr503 | Cell::Waits => is_served(kind, asked, answer),
        Cell::ServedThen503 | Cell::Unavailable | Cell::Held => is_away(kind, asked, answer, 1..=1),
        Cell::Busy => is_away(kind, asked, answer, 1..=5),
        Cell::Invalid | Cell::ServedThen401 => is_own(kind, answer, 401, "Invalid token."),
        Cell::Unknown => fits(
            answer.status == 400 && answer.text().contains("Unable to log in"),
            "not as for a name that nobody has",
        ),
        Cell::SignIn => fits(answer.status == 302 && is_to_sign_in(answer), "not asked to sign in"),
        Cell::Throttled => {
            let seconds = seconds(answer).unwrap_or_default();
            let s = if seconds == 1 { "" } else { "s" };
            let words =
                format!("Request was throttled. Expected available in {seconds} second{s}.");
            is_own(kind, answer, 429, &words)
        }
        Cell::BadGateway => is_own(kind, answer, 502, "Bad gateway."),
        Cell::GatewayTimeout => is_own(kind, answer, 504, "Gateway timeout.")
            .and_then(|()| fits(asked.reached.len() == 1, "not sent once")),
        Cell::Failed => is_own(kind, answer, 500, "Internal error."),
        Cell::CutOff => Err("the answer ends as if it were whole".to_owned()),
        Cell::Not(_) => Ok(()),
    };
    let found = found.and_then(|()| match cell {
        // It is the app itself that fails there.
        Cell::BadGateway | Cell::GatewayTimeout => Ok(()),
        _ => fits(answer.status < 400 || asked.reached.is_empty(), "it reached the app"),
    });
    found.map_err(|what| {
        let Answer { status, head, .. } = answer;
        let (headers, text) = (&head.headers, answer.text());
        let text: String = text.chars().take(200).collect();
        format!("{}: {cell} wanted, {what}: {status} {headers:?} {text:?}", kind.words())
    })
}

fn is_served(kind: Kind, asked: &Asked, answer: &Answer) -> Result<(), String> {
    let is_so = match kind {
        Kind::Public => answer.status == 200 && asked.reached.len() == 1,
        Kind::Remembered | Kind::Fresh => {
            answer.status == 200 && asked.reached.len() == 1 && answer.json()["user"] == "alice"
        }
        Kind::Login | Kind::Register => answer.status == 200 && answer.json()["token"].is_string(),
        Kind::Logout | Kind::LogoutAll => answer.status == 204,
        Kind::Page => answer.status == 200 && answer.text().contains("ada"),
        Kind::Change => answer.status == 302 && !is_to_sign_in(answer),
    };
    if is_so { Ok(()) } else { Err("not served".to_owned()) }
}

fn is_to_sign_in(answer: &Answer) -> bool {
    answer.header("Location").is_some_and(|place| place.starts_with("/admin/login/"))
}

/// Whether it is 503 soon, and says when to come again.
fn is_away(
    kind: Kind,
    asked: &Asked,
    answer: &Answer,
    moments: RangeInclusive<u64>,
) -> Result<(), String> {
    is_own(kind, answer, 503, "Service temporarily unavailable.")?;
    // People are slower.
    let moments = if is_page(kind) { 2..=2 } else { moments };
    if !seconds(answer).is_some_and(|seconds| moments.contains(&seconds)) {
        return Err("when to come back".to_owned());
    }
    if asked.took > SOON { Err(format!("after {:?}", asked.took)) } else { Ok(()) }
}

fn seconds(answer: &Answer) -> Option<u64> {
    answer.header("Retry-After")?.parse().ok()
}

/// Whether it is an answer of authgate's own, in these words.
fn is_own(kind: Kind, answer: &Answer, status: u16, words: &str) -> Result<(), String> {
    if answer.status != status {
        return Err(format!("{status} wanted"));
    }
    if answer.header("X-Request-Id").is_none_or(|id| id.is_empty()) {
        return Err("without X-Request-Id".to_owned());
    }
    let content = answer.header("Content-Type").unwrap_or_default();
    let is_stored = answer.header("Cache-Control").as_deref() != Some("no-store");
    if is_page(kind) {
        let is_told = status != 503 || answer.text().contains("Nothing was changed");
        let is_so = content.starts_with("text/html") && is_told && !is_stored;
        return if is_so { Ok(()) } else { Err("no page that says so".to_owned()) };
    }
    let body = format!("{{\"detail\":\"{words}\"}}");
    if content != "application/json" || answer.text() != body {
        return Err(format!("{body} wanted"));
    }
    // What the four endpoints say beside is Django's.
    if is_stored && matches!(kind, Kind::Public | Kind::Remembered | Kind::Fresh) {
        return Err("without no-store".to_owned());
    }
    Ok(())
}

/// Whether it is for people, at the console.
fn is_page(kind: Kind) -> bool {
    matches!(kind, Kind::Page | Kind::Change)
}
