"""Clients of the API in tests, each with a key of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from chalice.test import HTTPResponse
from chalice.test import TestHTTPClient as Http

from chalicelib.core.access.api_key import NewKey
from chalicelib.core.access.caller import Who
from chalicelib.settings import settings
from chalicelib.usecases import manage_keys
from chalicelib.usecases.find_link import LinkName

ALL_BUT_ADMIN = ("create", "read", "manage")


def make_key(owner: str = "ann", *scopes: str, name: str | None = None, **more: Any) -> str:
    """Create a key and return its text."""
    new_key = NewKey(name=name or owner, owner=owner, scopes=scopes or ALL_BUT_ADMIN, **more)
    return manage_keys.issue(new_key, Who(name="test"), datetime.now(UTC))[1]


def named(code: str) -> LinkName:
    """Return the name of a link of the default domain."""
    return LinkName(code, settings.domains.default)


class Keyed:
    """The API, called with a key or without one."""

    def __init__(self, http: Http, key: str | None) -> None:
        self._http = http
        self.key = key

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HTTPResponse:
        """Send a request; ``body`` is sent as JSON, bytes as they are."""
        sent = ({"X-Api-Key": self.key} if self.key else {}) | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self._http.request(method, path, headers=sent, body=payload)

    def get(self, path: str, headers: dict[str, str] | None = None) -> HTTPResponse:
        """GET ``path``."""
        return self("GET", path, **(headers or {}))

    def make(self, url: str = "https://example.com/", **fields: Any) -> dict[str, Any]:
        """Create a link and return it."""
        answer = self("POST", "/links", {"url": url, **fields})
        if answer.status_code not in {200, 201}:
            raise AssertionError(answer.body)
        link: dict[str, Any] = answer.json_body
        return link
