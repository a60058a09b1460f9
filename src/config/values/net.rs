//! Addresses: where to listen, where to connect, whom to believe.

use super::super::written::Value;
use super::{number, text};
use crate::server::redirect::Redirect;
use ipnet::{IpNet, Ipv4Net};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An address to listen on.
pub(in super::super) fn address(value: &Value) -> Result<SocketAddr, String> {
    let text = text(value)?;
    text.parse().map_err(|_| {
        format!(
            r#"{text:?} is not an address; write IP:PORT, such as "127.0.0.1:8000" or "[::1]:8000""#
        )
    })
}

/// An address to listen on; `None` if it is empty.
pub(in super::super) fn address_or_off(value: &Value) -> Result<Option<SocketAddr>, String> {
    if text(value)?.is_empty() { Ok(None) } else { address(value).map(Some) }
}

/// Where a plain listener leads to: a port of HTTPS, the usual one for true; `None` for false.
pub(in super::super) fn redirect_port(value: &Value) -> Result<Option<u16>, String> {
    match value {
        Value::Integer(_) => number(1..=u16::MAX)(value).map(Some),
        Value::Boolean(true) => Ok(Some(Redirect::DEFAULT_PORT)),
        Value::Boolean(false) => Ok(None),
        other => Err(format!("expected true, false or the port of HTTPS, not {}", other.kind())),
    }
}

/// A network, or one address, but not everyone.
pub(in super::super) fn network(value: &Value) -> Result<IpNet, String> {
    let network = network_or_all(value)?;
    if network.prefix_len() == 0 {
        return Err(format!("\"{network}\" is everyone: any client could then forge its address"));
    }
    Ok(network)
}

/// A network, or one address.
pub(in super::super) fn network_or_all(value: &Value) -> Result<IpNet, String> {
    let text = text(value)?;
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network.map_err(|_| {
        format!(r#"{text:?} is not a network; write one such as "10.0.0.0/8", or an address"#)
    })?;
    Ok(canonical(network).trunc())
}

/// A network of IPv4 that is written as one of IPv6: clients have the addresses of IPv4.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let mapped = match network {
        IpNet::V6(network) if network.prefix_len() >= MAPPED => {
            let address = network.addr().to_ipv4_mapped();
            address.and_then(|ip| Ipv4Net::new(ip, network.prefix_len() - MAPPED).ok())
        }
        IpNet::V4(_) | IpNet::V6(_) => None,
    };
    mapped.map_or(network, IpNet::V4)
}

/// Whether this is the name of a host, or its address as a URL has it.
pub(super) fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    let is_good = |char: char| char.is_ascii_alphanumeric() || "-._".contains(char);
    !text.is_empty() && text.chars().all(is_good)
}
