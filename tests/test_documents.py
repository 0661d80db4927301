"""The documents, compared with the service and with each other."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

import app as application
from chalicelib.core.access import roles
from chalicelib.settings import Settings
from tests.paths import ROOT

PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "bench" / "results").glob("*.md"),
        *(ROOT / ".github").rglob("*.md"),
    ]
)
WRITTEN = [page for page in PAGES if "results" not in page.parts]  # the results are written by the bench
README = ROOT / "README.md"
SETTINGS = ROOT / "docs" / "settings.md"
OF_THE_COMMANDS = "## Variables of the commands"
TARGETS = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def name_of(page: Path) -> str:
    """Return a page's path, for the name of its test."""
    return str(page.relative_to(ROOT))


def prose_of(page: Path) -> str:
    """Return a page without its code blocks and code, which may hold brackets and # without links and headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    anchors: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = again = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number = 0
        while again in anchors:
            number += 1
            again = f"{anchor}-{number}"
        anchors.add(again)
    return anchors


def links_of(page: Path) -> list[str]:
    """Return the relative links of a page, images included."""
    text = prose_of(page)
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'(?:src|srcset|href)="([^"]+)"', text)]
    return [link for link in links if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_works(page: Path) -> None:
    """Each relative link names an existing file or folder, and each anchor one of its headings."""
    broken = []
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and (target.suffix != ".md" or anchor not in anchors_of(target))):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize(
    ("markdown", "anchors"),
    [
        ("# A table, restored: why?", {"a-table-restored-why"}),
        ("## `GET /links` and [more](x.md)", {"get-links-and-more"}),
        ("## Twice\n\n## Twice", {"twice", "twice-1"}),
        ("```sh\n# no heading\n```\n# One", {"one"}),
    ],
)
def test_anchors_are_made_as_on_github(tmp_path: Path, markdown: str, anchors: set[str]) -> None:
    """Lower case, without punctuation, hyphens for spaces, numbered where they repeat."""
    page = tmp_path / "page.md"
    page.write_text(markdown)

    assert anchors_of(page) == anchors


def test_every_page_is_linked() -> None:
    """Every page of docs/ can be reached from the README by links."""
    found, left = set[Path](), [README]
    while left:
        page = left.pop()
        if page not in found:
            found.add(page)
            targets = ((page.parent / link.partition("#")[0]).resolve() for link in links_of(page))
            left += [target for target in targets if target.suffix == ".md" and target.exists()]

    assert {page for page in PAGES if (ROOT / "docs") in page.parents} - found == set()


def test_the_readme_stays_short() -> None:
    """The README has at most 130 lines; longer texts have their own page."""
    assert len(README.read_text("utf-8").splitlines()) <= 130


def commands_in(page: Path) -> Iterator[str]:
    """Yield the commands of a page's shell blocks, each on one line and without its comment."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield shlex.join(shlex.split(line, comments=True))


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_every_command_exists(page: Path) -> None:
    """Shell blocks have only `make` and `curl`, and each target is in the Makefile."""
    for command in commands_in(page):
        assert command.split()[0] in {"make", "curl"}
    asked_for = re.findall(r"(?:`|^ *)make +(?:[A-Z_]+=\S* +)*([a-z][a-z0-9-]*)", page.read_text("utf-8"), re.MULTILINE)

    assert set(asked_for) <= TARGETS


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_make_target_is_explained(target: str) -> None:
    """Some page explains each target."""
    assert any(re.search(rf"`?make {target}(?![\w-])", page.read_text("utf-8")) for page in WRITTEN)


def test_table_of_calls_is_complete() -> None:
    """docs/api.md lists every route and method, and nothing else; HEAD goes with GET, old addresses are a rule."""
    table = (ROOT / "docs" / "api.md").read_text("utf-8").partition("## Calls")[2].partition("\n## ")[0]
    shown = re.findall(r"`(GET|POST|PATCH|DELETE) (/[^`?]*)`", table)
    routes = {(method, path) for path, methods in application.app.routes.items() for method in methods}
    routes -= {(method, path) for path, methods, _ in application.CALLS for method in methods}

    assert len(shown) == len(set(shown))
    assert set(shown) == {(method, path) for method, path in routes if method != "HEAD"}


def test_table_of_scopes_is_right() -> None:
    """docs/api.md has a row for each scope, and says which roles have it."""
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    names = re.search(r"^\| scope \| may, in its workspace \| (.*) \|$", text, re.MULTILINE)
    assert names

    rows = re.findall(r"^\| `([a-z]+)` \| [^|`]* \| ([a-z ]*)\| ([a-z ]*)\| ([a-z ]*)\|$", text, re.MULTILINE)

    assert {scope for scope, *_ in rows} == set(roles.SCOPES)
    for place, role in enumerate(names[1].split(" | "), 1):
        assert {row[0] for row in rows if row[place].strip() == "yes"} == set(roles.ROLES[role])


ARCHITECTURE = ROOT / "docs" / "architecture.md"


