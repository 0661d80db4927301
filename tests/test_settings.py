"""Settings: read once, checked by name."""

from __future__ import annotations

import pytest

from chalicelib.core.target_url import TargetPolicy, TargetRefused, canonical
from chalicelib.errors import SettingInvalid
from chalicelib.settings import Settings


def test_one_setting_is_enough() -> None:
    """BASE_URL must be given; everything else has a sensible default, and the strict one of its kind."""
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
        ("STAGE", "production"),
        ("LINK_CACHE_SECONDS", "-1"),
        ("LINK_CACHE_SECONDS", "a minute"),
        ("LINK_CACHE_SECONDS", "3601"),
        ("LINK_CACHE_SECONDS", "9" * 5000),
        ("LINK_CACHE_SECONDS", "\u0661"),
        ("UNKNOWN_CODE", "410"),
        ("CODE_STYLE", "uuid"),
        ("TARGET_HOSTS", "all"),
    ],
)
def test_a_wrong_setting_fails_by_its_name(name: str, value: str) -> None:
    """Whoever misspells one is told which."""
    with pytest.raises(SettingInvalid, match=name):
        Settings.from_environ({"BASE_URL": "https://sho.rt", name: value})


def test_further_hosts_are_ours_as_well() -> None:
    """OWN_HOSTS names the other addresses that lead here, so that no link can lead back."""
    settings = Settings.from_environ({"BASE_URL": "https://sho.rt", "OWN_HOSTS": "go.sho.rt., ABC.execute-api.x.com ,"})

    assert settings.own_hosts == {"sho.rt", "go.sho.rt", "abc.execute-api.x.com"}


@pytest.mark.parametrize("name", ["BASE_URL", "OWN_HOSTS"])
def test_other_alphabets_are_told_how_to_write_themselves(name: str) -> None:
    """Such a host could neither stand in a header nor be found in a canonical URL."""
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
def test_no_link_can_lead_back(base_url: str) -> None:
    """However the own address is written, a target that is written the same is recognised."""
    own = TargetPolicy(Settings.from_environ({"BASE_URL": base_url}).own_hosts, any_host=True)

    with pytest.raises(TargetRefused) as refused:
        canonical(f"{base_url}/x", own)

    assert refused.value.code == "own-domain"
