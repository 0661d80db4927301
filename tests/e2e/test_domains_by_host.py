"""Several domains over real HTTP: `make run` with domains in deploy.json, and the functions of its stack.

On AWS, API Gateway tells the functions which host was asked for. The local AWS does not: here a stand-in for API
Gateway fills in `domainName` and invokes the deployed functions itself.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from dev.deploy import smoke
from dev.local.ports import own_port
from tests.e2e.conftest import Running
from tests.paths import ROOT

DOMAINS: list[dict[str, Any]] = [
    {"name": "team.localhost", "space": "team"},
    {"name": "www.team.localhost", "space": "team"},
    {"name": "shop.localhost", "space": "shop"},
    {"name": "old.localhost", "retired": True},
]
NOT_COPIED = (".git", ".venv", "dist", "node_modules", "__pycache__", ".*_cache", ".local", ".hypothesis")
HOSTS = ("127.0.0.1", "team.localhost", "www.team.localhost", "shop.localhost", "old.localhost")
PAGE = {"Accept": "text/html", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}


class Answer(NamedTuple):
    """The response to a GET."""

    status: int
    location: str | None
    body: str


Get = Callable[[str, str], Answer]
"""Gets a path of a host."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`make run` in a copy of the project whose deploy.json has domains for this machine."""
    project = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(*NOT_COPIED))
    deployed = project / ".chalice" / "deploy.json"
    deployed.write_text(json.dumps({**json.loads(deployed.read_text()), "local": {"domains": DOMAINS}}))
    service = Running(own_port(), own_port(), tmp_path_factory.mktemp("state"), project=project)
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def key(running: Running) -> str:
    """The key of an administrator, and what the tests follow: the same code at three domains."""
    made = command_of(running, "make key NAME=ops SCOPES=create,read,manage,admin").strip()
    make_links(running.base_url, made)
    return made


def make_links(address: str, key: str) -> None:
    """Make the same code at three domains, and say what two of them are set to."""
    for domain in (None, "team.localhost", "shop.localhost"):
        body: dict[str, Any] = {"url": f"https://example.com/{domain}", "alias": "sale", "domain": domain}
        assert smoke.with_key(address, key, "POST", "/v1/links", body)[0] == 201
    for host, unknown, links in (
        ("team.localhost", "https://example.com/lost", [{"of": "team"}]),
        ("shop.localhost", None, [{"of": "shop"}]),
    ):
        body = {"unknownUrl": unknown, "assetlinks": links, "workspaces": ["ops"]}
        assert smoke.with_key(address, key, "PATCH", f"/v1/domains/{host}", body)[0] == 200


def command_of(running: Running, command: str) -> str:
    """Return what a command of `make` prints."""
    name, *words = shlex.split(command)[1:]
    given = dict(word.split("=", 1) for word in words)
    modules = {
        "key": ["dev.admin.keys", "make", *(given.get(each, "") for each in ("STAGE", "NAME", "SCOPES", "WORKSPACE"))],
        "domain": ["dev.admin.domains", "", given.pop("HOST", ""), *(f"{each}={text}" for each, text in given.items())],
    }
    return running.output_of(*modules[name], *(["", "", ""] if name == "key" else []))


def over_http(running: Running) -> Get:
    """Ask `make run`. Not every resolver knows *.localhost, which browsers and curl do."""

    def get(host: str, path: str) -> Answer:
        with closing(HTTPConnection("127.0.0.1", running.port, timeout=30)) as connection:
            connection.request("GET", path, headers={**PAGE, "Host": f"{host}:{running.port}"})
            response = connection.getresponse()
            return Answer(response.status, response.getheader("Location"), response.read().decode())

    return get


