"""Builds the description of the API: joins the files of openapi/ to chalicelib/web/openapi.json, which ships.

``openapi/openapi.yaml`` lists the files of ``paths`` and of each kind of components, in the order of the result, which
has the components that are referred to. ``openapi/visitors.yaml`` describes the addresses for visitors, for the tests.
Constants of the code are not repeated there, but named by their place below ``chalicelib``:

    "{{ core.links.codes.CODE }}"                 a number, a text, a list; of a pattern its text, of a function its
                                                  result, of a dictionary its keys, of a Literal its values
    "{{ core.transfers.import_job.Import.on_taken }}"   the default of a field of a dataclass
    "{{ core.links.qr.SIZES[0] }}"                one of a sequence
    "{{ core.visits.counters.MAX_NAMES + 1 }}"    or ``- 1``
    ["{{ core.visits.visitor.DEVICES }}", null]   a list in a list: its items
    "Up to {{ core.limits.FILE_ROWS:, }}"         in a text: as Python formats it, or by a unit, ``:MiB``, ``:days``

Schemas that share members have them once, as a YAML anchor: ``<<: *properties``, and ``required: [*required, more]``.

make openapi    # writes it again
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml

import chalicelib
from dev.paths import ROOT

SOURCES = ROOT / "openapi"
WRITTEN = ROOT / "chalicelib" / "web" / "openapi.json"
API, VISITORS = "openapi.yaml", "visitors.yaml"
_REFERENCE = re.compile(r'"#/components/(\w+)/([^"/]+)"')
_PLACEHOLDER = re.compile(r"{{ ([A-Za-z]\w*(?:\.[A-Za-z]\w*)+)(?:\[(\d+)\])?(?: ([+-]) (\d+))?(?::(\S+))? }}")
_UNITS: dict[str, Any] = {
    "KiB": 1024,
    "MiB": 1024 * 1024,
    "MB": 1_000_000,
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
}


class DescriptionWrong(Exception):
    """The sources are invalid. The message says which file, and why, for a person."""


class _Loader(yaml.SafeLoader):
    """YAML with only the unquoted types of JSON: ``no`` and 2099-12-31 are texts."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's name; this keeps those of SafeLoader out

    def read_mapping(self, node: yaml.MappingNode) -> dict[Hashable, Any]:
        """Return a mapping; refuse a name that occurs twice, of which YAML would drop the first."""
        names = [key.value for key, _ in node.value]
        _refuse_twice({name for name in names if names.count(name) > 1})
        return self.construct_mapping(node, deep=True)


for _tag, _pattern in (
    ("null", "null$"),
    ("bool", "(true|false)$"),
    ("int", r"-?(0|[1-9]\d*)$"),
    ("float", r"-?(0|[1-9]\d*)\.\d+$"),
    ("merge", "<<$"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), None)
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.read_mapping)


def written(sources: Path | None = None) -> str:
    """Return the text of openapi.json.

    Raises:
        DescriptionWrong
    """
    return json.dumps(joined(sources), ensure_ascii=False, indent=1) + "\n"


def joined(sources: Path | None = None, start: str = API) -> dict[str, Any]:
    """Return the description that the files of ``sources`` add up to, as ``start`` lists them.

    Raises:
        DescriptionWrong: also where neither description names a file.
    """
    sources = sources or SOURCES
    description = _read(sources, start)
    others = [_read(sources, name) for name in (API, VISITORS) if name != start and (sources / name).exists()]
    unused = {path.relative_to(sources).as_posix() for path in sources.rglob("*") if path.is_file()} - {API, VISITORS}
    for _, _, files in chain(*map(_lists_of_files, (description, *others))):
        unused -= set(files)
    for holder, kind, files in [*_lists_of_files(description)]:
        holder[kind] = _merged(sources, files)
    if unused:
        raise DescriptionWrong(f"{start} does not name {', '.join(sorted(unused))}.")
    _drop_unused(description)
    return description


def _lists_of_files(description: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, list[str]]]:
    """Yield what holds a list of files, its member that is the list, and the list."""
    components = description["components"]
    for holder, kind in ((description, "paths"), *((components, kind) for kind in components)):
        if isinstance(holder[kind], list):
            yield holder, kind, holder[kind]


