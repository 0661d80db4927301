"""The description of the API follows from its sources, and the sources from the constants of the code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib import errors
from chalicelib.core import limits
from chalicelib.core.access import api_key, roles
from chalicelib.core.links import codes, qr
from chalicelib.core.visits import counters, visitor
from dev import openapi
from dev.openapi import DescriptionWrong

START = "paths: [paths.yaml]\ncomponents: {schemas: [schemas/a.yaml, schemas/b.yaml]}\n"
Sources = Callable[..., Path]


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Write the sources of a small description, with other texts of some of its files."""

    def write(others: Mapping[str, str]) -> Path:
        usual = {"openapi.yaml": START, "paths.yaml": "/a: {}", "schemas/a.yaml": "A: {}", "schemas/b.yaml": "B: {}"}
        for name, text in {**usual, **others}.items():
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, "utf-8")
        return tmp_path

    return write


def test_the_shipped_description_is_current() -> None:
    """After a change of a source, or of a constant that one names, run `make openapi`."""
    written = openapi.WRITTEN.read_text("utf-8")

    is_fresh = written == openapi.written()  # a text of 5,000 lines: pytest would compare them for minutes
    says_the_same = json.loads(written) == openapi.joined()

    assert is_fresh, "run make openapi"
    assert says_the_same


def test_files_are_joined_in_the_listed_order(sources: Sources) -> None:
    """What is not a list of files stays as it is."""
    start = "openapi: 3.1.0\npaths: [paths.yaml]\ncomponents: {schemas: [schemas/b.yaml, schemas/a.yaml]}"
    paths: Any = {"/a": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}]}

    whole = openapi.written(sources({"openapi.yaml": start, "paths.yaml": json.dumps(paths)}))

    expected = {"openapi": "3.1.0", "paths": paths, "components": {"schemas": {"B": {}, "A": {}}}}
    assert whole == json.dumps(expected, indent=1) + "\n"


def test_components_that_nothing_refers_to_are_left_out(sources: Sources) -> None:
    """Those that a component refers to stay, and ways to send a key, which are referred to by name."""
    start = START.replace("]}", "], securitySchemes: {Bearer: {}}}")
    texts = {
        "openapi.yaml": start,
        "paths.yaml": json.dumps({"/a": {"$ref": "#/components/schemas/A"}}),
        "schemas/a.yaml": json.dumps({"A": {"items": {"$ref": "#/components/schemas/B"}}, "Unused": {}}),
        "schemas/b.yaml": json.dumps({"B": {}, "Alone": {"$ref": "#/components/schemas/Alone"}}),
    }

    components = openapi.joined(sources(texts))["components"]

    assert components["schemas"].keys() == {"A", "B"}
    assert components["securitySchemes"] == {"Bearer": {}}


def test_a_second_description_has_the_same_files(sources: Sources) -> None:
    """A file must be named by one of the two."""
    second = "paths: [more.yaml]\ncomponents: {schemas: [schemas/a.yaml, schemas/c.yaml]}\n"
    reference = json.dumps({"/b": {"$ref": "#/components/schemas/C"}})
    folder = sources({"visitors.yaml": second, "more.yaml": reference, "schemas/c.yaml": "C: {}"})

    joined = openapi.joined(folder, start=openapi.VISITORS)

    assert joined == {"paths": {"/b": {"$ref": "#/components/schemas/C"}}, "components": {"schemas": {"C": {}}}}
    assert openapi.joined(folder)["paths"] == {"/a": {}}


def test_required_members_are_listed_once(sources: Sources) -> None:
    """A schema names those that it shares by an anchor, and adds its own; properties are merged."""
    text = (
        "A: {required: &required [a, b], properties: &properties {a: 1, b: 2}}\n"
        "B: {required: [*required, c], properties: {<<: *properties, b: 3, c: 4}}\n"
    )
    paths = json.dumps({"/a": [{"$ref": "#/components/schemas/B"}]})

    schemas = openapi.joined(sources({"schemas/b.yaml": "C: {}", "schemas/a.yaml": text, "paths.yaml": paths}))

    expected = {"required": ["a", "b", "c"], "properties": {"a": 1, "b": 3, "c": 4}}
    assert schemas["components"]["schemas"] == {"B": expected}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ core.limits.FILE_ROWS }}", limits.FILE_ROWS),
        ("{{ core.limits.FILE_ROWS:, }}", "50,000"),
        ("{{ core.limits.FILE_BYTES:MiB }} MiB", "10 MiB"),
        ("{{ core.http.idempotency.LASTS:hours }} hours", "24 hours"),
        ("{{ core.visits.counters.MAX_NAMES + 1 }}", counters.MAX_NAMES + 1),
        ("{{ core.links.rules.ALL - 1 }}", 99),
        ("{{ core.links.qr.SIZES[1] }}", qr.SIZES[1]),
        ("{{ core.links.qr.Drawing.size }}", qr.Drawing().size),
        ("{{ core.limits.PASSWORD_TRIES.most }} a {{ core.limits.PASSWORD_TRIES.name }}", "5 a minute"),
        ("^{{ core.links.codes.CODE }}$", f"^{codes.CODE.pattern}$"),
        ("{0,{{ core.access.api_key.MAX_NAME }}}", "{0,64}"),
        ("{{ core.access.roles.SCOPES }}", list(roles.SCOPES)),
        ("{{ core.visits.statistics.Unit }}", ["hour", "day", "month"]),
        ("{{ core.transfers.exported_link.MEDIA_TYPES }}", ["csv", "ndjson"]),
        ("{{ errors.public_errors }}", list(errors.public_errors())),
        ("{{ core.links.codes.RESERVED }}", sorted(codes.RESERVED)),
        ("One of {{ core.visits.visitor.DEVICES }}.", "One of `mobile`, `tablet`, `desktop`."),
        (
            ["{{ core.visits.visitor.DEVICES }}", "{{ core.visits.visitor.SYSTEMS }}", None],
            [*visitor.DEVICES, *visitor.SYSTEMS, None],
        ),
        (["{{ core.links.qr.LEVELS[0] }}", ["{{ core.access.api_key.MAX_NAME }}"]], ["L", [api_key.MAX_NAME]]),
    ],
    ids=str,
)
def test_a_placeholder_becomes_the_constant(sources: Sources, text: Any, value: Any) -> None:
    """Alone it keeps its type; in a text it becomes text; a list in a list becomes its items."""
    joined = openapi.joined(sources({"paths.yaml": json.dumps({"/a": text})}))

    assert joined["paths"]["/a"] == value


