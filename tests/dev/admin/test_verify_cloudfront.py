"""`make verify`: what is concluded from a distribution's settings and answers."""

from __future__ import annotations

from typing import Any

import pytest

from dev.admin import verify
from dev.admin.checks import (
    listed,
    of_cloudfront,
)
from dev.admin.checks.check import Finding, Verdict, report_of
from dev.admin.checks.stage import TARGET, Reply
from dev.deploy import stack
from tests.dev.admin.asked_stage import BEHIND, Asked, reply


def behaviour(**changes: Any) -> dict[str, Any]:
    """Return a behaviour of a distribution as it should be."""
    return {
        "PathPattern": "/v1/*",
        "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "FunctionAssociations": {"Items": [{"EventType": "viewer-request"}]},
        "AllowedMethods": {"Items": ["HEAD", "GET"]},
        **changes,
    }


def error(code: int, **changes: Any) -> dict[str, Any]:
    """Return an error as a distribution lists it: with no page, and not kept."""
    return {"ErrorCode": code, "ResponsePagePath": "", "ResponseCode": "", "ErrorCachingMinTTL": 0, **changes}


def distribution(**changes: Any) -> dict[str, Any]:
    """Return the settings of a distribution as they should be."""
    errors = [error(code) for code in (403, 404, 500, 502, 503, 504)]
    return {
        "DefaultCacheBehavior": behaviour(),
        "CacheBehaviors": {"Items": [behaviour()]},
        "CustomErrorResponses": {"Quantity": len(errors), "Items": errors},
        **changes,
    }


@pytest.mark.parametrize(
    ("default", "other", "is_expected"),
    [
        ({}, {}, True),
        ({}, {"PathPattern": "/assets/*", "CachePolicyId": "cached"}, True),
        ({}, {"CachePolicyId": "cached"}, False),
        ({}, {"FunctionAssociations": {}}, False),
        ({"CachePolicyId": "cached"}, {}, False),
        ({"AllowedMethods": {"Items": ["GET", "HEAD", "POST"]}}, {}, False),
    ],
)
def test_behaviours_are_read(
    *,
    monkeypatch: pytest.MonkeyPatch,
    default: dict[str, Any],
    other: dict[str, Any],
    is_expected: bool,
) -> None:
    """The function on each, the cache for assets alone, the default for reading alone."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"Distribution": "D1"})
    stage = Asked(outputs=BEHIND)
    behaviours = {"Items": [behaviour(**other)]}
    config = distribution(DefaultCacheBehavior=behaviour(**default), CacheBehaviors=behaviours)
    stage.cloud.client("cloudfront").get_distribution_config.return_value = {"DistributionConfig": config}

    assert of_cloudfront.behaviours(stage).is_expected is is_expected


@pytest.mark.parametrize(
    ("changed", "seen"),
    [
        ([], ""),
        ([error(410)], ""),
        ([error(404, ResponsePagePath="/404.html", ResponseCode="404")], "error pages: [404]"),
        ([error(503, ErrorCachingMinTTL=10)], "errors that are kept: [503]"),
        ([error(410, ErrorCachingMinTTL=1)], "errors that are kept: [410]"),
        ([{"ErrorCode": 500, "ResponsePagePath": "", "ResponseCode": ""}], "errors that are kept: [500]"),
        (None, "errors that are kept: [403, 404, 500, 502, 503, 504]"),
    ],
)
def test_errors_are_listed_to_be_asked_anew(
    *, monkeypatch: pytest.MonkeyPatch, changed: list[dict[str, Any]] | None, seen: str
) -> None:
    """Each that CloudFront keeps by itself, with no page, which would stand in the place of the API's documents."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"Distribution": "D1"})
    stage = Asked(outputs=BEHIND)
    config = distribution()
    items = {each["ErrorCode"]: each for each in [*config["CustomErrorResponses"]["Items"], *(changed or [])]}
    config["CustomErrorResponses"] = {"Quantity": 0} if changed is None else {"Items": list(items.values())}
    stage.cloud.client("cloudfront").get_distribution_config.return_value = {"DistributionConfig": config}

    answer = of_cloudfront.behaviours(stage)

    assert answer.is_expected is not bool(seen)
    assert (seen or "error pages: [], errors that are kept: []") in answer.seen


def answers(*headers: dict[str, Any], status: int = 404) -> list[Reply]:
    """Return the answers to four requests: two for each address."""
    return [reply(status, **each) for each in headers]


