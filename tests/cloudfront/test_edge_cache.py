"""Which answers and errors are kept, for how long, and for whom."""

from __future__ import annotations

import json

import pytest

from tests.cloudfront import Edge
from tests.cloudfront.sample import CLOCK, CONFIG, HOST, Recorder, ask, cache_policy, changed, whole_answer
from tests.cloudfront.template import ALL_BUT_HOST


def test_two_hosts_never_share_an_answer(edge: Edge, recorder: Recorder) -> None:
    """With the host in the key, which the function writes, each host has its own answer, kept once."""
    answers = [ask(edge, "/by-host/a", Host=host) for host in (HOST, "other.example", HOST, "other.example")]

    assert [json.loads(each.body)["host"] for each in answers] == [HOST, "other.example"] * 2
    assert [each.cached for each in answers] == ["Miss", "Miss", "Hit", "Hit"]
    assert len(recorder.seen) == 2


def test_without_the_host_in_the_key_hosts_share_an_answer(edge: Edge, recorder: Recorder) -> None:
    """CloudFront's own key has the path alone, and a header of the visitor's does not change it."""
    ask(edge, "/assets/a.js")

    assert ask(edge, "/assets/a.js", Host="other.example", X_Front_Host="x").cached == "Hit"
    assert len(recorder.seen) == 1


@pytest.mark.parametrize(
    ("first", "second", "cached"),
    [
        ("/by-host/a?v=1", "/by-host/a?v=1&utm=2", "Hit"),
        ("/by-host/a?v=1", "/by-host/a?v=2", "Miss"),
        ("/by-host/a", "/by-host/b", "Miss"),
        ("/assets/a?v=1", "/assets/a?v=2", "Hit"),
        ("/abc", "/abc", "Miss"),
        ("/v1/links", "/v1/links", "Miss"),
    ],
)
def test_the_key_has_what_the_policy_lists(edge: Edge, first: str, second: str, cached: str) -> None:
    """The path, and the parameters of the policy; without caching nothing is kept."""
    ask(edge, first)

    assert ask(edge, second).cached == cached


@pytest.mark.parametrize(
    ("control", "after", "cached"),
    [
        ("", 3599, "Hit"),
        ("", 3600, "Miss"),
        ("max-age=60", 59, "Hit"),
        ("max-age=60", 60, "Miss"),
        ("public, max-age=60, s-maxage=120", 119, "Hit"),
        ("max-age=999999", 86_400, "Miss"),
        ("max-age=0", 0, "Miss"),
        ("no-store", 0, "Miss"),
        ("no-cache", 0, "Miss"),
        ("private, max-age=60", 0, "Miss"),
    ],
)
def test_answers_are_kept_as_the_origin_says(
    edge: Edge, recorder: Recorder, control: str, after: int, cached: str
) -> None:
    """As long as Cache-Control says, within the limits of the policy; otherwise the policy's usual time."""
    recorder.headers = {"Cache-Control": control} if control else {}
    ask(edge, "/assets/a.js")
    CLOCK.now += after

    again = ask(edge, "/assets/a.js")

    assert again.cached == cached
    assert again.headers["Age"] == (str(after) if cached == "Hit" else None)


@pytest.mark.parametrize(
    ("status", "control", "after", "is_kept"),
    [
        (404, "", 9, True),
        (404, "", 10, False),
        (404, "no-store", 0, False),
        (404, "no-cache, private", 9, True),
        (404, "max-age=60", 59, True),
        (404, "max-age=1", 9, True),
        (405, "", 9, True),
        (410, "", 9, True),
        (410, "no-store", 0, False),
        (500, "", 9, True),
        (500, "no-store", 9, True),
        (503, "no-store, max-age=60", 9, True),
        (503, "no-store, max-age=60", 10, False),
        (403, "", 0, False),
        (403, "max-age=60", 59, True),
        (429, "", 0, False),
    ],
)
def test_errors_are_kept_for_ten_seconds(
    edge: Edge,
    recorder: Recorder,
    status: int,
    control: str,
    after: int,
    is_kept: bool,  # noqa: FBT001  # a column
) -> None:
    """Where answers are kept, some errors are as well, so that a page that comes to be is missed at first."""
    recorder.status, recorder.headers = status, {"Cache-Control": control} if control else {}
    assert ask(edge, "/assets/a.js").cached == "Error"
    CLOCK.now += after
    recorder.status = 200

    assert ask(edge, "/assets/a.js").status == (status if is_kept else 200)


