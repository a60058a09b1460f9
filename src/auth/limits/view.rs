//! What operators see of limits, and clear.

use crate::auth::{Auth, ManageError, Proved};
use crate::model::event::EventName;
use crate::model::limit::AccountKey;
use crate::model::network::Network;
use crate::model::user::Username;
use crate::store::EventQuery;
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

/// Whom this gateway has refused lately.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefusalView {
    /// How often, since it began.
    pub count: u64,
    /// What refuses them, without an account.
    pub limit: String,
    /// For how long they are refused still.
    pub wait: Option<Duration>,
    /// Whose it is.
    pub whose: String,
}

/// What counts against limits, as far as a page shows it.
pub struct LimitsShown {
    /// How many count in all.
    pub count: usize,
    /// Some of them: those who are refused first.
    pub limits: Vec<LimitView>,
    /// How many are refused.
    pub refused: usize,
}

impl LimitView {
    /// What it is called in the store.
    pub fn key(&self) -> String {
        format!("{}/{}", self.limit, self.whose)
    }
}

impl Auth {
    /// What counts against limits in the store, those who are refused first, and no more than
    /// `most`. Of accounts the owners are told that are found quickly.
    pub async fn limits_shown(&self, most: usize) -> Result<LimitsShown, ManageError> {
        let mut limits = self.find_limits(None, None).await?;
        limits.sort_by(|one, other| {
            let order = |view: &LimitView| (std::cmp::Reverse(view.wait), view.key());
            order(one).cmp(&order(other))
        });
        let count = limits.len();
        let refused = limits.iter().filter(|view| view.wait.is_some()).count();
        limits.truncate(most);
        self.name_known_accounts(&mut limits).await?;
        Ok(LimitsShown { count, limits, refused })
    }

    /// Whom this gateway refuses, or has within the last minute: also for what is counted in its
    /// memory alone.
    pub fn refusals(&self) -> Vec<RefusalView> {
        let now = self.clock.instant();
        let seen = self.limits.refusals.seen(now).into_iter().map(|(key, count, wait)| {
            let told = key.told();
            let (limit, whose) = told.split_once('/').unwrap_or((&told, ""));
            let wait = Some(wait).filter(|wait| !wait.is_zero());
            RefusalView { count, limit: limit.to_owned(), wait, whose: whose.to_owned() }
        });
        let mut refusals: Vec<_> = seen.collect();
        refusals.sort_by_key(|refusal| std::cmp::Reverse(refusal.count));
        refusals
    }

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

    /// The same, and no more than `most`, with how many there are in all. Of accounts the owners are
    /// told that are found quickly, and whoever is asked for by name.
    pub async fn limits_like(
        &self,
        (name, address): (Option<&str>, Option<IpAddr>),
        is_refused: Option<bool>,
        most: usize,
    ) -> Result<(Vec<LimitView>, usize), ManageError> {
        let mut views = self.find_limits(name, address).await?;
        views.retain(|view| is_refused.is_none_or(|wanted| view.wait.is_some() == wanted));
        let count = views.len();
        views.truncate(most);
        match name {
            None => self.name_known_accounts(&mut views).await?,
            // All of them are of that account.
            Some(name) => {
                if let Some(user) = self.find(name).await? {
                    unnamed(&mut views).name(&user.username);
                }
            }
        }
        Ok((views, count))
    }

