"""JSON bodies: one object, parsed strictly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.http import json_body
from chalicelib.core.http.json_body import read_object
from chalicelib.core.limits import BODY_BYTES, BODY_DEPTH
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
        b'{\xef\xbb\xbf"a": 1}',
        b'\xef\xbb\xbf\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\x00"}',
        b"[" * 100_000,
        b'{"a":' * 30_000,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b'{"a": 1} {"b": 2}',
    ],
    ids=lambda body: repr(body)[:40],
)
def test_ambiguous_or_broken_body_is_malformed(body: bytes) -> None:
    """Syntax, encoding, depth, duplicates: each has a message short enough to be shown."""
    with pytest.raises(Malformed) as malformed:
        read_object(body, JSON)

    assert 10 < len(str(malformed.value)) < 300
    assert str(malformed.value).encode()


def deepest(body: str) -> int:
    """Return the maximum depth of brackets outside strings, which the check must agree with."""
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


@given(st.text(st.sampled_from('[[[[[[{{]}"\\a'), min_size=BODY_DEPTH, max_size=120))
def test_depth_equals_that_of_a_simple_parser(body: str) -> None:
    """Whatever is open, closed, quoted, escaped or unterminated."""
    with pytest.raises(Malformed) as malformed:
        read_object(b"[" + body.encode(), JSON)

    assert ("nested deeper" in str(malformed.value)) == (deepest(f"[{body}") > BODY_DEPTH)


def test_unterminated_string_is_scanned_once() -> None:
    """Each quote is examined once, as 64 KB of them would take seconds; brackets inside do not count as depth."""
    body = b'{"a":' + b"[]" * 21 + b'"' + b'\\"[' * 21_000

    tokens = list(json_body._STRING_OR_BRACKET.finditer(body))  # noqa: SLF001  # counts tokens rather than time

    assert (len(tokens), tokens[-1].end()) == (45, len(body))
    with pytest.raises(Malformed, match="not valid JSON"):
        read_object(body, JSON)


def test_duplicate_key_is_found_without_comparing_all_keys() -> None:
    """Each key is looked up in a hash table: comparing thousands with each other would take seconds."""
    compared = []

    class Key(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            compared.append(other)
            return str.__eq__(self, other)

    pairs = [(Key(f"k{number}"), 1) for number in (*range(1000), 999)]

    with pytest.raises(Malformed, match="'k999'"):
        json_body._without_duplicates(pairs)  # type: ignore[arg-type]  # noqa: SLF001  # keys that count comparisons
    assert len(compared) < len(pairs)


@pytest.mark.parametrize("body", [b'{"a": "' + b"x" * 70_000 + b'"}', b" " * (BODY_BYTES + 1)])
def test_body_over_64_kib_is_too_large(body: bytes) -> None:
    """The size is counted in bytes, before parsing."""
    with pytest.raises(BodyTooLarge):
        read_object(body, JSON)


def test_64_kib_and_twenty_levels_are_allowed() -> None:
    """The limits are inclusive; brackets in strings do not count as depth."""
    full = b'{"a": "' + b"[" * (BODY_BYTES - 9) + b'"}'
    deep = b'{"a":' * BODY_DEPTH + b'"]]{{\\"["' + b"}" * BODY_DEPTH

    assert len(full) == BODY_BYTES
    assert read_object(full, JSON)
    assert read_object(deep, JSON)


@pytest.mark.parametrize(
    "content_type",
    [None, "", JSON, "APPLICATION/JSON", "application/json;charset=utf-8", " application/merge-patch+json ; a=b"],
)
def test_json_media_types_are_accepted(content_type: str | None) -> None:
    """Missing, upper-case, with parameters, or with a +json suffix."""
    assert read_object(b'{"a": 1}', content_type) == {"a": 1}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"]
)
def test_other_media_types_are_refused(content_type: str) -> None:
    """The message names the header to send."""
    with pytest.raises(MediaTypeUnsupported, match="application/json"):
        read_object(b'{"a": 1}', content_type)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=6))
def test_every_object_survives_the_round_trip(value: dict[str, object]) -> None:
    """Any object that a JSON library writes is read back equal."""
    assert read_object(json.dumps(value).encode(), JSON) == value
    assert read_object(json.dumps(value, ensure_ascii=False).encode(), JSON) == value
