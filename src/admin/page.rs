//! What all pages look like: the frame round them, and the pieces that they are made of.

use super::site::Site;
use super::{assets, empty};
use crate::clock::Timestamp;
use crate::gateway::ConsoleAnswer;
use http::{HeaderValue, Response, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

/// The parts of the console, in the order of its menu.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Nav {
    Overview,
    Users,
    Tokens,
    Limits,
    Events,
    Routes,
    Settings,
    /// What is about the operator, and refusals: no part of the menu.
    None,
}

const MENU: [(Nav, &str, &str); 7] = [
    (Nav::Overview, "Overview", "/"),
    (Nav::Users, "Users", "/users/"),
    (Nav::Tokens, "Tokens", "/tokens/"),
    (Nav::Limits, "Limits", "/limits/"),
    (Nav::Events, "Events", "/events/"),
    (Nav::Routes, "Routes", "/routes/"),
    (Nav::Settings, "Settings", "/settings/"),
];

/// A page for those who are signed in.
pub(super) fn framed(site: &Site<'_>, nav: Nav, title: &str, body: &Markup) -> ConsoleAnswer {
    let name = site.session.user.username.as_str();
    let content = html! {
        a.skip href="#main" { "Skip to the content" }
        header.top {
            a.brand href=(site.link("/")) { "authgate" }
            nav aria-label="Console" {
                @for (part, label, path) in MENU {
                    @let current = (part == nav).then_some("page");
                    a href=(site.link(path)) aria-current=[current] { (label) }
                }
            }
            div.me {
                a href=(site.link("/account/")) title="Your account" { (name) }
                form method="post" action=(site.link("/logout/")) {
                    (site.form_key())
                    button.quiet { "Sign out" }
                }
            }
        }
        main id="main" {
            @if site.auth().metrics().is_shadow() {
                div.alert role="status" {
                    p {
                        b { "Nothing is guarded: " }
                        "the gateway is a shadow, and every request passes as it came. It tells in its \
                         metrics and its log what it would have refused."
                    }
                }
            }
            h1 { (title) }
            (body)
        }
    };
    whole(&site.entrance().settings.path, title, &content)
}

/// A page for anyone, such as that for signing in: a narrow card.
pub(super) fn plain(path: &str, title: &str, body: &Markup) -> ConsoleAnswer {
    let content = html! {
        main.card id="main" {
            p.brand { "authgate" }
            (body)
        }
    };
    whole(path, title, &content)
}

fn whole(path: &str, title: &str, content: &Markup) -> ConsoleAnswer {
    let version = assets::version();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · authgate" }
                link rel="icon" href=(format!("{path}/assets/icon.svg?{version}"));
                link rel="stylesheet" href=(format!("{path}/assets/console.css?{version}"));
                script src=(format!("{path}/assets/console.js?{version}")) defer {}
            }
            body { (content) }
        }
    };
    let mut response = Response::new(markup.into_string().into_bytes());
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    ConsoleAnswer::Whole(response)
}

/// The same with another status.
pub(super) fn with_status(answer: ConsoleAnswer, status: StatusCode) -> ConsoleAnswer {
    let ConsoleAnswer::Whole(mut response) = answer else { return answer };
    *response.status_mut() = status;
    ConsoleAnswer::Whole(response)
}

/// The same with a cookie.
pub(super) fn with_cookie(answer: ConsoleAnswer, cookie: &str) -> ConsoleAnswer {
    let ConsoleAnswer::Whole(mut response) = answer else { return answer };
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    ConsoleAnswer::Whole(response)
}

/// Sends the browser to another page, which it gets by GET.
pub(super) fn redirect(to: &str) -> ConsoleAnswer {
    let mut response = empty(StatusCode::FOUND);
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, to);
    ConsoleAnswer::Whole(response)
}

/// The head of an answer that browsers keep as a file of that name.
pub(super) fn download(kind: &'static str, name: &str) -> Response<()> {
    let mut head = Response::new(());
    let headers = head.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    head
}

/// A moment, to the second, in UTC; browsers with scripts tell it in their own zone.
pub(super) fn moment(at: Timestamp) -> Markup {
    let full = at.to_string();
    let short = full.get(..19).unwrap_or(&full).replace('T', " ");
    html! { time datetime=(full) { (short) } }
}

/// A moment that may never have been.
pub(super) fn moment_or(at: Option<Timestamp>, otherwise: &str) -> Markup {
    at.map_or_else(|| html! { span.faint { (otherwise) } }, moment)
}
