"""Each row of a file is applied once, whatever is lost, doubled, reordered, overwritten or killed on the way."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws import block_list, link_table, transfer_table
from chalicelib.aws.block_list import Blocked
from chalicelib.core.link import Link
from chalicelib.core.transfer import OUTCOMES, Import, OnTaken
from chalicelib.core.work import StoredFile
from chalicelib.import_links import import_file
from chalicelib.settings import settings
from tests.counting.conftest import Network
from tests.counting.storage import ID, NOW, POLICY, Killed, Storage, drawn_from, killed_after
from tests.faulty_proxy import Faults

SEEDS = (1, 2, 3, 4, 5)
ROWS = 60

FILE = "\r\n".join(
    [
        "code,url,title,tags,externalId,visits",
        *(f"coded-{n},https://example.com/{n},Title {n},a|b,,{n}" for n in range(20)),
        *(f",https://example.com/drawn/{n},,,," for n in range(10)),
        *(f",https://example.com/drawn/{n},,,," for n in range(5)),  # the same again
        *(f"coded-{n},https://example.com/{n},,,," for n in range(5)),  # the same code and URL again
        *(f"coded-{n},https://example.com/other/{n},,,," for n in range(5)),  # the same code, another URL
        *(f"bobs-{n},https://example.com/hers/{n},,,," for n in range(3)),  # codes that are somebody else's
        *(f"called-{n},https://example.com/called/{n},,,name-{n}," for n in range(4)),
        "called-x,https://example.com/called/x,,,name-0,",  # the name of another link
        "links,https://example.com/reserved,,,,",
        "docs/v2,https://example.com/unusable,,,,",
        "bad,ftp://example.com/,,,,",
        "blocked,https://x.evil.example.org/,,,,",
        "worse,https://example.com/,,,,many",
        "a,b,c,d,e,f,g",
        '"quoted"x,https://example.com/',
    ]
).encode()


def prepare(on_taken: OnTaken = "rename") -> None:
    """Make what is there before: an import that waits for its file, links of bob's, a blocked host."""
    transfer_table.add_import(Import(id=ID, owner="ann", by="laptop", created_at=NOW, on_taken=on_taken))
    for number in range(3):
        link_table.add(Link(code=f"bobs-{number}", url="https://example.com/", created_at=NOW, owner="bob"), "bob")
    block_list.add(Blocked("evil.example.org", "phishing", NOW))


def outcome(storage: Storage, import_id: str = ID) -> dict[str, Any]:
    """Return everything that came of it: every link, what the import says, and its report."""
    order = transfer_table.find_import(import_id, NOW)
    assert order is not None
    return {
        "links": {link.code: link for link in link_table.all_links()},
        "import": order.as_json(None) | {"id": "", "parts": None},
        "report": storage.report_of(import_id),
    }


def check_sums(found: dict[str, Any]) -> None:
    """Assert that the report, the counts and the links agree."""
    told = found["import"]
    rows = list(csv.DictReader(io.StringIO(found["report"].decode(), newline="")))
    assert told["state"] == "done"
    assert told["read"] == told["total"] == len(rows) == sum(told[name] for name in OUTCOMES)
    assert Counter(row["outcome"] for row in rows) == Counter({name: told[name] for name in OUTCOMES if told[name]})
    made = [row["shortUrl"] for row in rows if row["outcome"] in {"created", "renamed"}]
    assert len(made) == len(set(made))
    anns = {f"{settings.base_url}/{link.code}" for link in found["links"].values() if link.owner == "ann"}
    assert set(made) == anns


@pytest.fixture
def undisturbed(network: Network, storage: Storage) -> Callable[[OnTaken], dict[str, Any]]:
    """What comes of the file where nothing goes wrong."""

    def run(on_taken: OnTaken = "rename") -> dict[str, Any]:
        with network(Faults(0)):
            prepare(on_taken)
            import_file(storage.put(FILE), POLICY, NOW, lambda: True)
            found = outcome(storage)
        check_sums(found)
        return found

    return run


