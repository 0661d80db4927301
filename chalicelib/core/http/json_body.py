"""JSON bodies, parsed strictly: one object, UTF-8, and nothing that two parsers could read differently."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from chalicelib.core import limits
from chalicelib.errors import BodyTooLarge, Malformed, MediaTypeUnsupported

_JSON_TYPE = re.compile(r"\s*application/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.ASCII)
# An unterminated string matches to the end of the body: retrying from each quote in 64 KB would take 14 seconds.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)


def read_object(body: bytes, content_type: str | None, most: int = limits.BODY_BYTES) -> dict[str, Any]:
    """Parse ``body`` as one JSON object. A missing ``content_type`` counts as JSON.

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
        text = body.decode("utf-8-sig")  # a byte order mark may be ignored (RFC 8259, 8.1)
    except UnicodeDecodeError as undecodable:
        raise Malformed(f"The body is not UTF-8 (byte {undecodable.start + 1}).") from undecodable
    if not text.strip():
        raise Malformed('The body is empty; send a JSON object, such as {"url": "https://example.com"}.')
    try:
        value = json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_number, parse_float=_finite
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise Malformed(
            f"The body is not valid JSON: {error.msg} (line {error.lineno} column {error.colno})."
        ) from error
    except UnicodeEncodeError as surrogate:
        raise Malformed("The body has a lone surrogate, which is not a character.") from surrogate
    except ValueError as refused:
        raise Malformed("The body has a number with too many digits.") from refused
    return value


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= limits.BODY_DEPTH:
        return
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(body):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(token[0], 0)
        if depth > limits.BODY_DEPTH:
            raise Malformed(f"The body is nested deeper than {limits.BODY_DEPTH} levels.")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise Malformed(f"The key {ascii(key)[1:-1][:80]!r} stands in the body twice.")
        result[key] = value
    return result


def _refuse_number(name: str) -> NoReturn:
    raise Malformed(f"{name} is not a JSON number.")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise Malformed(f"The number {digits[:40]} is too large.")
    return number


def _kind(value: Any) -> str:
    return {list: "an array", str: "a string", bool: "true or false", type(None): "null"}.get(type(value), "a number")
