"""JSON bodies, read once and strictly: one object, UTF-8, nothing that two parsers could read in two ways."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from chalicelib.errors import BodyTooLarge, Malformed, MediaTypeUnsupported

MAX_BODY_BYTES = 64 * 1024
MAX_BULK_BYTES = 512 * 1024
MAX_DEPTH = 20  # ours need 5 at the most; Python's parser gives up at about 1,000 by exhausting its stack

_JSON_TYPE = re.compile(r"\s*application/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.ASCII)
# A string that never ends is taken to the end: looked for its end from each of its quotes, 64 KB would take 14 seconds.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)


def read_object(body: bytes, content_type: str | None, most: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """Read ``body`` as one JSON object. A missing ``content_type`` counts as JSON.

    Raises:
        MediaTypeUnsupported, BodyTooLarge, Malformed
    """
    if content_type and not _JSON_TYPE.fullmatch(content_type):
        raise MediaTypeUnsupported(
            f"The body is {content_type.split(';')[0].strip()!r}; send Content-Type: application/json."
        )
    _check_depth(body[:most])
    if len(body) > most:
        raise BodyTooLarge(f"The body is {len(body):,} bytes; {most:,} are allowed.")
    value = _parse(body)
    if not isinstance(value, dict):
        raise Malformed(
            f'The body must be a JSON object, such as {{"url": "https://example.com"}}, not {_kind(value)}.'
        )
    return value


def _parse(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        raise Malformed(f"The body is not UTF-8 (byte {undecodable.start + 1}).") from undecodable
    if not text.strip():
        raise Malformed('The body is empty; send a JSON object, such as {"url": "https://example.com"}.')
    try:
        value = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_number, parse_float=_finite
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as broken:
        raise Malformed(
            f"The body is not valid JSON: {broken.msg} (line {broken.lineno} column {broken.colno})."
        ) from broken
    except UnicodeEncodeError as surrogate:
        raise Malformed("The body holds half of a surrogate pair, which is no character.") from surrogate
    except ValueError as refused:
        raise Malformed("The body holds a number with too many digits.") from refused
    return value


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Malformed(f"The key {ascii(key)[1:-1][:80]!r} stands in the body twice.")
        found[key] = value
    return found


def _refuse_number(name: str) -> NoReturn:
    raise Malformed(f"{name} is not a JSON number.")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise Malformed(f"The number {digits[:40]} is too large.")
    return number


def _kind(value: Any) -> str:
    return {list: "an array", str: "a string", bool: "true or false", type(None): "null"}.get(type(value), "a number")
