"""The versions of the API: the prefix of each, and what the addresses without one say until they end.

``app.py`` has every call once. From that come its address under ``/v1`` and, of older calls, the one without a prefix.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import quote

from chalice.app import Request, Response

from chalicelib.api.application import Endpoint, Route
from chalicelib.api.responses import add_headers
from chalicelib.settings import settings

V1 = "/v1"
_DEPRECATED = datetime(2026, 12, 1, tzinfo=UTC)  # when the addresses without a prefix were first called deprecated


def under_v1(calls: Iterable[Route]) -> Iterator[Route]:
    """Yield the routes of ``calls`` under /v1."""
    return ((f"{V1}{path}", methods, endpoint) for path, methods, endpoint in calls)


def without_version(calls: Iterable[Route]) -> Iterator[Route]:
    """Yield the routes of ``calls`` without a prefix; each response says until when, and what follows it."""
    return ((path, methods, _deprecated(path, endpoint)) for path, methods, endpoint in calls)


def path_in_version(request: Request) -> str:
    """Return the route of ``request``, the same at both addresses of a call."""
    path: str = request.path
    return path.removeprefix(V1)


def _deprecated(path: str, endpoint: Endpoint) -> Endpoint:
    @functools.wraps(endpoint)
    def call(request: Request, **variables: str) -> Response:
        names = {name: quote(value, safe=":", errors="replace") for name, value in variables.items()}
        successor = f"{settings.base_url}{V1}{path.format(**names)}"
        add_headers({**_ENDS, "Link": f'<{successor}>; rel="successor-version"'})
        return endpoint(request, **variables)

    return call


_ENDS = {
    "Deprecation": f"@{int(_DEPRECATED.timestamp())}",  # RFC 9745
    "Sunset": f"{settings.unversioned_until:%a, %d %b %Y %H:%M:%S} GMT",  # RFC 8594
}
