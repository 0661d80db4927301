"""One table of three is restored to an earlier time, as docs/operate.md says, and the other two go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chalicelib.aws import link_cache
from chalicelib.aws.dynamodb import claim_store, click_store, link_store
from chalicelib.errors import ExternalIdTaken
from chalicelib.settings import settings
from chalicelib.usecases import authenticate, block_hosts, find_link, identify_visitor, track_visit
from dev.admin.copy_table import copy_missing
from dev.local import tables
from tests import rows
from tests.api.test_clicks import count, queued, visit
from tests.callers import Keyed, make_key

EARLY, LATE, MOVED = (f"https://example.com/{name}" for name in ("early", "late", "moved"))
Restore = Callable[[str], None]


def copied(source: str, target: str) -> None:
    """Make the table ``target`` anew, with the keys, indexes and items of ``source``."""
    dynamodb = boto3.client("dynamodb")
    described = next(each for each in tables.described() if each["TableName"] == source.removesuffix("-earlier"))
    if target in dynamodb.list_tables()["TableNames"]:
        dynamodb.delete_table(TableName=target)
    made_of = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    dynamodb.create_table(TableName=target, **{name: described[name] for name in made_of if name in described})
    copy_missing(dynamodb, source, target)


def new_containers() -> None:
    """Forget what containers have cached."""
    for cache in (link_cache, authenticate, identify_visitor, track_visit, click_store):
        cache.reset()


@pytest.fixture
def restore(ann: Keyed) -> Iterator[Restore]:  # the key is there from the beginning
    """Restore a table to the moment at which there was the link ``early`` alone, visited once."""
    create(ann, "early", EARLY)
    follow_and_count("early")
    names = [each["TableName"] for each in tables.described()]
    for name in names:
        copied(name, f"{name}-earlier")

    def restored(name: str) -> None:
        copied(f"{name}-earlier", name)
        new_containers()

    yield restored
    new_containers()


def create(owner: Keyed, alias: str, url: str) -> Any:
    """Create a link with everything that makes a claim."""
    body = {"url": url, "alias": alias, "externalId": f"order-{alias}"}
    return owner("POST", "/links", body, Idempotency_Key=f"key-{alias}")


def follow_and_count(code: str) -> Any:
    """Follow a link, and count the click; return the response."""
    response = visit(f"/{code}", request_id=f"visit-{code}-{datetime.now(UTC).timestamp()}")
    assert count(queued()) == {"batchItemFailures": []}
    return response


def nights() -> None:
    """Run the nightly jobs of tomorrow."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(hour=2)  # earlier, a day may not be folded yet
    for night in (tomorrow, tomorrow + timedelta(days=1)):
        assert rows.close_night(night) == 0
    assert block_hosts.sweep(tomorrow, lambda: True).is_whole


def still_open() -> set[str]:
    """Return the links and owners that have an open day, of the two on which this test may run."""
    now = datetime.now(UTC)
    days = ((now - timedelta(days=back)).date().isoformat() for back in range(2))
    return {subject for day in days for subject in click_store.open_subjects(day)}


