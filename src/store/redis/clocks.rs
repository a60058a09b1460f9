//! The clocks of the servers, by which all gateways tell the time.

use super::RedisStore;
use super::node::Node;
use super::patience::patiently;
use super::request::{How, Request};
use crate::clock::Timestamp;
use crate::store::StoreError;
use futures_util::future::join_all;
use std::sync::Arc;

impl RedisStore {
    /// What the clocks of those servers say that answer.
    pub(super) async fn ask_clocks(&self) -> Result<Vec<Timestamp>, StoreError> {
        let time = redis::cmd("TIME");
        let ask = |node: Arc<Node>| {
            let time = &time;
            async move { node.ask::<(i64, i64)>(&Request::Command(time), How::default()).await }
        };
        let primaries = self.link.primaries().await?;
        let answers = join_all(primaries.nodes.iter().cloned().map(ask)).await;
        let micros = |(seconds, micros): (i64, i64)| seconds.saturating_mul(1_000_000) + micros;
        let (mut clocks, mut failure) = (Vec::new(), None);
        for answer in answers {
            match answer {
                Ok(time) => clocks.push(Timestamp::from_micros(micros(time))),
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if clocks.is_empty() => Err(error.into()),
            _ => Ok(clocks),
        }
    }

    /// The present moment by the clocks of the servers; where they do not tell, this.
    pub(in crate::store) async fn present(&self, own: Timestamp) -> Timestamp {
        self.present_unless_away(own).await.unwrap_or(own)
    }

    /// The same, where whoever asks can do nothing with servers that are away.
    pub(in crate::store) async fn present_unless_away(
        &self,
        own: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        match patiently(async || self.ask_clocks().await).await {
            // By the earliest nothing ends too early.
            Ok(clocks) => Ok(clocks.into_iter().min().unwrap_or(own)),
            // It was waited for: nobody should wait once more.
            Err(error) if error.is_away() => Err(error),
            Err(_) => Ok(own),
        }
    }
}
