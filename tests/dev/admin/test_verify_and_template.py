"""What the checks of `make verify` expect of a stage, compared with the template that is packaged."""

from __future__ import annotations

from typing import Any

import pytest

from dev.admin.checks import of_fronts
from dev.deploy import package
from dev.deploy.front import CLOUDFRONT, Front

Template = dict[str, Any]


@pytest.fixture(scope="module")
def packaged() -> Template:
    """The template of prod behind CloudFront."""
    behind = Front(CLOUDFRONT, (CLOUDFRONT,))
    return package.build("prod", for_this_machine=True, fresh=False, behind=behind).content


def test_uncached_is_the_policy_of_the_template(packaged: Template) -> None:
    """Written twice, so that a typo in one is noticed; of the behaviours, assets alone have another."""
    config = packaged["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    behaviours = [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]

    policies = {each["CachePolicyId"] for each in behaviours if each.get("PathPattern") != "/assets/*"}

    assert policies == {of_fronts.UNCACHED}
