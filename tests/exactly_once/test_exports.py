"""An export has every link, whatever goes wrong; importing it anywhere makes the same links, byte for byte."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest

from chalicelib.aws import click_table, link_table, transfer_table
from chalicelib.core import password
from chalicelib.core.click import Click
from chalicelib.core.link import Link
from chalicelib.core.rules import Rule
from chalicelib.core.transfer import Export, Import
from chalicelib.errors import StoreUnavailable
from chalicelib.export_links import export_links
from chalicelib.import_links import import_file
from chalicelib.record_clicks import Message, record
from chalicelib.settings import settings
from tests.counting.conftest import Network
from tests.counting.storage import ID, NOW, POLICY, Killed, Storage, drawn_from, killed_after
from tests.faulty_proxy import Faults

Kind = Literal["csv", "ndjson"]


def links_of(chance: random.Random, number: int) -> list[Link]:
    """Return links of all kinds, some made in the same moment, some that are over, some stopped."""
    digest = password.digest_of("open sesame")
    texts = ["", "=SUM(1)", "'-", 'a "b", c;\r\nd', "Ünï 漢字 🎉", "plain"]
    made = []
    for place in range(number):
        made_at = NOW - timedelta(milliseconds=chance.randrange(40) * 1000)
        link = Link(
            code=f"code-{chance.randrange(10**9)}-{place}",
            url=f"https://example.com/{place}",
            created_at=made_at,
            updated_at=made_at + timedelta(seconds=chance.randrange(3)),
            expires_at=chance.choice([None, NOW - timedelta(days=1), NOW + timedelta(days=1)]),
            title=chance.choice(texts) or None,
            note=chance.choice(texts) or None,
            tags=tuple(tag for tag in [*texts[1:3], "x,y", "z"] if chance.random() < 0.3),
            enabled=chance.random() < 0.8,
            unguessable=chance.random() < 0.1,
            blocked=chance.choice([None, None, "It was reported."]),
            imported_visits=chance.choice([0, 0, 12]),
            owner="ann",
            created_by="laptop",
            version=1,
        )
        powers: dict[str, Any] = {
            "permanent": {"permanent": True},
            "limited": {"max_visits": 10, "visits_spent": chance.randrange(10)},
            "asking": {"password_digest": digest},
            "ruled": {"rules": (Rule(url="https://example.org/", country=("PT",), weight=50),)},
            "onward": {"forward_query": True, "forward_path": True, "fallback_url": "https://example.org/gone"},
            "named": {"external_id": f"crm:{place}"},
            "plain": {},
        }
        made.append(replace(link, **chance.choice(list(powers.values()))))
    return made


def keep(links: Sequence[Link]) -> None:
    """Store links as they are."""
    for link in links:
        link_table.add(link, "before")


def exported(storage: Storage, kind: Kind, *, days: bool = False, owner: str = "ann", name: str = "e") -> bytes:
    """Return what an export has in it; it is tried until it is done."""
    order = Export(id=name, owner=owner, asked_by="ann", created_at=NOW, format=kind, days=days)
    transfer_table.add_export(order)
    for _ in range(100):
        try:
            done = export_links(order.id, NOW, lambda: True)
        except StoreUnavailable:
            continue
        assert done is not None
        assert done.ended == "done"
        break
    return bytes(storage.s3.get_object(Bucket=settings.files_bucket, Key=order.key)["Body"].read())


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_what_is_exported_and_imported_is_the_same(network: Network, storage: Storage, kind: Kind) -> None:
    """Into empty tables: the same codes and links with all they can do, and an export of them is the same bytes."""
    links = links_of(drawn_from(1), 300)
    with network(Faults(1)):
        keep(links)
        first = exported(storage, kind)
    with network(Faults(1)):
        transfer_table.add_import(Import(id=ID, owner="ann", by="laptop", created_at=NOW, is_trusted=True))
        done = import_file(storage.put(first), POLICY, NOW, lambda: True)
        again = {link.code: link for link in link_table.all_links()}
        second = exported(storage, kind)

    assert done is not None
    assert done.outcomes == {"created": 300, "renamed": 0, "existing": 0, "skipped": 0, "refused": 0}
    assert again == {link.code: link for link in links}
    assert second == first


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_export_is_complete_whatever_the_network_loses(network: Network, storage: Storage, seed: int) -> None:
    """15 % of replies and 5 % of requests lost, of reads as of writes; each page is read for as long as it takes."""
    links = links_of(drawn_from(seed), 250)
    with network(Faults(seed)):
        keep(links)
        expected = exported(storage, "csv")

    with network(Faults(seed, request_lost=0.05, reply_lost=0.15), fresh=False) as faults:
        found = exported(storage, "csv", name="f")

    assert faults.happened["reply lost"] > 0
    assert found == expected
    assert found.count(b"https://sho.rt/code-") == len(links)


def test_more_links_than_fit_into_a_page_are_all_there(network: Network, storage: Storage) -> None:
    """DynamoDB reads a megabyte at once; these are more."""
    links = [replace(link, note="x" * 1900) for link in links_of(drawn_from(2), 700)]
    with network(Faults(1)):
        keep(links)
        rows = [json.loads(line) for line in exported(storage, "ndjson").splitlines()]

    assert {row["code"] for row in rows} == {link.code for link in links}
    assert [(row["createdAt"], row["code"]) for row in rows] == sorted((row["createdAt"], row["code"]) for row in rows)


def test_a_kill_after_each_write_changes_nothing(network: Network, storage: Storage) -> None:
    """The file is written anew, the same; then the export says that it is there."""
    with network(Faults(1)):
        keep(links_of(drawn_from(3), 20))
        expected = exported(storage, "csv")
        for place in (1, 2):
            order = Export(id=f"killed-{place}", owner="ann", asked_by="ann", created_at=NOW)
            transfer_table.add_export(order)
            with pytest.raises(Killed), killed_after(place):
                export_links(order.id, NOW, lambda: True)
            export_links(order.id, NOW, lambda: True)

            done = transfer_table.find_export(order.id, NOW)
            assert done is not None
            assert (done.state, done.links) == ("done", 20)
            assert storage.s3.get_object(Bucket=settings.files_bucket, Key=order.key)["Body"].read() == expected


def test_an_export_is_of_its_owner_or_of_everyone(network: Network, storage: Storage) -> None:
    """Links of nobody's are among everyone's; what was removed is in none."""
    links = [
        replace(link, owner=owner) for link, owner in zip(links_of(drawn_from(4), 3), ("ann", "bob", None), strict=True)
    ]
    with network(Faults(1)):
        keep(links)
        gone = replace(links[0], code="gone")
        keep([gone])
        link_table.remove(gone, "change", NOW)
        anns, all_of_them = (
            {json.loads(line)["code"] for line in exported(storage, "ndjson", owner=owner, name=owner).splitlines()}
            for owner in ("ann", "*")
        )

    assert anns == {links[0].code}
    assert all_of_them == {link.code for link in links}


def test_counts_come_along_by_day_and_in_all(network: Network, storage: Storage) -> None:
    """Where days are asked for, each has its counts; the total is that of here and of before."""
    link = Link(code="x", url="https://example.com/", created_at=NOW, owner="ann", imported_visits=5, version=1)
    clicks = [Click(id=str(n), code="x", owner="ann", at=NOW - timedelta(days=n % 2), agent="curl/8") for n in range(5)]
    with network(Faults(1)):
        keep([link])
        record([Message(click.id, json.dumps(click.as_message())) for click in clicks], NOW)
        assert click_table.total_of("x")["visits"] == 5
        row = json.loads(exported(storage, "ndjson", days=True))
        table = exported(storage, "csv", days=True, name="f").decode().splitlines()

    assert row["visits"] == 10
    assert {day: counts["visits"] for day, counts in row["days"].items()} == {"2026-11-24": 2, "2026-11-25": 3}
    assert table[0].endswith(",visits,days")
    assert '""2026-11-24"":{""visits"":2,' in table[1]


def test_an_export_that_takes_too_long_says_so(network: Network, storage: Storage) -> None:
    """It is over, and says what to do; no file is there that is not whole."""
    with network(Faults(1)):
        keep(links_of(drawn_from(5), 3))
        transfer_table.add_export(Export(id="long", owner="*", asked_by="ann", created_at=NOW))
        done = export_links("long", NOW, lambda: False)
        again = export_links("long", NOW, lambda: True)
        files = storage.s3.list_objects_v2(Bucket=settings.files_bucket).get("Contents", [])

    assert done is not None
    assert again is not None
    assert (done.state, again.state) == ("failed", "failed")
    assert again.problem is not None
    assert again.problem.code == "too-many-links"
    assert files == []