@pytest.mark.parametrize(
    ("status", "control", "path", "is_kept"),
    [
        (404, "", "/abc", True),
        (404, "no-store", "/abc", False),
        (404, "max-age=60", "/abc", True),
        (503, "no-store", "/abc", True),
        (500, "no-store", "/v1/links", True),
        (403, "", "/abc", False),
        (403, "max-age=60", "/abc", True),
        (429, "", "/abc", False),
    ],
)
def test_errors_are_kept_where_nothing_else_is(
    edge: Edge,
    recorder: Recorder,
    status: int,
    control: str,
    path: str,
    is_kept: bool,  # noqa: FBT001  # a column
) -> None:
    """A policy without caching does not make an exception for them: ten seconds, for all hosts and visitors."""
    recorder.status, recorder.headers = status, {"Cache-Control": control} if control else {}
    assert ask(edge, path).status == status
    recorder.status = 200
    CLOCK.now += 9

    assert ask(edge, path, Host="other.example").status == (status if is_kept else 200)
    CLOCK.now += 1
    assert ask(edge, path).status == 200


@pytest.mark.parametrize("path", ["/abc", "/v1/links", "/assets/a.js"])
@pytest.mark.parametrize(
    ("status", "after", "is_kept"),
    [
        (503, 0, False),
        (500, 2, True),
        (500, 3, False),
        (404, 9, True),
        (404, 10, False),
        (502, 9, True),
        (502, 10, False),
    ],
)
def test_a_template_says_how_long_errors_are_kept(
    edge: Edge,
    recorder: Recorder,
    path: str,
    status: int,
    after: int,
    is_kept: bool,  # noqa: FBT001  # a column
) -> None:
    """Each by itself: 0 is not at all, and those that it does not name, or without a time, are kept as ever."""
    errors = [{"ErrorCode": 503, "ErrorCachingMinTTL": 0}, {"ErrorCode": 500, "ErrorCachingMinTTL": 3}]
    edge.template = changed(f"{CONFIG}/CustomErrorResponses", [*errors, {"ErrorCode": 404}])
    recorder.status = status

    first = ask(edge, path)
    CLOCK.now += after
    recorder.status = 200

    assert (first.status, json.loads(first.body)["path"].endswith(path)) == (status, True)
    assert ask(edge, path).status == (status if is_kept else 200)


def test_an_origin_that_does_not_answer_is_an_error_too(edge: Edge, recorder: Recorder) -> None:
    """It is kept as the origin's own are, so an origin that comes back may be missed for ten seconds."""
    recorder.cuts = 3
    assert ask(edge, "/abc").status == 502

    assert ask(edge, "/abc").status == 502
    edge.template = changed(f"{CONFIG}/CustomErrorResponses", [{"ErrorCode": 502, "ErrorCachingMinTTL": 0}])
    CLOCK.now += 10
    recorder.cuts = 3
    assert [ask(edge, "/abc").status for _ in range(2)] == [502, 200]


def test_head_takes_what_get_left(edge: Edge, recorder: Recorder) -> None:
    """HEAD is answered from what is kept, without a body; by itself it leaves nothing."""
    first, whole, again = (ask(edge, "/assets/a.js", method) for method in ("HEAD", "GET", "HEAD"))

    assert [each.cached for each in (first, whole, again)] == ["Miss", "Miss", "Hit"]
    assert {each.headers["Content-Length"] for each in (first, whole, again)} == {str(len(whole.body))}
    assert whole_answer(edge, "HEAD /assets/a.js").endswith(b"\r\n\r\n")
    assert [seen.method for seen in recorder.seen] == ["HEAD", "GET"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("gzip, deflate, br, zstd", "br,gzip"), ("gzip", "gzip"), ("identity", None), ("", None)],
)
def test_encodings_are_few_in_the_key(edge: Edge, sent: str, expected: str | None) -> None:
    """The origin sees the encodings that are told apart, and an answer for one is not given to another."""
    assert ask(edge, "/assets/a.js", Accept_Encoding="br").cached == "Miss"

    assert ask(edge, "/assets/a.js", Accept_Encoding=sent).cached == "Miss"
    assert edge.forwarded[-1].headers.get("accept-encoding") == expected


def test_encodings_are_few_whatever_is_forwarded(edge: Edge) -> None:
    """A policy of all headers does not bring back the encodings that the cache policy takes away."""
    edge.template = changed(f"{CONFIG}/CacheBehaviors/3/OriginRequestPolicyId", ALL_BUT_HOST)

    ask(edge, "/assets/a.js", Accept_Encoding="zstd", Accept="text/css")

    assert "accept-encoding" not in edge.forwarded[-1].headers
    assert edge.forwarded[-1].headers["accept"] == "text/css"


def test_what_cloudfront_says_can_be_in_the_key(edge: Edge) -> None:
    """A cache policy that lists the country forwards it, and tells countries apart whatever visitors say."""
    edge.template = changed("ByHost", cache_policy("by-country", ["CloudFront-Viewer-Country"]))

    addresses = ("192.0.2.8", "192.0.2.9", "192.0.2.10")
    answers = [
        ask(edge, "/by-host/a", Test_Viewer_Address=address, CloudFront_Viewer_Country="XX") for address in addresses
    ]

    assert [each.cached for each in answers] == ["Miss", "Miss", "Hit"]
    assert [each.headers["cloudfront-viewer-country"] for each in edge.forwarded] == ["PT", "DE"]
