//! Where the servers are, as an operator writes it.

use super::fault::Fault;
use super::node::Node;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use std::fmt;
use std::sync::Arc;

/// Where the servers are.
pub(super) enum Address {
    /// Some servers of a Redis Cluster; they know the others.
    Cluster { access: Access, seeds: Vec<Server> },
    /// One server.
    One { authorities: Option<Arc<[u8]>>, info: ConnectionInfo },
    /// Sentinels, and the name by which they know the primary.
    Sentinel { access: Access, name: String, of_sentinels: Access, sentinels: Vec<Server> },
}

/// A host and a port.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Servers in a line, for an operator.
pub(super) fn in_a_line(servers: &[Server]) -> String {
    servers.iter().map(Server::to_string).collect::<Vec<_>>().join(", ")
}

/// How to connect to any of the servers.
#[derive(Clone)]
pub(super) struct Access {
    /// Whom to trust by TLS, in PEM, in place of those who vouch for the public web.
    pub(super) authorities: Option<Arc<[u8]>>,
    /// Whether they are those of a cluster.
    pub(super) is_of_cluster: bool,
    pub(super) is_tls: bool,
    pub(super) settings: RedisConnectionInfo,
}

impl Access {
    /// A server that is not connected yet.
    pub(super) fn node(&self, server: &Server) -> Result<Node, Fault> {
        let Server { host, port } = server.clone();
        let address = if self.is_tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        };
        let info = address.into_connection_info()?.set_redis_settings(self.settings.clone());
        Ok(Node::new(info, self.authorities.as_deref(), self.is_of_cluster)?)
    }
}

/// The port of a server where none is written.
const PORT: u16 = 6379;
/// The port of a sentinel where none is written.
const SENTINEL_PORT: u16 = 26379;

impl Address {
    /// Reads `redis://…`, `redis+cluster://H1:P,H2:P` or `redis+sentinel://H1:P,H2:P/NAME/DB`, or
    /// the same with `rediss` for TLS; `None` if it is none of them.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (scheme, kind) = match scheme.split_once('+') {
            Some((scheme @ ("redis" | "rediss"), kind)) => (scheme, kind),
            Some(_) => return None,
            None => return single(url).map(|info| Self::One { authorities: None, info }),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (format!("{credentials}@"), hosts),
            None => (String::new(), authority),
        };
        let port = if kind == "sentinel" { SENTINEL_PORT } else { PORT };
        let of = |host: &str, path: &str| single(&format!("{scheme}://{credentials}{host}/{path}"));
        let servers: Option<Vec<Server>> =
            hosts.split(',').map(|host| server(host, &of(host, "")?, port)).collect();
        let (servers, is_tls) = (servers?, scheme == "rediss");
        match kind {
            "cluster" if path.is_empty() || path == "0" => {
                let settings = of("host", "")?.redis_settings().clone();
                Some(Self::Cluster {
                    access: Access { authorities: None, is_of_cluster: true, is_tls, settings },
                    seeds: servers,
                })
            }
            "sentinel" => {
                let (path, query) = path.split_once('?').unwrap_or((path, ""));
                let (name, database) = path.split_once('/').unwrap_or((path, ""));
                let settings = of("host", database)?.redis_settings().clone();
                let access = Access { authorities: None, is_of_cluster: false, is_tls, settings };
                let settings = of_sentinels(query)?;
                let of_sentinels =
                    Access { authorities: None, is_of_cluster: false, is_tls, settings };
                let name = (!name.is_empty()).then(|| name.to_owned())?;
                Some(Self::Sentinel { access, name, of_sentinels, sentinels: servers })
            }
            _ => None,
        }
    }
}

impl Address {
    /// Has servers trusted whom these authorities vouch for, in PEM, and no others.
    pub(super) fn trust(&mut self, pem: Option<&[u8]>) {
        let authorities: Option<Arc<[u8]>> = pem.map(Into::into);
        match self {
            Self::Cluster { access, .. } => access.authorities = authorities,
            Self::One { authorities: of_one, .. } => *of_one = authorities,
            Self::Sentinel { access, of_sentinels, .. } => {
                access.authorities.clone_from(&authorities);
                of_sentinels.authorities = authorities;
            }
        }
    }
}

/// What sentinels want to know, which have passwords of their own or none.
fn of_sentinels(query: &str) -> Option<RedisConnectionInfo> {
    let mut settings = RedisConnectionInfo::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        settings = match &*name {
            "sentinel_user" => settings.set_username(value),
            "sentinel_password" => settings.set_password(value),
            _ => return None,
        };
    }
    Some(settings)
}

/// One of many servers, with the port that it has where none is written.
fn server(written: &str, info: &ConnectionInfo, port: u16) -> Option<Server> {
    let (ConnectionAddr::Tcp(host, found) | ConnectionAddr::TcpTls { host, port: found, .. }) =
        info.addr()
    else {
        return None;
    };
    let has_port = written.rsplit_once(':').is_some_and(|(_, end)| end.parse() == Ok(*found));
    (!host.is_empty())
        .then(|| Server { host: host.clone(), port: if has_port { *found } else { port } })
}

/// One server, as the crate reads it, without what is not safe.
fn single(url: &str) -> Option<ConnectionInfo> {
    let info = url.into_connection_info().ok()?;
    let settings = info.redis_settings();
    // A raw `/`, `?` or `#` in a password ends the host early, and would show it as one.
    let is_cut =
        url.contains('@') && settings.password().is_none() && settings.username().is_none();
    let is_supported = match info.addr() {
        ConnectionAddr::TcpTls { insecure, .. } => !insecure,
        _ => true,
    };
    (!is_cut && is_supported).then_some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentinels_are_read_with_the_name_of_the_primary() {
        let url = "redis+sentinel://gate:p%40ss@one:1,two,[::1]:3/main/2?sentinel_password=a%2Bb";
        let Some(Address::Sentinel { access, name, of_sentinels, sentinels }) = Address::parse(url)
        else {
            panic!("no sentinels")
        };
        assert_eq!(of_sentinels.settings.password(), Some("a+b"));
        assert_eq!(in_a_line(&sentinels), "one:1, two:26379, ::1:3");
        assert_eq!((name.as_str(), access.is_tls, access.settings.db()), ("main", false, 2));
        assert_eq!(access.settings.password(), Some("p@ss"));
        assert_eq!(access.settings.username(), Some("gate"));
    }

    #[test]
    fn a_cluster_is_read_with_its_seeds() {
        let Some(Address::Cluster { access, seeds }) =
            Address::parse("rediss+cluster://:secret@one,two:7001")
        else {
            panic!("no cluster")
        };
        assert_eq!(in_a_line(&seeds), "one:6379, two:7001");
        assert!(access.is_tls && access.settings.password() == Some("secret"));
        assert_eq!(access.node(&seeds[1]).unwrap().place(), "two:7001");
    }

    #[test]
    fn other_addresses_are_none() {
        for url in [
            "redis+sentinel://one:1,two:2",
            "redis+sentinel:///main",
            "redis+sentinel://one:1,:2/main",
            "redis+sentinel://one:port/main",
            "redis+sentinel://one/main/db",
            "redis+sentinel://one/main?password=x",
            "redis+cluster://one/1",
            "redis+cluster://",
            "redis+cluster://one,/",
            "redis+ring://one",
            "http+cluster://one",
            "redis+cluster://user:12#hunter2@one",
        ] {
            assert!(Address::parse(url).is_none(), "{url}");
        }
    }
}
