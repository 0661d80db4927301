"""`make domain`: what a domain is set to, by the domains that are deployed."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib import settings as settings_module
from chalicelib.aws.dynamodb import audit_log_store
from chalicelib.core.access.domain_settings import ASSETLINKS
from chalicelib.core.domains import Domains
from chalicelib.usecases import domain_settings, domains
from dev.admin import domains as command
from dev.deploy import stack, stages
from tests.paths import ROOT

DOMAINS = "team.example=team,crew.example=team,old.example=:retired"
_MADE = {
    "LinksTable": "url-shortener",
    "AccessTable": "url-shortener-access",
    "ClicksTable": "url-shortener-clicks",
}


@pytest.fixture(autouse=True)
def found(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001  # the tables must be there first
    """The stack is the one of the tests, and has a domain with two hosts."""
    for name in (*command._TABLES, "AWS_DEFAULT_REGION"):  # noqa: SLF001  # so that they are unset again afterwards
        monkeypatch.setenv(name, "eu-west-1")
    monkeypatch.setattr(stages, "find", lambda _: (stack.Cloud("eu-west-1"), _MADE))
    monkeypatch.setattr(command, "settings_of", lambda *_: {})
    known = dataclasses.replace(
        settings_module.settings, domains=Domains.from_text(DOMAINS, "https://sho.rt", ["go.rt"])
    )
    monkeypatch.setattr(settings_module, "settings", known)
    monkeypatch.setattr(domains, "settings", known)
    domain_settings.reset()


def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """Run the program as make does; return what it says, by the first word of each line."""
    monkeypatch.setattr(sys, "argv", ["domains", "", *arguments])
    command.main()
    lines = capsys.readouterr().out.splitlines()
    return dict(line.split(maxsplit=1) for line in lines if not line.startswith(" "))


def test_a_domain_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With its hosts, and nothing set at first."""
    shown = ran(monkeypatch, capsys, "team.example")

    assert (shown["url"], shown["hosts"]) == ("https://team.example", "team.example, crew.example")
    assert (shown["workspaces"], shown["unknownUrl"], shown["assetlinks"]) == ("none", "none", "none")
    assert shown["links"] == "0"


def test_a_domain_is_changed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What is given; of files their content; an empty value clears, and the rest stays. The log says by what."""
    robots, links = tmp_path / "robots.txt", tmp_path / "assetlinks.json"
    robots.write_text("User-agent: *\nDisallow: /\n")
    links.write_text('[{"relation": ["x"]}]')
    given = [
        "WORKSPACES=ann, bob",
        "UNKNOWN_URL=https://example.com/?a=1",
        f"ROBOTS={robots}",
        f"ASSETLINKS={links}",
    ]

    ran(monkeypatch, capsys, "team.example", *given)
    shown = ran(monkeypatch, capsys, "crew.example", "UNKNOWN_URL=")

    assert (shown["workspaces"], shown["unknownUrl"]) == ("ann, bob", "none")
    now = datetime.now(UTC)
    stored = domain_settings.find("team", now)
    assert (stored.workspaces, stored.robots) == (("ann", "bob"), robots.read_text())
    assert json.loads(domain_settings.find_file("team", ASSETLINKS, now) or "") == json.loads(links.read_text())
    cleared = ran(monkeypatch, capsys, "team.example", "WORKSPACES=", "ROBOTS=", "ASSETLINKS=")
    assert [cleared[name] for name in ("workspaces", "robots", "assetlinks")] == ["none"] * 3
    entries = [entry for _, entry in audit_log_store.page_of(None, 10, None)]
    assert {(each.action, each.who.name) for each in entries} == {("domain-changed", "make domain")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("",), "Which domain? make domain HOST=..., one of: sho.rt, go.rt, team.example, crew.example"),
        (("old.example",), "Which domain? make domain HOST=..."),
        (("team.example", "UNKNOWN_URL=ftp://example.com"), "unknownUrl: "),
        (("team.example", "WORKSPACES=a/b"), "workspaces: workspaces is a list of ids"),
        (("team.example", "ROBOTS=/nowhere/robots.txt"), "/nowhere/robots.txt cannot be read: "),
        (("team.example", f"APPLE={ROOT / 'Makefile'}"), "Makefile is no JSON: "),
    ],
)
def test_a_refusal_is_a_sentence(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str) -> None:
    """Nothing is changed then."""
    monkeypatch.setattr(sys, "argv", ["domains", "", *arguments])

    with pytest.raises(SystemExit) as refused:
        command.main()

    assert words in str(refused.value)
    assert domain_settings.find("team", datetime.now(UTC)).version == 0


def test_hosts_are_those_of_the_deployed_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the version in use, whatever deploy.json says meanwhile."""
    monkeypatch.undo()
    asked: list[Any] = []

    class Cloud:
        def client(self, _: str) -> Cloud:
            return self

        def get_function_configuration(self, **which: str) -> dict[str, Any]:
            asked.append(which)
            return {"Environment": {"Variables": {"BASE_URL": "https://sho.rt", "DOMAINS": DOMAINS, "SERVICE": "x"}}}

    cloud: Any = Cloud()
    assert command.settings_of(cloud, "prod") == {"BASE_URL": "https://sho.rt", "DOMAINS": DOMAINS}
    assert asked == [{"FunctionName": "shortener-prod-api", "Qualifier": "live"}]


def test_make_hands_on_what_is_given_and_nothing_of_the_environment() -> None:
    """Also an empty value; a variable of the shell by such a name changes nothing."""
    given = ("UNKNOWN_URL=", "WORKSPACES=*")
    said = subprocess.run(
        ["/usr/bin/env", "make", "-n", "-o", ".venv/.installed", "domain", "HOST=team.example", *given],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ROBOTS": "mine.txt"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said.rstrip().endswith('dev.admin.domains "" "team.example" "WORKSPACES=*" "UNKNOWN_URL="')
