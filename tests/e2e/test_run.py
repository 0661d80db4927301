"""`make run`: starts, serves, keeps its links, and says in one sentence what is in its way."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import ada_url
import pytest

from dev import demo
from dev.client import ask
from tests.e2e.conftest import Running, free_port
from tests.paths import ROOT, SHARED


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda how: how.name)
def test_links_survive_a_stop(running: Running, how: signal.Signals) -> None:
    """Ctrl-C, a supervisor's SIGTERM or a closed terminal: the next start has every link."""
    made = demo.shorten(running.base_url, f"https://example.com/{how.name}")
    running.stop(how)

    running.start()

    assert demo.leads_right(made)


def test_real_urls_become_links_that_last(running: Running) -> None:
    """Each of 1,200 lines is a link or a 422 with its reason; every link redirects exactly, after a restart too."""
    file = SHARED / "vectors" / "real-urls.txt"
    if not file.exists():
        pytest.skip(f"NOT TESTED: real URLs. {file} is not there.")
    lines = demo.urls_in(file)

    outcomes = demo.in_parallel("shortened", lambda line: demo.shorten(running.base_url, line), lines)

    made = [outcome for outcome in outcomes if outcome.status == 201]
    refused = [outcome for outcome in outcomes if outcome.status == 422]
    assert len(lines) == 1200
    assert len(made) + len(refused) == len(lines)
    assert len(made) > 1000
    assert all(outcome.reason.startswith("url: ") for outcome in refused)
    assert all(outcome.url == ada_url.URL(outcome.line).href for outcome in made)
    assert all(demo.in_parallel("followed", demo.leads_right, made))
    running.stop()
    running.start()
    assert all(demo.in_parallel("followed again", demo.leads_right, made))


def test_the_demo_tells_what_became_of_each_line(running: Running) -> None:
    """`make demo` ends with a table, and with success where every link leads where it should."""
    env = {**os.environ, "PORT": str(running.port)}

    ran = subprocess.run(
        [sys.executable, "-m", "dev.demo"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "201 a link" in ran.stdout
    assert "422 url: scheme-not-allowed" in ran.stdout
    assert "redirect to exactly their URL" in ran.stdout


def test_a_browser_page_and_an_api_on_one_port(running: Running) -> None:
    """What is unknown to the router is a 404 problem, as it will be when deployed."""
    page = ask(running.base_url, "GET", "/")
    nowhere = ask(running.base_url, "GET", "/no/such/place")

    assert (page[0], b"<form" in page[2]) == (200, True)
    assert (nowhere[0], json.loads(nowhere[2])["code"]) == (404, "page-unknown")


def test_it_listens_on_this_machine_only(running: Running) -> None:
    """Neither the service nor the local AWS can be reached from a network."""
    with (
        socket.create_connection(("127.0.0.1", running.port)),
        socket.create_connection(("127.0.0.1", running.aws_port)),
    ):
        pass

    for port in (running.port, running.aws_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=1)


@pytest.mark.parametrize("name", ["PORT", "AWS_PORT"])
def test_a_taken_port_is_one_sentence(tmp_path: Path, name: str) -> None:
    """It names the port and the way out, without a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"PORT": str(free_port()), "AWS_PORT": str(free_port()), name: str(taken.getsockname()[1])}

        ran = subprocess.run(
            [sys.executable, "-m", "dev.run"],
            cwd=ROOT,
            env={**os.environ, **ports, "STATE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert f"is taken; choose another: make run {name}=" in ran.stderr


def test_an_old_python_is_one_sentence() -> None:
    """The installer says which Python it needs, and how to name one."""
    program = "import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_path('dev/install.py', run_name='__main__')"

    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert "needs Python 3.11 or later" in ran.stderr
    assert "Traceback" not in ran.stderr
