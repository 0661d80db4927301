"""The table of links: links survive the round trip, and a code belongs to one link for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib.aws.dynamodb import link_store, queries
from chalicelib.aws.dynamodb.claim_store import Claim
from chalicelib.aws.dynamodb.errors import CodeTaken, LinkChanged, UrlClaimed
from chalicelib.core.links import target_url
from chalicelib.core.links.link import Link
from chalicelib.core.links.rules import Rule
from chalicelib.errors import StoreUnavailable

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FULL = Link(
    id="sale",
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
    moved_at=NOON,
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

LONG = "https://example.com/" + "x" * 7_980


def claim_at(now: datetime) -> Claim:
    """Return a claim on a request's URL, made at ``now`` by the link called sale, and valid for a minute."""
    code = {"code": {"S": "sale"}}
    return Claim("url#request", now, lambda item: UrlClaimed(item["code"]["S"]), code, now + timedelta(minutes=1))


@pytest.mark.parametrize(
    "link",
    [FULL, Link(id="bare", url="https://example.com/"), replace(FULL, url=LONG)],
    ids=["full", "bare", "a long URL"],
)
@pytest.mark.usefixtures("aws")
def test_link_survives_the_round_trip(link: Link) -> None:
    """Every field is stored and read unchanged."""
    link_store.add(link, "request-1")

    assert link_store.find(link.code) == link
    assert link_store.find_now(link.code) == link


@pytest.mark.usefixtures("aws")
def test_minimal_item_is_a_link() -> None:
    """An item with only `code` and `originalUrl`, as in older tables."""
    boto3.client("dynamodb").put_item(
        TableName="url-shortener", Item={"code": {"S": "old"}, "originalUrl": {"S": "https://example.com/old"}}
    )

    assert link_store.find("old") == Link(id="old", url="https://example.com/old")


@pytest.mark.usefixtures("aws")
def test_item_without_a_url_is_not_a_link() -> None:
    """The code is unknown, but cannot be used for a new link."""
    boto3.client("dynamodb").put_item(TableName="url-shortener", Item={"code": {"S": "sale"}})

    assert link_store.find("sale") is None
    with pytest.raises(CodeTaken):
        link_store.add(FULL, "request")


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
def test_expiry_may_be_a_ttl_number(expires_at: dict[str, Any], moment: datetime | None) -> None:
    """Seconds since 1970, as DynamoDB's TTL requires; an impossible time is no expiry."""
    item = {"code": {"S": "old"}, "originalUrl": {"S": "https://example.com/"}, "expiresAt": expires_at}
    boto3.client("dynamodb").put_item(TableName="url-shortener", Item=item)

    assert link_store.find("old") == Link(id="old", url="https://example.com/", expires_at=moment)


@pytest.mark.usefixtures("aws")
def test_attributes_of_another_type_are_ignored() -> None:
    """A table of another program may use the same names differently."""
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

    assert link_store.find("old") == Link(id="old", url="https://example.com/")


@pytest.mark.usefixtures("aws")
def test_missing_link_is_none() -> None:
    """Both reads return None for a code that does not exist."""
    assert link_store.find("nobody") is None
    assert link_store.find_now("nobody") is None


@pytest.mark.usefixtures("aws")
def test_used_code_is_never_overwritten() -> None:
    """The second link is refused; the first one is unchanged."""
    link_store.add(FULL, "request-1")

    with pytest.raises(CodeTaken):
        link_store.add(Link(id="sale", url="https://example.com/other"), "request-2")

    assert link_store.find("sale") == FULL


@pytest.mark.usefixtures("aws")
def test_repeated_request_succeeds() -> None:
    """A retry after a lost response finds its own link."""
    link_store.add(FULL, "request-1")

    link_store.add(FULL, "request-1")

    assert link_store.find("sale") == FULL


@pytest.mark.usefixtures("aws")
def test_links_to_one_url_are_listed_newest_first() -> None:
    """The index has every link to a URL, and none to another."""
    for day, code in enumerate(("oldest", "middle", "newest")):
        link_store.add(Link(id=code, url="https://example.com/", created_at=NOON + timedelta(days=day)), code)
    link_store.add(Link(id="other", url="https://example.com/other", created_at=NOON), "other")

    found = [link.code for link in link_store.find_by_url("https://example.com/", None, "")]
    assert found == ["newest", "middle", "oldest"]


@pytest.mark.parametrize("length", [2_048, 2_049, 8_000])
@pytest.mark.usefixtures("aws")
def test_links_to_a_long_url_are_found(length: int) -> None:
    """By the whole URL, not by the prefix that fits into a key."""
    url = "https://example.com/".ljust(length, "x")
    for code, leads_to in (("one", url), ("two", url), ("longer", f"{url}x"), ("other", f"{url[:-1]}y")):
        link_store.add(Link(id=code, url=leads_to, created_at=NOON), code)

    assert {link.code for link in link_store.find_by_url(url, None, "")} == {"one", "two"}


@pytest.mark.parametrize("url", ["https://example.com/".ljust(2_048, "x"), "https://example.com/" + "ü" * 1_014])
@pytest.mark.usefixtures("aws")
def test_url_that_fits_into_a_key_is_stored_as_original_url(url: str) -> None:
    """Up to 2,048 bytes any version that reads `originalUrl` finds the target."""
    link_store.add(Link(id="sale", url=url), "request")

    assert item_of("sale") == {"code": {"S": "sale"}, "originalUrl": {"S": url}, "requestId": {"S": "request"}}


