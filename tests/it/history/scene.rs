//! Where clients ask, and how what they are told is written down.

use super::record::{Act, Deed, Line, Moment, Recorder, TokenNumber, Who};
use crate::harness::command::authgate;
use crate::harness::http::{Answer, Connection, Request};
use serde_json::{Value, json};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Where operators' programs ask.
const API: &str = "/admin/api/v1";
/// Stands for the command line where a gateway is named.
const COMMAND_LINE: usize = usize::MAX;

/// Where clients ask, and what they share.
pub(super) struct Scene<'a> {
    pub(super) gateways: Vec<SocketAddr>,
    /// What operators act by.
    pub(super) key: String,
    pub(super) recorder: &'a Recorder,
    pub(super) is_over: AtomicBool,
    /// The gateways', for the command line.
    pub(super) settings: Vec<PathBuf>,
    /// Tokens that anyone may use, though only their owner ends them.
    pub(super) shared: Mutex<Vec<TokenNumber>>,
}

impl Scene<'_> {
    /// Does something, and notes it.
    pub(super) fn ask(&self, gateway: usize, act: &Act) -> Deed {
        self.ask_at(gateway, act, false)
    }

    pub(super) fn ask_at(&self, gateway: usize, act: &Act, is_last: bool) -> Deed {
        let deed = self.until_told(is_last, || self.ask_once(gateway, act));
        if let Some(token) = deed.issued {
            self.shared.lock().unwrap().push(token);
        }
        deed
    }

    /// Asks until there is an answer that tells, if all is over: a machine that is busy may take a while.
    pub(super) fn until_told(&self, is_last: bool, ask: impl Fn() -> Deed) -> Deed {
        let patience = Instant::now() + Duration::from_secs(2);
        loop {
            let mut deed = ask();
            let is_told = ![0, 503].contains(&deed.status);
            deed.is_last = is_last && (is_told || Instant::now() > patience);
            self.recorder.note(Line::Deed(deed.clone()));
            if deed.is_last == is_last {
                return deed;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn ask_once(&self, gateway: usize, act: &Act) -> Deed {
        let request = self.request(act);
        let begin = self.recorder.now();
        let answer = exchange(self.gateways[gateway], &request);
        let end = self.recorder.now();
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        let (mut issued, mut who) = (None, None);
        if let (200, Ok(answer)) = (status, &answer) {
            (issued, who) = self.read(act, answer);
        }
        let (fault, is_last) = (answer.err().map(|error| error.to_string()), false);
        let act = act.clone();
        Deed { act, begin, end, fault, gateway, is_last, issued, status, who }
    }

    /// Looks whether a token is good, an API key, or a session.
    pub(super) fn look(&self, gateway: usize, token: TokenNumber, is_last: bool) {
        let text = self.recorder.text(token);
        if text.contains('=') {
            self.use_session(gateway, token, is_last);
        } else if text.starts_with("agk_") {
            self.ask_at(gateway, &Act::UseKey { token }, is_last);
        } else {
            self.ask_at(gateway, &Act::Use { token }, is_last);
        }
    }

    /// Makes an API key of an operator at the command line, beside a gateway; and what it is called.
    pub(super) fn make_key(&self, of: &str, gateway: usize) -> Option<(TokenNumber, String)> {
        let begun = (self.recorder.now(), COMMAND_LINE);
        let verb = ["key", "create", of, "kept", "--right", "users:read", "--json"];
        let made = self.run(&verb, gateway);
        let issued = made
            .as_ref()
            .map(|made| self.recorder.number(made["key"].as_str().unwrap().to_owned()));
        let status = if issued.is_some() { 200 } else { 0 };
        let key = (issued, issued.map(|_| of));
        let deed = self.deed(Act::MakeKey { name: of.to_owned() }, begun, status, key);
        self.recorder.note(Line::Deed(deed));
        Some((issued?, made?["id"].as_str().unwrap().to_owned()))
    }

    /// Ends one there.
    pub(super) fn end_key(&self, of: &str, (token, id): &(TokenNumber, String), gateway: usize) {
        let begun = (self.recorder.now(), COMMAND_LINE);
        let is_done = self.run(&["key", "revoke", of, id], gateway).is_some();
        let status = if is_done { 204 } else { 0 };
        let deed = self.deed(Act::EndKey { token: *token }, begun, status, (None, None));
        self.recorder.note(Line::Deed(deed));
    }

    /// What the command line says; `None` if it is not done.
    fn run(&self, verb: &[&str], gateway: usize) -> Option<Value> {
        let config = self.settings[gateway].display().to_string();
        let outcome = authgate(&[verb, &["--config", &config]].concat(), "");
        (outcome.code == Some(0)).then(|| serde_json::from_str(&outcome.stdout).unwrap_or_default())
    }

    fn request(&self, act: &Act) -> Request {
        let login = |name: &str, password: &str| json!({ "username": name, "password": password });
        let bearer = |key: &str| format!("Bearer {key}");
        let by_key = |method: &str, path: &str| {
            Request::new(method, &format!("{API}{path}")).with("Authorization", &bearer(&self.key))
        };
        match act {
            Act::ChangePassword { new, old, token, .. } => {
                let body = json!({ "old_password": old, "new_password": new });
                let request = Request::post("/api/password/change/");
                request.token(&self.recorder.text(*token)).json(&body)
            }
            Act::Delete { id, .. } => by_key("DELETE", &format!("/users/{id}")),
            Act::EndTokens { id, .. } => by_key("DELETE", &format!("/users/{id}/tokens")),
            Act::Guess { name } => {
                Request::post("/api/login/").json(&login(name, "quite-wrong-Word-1"))
            }
            Act::Login { name, password } => {
                Request::post("/api/login/").json(&login(name, password))
            }
            Act::Logout { token } => {
                Request::post("/api/logout/").token(&self.recorder.text(*token))
            }
            Act::LogoutAll { token } => {
                Request::post("/api/logoutall/").token(&self.recorder.text(*token))
            }
            Act::Register { name, password } => {
                Request::post("/api/register/").json(&login(name, password))
            }
            Act::Use { token } => Request::get("/app").token(&self.recorder.text(*token)),
            Act::UseKey { token } => {
                let key = bearer(&self.recorder.text(*token));
                Request::get(&format!("{API}/key")).with("Authorization", &key)
            }
            Act::EndKey { .. }
            | Act::MakeKey { .. }
            | Act::SignIn { .. }
            | Act::SignOut { .. }
            | Act::UseSession { .. } => unreachable!("not a single request"),
        }
    }

    fn read(&self, act: &Act, answer: &Answer) -> (Option<TokenNumber>, Option<Who>) {
        let said = answer.json();
        let text = |name: &str| said[name].as_str().map(str::to_owned);
        match act {
            Act::Use { .. } => {
                let id = text("id").and_then(|id| id.parse().ok()).unwrap_or_default();
                return (None, Some(Who { id, name: text("user").unwrap_or_default() }));
            }
            Act::UseKey { .. } => {
                let name = text("owner").unwrap_or_default();
                return (None, Some(Who { id: 0, name }));
            }
            _ => {}
        }
        let issued = text("token").map(|token| self.recorder.number(token));
        if let Act::Login { name, .. } = act {
            // The answer to a login does not say whose it is.
            return (issued, Some(Who { id: 0, name: name.clone() }));
        }
        let user = &said["user"];
        let name = user["username"].as_str().unwrap_or_default().to_owned();
        (issued, Some(Who { id: user["id"].as_u64().unwrap_or_default(), name }))
    }

    /// What came of something else than a single request, whom it was for, and what it made if it made
    /// something.
    pub(super) fn deed(
        &self,
        act: Act,
        (begin, gateway): (Moment, usize),
        status: u16,
        (issued, of): (Option<TokenNumber>, Option<&str>),
    ) -> Deed {
        let (end, fault, is_last) = (self.recorder.now(), None, false);
        let who = of.map(|name| Who { id: 0, name: name.to_owned() });
        Deed { act, begin, end, fault, gateway, is_last, issued, status, who }
    }
}

pub(super) fn exchange(gateway: SocketAddr, request: &Request) -> io::Result<Answer> {
    let stream = TcpStream::connect_timeout(&gateway, PATIENCE)?;
    let mut connection = Connection::over(stream.try_clone()?);
    stream.set_read_timeout(Some(PATIENCE))?;
    connection.try_send(&request.bytes())?;
    connection.try_answer()
}
