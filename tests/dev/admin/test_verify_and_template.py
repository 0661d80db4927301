"""What the checks of `make verify` expect of a stage, compared with the template that is packaged."""

from __future__ import annotations

from typing import Any

import pytest

from dev.admin.checks import of_cloudfront, of_functions
from dev.admin.checks.stage import FRONT, GATEWAY
from dev.deploy import package
from dev.deploy.front import CLOUDFRONT, Front

Template = dict[str, Any]


@pytest.fixture(scope="module")
def packaged() -> Template:
    """The template of prod behind CloudFront."""
    behind = Front(CLOUDFRONT, (CLOUDFRONT,))
    return package.build("prod", for_this_machine=True, fresh=False, behind=behind).content


@pytest.fixture(scope="module")
def at_gateway() -> Template:
    """The template of prod at API Gateway."""
    return package.build("prod", for_this_machine=True, fresh=False, behind=Front()).content


def alarms_of_groups(template: Template) -> list[int]:
    """Return how many alarms judge new code in each deployment group."""
    groups = [each for each in template["Resources"].values() if each["Type"] == "AWS::CodeDeploy::DeploymentGroup"]
    return [len(each["Properties"]["AlarmConfiguration"]["Alarms"]) for each in groups]


def test_uncached_is_the_policy_of_the_template(packaged: Template) -> None:
    """Written twice, so that a typo in one is noticed; of the behaviours, assets alone have another."""
    config = packaged["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    behaviours = [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]

    policies = {each["CachePolicyId"] for each in behaviours if each.get("PathPattern") != "/assets/*"}

    assert policies == {of_cloudfront.UNCACHED}


def test_errors_are_those_of_the_template(packaged: Template) -> None:
    """Each that the check expects to be listed is: with no time, and with no page."""
    listed = packaged["Resources"]["Distribution"]["Properties"]["DistributionConfig"]["CustomErrorResponses"]

    assert {each["ErrorCode"] for each in listed} >= {*of_cloudfront.ERRORS}
    assert all(each == {"ErrorCode": each["ErrorCode"], "ErrorCachingMinTTL": 0} for each in listed)


def test_judges_are_the_alarms_of_the_template(packaged: Template, at_gateway: Template) -> None:
    """Of the redirect and of the API, by what is in front."""
    assert alarms_of_groups(at_gateway) == [of_functions.JUDGES[GATEWAY]] * 2
    assert alarms_of_groups(packaged) == [of_functions.JUDGES[FRONT]] * 2
