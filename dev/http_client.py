"""One HTTP request, for the tools and tests that try a running service."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from typing import Any


def ask(
    address: str, method: str, path: str, body: Any = None, key: str | None = None, once: str | None = None
) -> tuple[int, str | None, bytes]:
    """Make one request on a connection of its own, with ``key`` if there is one; return status, Location and body.

    ``once`` is an Idempotency-Key: the same request may be made again.

    Raises:
        OSError: nothing answers.
    """
    parts = urllib.parse.urlsplit(address)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.netloc, timeout=30, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    payload = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": payload and "application/json", "X-Api-Key": key, "Idempotency-Key": once}
    headers = {name: str(value) for name, value in given.items() if value}
    try:
        connection.request(method, parts.path + path, payload, headers)
        response = connection.getresponse()
        return response.status, response.headers.get("Location"), response.read()
    finally:
        connection.close()
