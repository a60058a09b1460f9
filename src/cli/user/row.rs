//! A user as the command line tells of them.

use crate::clock::Timestamp;
use crate::model::user::User;
use crate::store::ListedUser;
use serde_json::{Value, json};

pub(super) const HEADS: [&str; 8] =
    ["ID", "USERNAME", "EMAIL", "ACTIVE", "STAFF", "JOINED", "LAST LOGIN", "TOKENS"];

pub(super) fn listed_as_json(listed: &ListedUser) -> Value {
    let mut object = as_json(&listed.user);
    if let Some(object) = object.as_object_mut() {
        object.insert("live_tokens".to_owned(), json!(listed.live_tokens));
    }
    object
}

pub(super) fn as_json(user: &User) -> Value {
    json!({
        "id": user.id.0,
        "username": user.username.as_str(),
        "email": user.email.as_str(),
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "must_change": user.must_change,
        "joined": user.joined.to_string(),
        "last_login": user.last_login.map(|moment| moment.to_string()),
        "profile": {
            "first_name": user.profile.first_name,
            "last_name": user.profile.last_name,
            "groups": user.profile.groups,
            "is_superuser": user.profile.is_superuser,
        },
    })
}

pub(super) fn listed_as_row(listed: &ListedUser) -> [String; 8] {
    let user = &listed.user;
    [
        user.id.to_string(),
        user.username.to_string(),
        user.email.to_string(),
        yes_no(user.is_active),
        yes_no(user.is_staff),
        user.joined.to_string(),
        or_never(user.last_login),
        listed.live_tokens.to_string(),
    ]
}

pub(super) fn yes_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

pub(super) fn or_never(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| "never".to_owned(), |moment| moment.to_string())
}
