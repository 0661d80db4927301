"""An export has every link, whatever fails; importing it anywhere creates the same links, byte for byte."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest

from chalicelib.aws.dynamodb import click_store, link_store, transfer_store
from chalicelib.core.domains import id_in
from chalicelib.core.links import password
from chalicelib.core.links.link import Link
from chalicelib.core.links.rules import Rule
from chalicelib.core.transfers.export_job import Export
from chalicelib.core.transfers.import_job import Import
from chalicelib.core.visits.click import Click
from chalicelib.errors import StoreUnavailable
from chalicelib.settings import settings
from chalicelib.usecases.export_links import export_links
from chalicelib.usecases.import_links import import_file
from chalicelib.usecases.record_clicks import Message, record
from tests.domains import with_domains
from tests.exactly_once.conftest import Network
from tests.exactly_once.storage import ID, NOW, POLICY, Killed, Storage, killed_after, random_from
from tests.faulty_proxy import Faults
from tests.sizes import each_seed

Kind = Literal["csv", "ndjson"]


def links_of(chance: random.Random, number: int, space: str = "") -> list[Link]:
    """Return links of all kinds, some made in the same moment, some that are over, some stopped."""
    digest = password.digest_of("open sesame")
    texts = ["", "=SUM(1)", "'-", 'a "b", c;\r\nd', "Ünï 漢字 🎉", "plain"]
    made = []
    for place in range(number):
        made_at = NOW - timedelta(milliseconds=chance.randrange(40) * 1000)
        link = Link(
            id=id_in(space, f"code-{chance.randrange(10**9)}-{place}"),
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
        link_store.add(link, "before")


def exported(storage: Storage, kind: Kind, *, days: bool = False, owner: str = "ann", name: str = "e") -> bytes:
    """Return what an export has in it; it is asked for and written until it is done."""
    job = Export(id=name, owner=owner, asked_by="ann", created_at=NOW, format=kind, days=days)
    for _ in range(100):
        try:
            transfer_store.add_export(job)
            done = export_links(job.id, NOW, lambda: True)
        except StoreUnavailable:
            continue
        assert done is not None
        assert done.ended == "done"
        break
    return bytes(storage.s3.get_object(Bucket=settings.files_bucket, Key=job.key)["Body"].read())


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_links_of_two_spaces_are_restored(
    network: Network, storage: Storage, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    """Of one file, with the same codes in both, each in its own space; an export of them has the same bytes."""
    with_domains(monkeypatch, "team.example=team")
    links = [link for space in ("", "team") for link in links_of(random_from(6), 50, space)]
    links = [replace(link, external_id=None) if link.space else link for link in links]
    with network(Faults(1)):
        keep(links)
        first = exported(storage, kind)
    with network(Faults(1)):
        transfer_store.add_import(Import(id=ID, owner="ann", by="laptop", created_at=NOW, is_trusted=True))
        import_file(storage.put(first), POLICY, NOW, lambda: True)
        again = {link.id: link for link in link_store.all_links()}
        second = exported(storage, kind)

    assert len({link.code for link in links}) == 50
    assert again == {link.id: link for link in links}
    assert second == first


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_exporting_and_importing_restores_all_links(network: Network, storage: Storage, kind: Kind) -> None:
    """Into empty tables: the same codes and links with all options, and an export of them has the same bytes."""
    links = links_of(random_from(1), 300)
    with network(Faults(1)):
        keep(links)
        first = exported(storage, kind)
    with network(Faults(1)):
        transfer_store.add_import(Import(id=ID, owner="ann", by="laptop", created_at=NOW, is_trusted=True))
        done = import_file(storage.put(first), POLICY, NOW, lambda: True)
        again = {link.code: link for link in link_store.all_links()}
        second = exported(storage, kind)

    assert done is not None
    assert done.outcomes == {"created": 300, "renamed": 0, "existing": 0, "skipped": 0, "mended": 0, "refused": 0}
    assert again == {link.code: link for link in links}
    assert second == first


@each_seed
def test_an_export_is_complete_despite_lost_calls(network: Network, storage: Storage, seed: int) -> None:
    """15 % of responses and 5 % of requests are lost, reads as well as writes; each page is read until it succeeds."""
    links = links_of(random_from(seed), 250)
    with network(Faults(seed)):
        keep(links)
        expected = exported(storage, "csv")

    found: list[bytes] = []
    with network(Faults(seed, request_lost=0.05, reply_lost=0.15), fresh=False) as faults:
        while not faults.happened["reply lost"] and len(found) < 50:  # one alone asks the table half a dozen times
            found.append(exported(storage, "csv", name=f"f-{len(found)}"))

    assert faults.happened["reply lost"] > 0
    assert set(found) == {expected}
    assert expected.count(b"https://sho.rt/code-") == len(links)


def test_an_export_of_several_pages_is_complete(network: Network, storage: Storage) -> None:
    """DynamoDB reads a megabyte at once; these are more."""
    links = [replace(link, note="x" * 1900) for link in links_of(random_from(2), 700)]
    with network(Faults(1)):
        keep(links)
        rows = [json.loads(line) for line in exported(storage, "ndjson").splitlines()]

    assert {row["code"] for row in rows} == {link.code for link in links}
    assert [(row["createdAt"], row["code"]) for row in rows] == sorted((row["createdAt"], row["code"]) for row in rows)


def test_a_kill_after_each_write_changes_nothing(network: Network, storage: Storage) -> None:
    """The same file is written again; then the export is marked as done."""
    with network(Faults(1)):
        keep(links_of(random_from(3), 20))
        expected = exported(storage, "csv")
        for place in (1, 2):
            job = Export(id=f"killed-{place}", owner="ann", asked_by="ann", created_at=NOW)
            transfer_store.add_export(job)
            with pytest.raises(Killed), killed_after(place):
                export_links(job.id, NOW, lambda: True)
            export_links(job.id, NOW, lambda: True)

            done = transfer_store.find_export(job.id, NOW)
            assert done is not None
            assert (done.state, done.links) == ("done", 20)
            assert storage.s3.get_object(Bucket=settings.files_bucket, Key=job.key)["Body"].read() == expected


def test_an_export_is_of_its_owner_or_of_everyone(network: Network, storage: Storage) -> None:
    """Links without an owner are included in everyone's; deleted ones are in none."""
    links = [
        replace(link, owner=owner)
        for link, owner in zip(links_of(random_from(4), 3), ("ann", "bob", None), strict=True)
    ]
    with network(Faults(1)):
        keep(links)
        gone = replace(links[0], id="gone")
        keep([gone])
        link_store.remove(gone, "change", NOW)
        anns, all_of_them = (
            {json.loads(line)["code"] for line in exported(storage, "ndjson", owner=owner, name=owner).splitlines()}
            for owner in ("ann", "*")
        )

    assert anns == {links[0].code}
    assert all_of_them == {link.code for link in links}


