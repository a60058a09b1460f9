//! What the server tells of itself, and what an operator should know of it.

use super::RedisStore;
use super::fault::{Fault, OF_CLUSTER};
use super::node::Node;
use super::request::{How, Request};
use crate::store::{Inspection, StoreError};
use futures_util::future::try_join_all;
use redis::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The oldest version of Redis that knows all commands in use (`SET … PXAT` is of 6.2).
const OLDEST: (u32, u32) = (6, 2);

/// The answer to `INFO`.
pub(super) struct Info<'a>(HashMap<&'a str, &'a str>);

impl<'a> Info<'a> {
    /// Reads the lines `name:value`; other lines are headings.
    pub(super) fn parse(text: &'a str) -> Self {
        Self(text.lines().filter_map(|line| line.trim_end().split_once(':')).collect())
    }

    /// Refuses a server that lacks commands.
    pub(super) fn refuse_old(&self) -> Result<(), Fault> {
        if self.is_valkey() {
            return Ok(());
        }
        let Some(version) = self.get("redis_version") else {
            return Err(Fault::Unsuitable("the server does not tell its version".to_owned()));
        };
        if parse_version(version).is_some_and(|version| version >= OLDEST) {
            return Ok(());
        }
        let (major, minor) = OLDEST;
        Err(Fault::Unsuitable(format!(
            "Redis {version} is too old: {major}.{minor} or newer is needed"
        )))
    }

    /// Refuses a node of a cluster. One that does not say so shows it by what it refuses.
    pub(super) fn refuse_node(&self) -> Result<(), Fault> {
        if self.get("redis_mode").or_else(|| self.get("server_mode")) != Some("cluster") {
            return Ok(());
        }
        Err(Fault::Unsuitable(format!("the address is that of one server, and {OF_CLUSTER}")))
    }

    /// The value of that name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied()
    }

    fn is_valkey(&self) -> bool {
        self.get("server_name") == Some("valkey")
    }

    fn product(&self) -> String {
        let (name, version) = if self.is_valkey() {
            ("Valkey", self.get("valkey_version"))
        } else {
            ("Redis", self.get("redis_version"))
        };
        format!("{name} {}", version.unwrap_or("of an unknown version"))
    }

    fn warnings(&self, appendfsync: Option<&str>, replicas: u16) -> Vec<String> {
        let mut warnings = self.warnings_of_the_disk(appendfsync);
        if let Some(policy) = self.get("maxmemory_policy").filter(|policy| *policy != "noeviction")
        {
            warnings.push(format!(
                "maxmemory-policy is {policy}: Redis may throw away accounts and tokens when its \
                 memory is full; set `maxmemory-policy noeviction`"
            ));
        }
        if self.is_nearly_full() {
            warnings.push(
                "more than nine tenths of maxmemory are in use: once it is full nobody can log in or \
                 out; raise it"
                    .to_owned(),
            );
        }
        if self.get("role") == Some("slave") {
            warnings.push(
                "the server is a replica: nothing can be written until it is the primary"
                    .to_owned(),
            );
        } else if replicas > 0 && self.replicas() < replicas.into() {
            warnings.push(format!(
                "store.replicas is {replicas}, and {} follow: what ends something is answered by 503",
                self.replicas()
            ));
        }
        warnings
    }

    /// How many replicas have all but what is on its way.
    fn replicas(&self) -> usize {
        let listed = (0..).map_while(|number| self.get(&format!("slave{number}")));
        listed.filter(|replica| replica.contains("state=online")).count()
    }

    fn is_nearly_full(&self) -> bool {
        let number = |name| self.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let (most, used) = (number("maxmemory"), number("used_memory"));
        most > 0 && used > most - most / 10
    }

    /// What may be lost although it was answered, because of how it comes to the disk.
    fn warnings_of_the_disk(&self, appendfsync: Option<&str>) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.get("aof_enabled") == Some("0") {
            warnings.push(
                "appendonly is off: accounts and tokens since the last snapshot are lost when \
                 Redis crashes, and revoked tokens come back; set `appendonly yes`"
                    .to_owned(),
            );
        } else if let Some(policy @ ("everysec" | "no")) = appendfsync {
            warnings.push(format!(
                "appendfsync is {policy}: a crash can lose the last {}, and bring back tokens \
                 that were revoked in it; `appendfsync always` cannot",
                if policy == "no" { "half minute" } else { "second" },
            ));
        }
        for (name, what) in [
            ("aof_last_write_status", "the last write to the append-only file failed"),
            ("aof_last_bgrewrite_status", "the append-only file could not be rewritten"),
            ("rdb_last_bgsave_status", "the last snapshot could not be saved"),
        ] {
            if self.get(name) == Some("err") {
                warnings.push(format!("{what}: look at the disk of Redis and at its log"));
            }
        }
        warnings
    }
}

