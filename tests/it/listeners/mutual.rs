//! Certificates of clients.

use super::World;
use crate::harness::http::{Connection, HOST, Request};
use crate::harness::tls::Authority;
use crate::harness::tls_client::TlsClient;

/// What comes of a connection and a request.
fn outcome(world: &World, client: &TlsClient) -> Option<u16> {
    let stream = client.shake_hands(world.listener.address, HOST).ok()?;
    let mut connection = Connection::over_tls(stream);
    Some(connection.send(Request::get("/public").bytes()).try_answer().ok()?.status)
}

fn world(clients: &Authority, demand: &str) -> World {
    let file = clients.file();
    World::new(&format!("client_ca = \"{file}\"\nclient_certificate = \"{demand}\"\n"))
}

#[test]
fn where_a_certificate_is_required_only_its_owner_is_served() {
    let (clients, strangers) = (Authority::new(), Authority::new());
    let world = world(&clients, "required");
    let client = TlsClient::showing(&world.authority, &clients.sign("client.test"));
    assert_eq!(outcome(&world, &client), Some(200));
    let wrong = TlsClient::showing(&world.authority, &strangers.sign("client.test"));
    for refused in [world.client(), wrong] {
        assert_eq!(outcome(&world, &refused), None);
    }
    assert_eq!(world.upstream.take().len(), 1);
    world.gateway.until_turned_away("tls");
}

#[test]
fn where_a_certificate_is_optional_a_wrong_one_is_still_refused() {
    let (clients, strangers) = (Authority::new(), Authority::new());
    let world = world(&clients, "optional");
    let client = TlsClient::showing(&world.authority, &clients.sign("client.test"));
    for served in [world.client(), client] {
        assert_eq!(outcome(&world, &served), Some(200));
    }
    let wrong = TlsClient::showing(&world.authority, &strangers.sign("client.test"));
    assert_eq!(outcome(&world, &wrong), None);
}

#[test]
fn a_certificate_is_no_token() {
    let clients = Authority::new();
    let world = world(&clients, "required");
    let client = TlsClient::showing(&world.authority, &clients.sign("client.test"));
    let mut client = client.connect(world.listener.address, HOST);
    assert_eq!(client.send(Request::get("/app").bytes()).answer().status, 401);
}
