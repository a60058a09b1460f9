//! The admin console, as a browser has it.

mod account;
mod acts;
pub(crate) mod api;
mod busy;
mod cluster;
mod cookie;
mod door;
mod events;
mod forgery;
mod full_store;
mod limits;
mod live;
mod operators;
mod overview;
mod places;
mod profile;
mod proof;
mod routes;
mod second_factor;
mod sessions;
pub(crate) mod setup;
mod sign_in;
mod times;
mod tokens;
mod unreadable;
mod users;

use crate::harness::gateway::{Gateway, PASSWORD};
use crate::harness::http::{Answer, Connection, HOST, Request};
use crate::harness::redis_server::RedisServer;
use std::net::SocketAddr;

/// A browser without scripts: it keeps the cookie, and sends forms as pages have them.
pub(crate) struct Browser {
    address: SocketAddr,
    cookie: Option<String>,
    /// The key of the forms of the page that it got last.
    form_key: String,
    /// Where a proxy says that it is.
    place: Option<String>,
}

impl Browser {
    /// A browser that has been nowhere.
    pub(crate) fn of(gateway: &Gateway) -> Self {
        Self::at(gateway.address)
    }

    /// One that goes to this listener.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self { address, cookie: None, form_key: String::new(), place: None }
    }

    /// One that a proxy says to be there.
    pub(crate) fn behind_a_proxy(gateway: &Gateway, place: &str) -> Self {
        let mut browser = Self::of(gateway);
        browser.go_to(place);
        browser
    }

    /// Has a proxy say from now on that it is there.
    pub(crate) fn go_to(&mut self, place: &str) {
        self.place = Some(place.to_owned());
    }

    /// A browser in which an operator is signed in, whom it makes.
    pub(crate) fn signed_in(gateway: &Gateway, name: &str) -> Self {
        make_operator(gateway, name);
        let mut browser = Self::of(gateway);
        browser.sign_in(name);
        browser
    }

    /// Signs in.
    pub(crate) fn sign_in(&mut self, name: &str) {
        let answer = self.try_sign_in(name, PASSWORD);
        assert_eq!(answer.status, 302, "{}", answer.text());
    }

    /// Tries to.
    pub(crate) fn try_sign_in(&mut self, name: &str, password: &str) -> Answer {
        self.get("/admin/login/");
        self.post("/admin/login/", &[("username", name), ("password", password)])
    }

    /// Gets a page.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path))
    }

    /// Sends a form, with the key of the last page.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form_key = self.form_key.clone();
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("form_key", &form_key).extend_pairs(fields);
        let request = Request::post(path)
            .with("Content-Type", "application/x-www-form-urlencoded")
            .with("Origin", &format!("http://{HOST}"))
            .with("Sec-Fetch-Site", "same-origin")
            .body(form.finish());
        self.send(request)
    }

    /// Sends a request with the cookie, and keeps what comes back.
    pub(crate) fn send(&mut self, request: Request) -> Answer {
        let request = match &self.cookie {
            Some(cookie) => request.with("Cookie", cookie),
            None => request,
        };
        let request = match &self.place {
            Some(place) => request.with("X-Forwarded-For", place),
            None => request,
        };
        let answer = Connection::open(self.address).send(request.bytes()).answer();
        if let Some(set) = answer.header("Set-Cookie") {
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        if let Some(key) = between(&answer.text(), "name=\"form_key\" value=\"", "\"") {
            self.form_key = key;
        }
        answer
    }

    /// Has it show this cookie from now on.
    pub(crate) fn show(&mut self, cookie: &str) {
        self.cookie = Some(cookie.to_owned());
    }

    /// The key of the forms of the page that it got last.
    pub(crate) fn form_key(&self) -> &str {
        &self.form_key
    }

    /// Whether it is signed in.
    pub(crate) fn is_in(&mut self) -> bool {
        let answer = self.get("/admin/account/");
        assert!([200, 302].contains(&answer.status), "{} {}", answer.status, answer.text());
        answer.status == 200
    }

    /// The cookie that it shows.
    pub(crate) fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }
}

/// Tests a gateway on each store, with these settings beside.
pub(crate) fn on_each_store(settings: &str, test: impl Fn(&Gateway)) {
    let redis = RedisServer::start();
    for store in [String::new(), redis.settings()] {
        test(&Gateway::start(&format!("{store}{settings}")));
    }
}

/// Makes an operator.
pub(crate) fn make_operator(gateway: &Gateway, name: &str) {
    let verb = ["user", "create", name, "--staff", "--password-stdin"];
    gateway.run_with_input(&verb, PASSWORD).done();
}

/// What stands between two texts.
pub(crate) fn between(text: &str, before: &str, after: &str) -> Option<String> {
    Some(text.split_once(before)?.1.split_once(after)?.0.to_owned())
}
