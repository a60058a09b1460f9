//! Whether two addresses lead to the same place.

use super::RedisStore;
use super::patience::patiently;
use super::request::{How, Request};
use crate::store::StoreError;
use std::collections::BTreeSet;

impl RedisStore {
    /// Whether something that is written here is seen there.
    pub(in crate::store) async fn is_same(&self, other: &Self) -> Result<bool, StoreError> {
        let (one, other) = (self.identities().await?, other.identities().await?);
        Ok(!one.is_disjoint(&other))
    }

    /// What each primary calls itself, whoever asks, and the database.
    async fn identities(&self) -> Result<BTreeSet<(String, i64)>, StoreError> {
        let mut found = BTreeSet::new();
        for node in patiently(async || self.link.primaries().await).await?.nodes {
            let info = redis::cmd("INFO");
            let ask = async || Ok(node.ask_again(&Request::Command(&info), How::default()).await?);
            let text: String = patiently(ask).await?;
            let run = text.lines().find_map(|line| line.strip_prefix("run_id:"));
            let name = run.map_or_else(|| node.place(), |run| run.trim().to_owned());
            found.insert((name, node.database()));
        }
        Ok(found)
    }
}
