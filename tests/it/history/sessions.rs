//! Sessions of an operator at the console, by pages and forms as a browser has them.

use super::keeper::KEEPER;
use super::record::{Act, Line, TokenNumber};
use super::scene::{Scene, exchange};
use crate::console::between;
use crate::harness::gateway::PASSWORD;
use crate::harness::http::{Answer, HOST, Request};
use std::io;

impl Scene<'_> {
    /// Signs the keeper in.
    pub(super) fn sign_in(&self, gateway: usize) -> Option<TokenNumber> {
        let begun = (self.recorder.now(), gateway);
        let (status, cookie) = self.try_sign_in(gateway).unwrap_or_default();
        let issued = cookie.map(|cookie| self.recorder.number(cookie));
        let made = (issued, issued.map(|_| KEEPER));
        let deed = self.deed(Act::SignIn { name: KEEPER.to_owned() }, begun, status, made);
        self.recorder.note(Line::Deed(deed));
        issued
    }

    fn try_sign_in(&self, gateway: usize) -> io::Result<(u16, Option<String>)> {
        let page = exchange(self.gateways[gateway], &Request::get("/admin/login/"))?;
        let Some(cookie) = cookie(&page).filter(|_| page.status == 200) else {
            return Ok((page.status, None));
        };
        let fields = [("username", KEEPER), ("password", PASSWORD)];
        let request = form("/admin/login/", &cookie, &page, &fields);
        let answer = exchange(self.gateways[gateway], &request)?;
        let is_in = answer.status == 302;
        Ok((if is_in { 200 } else { answer.status }, self::cookie(&answer).filter(|_| is_in)))
    }

    /// Looks whether a session is good.
    pub(super) fn use_session(&self, gateway: usize, token: TokenNumber, is_last: bool) {
        self.until_told(is_last, || {
            let begun = (self.recorder.now(), gateway);
            let (status, page) = self.account(gateway, token);
            let page = page.filter(|_| status == 200);
            let of = page.map(|page| if page.text().contains(KEEPER) { KEEPER } else { "nobody" });
            self.deed(Act::UseSession { token }, begun, status, (None, of))
        });
    }

    /// Signs out.
    pub(super) fn sign_out(&self, gateway: usize, token: TokenNumber) {
        let begun = (self.recorder.now(), gateway);
        let (status, page) = self.account(gateway, token);
        let status = match page.filter(|_| status == 200) {
            Some(page) => self.leave(gateway, token, &page),
            None => status,
        };
        let deed = self.deed(Act::SignOut { token }, begun, status, (None, None));
        self.recorder.note(Line::Deed(deed));
    }

    fn leave(&self, gateway: usize, token: TokenNumber, page: &Answer) -> u16 {
        let request = form("/admin/logout/", &self.recorder.text(token), page, &[]);
        exchange(self.gateways[gateway], &request).map_or(0, |answer| match answer.status {
            302 if has_left(&answer) => 204,
            302 => 401,
            status => status,
        })
    }

    /// A page that only who is signed in gets; 401 for whoever is not.
    fn account(&self, gateway: usize, token: TokenNumber) -> (u16, Option<Answer>) {
        let cookie = self.recorder.text(token);
        let request = Request::get("/admin/account/").with("Cookie", &cookie);
        match exchange(self.gateways[gateway], &request) {
            Ok(answer) if answer.status == 302 => (401, None),
            Ok(answer) => (answer.status, Some(answer)),
            Err(_) => (0, None),
        }
    }
}

fn has_left(answer: &Answer) -> bool {
    answer.header("Set-Cookie").is_some_and(|set| set.contains("Max-Age=0"))
}

fn cookie(answer: &Answer) -> Option<String> {
    answer.header("Set-Cookie")?.split(';').next().map(str::to_owned)
}

/// A form of a page, filled in.
fn form(path: &str, cookie: &str, page: &Answer, fields: &[(&str, &str)]) -> Request {
    let key = between(&page.text(), "name=\"form_key\" value=\"", "\"").unwrap_or_default();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("form_key", &key).extend_pairs(fields);
    Request::post(path)
        .with("Content-Type", "application/x-www-form-urlencoded")
        .with("Origin", &format!("http://{HOST}"))
        .with("Sec-Fetch-Site", "same-origin")
        .with("Cookie", cookie)
        .body(form.finish())
}
