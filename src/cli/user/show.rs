//! `authgate user show`

use super::super::{Failure, events, output, token};
use super::{Named, row};
use crate::auth::Auth;
use crate::model::event::Event;
use crate::model::user::{Profile, User};
use crate::store::{EventQuery, ListedToken};
use clap::Args;
use serde_json::{Value, json};

/// How many events are told.
const LATEST: usize = 10;

#[derive(Args)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    user: Named,
    /// As a JSON object
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (accounts, user) = self.user.find().await?;
        let tokens = accounts.tokens_of(&user).await?;
        let query = EventQuery { user: Some(user.username.clone()), ..EventQuery::newest(LATEST) };
        // What cannot be read of the past must not hide the present.
        let mut events = accounts.events(&query).await.unwrap_or_else(|error| {
            err!("warning: no events: {}", output::with_causes(&error));
            Vec::new()
        });
        events.reverse();
        if self.json {
            output::json(&as_json(&accounts, &user, &tokens, &events));
            return Ok(());
        }
        for (name, value) in facts(&accounts, &user, tokens.len()) {
            out!("{name:<13}{}", output::plain(&value));
        }
        out!();
        token::print(&tokens, &format!("{} has no live tokens.", user.username));
        out!();
        events::print(&events, "Nothing of this account is kept among the events.");
        Ok(())
    }
}

fn facts(accounts: &Auth, user: &User, tokens: usize) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("id:", user.id.to_string()),
        ("username:", user.username.to_string()),
        ("email:", user.email.to_string()),
        ("active:", row::yes_no(user.is_active)),
        ("staff:", row::yes_no(user.is_staff)),
        ("must change:", row::yes_no(user.must_change)),
        ("joined:", user.joined.to_string()),
        ("last login:", row::or_never(user.last_login)),
        ("live tokens:", tokens.to_string()),
        ("password:", accounts.hash_words(user).to_string()),
    ];
    facts.extend(of_profile(&user.profile).into_iter().filter(|(_, value)| !value.is_empty()));
    facts
}

/// What came along from Django, where there is something.
fn of_profile(profile: &Profile) -> [(&'static str, String); 3] {
    let superuser = if profile.is_superuser { row::yes_no(true) } else { String::new() };
    [
        ("name:", profile.full_name()),
        ("groups:", profile.groups.join(", ")),
        ("superuser:", superuser),
    ]
}

fn as_json(accounts: &Auth, user: &User, tokens: &[ListedToken], events: &[Event]) -> Value {
    let mut object = row::as_json(user);
    if let Some(object) = object.as_object_mut() {
        object.insert("password".to_owned(), json!(accounts.hash_words(user).to_string()));
        object.insert("live_tokens".to_owned(), json!(tokens.len()));
        object.insert("tokens".to_owned(), tokens.iter().map(token::as_json).collect());
        object.insert("events".to_owned(), events.iter().map(Event::to_json).collect());
    }
    object
}
