"""IP addresses, as far as they tell one household from another. Nothing here keeps one."""

from __future__ import annotations

import socket

_IPV4_IN_IPV6 = bytes(10) + b"\xff\xff"


def network_of(address: str) -> str:
    """Return an IPv4 address as it is, and of an IPv6 address the network (its /64), however it is written.

    Hosts change the last 64 bits of theirs as they please. What is no address stays as it is.
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
