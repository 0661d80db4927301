"""A visitor, as rules see it."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.core.visits.visitor import DEVICES, SYSTEMS, Visitor

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
SAFARI = f"{WEBKIT} Version/17.0"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0"


def visitor(*, trusted: bool = False, **headers: Any) -> Visitor:
    """Return a visitor with ``headers``, written with _ for -."""
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return Visitor(headers=sent, query={}, trust_cloudfront=trusted)


@pytest.mark.parametrize(
    ("agent", "kinds"),
    [
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1", "mobile ios"),
        (
            f"Mozilla/5.0 (iPod touch; CPU iPhone OS 12_0 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1",
            "mobile ios",
        ),
        (f"Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1", "tablet ios"),
        (
            f"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) {WEBKIT} CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
            "tablet ios",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT} Mobile/15E148 [FBAN/FBIOS;FBAV/470]",
            "mobile ios",
        ),
        (f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36", "mobile android"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Safari/537.36", "tablet android"),
        (f"Mozilla/5.0 (Linux; Android 13; SM-S901B; wv) {CHROME} Mobile Safari/537.36", "mobile android"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "mobile android"),
        ("Mozilla/5.0 (Android 14; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0", "tablet android"),
        (
            f"Mozilla/5.0 (Linux; Android 11; KFTRWI) {CHROME} Silk/108.4.6 like Chrome/108 Safari/537.36",
            "tablet android",
        ),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "desktop windows"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "desktop windows"),
        ("Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", "desktop windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Safari/605.1.15", "desktop macos"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36", "desktop linux"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "desktop linux"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36", "desktop"),
        ("Mozilla/5.0 (X11; OpenBSD amd64; rv:140.0) Gecko/20100101 Firefox/140.0", "desktop"),
        ("Mozilla/5.0 (Mobile; Nokia 8110 4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5", "mobile"),
        ("Opera/9.80 (Android 4.1; Linux; Opera Mobi/ADR-1305251841) Presto/2.11 Version/12.10", "mobile android"),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "desktop"),
        ("curl/8.5.0", "desktop"),
        ("", "desktop"),
        ("x" * 512 + "iPhone Mobile", "desktop"),
    ],
)
def test_user_agent_gives_a_device_and_perhaps_a_system(agent: str, kinds: str) -> None:
    """At most one of each; only the first 512 characters count."""
    assert visitor(user_agent=agent).kinds == set(kinds.split())


def test_visitor_without_headers_is_a_desktop() -> None:
    """Every visitor has a device, so a rule for all devices matches everyone."""
    assert visitor().kinds == {"desktop"}


@pytest.mark.parametrize(
    ("hint", "kinds"),
    [
        ('"Android"', {"desktop", "android"}),
        ('"iOS"', {"desktop", "ios"}),
        ('"Windows"', {"desktop", "windows"}),
        ('"macOS"', {"desktop", "macos"}),
        ('"Linux"', {"desktop", "linux"}),
        ("Linux", {"desktop", "linux"}),
        ('"Chrome OS"', {"desktop"}),
        ('"Chromium OS"', {"desktop"}),
        ('"Unknown"', {"desktop"}),
        ('""', {"desktop"}),
        ("", {"desktop"}),
        ('"Windows", "Linux"', {"desktop"}),
    ],
)
def test_platform_hint_gives_the_system(hint: str, kinds: set[str]) -> None:
    """Chromium's platform names, quoted as structured fields are."""
    assert visitor(sec_ch_ua_platform=hint).kinds == kinds


@pytest.mark.parametrize(
    ("reported", "device"),
    [
        (("desktop",), "desktop"),
        (("mobile",), "mobile"),
        (("tablet",), "tablet"),
        (("mobile", "tablet"), "tablet"),
        ((), "mobile"),
    ],
)
def test_cloudfront_device_is_used(reported: tuple[str, ...], device: str) -> None:
    """One device for each visitor; a tablet is reported as mobile too; without a report the user agent decides."""
    headers: dict[str, Any] = {f"cloudfront_is_{name}_viewer": str(name in reported).lower() for name in DEVICES}
    phone = f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36"

    assert visitor(trusted=True, user_agent=phone, **headers).kinds == {device, "android"}
    assert visitor(user_agent=phone, **headers).kinds == {"mobile", "android"}


def test_devices_and_systems_have_distinct_names() -> None:
    """A rule has both in one list."""
    assert not set(DEVICES) & set(SYSTEMS)


@pytest.mark.parametrize(
    ("accepted", "languages"),
    [
        ("", ()),
        ("pt", ("pt",)),
        ("pt-BR", ("pt-br",)),
        ("pt-PT,pt;q=0.9,en;q=0.8", ("pt-pt", "pt")),
        ("en;q=0.95, pt", ("pt", "en")),
        ("en;q=0.5,pt;q=0.5", ("en", "pt")),
        ("en;q=0.1", ("en",)),
        ("*", ()),
        ("*;q=1,en;q=0.2", ("en",)),
        ("pt;q=0", ()),
        ("pt;q=0,en;q=0.3", ("en",)),
        ("pt;q=1.001,en;q=0.3", ("en",)),
        ("pt;q=,en", ("en",)),
        (",,;q=1, ,en", ("en",)),
        ("en;q=0.8,pt;q=0.72,es;q=0.71", ("en", "pt")),
        ("zh-Hant-TW,zh-Hans-CN;q=0.9", ("zh-hant-tw", "zh-hans-cn")),
        (",".join(f"a{chr(97 + number % 26)}-{number}" for number in range(40)), 32),
    ],
    ids=lambda value: str(value)[:40],
)
def test_languages_are_the_preferred_ones(accepted: str, languages: tuple[str, ...] | int) -> None:
    """The best first, and only those at least nine tenths as good; a limited number of entries is read."""
    languages_read = visitor(accept_language=accepted).languages

    assert languages in (languages_read, len(languages_read))


@pytest.mark.parametrize(("trusted", "country"), [(True, "PT"), (False, None)])
def test_country_comes_from_cloudfront(*, trusted: bool, country: str | None) -> None:
    """Without CloudFront the header could be forged."""
    assert visitor(trusted=trusted, cloudfront_viewer_country="PT").country == country


def test_country_may_be_unknown() -> None:
    """CloudFront omits the header for addresses it cannot locate."""
    assert visitor(trusted=True).country is None


@pytest.mark.parametrize(
    ("headers", "is_prefetch"),
    [
        ({}, False),
        ({"sec_purpose": "prefetch"}, True),
        ({"sec_purpose": "prefetch;prerender"}, True),
        ({"sec_purpose": "prefetch;anonymous-client-ip"}, True),
        ({"purpose": "prefetch"}, True),
        ({"purpose": "Prefetch"}, True),
        ({"sec_purpose": "", "purpose": "prefetch"}, True),
        ({"sec_purpose": "navigate"}, False),
        ({"user_agent": "prefetch"}, False),
    ],
    ids=str,
)
def test_prefetch_is_recognised_by_its_purpose(headers: dict[str, Any], *, is_prefetch: bool) -> None:
    """By the current header and by the older one."""
    assert visitor(**headers).is_prefetch is is_prefetch
