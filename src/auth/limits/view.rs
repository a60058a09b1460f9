//! What operators see of limits, and clear.

use crate::auth::{Auth, ManageError};
use crate::model::event::{Actor, Event, EventName};
use crate::model::limit::AccountKey;
use crate::model::network::Network;
use crate::model::user::Username;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// What counts against a limit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LimitView {
    /// Which limit, by its name in the settings.
    pub limit: String,
    /// Who has the account, if it is one's that somebody has.
    pub username: Option<String>,
    /// For how long further attempts are refused; `None` if they are not.
    pub wait: Option<Duration>,
    /// Whose: an account's key, a network, or both; a user or a token.
    pub whose: String,
}

impl Auth {
    /// What counts against limits in the store: of all, or only of the account that a name means, or
    /// of the network of an address.
    pub async fn limits(
        &self,
        name: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Vec<LimitView>, ManageError> {
        let mut views = self.find_limits(name, address).await?;
        self.name_accounts(&mut views).await?;
        Ok(views)
    }

    async fn find_limits(
        &self,
        name: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Vec<LimitView>, ManageError> {
        let now = self.clock.now();
        let found = self.store.limits(now).await?;
        let views = found.into_iter().filter_map(|(key, taken)| {
            let (limit, whose) = key.split_once('/')?;
            let (limit, whose) = (limit.to_owned(), whose.to_owned());
            let wait = Some(taken.until.since(now)).filter(|wait| !wait.is_zero());
            Some(LimitView { limit, username: None, wait, whose })
        });
        let wanted = Wanted::new(name, address);
        Ok(views.filter(|view| wanted.has(view)).collect())
    }

    /// Forgets what counts against limits: of all, or only of an account or a network. Says of how
    /// many.
    pub async fn clear_limits(
        &self,
        name: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<u64, ManageError> {
        let found = self.find_limits(name, address).await?;
        let keys = found.iter().map(|view| format!("{}/{}", view.limit, view.whose)).collect();
        let cleared = self.store.clear_limits(keys).await?;
        let event = Event::new(EventName::LimitsCleared, Actor::CommandLine, self.clock.now());
        let event = match name.and_then(Username::existing) {
            Some(name) => match self.store.user_by_name(&name).await? {
                Some(user) => event.of(&user),
                None => event,
            },
            None => event,
        };
        self.events.record(match (name, address) {
            (_, Some(address)) => event.with(Network::of(address)),
            (Some(_), None) => event,
            (None, None) => event.with("all"),
        });
        Ok(cleared)
    }

    /// Finds out whose the accounts are. A store holds no name for them, since what is typed for a
    /// name may be a password; so all users are looked at.
    async fn name_accounts(&self, views: &mut [LimitView]) -> Result<(), ManageError> {
        const PAGE: usize = 1_000;
        let accounts = views.iter_mut().filter(|view| view.limit.contains("per_account"));
        let mut unnamed: HashMap<String, Vec<&mut LimitView>> = HashMap::new();
        for view in accounts {
            let account = view.whose.split(' ').next().unwrap_or_default().to_owned();
            unnamed.entry(account).or_default().push(view);
        }
        let mut after = None;
        while !unnamed.is_empty() {
            let users = self.store.users_after(after, PAGE).await?;
            let Some(last) = users.last() else { break };
            after = Some(last.id);
            for user in &users {
                let account = AccountKey::like(user.username.as_str()).to_string();
                for view in unnamed.remove(&account).unwrap_or_default() {
                    view.username = Some(user.username.to_string());
                }
            }
        }
        Ok(())
    }
}

/// Which limits are meant.
struct Wanted {
    account: Option<String>,
    network: Option<String>,
}

impl Wanted {
    fn new(name: Option<&str>, address: Option<IpAddr>) -> Self {
        Self {
            account: name.map(|name| AccountKey::like(name).to_string()),
            network: address.map(|address| Network::of(address).to_string()),
        }
    }

    fn has(&self, view: &LimitView) -> bool {
        let has = |part: &Option<String>| {
            part.as_ref().is_none_or(|part| view.whose.split(' ').any(|word| word == part))
        };
        has(&self.account) && has(&self.network)
    }
}
