//! Who does something.

use crate::model::user::Username;
use std::net::IpAddr;

/// Who does something.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Actor {
    /// An operator at the console: who, and from where.
    Admin(Username, IpAddr),
    /// A program with an API key of this operator, at this address.
    ApiKey(Username, IpAddr),
    /// A client at this address.
    Client(IpAddr),
    /// An operator at the command line.
    CommandLine,
    /// The gateway itself.
    Gateway,
}

impl Actor {
    /// All kinds, as logs have them.
    pub const KINDS: [&str; 5] = ["client", "admin", "api_key", "command_line", "gateway"];

    /// What kind of actor it is, as logs have it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Admin(..) => "admin",
            Self::ApiKey(..) => "api_key",
            Self::Client(_) => "client",
            Self::CommandLine => "command_line",
            Self::Gateway => "gateway",
        }
    }

    /// Where it acts from, if that is known.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Admin(_, address) | Self::ApiKey(_, address) | Self::Client(address) => {
                Some(address.to_canonical())
            }
            Self::CommandLine | Self::Gateway => None,
        }
    }

    /// Which operator it is, if that is known.
    pub const fn operator(&self) -> Option<&Username> {
        match self {
            Self::Admin(name, _) | Self::ApiKey(name, _) => Some(name),
            Self::Client(_) | Self::CommandLine | Self::Gateway => None,
        }
    }

    /// The actor of that kind, address and operator; `None` if there can be no such.
    pub fn read(kind: &str, address: Option<&str>, operator: Option<&str>) -> Option<Self> {
        let operator = operator.map(|name| Username::stored(name.to_owned()));
        match (kind, address, operator) {
            ("admin", Some(address), Some(name)) => Some(Self::Admin(name, address.parse().ok()?)),
            ("api_key", Some(address), Some(name)) => {
                Some(Self::ApiKey(name, address.parse().ok()?))
            }
            ("client", Some(address), None) => address.parse().ok().map(Self::Client),
            ("command_line", None, None) => Some(Self::CommandLine),
            ("gateway", None, None) => Some(Self::Gateway),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_actor_reads_back() {
        let clients = ["192.0.2.7", "2001:db8::1"].map(|ip| Actor::Client(ip.parse().unwrap()));
        let (ada, here) = (Username::parse("ada").unwrap(), "192.0.2.7".parse().unwrap());
        let operators = [Actor::Admin(ada.clone(), here), Actor::ApiKey(ada, here)];
        let others = [Actor::CommandLine, Actor::Gateway];
        for actor in clients.into_iter().chain(operators).chain(others) {
            let address = actor.address().map(|address| address.to_string());
            let operator = actor.operator().map(Username::as_str);
            let read = Actor::read(actor.kind(), address.as_deref(), operator);
            assert_eq!(read.as_ref(), Some(&actor));
        }
        assert_eq!(Actor::read("client", None, None), None);
        assert_eq!(Actor::read("admin", Some("192.0.2.7"), None), None);
    }

    #[test]
    fn an_address_of_ipv4_is_written_in_one_way() {
        let mapped = Actor::Client("::ffff:192.0.2.7".parse().unwrap());
        assert_eq!(mapped.address().unwrap().to_string(), "192.0.2.7");
    }
}
