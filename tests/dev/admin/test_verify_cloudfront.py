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
from dev.admin.checks.stage import TARGET
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
    config = {"DefaultCacheBehavior": behaviour(**default), "CacheBehaviors": {"Items": [behaviour(**other)]}}
    stage.cloud.client("cloudfront").get_distribution_config.return_value = {"DistributionConfig": config}

    assert of_cloudfront.behaviours(stage).is_expected is is_expected


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
