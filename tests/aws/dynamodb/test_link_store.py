"""The table of links: what is stored comes back, and a code belongs to one link for ever."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib.aws import link_table, pages
from chalicelib.aws.claims import Claim
from chalicelib.core.link import Link
from chalicelib.core.rules import Rule
from chalicelib.errors import CodeTaken, StoreUnavailable, UrlClaimed

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FULL = Link(
    code="sale",
    url="https://example.com/sale?a=1#top",
    created_at=NOON,
    updated_at=NOON,
    expires_at=NOON + timedelta(days=1),
    permanent=True,
    unguessable=True,
    title="Sale ✓",
    note="two\nlines",
    tags=("b", "a"),
    enabled=False,
    owner="ann",
    created_by="laptop",
    external_id="order-7",
    manage_digest="0" * 64,
    version=1,
    starts_at=NOON - timedelta(days=1),
    max_visits=100,
    confirm=True,
    password_digest="scrypt$16384$8$1$00$00",
    rules=(Rule(url="https://example.com/ios", device=("ios",), weight=50),),
    forward_query=True,
    forward_path=True,
    fallback_url="https://example.com/over",
    blocked="phishing",
    blocked_host="example.com",
)


def claim_at(now: datetime) -> Claim:
    """Return a claim on a wish, made at ``now`` by the link called sale, that holds for a minute."""
    code = {"code": {"S": "sale"}}
    return Claim("url#wish", now, lambda item: UrlClaimed(item["code"]["S"]), code, now + timedelta(minutes=1))


@pytest.mark.parametrize("link", [FULL, Link(code="bare", url="https://example.com/")], ids=["full", "bare"])
@pytest.mark.usefixtures("aws")
def test_what_is_stored_comes_back(link: Link) -> None:
    """A link survives DynamoDB's dialect unchanged."""
    link_table.add(link, "request-1")

    assert link_table.find(link.code) == link
    assert link_table.find_now(link.code) == link


@pytest.mark.usefixtures("aws")
def test_a_table_of_the_talk_is_read_as_it_is() -> None:
    """An item of nothing but `code` and `originalUrl` is a link."""
    boto3.client("dynamodb").put_item(
        TableName="url-shortener", Item={"code": {"S": "old"}, "originalUrl": {"S": "https://example.com/old"}}
    )

    assert link_table.find("old") == Link(code="old", url="https://example.com/old")


@pytest.mark.usefixtures("aws")
def test_an_item_that_leads_nowhere_is_no_link() -> None:
    """What another program keeps in the table is unknown, and its code is taken all the same."""
    boto3.client("dynamodb").put_item(TableName="url-shortener", Item={"code": {"S": "sale"}})

    assert link_table.find("sale") is None
    with pytest.raises(CodeTaken):
        link_table.add(FULL, "request")


@pytest.mark.parametrize(
    ("expires_at", "moment"),
    [
        ({"N": "1795521600"}, NOON),
        ({"N": "1795521600.9"}, NOON),
        ({"N": "0"}, datetime(1970, 1, 1, tzinfo=UTC)),
        ({"N": "1795521600000000"}, None),
        ({"N": "1e125"}, None),
        ({"S": "2026-11-24T12:00:00Z"}, NOON),
        ({"S": "some day"}, None),
        ({"NULL": True}, None),
    ],
    ids=str,
)
@pytest.mark.usefixtures("aws")
def test_an_end_may_be_written_as_time_to_live(expires_at: dict[str, Any], moment: datetime | None) -> None:
    """Seconds since 1970 are what DynamoDB's TTL wants; what can be no time is no end."""
    item = {"code": {"S": "old"}, "originalUrl": {"S": "https://example.com/"}, "expiresAt": expires_at}
    boto3.client("dynamodb").put_item(TableName="url-shortener", Item=item)

    assert link_table.find("old") == Link(code="old", url="https://example.com/", expires_at=moment)


@pytest.mark.usefixtures("aws")
def test_attributes_of_another_type_are_not_ours() -> None:
    """A table from elsewhere may use our names for something else: the link is read without them."""
    item: dict[str, Any] = {
        "code": {"S": "old"},
        "originalUrl": {"S": "https://example.com/"},
        "tags": {"SS": ["a"]},
        "version": {"S": "two"},
        "maxVisits": {"S": "many"},
        "spent": {"N": "1.5"},
        "rules": {"S": "none"},
        "startsAt": {"BOOL": True},
    }
    boto3.client("dynamodb").put_item(TableName="url-shortener", Item=item)

    assert link_table.find("old") == Link(code="old", url="https://example.com/")


