"""Settings: read once, checked by name."""

from __future__ import annotations

import pytest

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
        ("STAGE", "production"),
        ("LINK_CACHE_SECONDS", "-1"),
        ("LINK_CACHE_SECONDS", "a minute"),
        ("LINK_CACHE_SECONDS", "3601"),
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
    settings = Settings.from_environ({"BASE_URL": "https://sho.rt", "OWN_HOSTS": "go.sho.rt, ABC.execute-api.x.com ,"})

    assert settings.own_hosts == {"sho.rt", "go.sho.rt", "abc.execute-api.x.com"}