def paths_in_tree(page: Path) -> list[str]:
    """Return the paths in a page's tree, from the root: an entry is in the folder above it that is less indented.

    Names in an entry's description are files and folders in that entry.
    """
    paths: list[str] = []
    folders: list[tuple[int, str]] = []
    for line in re.findall(r"^    (.*)$", prose_of(page), re.MULTILINE):
        indent, words = len(line) - len(line.lstrip()), line.split()
        is_entry = indent < 20  # below it, a description goes on
        entries = [*takewhile(re.compile(r"[\w.-]+(?:/|\.\w+)").fullmatch, words if is_entry else [])]
        if entries:
            folders = [folder for folder in folders if folder[0] < indent]
            above = folders[-1][1] if folders else ""
            paths += [above + entry for entry in entries]
            folders += [(indent, above + entry) for entry in entries[:1] if entry.endswith("/")]
        names = re.findall(r"[\w-]+(?:/|\.(?:py|json|yaml))(?=[ ,;]|$)", " ".join(words[len(entries) :]))
        paths += [folders[-1][1] + name for name in names]
    return paths


@pytest.mark.parametrize("page", [README, ARCHITECTURE], ids=name_of)
def test_every_path_of_a_tree_exists(page: Path) -> None:
    """The trees of folders and files name nothing that was moved or renamed."""
    paths = paths_in_tree(page)

    assert len(paths) > 10  # the tree was found
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_tree_of_the_architecture_is_complete() -> None:
    """Every module on top of chalicelib/, and every package of it and of dev/, is in the tree."""
    inits = [*(ROOT / "chalicelib").rglob("__init__.py"), *(ROOT / "dev").glob("*/__init__.py")]
    packages = {f"{path.parent.relative_to(ROOT)}/" for path in inits}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "chalicelib").glob("[!_]*.py")}

    assert (packages | modules) - set(paths_in_tree(ARCHITECTURE)) == set()


@pytest.mark.parametrize("page", [page for page in WRITTEN if page.name != "CHANGELOG.md"], ids=name_of)
def test_every_python_file_of_a_page_exists(page: Path) -> None:
    """A Python file in code style is a path from the root or below chalicelib/, or a file's bare name."""
    named = set(re.findall(r"`((?:[\w-]+/)*\w+\.py)`", page.read_text("utf-8")))
    folders = [ROOT / top for top in ("chalicelib", "dev", "bench", "tests")]
    known = ["/app.py", *(f"/{path.relative_to(ROOT)}" for folder in folders for path in folder.rglob("*.py"))]

    assert [name for name in named if not any(path.endswith(f"/{name}") for path in known)] == []


def test_moves_are_skipped_by_blame() -> None:
    """Each commit of .git-blame-ignore-revs is given by its full hash, below a comment with its subject."""
    lines = [line for line in (ROOT / ".git-blame-ignore-revs").read_text("utf-8").splitlines() if line]

    assert [line for line in lines if not re.fullmatch(r"# .+|[0-9a-f]{40}", line)] == []


class Environment(dict[str, str]):
    """An environment that records which variables are read."""

    def __init__(self) -> None:
        super().__init__(BASE_URL="https://sho.rt")
        self.asked: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]  # settings ask for text alone
        self.asked.add(name)
        return super().get(name, default)


def rows_of_settings() -> dict[str, tuple[str, str]]:
    """Return each setting's default in docs/settings.md, and that in stage ``local``."""
    text = re.sub(r"<!--.*?-->", "", SETTINGS.read_text("utf-8")).partition(OF_THE_COMMANDS)[0]
    found = re.findall(r"^\| `([A-Z_]+)` *\| ([^|]*) \| ([^|]*)\|", text, re.MULTILINE)
    rows = {name: (default.strip("` "), local.strip("` ") or default.strip("` ")) for name, default, local in found}
    assert len(rows) == len(found)
    return rows


def test_every_setting_has_a_row() -> None:
    """docs/settings.md lists each field of Settings and each AWS variable, and nothing else."""
    environ = Environment()
    Settings.from_environ(environ)
    fields = {field.name.upper() for field in dataclasses.fields(Settings) if field.name != "aws"}

    assert set(rows_of_settings()) == fields | {name for name in environ.asked if name.startswith("AWS_")}


@pytest.mark.parametrize("stage", ["prod", "local"])
@pytest.mark.parametrize("name", sorted(set(rows_of_settings()) - {"BASE_URL", "STAGE"}))
def test_documented_defaults_are_right(name: str, stage: str) -> None:
    """Setting a variable to the default that the page gives changes nothing."""
    default = rows_of_settings()[name][stage == "local"]
    environ = {"BASE_URL": "https://sho.rt", "STAGE": stage}

    given = Settings.from_environ({**environ, name: "" if default == "none" else default})

    assert given == Settings.from_environ(environ)


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_documents_use_no_private_words(page: Path) -> None:
    """The documents use none of the private words that the code once had."""
    private = r"\b(?:deeds?|doors?|doorways?|wish(?:es)?|wanted|in our words|nobody waits|by hand|whoever|somebody)\b"

    assert re.findall(private, prose_of(page), re.IGNORECASE) == []