/// The first two numbers of a version.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl RedisStore {
    /// Every primary has to answer: each has some of what is kept.
    pub(super) async fn ask_ping(&self) -> Result<(), StoreError> {
        let ping = redis::cmd("PING");
        let ask = |node: Arc<Node>| {
            let ping = &ping;
            async move {
                node.ask_again::<Value>(&Request::Command(ping), How::default()).await.map(drop)
            }
        };
        let primaries = self.link.primaries().await?;
        let answers = try_join_all(primaries.nodes.iter().cloned().map(ask)).await;
        if answers.is_err() {
            self.link.doubt(&primaries.nodes).await;
        }
        answers?;
        Ok(())
    }

    pub(super) async fn ask_inspection(&self) -> Result<Inspection, StoreError> {
        let inspection = self.ask_version().await?;
        self.check_layout().await?;
        Ok(inspection)
    }

    /// The same of a store whose layout is of no interest.
    pub(super) async fn ask_version(&self) -> Result<Inspection, StoreError> {
        let primaries = self.link.primaries().await?;
        let replicas = self.link.replicas();
        let (mut products, mut warnings) = (BTreeSet::new(), Vec::new());
        for node in &primaries.nodes {
            let text: String =
                node.ask_again(&Request::Command(&redis::cmd("INFO")), How::default()).await?;
            let info = Info::parse(&text);
            info.refuse_old().map_err(|fault| fault.in_place(&node.place()))?;
            products.insert(info.product());
            for warning in info.warnings(appendfsync(node).await.as_deref(), replicas) {
                warnings.push(match primaries.nodes.len() {
                    1 => warning,
                    _ => format!("{}: {warning}", node.place()),
                });
            }
        }
        let products = Vec::from_iter(products).join(" and ");
        Ok(Inspection { summary: format!("{products} at {}", self.link.description()), warnings })
    }
}

/// How often the log is forced to disk; `None` where reading the settings is forbidden, as it is
/// with many hosters.
async fn appendfsync(node: &Node) -> Option<String> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("appendfsync");
    let settings: Result<HashMap<String, String>, _> =
        node.ask(&Request::Command(&command), How::default()).await;
    settings.ok()?.remove("appendfsync")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(info: &str) -> Option<String> {
        match Info::parse(info).refuse_old() {
            Err(Fault::Unsuitable(why)) => Some(why),
            _ => None,
        }
    }

    #[test]
    fn an_old_redis_is_refused() {
        for version in ["5.0.7", "6.0.16", "6.1.240", "2.8.9999"] {
            let why = refusal(&format!("# Server\r\nredis_version:{version}\r\n")).unwrap();
            assert_eq!(why, format!("Redis {version} is too old: 6.2 or newer is needed"));
        }
    }

    #[test]
    fn a_newer_one_and_any_valkey_are_not() {
        for version in ["6.2.0", "7.0.15", "8.2.1", "10.0.0", "7.9.226"] {
            assert_eq!(refusal(&format!("redis_version:{version}\r\n")), None, "{version}");
        }
        assert_eq!(refusal("server_name:valkey\r\nvalkey_version:8.0.1\r\n"), None);
    }

    #[test]
    fn a_server_without_a_version_is_refused() {
        assert_eq!(
            refusal("HTTP/1.1 400"),
            Some("the server does not tell its version".to_owned())
        );
    }

    #[test]
    fn the_product_is_named_with_its_own_version() {
        let info = "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n";
        assert_eq!(Info::parse(info).product(), "Valkey 8.0.1");
        assert_eq!(Info::parse("redis_version:7.0.15\r\n").product(), "Redis 7.0.15");
    }

    #[test]
    fn a_replica_is_warned_of() {
        let info = "aof_enabled:1\r\nmaxmemory_policy:noeviction\r\nrole:slave\r\n";
        assert_eq!(Info::parse(info).warnings(Some("always"), 0).len(), 1);
    }

    #[test]
    fn what_may_be_lost_is_warned_of() {
        let warnings = |more: &str, replicas| {
            let info = format!("aof_enabled:1\r\nmaxmemory_policy:noeviction\r\n{more}\r\n");
            Info::parse(&info).warnings(Some("always"), replicas).join(" ")
        };
        assert_eq!(warnings("maxmemory:1000\r\nused_memory:900", 0), "");
        assert!(warnings("maxmemory:1000\r\nused_memory:901", 0).contains("maxmemory"));
        assert!(warnings("aof_last_write_status:err", 0).contains("append-only file failed"));
        assert!(warnings("rdb_last_bgsave_status:err", 0).contains("snapshot"));
        assert_eq!(warnings("slave0:ip=h,port=1,state=online,offset=1", 1), "");
        let behind = warnings("slave0:ip=h,port=1,state=wait_bgsave,offset=1", 1);
        assert!(behind.contains("store.replicas is 1, and 0 follow"), "{behind}");
    }
}
