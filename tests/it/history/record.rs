//! What clients did and what came of it, with the faults of the time: a line of JSON each.

use serde::Serialize;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

/// Microseconds since the beginning.
pub(super) type Moment = u64;
/// A token, by the order of their issue.
pub(super) type TokenNumber = usize;

/// What someone asked of a gateway.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) enum Act {
    ChangePassword {
        name: String,
        new: String,
        old: String,
        token: TokenNumber,
    },
    /// An operator's, by an API key, of the user of that number.
    Delete {
        id: u64,
        name: String,
    },
    /// At the command line, beside the gateways.
    EndKey {
        token: TokenNumber,
    },
    /// An operator's, by an API key: all tokens of the user of that number.
    EndTokens {
        id: u64,
        name: String,
    },
    /// A login by a password that nobody ever had.
    Guess {
        name: String,
    },
    Login {
        name: String,
        password: String,
    },
    Logout {
        token: TokenNumber,
    },
    LogoutAll {
        token: TokenNumber,
    },
    /// Of an operator, at the command line: an API key, which ends as tokens do.
    MakeKey {
        name: String,
    },
    Register {
        name: String,
        password: String,
    },
    /// At the console, in a browser: a session, which ends as tokens do.
    SignIn {
        name: String,
    },
    SignOut {
        token: TokenNumber,
    },
    Use {
        token: TokenNumber,
    },
    UseKey {
        token: TokenNumber,
    },
    UseSession {
        token: TokenNumber,
    },
}

/// Who someone is, by name and number.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(super) struct Who {
    /// 0 if nobody said.
    pub(super) id: u64,
    pub(super) name: String,
}

/// An act with its outcome.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Deed {
    pub(super) act: Act,
    pub(super) begin: Moment,
    pub(super) end: Moment,
    /// Why there was no answer.
    pub(super) fault: Option<String>,
    pub(super) gateway: usize,
    /// Whether all faults were over, so that there is an answer.
    pub(super) is_last: bool,
    pub(super) issued: Option<TokenNumber>,
    /// 0 if there was no answer.
    pub(super) status: u16,
    /// Whom the app was told of, or who got the token.
    pub(super) who: Option<Who>,
}

/// Something that broke, until it was whole again.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Trouble {
    pub(super) begin: Moment,
    pub(super) end: Moment,
    /// Whether another server that becomes the primary in it has all that the last one has: one that
    /// hands over only then.
    pub(super) hands_over: bool,
    /// Whether servers of a store broke, so that another may become the primary by it.
    pub(super) is_of_store: bool,
    /// The gateway that was killed, and with it what it remembered.
    pub(super) killed: Option<usize>,
    pub(super) what: String,
}

/// Another server was the primary from then on, as those say first who decide on it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Promotion {
    pub(super) at: Moment,
    pub(super) of: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) enum Line {
    Deed(Deed),
    Promotion(Promotion),
    Trouble(Trouble),
}

/// Keeps the history.
pub(super) struct Recorder {
    begun: Instant,
    lines: Mutex<Vec<Line>>,
    tokens: Mutex<Vec<String>>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), lines: Mutex::default(), tokens: Mutex::default() }
    }

    pub(super) fn now(&self) -> Moment {
        self.begun.elapsed().as_micros().try_into().unwrap()
    }

    pub(super) fn note(&self, line: Line) {
        self.lines.lock().unwrap().push(line);
    }

    /// A token that a gateway gave out.
    pub(super) fn number(&self, text: String) -> TokenNumber {
        let mut tokens = self.tokens.lock().unwrap();
        tokens.push(text);
        tokens.len() - 1
    }

    pub(super) fn text(&self, token: TokenNumber) -> String {
        self.tokens.lock().unwrap()[token].clone()
    }

    /// When another server was the primary last.
    pub(super) fn last_promotion(&self) -> Option<Moment> {
        let lines = self.lines.lock().unwrap();
        lines.iter().rev().find_map(|line| match line {
            Line::Promotion(promotion) => Some(promotion.at),
            Line::Deed(_) | Line::Trouble(_) => None,
        })
    }

    pub(super) fn count(&self) -> TokenNumber {
        self.tokens.lock().unwrap().len()
    }

    /// In the order of their beginnings.
    pub(super) fn lines(&self) -> Vec<Line> {
        let mut lines = self.lines.lock().unwrap().clone();
        lines.sort_by_key(|line| match line {
            Line::Deed(deed) => deed.begin,
            Line::Promotion(promotion) => promotion.at,
            Line::Trouble(trouble) => trouble.begin,
        });
        lines
    }
}

/// Writes a history to be looked at, and says where.
pub(super) fn write(lines: &[Line], name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{name}.jsonl"));
    let text: String =
        lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    fs::write(&path, text).unwrap();
    path
}
