"""Rules of a link: the target for each visitor."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.links.rules import Rule, choose, draws_share, from_text, to_text
from chalicelib.core.visits.visitor import Visitor

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
A_MOMENT = timedelta(milliseconds=1)
HERE, THERE, ELSEWHERE = "https://example.com/", "https://example.com/there", "https://example.com/elsewhere"
VISITORS = 20_000

SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1"
IPAD = f"Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) {SAFARI} Mobile/15E148 Safari/604.1"
IPAD_AS_A_MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {SAFARI} Safari/605.1.15"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36"
ANDROID_FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
ANDROID_TABLET = f"Mozilla/5.0 (Linux; Android 14; SM-X710) {CHROME} Safari/537.36"
ANDROID_TABLET_FIREFOX = "Mozilla/5.0 (Android 14; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/138.0.0.0"
WINDOWS_WITH_A_PEN = (
    "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.1; WOW64; Trident/6.0; Media Center PC 6.0; Tablet PC 2.0)"
)
MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME} Safari/537.36"
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME_OS = f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
GOOGLEBOT_PHONE = (
    f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {CHROME} Mobile Safari/537.36 "
    "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
)


def there(**conditions: Any) -> Rule:
    """Return a rule with the target THERE and ``conditions``."""
    return Rule(url=THERE, **conditions)


def elsewhere(**conditions: Any) -> Rule:
    """Return a rule with the target ELSEWHERE and ``conditions``."""
    return Rule(url=ELSEWHERE, **conditions)


def visitor(
    agent: str = "", languages: str | None = None, seen_from: str | None = None, *, trusted: bool = True, **headers: str
) -> Visitor:
    """Return a visitor with these headers; in ``headers``, _ stands for -."""
    sent = {"user-agent": agent, "accept-language": languages, "cloudfront-viewer-country": seen_from}
    return Visitor(
        headers={name: text for name, text in sent.items() if text is not None}
        | {name.replace("_", "-"): text for name, text in headers.items()},
        query={},
        trust_cloudfront=trusted,
    )


def asking(**query: list[str]) -> Visitor:
    """Return a visitor with these parameters in the query."""
    return Visitor(headers={}, query=query)


def seen_as(*kinds: str, agent: str = "", trusted: bool = True) -> Visitor:
    """Return a visitor whose headers from CloudFront name these ``kinds`` of viewers."""
    every = ("desktop", "mobile", "smarttv", "tablet", "ios", "android")
    sent = {f"cloudfront_is_{kind}_viewer": "true" if kind in kinds else "false" for kind in every}
    return visitor(agent, trusted=trusted, **sent)


def where(rules: list[Rule], guest: Visitor, now: datetime = NOON) -> str:
    """Return the target of a visitor by ``rules`` that need no id."""
    assert not draws_share(rules, guest, now)
    place = choose(rules, guest, now, "")
    return HERE if place is None else rules[place].url


def spread(rules: list[Rule]) -> Counter[str]:
    """Return how many of 20,000 visitors get each target."""
    places = (choose(rules, visitor(), NOON, f"visitor {number}") for number in range(VISITORS))
    return Counter(HERE if place is None else rules[place].url for place in places)


def is_about(count: int, share: float) -> bool:
    """Tell whether ``count`` of all visitors is within five standard deviations of ``share``."""
    return abs(count - VISITORS * share) <= 5 * sqrt(VISITORS * share * (1 - share))


@pytest.mark.parametrize(
    ("device", "guest", "url"),
    [
        # By the User-Agent header.
        pytest.param("ios", visitor(IPHONE), THERE, id="an iPhone is iOS"),
        pytest.param("mobile", visitor(IPHONE), THERE, id="an iPhone is mobile"),
        pytest.param("macos", visitor(IPHONE), HERE, id="an iPhone is no Mac"),
        pytest.param("desktop", visitor(IPHONE), HERE, id="an iPhone is no desktop"),
        pytest.param("ios", visitor(IPAD), THERE, id="an iPad is iOS"),
        pytest.param("tablet", visitor(IPAD), THERE, id="an iPad is a tablet"),
        pytest.param("mobile", visitor(IPAD), HERE, id="an iPad is not mobile, though it says so"),
        pytest.param("macos", visitor(IPAD_AS_A_MAC), THERE, id="an iPad that asks for desktop sites is a Mac"),
        pytest.param("android", visitor(ANDROID), THERE, id="an Android phone is Android"),
        pytest.param("mobile", visitor(ANDROID), THERE, id="an Android phone is mobile"),
        pytest.param("linux", visitor(ANDROID), HERE, id="an Android phone is no Linux, though it says so"),
        pytest.param("tablet", visitor(ANDROID), HERE, id="an Android phone is no tablet"),
        pytest.param("mobile", visitor(ANDROID_FIREFOX), THERE, id="Firefox on an Android phone is mobile"),
        pytest.param("android", visitor(ANDROID_TABLET), THERE, id="an Android tablet is Android"),
        pytest.param("tablet", visitor(ANDROID_TABLET), THERE, id="an Android tablet is a tablet: it is not Mobile"),
        pytest.param("mobile", visitor(ANDROID_TABLET), HERE, id="an Android tablet is not mobile"),
        pytest.param("tablet", visitor(ANDROID_TABLET_FIREFOX), THERE, id="Firefox on an Android tablet says so"),
        pytest.param("windows", visitor(WINDOWS), THERE, id="Windows"),
        pytest.param("desktop", visitor(WINDOWS), THERE, id="Windows is a desktop"),
        pytest.param("tablet", visitor(WINDOWS_WITH_A_PEN), HERE, id="Windows with Tablet PC components is no tablet"),
        pytest.param("macos", visitor(MAC), THERE, id="a Mac"),
        pytest.param("linux", visitor(LINUX), THERE, id="Linux"),
        pytest.param("desktop", visitor(LINUX), THERE, id="Linux is a desktop"),
        pytest.param("desktop", visitor(CHROME_OS), THERE, id="ChromeOS is a desktop"),
        pytest.param("linux", visitor(CHROME_OS), HERE, id="ChromeOS is not Linux"),
        pytest.param("desktop", visitor(GOOGLEBOT), THERE, id="a bot is a desktop"),
        pytest.param("mobile", visitor(GOOGLEBOT_PHONE), THERE, id="a bot that looks as phones do is mobile"),
        pytest.param("desktop", visitor(), THERE, id="without a User-Agent it is a desktop"),
        pytest.param("windows", visitor(), HERE, id="without a User-Agent the system is unknown"),
        # By the headers of CloudFront.
        pytest.param("tablet", seen_as("tablet", "mobile"), THERE, id="CloudFront's tablet is a tablet"),
        pytest.param("mobile", seen_as("tablet", "mobile"), HERE, id="CloudFront's tablet is not mobile"),
        pytest.param("mobile", seen_as("mobile"), THERE, id="CloudFront's mobile"),
        pytest.param(
            "desktop", seen_as("desktop", agent=ANDROID), THERE, id="CloudFront takes precedence over the agent"
        ),
        pytest.param("android", seen_as("desktop", agent=ANDROID), THERE, id="the system is taken from the agent"),
        pytest.param("mobile", seen_as(agent=ANDROID), THERE, id="the agent is used if CloudFront names nothing"),
        pytest.param(
            "tablet", seen_as("tablet", agent=MAC, trusted=False), HERE, id="without CloudFront its headers are ignored"
        ),
        # By client hints.
        pytest.param("windows", visitor(sec_ch_ua_platform='"Windows"'), THERE, id="a hint of Windows"),
        pytest.param(
            "macos", visitor(LINUX, sec_ch_ua_platform='"macOS"'), THERE, id="a hint takes precedence over the agent"
        ),
        pytest.param(
            "linux", visitor(LINUX, sec_ch_ua_platform='"macOS"'), HERE, id="with a hint the agent is ignored"
        ),
        pytest.param("linux", visitor(LINUX, sec_ch_ua_platform='"Unknown"'), THERE, id="an unknown hint is ignored"),
        pytest.param("linux", visitor(CHROME_OS, sec_ch_ua_platform='"Chrome OS"'), HERE, id="a hint of ChromeOS"),
        pytest.param("mobile", visitor(sec_ch_ua_mobile="?1"), THERE, id="a hint of mobile"),
        pytest.param("desktop", visitor(sec_ch_ua_mobile="?0"), THERE, id="a hint of no mobile"),
    ],
)
def test_device_condition(device: str, guest: Visitor, url: str) -> None:
    """Devices are recognised by CloudFront headers, client hints and the User-Agent."""
    assert where([there(device=(device,))], guest) == url


@pytest.mark.parametrize(
    ("language", "accepted", "url"),
    [
        pytest.param("pt", "pt", THERE, id="the language"),
        pytest.param("pt", "PT", THERE, id="in capitals"),
        pytest.param("pt", "pt-BR", THERE, id="a language takes all its regions"),
        pytest.param("pt-br", "pt-BR,pt;q=0.9", THERE, id="a region"),
        pytest.param("pt-br", "pt", HERE, id="a region in the rule alone"),
        pytest.param("pt-br", "pt-PT,pt;q=0.9", HERE, id="another region"),
        pytest.param("zh-hant", "zh-Hant-TW", THERE, id="a script takes its regions"),
        pytest.param("zh-tw", "zh-Hant-TW", HERE, id="a region is not looked for behind a script"),
        pytest.param("pt", "ptx", HERE, id="another language that begins alike"),
        pytest.param("pt", "en;q=0.5,pt;q=0.8", THERE, id="the best is not the first"),
        pytest.param("en", "en;q=0.5,pt;q=0.8", HERE, id="the first is not the best"),
        pytest.param("pt", "en,pt;q=0.9", THERE, id="almost as good as the best"),
        pytest.param("pt", "en,pt;q=0.8", HERE, id="not almost as good"),
        pytest.param("pt", "en;q=0.5,pt;q=0.45", THERE, id="almost as good as a best that is not very good"),
        pytest.param("pt", "en;q=0.8,pt;q=0.72", THERE, id="exactly nine tenths of the best"),
        pytest.param("pt", "en,pt", THERE, id="a tie: the second"),
        pytest.param("en", "en,pt", THERE, id="a tie: the first"),
        pytest.param("en", "pt-PT,pt;q=0.9,en;q=0.8", HERE, id="a browser set to Portuguese does not ask for English"),
        pytest.param("pt", "pt;q=0", HERE, id="a refused language"),
        pytest.param("pt", "pt;q=0,en;q=0.1", HERE, id="a refused language and another one"),
        pytest.param("pt", "*", HERE, id="any language is no language"),
        pytest.param("pt", "*,pt;q=0.5", THERE, id="any language is not the best"),
        pytest.param("pt", "", HERE, id="an empty header"),
        pytest.param("pt", None, HERE, id="no header"),
        pytest.param("pt", ";;;,,=;q", HERE, id="a malformed header"),
        pytest.param("pt", "pt;q=much", HERE, id="a quality that is no number"),
        pytest.param("pt", "pt;q=nan", HERE, id="a quality that is none"),
        pytest.param("pt", "pt;q=-1", HERE, id="a quality below 0"),
        pytest.param("pt", "pt;q=2,en;q=0.1", HERE, id="a quality above 1"),
        pytest.param("pt", "en;q=much, pt;q=0.1", THERE, id="a malformed part does not affect the rest"),
        pytest.param("pt", " en ; q = 0.1 , pt ; q = 1 ", THERE, id="spaces"),
        pytest.param("pt", "en;Q=0.1,pt;Q=1", THERE, id="a capital Q"),
        pytest.param("pt", ",".join(["en;q=0.1"] * 31) + ",pt", THERE, id="the best is the 32nd"),
        pytest.param("pt", ",".join(["en;q=0.1"] * 32) + ",pt", HERE, id="the 33rd is not read"),
    ],
)
def test_language_condition(language: str, accepted: str | None, url: str) -> None:
    """It is met if the language is the preferred one, or almost as preferred."""
    assert where([there(language=(language,))], visitor(languages=accepted)) == url


@pytest.mark.parametrize(
    ("countries", "guest", "url"),
    [
        pytest.param(("PT",), visitor(seen_from="PT"), THERE, id="the country"),
        pytest.param(("BR", "PT"), visitor(seen_from="PT"), THERE, id="one of the countries"),
        pytest.param(("PT",), visitor(seen_from="ES"), HERE, id="another country"),
        pytest.param(("PT",), visitor(), HERE, id="country unknown"),
        pytest.param(("PT",), visitor(seen_from=""), HERE, id="the country is empty"),
        pytest.param(
            ("PT",), visitor(seen_from="PT", trusted=False), HERE, id="without CloudFront its header is ignored"
        ),
        pytest.param(("PT",), visitor(languages="pt-PT"), HERE, id="a language is no country"),
    ],
)
def test_country_condition(countries: tuple[str, ...], guest: Visitor, url: str) -> None:
    """The country comes from a CloudFront header; without it, the country is unknown."""
    assert where([there(country=countries)], guest) == url


@pytest.mark.parametrize(
    ("query", "guest", "url"),
    [
        pytest.param({"ref": ("x",)}, asking(ref=["x"]), THERE, id="the value"),
        pytest.param({"ref": ("x",)}, asking(ref=["y"]), HERE, id="another value"),
        pytest.param({"ref": ("x",)}, asking(ref=["X"]), HERE, id="values are case-sensitive"),
        pytest.param({"ref": ("x",)}, asking(REF=["x"]), HERE, id="names are case-sensitive"),
        pytest.param({"ref": ("x", "y")}, asking(ref=["y"]), THERE, id="one of a list"),
        pytest.param({"ref": ("x",)}, asking(ref=["y", "x"]), THERE, id="repeated, one of them accepted"),
        pytest.param({"ref": ("x",)}, asking(ref=["y", "z"]), HERE, id="repeated, none of them accepted"),
        pytest.param({"ref": ()}, asking(ref=["y"]), THERE, id="any value"),
        pytest.param({"ref": ()}, asking(ref=[""]), THERE, id="any value, and it is empty"),
        pytest.param({"ref": ()}, asking(utm=["x"]), HERE, id="any value, and it is missing"),
        pytest.param({"ref": ("",)}, asking(ref=[""]), THERE, id="an empty value"),
        pytest.param({"ref": ("",)}, asking(ref=["x"]), HERE, id="an empty value is not any value"),
        pytest.param({"ref": ("x",)}, asking(ref=[""]), HERE, id="empty, but a value is expected"),
        pytest.param({"ref": ("x",)}, asking(), HERE, id="no query"),
        pytest.param({"a": ("1",), "b": ()}, asking(a=["1"], b=["2"]), THERE, id="two parameters"),
        pytest.param({"a": ("1",), "b": ()}, asking(a=["1"]), HERE, id="one of two parameters"),
        pytest.param({"straße": ("ü b",)}, asking(straße=["ü b"]), THERE, id="non-ASCII"),
    ],
)
def test_query_condition(query: dict[str, tuple[str, ...]], guest: Visitor, url: str) -> None:
    """Each parameter must be present, with one of the accepted values."""
    assert where([there(query=tuple(query.items()))], guest) == url


@pytest.mark.parametrize(
    ("times", "url"),
    [
        pytest.param({"starts_at": NOON}, THERE, id="from now on"),
        pytest.param({"starts_at": NOON + A_MOMENT}, HERE, id="in a moment"),
        pytest.param({"starts_at": NOON - A_MOMENT}, THERE, id="since a moment"),
        pytest.param({"ends_at": NOON}, HERE, id="until now"),
        pytest.param({"ends_at": NOON + A_MOMENT}, THERE, id="for another moment"),
        pytest.param({"starts_at": NOON, "ends_at": NOON + A_MOMENT}, THERE, id="for this moment"),
        pytest.param({"starts_at": NOON - A_MOMENT, "ends_at": NOON}, HERE, id="for the moment before"),
    ],
)
def test_time_condition(times: dict[str, datetime], url: str) -> None:
    """The start is included, the end is not."""
    assert where([there(**times)], visitor()) == url


@pytest.mark.parametrize(
    ("rules", "url"),
    [
        pytest.param([], HERE, id="no rules"),
        pytest.param([there()], THERE, id="no conditions"),
        pytest.param([there(country=("PT",), device=("ios",), language=("pt",))], THERE, id="all of several"),
        pytest.param([there(country=("ES",), device=("ios",), language=("pt",))], HERE, id="all but the country"),
        pytest.param([there(country=("PT",), device=("android",), language=("pt",))], HERE, id="all but the device"),
        pytest.param([there(country=("PT",), device=("ios",), language=("es",))], HERE, id="all but the language"),
        pytest.param([there(country=("PT",), query=(("ref", ()),))], HERE, id="all but the query"),
        pytest.param([there(country=("PT",), ends_at=NOON)], HERE, id="all but the time"),
        pytest.param([there(device=("android", "ios"))], THERE, id="one of two systems"),
        pytest.param([there(device=("tablet", "ios"))], THERE, id="one of a device and a system"),
        pytest.param([there(language=("es", "pt"))], THERE, id="one of two languages"),
        pytest.param([there(device=("ios",)), elsewhere(country=("PT",))], THERE, id="both apply: the first wins"),
        pytest.param([elsewhere(country=("PT",)), there(device=("ios",))], ELSEWHERE, id="the other way round"),
        pytest.param([there(device=("android",)), elsewhere()], ELSEWHERE, id="the first does not apply"),
        pytest.param([there(device=("android",)), elsewhere(country=("ES",))], HERE, id="none applies"),
        pytest.param([elsewhere(country=("ES",))] * 19 + [there()], THERE, id="the last of twenty"),
    ],
)
def test_combined_conditions_and_rules(rules: list[Rule], url: str) -> None:
    """All conditions of a rule must be met, by any value of a list; the first rule that applies wins."""
    assert where(rules, visitor(IPHONE, languages="pt-PT", seen_from="PT")) == url


@pytest.mark.parametrize("weight", [1, 10, 50, 99])
def test_weighted_rule_gets_its_share(weight: int) -> None:
    """The others get the link's own URL."""
    counts = spread([there(weight=weight)])

    assert is_about(counts[THERE], weight / 100)
    assert counts[HERE] == VISITORS - counts[THERE]