@pytest.mark.usefixtures("aws")
def test_a_missing_code_is_none() -> None:
    """Nothing is found where nothing is."""
    assert link_table.find("nobody") is None
    assert link_table.find_now("nobody") is None


@pytest.mark.usefixtures("aws")
def test_a_taken_code_is_never_overwritten() -> None:
    """The second taker is refused; the first link stays as it was."""
    link_table.add(FULL, "request-1")

    with pytest.raises(CodeTaken):
        link_table.add(Link(code="sale", url="https://example.com/other"), "request-2")

    assert link_table.find("sale") == FULL


@pytest.mark.usefixtures("aws")
def test_the_same_request_may_arrive_twice() -> None:
    """A retry whose first answer was lost finds its own link and is content."""
    link_table.add(FULL, "request-1")

    link_table.add(FULL, "request-1")

    assert link_table.find("sale") == FULL


@pytest.mark.usefixtures("aws")
def test_links_to_one_url_come_newest_first() -> None:
    """The index by URL knows every link to it, and none to another."""
    for day, code in enumerate(("oldest", "middle", "newest")):
        link_table.add(Link(code=code, url="https://example.com/", created_at=NOON + timedelta(days=day)), code)
    link_table.add(Link(code="other", url="https://example.com/other", created_at=NOON), "other")

    found = [link.code for link in link_table.find_by_url("https://example.com/", None)]
    assert found == ["newest", "middle", "oldest"]


@pytest.mark.usefixtures("aws")
def test_of_two_claims_on_one_wish_one_holds() -> None:
    """While a claim holds, a second link for it is not stored, and the first one's code is told."""
    link_table.add(FULL, "request-1", [claim_at(NOON)])

    with pytest.raises(UrlClaimed) as claimed:
        link_table.add(Link(code="second", url=FULL.url), "request-2", [claim_at(NOON)])

    assert claimed.value.link_code == "sale"
    assert link_table.find_now("second") is None


@pytest.mark.usefixtures("aws")
def test_a_claimed_request_may_arrive_twice() -> None:
    """A retry of a claim whose first answer was lost is content."""
    link_table.add(FULL, "request-1", [claim_at(NOON)])

    link_table.add(FULL, "request-1", [claim_at(NOON)])

    assert link_table.find("sale") == FULL


@pytest.mark.usefixtures("aws")
def test_a_claim_is_over_after_a_minute() -> None:
    """TTL deletes days late, so time alone must end a claim."""
    link_table.add(FULL, "request-1", [claim_at(NOON)])

    link_table.add(Link(code="second", url=FULL.url), "request-2", [claim_at(NOON + timedelta(seconds=61))])

    assert link_table.find_now("second") is not None


@pytest.mark.usefixtures("aws")
def test_a_claim_never_takes_a_code_that_is_taken() -> None:
    """Link and claim are stored together or not at all."""
    link_table.add(FULL, "request-1")

    with pytest.raises(CodeTaken):
        link_table.add(Link(code="sale", url="https://example.com/other"), "request-2", [claim_at(NOON)])

    link_table.add(Link(code="free", url="https://example.com/other"), "request-3", [claim_at(NOON)])
    assert link_table.find("sale") == FULL


@pytest.mark.parametrize(
    "call",
    [
        lambda: link_table.find("x"),
        lambda: link_table.find_now("x"),
        lambda: link_table.add(FULL, "request"),
        lambda: link_table.add(FULL, "request", [claim_at(NOON)]),
        lambda: list(link_table.find_by_url("https://example.com/", None)),
    ],
    ids=["find", "find_now", "add", "add with a claim", "find_by_url"],
)
@pytest.mark.usefixtures("aws")
def test_a_missing_table_is_said_in_our_words(call: Callable[[], object]) -> None:
    """Whatever DynamoDB refuses reaches callers as one error, with the cause for the log."""
    boto3.client("dynamodb").delete_table(TableName="url-shortener")

    with pytest.raises(StoreUnavailable) as failure:
        call()

    assert failure.value.__cause__ is not None
    assert not link_table.answers()


@pytest.mark.usefixtures("aws")
def test_many_keys_take_many_calls() -> None:
    """However many: DynamoDB reads a hundred in one."""
    link_table.add(FULL, "request")
    keys = [{"code": {"S": code}} for code in ("sale", *(f"none-{number}" for number in range(900)))]

    assert [item["code"]["S"] for item in pages.items_under("url-shortener", keys)] == ["sale"]
