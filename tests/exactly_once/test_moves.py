"""Links of several workspaces and domains never mix, whatever moves between them and whatever is lost on the way.

Links of three spaces, many with the same codes, are made, changed, visited, offered, accepted, declined, adopted and
deleted at random, by keys that come and go, while requests and replies of the table are lost and other containers have
older links in their caches. At any time a workspace sees its own links only, all of them; in the end each visit is
counted once, for the workspace that the container had the link in.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from chalice.test import HTTPResponse
from chalice.test import TestHTTPClient as Http

from chalicelib import clock
from chalicelib.aws import clients, link_cache
from chalicelib.aws.clients import boto3_client
from chalicelib.aws.dynamodb import click_store, link_store, moved_store, row_store, transfer_store
from chalicelib.aws.s3 import files
from chalicelib.core.access import roles
from chalicelib.core.domains import id_in
from chalicelib.core.transfers.export_job import Export
from chalicelib.core.ttl_cache import TtlCache
from chalicelib.settings import settings
from chalicelib.usecases import manage_keys
from chalicelib.usecases.export_links import export_links
from dev.local import tables
from tests import domains, rows
from tests.api.test_clicks import count, queued
from tests.callers import Keyed, make_key
from tests.sizes import grows, usual_or_long

WORKSPACES = ("ann", "bob", "carl", "dora")
OPEN_TO = {"sho.rt": WORKSPACES, "team.example": WORKSPACES, "low.example": ("ann", "bob")}
"""The workspaces that may make links at each domain."""
SPACES = {"sho.rt": "", "team.example": "team", "low.example": "low"}
DOMAINS = "team.example=team,low.example=low:any-case"
START = datetime(2026, 11, 24, 9, tzinfo=UTC)
WRITES = {"put_item", "update_item", "transact_write_items", "delete_item"}
NAMES = 6  # externalIds that a workspace chooses from: some are taken when a link comes


class Lossy:
    """A client of the table that loses requests and replies."""

    def __init__(self, client: Any, world: World) -> None:
        self._client, self._world = client, world

    def __getattr__(self, operation: str) -> Any:
        """Return an operation of the client, with its faults."""
        real = getattr(self._client, operation)
        if operation == "meta":
            return real

        def call(**request: Any) -> Any:
            drawn = self._world.chance.random() if self._world.is_lossy else 0.5
            if drawn < 0.02:
                raise ConnectTimeoutError(endpoint_url="the table")
            answer = real(**request)
            if drawn > 0.96 and operation in WRITES:
                raise ReadTimeoutError(endpoint_url="the table")
            return answer

        return call


@dataclass
class Made:
    """A link of the model."""

    code: str
    domain: str
    mark: str
    """A text in its title, which is in no other link."""
    owner: str | None
    external_id: str | None = None
    manage_key: str | None = None
    offered_to: str | None = None
    made_by: str | None = None
    """The key it was made with."""
    body: dict[str, Any] = field(default_factory=dict)
    visits: int = 0
    deleted: bool = False
    owners: list[tuple[datetime, str | None]] = field(default_factory=list)
    """Whose it was, from when on."""

    @property
    def id(self) -> str:
        """Return its id."""
        return id_in(SPACES[self.domain], self.code)

    @property
    def at(self) -> str:
        """Return the query that names its domain; the default one needs none."""
        return "" if self.domain == "sho.rt" else f"?domain={self.domain}"

    def owners_within(self, now: datetime, seconds: float) -> set[str | None]:
        """Return whose it was within the last ``seconds`` before ``now``."""
        since = now - timedelta(seconds=seconds)
        ends = [*(begin for begin, _ in self.owners[1:]), now + timedelta(seconds=1)]
        return {owner for (_, owner), end in zip(self.owners, ends, strict=True) if end >= since}


class World:
    """The service, as several containers, and what must be true of it."""

    def __init__(self, http: Http, seed: int, at_once: int) -> None:
        self.at_once = at_once
        self.chance = random.Random(seed)  # noqa: S311  # the same for the same seed
        self.http = http
        self.now = START
        self.is_lossy = False
        self.links: dict[str, Made] = {}
        self.keys = {name: [make_key(name, *roles.ROLES["admin"])] for name in WORKSPACES}
        root = Keyed(http, make_key("root", "admin"))
        for host in ("team.example", "low.example"):
            assert root("PATCH", f"/v1/domains/{host}", {"workspaces": [*OPEN_TO[host]]}).status_code == 200
        self.ids: dict[str, set[str]] = {name: {self.keys[name][0].split("_")[1]} for name in WORKSPACES}
        self.revoked: set[str] = set()
        self.caches: list[TtlCache[Any]] = [TtlCache(10_000) for _ in range(3)]
        self.did: Counter[str] = Counter()
        self.stale: set[tuple[str, datetime]] = set()
        """The visits that the cache answered past its lifetime, because the table did not respond."""

    def call(self, key: str | None, method: str, path: str, body: Any = None, **headers: str) -> HTTPResponse:
        """Send a request to any container, again until it is answered, as clients do."""
        for _ in range(50):
            link_cache._links = self.chance.choice(self.caches)  # noqa: SLF001  # another container
            self.now += timedelta(milliseconds=self.chance.randrange(1, 400))
            answer = Keyed(self.http, key)(method, path, body, **headers)
            if answer.status_code < 500:
                return answer
            self.did["sent again"] += 1
        raise AssertionError(answer.body)

    def key_of(self, workspace: str) -> str:
        """Return one of the keys that may do everything in a workspace."""
        return self.chance.choice(self.keys[workspace])

    def noting_stale(self, get: Callable[[str, datetime], link_cache.Found]) -> Callable[..., link_cache.Found]:
        """Return the reader of the cache that notes which of its links are past their lifetime."""

        def noted(link_id: str, now: datetime) -> link_cache.Found:
            found = get(link_id, now)
            if found.source == "stale":
                self.stale.add((link_id, now.replace(microsecond=now.microsecond // 1000 * 1000)))
            return found

        return noted

    def any_link(self, fits: Callable[[Made], bool] = lambda _: True) -> Made | None:
        """Return a link that exists, or None."""
        for _ in range(20):
            link = self.chance.choice(list(self.links.values())) if self.links else None
            if link is not None and not link.deleted and fits(link):
                return link
        return None

    def step(self) -> None:
        """Do something."""
        actions = [
            *[self.make] * 3,
            *[self.make_many] * 2,
            *[self.make_without_key] * 2,
            *[self.visit] * 8,
            *[self.offer] * 4,
            *[self.accept] * 5,
            self.end_offer,
            *[self.adopt] * 2,
            *[self.change] * 2,
            self.delete,
            self.replay,
            self.make_key,
            self.revoke_key,
            self.set_name,
            *[self.wait] * 3,
        ]
        action = self.chance.choice(actions)
        action()
        self.did[action.__name__] += 1

    def make(self) -> None:
        """Make a link in a workspace."""
        owner, mark, domain = self.chance.choice(WORKSPACES), self.new_mark(), self.chance.choice(list(OPEN_TO))
        body: dict[str, Any] = {"url": f"https://example.com/{mark}", "title": mark, "domain": domain}
        alias = f"same-{self.chance.randrange(3 * self.at_once)}"
        if self.chance.random() < 0.5 and id_in(SPACES[domain], alias) not in self.links:
            body["alias"] = alias
        name = f"name-{self.chance.randrange(NAMES)}" if self.chance.random() < 0.2 else None
        taken = name is not None and self.is_taken(owner, name)
        body |= {"externalId": name} if name else {}
        key = self.key_of(owner)
        answer = self.call(key, "POST", "/v1/links", body, Idempotency_Key=mark)
        if owner not in OPEN_TO[domain]:
            assert answer.status_code == 403, answer.body
            return
        assert answer.status_code == (409 if taken else 201), answer.body
        if not taken:
            made = Made(answer.json_body["code"], domain, mark, owner, name, made_by=key, body=body)
            made.owners.append((self.now, owner))
            self.links[made.id] = made
            self.did["same code"] += len({each.code for each in self.links.values()}) < len(self.links)

    def make_many(self) -> None:
        """Make some links at once; those that failed are sent again, as part of the same request."""
        owner, marks = self.chance.choice(WORKSPACES), [self.new_mark() for _ in range(self.at_once)]
        hosts = [host for host, workspaces in OPEN_TO.items() if owner in workspaces]
        body = {
            "links": [
                {"url": f"https://example.com/{mark}", "title": mark, "domain": self.chance.choice(hosts)}
                for mark in marks
            ]
        }
        key = self.key_of(owner)
        for _ in range(50):
            answer = self.call(key, "POST", "/v1/links/bulk", body, Idempotency_Key=marks[0])
            assert answer.status_code == 200, answer.body
            if all("link" in each for each in answer.json_body["data"]):
                break
        for mark, each in zip(marks, answer.json_body["data"], strict=True):
            link = each["link"]
            made = Made(link["code"], link["domain"], mark, owner, owners=[(self.now, owner)])
            self.links[made.id] = made

    def new_mark(self) -> str:
        """Return a text that is in nothing else."""
        return f"mark{self.chance.getrandbits(48):012x}"

    def make_without_key(self) -> None:
        """Make a link that has no owner. If the reply is lost, the client has no key to it and makes another one."""
        mark = self.new_mark()
        answer = self.call(None, "POST", "/v1/links", {"url": f"https://example.com/{mark}", "title": mark})
        code = answer.json_body["code"]
        manage_key = answer.json_body["manageKey"]
        self.links[code] = Made(code, "sho.rt", mark, None, manage_key=manage_key, owners=[(self.now, None)])

    def is_taken(self, owner: str, name: str) -> bool:
        """Tell whether a workspace has a link with this externalId."""
        return any((each.owner, each.external_id) == (owner, name) for each in self.links.values() if not each.deleted)

    def visit(self) -> None:
        """Follow a link, some times."""
        link = self.any_link()
        for _ in range(self.chance.randrange(1, 4) if link else 0):
            assert link is not None
            if self.call(None, "GET", f"/{link.code}", Host=link.domain).status_code == 302:
                link.visits += 1

    def offer(self) -> None:
        """Offer a link to another workspace."""
        link = self.any_link(lambda each: each.owner is not None)
        if link is None or link.owner is None:
            return
        to = self.chance.choice([name for name in WORKSPACES if name != link.owner])
        answer = self.call(
            self.key_of(link.owner), "POST", "/v1/offers", {"code": link.code, "domain": link.domain, "to": to}
        )
        assert answer.status_code == 201, answer.body
        link.offered_to = to

    def accept(self) -> None:
        """Accept an offer; somebody else has tried before."""
        link = self.any_link(lambda each: each.offered_to is not None)
        if link is None or link.offered_to is None:
            return
        stranger = self.chance.choice([name for name in WORKSPACES if name not in {link.offered_to, link.owner}])
        path = f"/v1/offers/{link.code}/accept{link.at}"
        assert self.call(self.key_of(stranger), "POST", path).status_code == 404
        taken = link.external_id is not None and self.is_taken(link.offered_to, link.external_id)
        answer = self.call(self.key_of(link.offered_to), "POST", path)
        if link.offered_to not in OPEN_TO[link.domain]:
            assert answer.status_code == 403, answer.body
            return
        assert answer.status_code == (409 if taken else 200), answer.body
        if not taken:
            link.owner, link.offered_to = link.offered_to, None
            link.owners.append((self.now, link.owner))
            self.did["moved"] += 1

    def end_offer(self) -> None:
        """Withdraw or decline an offer."""
        link = self.any_link(lambda each: each.offered_to is not None)
        if link is None or link.offered_to is None or link.owner is None:
            return
        side = self.chance.choice([link.owner, link.offered_to])
        self.call(self.key_of(side), "DELETE", f"/v1/offers/{link.code}{link.at}")  # 404 after a reply that was lost
        link.offered_to = None

    def adopt(self) -> None:
        """Take over a link that has no owner; after it the key to it opens nothing."""
        link = self.any_link(lambda each: each.owner is None)
        if link is None:
            return
        owner, path, body = (
            self.chance.choice(WORKSPACES),
            f"/v1/links/{link.code}/adopt",
            {"manageKey": link.manage_key},
        )
        answer = self.call(self.key_of(owner), "POST", path, body)
        assert answer.status_code == 200, answer.body
        link.owner = owner
        link.owners.append((self.now, owner))
        assert self.call(link.manage_key, "GET", f"/v1/links/{link.code}").status_code == 404

    def change(self) -> None:
        """Change a link; a workspace that it is not in has tried before."""
        link = self.any_link(lambda each: each.owner is not None)
        if link is None or link.owner is None:
            return
        stranger = self.chance.choice([name for name in WORKSPACES if name != link.owner])
        body, path = {"note": f"changed by {link.owner}"}, f"/v1/links/{link.code}{link.at}"
        assert self.call(self.key_of(stranger), "PATCH", path, body).status_code == 404
        assert self.call(self.key_of(link.owner), "PATCH", path, body).status_code == 200

    def delete(self) -> None:
        """Delete a link, now and then."""
        link = self.any_link(lambda each: each.owner is not None)
        if link is None or link.owner is None or self.chance.random() < 0.5:
            return
        self.call(self.key_of(link.owner), "DELETE", f"/v1/links/{link.code}{link.at}")
        link.deleted, link.offered_to = True, None

    def replay(self) -> None:
        """Send the request that made a link again: the same answer, also if the link has moved since."""
        link = self.any_link(lambda each: each.made_by is not None)
        if link is None or link.made_by not in self.keys[str(link.owners[0][1])]:
            return
        if link.owners[0][0] < self.now - timedelta(hours=20):
            return
        answer = self.call(link.made_by, "POST", "/v1/links", link.body, Idempotency_Key=link.mark)
        answered = (answer.headers["Idempotency-Replayed"], answer.json_body["code"], answer.json_body["domain"])
        assert answered == ("true", link.code, link.domain)

    def make_key(self) -> None:
        """Make a key, which is used from then on."""
        workspace = self.chance.choice(WORKSPACES)
        role = self.chance.choice(list(roles.ROLES))
        person = self.chance.choice([None, "eve@example.com"])
        answer = self.call(self.key_of(workspace), "POST", "/v1/keys", {"name": role, "role": role, "person": person})
        assert answer.status_code == 201, answer.body
        assert answer.json_body["owner"] == workspace
        self.ids[workspace].add(answer.json_body["id"])
        if role == "admin" and person is None:
            self.keys[workspace].append(answer.json_body["key"])

    def revoke_key(self) -> None:
        """Revoke a key; another workspace has tried before. The first key of each stays."""
        workspace = self.chance.choice(WORKSPACES)
        kept = self.keys[workspace][0].split("_")[1]
        key_id = self.chance.choice(sorted(self.ids[workspace] - {kept}) or [None])
        if key_id is None:
            return
        stranger = self.chance.choice([name for name in WORKSPACES if name != workspace])
        assert self.call(self.key_of(stranger), "DELETE", f"/v1/keys/{key_id}").status_code == 404
        assert self.call(self.keys[workspace][0], "DELETE", f"/v1/keys/{key_id}").status_code == 204
        self.keys[workspace] = [key for key in self.keys[workspace] if key_id not in key]
        self.revoked.add(key_id)

    def set_name(self) -> None:
        """Change the settings of a workspace."""
        workspace = self.chance.choice(WORKSPACES)
        body = {"name": f"mark-of-{workspace}"}
        assert self.call(self.key_of(workspace), "PATCH", f"/v1/workspaces/{workspace}", body).status_code == 200

    def wait(self) -> None:
        """Let some time pass: less and more than a cache lasts."""
        self.now += timedelta(seconds=self.chance.choice([1, 20, 61, 300]))

    def check(self, workspace: str, links: int = 10**9) -> None:
        """Assert that a workspace sees what is its own, all of it, and nothing else; of ``links`` each by itself."""
        key = self.key_of(workspace)
        everything = {each.id: each for each in self.links.values() if each.owner == workspace and not each.deleted}
        listed: list[Any] = []
        for query, domain in (*((f"&domain={host}", host) for host in OPEN_TO), ("", None), ("&q=mark", None)):
            own = {link_id: each for link_id, each in everything.items() if domain in {None, each.domain}}
            cursor = ""
            found: list[Any] = []
            while True:
                page = self.call(key, "GET", f"/v1/links?limit=100{query}{cursor}").json_body
                found += page["data"]
                if page["next"] is None:
                    break
                cursor = f"&cursor={page['next']}"
                stranger = self.chance.choice([name for name in WORKSPACES if name != workspace])
                assert self.call(self.key_of(stranger), "GET", f"/v1/links?limit=100{cursor}").status_code == 422
            assert sorted(_id_of(each) for each in found) == sorted(own)
            listed = found
        assert {each["owner"] for each in listed} <= {workspace}
        keys = self.call(key, "GET", "/v1/keys").json_body["data"]
        assert {each["owner"] for each in keys} == {workspace}
        assert {each["id"] for each in keys} >= self.ids[workspace]
        assert {each["id"] for each in keys if each["revokedAt"]} >= self.ids[workspace] & self.revoked
        offers = self.call(key, "GET", "/v1/offers").json_body["data"]
        expected = {each.id: (each.owner, each.offered_to) for each in self.links.values() if each.offered_to}
        shown = {_id_of(each): (each["from"], each["to"]) for each in offers if not self.links[_id_of(each)].deleted}
        assert shown == {link_id: sides for link_id, sides in expected.items() if workspace in sides}
        for link in self.chance.sample(sorted(own.values(), key=lambda each: each.id), min(links, len(own))):
            history = self.call(key, "GET", f"/v1/links/{link.code}/history{link.at}").json_body["data"]
            assert history[-1]["action"] == "created" or len(history) >= 50
            moves = [each["changes"]["owner"]["to"] for each in history if each["action"] in {"moved", "adopted"}]
            assert moves[::-1] == [owner for _, owner in link.owners[1:]][-len(moves) :] or len(history) >= 50
        seen = [listed, keys, self.call(key, "GET", f"/v1/workspaces/{workspace}").json_body]
        seen.append(self.call(key, "GET", "/v1/audit-log?limit=100").json_body)
        text = json.dumps(seen)
        assert [each.mark for each in self.links.values() if each.owner != workspace and each.mark in text] == []
        assert not any(f"mark-of-{name}" in text for name in WORKSPACES if name != workspace)

    def check_visits(self) -> None:
        """Assert that each visit counts once: for its link, and for the workspace that a container had the link in."""
        count(queued())  # those that the table did not take become rows
        clicks = [row_store.from_item(item) for item in rows.rows()]
        by_link = Counter(click.link_id for click in clicks)
        assert by_link == Counter({link_id: link.visits for link_id, link in self.links.items() if link.visits})
        for click in clicks:
            is_stale = (click.link_id, click.at) in self.stale
            lasts = link_cache.STALE_LASTS if is_stale else settings.link_cache_seconds
            possible = self.links[click.link_id].owners_within(click.at, lasts)
            assert click.owner in possible, (click, self.links[click.link_id].owners)
        for workspace in WORKSPACES:
            mine = Counter(click.link_id for click in clicks if click.owner == workspace)
            key, period = self.key_of(workspace), f"from={START.date()}&to={self.now.date()}"
            report = self.call(key, "GET", f"/v1/stats?{quote(period, safe='=&')}").json_body
            assert report["total"]["visits"] == sum(mine.values())
            for host in OPEN_TO:
                there = sum(number for link_id, number in mine.items() if self.links[link_id].domain == host)
                of_domain = self.call(key, "GET", f"/v1/stats?{quote(period, safe='=&')}&domain={host}").json_body
                assert (host, of_domain["total"]["visits"]) == (host, there)
                assert {each["domain"] for each in of_domain["links"]} <= {host, None}
            gone = {link_id for link_id in mine if self.links[link_id].owner != workspace}
            named = {_id_of(each): each["visits"] for each in report["links"] if each["domain"]}
            others = sum(each["visits"] for each in report["links"] if not each["domain"] and not each["moved"])
            assert named.items() <= {link_id: number for link_id, number in mine.items() if link_id not in gone}.items()
            left = [each["visits"] for each in report["links"] if each["moved"]]
            assert {each["name"] for each in report["links"] if each["moved"]} <= {None}
            assert sum(named.values()) + sum(left) + others == sum(mine.values())
            assert others or sorted(left) == sorted(mine[link_id] for link_id in gone)
            assert moved_store.moved_of(workspace, gone) == gone
            for link in self.links.values():
                if link.owner == workspace and not link.deleted:
                    shown = self.call(key, "GET", f"/v1/links/{link.code}{link.at}").json_body
                    assert shown["visits"]["total"] == link.visits, (shown, link)

    def check_exports(self) -> None:
        """Assert that the export of each workspace has its links, and no other's."""
        for workspace in WORKSPACES:
            job = Export(
                id=f"{WORKSPACES.index(workspace):032x}",
                owner=workspace,
                asked_by=workspace,
                created_at=self.now,
                format="ndjson",
                days=True,
            )
            transfer_store.add_export(job)
            done = export_links(job.id, self.now, lambda: True)
            assert done is not None
            body = files.files.get_object(Bucket=settings.files_bucket, Key=job.key)["Body"].read()
            exported = [json.loads(line) for line in body.decode().splitlines()]
            own = {each.id for each in self.links.values() if each.owner == workspace and not each.deleted}
            assert sorted(map(_id_of, exported)) == sorted(own)

    def check_numbers(self) -> None:
        """Assert that each space has as many links as there are."""
        for host in ("team.example", "low.example"):
            number = sum(not each.deleted for each in self.links.values() if each.domain == host)
            assert link_store.number_in(SPACES[host]) == number


