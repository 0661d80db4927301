"""The page in a real browser: the system's Chromium, by Playwright, and axe-core, which finds what shuts people out."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from dev.smoke import with_key
from tests.paths import ROOT

IS_THERE = importlib.util.find_spec("playwright") is not None
if TYPE_CHECKING or IS_THERE:
    from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_AXE = "axe-core-4.14.1"
_AXE_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
_NPM_SECONDS = 120
_EXPECT_SECONDS = 15  # two cores that other tests use too
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
"""A browser with a person before it: headless Chromium says that it is headless, and is counted as a program."""
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium; without it, or without Playwright, nothing is tested and that is said."""
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
    """Every other host there is, by HTTP. A tunnel, which HTTPS wants, is none of its methods, and so is refused."""

    def do_GET(self) -> None:
        """Answer with the same page."""
        page = b"<!doctype html><title>Far away</title><h1>Far away</h1>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has there
        """Say nothing."""


@contextmanager
def far_away() -> Iterator[str]:
    """Run a proxy that is the rest of the world, so that no request leaves this machine; yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _FarAway) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@dataclass
class Visitor:
    """A browser's profile of its own, which reaches the service and nothing else; what it asked for is written down."""

    context: BrowserContext
    base_url: str
    page: Page
    asked: list[str] = field(default_factory=list)
    """Method and address of every request, in order."""
    faults: list[str] = field(default_factory=list)
    """What scripts threw, and what the policy of the page refused."""

    def open(self, path: str = "/") -> Page:
        """Go to a page of the service; one that differs in its fragment alone is loaded anew too."""
        if self.page.url.partition("#")[0] == (self.base_url + path).partition("#")[0]:
            self.page.goto("about:blank")
        self.page.goto(self.base_url + path)
        return self.page

    def elsewhere(self) -> list[str]:
        """Return the requests that were for another host than the service."""
        return [
            each for each in self.asked if urlsplit(each.partition(" ")[2]).netloc != urlsplit(self.base_url).netloc
        ]


@contextmanager
def visitor(browser: Browser, base_url: str, **options: Any) -> Iterator[Visitor]:
    """Give a new profile; afterwards, no script may have failed, and nothing may have been refused by the policy."""
    context = browser.new_context(**{"user_agent": PERSON, "viewport": SIZES["desktop"], "locale": "en-GB", **options})
    context.set_default_timeout(_EXPECT_SECONDS * 1000)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=base_url)
    someone = Visitor(context, base_url, context.new_page())
    context.on("request", lambda request: someone.asked.append(f"{request.method} {request.url}"))
    someone.page.on("pageerror", lambda error: someone.faults.append(str(error)))
    someone.page.on("console", lambda message: note_refusal(someone, message.text))
    yield someone
    context.close()
    assert someone.faults == [], someone.faults


def note_refusal(someone: Visitor, message: str) -> None:
    """Write down what the browser says of the page's policy; statuses of answers are not faults of the page."""
    if "Content Security Policy" in message:
        someone.faults.append(message)


def axe_script() -> str:
    """Return axe-core, which npm brings once; without npm nothing is tested and that is said."""
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


def barriers(page: Page) -> list[str]:
    """Return what axe finds wrong with the page as it is now; its context must bypass the policy, or axe is refused."""
    if not page.evaluate("() => 'axe' in window"):
        page.add_script_tag(content=axe_script())
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {each['help']}: {node['html']}" for each in found for node in each["nodes"]]


def make_link(base_url: str, url: str = "http://example.com/target", **options: Any) -> dict[str, Any]:
    """Make a link without a key, as the page does, but faster."""
    status, link = with_key(base_url, None, "POST", "/links", {"url": url, **options})
    assert status == 201, link
    made: dict[str, Any] = link
    return made


def keep(someone: Visitor, *links: dict[str, Any]) -> None:
    """Let a browser know the links as if they had been made in it."""
    someone.open("/robots.txt")
    pairs = json.dumps([[link["code"], link["manageKey"]] for link in links])
    someone.page.evaluate("pairs => localStorage.setItem('links', pairs)", pairs)


def keep_key(someone: Visitor, key: str) -> None:
    """Let a browser know an API key as if it had been given there."""
    someone.open("/robots.txt")
    someone.page.evaluate("key => localStorage.setItem('key', key)", key)


def make_key(aws_port: int, scopes: str = "create,read,manage") -> str:
    """Make an API key, as an operator does."""
    ran = subprocess.run(
        [sys.executable, "-m", "dev.keys", "make", "local", "browser", scopes, "", ""],
        cwd=ROOT,
        env=os.environ | {"AWS_PORT": str(aws_port)},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()
