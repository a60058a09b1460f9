//! Whether what came is what the table says.

use std::time::Duration;

use super::stage::{Asked, Stage};
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
        let asked = stage.ask(kind);
        println!("{} after {:?}", kind.words(), asked.took);
        wrong.extend(judge(kind, cell, &asked).err());
        if cell == Cell::Held {
            wrong.extend(is_held(stage, kind).err());
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

fn is_seen(stage: &Stage, sign: Sign) -> bool {
    let meter = |name| stage.gateway.try_meter(name);
    match sign {
        Sign::Log(words) => stage.gateway.log().contains(words),
        Sign::Counted(name) => meter(name).is_some_and(|count| count > 0.0),
        Sign::Zero(name) => meter(name).is_some_and(|count| count < 0.5),
        Sign::NotReady => stage.status_of_ops("/readyz") == 503,
    }
}

/// A token whose end could not be written is not taken here any more.
fn is_held(stage: &mut Stage, kind: Kind) -> Result<(), String> {
    let token = if kind == Kind::Logout { &stage.tokens.ended } else { &stage.tokens.last };
    match stage.gateway.status_of(token) {
        401 | 503 => Ok(()),
        status => Err(format!("{}: the token is {status} afterwards", kind.words())),
    }
}

/// What is wrong with a cell.
pub(super) fn judge(kind: Kind, cell: Cell, asked: &Asked) -> Result<(), String> {
    let answer = match (&asked.answer, cell) {
        (Err(_), Cell::CutOff) => return Ok(()),
        (Err(error), _) => return Err(format!("{}: {cell} wanted: {error}", kind.words())),
        (Ok(answer), _) => answer,
    };
    let fits = |is_so: bool, what: &str| if is_so { Ok(()) } else { Err(what.to_owned()) };
    let found = match cell {
        Cell::ServedOr503 if answer.status == 503 => is_unavailable(kind, asked, answer),
        Cell::Served | Cell::ServedOr503 | Cell::Waits => is_served(kind, asked, answer),
        Cell::ServedThen503 | Cell::Unavailable | Cell::Held => is_unavailable(kind, asked, answer),
        Cell::Busy => is_own(kind, answer, 503, "Service temporarily unavailable.")
            .and_then(|()| fits(seconds(answer).is_some_and(|it| it <= 5), "when to come back")),
        Cell::Invalid | Cell::ServedThen401 => is_own(kind, answer, 401, "Invalid token."),
        Cell::Unknown => fits(
            answer.status == 400 && answer.text().contains("Unable to log in"),
            "not as for a name that nobody has",
        ),
        Cell::SignIn => fits(
            answer.header("Location").is_some_and(|it| it.starts_with("/admin/login/")),
            "not asked to sign in",
        ),
        Cell::Throttled => {
            let seconds = seconds(answer).unwrap_or_default();
            let s = if seconds == 1 { "" } else { "s" };
            let words =
                format!("Request was throttled. Expected available in {seconds} second{s}.");
            is_own(kind, answer, 429, &words)
        }
        Cell::BadGateway => is_own(kind, answer, 502, "Bad gateway."),
        Cell::GatewayTimeout => is_own(kind, answer, 504, "Gateway timeout."),
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

fn is_unavailable(kind: Kind, asked: &Asked, answer: &Answer) -> Result<(), String> {
    is_own(kind, answer, 503, "Service temporarily unavailable.")?;
    if seconds(answer).is_none_or(|seconds| seconds == 0 || seconds > 2) {
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
    if let Kind::Page | Kind::Change = kind {
        return if content.starts_with("text/html") { Ok(()) } else { Err("no page".to_owned()) };
    }
    let body = format!("{{\"detail\":\"{words}\"}}");
    if content != "application/json" || answer.text() != body {
        return Err(format!("{body} wanted"));
    }
    // What the four endpoints say beside is Django's.
    let is_page = matches!(kind, Kind::Public | Kind::Remembered | Kind::Fresh);
    if is_page && answer.header("Cache-Control").as_deref() != Some("no-store") {
        return Err("without no-store".to_owned());
    }
    Ok(())
}