def _drop_unused(description: dict[str, Any]) -> None:
    """Drop the components that nothing refers to, nor anything that is referred to."""
    components = description["components"]
    found: set[tuple[str, str]] = set()
    ahead = [description["paths"]]
    while ahead:
        new = {(match[1], match[2]) for match in _REFERENCE.finditer(json.dumps(ahead.pop()))} - found
        found |= new
        ahead += [components[kind][name] for kind, name in new if name in components.get(kind, {})]
    for kind, parts in components.items():
        if kind != "securitySchemes":  # they are referred to by name
            components[kind] = {name: part for name, part in parts.items() if (kind, name) in found}


def _merged(sources: Path, files: Iterable[str]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for file in files:
        part = _read(sources, file)
        try:
            _refuse_twice(merged.keys() & part.keys())
        except DescriptionWrong as wrong:
            raise DescriptionWrong(f"{file}: {wrong}") from wrong
        merged |= part
    return merged


def _refuse_twice(names: set[str]) -> None:
    if names:
        raise DescriptionWrong(f"{', '.join(sorted(names))} is there twice.")


def _read(sources: Path, file: str) -> dict[str, Any]:
    try:
        loaded = yaml.load((sources / file).read_text("utf-8"), _Loader)  # noqa: S506  # it is a SafeLoader
        filled: dict[str, Any] = _filled(loaded)
    except (OSError, yaml.YAMLError, DescriptionWrong) as wrong:
        raise DescriptionWrong(f"{file}: {wrong}") from wrong
    return filled


def _filled(node: Any) -> Any:
    if isinstance(node, dict):
        members = {str(name): _filled(value) for name, value in node.items()}
        if isinstance(names := members.get("required"), list):
            members["required"] = [*chain.from_iterable([each] if isinstance(each, str) else each for each in names)]
        return members
    if isinstance(node, list):
        filled = [(_filled(item), isinstance(item, str)) for item in node]
        return [one for new, was_text in filled for one in (new if was_text and isinstance(new, list) else [new])]
    if not isinstance(node, str):
        return node
    if whole := _PLACEHOLDER.fullmatch(node):
        return _value(whole)
    text = _PLACEHOLDER.sub(_in_text, node)
    if "{{" in text:
        raise DescriptionWrong(f"{node!r} has a placeholder that is none.")
    return text


def _in_text(placeholder: re.Match[str]) -> str:
    value = _value(placeholder)
    return ", ".join(f"`{each}`" for each in value) if isinstance(value, list) else str(value)


def _value(placeholder: re.Match[str]) -> str | int | list[Any]:
    path, index, sign, number, form = placeholder.groups()
    try:
        value = _named(path)
        value = value[int(index)] if index else value
        value = value + int(sign + number) if sign else value
        return _formatted(value, form) if form else _plain(value)
    except (AttributeError, ImportError, LookupError, TypeError, ValueError) as wrong:
        raise DescriptionWrong(f"{placeholder[0]}: {wrong}") from wrong


def _named(path: str) -> Any:
    at: Any = chalicelib
    for name in path.split("."):
        if is_dataclass(at) and isinstance(at, type):
            at = {field.name: field.default for field in fields(at)}[name]  # with slots, the class has no defaults
        elif hasattr(at, "__path__") and not hasattr(at, name):
            at = importlib.import_module(f"{at.__name__}.{name}")
        else:
            at = getattr(at, name)
    return at


def _formatted(value: Any, form: str) -> str:
    if form not in _UNITS:
        return format(value, form)
    whole, rest = divmod(value, _UNITS[form])
    if rest:
        raise ValueError(f"{value} is no whole number of {form}")
    return str(whole)


def _plain(value: Any) -> str | int | list[Any]:
    if get_origin(value) is Literal:
        return list(get_args(value))
    if isinstance(value, re.Pattern):
        return str(value.pattern)
    if callable(value):
        value = value()
    if isinstance(value, (str, int)):
        return value
    return sorted(value) if isinstance(value, (set, frozenset)) else list(value)


def main() -> None:
    """Write openapi.json."""
    os.environ.setdefault("BASE_URL", "https://placeholder.invalid")  # the modules need one; it is not written
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    try:
        WRITTEN.write_text(written(), "utf-8")
    except DescriptionWrong as wrong:
        sys.exit(f"The API is not described: {wrong}")


if __name__ == "__main__":
    main()
