"""What tells one visitor from another without keeping an IP address: a keyed hash of network and user agent."""

from __future__ import annotations

import socket
from hashlib import blake2b

from chalicelib.core.visits.visitor import MAX_AGENT

_IPV4_IN_IPV6 = bytes(10) + b"\xff\xff"


def derive(address: str, agent: str, salt: bytes) -> str:
    """Return the id of a visitor, which is the same for as long as ``salt`` (32 random bytes) is."""
    text = f"{network_of(address)} {agent[:MAX_AGENT]}"
    return blake2b(text.encode("utf-8", "replace"), key=salt, digest_size=12).hexdigest()


def network_of(address: str) -> str:
    """Return an IPv4 address unchanged, and the network (/64) of an IPv6 address in one canonical spelling.

    IPv6 hosts choose the last 64 bits freely. A text that is not an address is returned unchanged.
    """
    if ":" not in address:
        return address
    try:
        packed = socket.inet_pton(socket.AF_INET6, address)
    except OSError:
        return address
    if packed.startswith(_IPV4_IN_IPV6):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed[:8] + bytes(8)) + "/64"
