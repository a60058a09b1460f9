//! Clients that register, log in, change passwords, use tokens at any gateway and end them.

use super::chance::Chance;
use super::record::{Act, Deed, Line, Recorder, TokenNumber, Who};
use crate::harness::gateway::PASSWORD;
use crate::harness::http::{Answer, Connection, Request};
use serde_json::json;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where clients ask, and what they share.
pub(super) struct Scene<'a> {
    pub(super) gateways: Vec<SocketAddr>,
    pub(super) recorder: &'a Recorder,
    pub(super) is_over: AtomicBool,
    /// Tokens that anyone may use, though only their owner ends them.
    pub(super) shared: Mutex<Vec<TokenNumber>>,
}

/// An account of a client's own.
pub(super) struct Account {
    pub(super) name: String,
    /// Whether anyone has ever got in.
    is_known: bool,
    /// All that it may be, the likeliest last.
    pub(super) passwords: Vec<String>,
    pub(super) tokens: Vec<TokenNumber>,
}

pub(super) struct Client<'a> {
    pub(super) accounts: Vec<Account>,
    chance: Chance,
    count: usize,
    number: usize,
    scene: &'a Scene<'a>,
}

impl<'a> Client<'a> {
    pub(super) fn new(number: usize, chance: Chance, scene: &'a Scene<'a>) -> Self {
        Self { accounts: vec![], chance, count: 0, number, scene }
    }

    /// Goes on until all is over.
    pub(super) fn run(mut self) -> Vec<Account> {
        while !self.scene.is_over.load(Ordering::SeqCst) {
            self.step();
            thread::sleep(self.chance.millis(1, 12));
        }
        self.accounts
    }

    fn step(&mut self) {
        let gateway = self.chance.below(self.scene.gateways.len());
        let dice = self.chance.below(100);
        if self.accounts.is_empty() || dice < 8 {
            return self.register(gateway);
        }
        let chosen = self.chance.below(self.accounts.len());
        match dice {
            8..20 => self.log_in(gateway, chosen),
            20..24 => self.change_password(gateway, chosen),
            24..34 => self.log_out(gateway, chosen, false),
            34..37 => self.log_out(gateway, chosen, true),
            37..40 => drop(self.scene.ask(gateway, Act::Guess { name: "victim".to_owned() })),
            40..44 => self.want(gateway),
            44..70 => {
                let tokens = &self.accounts[chosen].tokens;
                if !tokens.is_empty() {
                    let token = *self.chance.pick(tokens);
                    self.scene.ask(gateway, Act::Use { token });
                }
            }
            _ => {
                let shared = self.scene.shared.lock().unwrap().clone();
                // Rather one of the last, which is good still.
                let last = &shared[shared.len().saturating_sub(40)..];
                if !last.is_empty() {
                    let token = *self.chance.pick(last);
                    self.scene.ask(gateway, Act::Use { token });
                }
            }
        }
    }

    fn register(&mut self, gateway: usize) {
        self.count += 1;
        let name = format!("user{}-{}", self.number, self.count);
        let act = Act::Register { name: name.clone(), password: PASSWORD.to_owned() };
        let deed = self.scene.ask(gateway, act);
        let tokens: Vec<_> = deed.issued.into_iter().collect();
        let (is_known, passwords) = (deed.status == 200, vec![PASSWORD.to_owned()]);
        self.accounts.push(Account { name, is_known, passwords, tokens });
    }

    /// Wants a name that others want at the same time.
    fn want(&mut self, gateway: usize) {
        let round = self.scene.recorder.now() / 500_000;
        let name = format!("wanted-{round}");
        let password = format!("pass-Word-of-{}", self.number);
        self.scene.ask(gateway, Act::Register { name, password });
    }

    fn log_in(&mut self, gateway: usize, chosen: usize) {
        let account = &mut self.accounts[chosen];
        let name = account.name.clone();
        // Who does not know which it is tries one after the other.
        let turn = if account.passwords.len() > 1 { self.chance.below(2) } else { 0 };
        let password = account.passwords[account.passwords.len() - 1 - turn].clone();
        let deed = self.scene.ask(gateway, Act::Login { name, password: password.clone() });
        if let Some(token) = deed.issued {
            account.is_known = true;
            account.tokens.push(token);
        }
    }

    fn change_password(&mut self, gateway: usize, chosen: usize) {
        let account = &mut self.accounts[chosen];
        let Some(token) = account.tokens.last().copied() else { return };
        self.count += 1;
        let old = account.passwords.last().unwrap().clone();
        let new = format!("pass-Word-{}-{}", self.number, self.count);
        let name = account.name.clone();
        let deed =
            self.scene.ask(gateway, Act::ChangePassword { name, new: new.clone(), old, token });
        match deed.status {
            204 | 0 | 500.. => account.passwords.push(new),
            _ => {}
        }
    }

    fn log_out(&mut self, gateway: usize, chosen: usize, everywhere: bool) {
        let account = &mut self.accounts[chosen];
        if account.tokens.is_empty() {
            return;
        }
        let token = *self.chance.pick(&account.tokens);
        let act = if everywhere { Act::LogoutAll { token } } else { Act::Logout { token } };
        self.scene.ask(gateway, act);
        // To see afterwards that it is refused.
        let again = self.chance.below(self.scene.gateways.len());
        self.scene.ask(again, Act::Use { token });
    }
}

impl Scene<'_> {
    /// Does something, and notes it.
    pub(super) fn ask(&self, gateway: usize, act: Act) -> Deed {
        self.ask_at(gateway, act, false)
    }

    pub(super) fn ask_at(&self, gateway: usize, act: Act, is_last: bool) -> Deed {
        let request = self.request(&act);
        let begin = self.recorder.now();
        let answer = exchange(self.gateways[gateway], &request);
        let end = self.recorder.now();
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        let (mut issued, mut who) = (None, None);
        if let (200, Ok(answer)) = (status, &answer) {
            (issued, who) = self.read(&act, answer);
        }
        let fault = answer.err().map(|error| error.to_string());
        let deed = Deed { act, begin, end, fault, gateway, is_last, issued, status, who };
        self.recorder.note(Line::Deed(deed.clone()));
        if let Some(token) = deed.issued {
            self.shared.lock().unwrap().push(token);
        }
        deed
    }

    fn request(&self, act: &Act) -> Request {
        let login = |name: &str, password: &str| json!({ "username": name, "password": password });
        match act {
            Act::ChangePassword { new, old, token, .. } => {
                let body = json!({ "old_password": old, "new_password": new });
                let request = Request::post("/api/password/change/");
                request.token(&self.recorder.text(*token)).json(&body)
            }
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
        }
    }

    fn read(&self, act: &Act, answer: &Answer) -> (Option<TokenNumber>, Option<Who>) {
        let said = answer.json();
        let text = |name: &str| said[name].as_str().map(str::to_owned);
        if let Act::Use { .. } = act {
            let id = text("id").and_then(|id| id.parse().ok()).unwrap_or_default();
            return (None, Some(Who { id, name: text("user").unwrap_or_default() }));
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
}

fn exchange(gateway: SocketAddr, request: &Request) -> io::Result<Answer> {
    let stream = TcpStream::connect_timeout(&gateway, PATIENCE)?;
    let mut connection = Connection::over(stream.try_clone()?);
    stream.set_read_timeout(Some(PATIENCE))?;
    connection.try_send(&request.bytes())?;
    connection.try_answer()
}
