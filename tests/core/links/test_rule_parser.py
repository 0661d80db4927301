"""Parsing of the rules in requests: what is refused, and the result for the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.links import rule_parser
from chalicelib.core.links.rules import Rule
from chalicelib.core.links.target_url import TargetPolicy

POLICY = TargetPolicy(frozenset({"sho.rt"}))
URL = "https://example.com/"
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def read(value: Any) -> tuple[tuple[Rule, ...], list[tuple[str, str]]]:
    """Return the rules in ``value``, and the position and code of every error."""
    errors: list[tuple[str, str]] = []

    def refuse(position: str, code: str, message: str) -> None:
        assert message
        errors.append((position, code))

    return rule_parser.read(value, POLICY, refuse), errors


def rule(**conditions: Any) -> Rule:
    """Return the rule with ``conditions``, which must be valid."""
    rules, errors = read([{"if": conditions, "url": URL}])
    assert not errors
    return rules[0]


def letters(count: int) -> list[str]:
    """Return ``count`` different countries."""
    return [f"{chr(65 + number // 26)}{chr(65 + number % 26)}" for number in range(count)]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({}, "wrong-type"),
        ({"url": URL}, "wrong-type"),
        ("ios", "wrong-type"),
        (1, "wrong-type"),
        (True, "wrong-type"),
        ([{"url": URL}] * 21, "too-many"),
        ([None] * 1000, "too-many"),
        ([{"url": f"{URL}{'x' * 1900}"}] * 18, "too-long"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_rules_are_a_list_of_up_to_twenty(value: Any, code: str) -> None:
    """Any other value gives a single error, and no rules."""
    assert read(value) == ((), [("rules", code)])


@pytest.mark.parametrize(
    ("value", "position", "code"),
    [
        (None, "", "wrong-type"),
        ("https://example.com/", "", "wrong-type"),
        (["ios", URL], "", "wrong-type"),
        ({"url": URL, "unless": {}}, ".unless", "unknown-field"),
        ({"url": URL, "device": "ios"}, ".device", "unknown-field"),
        ({"url": URL, "x" * 100: 1}, "." + "x" * 64, "unknown-field"),
        ({"url": URL, "if": []}, ".if", "wrong-type"),
        ({"url": URL, "if": "ios"}, ".if", "wrong-type"),
        ({"url": URL, "if": {"city": "Porto"}}, ".if.city", "unknown-field"),
        ({"url": URL, "if": {"Device": "ios"}}, ".if.Device", "unknown-field"),
        ({"url": URL, "weight": 0}, ".weight", "invalid"),
        ({"url": URL, "weight": 101}, ".weight", "invalid"),
        ({"url": URL, "weight": -1}, ".weight", "invalid"),
        ({"url": URL, "weight": 50.0}, ".weight", "invalid"),
        ({"url": URL, "weight": "50"}, ".weight", "invalid"),
        ({"url": URL, "weight": True}, ".weight", "invalid"),
        ({"url": URL, "weight": [50]}, ".weight", "invalid"),
        # Targets: the same policy as for the URL of a link.
        ({}, ".url", "missing"),
        ({"url": None}, ".url", "missing"),
        ({"url": ""}, ".url", "missing"),
        ({"url": "example.com"}, ".url", "scheme-missing"),
        ({"url": "javascript:alert(1)"}, ".url", "scheme-not-allowed"),
        ({"url": "https://sho.rt/x"}, ".url", "own-domain"),
        ({"url": "https://SHO.RT./x"}, ".url", "own-domain"),
        ({"url": "https://bit.ly/x"}, ".url", "known-shortener"),
        ({"url": "http://169.254.169.254/"}, ".url", "ip-address"),
        ({"url": "http://localhost/"}, ".url", "host-not-public"),
        ({"url": "https://google.com@example.net/"}, ".url", "user-info"),
        ({"url": "https://example.net\\@google.com/"}, ".url", "forbidden-character"),
        ({"url": "https://example.com/\r\nSet-Cookie:x=1"}, ".url", "forbidden-character"),
        ({"url": "https://example.com/" + "x" * 8000}, ".url", "too-long"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_errors_have_the_position_of_the_rule(value: Any, position: str, code: str) -> None:
    """The second of three rules is invalid, which its index shows."""
    _, errors = read([{"url": URL}, value, {"url": URL}])

    assert errors == [(f"rules[1]{position}", code)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("device", "phone"),
        ("device", "iOS "),
        ("device", ""),
        ("device", []),
        ("device", ["ios", "phone"]),
        ("device", ["ios", 1]),
        ("device", 1),
        ("device", True),
        ("device", {"ios": True}),
        ("device", [["ios"]]),
        ("country", "PRT"),
        ("country", "P"),
        ("country", "P1"),
        ("country", " PT"),
        ("country", "PT,BR"),
        ("country", ""),
        ("country", "ÑÑ"),
        ("country", "ß"),
        ("country", []),
        ("country", ["PT", None]),
        ("country", 351),
        ("country", letters(51)),
        ("language", "portuguese"),
        ("language", "p"),
        ("language", "*"),
        ("language", "pt-"),
        ("language", "pt--br"),
        ("language", "pt br"),
        ("language", "pt;q=0.5"),
        ("language", "pt,en"),
        ("language", "pt-a-b-c-d"),
        ("language", ""),
        ("language", []),
        ("language", ["pt", 1]),
        ("language", {"pt": 1}),
        ("language", ["pt"] * 51),
        ("language", "pt" * 101),
        ("query", []),
        ("query", "ref=x"),
        ("query", 1),
        ("query", {"": "x"}),
        ("query", {"ref": None}),
        ("query", {"ref": False}),
        ("query", {"ref": 1}),
        ("query", {"ref": []}),
        ("query", {"ref": {"is": "x"}}),
        ("query", {"ref": ["x", 1]}),
        ("query", {"ref": ["x", True]}),
        ("query", {"x" * 201: "x"}),
        ("query", {"ref": "x" * 201}),
        ("query", {"ref": [str(number) for number in range(51)]}),
        ("query", {str(number): "x" for number in range(11)}),
        ("from", "tomorrow"),
        ("from", "2030-01-01"),
        ("from", "2030-01-01T00:00:00"),
        ("from", "2030-02-30T00:00:00Z"),
        ("from", "0001-01-01T00:00:00+14:00"),
        ("from", ""),
        ("from", 1893456000),
        ("from", ["2030-01-01T00:00:00Z"]),
        ("to", "12:00"),
        ("to", "9999-12-31T23:59:59-01:00"),
        ("to", {}),
        ("to", True),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_invalid_condition_is_refused(name: str, value: Any) -> None:
    """There is one error with the position of the condition, however many values are invalid."""
    _, errors = read([{"if": {name: value}, "url": URL}])

    assert errors == [(f"rules[0].if.{name}", "invalid")]


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ("2030-01-02T00:00:00Z", "2030-01-01T00:00:00Z"),
        ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
        ("2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00"),
        ("2030-01-01T00:00:00.0001Z", "2030-01-01T00:00:00.0009Z"),
    ],
)
def test_rule_must_start_before_it_ends(starts: str, ends: str) -> None:
    """In any time zone; times are compared to the millisecond."""
    _, errors = read([{"if": {"from": starts, "to": ends}, "url": URL}])

    assert errors == [("rules[0].if.to", "conflict")]


def test_all_errors_are_reported_at_once() -> None:
    """For all rules, and all their parts."""
    _, errors = read(
        [
            {"if": {"device": "phone", "country": "PRT", "language": "*", "query": 1}, "weight": 0, "url": ""},
            {"if": {"from": "x", "to": "y", "city": "Porto"}, "unless": {}, "url": URL},
            {"url": URL},
            7,
            {"url": "https://sho.rt/x"},
        ]
    )

    assert sorted(errors) == [
        ("rules[0].if.country", "invalid"),
        ("rules[0].if.device", "invalid"),
        ("rules[0].if.language", "invalid"),
        ("rules[0].if.query", "invalid"),
        ("rules[0].url", "missing"),
        ("rules[0].weight", "invalid"),
        ("rules[1].if.city", "unknown-field"),
        ("rules[1].if.from", "invalid"),
        ("rules[1].if.to", "invalid"),
        ("rules[1].unless", "unknown-field"),
        ("rules[3]", "wrong-type"),
        ("rules[4].url", "own-domain"),
    ]


def test_invalid_conditions_do_not_hide_other_errors() -> None:
    """The other errors of the rule are reported as well."""
    _, errors = read([{"if": "ios", "weight": 0, "url": "https://sho.rt/x"}])

    assert sorted(errors) == [
        ("rules[0].if", "wrong-type"),
        ("rules[0].url", "own-domain"),
        ("rules[0].weight", "invalid"),
    ]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, {}),
        ({"device": "ios"}, {"device": ("ios",)}),
        ({"device": ["IOS", "Tablet"]}, {"device": ("ios", "tablet")}),
        ({"device": ["ios", "iOS"]}, {"device": ("ios",)}),
        ({"country": "pt"}, {"country": ("PT",)}),
        ({"country": ["pt", "BR", "PT"]}, {"country": ("PT", "BR")}),
        ({"language": "pt"}, {"language": ("pt",)}),
        ({"language": ["pt-BR", "PT_br", "zh_Hant_TW"]}, {"language": ("pt-br", "zh-hant-tw")}),
        ({"language": "es-419"}, {"language": ("es-419",)}),
        ({"query": {"ref": "x"}}, {"query": (("ref", ("x",)),)}),
        ({"query": {"ref": ["x", "Y"]}}, {"query": (("ref", ("x", "Y")),)}),
        ({"query": {"ref": True}}, {"query": (("ref", ()),)}),
        ({"query": {"ref": ""}}, {"query": (("ref", ("",)),)}),
        ({"query": {}}, {}),
        ({"from": "2026-11-24T12:00:00Z"}, {"starts_at": NOON}),
        ({"from": "2026-11-24T13:00:00.000+01:00"}, {"starts_at": NOON}),
        ({"to": "2026-11-24T12:00:00.0019Z"}, {"ends_at": NOON + timedelta(milliseconds=1)}),
        ({"device": None, "country": None, "language": None, "query": None, "from": None, "to": None}, {}),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_values_are_normalised(conditions: dict[str, Any], expected: dict[str, Any]) -> None:
    """Case, underscores, time zones, repetitions and single values become what visitors are compared with."""
    assert rule(**conditions) == Rule(url=URL, **expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"url": "HTTPS://EXAMPLE.com:443"}, Rule(url=URL)),
        ({"url": "https://example.com/ü"}, Rule(url="https://example.com/%C3%BC")),
        ({"url": "https://example.com/?sig=a%2fb+%7e"}, Rule(url="https://example.com/?sig=a%2fb+%7e")),
        ({"url": URL, "weight": 1}, Rule(url=URL, weight=1)),
        ({"url": URL, "weight": 100}, Rule(url=URL)),
        ({"url": URL, "if": {}}, Rule(url=URL)),
    ],
    ids=str,
)
def test_only_the_url_is_required(value: dict[str, Any], expected: Rule) -> None:
    """The URL is stored in its canonical form; without conditions or weight, a rule applies to all visitors."""
    assert read([value]) == ((expected,), [])


@pytest.mark.parametrize(
    "conditions",
    [
        {"country": letters(50)},
        {"query": {str(number): "x" for number in range(10)}},
        {"query": {"ref": [str(number) for number in range(50)]}},
        {"query": {"x" * 200: "x" * 200}},
        {"device": ["mobile", "tablet", "desktop", "ios", "android", "windows", "macos", "linux"]},
    ],
    ids=lambda value: str(value)[:30],
)
def test_values_at_the_limits_are_allowed(conditions: dict[str, Any]) -> None:
    """Even in twenty rules."""
    rules, errors = read([{"if": conditions, "url": URL}] * 20)

    assert (len(rules), errors) == (20, [])


def test_empty_list_is_allowed() -> None:
    """It gives no rules and no errors."""
    assert read([]) == ((), [])


MOMENTS = st.integers(0, 10**12).map(lambda number: NOON + timedelta(milliseconds=number))
TIMES = st.lists(MOMENTS, min_size=2, max_size=2, unique=True).map(sorted)
SOME = st.text(max_size=20)


@given(
    device=st.sets(st.sampled_from(["ios", "android", "tablet"])).map(tuple),
    country=st.sets(st.from_regex("[A-Z]{2}", fullmatch=True), max_size=50).map(tuple),  # the limit for a rule
    language=st.sets(st.sampled_from(["pt", "pt-br", "zh-hant-tw", "es-419"])).map(tuple),
    query=st.dictionaries(st.text(min_size=1, max_size=20), st.lists(SOME, max_size=3).map(tuple), max_size=3),
    times=TIMES,
    weight=st.integers(1, 100),
)
def test_shown_rule_can_be_sent_back(
    query: dict[str, tuple[str, ...]], times: list[datetime], **conditions: Any
) -> None:
    """Reading the JSON of a rule gives the same rule."""
    shown = Rule(url=URL, query=tuple(query.items()), starts_at=times[0], ends_at=times[1], **conditions)

    assert read([shown.as_json()]) == ((shown,), [])