def test_exports_have_totals_and_counts_by_day(network: Network, storage: Storage) -> None:
    """Days on request; the total includes imported visits."""
    link = Link(id="x", url="https://example.com/", created_at=NOW, owner="ann", imported_visits=5, version=1)
    clicks = [
        Click(id=str(n), link_id="x", owner="ann", at=NOW - timedelta(days=n % 2), agent="curl/8") for n in range(5)
    ]
    with network(Faults(1)):
        keep([link])
        record([Message(click.id, json.dumps(click.as_message())) for click in clicks], NOW)
        assert click_store.total_of("x", NOW)["visits"] == 5
        row = json.loads(exported(storage, "ndjson", days=True))
        table = exported(storage, "csv", days=True, name="f").decode().splitlines()

    assert row["visits"] == 10
    assert {day: counts["visits"] for day, counts in row["days"].items()} == {"2026-11-24": 2, "2026-11-25": 3}
    assert table[0].endswith(",visits,domain,days")
    assert '""2026-11-24"":{""visits"":2,' in table[1]


def test_an_export_out_of_time_fails(network: Network, storage: Storage) -> None:
    """With advice in its problem; there is no incomplete file."""
    with network(Faults(1)):
        keep(links_of(random_from(5), 3))
        transfer_store.add_export(Export(id="long", owner="*", asked_by="ann", created_at=NOW))
        done = export_links("long", NOW, lambda: False)
        again = export_links("long", NOW, lambda: True)
        files = storage.s3.list_objects_v2(Bucket=settings.files_bucket).get("Contents", [])

    assert done is not None
    assert again is not None
    assert (done.state, again.state) == ("failed", "failed")
    assert again.problem is not None
    assert again.problem.code == "too-many-links"
    assert files == []