FRESH: list[dict[str, Any]] = [{"X_Cache": "Error from cloudfront", "X_Request_Id": str(number)} for number in range(4)]
UNNAMED: list[dict[str, Any]] = [{"X_Cache": "Error from cloudfront"}] * 2


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (answers(*FRESH), Verdict.AS_EXPECTED),
        (answers(*UNNAMED, *FRESH[2:]), Verdict.AS_EXPECTED),
        (answers(*FRESH, status=403), Verdict.AS_EXPECTED),
        (answers(FRESH[0], FRESH[1] | {"Age": "0"}, *FRESH[2:]), Verdict.OTHERWISE),
        (answers(*FRESH[:3], FRESH[3] | {"Age": "3"}), Verdict.OTHERWISE),
        (answers(*FRESH[:2], FRESH[2], FRESH[3] | {"X_Cache": "Hit from cloudfront"}), Verdict.OTHERWISE),
        (answers(*FRESH[:2], FRESH[2], FRESH[3] | {"X_Cache": "RefreshHit from cloudfront"}), Verdict.OTHERWISE),
        (answers(*FRESH[:3], FRESH[2]), Verdict.OTHERWISE),
        (answers(*FRESH, status=302), Verdict.NOT_RUN),
    ],
)
def test_errors_that_are_kept_are_noticed(*, given: list[Reply], verdict: Verdict) -> None:
    """By their age, by what the cache says, and by an id that another request had: of the API and of the redirect."""
    stage, left = Asked(outputs=BEHIND), iter(given)
    stage.replies = lambda _, __: next(left)
    asked = next(each for each in listed.CHECKS if each.name == "cloudfront-errors")

    found = asked.run(stage)

    assert found.verdict is verdict
    assert len(stage.sent) + 1 <= asked.requests
    assert "front 9" in asked.facts


@pytest.mark.parametrize(
    ("country", "location", "is_expected"),
    [
        ("PT", "/x/qr", True),
        (None, "/x/qr", False),
        ("ZZ", "/x/qr", False),
        ("PT", "", False),
        ("PT", None, False),
    ],
)
def test_visit_by_way_of_the_api_has_its_country(
    *, monkeypatch: pytest.MonkeyPatch, country: str | None, location: str | None, is_expected: bool
) -> None:
    """On a path that a behaviour sends to the API, as one that ends with /qr."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"Distribution": "D1"})
    stage = Asked(outputs=BEHIND)
    config = {"CacheBehaviors": {"Items": [behaviour(PathPattern="/*/qr")]}}
    stage.cloud.client("cloudfront").get_distribution_config.return_value = {"DistributionConfig": config}
    stage.replies = lambda _, __: reply(302, Location=TARGET + location) if location is not None else reply(403)
    stage.rows = [{"country": country}]

    assert of_cloudfront.country_by_the_api(stage).is_expected is is_expected
    assert stage.sent[-1][2].endswith("/x/qr")


def test_checks_of_cloudfront_are_not_run_at_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them says which front there is."""
    monkeypatch.setattr(stack, "resources", lambda *_: {})
    stage = Asked()
    names = [
        each for each in listed.CHECKS if each.name.startswith(("cloudfront-", "url-")) and each.name != "url-throttled"
    ]

    assert len(names) > 8
    for each in names:
        assert each.run(stage) == Finding(Verdict.NOT_HERE, "The front of this stage is gateway.")


def test_no_check_shows_what_the_distribution_proves_itself_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings have the secret among the origins: neither a command nor what is seen has those."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"Distribution": "D1"})
    stage = Asked(outputs=BEHIND)
    proof = {"Items": [{"HeaderName": "X-Front-Secret", "HeaderValue": "the-secret"}]}
    config = {
        "DefaultCacheBehavior": behaviour(),
        "CacheBehaviors": {"Items": [behaviour(PathPattern="/*/qr")]},
        "Origins": {"Items": [{"Id": "redirect", "OriginCustomHeaders": proof}]},
    }
    stage.cloud.client("cloudfront").get_distribution_config.return_value = {"DistributionConfig": config}
    checks = [each for each in listed.CHECKS if each.name.startswith("cloudfront-")]

    assert "Origins" not in of_cloudfront._distribution(stage)  # noqa: SLF001  # what checks can show at all
    assert len(checks) > 6
    assert "the-secret" not in report_of([], verify.run(stage, checks))
    reading = [each.command for each in listed.CHECKS if "get-distribution" in each.command]
    assert len(reading) == 1
    for command in reading:
        shown = command.rpartition("--query ")[2]
        assert shown == "'DistributionConfig.[DefaultCacheBehavior,CacheBehaviors,CustomErrorResponses]'"
