"""A deployed service, tried once: what a visitor and a program need works at its address."""

from __future__ import annotations

import json

from dev.client import ask

_TARGET = "https://example.com/smoke?test=1#deployed"


class SmokeFailed(Exception):
    """Something that every visitor needs does not work; the message says what."""


def test(address: str, base_url: str) -> None:
    """Make a link that lives for a minute, follow it, and ask for what is not there.

    Raises:
        SmokeFailed: with the first thing that is not as it should be.
    """
    try:
        healthy = ask(address, "GET", "/healthz")[0]
    except OSError as failure:
        raise SmokeFailed(f"Nothing answers at {address}: {failure}") from failure
    _expect("GET /healthz", 200, healthy)
    status, _, body = ask(address, "POST", "/links", {"url": _TARGET, "expiresIn": "1m", "title": "Smoke test"})
    _expect("POST /links", 201, status)
    link = json.loads(body)
    _expect("the short URL", f"{base_url}/{link['code']}", link["shortUrl"])
    for method in ("GET", "HEAD"):
        status, location, _ = ask(address, method, f"/{link['code']}")
        _expect(f"{method} of the new link", (302, _TARGET), (status, location))
    status, location, _ = ask(address, "GET", "/no.such.code")
    _expect("GET of an unknown code", (302, base_url), (status, location))


def _expect(what: str, wanted: object, got: object) -> None:
    if wanted != got:
        raise SmokeFailed(f"{what}: expected {wanted}, got {got}.")
