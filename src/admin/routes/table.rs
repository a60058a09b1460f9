//! The table of routes, and what each had to do within the last hour.

use super::super::site::Site;
use crate::gateway::{Hour, RouteView};
use maud::{Markup, html};

/// How many are on a page.
const PAGE: usize = 100;

/// Which routes are shown.
struct Shown {
    page: usize,
    text: String,
}

/// The routes in the order of matching.
pub(super) fn shown(site: &Site<'_>) -> Markup {
    let query = &site.asked().query;
    let page = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1);
    let text = query.get("q").unwrap_or_default().trim().to_lowercase();
    let shown = Shown { page, text };
    let routes: Vec<_> =
        site.gateway().routes().into_iter().filter(|route| shown.fits(route)).collect();
    let start = (page - 1).saturating_mul(PAGE);
    let here: Vec<_> = routes.iter().skip(start).take(PAGE).collect();
    let busiest = routes.iter().map(|route| route.hour.all).max().unwrap_or_default();
    html! {
        div.toolbar {
            h2.flush { "Routes" }
            div.row {
                form.row role="search" method="get" action=(site.link("/routes/")) {
                    label { "Host, path, access or upstream"
                        input type="search" name="q" value=(query.get("q").unwrap_or_default())
                            autocapitalize="none" spellcheck="false" maxlength="200";
                    }
                    button { "Find" }
                }
                a.button href=(site.link("/routes/explain/")) { "Explain a request" }
            }
        }
        @if here.is_empty() { (none(site, &shown)) } @else { (table(site, &here, busiest)) }
        (pager(site, &shown, routes.len()))
        (key())
        p.hint {
            "The first route that fits takes the request; what none takes is answered with 404. Counted "
            "is what this gateway has served within the last hour: each gateway shows its own. "
            code { "authgate routes" } " shows what each route changes."
        }
    }
}

impl Shown {
    fn fits(&self, route: &RouteView) -> bool {
        let words = &route.words;
        let mut texts = [&words.host, &words.path, &words.access, &words.upstream].into_iter();
        self.text.is_empty() || texts.any(|text| text.to_lowercase().contains(&self.text))
    }

    fn address(&self, page: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.text.is_empty() {
            query.append_pair("q", &self.text);
        }
        format!("/routes/?{}", query.append_pair("page", &page.to_string()).finish())
    }
}

fn none(site: &Site<'_>, shown: &Shown) -> Markup {
    html! {
        p.empty {
            @if shown.text.is_empty() && shown.page == 1 {
                "There are no routes, so that no request reaches an app. Write one as "
                code { "[[routes]]" } " in the settings."
            } @else {
                "No route is like that. " a href=(site.link("/routes/")) { "Show all routes" }
            }
        }
    }
}

fn table(site: &Site<'_>, routes: &[&RouteView], busiest: u64) -> Markup {
    html! {
        div.table {
            table.cards aria-label="Routes in the order of matching" {
                thead { tr {
                    th scope="col" { "Path" }
                    th scope="col" { "Host" }
                    th scope="col" { "Methods" }
                    th scope="col" { "Access" }
                    th scope="col" { "Upstream" }
                    th.number scope="col" { "Requests/h" }
                    th.number scope="col" { "401" }
                    th.number scope="col" { "403" }
                    th.number scope="col" { "5xx" }
                    th scope="col" { "Share" }
                } }
                tbody { @for route in routes { (row(site, route, busiest)) } }
            }
        }
    }
}

fn row(site: &Site<'_>, route: &RouteView, busiest: u64) -> Markup {
    let (words, hour) = (&route.words, &route.hour);
    html! {
        tr {
            td.long data-label="Path" { a.mono href=(site.link(&explain(route))) { (words.path) } }
            td.long data-label="Host" { (or_any(&words.host)) }
            td data-label="Methods" {
                (or_any(&words.methods))
                @if words.headers != "*" { span.faint { " with " (words.headers) } }
            }
            td data-label="Access" { span.badge.warn[words.access == "public"] { (words.access) } }
            td data-label="Upstream" { (words.upstream) }
            td.number data-label="Requests/h" { (hour.all) }
            td.number data-label="401" { (part(hour.unauthorized, hour.all, "")) }
            td.number data-label="403" { (part(hour.forbidden, hour.all, "")) }
            td.number data-label="5xx" { (part(hour.failed, hour.all, "bad")) }
            td data-label="Share" { (bar(hour, busiest)) }
        }
    }
}

/// What fits everything is no word of its own.
pub(super) fn or_any(text: &str) -> Markup {
    html! { @if text == "*" { span.faint { "any" } } @else { (text) } }
}

/// Where a request to this route is explained.
fn explain(route: &RouteView) -> String {
    let words = &route.words;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("path", &words.path);
    if words.host != "*" {
        query.append_pair("host", &words.host.replace("*.", "www."));
    }
    if let Some(method) = words.methods.split(',').next().filter(|method| *method != "*") {
        query.append_pair("method", method);
    }
    format!("/routes/explain/?{}", query.finish())
}

/// A count, and how much of all it is.
fn part(count: u64, all: u64, class: &str) -> Markup {
    html! {
        @if count == 0 { span.faint { "0" } }
        @else {
            span class=(class) { (count) } " "
            span.faint { (percent(count, all)) }
        }
    }
}

fn percent(count: u64, all: u64) -> String {
    match count * 100 / all.max(1) {
        0 => "<1%".to_owned(),
        percent => format!("{percent}%"),
    }
}

/// As long as the route's requests are many beside those of the busiest one, and parted by how they
/// ended.
fn bar(hour: &Hour, busiest: u64) -> Markup {
    const WIDTH: u64 = 120;
    let refused = hour.unauthorized + hour.forbidden + hour.failed;
    let parts = [
        ("s1", hour.all.saturating_sub(refused)),
        ("s4", hour.unauthorized),
        ("s2", hour.forbidden),
        ("s3", hour.failed),
    ];
    let scaled = |count: u64| count * WIDTH / busiest.max(1);
    let told = format!("{} requests, {refused} of them refused or failed", hour.all);
    let mut before = 0;
    let mut place = |count: u64| {
        let start = scaled(before);
        before += count;
        (start, (scaled(before) - start).max(1))
    };
    html! {
        @if hour.all > 0 {
            svg.bar viewBox=(format!("0 0 {} 10", WIDTH + 4)) width=(WIDTH + 4) height="10" role="img"
                aria-label=(told) {
                @for (class, count) in parts {
                    @if count > 0 {
                        @let (x, width) = place(count);
                        rect class=(class) x=(x) y="0" width=(width) height="10" {}
                    }
                }
            }
        }
    }
}

fn key() -> Markup {
    html! {
        ul.key {
            li.s1 { "passed, or ended otherwise" }
            li.s4 { "401: no good token" }
            li.s2 { "403: not permitted" }
            li.s3 { "5xx: failed" }
        }
    }
}

fn pager(site: &Site<'_>, shown: &Shown, all: usize) -> Markup {
    let pages = all.div_ceil(PAGE);
    let page = shown.page;
    html! {
        @if pages > 1 {
            nav.pager aria-label="Pages of routes" {
                @if page > 1 { a.button href=(site.link(&shown.address(page - 1))) { "Previous" } }
                span.faint { "Page " (page) " of " (pages) ", " (all) " routes" }
                @if page < pages { a.button href=(site.link(&shown.address(page + 1))) { "Next" } }
            }
        }
    }
}