@pytest.mark.usefixtures("aws")
def test_long_url_is_unknown_to_older_versions() -> None:
    """A version that reads only `originalUrl` finds no web address, and treats the code as unknown."""
    link_store.add(Link(id="sale", url=LONG), "request")

    item = item_of("sale")
    assert len(item["originalUrl"]["S"].encode()) <= 2_048
    assert target_url.servable(item["originalUrl"]["S"]) is None
    assert item["longUrl"] == {"S": LONG}


@pytest.mark.parametrize(("before", "after"), [(FULL.url, LONG), (LONG, FULL.url), (LONG, f"{LONG[:-1]}y")])
@pytest.mark.usefixtures("aws")
def test_url_may_change_between_short_and_long(before: str, after: str) -> None:
    """Nothing is left of the former URL."""
    old = replace(FULL, url=before)
    new = replace(old, url=after, version=2)
    link_store.add(old, "request")

    link_store.change(old, new, "change")

    assert link_store.find_now("sale") == new
    assert before not in str(item_of("sale"))


@pytest.mark.parametrize("spent", [0, 3])
@pytest.mark.usefixtures("aws")
def test_concurrent_visits_are_not_overwritten(spent: int) -> None:
    """Visits do not change the version; a change of the spent visits is refused if there was one."""
    seen = Link(id="sale", url=FULL.url, max_visits=10, visits_spent=spent, version=1)
    link_store.add(seen, "request")
    assert link_store.spend_visit(seen, None) is None

    with pytest.raises(LinkChanged):
        link_store.change(seen, replace(seen, visits_spent=5, version=2), "change")

    now = link_store.find_now("sale")
    assert now == replace(seen, visits_spent=spent + 1)
    link_store.change(now, replace(now, visits_spent=5, version=2), "change")
    assert link_store.find_now("sale") == replace(seen, visits_spent=5, version=2)


@pytest.mark.usefixtures("aws")
def test_change_by_an_older_version_takes_effect() -> None:
    """It writes only `originalUrl`."""
    link_store.add(Link(id="sale", url=LONG), "request")
    boto3.client("dynamodb").update_item(
        TableName="url-shortener",
        Key={"code": {"S": "sale"}},
        UpdateExpression="SET originalUrl = :url",
        ExpressionAttributeValues={":url": {"S": "https://example.com/new"}},
    )

    assert link_store.find_now("sale") == Link(id="sale", url="https://example.com/new")


def item_of(code: str) -> dict[str, Any]:
    """Return the item of a code."""
    found = boto3.client("dynamodb").get_item(TableName="url-shortener", Key={"code": {"S": code}})
    return dict(found["Item"])


@pytest.mark.usefixtures("aws")
def test_second_claim_on_a_url_is_refused() -> None:
    """While a claim is valid, a second link is not stored, and the error has the code of the first."""
    link_store.add(FULL, "request-1", [claim_at(NOON)])

    with pytest.raises(UrlClaimed) as claimed:
        link_store.add(Link(id="second", url=FULL.url), "request-2", [claim_at(NOON)])

    assert claimed.value.link_code == "sale"
    assert link_store.find_now("second") is None


@pytest.mark.usefixtures("aws")
def test_repeated_request_with_a_claim_succeeds() -> None:
    """A retry after a lost response finds its own claim."""
    link_store.add(FULL, "request-1", [claim_at(NOON)])

    link_store.add(FULL, "request-1", [claim_at(NOON)])

    assert link_store.find("sale") == FULL


@pytest.mark.usefixtures("aws")
def test_claim_expires_after_a_minute() -> None:
    """TTL deletes days late, so the time alone must end a claim."""
    link_store.add(FULL, "request-1", [claim_at(NOON)])

    link_store.add(Link(id="second", url=FULL.url), "request-2", [claim_at(NOON + timedelta(seconds=61))])

    assert link_store.find_now("second") is not None


@pytest.mark.usefixtures("aws")
def test_claim_and_link_are_stored_together() -> None:
    """Where the code is in use, the claim is not stored either."""
    link_store.add(FULL, "request-1")

    with pytest.raises(CodeTaken):
        link_store.add(Link(id="sale", url="https://example.com/other"), "request-2", [claim_at(NOON)])

    link_store.add(Link(id="free", url="https://example.com/other"), "request-3", [claim_at(NOON)])
    assert link_store.find("sale") == FULL


@pytest.mark.parametrize(
    "call",
    [
        lambda: link_store.find("x"),
        lambda: link_store.find_now("x"),
        lambda: link_store.add(FULL, "request"),
        lambda: link_store.add(FULL, "request", [claim_at(NOON)]),
        lambda: list(link_store.find_by_url("https://example.com/", None, "")),
    ],
    ids=["find", "find_now", "add", "add with a claim", "find_by_url"],
)
@pytest.mark.usefixtures("aws")
def test_missing_table_raises_store_unavailable(call: Callable[[], object]) -> None:
    """Any DynamoDB error becomes one exception, with its cause for the log."""
    boto3.client("dynamodb").delete_table(TableName="url-shortener")

    with pytest.raises(StoreUnavailable) as failure:
        call()

    assert failure.value.__cause__ is not None
    assert not link_store.is_available()


@pytest.mark.usefixtures("aws")
def test_any_number_of_keys_is_read() -> None:
    """DynamoDB reads a hundred in one call."""
    link_store.add(FULL, "request")
    keys = [{"code": {"S": code}} for code in ("sale", *(f"none-{number}" for number in range(900)))]

    assert [item["code"]["S"] for item in queries.items_by_key("url-shortener", keys)] == ["sale"]
