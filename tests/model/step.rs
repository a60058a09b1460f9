//! What can happen next.

use crate::server::Gate;
use authgate::auth::Lifetime;
use authgate::model::user::UserId;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use std::time::Duration;

/// One thing that happens. An act is begun by one step and carried on by others, so several are
/// under way at once; a number says which token or which act is meant, counted from the newest.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    // Acts.
    Delete(Gate, UserId),
    Issue(Gate, UserId, Lifetime),
    Lock(Gate, UserId),
    Logout(Gate, u8),
    LogoutAll(Gate, UserId),
    Unlock(Gate, UserId),
    Use(Gate, u8),
    // What becomes of an act: it goes on to its next stop, or to its end, or whoever asked for it
    // goes away.
    Go(u8),
    Finish(u8),
    Leave(u8),
    // The line to a gateway: a message arrives; the next proof comes one step nearer; both, until
    // there is nothing more to hear; it is cut and nobody notices; it breaks; it is made anew.
    Hear(Gate),
    Beat(Gate),
    CatchUp(Gate),
    Mute(Gate),
    Lose(Gate),
    Connect(Gate),
    /// Another process adds a token whose text is known beforehand.
    Import(u8),
    /// A gateway prolongs what was used.
    Prolong(Gate),
    /// So many milliseconds pass.
    Wait(u16),
}

/// Stories of some length.
pub(crate) fn stories() -> impl Strategy<Value = Vec<Step>> {
    vec(phrases(), 1..50).prop_map(|phrases| phrases.concat())
}

/// A step, or an act with its first stops, or all of it, heard of or not: by chance alone, acts
/// seldom nest and overlap where it matters.
fn phrases() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![
        8 => acts().prop_map(|act| vec![act, Step::Finish(0)]),
        8 => (acts(), 0..5_usize).prop_map(|(act, stops)| {
            [vec![act], vec![Step::Go(0); stops]].concat()
        }),
        4 => (acts(), gates()).prop_map(|(act, gate)| {
            vec![act, Step::Finish(0), Step::CatchUp(gate)]
        }),
        2 => overtaken(),
        12 => steps().prop_map(|step| vec![step]),
    ]
}

/// A use that has come so far when another act comes to its end and is heard of; then the same use
/// once more.
fn overtaken() -> impl Strategy<Value = Vec<Step>> {
    (gates(), recent(), 0..5_usize, acts()).prop_map(|(gate, token, stops, act)| {
        let first = [vec![Step::Use(gate, token)], vec![Step::Go(0); stops]].concat();
        let other = vec![act, Step::Finish(0), Step::CatchUp(gate), Step::Finish(0)];
        [first, other, vec![Step::Use(gate, token), Step::Finish(0)]].concat()
    })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => recent().prop_map(Step::Go),
        10 => recent().prop_map(Step::Finish),
        1 => recent().prop_map(Step::Leave),
        14 => feeds(),
        1 => recent().prop_map(Step::Import),
        2 => gates().prop_map(Step::Prolong),
        3 => prop_oneof![1..1_100_u16, Just(1_000)].prop_map(Step::Wait),
    ]
}

fn acts() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (gates(), recent()).prop_map(|(gate, token)| Step::Use(gate, token)),
        4 => (gates(), users(), lifetimes()).prop_map(|(gate, user, life)| Step::Issue(gate, user, life)),
        4 => (gates(), recent()).prop_map(|(gate, token)| Step::Logout(gate, token)),
        2 => (gates(), users()).prop_map(|(gate, user)| Step::LogoutAll(gate, user)),
        1 => (gates(), users()).prop_map(|(gate, user)| Step::Lock(gate, user)),
        1 => (gates(), users()).prop_map(|(gate, user)| Step::Unlock(gate, user)),
        1 => (gates(), users()).prop_map(|(gate, user)| Step::Delete(gate, user)),
    ]
}

/// The newest, as a rule: what has just happened is what may go wrong with what happens now.
fn recent() -> impl Strategy<Value = u8> {
    prop_oneof![5 => Just(0), 3 => Just(1), 1 => Just(2), 1 => Just(3)]
}

fn feeds() -> impl Strategy<Value = Step> {
    let kinds = prop_oneof![
        4 => Just(Step::Hear as fn(Gate) -> Step),
        4 => Just(Step::Beat as fn(Gate) -> Step),
        5 => Just(Step::CatchUp as fn(Gate) -> Step),
        1 => Just(Step::Mute as fn(Gate) -> Step),
        1 => Just(Step::Lose as fn(Gate) -> Step),
        2 => Just(Step::Connect as fn(Gate) -> Step),
    ];
    (kinds, gates()).prop_map(|(kind, gate)| kind(gate))
}

fn gates() -> impl Strategy<Value = Gate> {
    prop_oneof![Just(Gate::A), Just(Gate::B)]
}

fn users() -> impl Strategy<Value = UserId> {
    prop_oneof![3 => Just(UserId(1)), 1 => Just(UserId(2))]
}

fn lifetimes() -> impl Strategy<Value = Lifetime> {
    prop_oneof![
        Just(Lifetime::Forever),
        Just(Lifetime::Usual),
        Just(Lifetime::Of(Duration::from_millis(600))),
    ]
}
