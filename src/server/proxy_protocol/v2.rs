//! Version 2: binary.

use super::{LONGEST, Malformed, Parsed, Source, address};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What each header begins with.
pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, version and command, family and protocol, and the length of the rest.
const FIXED: usize = 16;

/// Reads a header that begins with the signature or a part of it.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let mut fixed = bytes.iter().skip(SIGNATURE.len());
    let command = fixed.next().map(|byte| command(*byte)).transpose()?;
    let family = fixed.next().map(|byte| family(*byte)).transpose()?;
    let (Some(command), Some(family)) = (command, family) else { return Ok(Parsed::Partial) };
    let (Some(high), Some(low)) = (fixed.next(), fixed.next()) else { return Ok(Parsed::Partial) };

    let length = FIXED + usize::from(u16::from_be_bytes([*high, *low]));
    if length > LONGEST {
        return Err(Malformed("it is too long"));
    }
    // The addresses come first in the rest; what follows them, such as the certificate that a client
    // showed the balancer, is of no use here.
    let needed = match command {
        Command::Local => 0,
        Command::Proxy => family.length(),
    };
    if length < FIXED + needed {
        return Err(Malformed("it is too short for its addresses"));
    }
    let Some(rest) = bytes.get(FIXED..length) else { return Ok(Parsed::Partial) };
    let source = match command {
        Command::Local => Source::Balancer,
        Command::Proxy => family.source(rest).unwrap_or(Source::Balancer),
    };
    Ok(Parsed::Whole { length, source })
}

/// Who opened the connection.
enum Command {
    /// The balancer itself.
    Local,
    /// A client.
    Proxy,
}

fn command(byte: u8) -> Result<Command, Malformed> {
    match byte {
        0x20 => Ok(Command::Local),
        0x21 => Ok(Command::Proxy),
        _ => Err(Malformed("its version or command is unknown")),
    }
}

/// What kind of addresses there are.
enum Family {
    Tcp4,
    Tcp6,
    /// None that we know of a network.
    Other,
    Unix,
}

fn family(byte: u8) -> Result<Family, Malformed> {
    match byte {
        0x00 => Ok(Family::Other),
        0x11 => Ok(Family::Tcp4),
        0x21 => Ok(Family::Tcp6),
        0x31 => Ok(Family::Unix),
        _ => Err(Malformed("its family or protocol is not of a connection")),
    }
}

impl Family {
    /// The length of both addresses with their ports.
    fn length(&self) -> usize {
        match self {
            Self::Tcp4 => 12,
            Self::Tcp6 => 36,
            Self::Other => 0,
            Self::Unix => 216,
        }
    }

    /// Whose connection it is, by the addresses; `None` if that is not said.
    fn source(&self, rest: &[u8]) -> Option<Source> {
        match self {
            Self::Tcp4 => source(rest, |ip: [u8; 4]| Ipv4Addr::from(ip).into()),
            Self::Tcp6 => source(rest, |ip: [u8; 16]| Ipv6Addr::from(ip).into()),
            Self::Other | Self::Unix => None,
        }
    }
}

fn source<const N: usize>(rest: &[u8], ip: impl Fn([u8; N]) -> IpAddr) -> Option<Source> {
    let (client, rest) = rest.split_first_chunk::<N>()?;
    let (destination, rest) = rest.split_first_chunk::<N>()?;
    let (client_port, rest) = rest.split_first_chunk::<2>()?;
    let port = rest.first_chunk::<2>()?;
    Some(Source::Client {
        client: address(ip(*client), u16::from_be_bytes(*client_port)),
        destination: address(ip(*destination), u16::from_be_bytes(*port)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    fn whole(header: &[u8], source: Source) {
        let bytes = [header, b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(parse(&bytes), Ok(Parsed::Whole { length: header.len(), source }));
        for shorter in 0..header.len() {
            assert_eq!(parse(&bytes[..shorter]), Ok(Parsed::Partial), "{shorter}");
        }
    }

    const TCP4: &[u8] = &[192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x34, 0x01, 0xbb];

    fn client(of: &str, to: &str) -> Source {
        Source::Client { client: of.parse().unwrap(), destination: to.parse().unwrap() }
    }

    #[test]
    fn a_header_tells_the_client() {
        whole(&header(0x21, 0x11, TCP4), client("192.0.2.7:4660", "198.51.100.1:443"));
        let (of, to) = ("2001:db8::7".parse::<Ipv6Addr>().unwrap(), Ipv6Addr::LOCALHOST);
        let rest = [&of.octets()[..], &to.octets(), &[0, 1, 0, 2]].concat();
        whole(&header(0x21, 0x21, &rest), client("[2001:db8::7]:1", "[::1]:2"));
    }

    #[test]
    fn an_ipv4_client_has_one_form() {
        let ip = Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped().octets();
        let rest = [&ip[..], &ip, &[0, 1, 0, 2]].concat();
        whole(&header(0x21, 0x21, &rest), client("192.0.2.7:1", "192.0.2.7:2"));
    }

    #[test]
    fn what_follows_the_addresses_is_skipped() {
        let rest = [TCP4, b"\x01\x00\x02h2\x04\x00\x03\0\0\0"].concat();
        whole(&header(0x21, 0x11, &rest), client("192.0.2.7:4660", "198.51.100.1:443"));
    }

    #[test]
    fn a_connection_without_a_client_is_the_balancers_own() {
        whole(&header(0x20, 0x00, b""), Source::Balancer);
        whole(&header(0x20, 0x11, TCP4), Source::Balancer);
        whole(&header(0x20, 0x11, b""), Source::Balancer);
        whole(&header(0x21, 0x00, b""), Source::Balancer);
        whole(&header(0x21, 0x00, b"\x04\x00\x01\0"), Source::Balancer);
        whole(&header(0x21, 0x31, &[b'/'; 216]), Source::Balancer);
    }

    #[test]
    fn the_longest_header_is_read_and_no_longer_one() {
        let mut rest = [TCP4, &vec![0; 4096 - TCP4.len()]].concat();
        assert!(matches!(parse(&header(0x21, 0x11, &rest)), Ok(Parsed::Whole { .. })));
        rest.push(0);
        assert_eq!(parse(&header(0x21, 0x11, &rest)), Err(Malformed("it is too long")));
    }

    #[test]
    fn any_other_header_is_malformed_as_soon_as_it_is_seen() {
        for (command, family) in [
            (0x10, 0x11),
            (0x31, 0x11),
            (0x22, 0x11),
            (0x2f, 0x11),
            (0x21, 0x01),
            (0x21, 0x10),
            (0x21, 0x12),
            (0x21, 0x22),
            (0x21, 0x32),
            (0x21, 0x41),
        ] {
            let bytes = [SIGNATURE, &[command, family]].concat();
            assert!(parse(&bytes).is_err(), "{command:#x} {family:#x}");
        }
        for (family, enough) in [(0x11, 12), (0x21, 36), (0x31, 216)] {
            let bytes = header(0x21, family, &vec![0; enough - 1]);
            assert_eq!(parse(&bytes), Err(Malformed("it is too short for its addresses")));
        }
    }
}
