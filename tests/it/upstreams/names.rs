//! Servers that are written by their names.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use crate::harness::gateway::{Gateway, ROUTES};
use crate::harness::name_server::NameServer;
use crate::harness::scripted::{Scripted, nobody, public, upstream};
use crate::harness::{eventually, free_address};

/// Two apps at one port of two addresses.
fn two() -> (Scripted, Scripted, u16) {
    let SocketAddr::V4(first) = free_address() else { unreachable!() };
    let [a, b, c, d] = first.ip().octets();
    let second = SocketAddr::from((Ipv4Addr::new(a, b ^ 128, c, d), first.port()));
    let named = |address, name: &'static str| {
        Scripted::at(address, move |visit| visit.always(&crate::harness::scripted::answer(name)))
    };
    (named(SocketAddr::V4(first), "one"), named(second, "two"), first.port())
}

fn ip(app: &Scripted) -> Ipv4Addr {
    match app.address {
        SocketAddr::V4(address) => *address.ip(),
        SocketAddr::V6(_) => unreachable!(),
    }
}

fn before(port: u16, names: &NameServer) -> Gateway {
    let server = format!("app.test:{port}");
    Gateway::start(&(upstream(&[&server]) + &names.settings() + ROUTES))
}

#[test]
fn all_addresses_of_a_name_take_turns() {
    let (one, two, port) = two();
    let names = NameServer::start(&[ip(&one), ip(&two)]);
    let gateway = before(port, &names);
    let answers: BTreeSet<_> = (0..4).map(|_| gateway.send(&public()).text()).collect();
    assert_eq!(answers, BTreeSet::from(["one".to_owned(), "two".to_owned()]));
}

#[test]
fn a_name_that_leads_elsewhere_is_followed_when_its_time_is_over() {
    let (one, two, port) = two();
    let names = NameServer::start(&[ip(&one)]);
    let gateway = before(port, &names);
    assert_eq!(gateway.send(&public()).text(), "one");
    names.say(&[ip(&two)]);
    eventually("the other app", || (gateway.send(&public()).text() == "two").then_some(()));
    assert_eq!(gateway.send(&public()).text(), "two");
}

#[test]
fn a_name_whose_address_does_not_answer_is_asked_for_before_its_time_is_over() {
    let (one, _two, port) = two();
    let away = Ipv4Addr::from(u32::from(ip(&one)) ^ 0x40_0000);
    let names = NameServer::lasting(30, &[away]);
    let gateway = before(port, &names);
    assert_eq!(gateway.send(&public()).status, 502);
    names.say(&[ip(&one)]);
    eventually("the app", || (gateway.send(&public()).status == 200).then_some(()));
}

#[test]
fn while_the_name_server_is_away_the_addresses_stay() {
    let (one, _two, port) = two();
    let names = NameServer::start(&[ip(&one)]);
    let gateway = before(port, &names);
    assert_eq!(gateway.send(&public()).text(), "one");
    names.go_away();
    let asked = names.asked();
    eventually("questions without answers", || (names.asked() > asked).then_some(()));
    assert_eq!(gateway.send(&public()).text(), "one");
}

#[test]
fn a_name_without_addresses_is_502_and_takes_no_time() {
    let names = NameServer::start(&[]);
    let gateway = before(nobody().port(), &names);
    assert_eq!(gateway.send(&public()).status, 502);
    eventually("the reason", || gateway.log().contains("name not resolved").then_some(()));
}

#[test]
fn a_name_that_gets_addresses_later_is_served_then() {
    let (one, _two, port) = two();
    let names = NameServer::start(&[]);
    let gateway = before(port, &names);
    assert_eq!(gateway.send(&public()).status, 502);
    names.say(&[ip(&one)]);
    eventually("the app", || (gateway.send(&public()).status == 200).then_some(()));
}

#[test]
fn the_hosts_file_goes_before_name_servers() {
    let app = Scripted::named("here");
    let names = NameServer::start(&[]);
    let server = format!("localhost:{}", app.address.port());
    let gateway = Gateway::start(&(upstream(&[&server]) + &names.settings() + ROUTES));
    assert_eq!(gateway.send(&public()).text(), "here");
}