def by_stand_in(running: Running) -> Get:
    """Stand in for API Gateway: fill in `domainName`, and invoke the deployed function of the path."""
    functions = boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{running.aws_port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # the local AWS takes any
    )

    def get(host: str, path: str) -> Answer:
        is_code = re.fullmatch(r"/[\w-]+", path) is not None
        event = smoke.event_of("GET", "/{code}" if is_code else path, path[1:] if is_code else None, None, None)
        event["requestContext"]["domainName"] = host
        event["headers"] |= PAGE
        event["multiValueHeaders"] = {name: [value] for name, value in event["headers"].items()}
        function = f"shortener-local-{'redirect' if is_code else 'api'}"
        sent = functions.invoke(FunctionName=function, Qualifier="live", Payload=json.dumps(event).encode())
        response = json.loads(sent["Payload"].read())
        return Answer(response["statusCode"], response["headers"].get("Location"), response["body"])

    return get


@pytest.mark.parametrize("how", [over_http, by_stand_in], ids=["make run", "deployed functions, host by a stand-in"])
@pytest.mark.usefixtures("key")
def test_hosts_lead_to_their_own_links(running: Running, how: Callable[[Running], Get]) -> None:
    """Two spaces with the same code, a third host that shares one of them, a fourth that is retired."""
    assert what_hosts_answer(how(running)) == expected(running.base_url)


def what_hosts_answer(get: Get) -> dict[str, dict[str, Any]]:
    """Return what each host answers to a code that several have, to one that none has, and to a file for apps."""
    apps = {host: get(host, "/.well-known/assetlinks.json") for host in HOSTS}
    return {
        "links": {host: get(host, "/sale")[:2] for host in HOSTS},
        "unknown": {host: get(host, "/nothing")[:2] for host in HOSTS},
        "apps": {host: found.body if found.status == 200 else found.status for host, found in apps.items()},
    }


def expected(base_url: str) -> dict[str, dict[str, Any]]:
    """Return what they should answer, where the default's unknown codes lead to ``base_url``."""
    return {
        "links": {
            "127.0.0.1": (302, "https://example.com/None"),
            "team.localhost": (302, "https://example.com/team.localhost"),
            "www.team.localhost": (302, "https://example.com/team.localhost"),
            "shop.localhost": (302, "https://example.com/shop.localhost"),
            "old.localhost": (404, None),
        },
        "unknown": {
            "127.0.0.1": (302, base_url),
            "team.localhost": (302, "https://example.com/lost"),
            "www.team.localhost": (302, "https://example.com/lost"),
            "shop.localhost": (404, None),
            "old.localhost": (404, None),
        },
        "apps": {
            "127.0.0.1": 404,
            "team.localhost": '[{"of":"team"}]',
            "www.team.localhost": '[{"of":"team"}]',
            "shop.localhost": '[{"of":"shop"}]',
            "old.localhost": 404,
        },
    }


def test_a_domain_of_this_machine_works(running: Running, key: str) -> None:
    """Its state says so."""
    _, state = smoke.with_key(running.base_url, key, "GET", "/v1/domains/team.localhost/state")

    assert (state["dns"], state["certificate"], state["answers"]) == ("ok", "none", True)


def test_commands_of_the_page_work(running: Running, key: str, tmp_path: Path) -> None:
    """Every one of docs/domains.md that can be tried on this machine, in their order; none fails."""
    if shutil.which("curl") is None:
        pytest.skip("NOT TESTED: the commands of docs/domains.md. There is no curl here.")
    page = (ROOT / "docs" / "domains.md").read_text("utf-8").replace("\\\n", " ")
    commands = [line for block in re.findall(r"```sh\n([^`]*)```", page) for line in block.splitlines()]
    (tmp_path / ".curlrc").write_text("fail\nsilent\nshow-error\n")
    environ = {**os.environ, "KEY": key, "CURL_HOME": str(tmp_path)}

    assert sum(command.startswith("curl") for command in commands) >= 7
    for command in commands:
        assert command.startswith(("curl ", "make ")), command
        if command.startswith("curl "):
            here = command.replace(":8000", f":{running.port}")
            subprocess.run(here, shell=True, env=environ, check=True, capture_output=True)  # noqa: S602  # the page's words
        elif command != "make run":
            assert command_of(running, command)
    get = over_http(running)
    assert [get(host, "/spring").location for host in ("127.0.0.1", "team.localhost")] == [
        *("https://example.com/all", "https://example.com/team")
    ]