@pytest.mark.parametrize("table", ["url-shortener", "url-shortener-access", "url-shortener-clicks"])
def test_a_service_with_one_restored_table_works(ann: Keyed, restore: Restore, table: str) -> None:
    """No call fails, no code leads where it never led, and the nightly jobs do all of their work."""
    late = create(ann, "late", LATE)
    ann("PATCH", "/links/early", {"url": MOVED, "title": "Moved"})
    follow_and_count("late")
    kept = make_key("ann", name="kept") if table != settings.access_table else ann.key
    restore(table)
    owner = Keyed(ann._http, kept)  # noqa: SLF001  # the same client, with a key that is certainly there

    followed = {code: follow_and_count(code) for code in ("early", "late")}
    calls = [
        create(owner, "early", EARLY),
        create(owner, "late", LATE),
        create(owner, "new", "https://example.com/new"),
        owner("POST", "/links", {"url": LATE, "externalId": "order-late", "findExisting": True}),
        owner("PATCH", "/links/early", {"title": "After"}),
        owner("PATCH", "/links/ext:order-early", {"externalId": "order-again"}),
        *(owner.get(f"/links/{code}{view}") for code in ("early", "late") for view in ("", "/stats", "/history")),
        owner.get("/links"),
        owner.get("/stats"),
        owner("DELETE", "/links/early"),
        owner("DELETE", "/links/late"),
        create(owner, "other", "https://example.com/other"),
    ]
    nights()

    assert late.status_code == 201
    assert [call.status_code for call in calls if call.status_code >= 500] == []
    targets = {code: response["headers"]["Location"] for code, response in followed.items()}
    gone = settings.base_url
    assert targets["early"] == (EARLY if table == settings.links_table else MOVED)
    assert targets["late"] == (gone if table == settings.links_table else LATE)


def test_a_lost_link_can_be_created_again(ann: Keyed, restore: Restore) -> None:
    """Its externalId is not taken by a link that is gone, in single calls, in many at once, and in dry runs."""
    create(ann, "late", LATE)
    restore(settings.links_table)
    row = {"url": LATE, "externalId": "order-late"}

    dry = ann("POST", "/links/bulk?dryRun=true", {"links": [row]}).json_body["data"]
    again = ann("POST", "/links", row)
    twice = ann("POST", "/links", row)

    assert "link" in dry[0]
    assert (again.status_code, twice.status_code) == (201, 409)
    assert ann.get("/links/ext:order-late").json_body["code"] == again.json_body["code"]


def test_an_externalid_of_a_lost_link_can_be_given_to_another(ann: Keyed, restore: Restore) -> None:
    """By a change as well."""
    create(ann, "late", LATE)
    restore(settings.links_table)

    changed = ann("PATCH", "/links/early", {"externalId": "order-late"})

    assert changed.status_code == 200
    assert ann.get("/links/ext:order-late").json_body["code"] == "early"
    assert ann.get("/links/ext:order-early").status_code == 404


def test_a_lost_claim_is_replaced_once(ann: Keyed, restore: Restore) -> None:
    """Of two requests that have both seen that the link is gone, one gets its externalId."""
    create(ann, "late", LATE)
    restore(settings.links_table)
    seen = claim_store.external_item("ann", "order-late")
    first = ann.make(url=LATE, alias="late", externalId="order-late")  # the lost link's own code
    now = datetime.now(UTC)
    link = link_store.find_now(first["code"])
    assert link is not None

    (claim,) = find_link.claims_for(link, now)
    stale = type(claim)(claim.id, now, claim.conflict, claim.attributes, lost=seen)

    assert seen["code"] == {"S": "late"}
    with pytest.raises(ExternalIdTaken):
        claim_store.add(stale)