@pytest.mark.parametrize(
    "placeholder",
    [
        "{{ core.links.link_fields.MAX_TITEL }}",
        "{{ core.nowhere.MAX_TITLE }}",
        "{{ core.fields }}",
        "{{ core.access.api_key.NewKey.name }}",
        "{{ core.access.api_key.NewKey.colour }}",
        "{{ core.links.qr.SIZES[2] }}",
        "{{ core.links.link_fields.MAX_TITLE[0] }}",
        "{{ core.access.roles.SCOPES + 1 }}",
        "{{ core.http.idempotency.LASTS }}",
        "{{ core.http.idempotency.LASTS:MiB }}",
        "{{ core.limits.FILE_ROWS:MiB }}",
        "{{ core.limits.FILE_ROWS:pages }}",
        "{{ core.links.target_url.canonical }}",
        "{{ core.links.codes._short_id }}",
        "{{core.fields.MAX_TITLE}}",
        "{{ MAX_TITLE }}",
    ],
)
@pytest.mark.parametrize("around", ["", "in a text "])
def test_an_unknown_placeholder_is_reported(sources: Sources, placeholder: str, around: str) -> None:
    """With the file, and as it is written there."""
    with pytest.raises(DescriptionWrong, match=rf"^schemas/b\.yaml: .*{re.escape(placeholder)}"):
        openapi.joined(sources({"schemas/b.yaml": json.dumps({"B": {"c": [around + placeholder]}})}))


@pytest.mark.parametrize(
    ("others", "reported"),
    [
        ({"schemas/b.yaml": "A: {}"}, "schemas/b.yaml: A is there twice."),
        ({"paths.yaml": "/a: {}\n/a: {}"}, "paths.yaml: /a is there twice."),
        ({"paths.yaml": "/a: {get: 1, put: 2, get: 3}"}, "paths.yaml: get is there twice."),
        ({"schemas/c.yaml": "C: {}"}, "openapi.yaml does not name schemas/c.yaml."),
        ({"notes.txt": ""}, "openapi.yaml does not name notes.txt."),
        ({"openapi.yaml": START.replace("b.yaml", "c.yaml")}, "schemas/c.yaml: .*No such file"),
        ({"paths.yaml": "/a: {"}, "paths.yaml: while parsing"),
    ],
    ids=str,
)
def test_conflicting_files_are_reported(sources: Sources, others: dict[str, str], reported: str) -> None:
    """No path, member or file is dropped silently."""
    with pytest.raises(DescriptionWrong, match=f"^{reported}"):
        openapi.joined(sources(others))


def test_words_stay_texts(sources: Sources) -> None:
    """What older YAML reads as a boolean, date or time is text."""
    text = "/a: [no, on, 2099-12-31, 12:30, 0x1f, 1_000, ~, true, null, -3, 0.5]"

    joined = openapi.joined(sources({"paths.yaml": text}))

    assert joined["paths"]["/a"] == ["no", "on", "2099-12-31", "12:30", "0x1f", "1_000", "~", True, None, -3, 0.5]


def test_an_invalid_description_is_not_written(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The previous one stays, and `make openapi` exits with the reason."""
    monkeypatch.setattr(openapi, "WRITTEN", tmp_path / "written.json")
    monkeypatch.setattr(openapi, "SOURCES", sources({"paths.yaml": "/a: '{{ core.nothing }}'"}))

    with pytest.raises(SystemExit, match=r"paths\.yaml: {{ core\.nothing }}"):
        openapi.main()

    assert not openapi.WRITTEN.exists()
