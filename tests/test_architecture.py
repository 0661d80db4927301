"""The rules of the house that code can check."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import app as doors
from chalicelib.core import codes
from tests.paths import ROOT

PRODUCT = [ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py"))]
ALL_PYTHON = [
    path for folder in ("chalicelib", "dev", "bench", "tests") for path in sorted((ROOT / folder).rglob("*.py"))
]
HEAVY = {
    *("ada_url", "chalicelib.core.pages", "segno", "yaml", "jsonschema", "pydantic"),
    *("crawleruseragents", "ua_parser", "chalicelib.core.agents"),
}


@pytest.mark.parametrize("route", sorted(doors.app.routes))
def test_no_alias_can_hide_a_route(route: str) -> None:
    """The first segment of every address of ours is reserved, or could never be a code."""
    first = route.split("/")[1]

    assert first in {"", "{code}"} or not codes.is_code(first) or codes.is_reserved(first)


@pytest.mark.parametrize("word", ["ping", "sping", "Links", "HEALTHZ"])
def test_reserved_words_are_reserved_in_any_case(word: str) -> None:
    """API Gateway answers /ping itself; nobody should have to tell /Links from /links."""
    assert codes.is_reserved(word)


def test_siblings_share_one_variable() -> None:
    """API Gateway refuses two names for the variable of one place: /{code} and /{slug}/stats."""
    names: dict[str, set[str]] = {}
    for route in doors.app.routes:
        parts = route.split("/")
        for place, part in enumerate(parts):
            if part.startswith("{"):
                names.setdefault("/".join(parts[:place]), set()).add(part)

    assert all(len(variables) == 1 for variables in names.values())


def test_a_redirect_stays_light() -> None:
    """Following a link, its click included, loads no URL parser, no pages, nothing that only other doors need."""
    program = f"""
import os, sys
os.environ.update(BASE_URL="https://sho.rt", AWS_DEFAULT_REGION="eu-west-1", AWS_ENDPOINT_URL="http://127.0.0.1:9")
import datetime, app
from chalicelib.aws import link_cache
from chalicelib.core.link import Link
from chalice.app import Chalice
now = datetime.datetime.now(datetime.UTC)
link_cache.learn(Link(code="x", url="https://example.com/"), now)
event = dict(
    requestContext=dict(httpMethod="GET", resourcePath="/{{code}}", identity=dict(sourceIp="192.0.2.1")),
    headers={{}}, pathParameters=dict(code="x"), multiValueQueryStringParameters=None, body=None, stageVariables=None,
)
assert app.app(event, None)["statusCode"] == 302
print(sorted({HEAVY!r} & set(sys.modules)))
"""

    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines()[-1] == "[]"


def test_only_settings_reads_the_environment() -> None:
    """A setting has one home."""
    readers = [path.name for path in PRODUCT if re.search(r"os\.environ|getenv", path.read_text())]

    assert readers == ["settings.py"]


def test_aws_is_spoken_to_by_clients_made_once() -> None:
    """boto3 clients, no resources; made where a warm container finds them again: at module scope."""
    inside_functions = [
        f"{path.name}:{call.lineno}"
        for path in PRODUCT
        if path.name not in {"clients.py", "by_boto3.py"}
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Attribute) and ast.unparse(call) in {"boto3.client", "by_boto3.made", "chosen.dynamodb"}
    ]

    assert inside_functions == []
    assert not any("boto3.resource" in path.read_text() for path in PRODUCT)


def test_nothing_catches_everything() -> None:
    """A net that wide sends visitors home whenever the database coughs."""
    wide = [str(path) for path in PRODUCT if re.search(r"except (Base)?Exception|except:", path.read_text())]

    assert wide == []


def test_whatever_is_switched_off_says_why() -> None:
    """Every noqa and type: ignore names its rule and, after a second #, its reason."""
    silent = [
        f"{path.name}:{number}"
        for path in [*PRODUCT, *ALL_PYTHON]
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"#\s*(noqa|type: ignore)\b", line)
        and not re.search(r"#\s*(noqa: [A-Z0-9, ]+|type: ignore\[[a-z, -]+\])\s+# \S+", line)
        and path.name != Path(__file__).name
    ]

    assert silent == []


@pytest.mark.parametrize("policy", sorted((ROOT / ".chalice").glob("policy-*.json")), ids=lambda path: path.name)
def test_no_permission_is_wider_than_named(policy: Path) -> None:
    """No * in an action or a resource, but for the files of one kind: their names are drawn."""
    statements = json.loads(policy.read_text())["Statement"]

    assert statements
    for statement in statements:
        resources = json.dumps(statement["Resource"])
        for kind in ("imports", "reports", "exports"):
            resources = resources.replace(f'"${{Files.Arn}}/{kind}/*"', f'"{kind}"')
        assert "*" not in json.dumps(statement["Action"]) + resources


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/link.py", "import chalicelib.follow"),
        ("core/codes.py", "import boto3"),
        ("core/codes.py", "import chalicelib.settings"),
        ("aws/link_table.py", "import chalicelib.shorten"),
        ("follow.py", "import chalice"),
        ("errors.py", "import app"),
    ],
)
def test_the_fence_holds(tmp_path: Path, file: str, line: str) -> None:
    """An import against the arrows, planted in a copy, is found."""
    shutil.copytree(ROOT / "chalicelib", tmp_path / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    planted = tmp_path / "chalicelib" / file
    planted.write_text(planted.read_text() + f"\n{line}\n")

    found = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert found.returncode == 1, found.stdout
    assert "BROKEN" in found.stdout


def test_every_command_of_the_makefile_is_explained() -> None:
    """`make help` knows them all."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"\.PHONY: (.*)", makefile)[1].split())  # type: ignore[index]  # there is one

    assert targets == set(re.findall(r"^([a-z0-9]+):.*## ", makefile, re.MULTILINE))


def test_everything_that_ships_is_pinned() -> None:
    """An unpinned package would change under a deployed service; chalice and boto3 come with the runtime."""
    wanted = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    names = [line for line in wanted if line]

    assert all(re.fullmatch(r"[a-z-]+==[0-9.]+", name) for name in names)
    assert not {"chalice", "boto3"} & {name.split("==")[0] for name in names}
