"""Clients at many addresses, as a balancer tells of them by the PROXY protocol."""

import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
# Those that RFC 2544 and RFC 3849 keep for this. Every second client has a network of IPv6 of its own.
IPV4, IPV6 = (ipaddress.ip_address(first) for first in ("198.18.0.1", "2001:db8::1"))


def client(number):
    """The address of a client, by number."""
    if number % 2:
        return IPV6 + ((number // 2 + 1) << 64)
    return IPV4 + number // 2


def header(address, version):
    """What a balancer says of a client, in version 1 or 2 of the protocol."""
    here = ipaddress.ip_address("192.0.2.1" if address.version == 4 else "2001:db8:ffff::1")
    if version == 1:
        return f"PROXY TCP{address.version} {address} {here} 51234 443\r\n".encode()
    told = address.packed + here.packed + struct.pack(">HH", 51234, 443)
    return SIGNATURE + bytes([0x21, 0x11 if address.version == 4 else 0x21]) + struct.pack(">H", len(told)) + told
