"""Domains on this machine: the local server has those of the stage `local`, and looks at the host asked for."""

from __future__ import annotations

from typing import Any

import pytest
from chalice.config import Config

import app as service
from dev.deploy import package
from dev.local import run
from dev.local.chalice_local import Gateway

DOMAINS = [
    {"name": "team.localhost", "space": "team"},
    {"name": "go.localhost"},
    {"name": "x.localhost", "retired": True},
]


@pytest.mark.parametrize(
    ("headers", "host"),
    [
        ({"Host": "team.localhost:8000"}, "team.localhost"),
        ({"host": "Team.LOCALHOST"}, "team.localhost"),
        ({"Host": "[::1]:8000"}, "[::1]"),
        ({"Host": "sho.rt."}, "sho.rt"),
        ({}, ""),
    ],
)
def test_the_host_is_where_api_gateway_has_it(headers: dict[str, str], host: str) -> None:
    """Without a port, in lower case."""
    event: Any = Gateway(service.app, Config.create())._generate_lambda_event("GET", "/sale", headers, None)  # noqa: SLF001  # what the service sees

    assert event["requestContext"]["domainName"] == host


def test_the_server_has_the_settings_of_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the greeting says where further short URLs begin: not at a retired host."""
    monkeypatch.setattr(package, "deployment", lambda _: {"domains": DOMAINS})

    settings = run._settings_of_domains()  # noqa: SLF001  # what the server gets

    assert settings == {"DOMAINS": "team.localhost=team,x.localhost=:retired", "OWN_HOSTS": "go.localhost"}
    further = run._further_addresses(8001, settings)  # noqa: SLF001  # what the greeting says
    assert further == ["http://go.localhost:8001", "http://team.localhost:8001"]


def test_without_domains_nothing_is_set_or_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A DOMAINS of the shell stays as it is then."""
    monkeypatch.setattr(package, "deployment", lambda _: {})
    assert run._settings_of_domains() == {}  # noqa: SLF001  # what the server gets

    run._greet(8000, "", [])  # noqa: SLF001  # the text itself
    alone = capsys.readouterr().out
    run._greet(8000, "", ["http://team.localhost:8000"])  # noqa: SLF001  # the same

    assert "as well" not in alone.partition("Where a process")[0]
    assert "Short URLs may begin with http://team.localhost:8000 as well\n" in capsys.readouterr().out