@pytest.mark.parametrize(("first", "second"), [(50, 50), (30, 50), (10, 99), (99, 50)])
def test_second_weighted_rule_gets_its_share_of_the_rest(first: int, second: int) -> None:
    """The draws of the two rules are independent."""
    counts = spread([there(weight=first), elsewhere(weight=second)])

    assert is_about(counts[THERE], first / 100)
    assert is_about(counts[ELSEWHERE], (100 - first) / 100 * second / 100)


def test_share_is_of_matching_visitors() -> None:
    """A rule whose conditions are not met gets no visitor."""
    counts = spread([there(weight=50, country=("PT",)), elsewhere(weight=50)])

    assert counts[THERE] == 0
    assert is_about(counts[ELSEWHERE], 0.5)


def test_target_of_a_visitor_is_the_same_all_day() -> None:
    """Whatever the hour, and whatever parameters the request has that no rule uses."""
    rules = [there(weight=50), elsewhere(weight=50)]

    for number in range(200):
        name = f"visitor {number}"
        hours = {choose(rules, visitor(), NOON + timedelta(hours=hour), name) for hour in range(-12, 12)}
        assert hours == {choose(rules, asking(utm=["x"]), NOON, name)}


def test_shares_are_drawn_again_each_day() -> None:
    """With the new ids of the next day, about half of the visitors change sides."""
    rules = [there(weight=50)]
    today = [choose(rules, visitor(), NOON, f"today {number}") for number in range(VISITORS)]

    tomorrow = [choose(rules, visitor(), NOON, f"tomorrow {number}") for number in range(VISITORS)]

    assert is_about(sum(before != after for before, after in zip(today, tomorrow, strict=True)), 0.5)


