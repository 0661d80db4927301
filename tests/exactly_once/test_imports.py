"""Each row of a file is imported once, whatever is lost, doubled, reordered, overwritten or killed on the way."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib import settings as service
from chalicelib.aws.dynamodb import blocked_host_store, domain_store, history_store, link_store, transfer_store
from chalicelib.aws.dynamodb.blocked_host_store import Blocked
from chalicelib.core.access.domain_settings import ALL, DomainSettings
from chalicelib.core.domains import Domains, id_in
from chalicelib.core.links.link import Link
from chalicelib.core.transfers.file_message import StoredFile
from chalicelib.core.transfers.import_job import OUTCOMES, Import, OnTaken
from chalicelib.settings import settings
from chalicelib.usecases import domain_settings
from chalicelib.usecases.import_links import import_file
from tests.domains import with_domains
from tests.exactly_once.conftest import Network
from tests.exactly_once.storage import ID, NOW, POLICY, Killed, Storage, killed_after, random_from
from tests.faulty_proxy import Faults
from tests.sizes import each_seed, grows, only_long, usual_or_long

ROWS = 64
DIGEST = f"scrypt$16384$8$1${'a' * 32}${'b' * 64}"

FILE = "\r\n".join(
    [
        "code,url,title,tags,externalId,visits,passwordDigest,expiresAt,maxVisits",
        *(f"coded-{n},https://example.com/{n},Title {n},a|b,,{n}" for n in range(20)),
        *(f",https://example.com/drawn/{n},,,," for n in range(10)),
        *(f",https://example.com/drawn/{n},,,," for n in range(5)),  # the same again
        *(f"coded-{n},https://example.com/{n},,,," for n in range(5)),  # the same code and URL again
        *(f"coded-{n},https://example.com/other/{n},,,," for n in range(5)),  # the same code, another URL
        *(f"bobs-{n},https://example.com/hers/{n},,,," for n in range(3)),  # codes of another owner
        *(f"called-{n},https://example.com/called/{n},,,name-{n}," for n in range(4)),
        "called-x,https://example.com/called/x,,,name-0,",  # the name of another link
        "links,https://example.com/reserved,,,,",
        "docs/v2,https://example.com/unusable,,,,",
        "bad,ftp://example.com/,,,,",
        "blocked,https://x.evil.example.org/,,,,",
        "often,https://example.com/often,,,,many",  # a count that cannot be read is left out
        f"open-0,https://example.com/open/0,,,,,{DIGEST},,",  # a link of ann's that has lost its password
        f"open-0,https://example.com/open/0,,,,,{DIGEST},2031-01-01T00:00:00Z,",  # and its end
        f"open-1,https://example.com/open/1,,,,,{DIGEST},,3",
        f"open-2,https://example.com/open/other,,,,,{DIGEST},,",  # leads elsewhere by now
        "a,b,c,d,e,f,g,h,i,j",
        '"quoted"x,https://example.com/',
    ]
).encode()


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Domains:
    """The domains of the service: the default one, and another."""
    return with_domains(monkeypatch, "team.example=team").domains


def prepare(on_taken: OnTaken = "rename", *, dry_run: bool = False, space: str = "") -> None:
    """Make what is there before: an import that waits for its file, links of ann's and bob's, a blocked host.

    The import and the links are for ``space``. If that is not the default one, bob has links there with codes of the
    file, and nothing happens to them.
    """
    transfer_store.add_import(
        Import(id=ID, owner="ann", by="laptop", created_at=NOW, on_taken=on_taken, dry_run=dry_run, space=space)
    )
    for number in range(3):
        open_id, bobs_id = (id_in(space, f"{code}-{number}") for code in ("open", "bobs"))
        link_store.add(Link(id=open_id, url=f"https://example.com/open/{number}", created_at=NOW, owner="ann"), "ann")
        link_store.add(Link(id=bobs_id, url="https://example.com/", created_at=NOW, owner="bob"), "bob")
    if space:
        open_to_all(space)
        for code in ("coded-0", "coded-1", "bobs-0", "open-0"):
            link_store.add(Link(id=code, url="https://example.com/", created_at=NOW, owner="bob"), "default")
    blocked_host_store.add(Blocked("evil.example.org", "phishing", NOW))


def open_to_all(space: str) -> None:
    """Let every workspace make links in a space."""
    closed = DomainSettings(space=space)
    domain_store.put(closed, replace(closed, workspaces=(ALL,), updated_at=NOW, version=1), {}, "change", [])
    domain_settings.reset()


def outcome(storage: Storage, import_id: str = ID) -> dict[str, Any]:
    """Return everything that came of it: every link and its history, what the import says, and its report."""
    job = transfer_store.find_import(import_id, NOW)
    assert job is not None
    in_all = list(link_store.all_links())
    links = {link.code: link for link in in_all if link.space == job.space}
    return {
        "links": links,
        "elsewhere": {link.id: link for link in in_all if link.space != job.space},
        "history": {code: history_store.history_for(links[code].id) for code in links if code.startswith("open")},
        "import": job.as_json(service.settings.domains, None) | {"id": "", "parts": None},
        "report": storage.report_of(import_id),
    }


def check_sums(found: dict[str, Any]) -> None:
    """Assert that the report, the counts and the links agree."""
    report = found["import"]
    told_of = csv.DictReader(io.StringIO(found["report"].decode(), newline=""))
    rows = [row for row in told_of if row["outcome"] != "summary"]
    assert report["state"] == "done"
    assert report["read"] == report["total"] == len(rows) == sum(report[name] for name in OUTCOMES)
    assert Counter(row["outcome"] for row in rows) == Counter({name: report[name] for name in OUTCOMES if report[name]})
    made = [row["shortUrl"] for row in rows if row["outcome"] in {"created", "renamed"}]
    assert len(made) == len(set(made))
    assert sum(each["rows"] for each in report["refusals"]) == report["refused"]
    assert report["leftOut"]["rows"] == sum("Left out" in row["reason"] for row in rows)
    links = found["links"].values()
    known = service.settings.domains
    anns = {each.short_url(known) for each in links if each.owner == "ann" and "open" not in each.code}
    assert set(made) == anns or (report["dryRun"] and not anns)


each_way = pytest.mark.parametrize(
    "way",
    [
        {"on_taken": "rename"},
        pytest.param({"on_taken": "mend"}, marks=only_long),
        {"on_taken": "mend", "dry_run": True},
        {"on_taken": "mend", "space": "team"},
        pytest.param({"on_taken": "rename", "dry_run": True, "space": "team"}, marks=only_long),
    ],
    ids=str,
)


@pytest.fixture
def undisturbed(network: Network, storage: Storage) -> Callable[..., dict[str, Any]]:
    """What comes of the file where nothing goes wrong."""

    def run(on_taken: OnTaken = "rename", *, dry_run: bool = False, space: str = "") -> dict[str, Any]:
        with network(Faults(0)):
            prepare(on_taken, dry_run=dry_run, space=space)
            import_file(storage.put(FILE), POLICY, NOW, lambda: True)
            found = outcome(storage)
        check_sums(found)
        return found

    return run


@pytest.mark.parametrize(
    ("on_taken", "counts"),
    [
        ("refuse", {"created": 35, "renamed": 0, "existing": 10, "mended": 0, "skipped": 0, "refused": 19}),
        ("skip", {"created": 35, "renamed": 0, "existing": 10, "mended": 0, "skipped": 14, "refused": 5}),
        ("rename", {"created": 35, "renamed": 14, "existing": 10, "mended": 0, "skipped": 0, "refused": 5}),
        ("mend", {"created": 35, "renamed": 0, "existing": 10, "mended": 3, "skipped": 0, "refused": 16}),
    ],
)
def test_each_row_has_its_outcome(
    undisturbed: Callable[[OnTaken], dict[str, Any]], on_taken: OnTaken, counts: dict[str, int]
) -> None:
    """Free codes are kept; taken ones are handled as requested. Bad rows are refused with their reasons."""
    found = undisturbed(on_taken)

    assert {name: found["import"][name] for name in OUTCOMES} == counts
    assert found["import"]["total"] == ROWS
    assert found["links"]["coded-7"].title == "Title 7"
    assert found["links"]["coded-7"].imported_visits == 7
    assert found["links"]["bobs-0"].owner == "bob"
    was_mended = on_taken == "mend"
    assert found["links"]["open-0"].expires_at == (datetime(2031, 1, 1, tzinfo=UTC) if was_mended else None)
    assert found["links"]["open-1"].max_visits == (3 if was_mended else None)
    assert [found["links"][f"open-{n}"].password_digest for n in range(3)] == [DIGEST if was_mended else None] * 2 + [
        None
    ]
    assert [len(found["history"][f"open-{n}"]) for n in range(3)] == ([2, 1, 0] if was_mended else [0, 0, 0])


def test_a_space_has_the_same_outcomes(undisturbed: Callable[..., dict[str, Any]]) -> None:
    """Links of the default one that have the codes of the file do not matter, and stay; generated codes differ."""
    default, team = undisturbed(), undisturbed(space="team")

    assert [team["import"][name] for name in OUTCOMES] == [default["import"][name] for name in OUTCOMES]
    assert {link.owner for link in team["elsewhere"].values()} == {"bob"}
    drawn = [
        {link.code for link in found["links"].values() if "drawn" in link.url or "hers" in link.url}
        for found in (default, team)
    ]
    assert len(drawn[0]) == len(drawn[1]) == 13
    assert drawn[0].isdisjoint(drawn[1])


@each_seed
@each_way
def test_lost_calls_change_nothing(
    network: Network,
    storage: Storage,
    undisturbed: Callable[..., dict[str, Any]],
    way: dict[str, Any],
    seed: int,
) -> None:
    """15 % of replies and 5 % of requests lost, messages two and three times, shuffled, three at once, time up."""
    expected = undisturbed(**way)
    chance = random_from(seed)
    with network(Faults(seed)):
        prepare(**way)
    storage.waiting = [storage.put(FILE)] * chance.randint(2, 3)

    with network(Faults(seed, request_lost=0.05, reply_lost=0.15, conflict=0.1), fresh=False) as faults:
        storage.deliver(chance, workers=3)

    assert min(faults.happened[fault] for fault in ("request lost", "reply lost")) > 0
    with network(Faults(seed), fresh=False):
        assert outcome(storage) == expected


@grows
@each_way
def test_a_kill_after_each_write_changes_nothing(network: Network, storage: Storage, way: dict[str, Any]) -> None:
    """After the first, the next, and so on to the last; then the message comes again, twice at once."""
    places = (0, 1, 2, 21, 22, 31, 36, 41, 46, 49, 53, 54, 56, 58, 59, 60, 61, 62)
    short = b"\r\n".join(FILE.split(b"\r\n")[place] for place in places)
    with network(Faults(0)):
        prepare(**way)
        import_file(storage.put(short), POLICY, NOW, lambda: True)
        expected = outcome(storage)
        check_sums(expected)
    kills, was_killed = 0, True
    between = usual_or_long(3, 1)
    while was_killed:
        with network(Faults(0)):
            prepare(**way)
            file = storage.put(short)
            try:
                with killed_after(kills + 1):
                    import_file(file, POLICY, NOW, lambda: True)
                was_killed = False
            except Killed:
                kills += between
                storage.waiting = [file, file]
                storage.deliver(random.Random(kills), workers=2)  # noqa: S311  # the same job each time

            assert outcome(storage) == expected
    assert kills > (5 if way.get("dry_run") else 20)


def test_repeated_kills_only_delay_the_import(
    network: Network, storage: Storage, undisturbed: Callable[[], dict[str, Any]]
) -> None:
    """Each worker resumes from the last checkpoint."""
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


def test_an_overwritten_file_is_read_to_its_end(
    network: Network, storage: Storage, undisturbed: Callable[[], dict[str, Any]]
) -> None:
    """The import stays bound to its first version; the message of the other one creates nothing."""
    expected = undisturbed()
    with network(Faults(0)):
        prepare()
        first = storage.put(FILE)
        time_left = iter([True] * 8 + [False] * 1000)
        import_file(first, POLICY, NOW, lambda: next(time_left))
        half_way = transfer_store.find_import(ID, NOW)
        storage.waiting = [storage.put(b"url\nhttps://example.com/intruder\n"), *storage.waiting, first]

        storage.deliver(random_from(1))

        assert half_way is not None
        assert 0 < half_way.rows < ROWS
        assert outcome(storage) == expected


@each_seed
def test_of_two_uploads_one_is_imported_completely(network: Network, storage: Storage, seed: int) -> None:
    """Messages come in any order: the first that is delivered decides, and the other creates nothing."""
    chance = random_from(seed)
    with network(Faults(seed)):
        prepare()
        urls = {name: [f"https://example.com/{name}/{n}" for n in range(20)] for name in "xy"}
        files = [storage.put("\n".join(["url", *urls[name]]).encode()) for name in "xy"]
        storage.waiting = [*files, *files]

        storage.deliver(chance, workers=2)

        found = outcome(storage)
        check_sums(found)
    made = Counter(each.url.split("/")[3] for each in found["links"].values() if each.url[20:].startswith(("x/", "y/")))
    assert list(made.values()) == [20]


def test_a_second_import_of_a_file_creates_nothing(network: Network, storage: Storage) -> None:
    """Kept, generated and replaced codes are all found again, also by another copy of the file."""
    with network(Faults(0)):
        prepare()
        import_file(storage.put(FILE), POLICY, NOW, lambda: True)
        first = outcome(storage)
        second_id = ID[::-1]
        transfer_store.add_import(Import(id=second_id, owner="ann", by="phone", created_at=NOW, on_taken="rename"))
        import_file(storage.put(FILE, f"imports/{second_id}"), POLICY, NOW, lambda: True)
        second = outcome(storage, second_id)

    assert second["links"] == first["links"]
    assert {name: second["import"][name] for name in OUTCOMES} == {
        "created": 0,
        "renamed": 0,
        "existing": 59,
        "mended": 0,
        "skipped": 0,
        "refused": 5,
    }


def test_each_version_of_a_direct_upload_is_imported(network: Network, storage: Storage) -> None:
    """Its folder is the owner; uploading it again imports what is new in it."""
    with network(Faults(0)):
        first = storage.put(b"code,url\nx,https://example.com/x\n", "imports/ann/my links.csv")
        second = storage.put(
            b"code,url\nx,https://example.com/x\ny,https://example.com/y\n", "imports/ann/my links.csv"
        )
        done = [import_file(file, POLICY, NOW, lambda: True) for file in (second, first, second)]
        links = {link.code: link.owner for link in link_store.all_links()}

    assert [job.outcomes["created"] for job in done if job] == [2, 0, 2]
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
def test_an_invalid_file_fails_and_creates_nothing(
    network: Network, storage: Storage, content: bytes, code: str
) -> None:
    """The import has the reason; the message is deleted."""
    with network(Faults(0)):
        prepare()
        import_file(storage.put(content), POLICY, NOW, lambda: True)
        job = transfer_store.find_import(ID, NOW)
        links = list(link_store.all_links())

    assert job is not None
    assert job.problem is not None
    assert (job.state, job.problem.code) == ("failed", code)
    assert {link.code.partition("-")[0] for link in links} == {"bobs", "open"}


def test_a_file_that_is_too_large_is_not_downloaded(network: Network, storage: Storage) -> None:
    """A direct upload may have any size; the message has it."""
    with network(Faults(0)):
        prepare()
        file = storage.put(b"url\n")
        job = import_file(StoredFile(file.key, file.version, 10 * 1024 * 1024 + 1), POLICY, NOW, lambda: True)

    assert job is not None
    assert job.problem is not None
    assert job.problem.code == "too-large"


def test_a_deleted_file_fails(network: Network, storage: Storage) -> None:
    """It was deleted, or the message came after it expired."""
    with network(Faults(0)):
        prepare()
        file = storage.put(FILE)
        storage.s3.delete_object(Bucket=settings.files_bucket, Key=file.key, VersionId=file.version)
        job = import_file(file, POLICY, NOW, lambda: True)

    assert job is not None
    assert job.problem is not None
    assert job.problem.code == "file-gone"


def test_an_upload_without_an_import_is_ignored(network: Network, storage: Storage) -> None:
    """Its record has expired, or never existed."""
    with network(Faults(0)):
        ignored = import_file(storage.put(FILE), POLICY, NOW, lambda: True)
        links = list(link_store.all_links())

    assert ignored is None
    assert links == []
