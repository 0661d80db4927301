"""Settings: read once, checked by name."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.core.links.target_url import TargetPolicy, TargetRefused, canonical
from chalicelib.settings import SettingInvalid, Settings, renamed_in
from tests.conftest import SETTINGS
from tests.paths import ROOT


def test_settings_of_the_shell_do_not_reach_the_tests() -> None:
    """conftest.py removes every setting from the environment; AWS's own names begin with AWS_."""
    names = {field.name.upper() for field in dataclasses.fields(Settings)}

    assert {name for name in names if not name.startswith("AWS")} == set(SETTINGS)


def test_only_base_url_is_required() -> None:
    """Only BASE_URL is required; all other settings have a strict default."""
    settings = Settings.from_environ({"BASE_URL": "https://Sho.rt/api/"})

    assert settings.base_url == "https://Sho.rt/api"
    assert settings.own_hosts == {"sho.rt"}
    assert (settings.stage, settings.target_hosts, settings.unknown_code) == ("prod", "public", "home")
    assert (settings.links_table, settings.link_cache_seconds) == ("url-shortener", 60)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BASE_URL", ""),
        ("BASE_URL", "sho.rt"),
        ("BASE_URL", "ftp://sho.rt"),
        ("BASE_URL", "https://sho.rt/?x=1"),
        ("BASE_URL", "https://sho.rt/#x"),
        ("BASE_URL", "https://"),
        ("BASE_URL", "https://sho rt"),
        ("BASE_URL", "https://sho.rt/a b"),
        ("BASE_URL", "https://sho.rt\r\nSet-Cookie: x=1"),
        ("BASE_URL", "https://sho.rt\n"),
        ("BASE_URL", "https://user:secret@sho.rt"),
        ("BASE_URL", "https://evil.com\\@sho.rt"),
        ("BASE_URL", "https://sho.rt:0"),
        ("BASE_URL", "https://sho.rt:65536"),
        ("BASE_URL", "https://sho.rt:port"),
        ("BASE_URL", "https://sho..rt"),
        ("BASE_URL", "https://b\u00fccher.rt"),
        ("BASE_URL", "https://sho.rt/\u00fc"),
        ("BASE_URL", "http://["),
        ("BASE_URL", "http://[::1"),
        ("BASE_URL", "http://[1:2]"),
        ("OWN_HOSTS", "b\u00fccher.rt"),
        ("OWN_HOSTS", "go.sho.rt:8443"),
        ("OWN_HOSTS", "https://go.sho.rt"),
        ("OWN_HOSTS", "go.sho.rt, .."),
        ("DOMAINS", "team.example"),
        ("DOMAINS", "team.example=team:ignored"),
        ("DOMAINS", "sho.rt=team"),
        ("STAGE", "production"),
        ("LINK_CACHE_SECONDS", "-1"),
        ("LINK_CACHE_SECONDS", "a minute"),
        ("LINK_CACHE_SECONDS", "3601"),
        ("LINK_CACHE_SECONDS", "9" * 5000),
        ("LINK_CACHE_SECONDS", "\u0661"),
        ("UNKNOWN_CODE", "410"),
        ("CODE_STYLE", "uuid"),
        ("TARGET_HOSTS", "all"),
        ("IMPORT_SHORT_LINKS", "true"),
        *(("UNVERSIONED_UNTIL", day) for day in ("", "soon", "2027-13-01", "20271201", "2027-12-01T00:00:00Z")),
        ("FRONT_SECRETS", "the secret itself"),
        ("FRONT_SECRETS", f"{'a' * 64},{'a' * 63}"),
        ("SECURITY_CONTACT", "security@example.org"),
        ("SECURITY_CONTACT", "http://example.org/report"),
        ("SECURITY_CONTACT", "mailto:a@example.org\nExpires: 2099-01-01T00:00:00Z"),
        ("SECURITY_CONTACT", "mailto:b\u00fccher@example.org"),
        ("SECURITY_POLICY", "SECURITY.md"),
        ("SECURITY_POLICY", "https://example.org/a policy"),
    ],
)
def test_invalid_setting_is_named(name: str, value: str) -> None:
    """An invalid setting is named."""
    with pytest.raises(SettingInvalid, match=name):
        Settings.from_environ({"BASE_URL": "https://sho.rt", name: value})


@pytest.mark.parametrize("contact", ["mailto:security@example.org", "tel:+49-30-1234", "https://example.org/report"])
def test_security_contact_is_a_uri(contact: str) -> None:
    """As RFC 9116 asks for, and it is passed on as it is."""
    settings = Settings.from_environ({"BASE_URL": "https://sho.rt", "SECURITY_CONTACT": contact})

    assert (settings.security_contact, settings.security_policy) == (contact, "")


