//! `/routes/explain/`: what would become of a request, judged by the very settings at work.

use super::super::asked::Pairs;
use super::super::fields::{Field, Problems, field};
use super::super::page::Nav;
use super::super::refusal::Refusal;
use super::super::site::Site;
use super::told;
use crate::gateway::{ConsoleAnswer, Inquiry, Sender, ServerName};
use crate::model::identity::Identity;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use maud::{Markup, html};
use std::net::IpAddr;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// As whom a request is sent: what the form calls it, and what it says.
const SENDERS: [(&str, &str); 3] = [
    ("nobody", "Nobody, without a token"),
    ("user", "A user, with a good token"),
    ("locked-out", "Someone who is locked out"),
];

/// What was typed; at first, what a link says or what is likely.
struct Typed {
    from: String,
    headers: String,
    host: String,
    is_secure: bool,
    method: String,
    path: String,
    sender: String,
    user: String,
}

/// `/routes/explain/`
pub(super) async fn answer(site: &Site<'_>) -> Result<ConsoleAnswer, Refusal> {
    let mut problems = Problems::default();
    if site.asked().is_read() {
        let typed = Typed::read(site, &site.asked().query);
        return Ok(page(site, &typed, &problems, &html! {}));
    }
    let typed = Typed::read(site, &site.form()?);
    let sender = typed.sender(site, &mut problems).await?;
    let inquiry = typed.inquiry(&mut problems);
    let (Some(inquiry), Some(user)) = (inquiry, sender) else {
        return Ok(page(site, &typed, &problems, &html! {}));
    };
    let sender =
        if typed.sender == "nobody" { Sender::Nobody } else { Sender::Stated(user.as_ref()) };
    let told = if let Ok(explained) = site.gateway().explain(inquiry, sender).await {
        told::told(&explained, &site.gateway().upstreams())
    } else {
        problems.add("path", ["This is no path of a request."]);
        html! {}
    };
    Ok(page(site, &typed, &problems, &told))
}

impl Typed {
    fn read(site: &Site<'_>, pairs: &Pairs) -> Self {
        let own = site.asked().headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let text = |name: &str, otherwise: &str| pairs.get(name).unwrap_or(otherwise).to_owned();
        Self {
            from: text("from", "127.0.0.1"),
            headers: text("headers", ""),
            host: text("host", own.unwrap_or("localhost")),
            is_secure: pairs.is_ticked("tls"),
            method: text("method", "GET"),
            path: text("path", "/"),
            sender: text("sender", "nobody"),
            user: text("user", ""),
        }
    }

