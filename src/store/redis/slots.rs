//! Which server of a cluster has which keys.

use super::address::Server;
use super::fault::Fault;
use super::inspect::Info;
use crc::{CRC_16_XMODEM, Crc};
use redis::{Value, from_redis_value_ref};
use std::collections::BTreeSet;

/// How many slots there are.
const SLOTS: u16 = 16_384;

/// The slot of a key: that of the part in braces, if there is one.
pub(super) fn slot(key: &[u8]) -> u16 {
    const SUM: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
    SUM.checksum(tag(key).unwrap_or(key)) % SLOTS
}

/// The first part in braces, unless it is empty.
fn tag(key: &[u8]) -> Option<&[u8]> {
    let start = key.iter().position(|byte| *byte == b'{')? + 1;
    let rest = key.get(start..)?;
    let end = rest.iter().position(|byte| *byte == b'}')?;
    rest.get(..end).filter(|tag| !tag.is_empty())
}

/// Which servers have which slots.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Slots {
    /// Of the cluster, when it was so.
    pub(super) epoch: u64,
    /// In order of their first slots.
    spans: Vec<Span>,
    /// Primaries that have no slots yet, but some keys.
    strays: Vec<Server>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Span {
    first: u16,
    last: u16,
    primary: Server,
    replicas: Vec<Server>,
}

impl Slots {
    /// Reads what a server answers to `CLUSTER INFO` and `CLUSTER SLOTS`.
    pub(super) fn read(info: &str, slots: &Value, by: &Server) -> Result<Self, Fault> {
        let not_so = || Fault::Corrupt("CLUSTER SLOTS has an answer of another form".to_owned());
        let epoch = epoch(info).ok_or_else(not_so)?;
        let Value::Array(spans) = slots else { return Err(not_so()) };
        let spans: Option<Vec<Span>> = spans.iter().map(|span| read_span(span, by)).collect();
        let mut spans = spans.ok_or_else(not_so)?;
        if !is_well(info) {
            return Err(Fault::CutOff);
        }
        if spans.is_empty() {
            return Err(Fault::Refused("it has no part in a cluster".to_owned()));
        }
        spans.sort_by_key(|span| span.first);
        Ok(Self { epoch, spans, strays: Vec::new() })
    }

    /// The server that has a slot.
    pub(super) fn owner(&self, slot: u16) -> Option<&Server> {
        let after = self.spans.partition_point(|span| span.first <= slot);
        let span = self.spans.get(after.checked_sub(1)?)?;
        (slot <= span.last).then_some(&span.primary)
    }

    /// The servers that answer for keys, each once.
    pub(super) fn servers(&self) -> BTreeSet<&Server> {
        self.spans.iter().map(|span| &span.primary).chain(&self.strays).collect()
    }

    /// Whether a server answers for keys, as far as is known.
    pub(super) fn names(&self, server: &Server) -> bool {
        self.servers().contains(server)
    }

    /// Those and their replicas.
    pub(super) fn everyone(&self) -> impl Iterator<Item = &Server> {
        self.servers().into_iter().chain(self.spans.iter().flat_map(|span| &span.replicas))
    }

    /// The same with one more server that answers for keys.
    pub(super) fn with_stray(&self, server: Server) -> Self {
        let mut slots = self.clone();
        if !slots.names(&server) {
            slots.strays.push(server);
        }
        slots
    }
}

/// The latest change that a server knows of, as `CLUSTER INFO` has it.
pub(super) fn epoch(info: &str) -> Option<u64> {
    Info::parse(info).get("cluster_current_epoch")?.parse().ok()
}

/// Whether a server says that its cluster can serve: it is not cut off from the others.
pub(super) fn is_well(info: &str) -> bool {
    Info::parse(info).get("cluster_state") == Some("ok")
}

fn read_span(span: &Value, by: &Server) -> Option<Span> {
    let Value::Array(parts) = span else { return None };
    let [first, last, primary, replicas @ ..] = parts.as_slice() else { return None };
    let slot = |value| from_redis_value_ref::<u16>(value).ok().filter(|slot| *slot < SLOTS);
    Some(Span {
        first: slot(first)?,
        last: slot(last)?,
        primary: read_server(primary, by)?,
        replicas: replicas.iter().filter_map(|replica| read_server(replica, by)).collect(),
    })
}

/// A server that does not know its own name leaves it out; one that is unknown is `?`.
fn read_server(server: &Value, by: &Server) -> Option<Server> {
    let Value::Array(parts) = server else { return None };
    let [host, port, ..] = parts.as_slice() else { return None };
    let host: Option<String> = from_redis_value_ref(host).ok()?;
    let host = match host.as_deref() {
        Some("?") => return None,
        None | Some("") => by.host.clone(),
        Some(host) => host.to_owned(),
    };
    Some(Server { host, port: from_redis_value_ref(port).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, port: u16) -> Server {
        Server { host: host.to_owned(), port }
    }

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn span(first: i64, last: i64, host: Value, port: i64) -> Value {
        let node = Value::Array(vec![host, Value::Int(port), bulk("id")]);
        let replica = Value::Array(vec![bulk("?"), Value::Int(9), bulk("id")]);
        Value::Array(vec![Value::Int(first), Value::Int(last), node, replica])
    }

    const INFO: &str = "cluster_state:ok\r\ncluster_current_epoch:7\r\n";

    /// The values of CLUSTER KEYSLOT.
    #[test]
    fn a_key_has_the_slot_that_redis_says() {
        for (key, expected) in [
            ("", 0),
            ("123456789", 12_739),
            ("foo", 12_182),
            ("{foo}.bar", 12_182),
            ("foo{}{bar}", 8_363),
            ("foo{{bar}}zap", 4_015),
            ("foo{bar}{zap}", 5_061),
        ] {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
    }

    #[test]
    fn a_slot_has_the_server_of_its_span() {
        let spans = [span(8000, 16383, bulk("b"), 2), span(0, 100, Value::Nil, 1)];
        let slots = Slots::read(INFO, &Value::Array(spans.to_vec()), &server("me", 3)).unwrap();
        let owner = |slot| slots.owner(slot).cloned();
        assert_eq!(owner(0), Some(server("me", 1)));
        assert_eq!(owner(100), Some(server("me", 1)));
        assert_eq!(owner(101), None);
        assert_eq!(owner(8000), Some(server("b", 2)));
        assert_eq!(owner(16383), Some(server("b", 2)));
        assert_eq!((slots.epoch, slots.everyone().count()), (7, 2));
    }

    #[test]
    fn a_server_without_a_cluster_has_no_slots() {
        let answer = Slots::read(INFO, &Value::Array(Vec::new()), &server("me", 3));
        assert!(matches!(answer, Err(Fault::Refused(_))));
        let answer = Slots::read("", &Value::Array(Vec::new()), &server("me", 3));
        assert!(matches!(answer, Err(Fault::Corrupt(_))));
    }
}
