"""The page in a real browser: the system's Chromium with Playwright, and axe-core for accessibility."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from dev.deploy.smoke import with_key
from tests.e2e import conftest
from tests.loopback import serving
from tests.paths import ROOT

IS_THERE = importlib.util.find_spec("playwright") is not None
if TYPE_CHECKING:
    from tests.e2e.conftest import Running
if TYPE_CHECKING or IS_THERE:
    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_AXE = "axe-core-4.14.1"
_AXE_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
_NPM_SECONDS = 120
RULES_OF_COLOURS = ("color-contrast", "link-in-text-block")
"""The axe rules whose result depends on the colour scheme."""
EXPECT_SECONDS = 15  # two cores that other tests use too
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
"""The user agent of a person's browser: that of headless Chromium is counted as a program."""
SIZES: dict[str, ViewportSize] = {
    "phone": {"width": 390, "height": 844},
    "desktop": {"width": 1280, "height": 900},
}
NARROWEST: ViewportSize = {"width": 320, "height": 640}
"""That of WCAG's reflow, and of 400 % zoom on a desktop."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium; without it or Playwright, the tests are skipped with a reason."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if not IS_THERE:
        pytest.skip("NOT TESTED: the page in a browser. Playwright is not installed.")
    if program is None:
        pytest.skip(f"NOT TESTED: the page in a browser. There is none of {', '.join(_PROGRAMS)}.")
    with far_away() as proxy, sync_playwright() as playwright:
        # Without its sandbox, which root may not have: it gets to see nothing but pages of this machine.
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"], proxy={"server": proxy, "bypass": "127.0.0.1"}
        )
        yield browser
        browser.close()


class _FarAway(BaseHTTPRequestHandler):
    """Answers HTTP requests to all other hosts. It refuses HTTPS, as it has no CONNECT method."""

    def do_GET(self) -> None:
        """Answer with a page."""
        page = b"<!doctype html><title>Far away</title><h1>Far away</h1>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has there
        """Log nothing."""


@contextmanager
def far_away() -> Iterator[str]:
    """Run a proxy that answers for all other hosts, so that no request leaves this machine; yield its address."""
    with serving(_FarAway) as server:
        yield server.address


@dataclass
class Visitor:
    """A browser profile that reaches the service only; its requests are recorded."""

    context: BrowserContext
    base_url: str
    page: Page
    asked: list[str] = field(default_factory=list)
    """Method and address of every request, in order."""
    faults: list[str] = field(default_factory=list)
    """Errors of scripts, and violations of the page's CSP."""

    def open(self, path: str = "/") -> Page:
        """Load a page of the service, also if only the fragment differs."""
        if self.page.url.partition("#")[0] == (self.base_url + path).partition("#")[0]:
            self.page.goto("about:blank")
        self.page.goto(self.base_url + path)
        return self.page

    def elsewhere(self) -> list[str]:
        """Return the requests to other hosts than the service."""
        return [
            each for each in self.asked if urlsplit(each.partition(" ")[2]).netloc != urlsplit(self.base_url).netloc
        ]


@contextmanager
def visitor(browser: Browser, base_url: str, **options: Any) -> Iterator[Visitor]:
    """Yield a new profile; afterwards, assert that no script failed and the CSP was not violated."""
    context = browser.new_context(**{"user_agent": PERSON, "viewport": SIZES["desktop"], "locale": "en-GB", **options})
    context.set_default_timeout(EXPECT_SECONDS * 1000)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=base_url)
    someone = Visitor(context, base_url, context.new_page())
    context.on("request", lambda request: someone.asked.append(f"{request.method} {request.url}"))
    someone.page.on("pageerror", lambda error: someone.faults.append(str(error)))
    someone.page.on("console", lambda message: note_refusal(someone, message.text))
    yield someone
    context.close()
    assert someone.faults == [], someone.faults


def note_refusal(someone: Visitor, message: str) -> None:
    """Record the console's errors, except failed responses."""
    if "Content Security Policy" in message:
        someone.faults.append(message)


def axe_script() -> str:
    """Return axe-core, installed by npm once; without npm, the tests are skipped with a reason."""
    folder = ROOT / ".local" / "axe"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / f"{_AXE}.min.js"
    if not script.exists():
        archive = _packed(folder)
        if hashlib.sha256(archive.read_bytes()).hexdigest() != _AXE_SHA256:
            raise AssertionError(f"{archive} is not the {_AXE} that was looked at.")
        with tarfile.open(archive) as files:
            found = files.extractfile("package/axe.min.js")
            assert found is not None
            ours = folder / f"{os.getpid()}.js"
            ours.write_bytes(found.read())
            ours.rename(script)  # at once: another process may be reading
    return script.read_text("utf-8")


def _packed(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("NOT TESTED: accessibility. There is no npm, which brings axe-core.")
    place = folder / str(os.getpid())
    place.mkdir(exist_ok=True)
    command = [npm, "pack", _AXE.replace("core-", "core@"), "--silent"]
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=_NPM_SECONDS)
    if ran.returncode:
        pytest.skip(f"NOT TESTED: accessibility. npm could not bring axe-core: {ran.stderr.strip()[-200:]}")
    return place / f"{_AXE}.tgz"


def barriers(page: Page, *rules: str) -> list[str]:
    """Return axe's findings on the present page, by ``rules`` or by all its rules.

    The page's context must bypass its policy, or axe is refused.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(content=axe_script())
    found = page.evaluate("async rules => (await axe.run(rules.length ? { runOnly: rules } : {})).violations", rules)
    return [f"{each['id']}: {each['help']}: {node['html']}" for each in found for node in each["nodes"]]


def make_link(base_url: str, url: str = "http://example.com/target", **options: Any) -> dict[str, Any]:
    """Create a link without a key, as the page does."""
    status, link = with_key(base_url, None, "POST", "/links", {"url": url, **options})
    assert status == 201, link
    made: dict[str, Any] = link
    return made


def keep(someone: Visitor, *links: dict[str, Any]) -> None:
    """Store the links' manage keys in a browser, as if they had been created in it."""
    someone.open("/robots.txt")
    pairs = json.dumps([[link["code"], link["manageKey"]] for link in links])
    someone.page.evaluate("pairs => localStorage.setItem('links', pairs)", pairs)


def keep_key(someone: Visitor, key: str) -> None:
    """Store an API key in a browser, as if it had been entered there."""
    someone.open("/robots.txt")
    someone.page.evaluate("key => localStorage.setItem('key', key)", key)


def make_key(running: Running, scopes: str = "create,read,manage", workspace: str = "browser") -> str:
    """Create an API key, as the operator does: by a call, which takes a hundredth of the time of the command."""
    operator = _operator_at(running.aws_port)
    options = {"name": "browser", "owner": workspace, "scopes": scopes.split(",")}
    status, made = with_key(running.base_url, operator, "POST", "/v1/keys", options)
    assert status == 201, made
    return str(made["key"])


@functools.cache
def _operator_at(aws_port: int) -> str:
    return conftest.make_key(aws_port, "operator", "admin")