@pytest.mark.parametrize(
    ("on_taken", "counts"),
    [
        ("refuse", {"created": 34, "renamed": 0, "existing": 10, "skipped": 0, "refused": 16}),
        ("skip", {"created": 34, "renamed": 0, "existing": 10, "skipped": 10, "refused": 6}),
        ("rename", {"created": 34, "renamed": 10, "existing": 10, "skipped": 0, "refused": 6}),
    ],
)
def test_what_becomes_of_each_row(
    undisturbed: Callable[[OnTaken], dict[str, Any]], on_taken: OnTaken, counts: dict[str, int]
) -> None:
    """Codes are kept where they are free; where not, it is as was chosen. Bad rows are refused with their reasons."""
    found = undisturbed(on_taken)

    assert {name: found["import"][name] for name in OUTCOMES} == counts
    assert found["import"]["total"] == ROWS
    assert found["links"]["coded-7"].title == "Title 7"
    assert found["links"]["coded-7"].imported_visits == 7
    assert found["links"]["bobs-0"].owner == "bob"


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_the_network_loses_it_is_the_same(
    network: Network, storage: Storage, undisturbed: Callable[[], dict[str, Any]], seed: int
) -> None:
    """15 % of replies and 5 % of requests lost, messages two and three times, shuffled, three at once, time up."""
    expected = undisturbed()
    chance = drawn_from(seed)
    with network(Faults(seed)):
        prepare()
    storage.waiting = [storage.put(FILE)] * chance.randint(2, 3)

    with network(Faults(seed, request_lost=0.05, reply_lost=0.15, conflict=0.1), fresh=False) as faults:
        storage.deliver(chance, workers=3)

    assert min(faults.happened[fault] for fault in ("request lost", "reply lost")) > 0
    with network(Faults(seed), fresh=False):
        assert outcome(storage) == expected


def test_a_kill_after_each_write_changes_nothing(network: Network, storage: Storage) -> None:
    """After the first, the second, and so on to the last; then the message comes again, twice at once."""
    short = b"\r\n".join(FILE.split(b"\r\n")[place] for place in (0, 1, 2, 21, 22, 31, 36, 41, 46, 49, 53, 54, 56))
    with network(Faults(0)):
        prepare()
        import_file(storage.put(short), POLICY, NOW, lambda: True)
        expected = outcome(storage)
        check_sums(expected)
    kills, was_killed = 0, True
    while was_killed:
        with network(Faults(0)):
            prepare()
            file = storage.put(short)
            try:
                with killed_after(kills + 1):
                    import_file(file, POLICY, NOW, lambda: True)
                was_killed = False
            except Killed:
                kills += 1
                storage.waiting = [file, file]
                storage.deliver(random.Random(kills), workers=2)  # noqa: S311  # the same order each time

            assert outcome(storage) == expected
    assert kills > 20


def test_who_is_killed_over_and_over_gets_there(
    network: Network, storage: Storage, undisturbed: Callable[[], dict[str, Any]]
) -> None:
    """Each life goes on from what the one before it kept."""
    expected = undisturbed()
    with network(Faults(0)):
        prepare()
        file, kills = storage.put(FILE), 0
        for _ in range(100):
            try:
                with killed_after(kills + 1):
                    import_file(file, POLICY, NOW, lambda: True)
            except Killed:
                kills += 1
                continue
            break

        assert outcome(storage) == expected
    assert kills > 10


def test_a_file_that_is_overwritten_half_way_is_read_to_its_end(
    network: Network, storage: Storage, undisturbed: Callable[[], dict[str, Any]]
) -> None:
    """The import has the version it began with; the message of the other one makes nothing."""
    expected = undisturbed()
    with network(Faults(0)):
        prepare()
        first = storage.put(FILE)
        time_left = iter([True] * 8 + [False] * 1000)
        import_file(first, POLICY, NOW, lambda: next(time_left))
        half_way = transfer_table.find_import(ID, NOW)
        storage.waiting = [storage.put(b"url\nhttps://example.com/intruder\n"), *storage.waiting, first]

        storage.deliver(drawn_from(1))

        assert half_way is not None
        assert 0 < half_way.rows < ROWS
        assert outcome(storage) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_uploads_one_is_imported_whole(network: Network, storage: Storage, seed: int) -> None:
    """Messages come in any order: the first that is delivered decides, and nothing of the other is made."""
    chance = drawn_from(seed)
    with network(Faults(seed)):
        prepare()
        urls = {name: [f"https://example.com/{name}/{n}" for n in range(20)] for name in "xy"}
        files = [storage.put("\n".join(["url", *urls[name]]).encode()) for name in "xy"]
        storage.waiting = [*files, *files]

        storage.deliver(chance, workers=2)

        found = outcome(storage)
        check_sums(found)
    made = Counter(link.url.split("/")[3] for link in found["links"].values() if link.owner == "ann")
    assert list(made.values()) == [20]


