"""`make run`: starts, serves, keeps its links, and says in one sentence what is in its way."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import ada_url
import pytest

from dev import demo, smoke
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


def test_a_click_is_counted_by_the_deployed_function(running: Running) -> None:
    """The server queues, the stack beside it counts, and the server shows it: one queue, one set of tables."""
    _, link = smoke.with_key(running.base_url, None, "POST", "/links", {"url": "https://example.com/counted"})
    for _ in range(3):
        assert ask(running.base_url, "GET", f"/{link['code']}")[1] == "https://example.com/counted"

    give_up = time.monotonic() + 15
    while (visits := visits_of(running, link)) < 3 and time.monotonic() < give_up:
        time.sleep(0.2)

    assert visits == 3


def visits_of(running: Running, link: dict[str, str]) -> int:
    """Return how many visits a link has, as the server tells who made it."""
    _, shown = smoke.with_key(running.base_url, link["manageKey"], "GET", f"/links/{link['code']}")
    total: int = shown["visits"]["total"]
    return total


def test_it_listens_on_this_machine_only(running: Running) -> None:
    """No socket of any program that was started can be reached from a network."""
    if sys.platform != "linux":
        pytest.skip("NOT TESTED: listening sockets. They are read from /proc, which only Linux has.")
    assert running.process is not None
    inodes = {inode for process in family_of(running.process.pid) for inode in sockets_of(process)}

    listening = [(address, port) for address, port, inode in listening_sockets() if inode in inodes]

    assert {running.port, running.aws_port} <= {port for _, port in listening}
    assert {address for address, _ in listening} == {"127.0.0.1"}


def family_of(ancestor: int) -> set[int]:
    """Return the numbers of a process and of all that came from it."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    family = {ancestor}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def sockets_of(process: int) -> set[str]:
    """Return the inodes of the sockets that a process has open."""
    found = set()
    for descriptor in Path(f"/proc/{process}/fd").glob("*"):
        with suppress(FileNotFoundError):  # closed between the two looks
            found |= set(re.findall(r"socket:\[(\d+)\]", str(descriptor.readlink())))
    return found


def listening_sockets() -> list[tuple[str, int, str]]:
    """Return address, port and inode of every TCP socket of this machine that listens."""
    found = []
    for file, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{file}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A":  # TCP_LISTEN
                address, _, port = local.partition(":")
                words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                found.append((socket.inet_ntop(family, b"".join(words)), int(port, 16), inode))
    return found


def test_one_state_is_run_once(running: Running) -> None:
    """A second `make run` on the same state would lose the links of one of them: it is refused, and told who has it."""
    ports = {"PORT": str(free_port()), "AWS_PORT": str(free_port()), "STATE_DIR": str(running.state_dir)}

    ran = start_and_wait(ports)

    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert f"belongs to the local AWS on port {running.aws_port}" in ran.stderr


def start_and_wait(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `make run`'s own program, which is not expected to get far."""
    return subprocess.run(
        [sys.executable, "-m", "dev.run"],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["PORT", "AWS_PORT"])
def test_a_taken_port_is_one_sentence(tmp_path: Path, name: str) -> None:
    """It names the port and the way out, without a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"PORT": str(free_port()), "AWS_PORT": str(free_port()), name: str(taken.getsockname()[1])}

        ran = start_and_wait({**ports, "STATE_DIR": str(tmp_path)})

    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert f"is taken; choose another: make run {name}=" in ran.stderr


def test_one_port_for_two_servers_is_one_sentence(tmp_path: Path) -> None:
    """Each alone is free, so that only a comparison finds it."""
    port = str(free_port())

    ran = start_and_wait({"PORT": port, "AWS_PORT": port, "STATE_DIR": str(tmp_path)})

    assert ran.returncode == 1
    assert ran.stderr.startswith(f"PORT and AWS_PORT are both {port}; choose another: make run PORT=")
    assert ran.stderr.count("\n") == 1


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    """The app is imported with the settings of a developer's shell: what it refuses is said without a traceback."""
    ports = {"PORT": str(free_port()), "AWS_PORT": str(free_port()), "STATE_DIR": str(tmp_path)}

    ran = start_and_wait({**ports, "UNKNOWN_CODE": "410"})

    assert ran.returncode == 1
    assert "UNKNOWN_CODE is '410'. It must be one of: home, 404." in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_proxy_and_an_ignored_interrupt_do_not_matter(tmp_path: Path) -> None:
    """As in an office, started by a script's `&`: no word leaves this machine, and SIGINT stops it all the same."""
    ports = {"PORT": str(free_port()), "AWS_PORT": str(free_port()), "STATE_DIR": str(tmp_path)}
    proxies = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}
    service = subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" INT; exec "$0" -m dev.run', sys.executable],
        cwd=ROOT,
        env=os.environ | ports | proxies,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert service.stdout is not None
    try:
        greeted = any("curl " in line for line in service.stdout)
        service.send_signal(signal.SIGINT)
        rest, _ = service.communicate(timeout=60)
    finally:
        service.kill()

    assert greeted
    assert rest.endswith("Stopped; the links are kept.\n")


def test_an_old_python_is_one_sentence() -> None:
    """The installer says which Python it needs, and how to name one."""
    program = "import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_path('dev/install.py', run_name='__main__')"

    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert "needs Python 3.11 or later" in ran.stderr
    assert "Traceback" not in ran.stderr