    async fn find_limits(
        &self,
        name: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Vec<LimitView>, ManageError> {
        let now = self.clock.now();
        let found = self.store.limits(now).await?;
        let counting = found.into_iter().filter(|(_, taken)| !taken.is_nothing());
        let views = counting.filter_map(|(key, taken)| {
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
        by: Proved,
    ) -> Result<u64, ManageError> {
        // Whoever is refused for guessing would guess on.
        let by = by.lets_in(false)?;
        let found = self.find_limits(name, address).await?;
        let cleared = self.store.clear_limits(found.iter().map(LimitView::key).collect()).await?;
        let event = self.event(EventName::LimitsCleared, by);
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

    /// Forgets what counts against these limits, which are called as in the store. Says of how many.
    pub async fn clear_these_limits(
        &self,
        keys: Vec<String>,
        by: Proved,
    ) -> Result<u64, ManageError> {
        let by = by.lets_in(false)?;
        let mut views = self.find_limits(None, None).await?;
        views.retain(|view| keys.contains(&view.key()));
        self.name_known_accounts(&mut views).await?;
        for view in &views {
            self.store.clear_limits(vec![view.key()]).await?;
            let event = self.event(EventName::LimitsCleared, by.clone());
            let event = match view.username.as_deref().and_then(Username::existing) {
                Some(name) => match self.store.user_by_name(&name).await? {
                    Some(user) => event.of(&user),
                    None => event,
                },
                None => event,
            };
            self.events.record(event.with(view.told()));
        }
        Ok(u64::try_from(views.len()).unwrap_or(u64::MAX))
    }

    /// Finds out whose the accounts are from whom failed of late, and from some of the users.
    async fn name_known_accounts(&self, views: &mut [LimitView]) -> Result<(), ManageError> {
        const FAILURES: usize = 2_000;
        const USERS: usize = 2_000;
        let mut unnamed = unnamed(views);
        if unnamed.is_empty() {
            return Ok(());
        }
        for failed in [EventName::LoginFailed, EventName::ConsoleSignInFailed] {
            let failures = EventQuery { name: Some(failed), ..EventQuery::newest(FAILURES) };
            for event in self.store.events(&failures).await?.events {
                if let Some((_, name)) = &event.user {
                    unnamed.name(name);
                }
            }
        }
        if !unnamed.is_empty() {
            for user in &self.store.users_after(None, USERS).await? {
                unnamed.name(&user.username);
            }
        }
        Ok(())
    }

    /// Finds out whose the accounts are. A store holds no name for them, since what is typed for a
    /// name may be a password; so all users are looked at.
    async fn name_accounts(&self, views: &mut [LimitView]) -> Result<(), ManageError> {
        const PAGE: usize = 1_000;
        let mut unnamed = unnamed(views);
        let mut after = None;
        while !unnamed.is_empty() {
            let users = self.store.users_after(after, PAGE).await?;
            let Some(last) = users.last() else { break };
            after = Some(last.id);
            for user in &users {
                unnamed.name(&user.username);
            }
        }
        Ok(())
    }
}

/// Limits of accounts, by the account's key, until their owner is known.
struct Unnamed<'a>(HashMap<String, Vec<&'a mut LimitView>>);

fn unnamed(views: &mut [LimitView]) -> Unnamed<'_> {
    let mut unnamed: HashMap<String, Vec<&mut LimitView>> = HashMap::new();
    for view in views.iter_mut().filter(|view| view.is_of_account()) {
        let account = view.whose.split(' ').next().unwrap_or_default().to_owned();
        unnamed.entry(account).or_default().push(view);
    }
    Unnamed(unnamed)
}

impl Unnamed<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says who it is, if it is one of them.
    fn name(&mut self, name: &Username) {
        let account = AccountKey::like(name.as_str()).to_string();
        for view in self.0.remove(&account).unwrap_or_default() {
            view.username = Some(name.to_string());
        }
    }
}

impl LimitView {
    /// Whether it is an account's.
    pub fn is_of_account(&self) -> bool {
        self.limit.contains("per_account")
    }

    /// The network that it is of, if it is of one.
    pub fn network(&self) -> Option<&str> {
        let last = self.whose.split(' ').next_back()?;
        let is_network = last.contains(['.', ':']) && !last.starts_with("token:");
        (is_network && !last.starts_with("user:")).then_some(last)
    }

    /// What events may say of it: without an account's key, which may be that of a password.
    fn told(&self) -> String {
        match (self.is_of_account(), self.network()) {
            (true, None) => self.limit.clone(),
            (true, Some(network)) => format!("{}/{network}", self.limit),
            (false, _) => self.key(),
        }
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
