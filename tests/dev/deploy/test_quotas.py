"""A stage fits the account's Lambda quota, unless .chalice/deploy.json says otherwise."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from dev.deploy import quotas, stack
from dev.local import tables
from tests.paths import ROOT


class Account(stack.Cloud):
    """An account whose Lambda quota is scripted."""

    _client: Any

    @classmethod
    def with_quota(cls, account: int, unreserved: int | None = None) -> Account:
        """Return an account that may run so many at once, all of them unreserved unless said."""
        limit = {
            "ConcurrentExecutions": account,
            "UnreservedConcurrentExecutions": account if unreserved is None else unreserved,
        }
        return cls._scripted(lambda script: script.add_response("get_account_settings", {"AccountLimit": limit}))

    @classmethod
    def without_permission(cls) -> Account:
        """Return an account that does not tell its quota."""
        return cls._scripted(lambda script: script.add_client_error("get_account_settings", "AccessDeniedException"))

    @classmethod
    def _scripted(cls, prepare: Any) -> Account:
        made, client = cls("eu-west-1"), boto3.client("lambda")
        script = Stubber(client)
        prepare(script)
        script.activate()
        object.__setattr__(made, "_client", client)
        return made

    def client(self, service: str) -> Any:
        """Return the scripted client."""
        assert service == "lambda"
        return self._client


def defaults() -> dict[str, Any]:
    """Return the defaults of the template's parameters."""
    parameters = tables.template()["Parameters"]
    return {name: each.get("Default") for name, each in parameters.items()}


@pytest.mark.parametrize(
    ("concurrency", "carried", "let_in", "at_once", "counting"),
    [
        (10, "100", "100", "10", "2"),  # a new account
        (25, "250", "250", "25", "4"),
        (100, "1,000", "500", "100", "4"),
        (1000, "10,000", "500", "1000", "4"),
        (10_000, "100,000", "500", "1000", "4"),
    ],
)
def test_the_throttle_follows_the_quota(
    concurrency: int, carried: str, let_in: str, at_once: str, counting: str
) -> None:
    """Ten requests a second for each container, one at once; and no more than the template's defaults."""
    said: list[str] = []

    fitted = quotas.fitted(Account.with_quota(concurrency), {"LogDays": "7"}, said.append)

    assert fitted == {
        "LogDays": "7",
        "RequestsPerSecond": let_in,
        "RequestsAtOnce": at_once,
        "ClicksConcurrency": counting,
        "ClicksHiddenSeconds": "400",
    }
    assert f"up to {carried} requests a second" in said[0]
    assert f"lets in {let_in} a second" in said[0]
    assert f"by {counting} containers" in said[0]


def test_a_large_quota_keeps_the_defaults_of_the_template() -> None:
    """Both places have the same numbers."""
    fitted = quotas.fitted(Account.with_quota(1000), {}, lambda _: None)

    assert fitted == {name: str(defaults()[name]) for name in fitted}


@pytest.mark.parametrize(
    ("concurrency", "given", "asked"),
    [
        (10, {}, "1000"),
        (49, {}, "1000"),
        (50, {}, None),  # carries the default
        (1000, {}, None),
        (1000, {"RequestsPerSecond": "10000"}, None),
        (1000, {"RequestsPerSecond": "25001"}, "2501"),
        (100, {"RequestsPerSecond": "2000"}, "1000"),
    ],
)
def test_what_to_ask_for_is_a_command(concurrency: int, given: dict[str, str], asked: str | None) -> None:
    """Only where the quota carries less than is wanted, and for enough."""
    said: list[str] = []

    quotas.fitted(Account.with_quota(concurrency), given, said.append)

    told = [line for line in said if "aws service-quotas request-service-quota-increase" in line]
    assert len(told) == (asked is not None)
    if asked is not None:
        assert "--service-code lambda --quota-code L-B99A9384" in told[0]
        assert f"--desired-value {asked} --region eu-west-1" in told[0]


def test_reserved_concurrency_does_not_carry_this_service() -> None:
    """Another function's reserve is that function's."""
    fitted = quotas.fitted(Account.with_quota(130, unreserved=30), {}, lambda _: None)

    assert fitted["RequestsPerSecond"] == "300"


def test_deploy_json_comes_first() -> None:
    """Whatever the quota is."""
    given = {"RequestsPerSecond": "900", "RequestsAtOnce": "50", "ClicksConcurrency": "40"}

    fitted = quotas.fitted(Account.with_quota(10), given, lambda _: None)

    assert fitted.items() >= given.items()


def test_an_unreadable_quota_does_not_stop_a_deployment() -> None:
    """One sentence says so, and the parameters stay as they are."""
    said: list[str] = []

    fitted = quotas.fitted(Account.without_permission(), {"LogDays": "7"}, said.append)

    assert fitted == {"LogDays": "7", "ClicksHiddenSeconds": "400"}
    assert len(said) == 1
    assert said[0].startswith("The account's Lambda quota cannot be read")


@pytest.mark.parametrize(("wait", "hidden"), [("1", "381"), ("20", "400"), ("300", "680"), ("soon", "400")])
def test_clicks_are_hidden_for_longer_than_they_wait(wait: str, hidden: str) -> None:
    """AWS asks for six times the timeout of the function, and the time that clicks wait for each other."""
    fitted = quotas.fitted(Account.with_quota(1000), {"ClicksWaitSeconds": wait}, lambda _: None)

    assert fitted["ClicksHiddenSeconds"] == hidden


def test_every_number_that_is_fitted_is_documented() -> None:
    """docs/operate.md lists each parameter that deploy.json may set."""
    manual = (ROOT / "docs" / "operate.md").read_text("utf-8")
    internal = {
        "ArtifactBucket",
        "ArtifactKey",
        "ApiArtifactKey",
        "ClicksHiddenSeconds",
        "LocalStream",
    }  # by make deploy

    assert [name for name in defaults() if name not in internal and f"`{name}`" not in manual] == []
