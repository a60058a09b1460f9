//! What operators want to know at a glance.

use super::Auth;
use crate::metrics::Metrics;
use crate::store::{Census, Item, ItemKind, StoreError, UserColumn, UserOrder, UserQuery};
use std::collections::HashSet;

impl Auth {
    /// What this gateway counts.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// How many users and tokens there are.
    pub async fn census(&self) -> Result<Census, StoreError> {
        self.store.census(self.clock.now()).await
    }

    /// How many operators have no authenticator app; of very many only some are looked at.
    pub async fn operators_without_totp(&self) -> Result<usize, StoreError> {
        const MOST: usize = 200;
        let now = self.clock.now();
        let query = UserQuery {
            after: None,
            is_active: Some(true),
            is_staff: Some(true),
            limit: MOST,
            order: UserOrder { by: UserColumn::Username, is_descending: false },
            prefix: None,
        };
        let staff = self.store.find_users(&query, now).await?;
        let apps = self.store.items(ItemKind::Totp, now).await?;
        // One that is not confirmed yet has another key.
        let whose = |item: &Item| item.owner.filter(|owner| item.key == owner.to_string());
        let with: HashSet<_> = apps.iter().filter_map(whose).collect();
        Ok(staff.users.iter().filter(|listed| !with.contains(&listed.user.id)).count())
    }
}
