"""Every option of a link: in requests, in the table, in changes, exports and imports."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.aws.dynamodb import link_item, link_store
from chalicelib.core.domains import Domains
from chalicelib.core.links import find_existing, link_patch, new_link
from chalicelib.core.links.link import Link
from chalicelib.core.links.link_patch import Change
from chalicelib.core.links.new_link import MadeBy, NewLink
from chalicelib.core.links.option_table import OPTIONS, Option
from chalicelib.core.links.options import LinkOptions
from chalicelib.core.links.target_url import TargetPolicy
from chalicelib.core.transfers import exported_link, file_reader
from chalicelib.core.transfers.imported_link import ImportedLink

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
POLICY = TargetPolicy(frozenset({"sho.rt"}))
URL = "https://example.com/"
MADE_BY = MadeBy("ann", "laptop")
SHO_RT = Domains.from_text("", "https://sho.rt")
GIVEN: dict[str, Any] = {
    "url": "https://example.com/other",
    "title": "A title",
    "note": "A note",
    "tags": ["b", "a"],
    "expires_at": "2030-01-01T00:00:00.500Z",
    "enabled": False,
    "permanent": True,
    "starts_at": "2029-01-01T00:00:00.000Z",
    "max_visits": 7,
    "confirm": True,
    "rules": [{"if": {"device": ["ios"]}, "url": "https://example.com/ios"}],
    "forward_query": True,
    "forward_path": True,
    "fallback_url": "https://example.com/over",
    "external_id": "order-7",
    "unguessable": True,
}
"""By attribute, a value in JSON other than the default."""
ATTRIBUTES = [field.name for field in dataclasses.fields(LinkOptions)]
EACH = pytest.mark.parametrize("attribute", ATTRIBUTES)


def option_of(attribute: str) -> Option:
    """Return the option of an attribute."""
    (option,) = (option for option in OPTIONS if option.attribute == attribute)
    return option


def request_with(attribute: str) -> NewLink:
    """Return a request for a link with a single option."""
    return NewLink.from_json({"url": URL, option_of(attribute).name: GIVEN[attribute]}, POLICY, NOW)


def link_with(attribute: str) -> Link:
    """Return a link with a single option."""
    return request_with(attribute).to_link("code", NOW, MADE_BY)


def plain() -> Link:
    """Return a link without any option."""
    return NewLink.from_json({"url": URL}, POLICY, NOW).to_link("code", NOW, MADE_BY)


def test_both_tables_have_every_option() -> None:
    """Each field has a row for clients and a row for the table, and a value in this test."""
    assert [option.attribute for option in OPTIONS] == ATTRIBUTES
    assert len({option.name for option in OPTIONS}) == len(OPTIONS)
    assert GIVEN.keys() == set(ATTRIBUTES)
    assert {"id", "url", *link_item.STORED} == {field.name for field in dataclasses.fields(Link)}
    assert len({name for name, _ in link_item.STORED.values()}) == len(link_item.STORED)


@EACH
def test_option_is_read_from_a_request_and_shown(attribute: str) -> None:
    """As it was given, with no effect on other options."""
    link, name = link_with(attribute), option_of(attribute).name

    assert getattr(link, attribute) != getattr(plain(), attribute)
    assert dataclasses.replace(link, **{attribute: getattr(plain(), attribute)}) == plain()
    assert link.as_json(SHO_RT, {})[name] == GIVEN[attribute]


@EACH
@pytest.mark.usefixtures("aws")
def test_option_is_stored_and_read(attribute: str) -> None:
    """A stored link is read back unchanged."""
    link_store.add(link_with(attribute), "request")

    assert link_store.find_now("code") == link_with(attribute)


@EACH
def test_option_can_be_changed_if_the_table_says_so(attribute: str) -> None:
    """A change affects and reports only this option. If it cannot be changed, its name is refused in a change."""
    option = option_of(attribute)
    if not option.can_change:
        assert option.name in new_link.NAMES.keys() - link_patch.NAMES.keys()
        return
    after = Change.from_json({option.name: GIVEN[attribute]}, POLICY, NOW).applied_to(plain(), NOW)

    assert getattr(after, attribute) == getattr(link_with(attribute), attribute)
    assert link_patch.differences(plain(), after).keys() == {option.name}


@EACH
@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_exported_option_is_imported(attribute: str, kind: str) -> None:
    """The import of an exported file gives the same link."""
    link = link_with(attribute)
    written = exported_link.line(kind, exported_link.document(link, SHO_RT, 0))
    file = io.BytesIO((exported_link.header(kind, with_days=False) + written).encode())
    with file_reader.reading(file) as (_, rows):
        (row,) = rows

    imported = ImportedLink.from_body(row.body, POLICY, NOW, SHO_RT)

    assert (row.why, row.left_out, imported.left_out) == (None, (), ())
    assert imported.to_link("code", NOW, MADE_BY) == link


@EACH
def test_option_has_a_column_in_exports(attribute: str) -> None:
    """With the given value, as JSON if it is not a text."""
    link, name = link_with(attribute), option_of(attribute).name
    exported = exported_link.document(link, SHO_RT, 0)
    text = exported_link.header("csv", with_days=False) + exported_link.line("csv", exported)

    (row,) = csv.DictReader(io.StringIO(text, newline=""))

    assert exported[name] == GIVEN[attribute]
    assert row[name] in {str(GIVEN[attribute]), json.dumps(GIVEN[attribute], separators=(",", ":")), "b,a"}


@EACH
def test_link_without_the_option_does_not_satisfy_a_request(attribute: str) -> None:
    """With findExisting, a link must have every requested option."""
    requested = request_with(attribute)

    assert find_existing.is_satisfied_by(requested, link_with(attribute), "ann", NOW)
    assert not find_existing.is_satisfied_by(requested, plain(), "ann", NOW)
