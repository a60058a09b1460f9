//! Where clients come from.

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What one client has of an address: all of IPv4, and 64 bits of IPv6.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Network(IpAddr);

impl Network {
    /// The network of an address. Behind NAT64 (RFC 6052) that is the address of IPv4 in it.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(ip) if ip.to_bits() >> 32 == NAT64 => {
                let [.., a, b, c, d] = ip.octets();
                Ipv4Addr::new(a, b, c, d).into()
            }
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// `64:ff9b::/96`, without the bits of the IPv4 address.
const NAT64: u128 = 0x0064_ff9b << 64;

/// An address of IPv4 as it is, a network of IPv6 as `2001:db8::/64`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => ip.fmt(f),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
}

/// The network that is written so; an address is the network that holds it alone.
pub fn read_network(text: &str) -> Option<IpNet> {
    let of_one = || text.parse::<IpAddr>().map(|address| address.to_canonical().into());
    text.parse().or_else(|_| of_one()).ok()
}

/// Networks that are treated in a way of their own. Of several that hold an address, the smallest
/// counts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Exceptions {
    /// Those that no limit holds for.
    pub allow: Vec<IpNet>,
    /// Those that get no answer but a refusal.
    pub deny: Vec<IpNet>,
}

/// How a client is treated for where it comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Treatment {
    /// No limit holds for it.
    Allowed,
    /// It is refused.
    Denied,
    /// Like everyone.
    Usual,
}

impl Exceptions {
    /// How a client at this address is treated.
    pub fn treatment(&self, address: IpAddr) -> Treatment {
        if self.allow.is_empty() && self.deny.is_empty() {
            return Treatment::Usual;
        }
        let address = address.to_canonical();
        let smallest = |networks: &[IpNet]| {
            let holding = networks.iter().filter(|network| network.contains(&address));
            holding.map(IpNet::prefix_len).max()
        };
        match (smallest(&self.allow), smallest(&self.deny)) {
            (None, None) => Treatment::Usual,
            (allowed, denied) if denied > allowed => Treatment::Denied,
            (Some(_), _) | (None, Some(_)) => Treatment::Allowed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> String {
        Network::of(address.parse().unwrap()).to_string()
    }

    #[test]
    fn of_ipv6_a_client_has_64_bits() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2:f::"), "2001:db8:1:2::/64");
    }

    #[test]
    fn of_ipv4_an_address_however_it_is_written() {
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("64:ff9b::192.0.2.7"), "192.0.2.7");
    }

    fn treatment(exceptions: &Exceptions, address: &str) -> Treatment {
        exceptions.treatment(address.parse().unwrap())
    }

    #[test]
    fn the_smallest_network_counts() {
        let networks = |list: &[&str]| list.iter().map(|net| net.parse().unwrap()).collect();
        let exceptions = Exceptions {
            allow: networks(&["10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32"]),
            deny: networks(&["10.6.0.0/16", "203.0.113.0/24"]),
        };
        for (address, expected) in [
            ("10.1.2.3", Treatment::Allowed),
            ("10.6.2.3", Treatment::Denied),
            ("203.0.113.7", Treatment::Allowed),
            ("::ffff:203.0.113.8", Treatment::Denied),
            ("2001:db8:5::1", Treatment::Allowed),
            ("192.0.2.1", Treatment::Usual),
        ] {
            assert_eq!(treatment(&exceptions, address), expected, "{address}");
        }
        assert_eq!(treatment(&Exceptions::default(), "192.0.2.1"), Treatment::Usual);
    }

    #[test]
    fn an_address_is_the_network_that_holds_it_alone() {
        let read = |text| read_network(text).map(|network| network.to_string());
        assert_eq!(read("203.0.113.0/24").as_deref(), Some("203.0.113.0/24"));
        assert_eq!(read("203.0.113.7").as_deref(), Some("203.0.113.7/32"));
        assert_eq!(read("::ffff:203.0.113.7").as_deref(), Some("203.0.113.7/32"));
        assert_eq!(read("2001:db8::1").as_deref(), Some("2001:db8::1/128"));
        assert_eq!(read("nowhere"), None);
    }
}
