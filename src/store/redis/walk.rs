//! Every key there is, a page at a time.

use super::RedisStore;
use super::node::Node;
use super::patience::patiently;
use super::request::{How, Request};
use crate::store::StoreError;
use std::sync::Arc;

/// How many keys are looked at for a page.
const COUNT: usize = 1_000;

/// The keys of a pattern. One may be shown twice, and what comes or goes meanwhile may be shown or not.
pub(super) struct Pages {
    cursor: u64,
    /// The servers that are left, the present one last.
    nodes: Vec<Arc<Node>>,
    pattern: String,
}

impl RedisStore {
    /// The keys of a pattern, on all servers.
    pub(super) async fn pages(&self, pattern: &str) -> Result<Pages, StoreError> {
        let nodes = self.link.primaries().await?.nodes;
        Ok(Pages { cursor: 0, nodes, pattern: pattern.to_owned() })
    }
}

impl Pages {
    /// Some more keys, perhaps none; `None` when all were shown.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<String>>, StoreError> {
        let Some(node) = self.nodes.last() else { return Ok(None) };
        let mut scan = redis::cmd("SCAN");
        scan.arg(self.cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(COUNT);
        let names: Vec<Vec<u8>>;
        let ask = async || Ok(node.ask_again(&Request::Command(&scan), How::default()).await?);
        (self.cursor, names) = patiently(ask).await?;
        if self.cursor == 0 {
            self.nodes.pop();
        }
        let names = names.iter().map(|name| String::from_utf8_lossy(name).into_owned());
        Ok(Some(names.collect()))
    }
}
