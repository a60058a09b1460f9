//! Whether a gateway serves from a store.

use super::node::Node;
use super::request::{How, Request};
use super::{RedisStore, keys};
use crate::store::StoreError;

impl RedisStore {
    /// Refuses while a gateway serves from this store: it is told of changes on a connection of its own.
    pub(super) async fn refuse_followed(&self) -> Result<(), StoreError> {
        for node in self.link.primaries().await?.nodes {
            let mut list = redis::cmd("CLIENT");
            list.arg("LIST");
            let clients = node.ask::<String>(&Request::Command(&list), How::default()).await;
            let clients = match clients.map_err(StoreError::from) {
                Ok(clients) => clients,
                // It may tell in a moment.
                Err(error) if error.is_away() => return Err(error),
                Err(error) => {
                    tracing::warn!(
                        %error,
                        "Redis does not tell whether a gateway serves from it; none should"
                    );
                    continue;
                }
            };
            if clients.lines().any(|client| is_feed(client, &node)) {
                return Err(StoreError::Unsuitable(
                    "a gateway serves from this store: stop all of them first, for it is not whole \
                     until this is done"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }
}

/// Whether a client, in a line of `CLIENT LIST`, is a gateway that is told of changes in this database.
/// One that may not say its name, or is of an older version, has none; others have names of their own.
pub(super) fn is_feed(client: &str, node: &Node) -> bool {
    let is_here = field(client, "db")
        .and_then(|db| db.parse().ok())
        .is_none_or(|db: i64| db == node.database());
    let flags = field(client, "flags").unwrap_or_default();
    let is_ours = match field(client, "name").unwrap_or_default() {
        "" => flags.contains('B'),
        name => name == keys::FEED,
    };
    is_here && flags.contains('t') && is_ours
}

/// What a line of `CLIENT LIST` says of that.
pub(super) fn field<'a>(client: &'a str, name: &str) -> Option<&'a str> {
    client.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}