def _id_of(shown: dict[str, Any]) -> str:
    """Return the id of a link as clients see it, or as it was exported."""
    return id_in(SPACES[shown["domain"]], shown["code"] if "code" in shown else shown["name"])


@contextmanager
def _world(http: Http, store: int, seed: int, at_once: int) -> Iterator[World]:
    """Tables in the real store: a transaction of moto's copies all of them."""
    address = f"http://127.0.0.1:{store}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        tables.create(boto3.client("dynamodb"))
        for name in ("reads", "writes", "best_effort"):
            limits = {"seconds_to_connect": 5, "seconds_to_read": 5, "attempts": 1}
            patch.setattr(clients, name, boto3_client.make_client("dynamodb", endpoint_url=address, **limits))
        patch.setattr("chalicelib.aws.dynamodb.transactions.time.sleep", lambda _: None)
        domains.with_domains(patch, DOMAINS)
        domains.with_hosts(patch)
        click_store.mark_folded_through((START - timedelta(days=2)).date().isoformat())
        world = World(http, seed, at_once)
        patch.setattr(clock, "now", lambda: world.now)
        patch.setattr(link_cache, "_links", world.caches[0])
        patch.setattr(link_cache, "get", world.noting_stale(link_cache.get))
        patch.setattr(manage_keys, "_INDEX_LAGS", 0)
        for name in ("reads", "writes", "best_effort"):
            patch.setattr(clients, name, Lossy(getattr(clients, name), world))
        yield world


@grows
@pytest.mark.parametrize("seed", [1, 2] if usual_or_long(0, 1) == 0 else [3])
def test_workspaces_never_mix(http: Http, store: int, seed: int) -> None:
    """Four of them at three domains, with as many links as the size says."""
    most = usual_or_long(40, 10_000)
    with _world(http, store, seed, at_once=max(2, most // 200)) as world:
        world.is_lossy = True
        checks = iter(range(most // 3, most, most // 3))
        check_at = next(checks)
        while len(world.links) < most:
            world.step()
            if len(world.links) >= check_at:
                check_at = next(checks, most + 1)
                world.check(world.chance.choice(WORKSPACES), links=5)
        world.is_lossy = False
        for workspace in WORKSPACES:
            world.check(workspace, links=50)
        world.check_visits()
        world.check_exports()
        world.check_numbers()
        assert world.did["same code"]
        assert world.did["moved"] >= most // 50
        assert world.did["sent again"] >= most // 50
