//! `authgate explain`

use super::routes::{as_json, as_row, upstream_of};
use super::user::read_line;
use super::{Failure, SettingsFile, output, whole_accounts_of};
use crate::auth::Auth;
use crate::config::Flags;
use crate::gateway::{
    Explanation, Forwarded, Inquiry, Outcome, Sender, ServerName, Settings, UpstreamSettings,
    explain,
};
use crate::model::identity::Identity;
use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use serde_json::{Map, Value, json};
use std::net::{IpAddr, Ipv4Addr};

#[derive(Args)]
pub(super) struct Explain {
    /// The method, such as GET
    method: String,
    #[arg(help = URL)]
    url: String,
    #[command(flatten)]
    settings: SettingsFile,
    #[command(flatten)]
    sender: SenderOptions,
    /// The address that the request comes from
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    from: IpAddr,
    /// A header of the request; may be given several times
    // Read later: a value that does not fit would be repeated, and it may be a secret.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

// Not a doc comment: an address in one of those wants angle brackets, which help would show.
const URL: &str = "The path with its query, such as /app?page=2, or the whole http://HOST/PATH";

#[derive(Args)]
#[group(multiple = false)]
struct SenderOptions {
    /// The token that the request has. One given here may stay in your shell's history, and others
    /// see it in the list of processes: --token-stdin does no harm
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// The token is the first line of standard input
    #[arg(long)]
    token_stdin: bool,
    /// The request has a good token of this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Who sends the request.
enum Who {
    Accounts(Box<Auth>),
    Nobody,
    User(Option<Identity>),
}

impl Explain {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let config = self.settings.load(Flags::default())?;
        let gateway = config.gateway.clone();
        let inquiry = self.inquiry(&gateway)?;
        let is_signed = inquiry.headers.contains_key(header::AUTHORIZATION);
        let who = match &self.sender.user {
            Some(name) => Who::User(user(&whole_accounts_of(config).await?, name).await?),
            None if is_signed => Who::Accounts(Box::new(whole_accounts_of(config).await?)),
            None => Who::Nobody,
        };
        let sender = match &who {
            Who::Accounts(accounts) => Sender::Accounts(accounts),
            Who::Nobody => Sender::Nobody,
            Who::User(identity) => Sender::Stated(identity.as_ref()),
        };
        let upstreams = gateway.upstreams.clone();
        let explained = explain(gateway, inquiry, sender).await;
        let no_target = |_| Failure::Refused(format!("{:?} is no target", self.url));
        let explained = explained.map_err(no_target)?;
        if self.json {
            output::json(&in_json(&explained, &upstreams));
        } else {
            tell(&explained, &upstreams);
        }
        Ok(())
    }

    fn inquiry(&self, gateway: &Settings) -> Result<Inquiry, Failure> {
        let method = Method::from_bytes(self.method.as_bytes());
        let method =
            method.map_err(|_| Failure::Refused(format!("{:?} is not a method", self.method)))?;
        let (host, target) = split_url(&self.url)?;
        let mut headers: HeaderMap = HeaderMap::new();
        for (header, number) in self.headers.iter().zip(1..) {
            let (name, value) = parse_header(header, number).map_err(Failure::Refused)?;
            headers.append(name, value);
        }
        if !headers.contains_key(header::HOST) {
            let value = HeaderValue::from_str(host);
            let host =
                value.map_err(|_| Failure::Refused(format!("{:?} has no host", self.url)))?;
            headers.insert(header::HOST, host);
        }
        if let Some(token) = self.sender.token()? {
            headers.append(header::AUTHORIZATION, bearing(gateway, &token)?);
        }
        let is_secure = self.url.starts_with("https://");
        let called = is_secure.then(|| ServerName::called(host)).flatten();
        Ok(Inquiry { called, headers, is_secure, method, peer: self.from, target })
    }
}

impl SenderOptions {
    fn token(&self) -> Result<Option<String>, Failure> {
        if self.token_stdin { read_line().map(Some) } else { Ok(self.token.clone()) }
    }
}

fn bearing(gateway: &Settings, token: &str) -> Result<HeaderValue, Failure> {
    let value = HeaderValue::from_str(&format!("{} {token}", gateway.scheme));
    // What is wrong with it is not shown: it is a secret.
    value.map_err(|_| Failure::Refused("the token has characters that no header has".to_owned()))
}

/// The user of that name as a good token of theirs would show them; `None` if they are locked out.
async fn user(accounts: &Auth, name: &str) -> Result<Option<Identity>, Failure> {
    let user = accounts.user_named(name).await?;
    Ok(user.is_active.then(|| Identity::of(&user)))
}

/// The host of a URL and its target.
fn split_url(url: &str) -> Result<(&str, String), Failure> {
    if url.starts_with('/') {
        return Ok(("localhost", url.to_owned()));
    }
    let whole = url.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme));
    let (_, rest) = whole.ok_or_else(|| {
        Failure::Refused(format!("{url:?} is no URL; write /PATH or http://HOST/PATH"))
    })?;
    let (host, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let slash = if target.starts_with('/') { "" } else { "/" };
    Ok((host, format!("{slash}{target}")))
}