def test_the_second_import_of_a_file_makes_nothing(network: Network, storage: Storage) -> None:
    """Codes that were kept, drawn and given anew: all are found again, also by who imports another copy."""
    with network(Faults(0)):
        prepare()
        import_file(storage.put(FILE), POLICY, NOW, lambda: True)
        first = outcome(storage)
        second_id = ID[::-1]
        transfer_table.add_import(Import(id=second_id, owner="ann", by="phone", created_at=NOW, on_taken="rename"))
        import_file(storage.put(FILE, f"imports/{second_id}"), POLICY, NOW, lambda: True)
        second = outcome(storage, second_id)

    assert second["links"] == first["links"]
    assert {name: second["import"][name] for name in OUTCOMES} == {
        "created": 0,
        "renamed": 0,
        "existing": 54,
        "skipped": 0,
        "refused": 6,
    }


def test_a_file_put_there_by_hand_is_imported_in_each_of_its_versions(network: Network, storage: Storage) -> None:
    """Its folder is the owner; putting it there again imports what is new in it."""
    with network(Faults(0)):
        first = storage.put(b"code,url\nx,https://example.com/x\n", "imports/ann/my links.csv")
        second = storage.put(
            b"code,url\nx,https://example.com/x\ny,https://example.com/y\n", "imports/ann/my links.csv"
        )
        done = [import_file(file, POLICY, NOW, lambda: True) for file in (second, first, second)]
        links = {link.code: link.owner for link in link_table.all_links()}

    assert [order.outcomes["created"] for order in done if order] == [2, 0, 2]
    assert links == {"x": "ann", "y": "ann"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04", "not-text"),
        (b"Name,Phone\nx,1\n", "unknown-columns"),
        (b"url\n", "empty"),
        (b"url\n" + b"x\n" * 50_001, "too-many-rows"),
    ],
)
def test_a_file_that_is_none_fails_and_makes_nothing(
    network: Network, storage: Storage, content: bytes, code: str
) -> None:
    """The import says why; the message is done with."""
    with network(Faults(0)):
        prepare()
        import_file(storage.put(content), POLICY, NOW, lambda: True)
        order = transfer_table.find_import(ID, NOW)
        links = list(link_table.all_links())

    assert order is not None
    assert order.problem is not None
    assert (order.state, order.problem.code) == ("failed", code)
    assert {link.owner for link in links} == {"bob"}


def test_what_is_too_large_is_not_even_fetched(network: Network, storage: Storage) -> None:
    """Who may write to the bucket can put anything there; storage says how large it is."""
    with network(Faults(0)):
        prepare()
        file = storage.put(b"url\n")
        order = import_file(StoredFile(file.key, file.version, 10 * 1024 * 1024 + 1), POLICY, NOW, lambda: True)

    assert order is not None
    assert order.problem is not None
    assert order.problem.code == "too-large"


def test_a_file_that_is_gone_fails(network: Network, storage: Storage) -> None:
    """It was removed, or a message came after its time in storage."""
    with network(Faults(0)):
        prepare()
        file = storage.put(FILE)
        storage.s3.delete_object(Bucket=settings.files_bucket, Key=file.key, VersionId=file.version)
        order = import_file(file, POLICY, NOW, lambda: True)

    assert order is not None
    assert order.problem is not None
    assert order.problem.code == "file-gone"


def test_an_upload_that_nobody_asked_for_is_ignored(network: Network, storage: Storage) -> None:
    """Its record is gone, or it never had one."""
    with network(Faults(0)):
        ignored = import_file(storage.put(FILE), POLICY, NOW, lambda: True)
        links = list(link_table.all_links())

    assert ignored is None
    assert links == []
