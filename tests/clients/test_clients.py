"""Generated clients under strict type checks, used against the running service; two linters. `make clients` runs it.

Each program (with_*.py, with_*.ts) does the same with another client and prints what it saw: it is an example as well.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from dev.http_client import ask
from tests.e2e.conftest import Running, make_key, running
from tests.paths import ROOT

__all__ = ["running"]  # the fixture

WORKSHOP = ROOT / ".clients"  # beside node_modules; below tests/ what is generated would be checked as ours
GENERATED = WORKSHOP / "generated"
NODE = WORKSHOP / "node_modules" / ".bin"
PYTHON = ROOT / ".venv-clients" / "bin"
COUNTED_WITHIN = 90  # seconds: longer than a batch that fails once is hidden
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
WHEN = {"device": ["ios"], "query": {"ref": ["news"], "preview": True}}
"""The conditions of the rule that each program gives its link."""
TYPESCRIPT = ("with_hey_api", "with_orval", "with_openapi_fetch")
PROGRAMS = ("with_openapi_python_client", *TYPESCRIPT)


def run(*command: str | Path, **environ: str) -> str:
    """Run a command in the workshop and return what it prints; if it fails, so does the test, with its words."""
    arguments, env = [str(each) for each in command], os.environ | environ
    ran = subprocess.run(arguments, cwd=WORKSHOP, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{command[0]} failed:\n{ran.stdout[-6000:]}\n{ran.stderr[-6000:]}"
    return ran.stdout


@pytest.fixture(scope="module")
def generated(running: Running) -> None:
    """All clients, of the description that the service serves, beside the programs and the settings of the tools."""
    shutil.copytree(Path(__file__).parent, WORKSHOP, dirs_exist_ok=True)
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir()
    (GENERATED / "openapi.json").write_bytes(ask(running.base_url, "GET", "/openapi.json")[2])
    options = ("--output-path", "generated/shortener", "--config", "openapi-python-client.yaml", "--meta", "none")
    path = ("--path", "generated/openapi.json", "--overwrite")
    said = run(PYTHON / "openapi-python-client", "generate", *path, *options)
    assert "WARNING" not in said
    run(NODE / "openapi-ts")
    run(NODE / "orval", "--config", "orval.config.cjs")
    run(NODE / "openapi-typescript", "generated/openapi.json", "-o", "generated/openapi-typescript.ts")


@pytest.mark.usefixtures("generated")
def test_spectral_has_no_objection() -> None:
    """Its rules for OpenAPI, warnings included."""
    run(NODE / "spectral", "lint", "generated/openapi.json", "--ruleset", "spectral.yaml", "--fail-severity", "warn")


@pytest.mark.usefixtures("generated")
def test_redocly_has_no_objection() -> None:
    """Its recommended rules, warnings included."""
    run(NODE / "redocly", "lint", "generated/openapi.json", "--config", "redocly.yaml", "--max-problems", "100")


@pytest.mark.usefixtures("generated")
def test_python_is_typed_strictly() -> None:
    """The generated client, and the program that uses it."""
    files = ("generated/shortener", "with_openapi_python_client.py")
    # Without the settings of ours. What cannot be reached is a mistake of the generator about the description.
    options = ("--strict", "--warn-unreachable", "--explicit-package-bases", "--config-file=")
    run(PYTHON / "mypy", *options, *files, MYPYPATH="generated")


@pytest.mark.usefixtures("generated")
def test_typescript_is_typed_strictly() -> None:
    """The generated clients, and the programs that use them."""
    run(NODE / "tsc", "--project", "tsconfig.json")


def make_visited(running: Running, key: str, code: str) -> None:
    """Create a link, visit it twice as a person would, and wait until both visits are counted."""
    assert ask(running.base_url, "POST", "/v1/links", {"url": "https://example.com/", "alias": code}, key)[0] == 201
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)) as browser:
        for _ in range(2):
            browser.request("GET", f"/{code}", headers=BROWSER)
            response = browser.getresponse()
            assert (response.status, response.read()) == (302, b"")
    until = time.monotonic() + COUNTED_WITHIN
    while json.loads(ask(running.base_url, "GET", f"/v1/links/{code}", key=key)[2])["visits"]["total"] < 2:
        assert time.monotonic() < until, "The visits are not counted."
        time.sleep(0.5)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.usefixtures("generated")
def test_program_works(running: Running, program: str) -> None:
    """It creates, lists, changes, counts, imports, and reads errors, each value as the API has it."""
    owner, alias, visited = (f"{what}{PROGRAMS.index(program)}" for what in ("owner", "spring-", "visited-"))
    key = make_key(running.aws_port, owner, "create,read,manage")
    make_visited(running, key, visited)
    environ = {"API": f"{running.base_url}/v1", "KEY": key, "ALIAS": alias, "VISITED": visited}
    if program in TYPESCRIPT:
        bundle = f"generated/{program}.mjs"
        run(NODE / "esbuild", f"{program}.ts", "--bundle", "--platform=node", "--format=esm", f"--outfile={bundle}")
        command: tuple[str | Path, ...] = ("node", bundle)
    else:
        command = (PYTHON / "python", f"{program}.py")

    seen = json.loads(run(*command, **environ, PYTHONPATH="generated"))

    created = seen["created"]
    assert created.pop("expiresAt").startswith("2099-12-31T23:59:00")
    assert created == {"code": alias, "tags": ["sale", "spring"], "rules": ["https://example.com/app"]}
    assert seen["listed"] == [alias, visited]
    assert seen["patched"] == {"title": "Spring sale", "expiresAt": None, "tags": ["sale", "spring"]}
    assert seen["statistics"] == {"humans": 2, "days": 30, "all": 2, "links": [visited]}
    assert seen["imported"] == {"state": "done", "created": 2, "refused": 0}
    assert seen["problems"] == ["link-unknown", "link-invalid", [["url", "scheme-not-allowed"]]]
    link = json.loads(ask(running.base_url, "GET", f"/v1/links/{alias}", key=key)[2])
    assert (link["title"], link["owner"], link["rules"][0]["if"]) == ("Spring sale", owner, WHEN)
