"""A deployed service, tried once: what a visitor and a program need works at its address."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

from dev import local_aws
from dev.client import ask

_TARGET = "https://example.com/smoke?test=1#deployed"
_PATIENCE = 60  # seconds that a new API may take until it answers everywhere
_HEALTHY, _UNKNOWN = 200, 404


class SmokeFailed(Exception):
    """Something that every visitor needs does not work; the message says what."""


def test(address: str, base_url: str, key: str | None) -> None:
    """Make a link that lives for a minute, follow it, and ask for what is not there.

    ``key`` may create links; None: everybody may.

    Raises:
        SmokeFailed: with the first thing that is not as it should be.
    """
    wait_until_healthy(address)
    status, link = with_key(address, key, "POST", "/links", {"url": _TARGET, "expiresIn": "1m", "title": "Smoke test"})
    _expect("POST /links", 201, status)
    _expect("the short URL", f"{base_url}/{link['code']}", link["shortUrl"])
    for method in ("GET", "HEAD"):
        status, location, _ = ask(address, method, f"/{link['code']}")
        _expect(f"{method} of the new link", (302, _TARGET), (status, location))
    status, location, _ = ask(address, "GET", "/no.such.code")
    _expect("GET of an unknown code", (302, base_url), (status, location))
    if not local_aws.is_here(address):  # the local AWS has words of its own for it
        expect_unknown_route(address)


def with_key(address: str, key: str | None, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Make a request of the API in the name of who has ``key``; return status and document."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    payload = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, payload, headers, method=method)  # noqa: S310  # an address of ours
    with _answer_to(request) as answer:
        return answer.status, json.load(answer)


def wait_until_healthy(address: str, patience: float = _PATIENCE, pause: float = 2) -> None:
    """Ask for its health until it is well, with a dot for each time that it is not.

    Raises:
        SmokeFailed: it is not well after ``patience`` seconds.
    """
    give_up = time.monotonic() + patience
    while (state := _health(address)) != _HEALTHY:
        if time.monotonic() > give_up:
            raise SmokeFailed(f"GET {address}/healthz: expected 200, got {state}, for {patience:g} seconds.")
        print(".", end="", flush=True)
        time.sleep(pause)


def expect_unknown_route(address: str) -> None:
    """Ask for a route that does not exist: API Gateway answers that itself, as a problem that any site may read.

    Raises:
        SmokeFailed
    """
    with _answer_to(urllib.request.Request(f"{address}/no/such/route/at/all")) as answer:  # noqa: S310  # an address of ours
        headers = answer.headers
        got = (answer.status, headers.get_content_type(), headers["Access-Control-Allow-Origin"])
    _expect("GET of an unknown route", (_UNKNOWN, "application/problem+json", "*"), got)


def _answer_to(request: urllib.request.Request) -> Any:
    try:
        return urllib.request.urlopen(request, timeout=30)  # noqa: S310  # an address of ours
    except urllib.error.HTTPError as refused:
        return refused


def _health(address: str) -> int | OSError:
    try:
        return ask(address, "GET", "/healthz")[0]
    except OSError as failure:
        return failure


def _expect(what: str, wanted: object, got: object) -> None:
    if wanted != got:
        raise SmokeFailed(f"{what}: expected {wanted}, got {got}.")