    /// Whose good token it has: that of none, if they are locked out. Nothing where that is not clear.
    async fn sender(
        &self,
        site: &Site<'_>,
        problems: &mut Problems,
    ) -> Result<Option<Option<Identity>>, Refusal> {
        if self.sender != "user" {
            return Ok(Some(None));
        }
        if self.user.is_empty() {
            problems.add("user", ["Say which user sends it."]);
            return Ok(None);
        }
        match site.auth().user_named(&self.user).await.map_err(Refusal::from) {
            Ok(user) => Ok(Some(user.is_active.then(|| Identity::of(&user)))),
            Err(Refusal::Refused(words)) => {
                problems.add("user", [words]);
                Ok(None)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// The request; nothing where something is wrong with it.
    fn inquiry(&self, problems: &mut Problems) -> Option<Inquiry> {
        let method = Method::from_bytes(self.method.trim().as_bytes());
        if method.is_err() {
            problems.add("method", ["This is no method; write one such as GET."]);
        }
        let peer = self.from.trim().parse::<IpAddr>();
        if peer.is_err() {
            problems.add("from", ["This is no address; write one such as 192.0.2.7."]);
        }
        if !self.path.starts_with('/') {
            problems.add("path", ["A path begins with a slash."]);
        }
        let mut headers = headers(&self.headers, problems);
        let host = self.host.trim();
        match HeaderValue::from_str(host) {
            // One among the headers is what the request says.
            Ok(host) => drop(headers.try_entry(header::HOST).ok()?.or_insert(host)),
            Err(_) => problems.add("host", ["This is no host."]),
        }
        let (method, peer) = (method.ok()?, peer.ok()?);
        if !problems.is_empty() {
            return None;
        }
        let called = self.is_secure.then(|| ServerName::called(host)).flatten();
        let (is_secure, target) = (self.is_secure, self.path.clone());
        Some(Inquiry { called, headers, is_secure, method, peer, target })
    }
}

/// Headers, one a line. A token has no place here: it would be in the memory of the browser.
fn headers(text: &str, problems: &mut Problems) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match header(line) {
            Ok((name, value)) => {
                if headers.try_append(name, value).is_err() {
                    problems.add("headers", ["There are too many."]);
                    return headers;
                }
            }
            Err(problem) => problems.add("headers", [format!("Line {number}{problem}.")]),
        }
    }
    headers
}

/// One header, or what is wrong with its line. That may hold a secret, and is not repeated.
fn header(line: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = line.split_once(':').ok_or(" is no header; write NAME: VALUE")?;
    let name = HeaderName::from_bytes(name.trim().as_bytes());
    let name = name.map_err(|_| ": the name has characters that no header's has")?;
    if name == header::AUTHORIZATION {
        return Err(": do not paste tokens here; say as whom it is sent");
    }
    let value = HeaderValue::from_str(value.trim());
    Ok((name, value.map_err(|_| ": the value has characters that no header's has")?))
}

/// The lines as they are shown again, to be mended: empty where a token was.
fn without_tokens(lines: &str) -> String {
    let is_about_one = |line: &str| {
        let name = header::AUTHORIZATION.as_str();
        line.trim().get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let shown = lines.lines().map(|line| if is_about_one(line) { "" } else { line });
    shown.collect::<Vec<_>>().join("\n")
}

fn page(site: &Site<'_>, typed: &Typed, problems: &Problems, told: &Markup) -> ConsoleAnswer {
    let body = html! {
        p {
            "What this gateway would do with a request at this moment, and why. Nothing is sent, and "
            "nothing is counted. " a href=(site.link("/routes/")) { "Back to the routes" }
        }
        (problems.summary())
        (told)
        (form(site, typed, problems))
    };
    site.page(Nav::Routes, "Explain a request", &body)
}

fn form(site: &Site<'_>, typed: &Typed, problems: &Problems) -> Markup {
    let text = |label: &'static str, name: &'static str, value| {
        let (autocomplete, hint, kind) = ("off", None, "text");
        field(Field { autocomplete, hint, label, name, kind, value }, problems)
    };
    html! {
        form.panel method="post" action=(site.link("/routes/explain/")) {
            (site.form_key())
            div.columns {
                div.field { (method(&typed.method)) (problems.list("method")) }
                (text("Path, with its query", "path", &typed.path))
                (text("Host", "host", &typed.host))
                (text("From the address", "from", &typed.from))
                label { "Sent by"
                    select name="sender" {
                        @for (value, words) in SENDERS {
                            option value=(value) selected[typed.sender == value] { (words) }
                        }
                    }
                }
                (text("The user, if one sends it", "user", &typed.user))
            }
            label { "Headers, one a line"
                textarea name="headers" rows="3" spellcheck="false" autocapitalize="none"
                    placeholder="Accept: application/json" { (without_tokens(&typed.headers)) }
            }
            (problems.list("headers"))
            div.row.between.after {
                label.check {
                    input type="checkbox" name="tls" value="yes" checked[typed.is_secure];
                    "Over TLS"
                }
                button.primary { "Explain" }
            }
        }
    }
}

fn method(chosen: &str) -> Markup {
    let is_known = METHODS.contains(&chosen);
    html! {
        label { "Method"
            select name="method" {
                @if !is_known { option value=(chosen) selected { (chosen) } }
                @for method in METHODS {
                    option value=(method) selected[method == chosen] { (method) }
                }
            }
        }
    }
}
