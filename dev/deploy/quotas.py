"""Fits a stage to the account's Lambda quota: how many requests it lets in, and how many containers count clicks.

Nothing is reserved: 100 must stay unreserved, and new accounts have 10 in all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from dev.deploy.stack import Cloud

_PER_CONTAINER = 10  # requests a second that Lambda lets one container begin
_ENOUGH = 1000  # what an account has that has run for a while; the least to ask for

# The defaults of .chalice/resources.yaml. A larger quota does not raise them: the throttle is also what keeps the bill
# down, and more than four containers that count get into each other's way.
_REQUESTS_PER_SECOND = 500
_REQUESTS_AT_ONCE = 1000
_COUNTING = 4
_LEAST_COUNTING = 2  # the least that SQS takes as a maximum
_COUNTING_SHARE = 5  # a fifth of the quota counts clicks at the most; the rest is for visitors

_WAIT_SECONDS = 20  # the default of ClicksWaitSeconds
_HIDDEN_BEYOND_WAIT = 380  # seconds: six times the timeout of the function, which AWS asks for, and some more


@dataclass(frozen=True, slots=True)
class Quota:
    """How many containers of Lambda may run at once: in the account and region, and for functions without a reserve."""

    account: int
    unreserved: int

    @property
    def requests_per_second(self) -> int:
        """Return how many requests a second it carries, if nothing else runs in the account."""
        return self.unreserved * _PER_CONTAINER


def fitted(cloud: Cloud, given: Mapping[str, str], say: Callable[[str], None] = print) -> dict[str, str]:
    """Return the parameters of a stage: those ``given`` by .chalice/deploy.json, and others to fit the account's quota.

    A quota that cannot be read changes nothing, and is told.
    """
    hidden = _number(given, "ClicksWaitSeconds", _WAIT_SECONDS) + _HIDDEN_BEYOND_WAIT
    parameters = {"ClicksHiddenSeconds": str(hidden), **given}
    try:
        quota = _read(cloud)
    except (BotoCoreError, ClientError) as refused:
        say(f"The account's Lambda quota cannot be read, so the throttle does not follow it: {refused}")
        return parameters
    parameters = {**_limits(quota), **parameters}
    for line in _told(quota, parameters, cloud.region):
        say(line)
    return parameters


def _read(cloud: Cloud) -> Quota:
    limit = cloud.client("lambda").get_account_settings()["AccountLimit"]
    return Quota(limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"])


def _limits(quota: Quota) -> dict[str, str]:
    """Return the parameters for ``quota``: the defaults, or less where it carries less."""
    counting = max(_LEAST_COUNTING, min(_COUNTING, quota.unreserved // _COUNTING_SHARE))
    return {
        "RequestsPerSecond": str(min(_REQUESTS_PER_SECOND, quota.requests_per_second)),
        "RequestsAtOnce": str(min(_REQUESTS_AT_ONCE, quota.unreserved)),
        "ClicksConcurrency": str(counting),
    }


def _told(quota: Quota, parameters: Mapping[str, str], region: str) -> Iterator[str]:
    let_in = _number(parameters, "RequestsPerSecond", _REQUESTS_PER_SECOND)
    yield (
        f"Lambda runs {quota.account:,} at once in this account, {quota.unreserved:,} of them not reserved: up to"
        f" {quota.requests_per_second:,} requests a second. The API lets in {let_in:,} a second;"
        f" clicks are counted by {parameters['ClicksConcurrency']} containers at the most."
    )
    wanted = max(_REQUESTS_PER_SECOND, let_in)
    if quota.requests_per_second < wanted:
        asked = max(_ENOUGH, quota.account + 1, -(-wanted // _PER_CONTAINER))
        yield (
            f"For more, ask AWS for {asked:,} concurrent executions, which costs nothing, and deploy again:\n"
            "  aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384"
            f" --desired-value {asked} --region {region}"
        )


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    """Return a parameter as a number; CloudFormation refuses one that is none, by its name."""
    text = str(parameters.get(name, ""))
    return int(text) if text.isdecimal() else default
