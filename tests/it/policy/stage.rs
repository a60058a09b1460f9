//! A gateway with its app, its store and its people, for one fault.

use std::io;
use std::time::{Duration, Instant};

use serde_json::json;

use super::backing::{Backing, Place, Way};
use super::judge::amount;
use super::table::{Kind, ROWS, Sign};
use crate::console::Browser;
use crate::console::setup::by_the_link;
use crate::harness::gateway::{Gateway, PASSWORD, ROUTES};
use crate::harness::http::{Answer, Connection, HOST, Request};
use crate::harness::upstream::{Received, Script, Upstream};
use crate::harness::{eventually, free_address};

/// What a fault needs beside the usual.
pub(super) struct Terms<'a> {
    pub(super) way: Way,
    pub(super) script: Script,
    /// More settings: keys of the upstream, and tables.
    pub(super) of_upstream: &'a str,
    pub(super) settings: &'a str,
    /// What the shell does that becomes the gateway.
    pub(super) shell: &'a str,
}

impl Default for Terms<'_> {
    fn default() -> Self {
        Self {
            way: Way::Direct,
            script: Script::Echo(""),
            of_upstream: "",
            settings: "",
            shell: "",
        }
    }
}

pub(super) struct Stage {
    pub(super) upstream: Upstream,
    pub(super) gateway: Gateway,
    pub(super) backing: Backing,
    pub(super) tokens: Tokens,
    /// The pages that need no token, and one.
    pub(super) pages: [&'static str; 2],
    /// What another process has of the store's file.
    pub(super) lock: Option<rusqlite::Connection>,
    /// What there was of each sign before the fault.
    before: Vec<(Sign, f64)>,
    console: Console,
    /// How many have tried to register.
    registered: usize,
}

/// Tokens, of alice but for one.
pub(super) struct Tokens {
    /// In memory; it stays until all end.
    pub(super) remembered: String,
    /// Never seen by this gateway.
    pub(super) fresh: String,
    /// In memory, to be ended: dan's, so that it does not end with all of hers.
    pub(super) ended: String,
    /// In memory, to be ended with all others of hers.
    pub(super) last: String,
}

/// An operator with the page of a user before them.
struct Console {
    browser: Browser,
    /// Whom they lock out and let in again, in turns.
    user: String,
    is_locked: bool,
}

/// What came of a request.
pub(super) struct Asked {
    /// The answer; an error where it broke off.
    pub(super) answer: io::Result<Answer>,
    /// What the app got meanwhile.
    pub(super) reached: Vec<Received>,
    pub(super) took: Duration,
}

impl Stage {
    pub(super) fn set(place: Place, terms: &Terms<'_>) -> Self {
        let backing = Backing::start(place, terms.way);
        let upstream = Upstream::answering(terms.script);
        let settings = [
            &upstream.settings(),
            terms.of_upstream,
            ROUTES,
            &backing.settings(),
            &format!("[ops]\nlisten = \"{}\"\n", free_address()),
            terms.settings,
        ];
        let gateway = Gateway::start_by(backing.program(terms.shell), &settings.concat(), &[]);
        let mut browser = Browser::of(&gateway);
        by_the_link(&gateway, &mut browser, "ada");
        gateway.register("eve");
        let tokens = Tokens::of(&gateway);
        let page = browser.get("/admin/users/?q=eve").text();
        let user = page.split("/admin/users/").find_map(|rest| {
            let number = rest.split('/').next()?;
            number.parse::<u64>().is_ok().then(|| number.to_owned())
        });
        let user = user.unwrap_or_else(|| panic!("eve is not listed: {page}"));
        let form = browser.get(&format!("/admin/users/{user}/deactivate/"));
        assert_eq!(form.status, 200, "{}", form.text());
        let console = Console { browser, user, is_locked: false };
        let pages = ["/public", "/app"];
        let (before, lock, registered) = (vec![], None, 0);
        let mut stage =
            Self { upstream, gateway, backing, tokens, pages, lock, before, console, registered };
        stage.remember();
        stage.take_stock();
        stage
    }

    /// Notes what there is of each sign: of what the fault brings there must be more.
    pub(super) fn take_stock(&mut self) {
        let signs = ROWS.iter().flat_map(|row| row.signs);
        self.before = signs.map(|sign| (*sign, amount(self, *sign))).collect();
    }

