//! Version 1: one line of text.

use super::{Malformed, Parsed, Source, address};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What each header begins with.
pub(super) const SIGNATURE: &[u8] = b"PROXY ";

/// The longest line that the specification knows, with its end.
const LONGEST: usize = 107;

/// Reads a header that begins with the signature or a part of it.
pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let end = bytes.iter().position(u8::is_ascii_control).unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(end);
    if line.len() > LONGEST - 2 {
        return Err(Malformed("its line is too long"));
    }
    let text = std::str::from_utf8(line).ok().filter(|text| text.is_ascii());
    let text = text.ok_or(Malformed("its line is not text"))?;
    match rest {
        [] | [b'\r'] => Ok(Parsed::Partial),
        [b'\r', b'\n', ..] => {
            let words = text.get(SIGNATURE.len()..).unwrap_or_default();
            Ok(Parsed::Whole { length: end + 2, source: source(words)? })
        }
        _ => Err(Malformed("its line has another end than CR and LF")),
    }
}

fn source(line: &str) -> Result<Source, Malformed> {
    let mut words = line.split(' ');
    match words.next() {
        // What follows is to be ignored, by the specification.
        Some("UNKNOWN") => Ok(Source::Balancer),
        Some("TCP4") => addresses::<Ipv4Addr>(words),
        Some("TCP6") => addresses::<Ipv6Addr>(words),
        _ => Err(Malformed("it is of neither TCP4, TCP6 nor UNKNOWN")),
    }
}

fn addresses<'w, A>(mut words: impl Iterator<Item = &'w str>) -> Result<Source, Malformed>
where
    A: FromStr + Into<IpAddr>,
{
    let mut word = || words.next().unwrap_or_default();
    let [client, destination, client_port, port] = [word(), word(), word(), word()];
    let ip = |text: &str| text.parse::<A>().map_err(|_| Malformed("an address is none"));
    let source = Source::Client {
        client: address(ip(client)?, number(client_port)?),
        destination: address(ip(destination)?, number(port)?),
    };
    if words.next().is_some() { Err(Malformed("its line has a word too much")) } else { Ok(source) }
}

/// A port, written in the one way there is.
fn number(text: &str) -> Result<u16, Malformed> {
    let port = text.parse::<u16>().ok().filter(|port| port.to_string() == text);
    port.ok_or(Malformed("a port is none"))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn client(of: &str, to: &str) -> Source {
        Source::Client { client: of.parse().unwrap(), destination: to.parse().unwrap() }
    }

    fn whole(header: &str, source: Source) {
        let bytes = format!("{header}GET / HTTP/1.1\r\n");
        assert_eq!(parse(bytes.as_bytes()), Ok(Parsed::Whole { length: header.len(), source }));
    }

    #[test]
    fn a_header_tells_the_client_and_ends_at_its_line() {
        let source = client("192.0.2.7:4711", "198.51.100.1:443");
        whole("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", source);
        let source = client("[2001:db8::7]:65535", "[2001:db8::1]:0");
        whole("PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n", source);
    }

    #[test]
    fn an_ipv4_client_has_one_form() {
        let source = client("192.0.2.7:1", "198.51.100.1:2");
        whole("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 1 2\r\n", source);
    }

    #[test]
    fn what_is_unknown_is_the_balancers_own() {
        whole("PROXY UNKNOWN\r\n", Source::Balancer);
        whole("PROXY UNKNOWN ffff::1 whatever 1 2 3\r\n", Source::Balancer);
    }

    #[test]
    fn the_longest_header_is_read_and_no_longer_one() {
        let most = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        let line =
            |pad: usize| format!("PROXY UNKNOWN {most} {most} 65535 {}\r\n", "5".repeat(pad));
        assert_eq!(line(5).len(), LONGEST);
        whole(&line(5), Source::Balancer);
        assert_eq!(parse(line(6).as_bytes()), Err(Malformed("its line is too long")));
    }

    #[test]
    fn any_other_line_is_malformed() {
        for line in [
            "PROXY \r\n",
            "PROXY TCP5 192.0.2.7 198.51.100.1 4711 443\r\n",
            "PROXY tcp4 192.0.2.7 198.51.100.1 4711 443\r\n",
            "PROXY  TCP4 192.0.2.7 198.51.100.1 4711 443\r\n",
            "PROXY TCP4  192.0.2.7 198.51.100.1 4711 443\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443 \r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443 1\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 +471 443\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 04711 443\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
            "PROXY TCP4 192.0.2.07 198.51.100.1 4711 443\r\n",
            "PROXY TCP4 192.0.2 198.51.100.1 4711 443\r\n",
            "PROXY TCP4 ::1 ::1 4711 443\r\n",
            "PROXY TCP6 192.0.2.7 198.51.100.1 4711 443\r\n",
            "PROXY TCP6 fe80::1%eth0 ::1 4711 443\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\rX",
            "PROXY\tTCP4 192.0.2.7 198.51.100.1 4711 443\r\n",
            "PROXY TCP4\x00192.0.2.7 198.51.100.1 4711 443\r\n",
            "PROXY UNKNOWN \u{e4}\r\n",
        ] {
            let parsed = parse(line.as_bytes());
            assert!(parsed.is_err(), "{line:?}: {parsed:?}");
        }
    }
}