def test_greater_weight_keeps_its_visitors() -> None:
    """A visitor of a rule stays with it when its weight grows."""
    for number in range(2_000):
        name = f"visitor {number}"
        led = [choose([there(weight=weight)], visitor(), NOON, name) == 0 for weight in (1, 10, 50, 99, 100)]
        assert led == sorted(led)


@pytest.mark.parametrize(
    "rule",
    [there(), there(device=("desktop",)), there(weight=50, country=("ES",)), there(weight=1, ends_at=NOON)],
    ids=["no weight", "a condition", "a weight and another country", "a weight and another time"],
)
def test_no_id_is_needed_without_a_draw(rule: Rule) -> None:
    """Computing the id needs the salt of the day, which may cost a read."""
    assert not draws_share([rule], visitor(seen_from="PT"), NOON)


def words(of: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Return a strategy for up to three distinct texts."""
    return st.lists(of, max_size=3, unique=True).map(tuple)


MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
RULES = st.builds(
    Rule,
    url=st.sampled_from([HERE, THERE, "https://example.com/?a=%7e&b=%22#c"]),
    device=words(st.sampled_from(["ios", "android", "tablet"])),
    country=words(st.from_regex(r"[A-Z]{2}", fullmatch=True)),
    language=words(st.sampled_from(["pt", "pt-br", "zh-hant-tw"])),
    query=st.dictionaries(st.text(min_size=1, max_size=8), words(st.text(max_size=8)), max_size=3).map(
        lambda query: tuple(query.items())
    ),
    starts_at=st.none() | MOMENTS,
    ends_at=st.none() | MOMENTS,
    weight=st.integers(1, 100),
)


@given(st.lists(RULES, max_size=4))
def test_stored_rules_are_read_back_unchanged(rules: list[Rule]) -> None:
    """In order, with times to the millisecond."""
    stored = to_text(rules)

    assert from_text(stored) == tuple(rules)


def test_defaults_are_not_stored() -> None:
    """The stored text is short, because every redirect reads it."""
    stored = to_text([there(device=("ios",)), elsewhere(weight=50)])

    assert stored == f'[{{"if":{{"device":["ios"]}},"url":"{THERE}"}},{{"if":{{}},"weight":50,"url":"{ELSEWHERE}"}}]'
