//! A gateway that people are moved to, asked as clients ask it.

use percent_encoding::percent_decode_str;
use serde_json::json;

use super::reference::{Known, Login, Verdicts};
use crate::harness::gateway::{Gateway, route};
use crate::harness::http::Request;
use crate::harness::redis_server::RedisServer;
use crate::harness::upstream::{Script, Upstream};

/// Where the gateway keeps what it takes over.
#[derive(Clone, Copy)]
pub(super) enum Store {
    Sqlite,
    Redis,
}

/// A gateway before an app that says who calls.
pub(super) struct Here {
    pub(super) gateway: Gateway,
    _upstream: Upstream,
    _redis: Option<RedisServer>,
}

impl Here {
    /// One whose store is empty.
    pub(super) fn on(store: Store) -> Self {
        let upstream = Upstream::answering(Script::WhoCalls);
        let redis = match store {
            Store::Sqlite => None,
            Store::Redis => Some(RedisServer::start()),
        };
        let store = redis.as_ref().map(RedisServer::settings).unwrap_or_default();
        // Each password is tried rightly and wrongly many times, all from here.
        let settings = store + "[limits]\nenabled = false\n" + &upstream.settings();
        let gateway = Gateway::start(&(settings + &route("/", "user")));
        Self { gateway, _upstream: upstream, _redis: redis }
    }

    /// Takes a Django over, and goes on as if it had just been started.
    pub(super) fn import(&mut self, source: &str, options: &[&str]) {
        self.gateway.run(&[&["import", "django", source], options].concat()).done();
        self.gateway.restart();
    }

    /// What it says of all that clients know.
    pub(super) fn verdicts(&self, known: &Known) -> Verdicts {
        Verdicts {
            tokens: self.who_call(known),
            logins: known.logins.iter().map(|login| self.who_logs_in(login)).collect(),
        }
    }

    /// Who each token is.
    pub(super) fn who_call(&self, known: &Known) -> Vec<Option<u64>> {
        known.tokens.iter().map(|token| self.who_calls(token)).collect()
    }

    /// Who a token is.
    pub(super) fn who_calls(&self, token: &str) -> Option<u64> {
        self.caller(token).map(|(id, _)| id)
    }

    /// By which number and name an app is told of a token.
    pub(super) fn caller(&self, token: &str) -> Option<(u64, String)> {
        let answer = self.gateway.send(&Request::get("/app").token(token));
        match answer.status {
            200 => {
                let told = answer.json();
                let name = percent_decode_str(told["user"].as_str().unwrap()).decode_utf8();
                let id = told["id"].as_str().unwrap().parse().unwrap();
                Some((id, name.unwrap().into_owned()))
            }
            401 => None,
            other => panic!("{other}: {}", answer.text()),
        }
    }

    /// Who it is that a name and a password let in.
    pub(super) fn who_logs_in(&self, login: &Login) -> Option<u64> {
        self.log_in(login).and_then(|token| self.who_calls(&token))
    }

    /// A new token.
    pub(super) fn log_in(&self, login: &Login) -> Option<String> {
        let body = json!({ "username": login.username, "password": login.password });
        let request = Request::post("/api/login/").json(&body);
        let answer = self.gateway.connect().for_costly_hashes().send(request.bytes()).answer();
        match answer.status {
            200 => Some(answer.json()["token"].as_str().unwrap().to_owned()),
            400 => None,
            other => panic!("{} {other}: {}", login.username, answer.text()),
        }
    }

    /// Ends a token, or with `/api/logoutall/` all of its user's.
    pub(super) fn end(&self, path: &str, token: &str) {
        assert_eq!(self.gateway.send(&Request::post(path).token(token)).status, 204, "{path}");
    }
}
