//! Requests that no page of the console sends.

use super::Browser;
use crate::harness::gateway::Gateway;
use crate::harness::http::{HOST, Request};

fn sign_out(form_key: &str) -> Request {
    Request::post("/admin/logout/").body(format!("form_key={form_key}"))
}

#[test]
fn a_form_of_another_site_changes_nothing() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    assert!(browser.is_in());
    let key = browser.form_key().to_owned();
    let (ours, urlencoded) = (format!("http://{HOST}"), "application/x-www-form-urlencoded");
    let with = |headers: &[(&str, &str)], key: &str| {
        headers.iter().fold(sign_out(key), |request, (name, value)| request.with(name, value))
    };
    let origin = ("Origin", ours.as_str());
    let kind = ("Content-Type", urlencoded);
    let forged = [
        ("no origin", with(&[kind], &key)),
        ("another origin", with(&[kind, ("Origin", "http://evil.example")], &key)),
        ("an origin that looks alike", with(&[kind, ("Origin", &format!("{ours}.evil"))], &key)),
        ("no origin to speak of", with(&[kind, ("Origin", "null")], &key)),
        ("TLS of another", with(&[kind, ("Origin", &ours.replace("http", "https"))], &key)),
        ("a cross-site fetch", with(&[kind, origin, ("Sec-Fetch-Site", "cross-site")], &key)),
        ("another app of the site", with(&[kind, origin, ("Sec-Fetch-Site", "same-site")], &key)),
        ("a typed address", with(&[kind, origin, ("Sec-Fetch-Site", "none")], &key)),
        ("text", with(&[origin, ("Content-Type", "text/plain")], &key)),
        ("JSON", with(&[origin, ("Content-Type", "application/json")], &key)),
        ("no type", with(&[origin], &key)),
        ("no key", with(&[kind, origin], "")),
        ("another session's key", with(&[kind, origin], &"5".repeat(64))),
    ];
    for (what, request) in forged {
        let status = browser.send(request).status;
        assert_eq!(status, 403, "{what}");
    }
    // What is got changes nothing either, and leads back to a page.
    browser.get(&format!("/admin/logout/?form_key={key}"));
    assert!(browser.is_in());
    let answer = browser.send(with(&[kind, origin, ("Sec-Fetch-Site", "same-origin")], &key));
    assert_eq!(answer.status, 302);
    assert!(!browser.is_in());
}

#[test]
fn nobody_is_signed_in_by_a_form_of_another_site() {
    let gateway = Gateway::start("");
    super::make_operator(&gateway, "ada");
    let mut browser = Browser::of(&gateway);
    browser.get("/admin/login/");
    let body = format!("form_key={}&username=ada&password=x", browser.form_key());
    let login = || {
        Request::post("/admin/login/")
            .with("Content-Type", "application/x-www-form-urlencoded")
            .body(body.clone())
    };
    assert_eq!(browser.send(login()).status, 403);
    assert_eq!(browser.send(login().with("Origin", "http://evil.example")).status, 403);
    let mut stranger = Browser::of(&gateway);
    assert_eq!(stranger.send(login().with("Origin", &format!("http://{HOST}"))).status, 403);
}

#[test]
fn a_script_of_an_app_reads_no_page_and_frames_none() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    for page in ["/admin/", "/admin/account/", "/admin/login/", "/admin/setup/"] {
        for (dest, mode) in [
            ("empty", "cors"),
            ("empty", "no-cors"),
            ("empty", "same-origin"),
            ("iframe", "navigate"),
            ("object", "navigate"),
            ("document", "cors"),
        ] {
            let request = Request::get(page)
                .with("Sec-Fetch-Site", "same-origin")
                .with("Sec-Fetch-Dest", dest)
                .with("Sec-Fetch-Mode", mode);
            let answer = browser.send(request);
            assert_eq!(answer.status, 403, "{page} {dest} {mode}");
            assert!(!answer.text().contains("form_key"));
        }
    }
    let request = Request::get("/admin/")
        .with("Sec-Fetch-Dest", "document")
        .with("Sec-Fetch-Mode", "navigate");
    assert_eq!(browser.send(request).status, 200);
    let style = Request::get("/admin/assets/console.css")
        .with("Sec-Fetch-Dest", "style")
        .with("Sec-Fetch-Mode", "no-cors");
    assert_eq!(browser.send(style).status, 200);
}
