"""JSON bodies: one object, read strictly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import json_body
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


def deepest(body: str) -> int:
    """Return how many brackets are open at most, strings left out: what the check must agree with."""
    depth = most = 0
    in_string = escaped = False
    for letter in body:
        if in_string:
            in_string = escaped or letter != '"'
            escaped = not escaped and letter == "\\"
        elif letter == '"':
            in_string = True
        else:
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(letter, 0)
            most = max(most, depth)
    return most


@given(st.text(st.sampled_from('[[[[[[{{]}"\\a'), min_size=MAX_DEPTH, max_size=120))
def test_depth_is_what_one_walk_through_the_body_counts(body: str) -> None:
    """Whatever is open, closed, quoted, escaped or left unfinished."""
    with pytest.raises(Malformed) as malformed:
        read_object(b"[" + body.encode(), JSON)

    assert ("nested deeper" in str(malformed.value)) == (deepest(f"[{body}") > MAX_DEPTH)


def test_a_string_without_an_end_is_taken_to_the_end() -> None:
    """No quote in it is looked at twice, or 64 KB of them would take seconds; no bracket in it is depth."""
    body = b'{"a":' + b"[]" * 21 + b'"' + b'\\"[' * 21_000

    tokens = list(json_body._STRING_OR_BRACKET.finditer(body))  # noqa: SLF001  # time is no test; what it looks at is

    assert (len(tokens), tokens[-1].end()) == (45, len(body))
    with pytest.raises(Malformed, match="not valid JSON"):
        read_object(body, JSON)


def test_a_key_that_stands_twice_is_found_among_many_at_once() -> None:
    """Each key is looked up, not compared with every other: thousands of them would take seconds."""
    compared = []

    class Key(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            compared.append(other)
            return str.__eq__(self, other)

    pairs = [(Key(f"k{number}"), 1) for number in (*range(1000), 999)]

    with pytest.raises(Malformed, match="'k999'"):
        json_body._without_duplicates(pairs)  # type: ignore[arg-type]  # noqa: SLF001  # JSON makes no such keys
    assert len(compared) < len(pairs)


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
