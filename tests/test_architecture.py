"""The rules of the project that a test can check: layout, imports, names."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import app as service
from chalicelib.core.links import codes
from tests.paths import ROOT

PRODUCT = [ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py"))]
ALL_PYTHON = [
    path for folder in ("chalicelib", "dev", "bench", "tests") for path in sorted((ROOT / folder).rglob("*.py"))
]
HEAVY = {
    *("ada_url", "chalicelib.api.pages", "segno", "yaml", "jsonschema", "pydantic"),
    *("crawleruseragents", "ua_parser", "chalicelib.core.visits.user_agents"),
}

OURS = ("chalicelib", "dev", "bench", "tests")


def _texts() -> Iterator[Path]:
    """Yield the files that may name a module: code, templates, settings, documents; no results of benchmarks."""
    for folder in (*OURS, ".chalice", "docs", "openapi"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".md", ".json", ".yaml"} and not {"results", "deployments"} & set(path.parts):
                yield path
    yield from (ROOT / name for name in ("app.py", "Makefile", "pyproject.toml", "README.md", ".ci/run"))


def _named_in(path: Path) -> set[str]:
    """Return the dotted names and paths of the project's modules in a file."""
    text = path.read_text("utf-8", errors="ignore")
    dotted = re.findall(r"(?<![\w./-])(chalicelib(?:\.[a-z]\w*)+)", text)
    run = [f"dev.{name}" for name in re.findall(r"-m\"?,? \"?dev\.(\w+(?:\.\w+)*)", text)]
    return {*dotted, *run, *re.findall(rf"(?<![\w./-])((?:{'|'.join(OURS)})/[\w/]+\.py)\b", text)}


def _exists(name: str) -> bool:
    """Tell whether a path, a module, or a name in a module exists."""
    if name.endswith(".py"):
        return (ROOT / name).is_file()
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:end])
        if place.is_dir() or place.with_suffix(".py").is_file():
            owner: object = importlib.import_module(".".join(parts[:end])) if parts[end:] else None
            for part in parts[end:]:
                if not hasattr(owner, part):
                    return False
                owner = getattr(owner, part)
            return True
    return False


def test_every_module_that_is_named_exists() -> None:
    """In strings, settings, templates, documents: a check for a name that no longer exists would always pass."""
    missing = {
        f"{path.relative_to(ROOT)}: {name}" for path in _texts() for name in _named_in(path) if not _exists(name)
    }

    assert missing == set()


@pytest.mark.parametrize("name", sorted(HEAVY))
def test_modules_that_must_not_load_exist(name: str) -> None:
    """Modules that must not be imported exist."""
    assert importlib.util.find_spec(name) is not None


@pytest.mark.parametrize("route", sorted(service.app.routes))
def test_first_segments_of_routes_are_reserved(route: str) -> None:
    """The first segment of every route is reserved, or cannot be a code."""
    first = route.split("/")[1]

    assert first in {"", "{code}"} or not codes.is_code(first) or codes.is_reserved(first)


@pytest.mark.parametrize("word", ["ping", "sping", "Links", "HEALTHZ"])
def test_reserved_words_are_reserved_in_any_case(word: str) -> None:
    """API Gateway answers /ping itself, and codes must not differ from routes only in case."""
    assert codes.is_reserved(word)


def test_path_variables_have_one_name() -> None:
    """API Gateway refuses two names for a variable at one position: /{code} and /{slug}/stats."""
    names: dict[str, set[str]] = {}
    for route in service.app.routes:
        parts = route.split("/")
        for place, part in enumerate(parts):
            if part.startswith("{"):
                names.setdefault("/".join(parts[:place]), set()).add(part)

    assert all(len(variables) == 1 for variables in names.values())


def test_redirect_imports_few_modules() -> None:
    """Following a link and sending its click imports no URL parser, no pages, nothing that only other routes need."""
    program = f"""
import os, sys
os.environ.update(BASE_URL="https://sho.rt", AWS_DEFAULT_REGION="eu-west-1", AWS_ENDPOINT_URL="http://127.0.0.1:9")
import datetime, app
from chalicelib.aws import link_cache
from chalicelib.core.links.link import Link
from chalice.app import Chalice
now = datetime.datetime.now(datetime.UTC)
link_cache.put(Link(id="x", url="https://example.com/"), now)
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
    """Only settings.py reads the environment."""
    readers = [path.name for path in PRODUCT if re.search(r"os\.environ|getenv", path.read_text())]

    assert readers == ["settings.py"]


def test_aws_clients_are_created_at_import() -> None:
    """boto3 clients, not resources, are created at module scope, where warm containers keep them."""
    made = {"boto3.client", "boto3_client.make_client", "implementation.dynamodb"}
    trees = {path: ast.parse(path.read_text()) for path in PRODUCT}

    def makers(tree: ast.AST) -> Iterator[tuple[int, str]]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in made:
                yield node.lineno, ast.unparse(node)

    inside_functions = [
        f"{path.name}:{line}"
        for path, tree in trees.items()
        if path.parent.name != "clients"
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for line, _ in makers(function)
    ]

    assert {name for tree in trees.values() for _, name in makers(tree)} == made
    assert inside_functions == []
    assert not any("boto3.resource" in path.read_text() for path in PRODUCT)


def test_no_exception_handler_is_too_broad() -> None:
    """A broad except would redirect visitors home whenever the table fails."""
    wide = [str(path) for path in PRODUCT if re.search(r"except (Base)?Exception|except:", path.read_text())]

    assert wide == []


def test_every_suppression_has_a_reason() -> None:
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
def test_policies_have_no_wildcards(policy: Path) -> None:
    """No * in an action or a resource, except for files of one kind, whose names are generated."""
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
        ("core/links/link.py", "import chalicelib.usecases.follow_link"),
        ("core/links/codes.py", "import boto3"),
        ("core/links/codes.py", "import chalicelib.settings"),
        ("aws/dynamodb/link_store.py", "import chalicelib.usecases.create_link"),
        ("usecases/follow_link.py", "import chalice"),
        ("errors.py", "import app"),
        ("core/links/options.py", "import chalicelib.core.links.link"),
    ],
)
def test_forbidden_import_is_found(tmp_path: Path, file: str, line: str) -> None:
    """A forbidden import, planted in a copy, is found."""
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


@pytest.mark.parametrize(("folder", "forbidden"), [("dev", {"bench", "tests"}), ("bench", {"tests"})])
def test_tools_import_downwards(folder: str, forbidden: set[str]) -> None:
    """Tests may use benchmarks and tools, benchmarks may use tools; never the other way round."""
    imported = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _imported_by(node)
        if name.split(".")[0] in forbidden
    }

    assert imported == set()


def _imported_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def test_every_command_of_the_makefile_is_explained() -> None:
    """`make help` lists every target."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"\.PHONY: (.*)", makefile)[1].split())  # type: ignore[index]  # there is one

    assert targets == set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))


def test_shipped_packages_are_pinned() -> None:
    """An unpinned package would change under a deployed service; chalice and boto3 come with the runtime."""
    lines = [line.split("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    names = [line for line in lines if line]

    assert all(re.fullmatch(r"[a-z-]+==[0-9.]+", name) for name in names)
    assert not {"chalice", "boto3"} & {name.split("==")[0] for name in names}
