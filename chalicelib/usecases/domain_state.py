"""Look at a domain as its visitors do: is its name known, its certificate good, and does it lead to this service?

Only hosts that the operator has listed are looked at, never one that a caller names otherwise.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from chalicelib.core import times
from chalicelib.core.domains import Domain

_SECONDS = 3  # for each step: the name, the connection, the answer
_HEALTH = "application/health+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was seen of a domain. Of what was not reached, nothing is known."""

    dns: Literal["ok", "missing"]
    certificate: Literal["ok", "invalid", "none", "unknown"] = "unknown"
    """``none``: its address begins with ``http:``."""
    certificate_until: datetime | None = None
    """When it ends, aware, in UTC."""
    answers: bool = False
    """Whether this service, or another of its kind, answers there."""

    def as_json(self, domain: Domain, now: datetime) -> dict[str, Any]:
        """Return it as clients see it."""
        return {
            "host": domain.host,
            "dns": self.dns,
            "certificate": self.certificate,
            "certificateUntil": times.to_text_or_none(self.certificate_until),
            "answers": self.answers,
            "checkedAt": times.to_text(now),
        }


def look_at(domain: Domain, trusted: ssl.SSLContext | None = None) -> State:
    """Return the state of a domain; ``trusted`` None: certificates are checked as browsers do."""
    where = urlsplit(domain.url)
    is_tls = where.scheme == "https"
    host, port = where.hostname or "", where.port or (443 if is_tls else 80)
    if host.endswith(".localhost"):  # this machine, whatever its resolver knows (RFC 6761)
        host = "localhost"
    if not _is_known(host, port):
        return State(dns="missing")
    if not is_tls:
        plain = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        return State(dns="ok", certificate="none", answers=_is_ours(plain, where.netloc))
    secured = http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=trusted or ssl.create_default_context())
    try:
        secured.connect()
        until = _end_of_certificate(secured.sock)
    except ssl.SSLCertVerificationError:
        return State(dns="ok", certificate="invalid")
    except OSError:
        return State(dns="ok")
    return State(dns="ok", certificate="ok", certificate_until=until, answers=_is_ours(secured, where.netloc))


def _is_known(host: str, port: int) -> bool:
    """Tell whether the name leads anywhere. The system's resolver has no time limit: it is left behind."""
    pool = ThreadPoolExecutor(1)
    try:
        return bool(pool.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM).result(_SECONDS))
    except (OSError, UnicodeError, TookTooLong):
        return False
    finally:
        pool.shutdown(wait=False)


def _end_of_certificate(connection: Any) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(connection.getpeercert()["notAfter"]), UTC)


def _is_ours(connection: http.client.HTTPConnection, authority: str) -> bool:
    try:
        connection.request("GET", "/healthz", headers={"Host": authority})
        response = connection.getresponse()
        response.read(1)
        return response.getheader("Content-Type", "").startswith(_HEALTH)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
