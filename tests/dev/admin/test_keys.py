"""`make key`, `make keys` and `make revoke`, and the key that `make run` creates at the first start."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime

import pytest
from chalice.test import TestHTTPClient as Http

from chalicelib.core.access.api_key import NewKey
from dev.admin import keys
from dev.deploy import stack, stages
from dev.local import run
from tests.callers import Keyed
from tests.paths import ROOT

_MADE = {
    "BaseUrl": "https://sho.rt",
    "AccessTable": "url-shortener-access",
    "ClicksTable": "url-shortener-clicks",
}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack is the one of the tests."""
    for name in ("AccessTable", "ClicksTable"):  # so that they are unset again afterwards
        monkeypatch.setenv(name.replace("Table", "_TABLE").upper(), _MADE[name])
    monkeypatch.setattr(stages, "find", lambda _: (stack.Cloud("eu-west-1"), _MADE))


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """Run the program as make does."""
    monkeypatch.setattr(sys, "argv", ["keys", *arguments])
    keys.main()


@pytest.mark.usefixtures("found")
def test_a_name_is_enough(http: Http, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The key has the scopes that the page needs, and its owner is its name; the output says both."""
    ran(monkeypatch, "make", "", "laptop", *[""] * 5)

    said = capsys.readouterr()
    laptop = Keyed(http, said.out.strip())
    assert "of 'laptop' may create, read, manage (ROLE says otherwise)" in said.err
    code = laptop.make()["code"]
    assert laptop.get("/links").json_body["data"][0]["code"] == code


@pytest.mark.usefixtures("found")
def test_a_workspace_and_a_role_are_enough(
    http: Http, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key has the scopes of the role, and is for a person if one is named; the log says where it came from."""
    ran(monkeypatch, "make", "", "", "", "marketing", "90d", "admin", "anna@example.com")

    anna = Keyed(http, capsys.readouterr().out.strip())
    me = anna.get("/v1/me").json_body
    assert (me["name"], me["person"]) == ("anna@example.com", "anna@example.com")
    assert (me["workspace"], me["role"]) == ("marketing", "admin")
    ran(monkeypatch, "list", "")
    assert "anna@example.com" in capsys.readouterr().out
    ran(monkeypatch, "revoke", "", me["key"])
    assert anna.get("/v1/me").status_code == 401


@pytest.mark.parametrize("place", ["README.md", "docs/api.md", "chalicelib/web/static/texts.js", "dev/admin/keys.py"])
def test_the_examples_create_keys_for_the_page(place: str) -> None:
    """Each documented `make key` works as it is copied, and the page's list accepts its key."""
    examples = [
        dict(re.findall(r"(NAME|SCOPES|WORKSPACE|OWNER|ROLE)=([\w,]+)", words))
        for words in re.findall(r"make key ((?:[A-Z]+=[\w,]+ ?)+)", (ROOT / place).read_text("utf-8"))
    ]

    assert examples
    for example in examples:
        given = (
            {"scopes": example["SCOPES"].split(",")} if "SCOPES" in example else {"role": example.get("ROLE", "editor")}
        )
        key = NewKey.from_json({"name": example["NAME"], **given}, datetime.now(UTC), example.get("WORKSPACE"))
        assert "read" in key.scopes


@pytest.mark.usefixtures("aws", "found")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("make", *[""] * 7), "For example: make key WORKSPACE=team NAME=laptop ROLE=editor"),
        (("make", "", "laptop", "everything", *[""] * 4), "For example: make key WORKSPACE="),
        (("make", "", "laptop", "", "", "", "owner", ""), "role is one of: viewer, editor, admin."),
        (("revoke", "", "nosuchkey1"), "There is no key with this id. make keys lists those there are."),
    ],
)
def test_a_refusal_names_its_remedy(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str) -> None:
    """Of this refusal, not of another."""
    with pytest.raises(SystemExit) as refused:
        ran(monkeypatch, *arguments)

    assert words in str(refused.value)


def test_the_first_start_shows_a_key(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, once; later starts, also after a revocation, say how to create one."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("STATE_DIR", "elsewhere")

    first, second = run._key_lines(), run._key_lines()  # noqa: SLF001  # what the greeting says

    laptop = Keyed(http, first.split()[-1])
    assert laptop.get("/links").status_code == 200
    assert "sk_" not in second
    assert "make key NAME=laptop STATE_DIR=elsewhere" in second


@pytest.mark.usefixtures("aws")
def test_a_log_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in a log file would stay there; the greeting says how to create one instead."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    monkeypatch.delenv("STATE_DIR", raising=False)

    assert run._key_lines().startswith("`make key NAME=laptop` makes an API key")  # noqa: SLF001  # the same
    assert keys.create_first() is not None
