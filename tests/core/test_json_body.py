"""JSON bodies: one object, read strictly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.json_body import MAX_BODY_BYTES, MAX_DEPTH, read_object
from chalicelib.errors import BodyTooLarge, Malformed, MediaTypeUnsupported

JSON = "application/json"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b'{"a": }',
        b"{'a': 1}",
        b"null",
        b"1",
        b"true",
        b'"text"',
        b"[1]",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": ["\\ud800x"]}',
        b'{"a": 1, "a": 2}',
        b'{"x": {"a": 1, "a": 2}}',
        b'{"\\u0061": 1, "a": 2}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\x00"}',
        b"[" * 100_000,
        b'{"a":' * 30_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"a": 1} {"b": 2}',
    ],
    ids=lambda body: repr(body)[:40],
)
def test_what_cannot_be_read_in_one_way_only_is_malformed(body: bytes) -> None:
    """Syntax, encoding, depth, doubles: each has its sentence, short enough to be shown."""
    with pytest.raises(Malformed) as malformed:
        read_object(body, JSON)

    assert 10 < len(str(malformed.value)) < 300
    assert str(malformed.value).encode()


@pytest.mark.parametrize("body", [b'{"a": "' + b"x" * 70_000 + b'"}', b" " * (MAX_BODY_BYTES + 1)])
def test_a_body_over_64_kib_is_too_large(body: bytes) -> None:
    """Counted in bytes, before it is parsed."""
    with pytest.raises(BodyTooLarge):
        read_object(body, JSON)


def test_64_kib_and_twenty_levels_are_allowed() -> None:
    """The limits themselves are inside; brackets in strings are no depth."""
    full = b'{"a": "' + b"[" * (MAX_BODY_BYTES - 9) + b'"}'
    deep = b'{"a":' * MAX_DEPTH + b'"]]{{\\"["' + b"}" * MAX_DEPTH

    assert len(full) == MAX_BODY_BYTES
    assert read_object(full, JSON)
    assert read_object(deep, JSON)


@pytest.mark.parametrize(
    "content_type",
    [None, "", JSON, "APPLICATION/JSON", "application/json;charset=utf-8", " application/merge-patch+json ; a=b"],
)
def test_json_goes_by_many_names(content_type: str | None) -> None:
    """Missing, upper-case, with parameters, or a +json of somebody's own."""
    assert read_object(b'{"a": 1}', content_type) == {"a": 1}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"]
)
def test_anything_else_is_told_what_to_send(content_type: str) -> None:
    """The refusal names the header that helps."""
    with pytest.raises(MediaTypeUnsupported, match="application/json"):
        read_object(b'{"a": 1}', content_type)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=6))
def test_every_honest_object_comes_through(value: dict[str, object]) -> None:
    """Whatever a JSON library writes is read back equal."""
    assert read_object(json.dumps(value).encode(), JSON) == value
    assert read_object(json.dumps(value, ensure_ascii=False).encode(), JSON) == value
