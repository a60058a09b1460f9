//! Every key there is, a page at a time.

use super::RedisStore;
use super::node::Node;
use super::patience::patiently;
use super::request::{How, Request};
use crate::store::StoreError;
use redis::Cmd;
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
    /// Some more keys, perhaps none; `None` when all were shown. Waits for a server that is busy.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<String>>, StoreError> {
        let Some(node) = self.nodes.last() else { return Ok(None) };
        let scan = self.scan();
        let ask = async || Ok(node.ask_again(&Request::Command(&scan), How::default()).await?);
        let page = patiently(ask).await?;
        Ok(Some(self.turn(page)))
    }

    /// The same, but a server that gives no answer in time is an error.
    pub(super) async fn next_in_time(&mut self) -> Result<Option<Vec<String>>, StoreError> {
        let Some(node) = self.nodes.last() else { return Ok(None) };
        let scan = self.scan();
        let page = node.ask_again(&Request::Command(&scan), How::default()).await?;
        Ok(Some(self.turn(page)))
    }

    fn scan(&self) -> Cmd {
        let mut scan = redis::cmd("SCAN");
        scan.arg(self.cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(COUNT);
        scan
    }

    fn turn(&mut self, (cursor, names): (u64, Vec<Vec<u8>>)) -> Vec<String> {
        self.cursor = cursor;
        if cursor == 0 {
            self.nodes.pop();
        }
        names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }
}
