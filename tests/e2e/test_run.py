"""`make run`: it starts, serves, keeps its links, and reports each problem in one sentence."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import ada_url
import pytest

from dev.admin.checks import listed
from dev.admin.checks.check import Verdict
from dev.deploy import smoke
from dev.http_client import ask
from dev.local import demo
from dev.local.ports import own_port
from tests.e2e.conftest import Running
from tests.paths import ROOT, SHARED
from tests.sizes import IS_LONG, grows, usual_or_long


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda how: how.name)
def test_links_survive_a_stop(running: Running, how: signal.Signals) -> None:
    """Ctrl-C, a supervisor's SIGTERM or a closed terminal: the next start has every link."""
    made = demo.shorten(running.base_url, f"https://example.com/{how.name}")
    running.stop(how)

    running.start()

    assert demo.redirects_exactly(made)


def test_greeting_names_what_survives_a_kill(running: Running) -> None:
    """The greeting says what a kill loses."""
    assert (
        "Where a process of it is killed, what was acknowledged two seconds before is kept" in running.log.read_text()
    )


def test_commands_find_the_running_service(running: Running) -> None:
    """By the folder of its state: `make key` creates a key that the service accepts, and lists it."""
    env = {name: value for name, value in os.environ.items() if name not in {"PORT", "AWS_PORT"}}

    ran = subprocess.run(
        [sys.executable, "-m", "dev.admin.keys", "make", "", "laptop", "", "", ""],
        cwd=ROOT,
        env=env | {"STATE_DIR": str(running.state_dir), "AWS_PROFILE": "somewhere-else", "AWS_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert ask(running.base_url, "GET", "/links", key=ran.stdout.strip())[0] == 200


@grows
def test_verify_runs_here_and_leaves_nothing(running: Running, tmp_path: Path) -> None:
    """Nothing is otherwise, every check has a verdict, and its key is gone; all checks in the long run."""
    report = tmp_path / "report.md"
    few = (
        "aliases,gateway-encoding,gateway-forged,gateway-unknown-route,mapping,counted,sequence-numbers,cloudfront-body"
    )

    said = running.output_of("dev.admin.verify", "", str(report), "", "", "" if IS_LONG else few)

    checks = [check for check in listed.CHECKS if IS_LONG or check.name in few.split(",")]
    rows = report.read_text().partition("| check | verdict | seen |\n|---|---|---|\n")[2]
    verdicts = dict(re.findall(r"^\| ([a-z0-9-]+) \| ([a-zA-Z ]+) \| .+ \|$", rows, re.MULTILINE))
    assert list(verdicts) == [check.name for check in checks]
    assert set(verdicts.values()) <= {Verdict.AS_EXPECTED, Verdict.ONLY_AWS, Verdict.NOT_HERE}, said
    assert verdicts["aliases"] == Verdict.AS_EXPECTED
    assert verdicts["counted"] == Verdict.ONLY_AWS
    assert "make-verify" not in running.output_of("dev.admin.keys", "list", "")


@grows
def test_real_urls_become_links_that_last(running: Running) -> None:
    """Each line is a link or a 422 with its reason; every link redirects to its target, after a restart too."""
    file = SHARED / "vectors" / "real-urls.txt"
    if not file.exists():
        pytest.skip(f"NOT TESTED: real URLs. {file} is not there.")
    lines = demo.read_urls(file)
    assert len(lines) == 1200
    lines = lines[:: usual_or_long(8, 1)]

    outcomes = demo.in_parallel("shortened", lambda line: demo.shorten(running.base_url, line), lines)

    made = [outcome for outcome in outcomes if outcome.status == 201]
    refused = [outcome for outcome in outcomes if outcome.status == 422]
    assert len(made) + len(refused) == len(lines)
    assert len(made) > 0.8 * len(lines)
    assert all(outcome.reason.startswith("url: ") for outcome in refused)
    assert all(outcome.url == ada_url.URL(outcome.line).href for outcome in made)
    assert all(demo.in_parallel("followed", demo.redirects_exactly, made))
    running.stop()
    running.start()
    assert all(demo.in_parallel("followed again", demo.redirects_exactly, made))


def test_demo_reports_each_line(running: Running) -> None:
    """`make demo` ends with a table, and with success if every link redirects to its target."""
    env = {**os.environ, "PORT": str(running.port)}

    ran = subprocess.run(
        [sys.executable, "-m", "dev.local.demo"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr + running.log.read_text("utf-8")[-3000:]
    assert "201 a link" in ran.stdout
    assert "422 url: scheme-not-allowed" in ran.stdout
    assert "redirect to exactly their URL" in ran.stdout


def test_page_and_api_share_a_port(running: Running) -> None:
    """An unknown route is a 404 problem, as when deployed."""
    page = ask(running.base_url, "GET", "/")
    nowhere = ask(running.base_url, "GET", "/no/such/place")

    assert (page[0], b"<form" in page[2]) == (200, True)
    assert (nowhere[0], json.loads(nowhere[2])["code"]) == (404, "page-unknown")


def commands_of(text: str) -> list[tuple[str, str]]:
    """Return the shell blocks of a page that are followed by an answer, each with it."""
    return re.findall(r"```sh\n([^`]*)```\n\n```\w+\n([^`]*)```", text)


def output_of(command: str, running: Running, **variables: str) -> str:
    """Return what a shell prints that runs a command of a page, against the service of this test."""
    return subprocess.run(  # noqa: S602  # the page's words, as a shell reads them
        command.replace("http://127.0.0.1:8000", running.base_url),
        shell=True,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | variables,
    ).stdout


def test_curl_commands_of_the_readme_work(running: Running) -> None:
    """Each `curl` gets the response below it, in which `...` stands for the rest."""
    first_screen = (ROOT / "README.md").read_text("utf-8").partition("## What it does")[0]
    shown = [(command, answer) for command, answer in commands_of(first_screen) if command.startswith("curl ")]
    if shutil.which("curl") is None:
        pytest.skip("NOT TESTED: the commands of the README. There is no curl here.")

    assert len(shown) == 2
    for command, answer in shown:
        printed = output_of(command, running)
        expected = answer.replace("127.0.0.1:8000", f"127.0.0.1:{running.port}").split("...")[0].splitlines()
        assert [line for line in expected if line not in printed] == []


def test_commands_of_the_page_about_keys_work(running: Running) -> None:
    """Each command gets the answer below it, in which `...` stands for anything; later ones use the keys it showed."""
    if shutil.which("curl") is None:
        pytest.skip("NOT TESTED: the commands of docs/keys.md. There is no curl here.")
    page = (ROOT / "docs" / "keys.md").read_text("utf-8")
    keys: dict[str, str] = {}

    assert len(commands_of(page)) == page.count("```sh\n") > 20
    for command, answer in commands_of(page):
        printed = make_key_as(command, running) if command.startswith("make ") else output_of(command, running, **keys)
        for key in re.findall(r"[sm]k_\w+", printed):
            name = re.search(r'NAME=(\w+)|"name": "(\w+)"', command)
            keys[(name[1] or name[2]).upper() if name else "MANAGE_KEY"] = key
        pieces = [re.escape(" ".join(piece.split())) for piece in answer.split("...")]
        assert re.search(".*".join(pieces), " ".join(printed.split())), f"{command}\n{printed}"


def make_key_as(command: str, running: Running) -> str:
    """Return what `make key` prints, with the variables of ``command``."""
    given = dict(word.split("=", 1) for word in command.split()[2:])
    names = ("STAGE", "NAME", "SCOPES", "WORKSPACE", "EXPIRES", "ROLE", "PERSON")
    arguments = [given.get(name, "") for name in names]
    assert command.split()[:2] == ["make", "key"]
    assert given.keys() <= set(names)
    return running.output_of("dev.admin.keys", "make", *arguments)


def test_click_is_counted_by_the_deployed_function(running: Running) -> None:
    """The server queues the click, the local stack counts it, and the server shows it."""
    _, link = smoke.with_key(running.base_url, None, "POST", "/links", {"url": "https://example.com/counted"})
    for _ in range(3):
        assert ask(running.base_url, "GET", f"/{link['code']}")[1] == "https://example.com/counted"

    give_up = time.monotonic() + demo.COUNT_SECONDS
    while (visits := visits_of(running, link)) < 3 and time.monotonic() < give_up:
        time.sleep(0.2)

    assert visits == 3


def visits_of(running: Running, link: dict[str, str]) -> int:
    """Return the number of visits that the server shows the link's owner."""
    _, shown = smoke.with_key(running.base_url, link["manageKey"], "GET", f"/links/{link['code']}")
    total: int = shown["visits"]["total"]
    return total


def test_servers_listen_on_loopback_only(running: Running) -> None:
    """No started program has a socket that can be reached from a network."""
    if sys.platform != "linux":
        pytest.skip("NOT TESTED: listening sockets. They are read from /proc, which only Linux has.")
    assert running.process is not None
    inodes = {inode for process in family_of(running.process.pid) for inode in sockets_of(process)}

    listening = [(address, port) for address, port, inode in listening_sockets() if inode in inodes]

    assert {running.port, running.aws_port} <= {port for _, port in listening}
    assert {address for address, _ in listening} == {"127.0.0.1"}


def family_of(ancestor: int) -> set[int]:
    """Return the ids of a process and its descendants."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    family = {ancestor}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def sockets_of(process: int) -> set[str]:
    """Return the inodes of a process's open sockets."""
    found = set()
    for descriptor in Path(f"/proc/{process}/fd").glob("*"):
        with suppress(FileNotFoundError):  # closed between the two looks
            found |= set(re.findall(r"socket:\[(\d+)\]", str(descriptor.readlink())))
    return found


def listening_sockets() -> list[tuple[str, int, str]]:
    """Return address, port and inode of every listening TCP socket of this machine."""
    found = []
    for file, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{file}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A":  # TCP_LISTEN
                address, _, port = local.partition(":")
                words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                found.append((socket.inet_ntop(family, b"".join(words)), int(port, 16), inode))
    return found


def test_second_run_on_a_state_is_refused(running: Running) -> None:
    """A second `make run` on the same state would lose links: it is refused, with the id of the first."""
    ports = {"PORT": str(own_port()), "AWS_PORT": str(own_port()), "STATE_DIR": str(running.state_dir)}

    ran = start_and_wait(ports)

    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert f"belongs to the local AWS on port {running.aws_port}" in ran.stderr


def start_and_wait(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `make run`, which is expected to fail."""
    return subprocess.run(
        [sys.executable, "-m", "dev.local.run"],
        cwd=ROOT,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", ["PORT", "AWS_PORT"])
def test_taken_port_is_one_sentence(tmp_path: Path, name: str) -> None:
    """The message names the port and what to do, without a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"PORT": str(own_port()), "AWS_PORT": str(own_port()), name: str(taken.getsockname()[1])}

        ran = start_and_wait({**ports, "STATE_DIR": str(tmp_path)})

    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert f"is taken; choose another: make run {name}=" in ran.stderr


def test_one_port_for_two_servers_is_one_sentence(tmp_path: Path) -> None:
    """The message names the port that both are to use."""
    port = str(own_port())

    ran = start_and_wait({"PORT": port, "AWS_PORT": port, "STATE_DIR": str(tmp_path)})

    assert ran.returncode == 1
    assert ran.stderr.startswith(f"PORT and AWS_PORT are both {port}; choose another: make run PORT=")
    assert ran.stderr.count("\n") == 1


def test_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    """An invalid setting of the developer's shell is reported without a traceback."""
    ports = {"PORT": str(own_port()), "AWS_PORT": str(own_port()), "STATE_DIR": str(tmp_path)}

    ran = start_and_wait({**ports, "UNKNOWN_CODE": "410"})

    assert ran.returncode == 1
    assert "UNKNOWN_CODE is '410'. It must be one of: home, 404." in ran.stderr
    assert "Traceback" not in ran.stderr


def test_proxy_and_ignored_interrupt_are_handled(tmp_path: Path) -> None:
    """With a proxy set and SIGINT ignored by the shell's `&`: no request leaves this machine, and SIGINT stops it."""
    ports = {"PORT": str(own_port()), "AWS_PORT": str(own_port()), "STATE_DIR": str(tmp_path)}
    proxies = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}
    service = subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" INT; exec "$0" -m dev.local.run', sys.executable],
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


def test_old_python_is_one_sentence() -> None:
    """The installer names the required Python, and how to choose one."""
    program = "import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_path('dev/install.py', run_name='__main__')"

    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert "needs Python 3.11 or later" in ran.stderr
    assert "Traceback" not in ran.stderr
