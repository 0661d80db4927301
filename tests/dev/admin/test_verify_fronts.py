"""`make verify`: what is asked of each front alike, and what each answer means."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

import pytest

from dev.admin.checks import (
    fronts,
    listed,
    of_cloudfront,
    of_function_url,
    of_gateway,
)
from dev.admin.checks.check import Answer, NotRunError, Verdict
from dev.admin.checks.stage import FRONT, GATEWAY, TARGET, URL, Reply, Stage
from tests.dev.admin.asked_stage import BEHIND, OUTPUTS, Asked, reply


@pytest.mark.parametrize(
    ("sent", "location", "is_same"),
    [
        ("a+b", "/a+b?q=a%20b", True),
        ("a+b", "/a%20b?q=a%20b", False),
        ("a%2Bb", "/a+b?q=a%2Bb", True),
        ("a%2Bb", "/a+b?q=a+b", False),
        ("a%2Fb", "/a/b?q=a%2Fb", True),
        ("a%252Fb", "/a%252Fb?q=a%252Fb", True),
        ("a%252Fb", "/a%2Fb?q=a%252Fb", False),
        ("a%252Fb", "/a/b?q=a%252Fb", False),
        ("a%252Fb", "/a%252Fb?q=a%2Fb", False),
        ("a(b", "/a%28b?q=a%28b", True),
        ("a'b", "/a%27b?q=a'b", True),
        ("a*b", "/a%252Ab?q=a*b", False),
        ("a%25b", "/a%25b?q=a%25b", True),
        ("a%25b", "/a%2525b?q=a%25b", False),
        ("%C3%BC", "/%C3%BC?q=%C3%BC", True),
        ("%C3%BC", "/%C3%83%C2%BC?q=%C3%BC", False),
        ("a%20b", None, False),
    ],
)
def test_encodings_are_compared_by_what_they_mean(*, sent: str, location: str | None, is_same: bool) -> None:
    """A path has a plus where it was sent one; a query has a space there."""
    assert fronts.arrived(sent, location and TARGET + location) is is_same


def leading_on(wrong: Mapping[str, Reply]) -> Callable[[str, str], Reply]:
    """Return a front that leads each path on as it was sent and shows previews, but answers what ends so otherwise."""

    def answered(_: str, path: str) -> Reply:
        for end, instead in wrong.items():
            if path.endswith(end):
                return instead
        if path.endswith("+"):
            return reply(200, json.dumps({"url": TARGET}).encode())
        return reply(302, Location=f"{TARGET}/{path.split('/', 2)[2]}")

    return answered


@pytest.mark.parametrize(
    ("wrong", "lost"),
    [
        ({}, ""),
        ({"a%252Fb": reply(302, Location=f"{TARGET}/a%2Fb?q=a%252Fb")}, "lost: a%252Fb"),
        ({"a%252Fb": reply(302, Location=f"{TARGET}/a/b?q=a%252Fb")}, "lost: a%252Fb"),
        ({"a(b": reply(403), "a'b": reply(403)}, "lost: a(b, a'b"),
        ({"a+b": reply(403), "a%20b": reply(403), "+": reply(403)}, "lost: a+b, a%20b, preview"),
        ({"+": reply(302, Location=TARGET)}, "lost: preview"),
    ],
)
@pytest.mark.parametrize("origin", [GATEWAY, FRONT])
def test_what_a_front_decodes_or_refuses_is_named(*, origin: str, wrong: dict[str, Reply], lost: str) -> None:
    """Each character by itself: one that is decoded twice, and one whose signature does not match."""
    stage = Asked(outputs=BEHIND)
    stage.replies = leading_on(wrong)

    answer = fronts.encoding_at(origin)(stage)

    assert answer.is_expected is not bool(lost)
    assert answer.seen.endswith(lost or "preview -> status 200")
    assert len(stage.sent) + 1 <= {each.name: each.requests for each in listed.CHECKS}[f"{origin}-encoding"]


@pytest.mark.parametrize(
    ("origin", "country", "is_expected"),
    [
        (GATEWAY, None, True),
        (GATEWAY, "PT", True),
        (GATEWAY, "ZZ", False),
        (URL, None, True),
        (URL, "ZZ", False),
        (FRONT, "PT", True),
        (FRONT, None, False),
        (FRONT, "ZZ", False),
    ],
)
def test_forged_countries_are_seen(*, origin: str, country: str | None, is_expected: bool) -> None:
    """A forged country is never that of a visit; CloudFront has to bring a real one."""
    stage = Asked(outputs=BEHIND)
    stage.rows = [{"country": country}] * 2

    answer = fronts.forged_at(origin)(stage)

    assert answer.is_expected is is_expected
    assert stage.sent[-1][3]["CloudFront-Viewer-Country"] == "ZZ"
    assert ("Authorization" in stage.sent[-1][3]) == (origin == URL)


@pytest.mark.parametrize("origin", [GATEWAY, URL, FRONT])
@pytest.mark.parametrize(("visits", "is_expected"), [(1, False), (2, True)])
def test_forged_ids_are_seen(*, origin: str, visits: int, is_expected: bool) -> None:
    """Two requests with one forged id, and a wrong secret, are two visits."""
    stage = Asked(outputs=BEHIND)
    stage.rows = [{"country": "PT"}] * visits

    answer = fronts.forged_at(origin)(stage)

    assert answer.is_expected is is_expected
    assert f"{visits} visits" in answer.seen
    facts = [headers["X-Front"] for *_, headers in stage.sent]
    assert facts[0] == facts[1]
    assert re.fullmatch(r"address=203\.0\.113\.\d+&id=[\w-]+&at=\d{13}", facts[0])
    assert {headers["X-Front-Secret"] for *_, headers in stage.sent} == {"forged"}


@pytest.mark.parametrize(
    ("setting", "host"),
    [
        ("", "forged.example"),
        ("team.example=team", "team.example"),
        ("team.example=team,old.example=:retired", "old.example"),
    ],
)
def test_forged_host_is_one_that_would_lead_elsewhere(setting: str, host: str) -> None:
    """Any other is the default domain, believed or not: then the verdict says so. The report does not name it."""
    stage = Asked(outputs=BEHIND)
    stage.with_domains(setting)
    stage.rows = [{"country": None}] * 2

    believing, not_believing = fronts.forged_at(GATEWAY), fronts.forged_at(URL)
    seen = not_believing(stage)
    stage.replies = lambda _, __: reply(404)

    assert {headers["X-Front-Host"] for *_, headers in stage.sent} == {host}
    assert seen.is_expected is True
    assert ("could not be tried" in seen.seen) is (setting == "")
    assert host not in seen.seen
    assert believing(stage).is_expected is False


@pytest.mark.parametrize(("status", "verdict"), [(503, Verdict.NOT_RUN), (404, Verdict.OTHERWISE)])
def test_failure_says_nothing_about_what_is_believed(status: int, verdict: Verdict) -> None:
    """A service that could not answer has believed nothing; one that found no link may have."""
    stage = Asked()
    stage.replies = lambda _, __: reply(status)

    assert next(each for each in listed.CHECKS if each.name == "gateway-forged").run(stage).verdict is verdict


@pytest.mark.parametrize(
    ("statuses", "is_expected"),
    [([401] * 5 + [429], True), ([401] * 10 + [429], True), ([401] * 11, False), ([401, 302], False)],
)
def test_guesses_by_forged_addresses_are_stopped(*, statuses: list[int], is_expected: bool) -> None:
    """At the eleventh at the latest, even where a minute begins meanwhile."""
    stage, left = Asked(), iter(statuses)
    stage.replies = lambda _, __: reply(next(left))

    assert fronts.guesses_at(GATEWAY)(stage).is_expected is is_expected


@pytest.mark.parametrize(
    ("statuses", "seconds", "verdict"),
    [
        ([401] * 11, 5.4, Verdict.OTHERWISE),
        ([401] * 11 + [401] * 5 + [429], 5.5, Verdict.AS_EXPECTED),
        ([401] * 10 + [429], 30, Verdict.AS_EXPECTED),
        ([401] * 22, 5.5, Verdict.NOT_RUN),
        ([401] * 22, 30, Verdict.NOT_RUN),
        ([401, 302], 30, Verdict.OTHERWISE),
        ([401] * 4 + [429], 1, Verdict.NOT_RUN),
        ([429], 1, Verdict.NOT_RUN),
        ([401] * 4 + [503], 1, Verdict.NOT_RUN),
    ],
)
def test_slow_guesses_are_not_judged(
    *, monkeypatch: pytest.MonkeyPatch, statuses: list[int], seconds: float, verdict: Verdict
) -> None:
    """They may touch three minutes, each of which lets five through: another link is tried, and then it is said.

    Nor is anything that something else refuses.
    """
    stage, left, now = Asked(), iter(statuses), [0.0]
    monkeypatch.setattr(fronts, "monotonic", lambda: now[0])

    def slowly(_: str, __: str) -> Reply:
        now[0] += seconds
        return reply(next(left))

    stage.replies = slowly
    asked = next(each for each in listed.CHECKS if each.name == "gateway-address")

    assert asked.run(stage).verdict is verdict
    assert list(left) == []
    assert len(stage.sent) < asked.requests


@pytest.mark.parametrize("origin", [GATEWAY, URL, FRONT])
def test_each_guess_has_another_forged_address(origin: str) -> None:
    """In each header that could be read, with a wrong secret beside them."""
    stage = Asked(outputs=BEHIND)
    stage.replies = lambda _, __: reply(401)

    fronts.guesses_at(origin)(stage)

    for number, (*_, headers) in enumerate(stage.sent, 1):
        address = f"203.0.113.{number}"
        assert headers["X-Forwarded-For"] == address
        assert headers["X-Front"].startswith(f"address={address}&id=")
        assert headers["X-Front-Secret"] == "forged"
    assert len(stage.sent) == 11


def test_forms_without_a_path_are_not_tried() -> None:
    """A front where forms have another path cannot be asked this."""
    stage = Asked(outputs=BEHIND)
    stage.replies = lambda _, __: reply(403)

    with pytest.raises(NotRunError):
        fronts.guesses_at(FRONT, "/_")(stage)


@pytest.mark.parametrize(("is_local", "address"), [(False, BEHIND["FrontUrl"]), (True, OUTPUTS["EndpointURL"][:-1])])
def test_links_are_followed_where_visitors_do(*, is_local: bool, address: str) -> None:
    """At the distribution, except on this machine: it signs nothing there, so that codes are answered 403."""
    assert Asked(is_local=is_local, outputs=BEHIND).address_of_links == address


def test_head_is_asked_of_the_local_aws() -> None:
    """By the Host: nothing on this machine answers at the name of a distribution."""
    stage = Asked(is_local=True, outputs=BEHIND)

    fronts.heads_at(FRONT)(stage)

    assert [each[:2] for each in stage.sent] == [(BEHIND["FrontUrl"], "HEAD")]


def test_function_url_that_may_not_be_called_is_not_judged() -> None:
    """By these credentials: a 403 says nothing about what would be believed. Elsewhere it does."""
    stage = Asked(outputs=BEHIND)
    stage.replies = lambda _, __: reply(403)
    checks = {each.name: each for each in listed.CHECKS}

    for name in ("url-forged", "url-address"):
        found = checks[name].run(stage)
        assert (found.verdict, "credentials" in found.seen) == (Verdict.NOT_RUN, True)
    assert checks["gateway-forged"].run(stage).verdict is Verdict.OTHERWISE


@pytest.mark.parametrize(
    ("ask", "good", "bad"),
    [
        (of_function_url.unsigned, reply(403), reply(302, Location=TARGET)),
        (of_cloudfront.body_of_get, reply(403), reply(302, Location=TARGET)),
        (fronts.foreign_host(GATEWAY), reply(403), reply(302, Location=TARGET)),
        (fronts.foreign_host(URL), reply(403), reply(302, Location=TARGET)),
        (
            of_cloudfront.uncached,
            reply(302, X_Cache="Miss from cloudfront"),
            reply(302, X_Cache="Hit from cloudfront", Age="3"),
        ),
        (
            of_gateway.renamed_headers,
            reply(401, x_amzn_Remapped_WWW_Authenticate="Bearer"),
            reply(401, WWW_Authenticate="Bearer"),
        ),
        (
            of_gateway.unknown_route,
            reply(404, Content_Type="application/problem+json", Access_Control_Allow_Origin="*"),
            reply(403, Content_Type="application/json"),
        ),
    ],
)
def test_responses_of_a_front_are_judged(ask: Callable[[Stage], Answer], good: Reply, bad: Reply) -> None:
    """By status and headers."""
    stage = Asked(outputs=BEHIND)

    for seen, is_expected in ((good, True), (bad, False)):
        stage.replies = lambda _, __, seen=seen: seen  # type: ignore[misc]  # a default that binds the loop's value
        assert ask(stage).is_expected is is_expected


@pytest.mark.parametrize(
    ("first", "second", "is_expected"),
    [(b"\x89PNG...", b"<svg ...", True), (b"iVBORw0KGgo", b"<svg ...", False), (b"\x89PNG...", b"iVBORw0KGgo", False)],
)
def test_base64_of_a_picture_is_noticed(*, first: bytes, second: bytes, is_expected: bool) -> None:
    """A picture must arrive as bytes."""
    stage, bodies = Asked(), iter((first, second))
    stage.replies = lambda _, __: reply(200, next(bodies))

    assert of_gateway.binary_answers(stage).is_expected is is_expected