@pytest.fixture
def an_hour_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let an hour pass: so long takes what a restored table takes."""
    return lambda: monkeypatch.setattr("chalicelib.clock.now", lambda: datetime.now(UTC) + timedelta(hours=1))


def test_a_retry_creates_a_lost_link_again(ann: Keyed, restore: Restore, an_hour_later: Callable[[], None]) -> None:
    """Its stored response would name a dead link; the next retry gets the new response."""
    before = create(ann, "late", LATE)
    restore(settings.links_table)
    an_hour_later()

    again, replayed = create(ann, "late", LATE), create(ann, "late", LATE)

    assert (before.status_code, again.status_code, replayed.status_code) == (201, 201, 201)
    assert "Idempotency-Replayed" not in again.headers
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert replayed.json_body == again.json_body
    assert follow_and_count("late")["headers"]["Location"] == LATE


def test_a_retry_never_names_the_link_of_another(
    ann: Keyed, restore: Restore, an_hour_later: Callable[[], None]
) -> None:
    """A code that was lost is free, and may be given out again before the retry comes."""
    create(ann, "late", LATE)
    restore(settings.links_table)
    an_hour_later()
    bob = Keyed(ann._http, make_key("bob"))  # noqa: SLF001  # another owner, with the same client
    bob.make(url="https://example.com/bob", alias="late")

    retried = create(ann, "late", LATE)

    assert (retried.status_code, retried.json_body["code"]) == (409, "alias-taken")


def test_a_retry_for_a_deleted_link_is_still_a_replay(
    ann: Keyed,
    restore: Restore,  # noqa: ARG001  # the link early
    an_hour_later: Callable[[], None],
) -> None:
    """Deleting is final: its code stays taken, and the response is the stored one."""
    an_hour_later()
    ann("DELETE", "/links/early")

    retried = create(ann, "early", EARLY)

    assert (retried.status_code, retried.headers["Idempotency-Replayed"]) == (201, "true")
    assert ann.get("/links/early").status_code == 404


def test_a_lost_externalid_names_no_other_link(ann: Keyed, restore: Restore) -> None:
    """The code of the lost link is another link's now, which has no externalId."""
    create(ann, "late", LATE)
    restore(settings.links_table)
    ann.make(url="https://example.com/another", alias="late")

    assert ann.get("/links/ext:order-late").status_code == 404
    assert ann("DELETE", "/links/ext:order-late").status_code == 404
    assert ann.get("/links/late").status_code == 200


def test_a_link_without_its_claim_releases_none(ann: Keyed, restore: Restore) -> None:
    """With the claims, uniqueness of externalIds is lost for links made since; deleting one frees no other's."""
    create(ann, "late", LATE)
    restore(settings.access_table)
    second = ann.make(url=LATE, alias="second", externalId="order-late")

    ann("DELETE", "/links/late")

    assert ann.get("/links/ext:order-late").json_body["code"] == second["code"]
    assert ann("POST", "/links", {"url": LATE, "externalId": "order-late"}).status_code == 409


def test_lost_keys_are_refused_and_revoked_ones_are_back(ann: Keyed, restore: Restore) -> None:
    """What docs/operate.md says to look at after the access table was restored."""
    since = make_key("ann", name="since")
    admin = Keyed(ann._http, make_key("root", "admin"))  # noqa: SLF001  # another owner, with the same client
    assert admin("DELETE", f"/keys/{(ann.key or '').split('_')[1]}").status_code in {200, 204}
    restore(settings.access_table)

    assert Keyed(ann._http, since).get("/links").status_code == 401  # noqa: SLF001  # the same client
    assert ann.get("/links").status_code == 200


def test_counts_begin_again_where_clicks_were_restored(ann: Keyed, restore: Restore) -> None:
    """Visits since are lost; days that were closed since are open again, and are closed by the next night."""
    follow_and_count("early")
    nights()
    assert still_open() == set()
    restore(settings.clicks_table)

    follow_and_count("early")
    reopened = still_open()
    nights()

    assert reopened == {"@ann", "early"}
    assert still_open() == set()
    assert ann.get("/links/early").json_body["visits"]["total"] == 2  # of three


def test_links_of_the_damaged_table_come_back(ann: Keyed, restore: Restore) -> None:
    """Those that were made since, copied from a backup of it; those that are there stay as they are."""
    create(ann, "late", LATE)
    ann("PATCH", "/links/early", {"url": MOVED})
    copied(settings.links_table, "damaged-links")
    restore(settings.links_table)

    copy_missing(boto3.client("dynamodb"), "damaged-links", settings.links_table)
    new_containers()

    targets = [follow_and_count(code)["headers"]["Location"] for code in ("early", "late")]
    assert targets == [EARLY, LATE]
    assert create(ann, "late", LATE).headers["Idempotency-Replayed"] == "true"
    assert ann("POST", "/links", {"url": LATE, "externalId": "order-late"}).status_code == 409