    /// How much there was of a sign before the fault.
    pub(super) fn before(&self, sign: Sign) -> f64 {
        self.before.iter().find(|(known, _)| *known == sign).unwrap().1
    }

    /// Brings the tokens into memory, but the fresh one.
    pub(super) fn remember(&self) {
        let Tokens { remembered, ended, last, .. } = &self.tokens;
        let misses = || self.gateway.meter("cache_misses_total");
        eventually("tokens that are in memory", || {
            self.gateway.until_told();
            let before = misses();
            for token in [remembered, ended, last] {
                let _ = self.gateway.send(&Request::get("/staff").token(token));
            }
            (misses() <= before).then_some(())
        });
        self.upstream.take();
    }

    /// The request of a kind.
    pub(super) fn request(&mut self, kind: Kind) -> Request {
        let Tokens { remembered, fresh, ended, last } = &self.tokens;
        let account = |name: &str| json!({ "username": name, "password": PASSWORD });
        match kind {
            Kind::Public => Request::get(self.pages[0]),
            Kind::Remembered => Request::get(self.pages[1]).token(remembered),
            Kind::Fresh => Request::get(self.pages[1]).token(fresh),
            Kind::Login => Request::post("/api/login/").json(&account("alice")),
            Kind::Register => {
                self.registered += 1;
                let name = format!("newcomer{}", self.registered);
                Request::post("/api/register/").json(&account(&name))
            }
            Kind::Logout => Request::post("/api/logout/").token(ended),
            Kind::LogoutAll => Request::post("/api/logoutall/").token(last),
            Kind::Page => self.console.page(),
            Kind::Change => self.console.change(),
        }
    }

    /// Asks for something.
    pub(super) fn ask(&mut self, kind: Kind) -> Asked {
        let request = self.request(kind);
        self.upstream.take();
        let start = Instant::now();
        let ask = |mut client: Connection| client.send(request.bytes()).try_answer();
        let answer = Connection::try_open(self.gateway.address).and_then(ask);
        let asked = Asked { answer, reached: self.upstream.take(), took: start.elapsed() };
        self.note(kind, &asked);
        asked
    }

    /// Notes what has been changed.
    pub(super) fn note(&mut self, kind: Kind, asked: &Asked) {
        let is_changed = asked.answer.as_ref().is_ok_and(|answer| answer.status == 302);
        if kind == Kind::Change && is_changed {
            self.console.is_locked = !self.console.is_locked;
        }
    }

    /// The status of the operations listener.
    pub(super) fn status_of_ops(&self, path: &str) -> u16 {
        let mut client = Connection::open(self.gateway.ops());
        client.send(Request::get(path).bytes()).answer().status
    }

    /// The number of the user who is changed, whose record a test spoils.
    pub(super) fn eve(&self) -> &str {
        &self.console.user
    }

    /// Whether eve is locked out, as far as the console has said so.
    pub(super) fn is_eve_locked(&self) -> bool {
        self.console.is_locked
    }

    /// How many passwords were hashed.
    pub(super) fn hashes(&self) -> f64 {
        self.gateway.meter("hash_seconds_count")
    }

    /// Has alice and dan log in again.
    pub(super) fn begin_anew(&mut self) {
        self.tokens = Tokens::of(&self.gateway);
        self.remember();
    }
}

impl Tokens {
    fn of(gateway: &Gateway) -> Self {
        for name in ["alice", "dan"] {
            eventually(name, || {
                [200, 400].contains(&gateway.try_register(name).status).then_some(())
            });
        }
        // A clock that has just been set back leaves one at a time.
        let login = |name| {
            let login = || gateway.try_login(name).json()["token"].as_str().map(str::to_owned);
            eventually("a login", login)
        };
        let [remembered, fresh, last] = [(); 3].map(|()| login("alice"));
        Self { remembered, fresh, ended: login("dan"), last }
    }
}

impl Console {
    fn request(&self, request: Request) -> Request {
        request.with("Cookie", self.browser.cookie().unwrap())
    }

    fn page(&self) -> Request {
        self.request(Request::get("/admin/users/"))
    }

    fn change(&self) -> Request {
        let act = if self.is_locked { "activate" } else { "deactivate" };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("form_key", self.browser.form_key());
        let request = Request::post(&format!("/admin/users/{}/{act}/", self.user))
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("Origin", &format!("http://{HOST}"))
            .with("Sec-Fetch-Site", "same-origin")
            .body(form.finish());
        self.request(request)
    }
}
