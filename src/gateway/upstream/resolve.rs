//! The addresses of names, for as long as the name servers say.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What a name server has said of a name.
pub(super) struct Found {
    /// Sorted, each once.
    pub addresses: Vec<IpAddr>,
    pub lasts: Duration,
}

/// How long the addresses of a name are taken for good at least: a name server may say 0.
const SHORTEST: Duration = Duration::from_secs(1);
/// And at most: a hosts file says nothing, and some name servers say more than is true.
const LONGEST: Duration = Duration::from_secs(30);

/// How long a name may take to be resolved.
const PATIENCE: Duration = Duration::from_secs(15);

/// Asks these name servers, by default the system's, for the addresses of a name; the system's hosts
/// file goes first. IPv6 addresses count where there are no others.
pub(super) async fn resolve(host: &str, servers: &[SocketAddr]) -> Result<Found, String> {
    // Made anew each time: the files of the system may change while we run.
    let (config, mut options) = if servers.is_empty() {
        let nobody = || (ResolverConfig::from_name_servers(vec![]), ResolverOpts::default());
        read_system_conf().unwrap_or_else(|_| nobody())
    } else {
        let servers = servers.iter().copied().map(name_server).collect();
        (ResolverConfig::from_name_servers(servers), ResolverOpts::default())
    };
    options.cache_size = 0;
    options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
    let provider = TokioRuntimeProvider::default();
    let resolver = TokioResolver::builder_with_config(config, provider).with_options(options);
    let resolver = resolver.build().map_err(|error| error.to_string())?;
    let found = timeout(PATIENCE, resolver.lookup_ip(host)).await;
    let found = found.map_err(|_| "the name servers do not answer".to_owned())?;
    let found = found.map_err(|error| error.to_string())?;
    let lasts = found.valid_until().saturating_duration_since(Instant::now());
    let mut addresses: Vec<_> = found.iter().collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.is_empty() {
        return Err("the name has no addresses".to_owned());
    }
    Ok(Found { addresses, lasts: lasts.clamp(SHORTEST, LONGEST) })
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let at_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(at_port).to_vec();
    NameServerConfig::new(address.ip(), true, connections)
}
