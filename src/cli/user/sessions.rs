//! `authgate user sessions` and `sign-out`

use super::super::{Failure, output};
use super::several::{Act, Several};
use super::{Named, find, say};
use crate::auth::SessionView;
use crate::model::event::Actor;
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
pub(in crate::cli) struct Sessions {
    #[command(flatten)]
    user: Named,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(in crate::cli) struct SignOut {
    #[command(flatten)]
    users: Several,
    /// This session, as `user sessions` calls it, goes on, and so do all tokens: only the other
    /// sessions end
    #[arg(long, value_name = "ID")]
    keep: Option<String>,
}

impl Sessions {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (accounts, user) = self.user.find().await?;
        let sessions = accounts.sessions_of(&user, None).await.map_err(Failure::auth)?;
        if self.json {
            output::json(&sessions.iter().map(as_json).collect());
            return Ok(());
        }
        let row = |session: &SessionView| {
            let SessionView { agent, began, from, id, seen, .. } = session;
            let from = from.to_canonical().to_string();
            [id.clone(), began.to_string(), seen.to_string(), from, agent.clone()]
        };
        let none = format!("{} is not signed in at the console.", user.username);
        let heads = ["ID", "BEGAN", "LAST SEEN", "FROM", "BROWSER"];
        output::table(heads, sessions.iter().map(row).collect(), &none);
        Ok(())
    }
}

impl SignOut {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Some(keep) = self.keep else { return self.users.run(Act::SignOut).await };
        let [name] = self.users.names.as_slice() else {
            return Err(Failure::Refused(
                "a session is one user's: name that one alone".to_owned(),
            ));
        };
        let accounts = self.users.settings.accounts().await?;
        let user = find(&accounts, name).await?;
        let sessions = accounts.sessions_of(&user, None).await.map_err(Failure::auth)?;
        if !sessions.iter().any(|session| session.id == keep) {
            let words = format!("{} has no session {keep:?}; nothing was ended", user.username);
            return Err(Failure::Refused(words));
        }
        let ended = accounts.end_sessions_but(&user, &keep, Actor::CommandLine).await;
        let ended = ended.map_err(Failure::auth)?;
        let s = if ended == 1 { "" } else { "s" };
        say(&accounts, &user, &format!("is signed out of {ended} other session{s}")).await;
        Ok(())
    }
}

fn as_json(session: &SessionView) -> Value {
    json!({
        "id": session.id,
        "began": session.began.to_string(),
        "last_seen": session.seen.to_string(),
        "from": session.from.to_canonical(),
        "user_agent": session.agent,
    })
}
