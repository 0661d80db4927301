"""Rate limits: people do not meet them, floods do, and every caller is told what is left."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from chalice.test import TestHTTPClient as Http

from chalicelib.core import limits
from chalicelib.core.access import roles
from chalicelib.core.limits import Window
from chalicelib.settings import Settings
from chalicelib.usecases import limit_calls
from tests.callers import Keyed, make_key
from tests.sizes import usual_or_long

DEFAULT = Settings.from_environ({"BASE_URL": "https://sho.rt"}).key_per_minute
PAGES, CALLS_OF_A_PAGE = 10, ("/v1/links?limit=20", "/v1/stats", "/v1/links/sale", "/v1/links/sale/visits")
LEFT = re.compile(r'"([a-z-]+)";r=([0-9]+);t=([0-9]+)')


def left_of(headers: dict[str, str]) -> tuple[str, int, int]:
    """Return the name of a limit, what is left of it, and for how many seconds."""
    found = LEFT.fullmatch(headers["RateLimit"])
    assert found is not None
    return found[1], int(found[2]), int(found[3])


@pytest.fixture
def ann(http: Http) -> Keyed:
    """A key of ann's, who has a link."""
    keyed = Keyed(http, make_key("ann", *roles.SCOPES))
    keyed.make(alias="sale")
    return keyed


@pytest.mark.usefixtures("one_moment")
class TestCallsOfAKey:
    """With the limit that a deployment has where no other is set."""

    @pytest.fixture(autouse=True)
    def default(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG002  # made before it is counted
        """The tests run with the settings of a developer's machine, which has no limit."""
        monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, DEFAULT))

    def test_ten_pages_of_a_web_client_pass_in_a_minute(self, ann: Keyed, one_moment: datetime) -> None:
        """Each page makes four calls; what is left goes down by one with each."""
        for number in range(PAGES):
            for place, path in enumerate(CALLS_OF_A_PAGE, start=1):
                answer = ann.get(path)

                assert answer.status_code == 200
                assert answer.headers["RateLimit-Policy"] == f'"key-minute";q={DEFAULT};w=60'
                used = number * len(CALLS_OF_A_PAGE) + place
                seconds = 60 - int(one_moment.timestamp()) % 60
                assert left_of(answer.headers) == ("key-minute", DEFAULT - used, seconds)

    def test_flood_is_refused_and_told(self, ann: Keyed, monkeypatch: pytest.MonkeyPatch) -> None:
        """At both addresses together; and told when to come again."""
        monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, most := usual_or_long(20, DEFAULT)))
        passed = [ann.get(f"{version}/stats").status_code for _ in range(most // 2) for version in ("", "/v1")]

        refused = ann.get("/v1/links/sale")

        assert set(passed) == {200}
        assert (refused.status_code, refused.json_body["code"]) == (429, "too-many-requests")
        name, left, seconds = left_of(refused.headers)
        assert (name, left, str(seconds)) == ("key-minute", 0, refused.headers["Retry-After"])

    def test_another_key_of_the_same_owner_has_its_own_limit(
        self, ann: Keyed, http: Http, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A program that runs wild does not shut its owner out."""
        monkeypatch.setattr(limit_calls, "_per_key", Window("key-minute", 60, 1))
        ann.get("/v1/stats")

        assert ann.get("/v1/stats").status_code == 429
        assert Keyed(http, make_key("ann")).get("/v1/stats").status_code == 200

    def test_manage_key_is_told_too(self, http: Http) -> None:
        """The key to one link has a limit as an API key has."""
        mine = http.post(
            "/v1/links", headers={"Content-Type": "application/json"}, body=b'{"url":"https://example.com/"}'
        )

        answer = Keyed(http, mine.json_body["manageKey"]).get(f"/v1/links/{mine.json_body['code']}")

        assert left_of(answer.headers)[:2] == ("key-minute", DEFAULT - 1)


def test_refused_keys_are_told_what_is_left(http: Http, one_moment: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program with a revoked key sees why it is refused, and from when on otherwise."""
    monkeypatch.setattr(limits, "UNKNOWN_KEYS", Window("unknown-key-minute", 60, 2))
    stranger = Keyed(http, f"sk_{'1' * 10}_{'2' * 24}")

    answers = [stranger.get("/v1/links") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert [left_of(answer.headers)[:2] for answer in answers] == [("unknown-key-minute", left) for left in (1, 0, 0)]
    assert answers[2].headers["Retry-After"] == str(60 - int(one_moment.timestamp()) % 60)
