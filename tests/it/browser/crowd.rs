//! Very many users: a million in the long form.

use authgate::model::email::Email;
use authgate::model::password::PasswordHash;
use authgate::model::user::{NewUser, Profile, Username};
use authgate::store::Store;
use futures_util::{StreamExt, stream};

use super::now;
use crate::harness::is_long;

/// Puts them into a store, many at a time.
pub(super) async fn gather(store: &dyn Store) {
    // The first sweep makes the indexes: in a moment, as long as there is nobody.
    store.sweep(now()).await.unwrap();
    let crowd = if is_long() { 1_000_000 } else { 20_000 };
    let added = stream::iter(1..=crowd).map(|number| store.insert_user(user(number)));
    added.buffer_unordered(48).for_each(async |inserted| drop(inserted.unwrap())).await;
}

fn user(number: u32) -> NewUser {
    NewUser {
        email: Email::parse(&format!("user{number}@example.org")).unwrap(),
        is_staff: false,
        joined: now(),
        must_change: false,
        password: PasswordHash::new("$argon2id$none".to_owned()),
        profile: Profile::default(),
        username: Username::parse(&format!("user{number}")).unwrap(),
    }
}
