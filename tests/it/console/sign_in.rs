//! Signing in and out.

use super::Browser;
use crate::harness::gateway::Gateway;

#[test]
fn who_is_not_signed_in_is_sent_to_sign_in_and_comes_back() {
    let gateway = Gateway::start("");
    let mut browser = Browser::of(&gateway);
    for page in ["/admin", "/admin/", "/admin/users/?q=a", "/admin/nowhere/"] {
        let answer = browser.get(page);
        assert_eq!(answer.status, 302, "{page}");
        let next: String = form_urlencoded::byte_serialize(page.as_bytes()).collect();
        assert_eq!(answer.header("Location").unwrap(), format!("/admin/login/?next={next}"));
    }
}

#[test]
fn staff_sign_in_and_out() {
    let gateway = Gateway::start("");
    let mut browser = Browser::signed_in(&gateway, "ada");
    let answer = browser.get("/admin/");
    assert_eq!((answer.status, answer.text().contains("ada")), (200, true));
    let cookie = browser.cookie().unwrap().to_owned();
    assert_eq!(browser.post("/admin/logout/", &[]).status, 302);
    let mut thief = Browser::of(&gateway);
    let request = crate::harness::http::Request::get("/admin/").with("Cookie", &cookie);
    assert_eq!(thief.send(request).status, 302);
}
