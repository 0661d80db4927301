"""Adds the path and query of a visitor to a target; the rest of the target is unchanged, byte for byte.

Signed URLs stay valid, because the stored URL is never decoded and encoded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote, unquote_plus

from chalicelib.core.visits.visitor import Query

MAX_BYTES = 8_000  # of the resulting URL: API Gateway sends 10,240 bytes of headers
_IN_SEGMENTS = "!$&'()*+,;=:@~"  # RFC 3986, section 3.3: allowed unencoded in a path segment
_STEPS = {".", ".."}


def with_query(target: str, query: Query) -> str:
    """Return ``target`` with the parameters of ``query``, which replace those of the same names.

    If the result would be too long for a header, ``target`` is returned unchanged.
    """
    if not query:
        return target
    rest, mark, fragment = target.partition("#")
    path, _, stored = rest.partition("?")
    pairs = stored.split("&") if stored else []
    kept = [pair for pair in pairs if unquote_plus(pair.partition("=")[0]) not in query]
    brought = [f"{_encoded(name)}={_encoded(value)}" for name, values in query.items() for value in values]
    longer = f"{path}?{'&'.join([*kept, *brought])}{mark}{fragment}"
    return longer if len(longer) <= MAX_BYTES else target


def with_path(target: str, segments: Sequence[str]) -> str | None:
    """Return ``target`` with ``segments`` appended to its path; None if they have ``.`` or ``..``, or it is too long.

    They may be percent-encoded or not: API Gateway and a local server differ in that.
    """
    plain = [unquote(segment) for segment in segments]
    if any(segment in _STEPS for segment in plain):
        return None
    length = min(place for place in (target.find("?"), target.find("#"), len(target)) if place >= 0)
    path, rest = target[:length], target[length:]
    added = "/".join(quote(segment, safe=_IN_SEGMENTS, errors="replace") for segment in plain)
    longer = f"{path.removesuffix('/')}/{added}{rest}"
    return longer if len(longer) <= MAX_BYTES else None


def _encoded(text: str) -> str:
    return quote(text, safe="", errors="replace")
