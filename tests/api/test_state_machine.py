"""Random operations on links, compared with a model of the service.

Hypothesis draws the steps; where an answer differs, it prints the fewest that show it. `make soak` draws anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import hypothesis
import pytest
from chalice.test import Client
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

import app as service
from chalicelib.core.links import password
from tests.api.link_model import NOBODY, OWNERS, SPANS, Expected, Model, ModelLink, Request, text_of
from tests.api.test_clicks import count, queued
from tests.api.test_transfers import imported, report_rows
from tests.aws_in_memory import in_memory
from tests.callers import Keyed, make_key
from tests.sizes import grows, usual_or_long

SEED = os.environ.get("SOAK")
USUAL_SEED = 1  # not derandomize: its draws would change with the name of this file
"""The seed of `make soak`; a difference is then reduced to the fewest steps, which takes minutes."""
START = datetime(2026, 3, 1, 9, 59, 58, tzinfo=UTC)
BROWSER = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-GB,en;q=0.5",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "sec-fetch-site": "none",
    "sec-fetch-user": "?1",
}
PROGRAM = {"user-agent": "curl/8.5.0", "accept": "*/*"}
URLS = [f"https://example.com/target-{number}" for number in "123"]
OVER = "https://example.org/over"
MOST_IMPORTS = 1  # in one example: one takes as long as ten other steps
WORDS = ["open sesame", "close sesame"]

VALUES: dict[str, list[Any]] = {
    "url": URLS,
    "title": [None, "A title"],
    "tags": [None, ["one"], ["one", "two"]],
    "expiresIn": [None, None, None, *SPANS, *SPANS],
    "startsAt": [None, text_of(START + timedelta(minutes=2))],
    "enabled": [None, True, False],
    "permanent": [None, True, False],
    "fallbackUrl": [None, OVER],
    "password": [None, *WORDS],
    "confirm": [None, True, False],
}
# Not all limits say whether to ask for confirmation: a link for one visit asks by default.
LIMITS: list[dict[str, Any]] = [
    {"maxVisits": most, "confirm": button} for most in (None, 1, 2) for button in (None, True, False, False)
]

aliases = st.sampled_from(["sale", "menu"])
parts = st.sampled_from([*LIMITS, *({name: value} for name, values in VALUES.items() for value in values)])
changes = st.lists(parts, max_size=3).map(
    lambda chosen: {name: value for part in chosen for name, value in part.items()}
)
bodies = st.builds(
    lambda fields, url, alias: fields | {"url": url} | ({"alias": alias} if alias else {}),
    changes,
    st.sampled_from(URLS),
    st.none() | aliases,
)
rows = st.one_of(bodies, bodies, bodies, st.sampled_from([{"url": "no address"}, "no object", {"title": "no address"}]))
creators = st.sampled_from([*OWNERS, NOBODY])
callers = st.sampled_from(["its maker", "its maker", "its maker", *OWNERS, NOBODY, "another's key"])
picks = st.integers(0, 5)
"""The index of a link; 0 is the newest."""
seen = st.sampled_from(["", "", "now", "before", "*"])
"""The version in an If-Match."""
with_links = precondition(lambda self: bool(self.model.links))


class LinkMachine(RuleBasedStateMachine):
    """The service and its model."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(START)
        self.visits = self.looks = self.imports = 0
        self.steps = self._set_up()
        next(self.steps)

    def _set_up(self) -> Generator[None]:
        with pytest.MonkeyPatch.context() as patch, in_memory(), Client(service.app) as client:
            patch.setattr("chalicelib.clock.now", lambda: self.model.now)
            patch.setattr(password, "_N", 2)  # as a digest says itself; what it costs to guess is not asked here
            self.callers = {owner: Keyed(client.http, make_key(owner)) for owner in OWNERS}
            self.callers[NOBODY] = Keyed(client.http, None)
            self.http = client.http
            yield

    def teardown(self) -> None:
        try:
            self._look_at_all_links()
        finally:
            self.steps.close()

    @rule(who=creators, body=bodies)
    def create(self, who: str, body: dict[str, Any]) -> None:
        """POST /links."""
        self._send((who, None, "/links", json.dumps(body)))

    @rule(who=creators, many=st.lists(rows, min_size=1, max_size=4))
    def create_many(self, who: str, many: list[Any]) -> None:
        """POST /links/bulk."""
        self._send((who, None, "/links/bulk", json.dumps({"links": many})))

    @rule(target=requests, who=creators, key=st.sampled_from(["key-1", "key-2"]), many=st.lists(rows, max_size=3))
    def create_once(self, who: str, key: str, many: list[Any]) -> Request:
        """POST /links, or /links/bulk, with an Idempotency-Key."""
        is_one = len(many) == 1 and isinstance(many[0], dict)
        body = many[0] if is_one else {"links": many or [{"url": URLS[0]}]}
        request = (who, key, "/links" if is_one else "/links/bulk", json.dumps(body))
        self._send(request)
        return request

    @rule(request=requests)
    def send_again(self, request: Request) -> None:
        """Repeat a request with its key, at once or days later."""
        self._send(request)

    @precondition(lambda self: self.imports < MOST_IMPORTS)
    @rule(
        owner=st.sampled_from(OWNERS),
        file=st.lists(st.tuples(st.sampled_from(URLS), st.just("") | aliases), min_size=1, max_size=3),
    )
    def import_file(self, owner: str, file: list[tuple[str, str]]) -> None:
        """POST /imports, with a file and the function that imports it."""
        text = "url,alias\n" + "".join(f"{url},{alias}\n" for url, alias in file)
        self.imports += 1
        told = report_rows(imported(self.callers[owner], text))

        assert len(told) == len(file)
        for (url, alias), (_, outcome, short_url, *_) in zip(file, told, strict=True):
            assert outcome == self.model.import_row(owner, url, alias, short_url.rpartition("/")[2] or None)
        self._later(6)  # for so long what was asked for before it was there is believed to be unknown

    @with_links
    @rule(pick=picks, who=callers, body=changes, version=seen)
    def change(self, pick: int, who: str, body: dict[str, Any], version: str) -> None:
        """PATCH /links/{code}."""
        link = self._link(pick)
        caller, name, if_match = *self._caller(who, link), _if_match(link, version)
        answer = caller("PATCH", f"/links/{link.code}", body, **({"If_Match": if_match} if if_match else {}))

        _compare(answer, self.model.change(name, link.code, body, if_match))
        assert answer.status_code != 200 or answer.headers["ETag"] == link.etag
        self._later(1)

    @with_links
    @rule(pick=picks, place=st.integers(0, 3))
    def clear(self, pick: int, place: int) -> None:
        """PATCH /links/{code} with null for fields that are set."""
        link = self._link(pick)
        there = [name for name, value in link.fields.items() if value and name not in {"url", "maxVisits", "confirm"}]
        names = [*there, *(["password"] if link.password else []), "enabled"]
        body = {names[place % len(names)]: None}
        caller, name = self._caller("its maker", link)

        _compare(caller("PATCH", f"/links/{link.code}", body), self.model.change(name, link.code, body, None))

    @with_links
    @rule(pick=picks, who=callers, version=seen)
    def remove(self, pick: int, who: str, version: str) -> None:
        """DELETE /links/{code}; the code is never given out again."""
        link = self._link(pick)
        caller, name, if_match = *self._caller(who, link), _if_match(link, version)
        answer = caller("DELETE", f"/links/{link.code}", **({"If_Match": if_match} if if_match else {}))

        _compare(answer, self.model.remove(name, link.code, if_match))
        if link.is_removed:
            self._send((OWNERS[0], None, "/links", json.dumps({"url": URLS[0], "alias": link.code})))

    @with_links
    @rule(pick=picks, who=callers)
    def show(self, pick: int, who: str) -> None:
        """GET /links/{code}."""
        link = self._link(pick)
        caller, name = self._caller(who, link)

        _compare(caller("GET", f"/links/{link.code}"), self.model.show(name, link.code))

    @with_links
    @rule(
        pick=picks,
        methods=st.lists(st.sampled_from(["GET", "GET", "HEAD", "POST"]), min_size=1, max_size=4),
        is_browser=st.sampled_from([True, True, False]),
    )
    def follow(self, pick: int, methods: list[str], *, is_browser: bool) -> None:
        """Visit a link, once or more often than its maximum; a POST presses the button."""
        for method in methods:
            self._visit(self._link(pick).code, method, is_browser=is_browser)

    @rule(code=aliases, method=st.sampled_from(["GET", "POST"]))
    def follow_alias(self, code: str, method: str) -> None:
        """Visit a code that may exist, have existed, or be created later."""
        self._visit(code, method, is_browser=True)

    @precondition(lambda self: any(link.password for link in self.model.links.values()))
    @rule(pick=picks, word=st.sampled_from([*WORDS, "wrong"]), times=st.integers(1, 6))
    def enter_password(self, pick: int, word: str, times: int) -> None:
        """POST /{code} with a password, several times in a minute."""
        protected = [link for link in self.model.links.values() if link.password]
        for _ in range(times):
            self._visit(protected[-1 - pick % len(protected)].code, "POST", is_browser=True, word=word)

    @rule(seconds=st.sampled_from([1, 30, 60, 600, 1800, 12 * 3600, 24 * 3600]))
    def wait(self, seconds: int) -> None:
        """Advance the time: links begin and end, limits reset, stored responses expire."""
        self._later(seconds)

    @precondition(lambda self: self.model.ends())
    @rule()
    def wait_for_an_end(self) -> None:
        """Advance to the exact time at which the next link begins or ends."""
        self.model.now = self.model.ends()[0]
        self._look_where_links_lead()

    @with_links
    @rule(again=st.booleans())
    def count(self, *, again: bool) -> None:
        """Count the queued clicks; the queue delivers some twice."""
        clicks = queued()
        for _ in range(1 + again):
            if clicks:
                assert count(clicks) == {"batchItemFailures": []}
        self.model.count()

    @with_links
    @rule(owner=st.sampled_from(OWNERS), limit=st.integers(1, 4))
    def turn_pages(self, owner: str, limit: int) -> None:
        """GET /links page by page: each link is on one page, and cursors of other owners are refused."""
        (other,) = {*OWNERS} - {owner}
        listed: list[dict[str, Any]] = []
        page: dict[str, Any] = self.callers[owner].get(f"/links?limit={limit}").json_body
        while page["next"] is not None:
            listed += page["data"]
            path = f"/links?limit={limit}&cursor={page['next']}"
            assert self.callers[other].get(path).status_code == 422
            page = self.callers[owner].get(path).json_body
        listed += page["data"]
        assert sorted(each["code"] for each in listed) == sorted(each.code for each in self.model.of(owner))
        assert [each["createdAt"] for each in listed] == sorted((each["createdAt"] for each in listed), reverse=True)

    @with_links
    @rule(owner=st.sampled_from(OWNERS))
    def read_statistics(self, owner: str) -> None:
        """GET /stats and /links/{code}/stats: visits of deleted links still count for their owner."""
        period = f"?from={START.date()}&to={self.model.now.date()}"
        links = [link for link in self.model.links.values() if link.owner == owner]

        total = self.callers[owner].get(f"/stats{period}").json_body["total"]["visits"]
        assert total == sum(link.counted for link in links)
        for link in links:
            answer = self.callers[owner].get(f"/links/{link.code}/stats{period}")
            assert answer.status_code == (404 if link.is_removed else 200)
            assert link.is_removed or answer.json_body["total"]["visits"] == link.counted

    @invariant()
    def every_link_is_as_it_should_be(self) -> None:
        """Compare a link's redirect, by a HEAD, which uses up no visit; and sometimes its document."""
        self.looks += 1
        if self.looks % 2 == 0:
            self._look_where_links_lead()
        if self.looks % 6 == 0:
            self._look_at_all_links()

    def _look_where_links_lead(self) -> None:
        for code in self.model.links:
            self._visit(code, "HEAD", is_browser=True)

    def _look_at_all_links(self) -> None:
        """Compare all links, with every visit counted once."""
        shown = [each for owner in OWNERS for each in self.callers[owner].get("/links?limit=100").json_body["data"]]
        for link in self.model.of(None):
            shown += [Keyed(self.http, link.manage_key).get(f"/links/{link.code}").json_body]
        for document in shown:
            link = self.model.links[document["code"]]
            assert document.items() >= link.document().items()
            assert document["visits"]["total"] == link.counted
        assert len(shown) == sum(not link.is_removed for link in self.model.links.values())

    def _send(self, request: Request) -> None:
        """Send a request that creates links, and give the model the generated values."""
        who, key, path, text = request
        headers = {"Content_Type": "application/json"} | ({"Idempotency_Key": key} if key else {})
        answer = self.callers[who]("POST", path, text.encode(), **headers)
        body, is_replayed = answer.json_body, "Idempotency-Replayed" in answer.headers
        if path == "/links":
            expected = self.model.create(request, json.loads(text), None, body)
            _compare(answer, expected)
            assert is_replayed == expected.is_replayed
        elif self.model.begin(request):
            assert answer.status_code == 200
            made = []
            for number, (row, told) in enumerate(zip(json.loads(text)["links"], body["data"], strict=True)):
                expected = self.model.create(request, row, number, told.get("link", {}))
                _compare_body(told.get("link") or told["problem"], expected)
                made += [] if expected.error else [expected.is_replayed]
            assert is_replayed == (bool(made) and all(made))
        else:
            _compare(answer, Expected(422, "idempotency-mismatch"))
        self._later(1)

    def _visit(self, code: str, method: str, *, is_browser: bool, word: str | None = None) -> None:
        self.visits += 1
        form = {} if word is None else {"password": word}
        event = {
            "requestContext": {
                "httpMethod": method,
                "resourcePath": "/{code}",
                "requestId": f"visit-{self.visits}",
                "identity": {"sourceIp": "203.0.113.1"},
            },
            "headers": (BROWSER if is_browser else PROGRAM) | {"content-type": "application/x-www-form-urlencoded"},
            "pathParameters": {"code": code},
            "multiValueQueryStringParameters": None,
            "body": urlencode(form) if method == "POST" else None,
            "stageVariables": None,
        }
        answer: dict[str, Any] = service.app(event, None)

        expected = self.model.follow(code, method, is_browser=is_browser, word=word)
        assert (answer["statusCode"], answer["headers"].get("Location")) == (expected.status, expected.location)
        assert expected.location in URLS or not any(url in str(answer) for url in URLS)

    def _link(self, pick: int) -> ModelLink:
        links = list(self.model.links.values())
        return links[-1 - pick % len(links)]

    def _caller(self, who: str, link: ModelLink) -> tuple[Keyed, str]:
        """Return the caller, and its name in the model: for a manage key, the key."""
        if who == "its maker" and link.manage_key is None:
            who = link.owner or NOBODY
        if who in self.callers:
            return self.callers[who], who
        others = (each.manage_key for each in self.model.links.values() if each is not link and each.manage_key)
        key = link.manage_key if who == "its maker" else next(others, None)
        return (Keyed(self.http, key), key) if key else (self.callers[NOBODY], NOBODY)

    def _later(self, seconds: int) -> None:
        self.model.now += timedelta(seconds=seconds)


def _if_match(link: ModelLink, version: str) -> str | None:
    return {"": None, "now": link.etag, "before": f'"{link.code}.{link.version - 1}"', "*": "*"}[version]


def _compare(answer: Any, expected: Expected) -> None:
    assert answer.status_code == expected.status, answer.body
    if expected.error is not None or expected.document is not None:
        _compare_body(answer.json_body, expected)


def _compare_body(body: dict[str, Any], expected: Expected) -> None:
    if expected.error is not None:
        assert body.get("code") == expected.error, body
    else:
        assert body.items() >= (expected.document or {}).items()


@grows
def test_every_response_is_that_of_the_model() -> None:
    """In any order of operations: permissions, deleted links, codes and counts are those of the model."""
    examples, steps = (usual_or_long(40, 150), usual_or_long(25, 50)) if SEED is None else (40, 80)
    machine = hypothesis.seed(USUAL_SEED if SEED is None else int(SEED))(LinkMachine)
    run_state_machine_as_test(
        machine,
        settings=hypothesis.settings(
            max_examples=examples,
            stateful_step_count=steps,
            database=None,
            phases=[Phase.generate] if SEED is None else [Phase.generate, Phase.shrink],
        ),
    )
