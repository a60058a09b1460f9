//! What is tried again: only what cannot happen twice.

use std::net::TcpListener;

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::http::{HOST, Request};
use crate::harness::scripted::{Scripted, answer, nobody, public, upstream};
use crate::upstreams::before_one;

#[test]
fn a_request_that_cannot_be_connected_goes_to_another_server() {
    let good = Scripted::named("good");
    let (one, two) = (nobody().to_string(), nobody().to_string());
    let settings = upstream(&[&one, &two, &good.address.to_string()]) + "eject_after = 0\n";
    let gateway = Gateway::start(&(settings + ROUTES));
    for _ in 0..6 {
        let request = Request::post("/public").body("hello");
        assert_eq!(gateway.send(&request).text(), "good");
    }
}

#[test]
fn no_more_servers_are_tried_than_the_settings_say() {
    let good = Scripted::named("good");
    let (one, two) = (nobody().to_string(), nobody().to_string());
    let settings = upstream(&[&one, &two, &good.address.to_string()]);
    let more = "eject_after = 0\nretries = 1\n[server]\nthreads = 1\n";
    let gateway = Gateway::start(&(settings + more + ROUTES));
    let answers: Vec<_> = (0..3).map(|_| gateway.send(&public()).status).collect();
    // Each try is a turn.
    assert_eq!(answers, [502, 200, 502]);
}

/// An app that takes a second request on a kept connection and says nothing.
fn forgetful() -> Scripted {
    Scripted::start(|visit| {
        visit.request();
        visit.client.send(answer("first"));
        if visit.number == 1 {
            visit.request();
            return;
        }
        visit.always(&answer("again"));
    })
}

#[test]
fn a_get_on_a_kept_connection_that_has_died_is_sent_again() {
    let app = forgetful();
    let gateway = before_one(&app);
    assert_eq!(gateway.send(&public()).text(), "first");
    assert_eq!(gateway.send(&public()).text(), "first");
    assert_eq!((app.connections(), app.heads().len()), (2, 3));
}

#[test]
fn what_could_happen_twice_is_never_sent_again() {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let app = forgetful();
        let gateway = before_one(&app);
        assert_eq!(gateway.send(&public()).text(), "first");
        assert_eq!(gateway.send(&Request::new(method, "/public")).status, 502, "{method}");
        assert_eq!((app.connections(), app.heads().len()), (1, 2), "{method}");
    }
}

#[test]
fn a_get_on_a_new_connection_that_dies_is_not_sent_again() {
    let app = Scripted::start(|visit| drop(visit.request()));
    let gateway = before_one(&app);
    assert_eq!(gateway.send(&public()).status, 502);
    assert_eq!(app.heads().len(), 1);
}

#[test]
fn a_head_that_breaks_off_is_502_and_not_asked_for_again() {
    let app = Scripted::start(|visit| {
        visit.request();
        visit.client.send("HTTP/1.1 200 OK\r\nContent-Le");
    });
    let gateway = before_one(&app);
    assert_eq!(gateway.send(&public()).status, 502);
    assert_eq!(app.heads().len(), 1);
}

#[test]
fn a_server_that_never_accepts_is_504() {
    // What the system's queue has no room for is not answered at all.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = vec![];
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_millis(300))
    {
        queued.push(stream);
    }
    let settings = upstream(&[&address.to_string()]) + "connect_timeout = \"200ms\"\n";
    let gateway = Gateway::start(&(settings + ROUTES));
    assert_eq!(gateway.send(&public()).status, 504);
}

#[test]
fn a_connection_whose_client_has_gone_is_not_used_again() {
    let app = Scripted::start(|visit| {
        while let Some(head) = visit.head() {
            if head.content_length().is_some() {
                // The rest of the body never comes.
                let _ = visit.client.rest();
                return;
            }
            visit.client.send(answer("good"));
        }
    });
    let gateway = before_one(&app);
    let mut client = gateway.connect();
    client.send(format!("POST /public HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\nhalf"));
    crate::harness::eventually("the half", || (app.heads().len() == 1).then_some(()));
    drop(client);
    assert_eq!(gateway.send(&public()).text(), "good");
    assert_eq!(app.connections(), 2);
}

#[test]
fn an_answer_that_is_reset_is_cut_and_its_request_not_sent_again() {
    // What an app closes before it has read all is reset.
    let app = Scripted::start(|visit| {
        visit.head();
        visit.client.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
    });
    let gateway = before_one(&app);
    let upload = Request::post("/public").body(vec![b'x'; 256 << 10]);
    // Told so or cut: what counts is that it has no clean end.
    let answer = gateway.connect().send(upload.bytes()).try_answer();
    assert!(answer.as_ref().map_or(true, |answer| answer.status == 502), "{answer:?}");
    assert_eq!(app.heads().len(), 1);
}
