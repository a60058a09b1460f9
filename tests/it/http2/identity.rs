//! Who calls, over HTTP/2: the app hears it from the gate alone.

use super::World;
use crate::harness::h2_raw::{End, Frame, flag, frame, request};

#[test]
fn what_a_client_says_under_our_names_is_taken_off() {
    let world = World::start();
    let token = format!("Token {}", world.gateway.register("alice"));
    let credentials = ("authorization", token.as_str());
    let honest = get(&world, &[credentials]);
    assert_eq!(honest.len(), 3, "{honest:?}");
    for forged in [
        &[("x-auth-user-id", "999")][..],
        &[("x-auth-user-id", "999"), ("x-auth-user-id", "998")],
        &[("x_auth_user_id", "999")],
        &[("x-auth_user-id", "999"), ("x-auth-staff", "true")],
        &[("x-auth", "999"), ("x-auth-groups", "999")],
    ] {
        assert_eq!(get(&world, &[&[credentials], forged].concat()), honest, "{forged:?}");
    }
}

#[test]
fn nobody_is_named_on_a_public_route() {
    let world = World::start();
    for forged in ["x-auth-user-id", "x_auth_user_id", "x-auth-user", "x-auth-anything"] {
        let mut client = world.connect();
        client.get(1, "/public", &[(forged, "999")]);
        assert_eq!(client.end_of(1), End::Answered(200), "{forged}");
        assert_eq!(world.upstream.only_request().identity(), [], "{forged}");
    }
}

#[test]
fn an_identity_in_the_trailers_is_taken_off() {
    let world = World::start();
    let token = format!("Token {}", world.gateway.register("alice"));
    let headers = request("POST", "/app", &[("authorization", &token)]);
    let end = world.end_of(&[
        Frame::headers(flag::NONE, 1, &headers),
        Frame::new(frame::DATA, flag::NONE, 1, *b"hello"),
        Frame::headers(flag::END_STREAM, 1, &[("x-auth-user-id", "999")]),
    ]);
    assert_eq!(end, End::Answered(200));
    let received = world.upstream.only_request();
    assert!(!format!("{received:?}").contains("999"), "{received:?}");
    assert_eq!(received.body, b"hello");
}

#[test]
fn pseudo_headers_among_the_trailers_change_nothing() {
    let world = World::start();
    world.end_of(&[
        Frame::headers(flag::NONE, 1, &request("POST", "/public", &[])),
        Frame::new(frame::DATA, flag::NONE, 1, *b"hello"),
        Frame::headers(flag::END_STREAM, 1, &[(":path", "/app"), (":authority", "other.test")]),
    ]);
    for received in world.upstream.take() {
        assert_eq!(received.target(), "/public");
        assert_eq!(received.trailers, Vec::<String>::new());
        assert!(!format!("{received:?}").contains("other.test"), "{received:?}");
    }
    world.assert_still_serves();
}

#[test]
fn the_crumbs_of_a_cookie_are_one_header_for_the_app() {
    let world = World::start();
    let mut client = world.connect();
    client.get(1, "/public", &[("cookie", "a=1"), ("cookie", "b=2")]);
    assert_eq!(client.end_of(1), End::Answered(200));
    let received = world.upstream.only_request();
    let cookies =
        received.head.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    assert_eq!(cookies.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["a=1; b=2"]);
}

#[test]
fn each_stream_of_a_connection_is_judged_by_itself() {
    let world = World::start();
    let token = format!("Token {}", world.gateway.register("alice"));
    let mut client = world.connect();
    client.get(1, "/app", &[("authorization", &token)]);
    client.get(3, "/app", &[]);
    assert_eq!(client.end_of(3), End::Answered(401));
    client.get(5, "/app", &[("authorization", &token)]);
    client.get(7, "/staff", &[("authorization", &token)]);
    assert_eq!(client.end_of(7), End::Answered(403));
    client.get(9, "/app", &[("authorization", "Token x")]);
    assert_eq!(client.end_of(9), End::Answered(401));
}

/// What the app hears of the identity of whoever sends these headers.
fn get(world: &World, headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut client = world.connect();
    client.get(1, "/app", headers);
    assert_eq!(client.end_of(1), End::Answered(200), "{headers:?}");
    world.upstream.only_request().identity()
}
