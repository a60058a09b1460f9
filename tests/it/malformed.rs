//! Requests that two parties would read differently. None reaches the app, and none hurts.

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::h2;
use crate::harness::http::{Request, latin1};
use crate::harness::listener::Listener;
use crate::harness::upstream::{Script, Upstream};

#[test]
fn whose_method_no_app_gets_is_told_which_may_be() {
    let upstream = Upstream::start();
    let listener = Listener::h2c();
    let gateway = listener.gateway(&(upstream.settings() + ROUTES));
    for (path, expected) in [
        ("/public", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("/nowhere", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        ("/api/login/", "POST, OPTIONS"),
        ("/admin/", "GET, HEAD, POST"),
    ] {
        let expected = Some(expected);
        let answer = gateway.send(&Request::new("TRACE", path));
        assert_eq!((answer.status, answer.header("Allow").as_deref()), (405, expected), "{path}");
        let answer = h2::run(async {
            let client = h2::connect(listener.address).await;
            h2::ask(&client, h2::request("TRACE", path, &[]), None).await.unwrap()
        });
        assert_eq!((answer.status, answer.header("allow")), (405, expected), "{path}");
    }
    assert!(upstream.take().is_empty());
}

/// Makes a test of each request: the statuses that may answer it, and its bytes.
macro_rules! refused {
    ($($name:ident: $statuses:expr, $request:expr;)+) => {
        $(#[test] fn $name() { assert_refused(&$statuses, $request); })+
    };
}

refused! {
    two_equal_content_lengths_are_400: [400],
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello";
    two_different_content_lengths_are_400: [400],
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello";
    a_list_of_content_lengths_is_400: [400],
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 5, 5\r\n\r\nhello";
    a_signed_content_length_is_400: [400],
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nContent-Length: +5\r\n\r\nhello";
    an_empty_content_length_is_400: [400],
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nContent-Length:\r\n\r\n";
    a_content_length_beside_chunks_is_400: [400],
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 5\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    a_transfer_encoding_that_is_not_chunked_is_501: [501],
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    an_unknown_transfer_encoding_is_refused: [400, 501],
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n";
    chunked_twice_is_refused: [400, 501],
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\
         Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    chunks_in_http_1_0_are_400: [400],
        "POST /public HTTP/1.0\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    no_host_is_400: [400],
        "GET /public HTTP/1.1\r\n\r\n";
    two_hosts_are_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test\r\nHost: other.test\r\n\r\n";
    a_host_with_a_user_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: user@gate.test\r\n\r\n";
    a_host_with_a_path_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test/app\r\n\r\n";
    a_host_with_a_blank_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate test\r\n\r\n";
    a_host_with_two_ports_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test:80:90\r\n\r\n";
    a_host_with_two_final_dots_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test..\r\n\r\n";
    two_authorizations_are_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Basic YTpi\r\n\
         Authorization: Token x\r\n\r\n";
    trace_is_405: [405],
        "TRACE /public HTTP/1.1\r\nHost: gate.test\r\n\r\n";
    a_method_in_small_letters_is_400: [400],
        "delete /public HTTP/1.1\r\nHost: gate.test\r\n\r\n";
    a_method_with_a_small_letter_is_400: [400],
        "GEt /public HTTP/1.1\r\nHost: gate.test\r\n\r\n";
    trace_in_small_letters_is_400: [400],
        "trace /public HTTP/1.1\r\nHost: gate.test\r\n\r\n";
    connect_is_refused: [400, 405],
        "CONNECT gate.test:443 HTTP/1.1\r\nHost: gate.test\r\n\r\n";
    connect_to_a_path_is_refused: [400, 405],
        "CONNECT /public HTTP/1.1\r\nHost: gate.test\r\n\r\n";
    an_unknown_expectation_is_417: [417],
        "POST /public HTTP/1.1\r\nHost: gate.test\r\nExpect: miracles\r\nContent-Length: 5\r\n\r\nhello";
    a_folded_header_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test\r\nX-Custom: a\r\n X-Auth-User-Id: 1\r\n\r\n";
    a_blank_before_the_colon_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test\r\nX-Auth-User-Id : 1\r\n\r\n";
    a_tab_before_the_colon_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test\r\nX-Auth-User-Id\t: 1\r\n\r\n";
    a_header_without_a_colon_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test\r\nX-Custom\r\n\r\n";
    a_header_without_a_name_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test\r\n: evil\r\n\r\n";
    a_nul_in_a_value_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test\r\nX-Custom: a\0b\r\n\r\n";
    a_nul_in_a_name_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test\r\nX-Cus\0tom: a\r\n\r\n";
    a_bare_carriage_return_in_a_value_is_400: [400],
        "GET /public HTTP/1.1\r\nHost: gate.test\r\nX-Custom: a\rX-Auth-User-Id: 1\r\n\r\n";
    an_unknown_version_is_refused: [400, 505],
        "GET /public HTTP/3.7\r\nHost: gate.test\r\n\r\n";
    a_target_with_a_blank_is_not_the_path_before_it: [400, 401],
        "GET /public x HTTP/1.1\r\nHost: gate.test\r\n\r\n";
}

#[test]
fn a_header_after_a_bare_line_feed_never_becomes_an_identity() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let request =
        "GET /public HTTP/1.1\r\nHost: gate.test\r\nX-Custom: a\nX-Auth-User-Id: 1\r\n\r\n";
    let _ = gateway.connect().send(request).try_answer();
    for received in upstream.take() {
        assert!(received.identity().is_empty(), "{received:?}");
        assert!(!format!("{received:?}").contains(r"\n"), "{received:?}");
    }
    assert_still_serves(&gateway);
}

#[test]
fn a_request_hidden_in_a_body_is_never_a_request() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    let hidden = "GET /public/hidden HTTP/1.1\r\nHost: gate.test\r\n\r\n";
    for method in ["GET", "HEAD", "POST"] {
        gateway
            .connect()
            .send(Request::new(method, "/public").body(hidden).bytes())
            .head()
            .unwrap();
        let received = upstream.only_request();
        assert_eq!(received.target(), "/public", "{method}");
    }
}

#[test]
fn a_broken_chunk_size_never_smuggles_a_request() {
    for size in ["FFFFFFFFFFFFFFFF1", "-0", "0x0", "5;\n", "zz"] {
        let upstream = Upstream::start();
        let gateway = Gateway::before(&upstream);
        let request = format!(
            "POST /public HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n\
             {size}\r\n\r\nGET /public/hidden HTTP/1.1\r\nHost: gate.test\r\n\r\n"
        );
        let _ = gateway.connect().send(request).try_answer();
        let seen = upstream.take();
        assert!(seen.iter().all(|received| received.target() == "/public"), "{size:?}: {seen:?}");
        assert_still_serves(&gateway);
    }
}

#[test]
fn after_a_body_with_a_broken_end_nothing_is_a_request() {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    for broken in ["1\r\n{\r\nZZ\r\n", "-1\r\n", "FFFFFFFFFFFFFFFF1\r\n", "1\r\n{X"] {
        let mut client = gateway.connect();
        client.send(format!(
            "POST /api/login/ HTTP/1.1\r\nHost: gate.test\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n{broken}"
        ));
        let answer = client.answer();
        assert_eq!((answer.status, answer.header("Connection").as_deref()), (400, Some("close")));
        assert!(client.rest().unwrap_or_default().is_empty(), "{broken:?}");
    }
    assert!(upstream.take().is_empty());
}

const IMPATIENT: &str = "[server]\nhead_timeout = \"200ms\"\n";

#[test]
fn a_head_that_comes_too_slowly_ends_the_connection() {
    let gateway = Gateway::start(IMPATIENT);
    outlast_a_head(&gateway);
    assert_eq!(gateway.try_register("alice").status, 200);
}

#[test]
fn an_answer_may_take_longer_than_a_head() {
    let upstream = Upstream::answering(Script::Dictated);
    let gateway = Gateway::start(&(upstream.settings() + ROUTES + IMPATIENT));
    let mut client = gateway.connect();
    client.send(Request::get("/public").bytes());
    client.head().unwrap();
    outlast_a_head(&gateway);
    upstream.say("late");
    assert_eq!(client.chunk().unwrap(), b"late");
}

#[test]
fn a_kept_connection_may_be_idle_for_longer_than_a_head_may_take() {
    let gateway = Gateway::start(IMPATIENT);
    let mut client = gateway.connect();
    let request = Request::get("/app").bytes();
    assert_eq!(client.send(&request).answer().status, 401);
    outlast_a_head(&gateway);
    assert_eq!(client.send(&request).answer().status, 401);
}

/// Begins a head on another connection and waits until that is cut off.
fn outlast_a_head(gateway: &Gateway) {
    let mut client = gateway.connect();
    client.send("GET /public HTTP/1.1\r\nHost: gate.test\r\nX-Slow: ");
    assert!(client.rest().unwrap_or_default().is_empty());
}

/// Sends a request that a public route would let pass if it were sound.
fn assert_refused(statuses: &[u16], request: &str) {
    let upstream = Upstream::start();
    let gateway = Gateway::before(&upstream);
    // Closing at once may take the answer with it, where the client has sent more than was read.
    if let Ok(answer) = gateway.connect().send(latin1(request)).try_answer() {
        assert!(statuses.contains(&answer.status), "{answer:?}");
    }
    let seen = upstream.take();
    assert!(seen.is_empty(), "the app got {seen:?}");
    assert_still_serves(&gateway);
}

fn assert_still_serves(gateway: &Gateway) {
    assert_eq!(gateway.send(&Request::get("/public")).status, 200);
}