def test_own_hosts_are_read() -> None:
    """OWN_HOSTS names the service's other hosts, so that no link can have a target there."""
    settings = Settings.from_environ({"BASE_URL": "https://sho.rt", "OWN_HOSTS": "go.sho.rt., ABC.execute-api.x.com ,"})

    assert settings.own_hosts == {"sho.rt", "go.sho.rt", "abc.execute-api.x.com"}


def test_domains_are_read() -> None:
    """Their hosts are this service's own, so that no link can have a target there; OWN_HOSTS are the default's."""
    given = {"DOMAINS": "team.example=team, old.example=:retired", "OWN_HOSTS": "go.sho.rt"}

    settings = Settings.from_environ({"BASE_URL": "https://sho.rt", **given})

    assert settings.own_hosts == {"sho.rt", "go.sho.rt", "team.example", "old.example"}
    assert [each.url for each in settings.domains.active()] == ["https://sho.rt", "https://team.example"]
    assert settings.domains.named("go.sho.rt") == settings.domains.default


@pytest.mark.parametrize("name", ["BASE_URL", "OWN_HOSTS"])
def test_non_ascii_host_is_refused_with_a_hint(name: str) -> None:
    """Such a host cannot be sent in a header or found in a canonical URL."""
    with pytest.raises(SettingInvalid, match="xn--"):
        Settings.from_environ({"BASE_URL": "https://sho.rt", name: "https://b\u00fccher.rt"})


@pytest.mark.parametrize(
    "base_url",
    [
        "https://sho.rt",
        "HTTPS://SHO.RT/api",
        "https://sho.rt.",
        "https://sho.rt:8443",
        "https://xn--bcher-kva.rt",
        "https://XN--BCHER-KVA.rt./go",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "http://[0:0:0:0:0:0:0:1]:8000",
        "http://[2001:DB8::A]",
    ],
)
def test_target_on_the_own_host_is_refused(base_url: str) -> None:
    """Targets on the service's own host are recognised in every form of BASE_URL."""
    own = TargetPolicy(Settings.from_environ({"BASE_URL": base_url}).own_hosts, any_host=True)

    with pytest.raises(TargetRefused) as refused:
        canonical(f"{base_url}/x", own)

    assert refused.value.code == "own-domain"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"NOBODY_WAITS": "yes"}, {"BACKGROUND_FUNCTION": "yes"}),
        ({"NOBODY_WAITS": "no"}, {"BACKGROUND_FUNCTION": "no"}),
        ({"AWS_CLIENT": "by-hand"}, {"AWS_CLIENT": "http"}),
        ({"NOBODY_WAITS": "yes", "BACKGROUND_FUNCTION": "no"}, {"BACKGROUND_FUNCTION": "no"}),
    ],
)
def test_renamed_settings_still_work(old: dict[str, str], new: dict[str, str]) -> None:
    """The old names are read for one more version, with a warning; if both are given, the new one counts."""
    base = {"BASE_URL": "https://sho.rt"}

    assert Settings.from_environ(base | old) == Settings.from_environ(base | new)
    assert renamed_in(base | new) == []
    assert [sentence.split("=")[0] for sentence in renamed_in(base | old)] == [
        name
        for name in old
        if name == "NOBODY_WAITS"  # the stack itself writes AWS_CLIENT as before
    ]


def test_renamed_setting_is_logged() -> None:
    """The warning is logged once, as JSON, at the start."""
    env = {"BASE_URL": "https://sho.rt", "NOBODY_WAITS": "yes"}
    program = "from chalicelib import logs; logs.configure()"

    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=True)

    assert [json.loads(line)["message"] for line in ran.stdout.splitlines()] == [
        "NOBODY_WAITS=yes is now called BACKGROUND_FUNCTION=yes; the next version will not read the old name."
    ]


@pytest.mark.parametrize("command", [["local", "--port", "1"], ["package", "out"], ["deploy"]], ids=" ".join)
def test_chalice_without_settings_ends_with_one_sentence(command: list[str], tmp_path: Path) -> None:
    """`chalice` commands end with one line, without a traceback and without a waiting server."""
    # A copy: Chalice stats every file that it sees, and compiled files of other tests come and go.
    shutil.copy(ROOT / "app.py", tmp_path)
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "deployed", "deployments")
        )
    chalice = Path(sys.executable).parent / "chalice"
    env = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", "PYTHONDONTWRITEBYTECODE": "yes"}

    ran = subprocess.run(
        [chalice, *command], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )

    assert re.fullmatch(r"BASE_URL is not set\..* `make run`.*\n", ran.stderr)
    assert list(tmp_path.glob("out*")) == []