fn parse_header(text: &str, number: usize) -> Result<(HeaderName, HeaderValue), String> {
    let none = || format!("header {number} is none: write NAME: VALUE");
    let odd = |part| format!("the {part} of header {number} has characters that none has");
    let (name, value) = text.split_once(':').ok_or_else(none)?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| odd("name"))?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| odd("value"))?;
    Ok((name, value))
}

fn tell(explained: &Explanation, upstreams: &[UpstreamSettings]) {
    let rows = explained.considered.iter().map(|(route, why)| {
        let [host, path, methods, headers, access, upstream, _] = as_row(route, upstreams);
        [host, path, methods, headers, access, upstream, why.clone()]
    });
    let heads = ["HOST", "PATH", "METHODS", "HEADERS", "ACCESS", "UPSTREAM", "WHY"];
    output::table(heads, rows.collect(), "No route has this path.");
    out!();
    if let Some(access) = explained.access() {
        out!("access:   {access}");
    }
    match &explained.outcome {
        Outcome::Answered(response) => tell_answer(explained, response),
        Outcome::Console => out!("answer:   from authgate: this is its console"),
        Outcome::Endpoint => out!("answer:   from authgate: this is one of its endpoints"),
        Outcome::Forwarded(Forwarded { headers, method, target, upstream }) => {
            let upstream = upstreams.get(*upstream);
            let name = upstream.map_or("-", |upstream| &upstream.name);
            out!("goes to:  {name}, as\n\n{method} {target}");
            for (name, value) in headers {
                out!("{name}: {}", explained.shown(name, value));
            }
        }
    }
}

fn tell_answer(explained: &Explanation, response: &Response<Vec<u8>>) {
    out!("answer:   from authgate:\n\n{}", response.status());
    for (name, value) in response.headers() {
        out!("{name}: {}", explained.shown(name, value));
    }
    out!("\n{}", String::from_utf8_lossy(response.body()));
}

fn headers_of(explained: &Explanation, headers: &HeaderMap) -> Value {
    let pairs =
        headers.iter().map(|(name, value)| (name.to_string(), json!(explained.shown(name, value))));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn in_json(explained: &Explanation, upstreams: &[UpstreamSettings]) -> Value {
    let considered = explained.considered.iter().map(|(route, why)| {
        let is_taken = explained.route.as_ref().is_some_and(|taken| taken == route);
        json!({ "route": as_json(route, upstreams), "taken": is_taken, "why": why })
    });
    let caller = explained.caller.as_ref().map(|caller| {
        json!({
            "id": caller.user.0,
            "username": caller.names.username(),
            "is_staff": caller.is_staff,
        })
    });
    let (answer, forwarded) = match &explained.outcome {
        Outcome::Answered(response) => {
            let body = String::from_utf8_lossy(response.body()).into_owned();
            let status = response.status().as_u16();
            let headers = headers_of(explained, response.headers());
            (json!({ "status": status, "headers": headers, "body": body }), Value::Null)
        }
        Outcome::Console | Outcome::Endpoint => {
            (json!({ "status": null, "headers": {}, "body": null }), Value::Null)
        }
        Outcome::Forwarded(sent) => {
            let upstream = explained.route.as_ref().and_then(|route| upstream_of(route, upstreams));
            let headers = headers_of(explained, &sent.headers);
            let forwarded = json!({
                "upstream": upstream,
                "method": sent.method.as_str(),
                "target": sent.target,
                "headers": headers,
            });
            (Value::Null, forwarded)
        }
    };
    json!({
        "answered_by": answered_by(&explained.outcome),
        "routes": considered.collect::<Vec<_>>(),
        "access": explained.access(),
        "caller": caller,
        "answer": answer,
        "forwarded": forwarded,
    })
}

/// Which part of authgate answers, if not an app.
fn answered_by(outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Answered(_) => Some("gateway"),
        Outcome::Console => Some("console"),
        Outcome::Endpoint => Some("endpoint"),
        Outcome::Forwarded(_) => None,
    }
}
