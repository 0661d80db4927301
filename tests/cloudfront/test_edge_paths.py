"""Which behaviour, method, body and host: what reaches which origin, and by which path."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.cloudfront import Edge, Origin, behaviour_for
from tests.cloudfront.sample import (
    ALL,
    CONFIG,
    HOST,
    READ,
    Recorder,
    ask,
    ask_on,
    changed,
    connected,
    whole_answer,
)
from tests.cloudfront.template import DOMAIN


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/v1/*", "/v1/links", True),
        ("/v1/*", "/v1/links/a/b", True),
        ("/v1/*", "/v1/", True),
        ("/v1/*", "/v1", False),
        ("/v1/*", "/v1x", False),
        ("/v1/*", "/V1/links", False),
        ("v1/*", "/v1/links", True),
        ("/*/qr", "/a/qr", True),
        ("/*/qr", "/a/b/c/qr", True),
        ("/*/qr", "/qr", False),
        ("/*/qr", "/a/qr/", False),
        ("*.js", "/a/b.js", True),
        ("*.js", "/a/bxjs", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/a/c", True),
        ("/a?c", "/ac", False),
        ("/", "/", True),
        ("/", "/a", False),
        ("/", "", True),
        ("/v1/*", "/v1/a?x=/other", True),
        ("/other", "/v1?x=/other", False),
        ("/v1/*", "/x/../v1/links", True),
        ("/v1/*", "/v1/../x", False),
        ("/v1/*", "//v1//links", True),
        ("/v1/*", "/%76%31/links", True),
        ("/v1/*", "/%2e%2e/v1/links", True),
        ("/v1/*", "/x/%2E%2e/v1/./", True),
        ("/v1/*", "/v1/x/..", True),
        ("/v1/*", "/v1/.", True),
        ("/v1/*", "/v1%2Flinks", False),
        ("/a%2Fb", "/a%2fb", True),
    ],
)
def test_patterns_match_normalised_paths(pattern: str, path: str, matches: bool) -> None:  # noqa: FBT001  # a column
    """An asterisk is any run of characters, a question mark one; case counts, queries do not, and dots are resolved."""
    config = {"CacheBehaviors": [{"PathPattern": pattern}], "DefaultCacheBehavior": {"TargetOriginId": "default"}}

    assert (behaviour_for(config, path).get("TargetOriginId") != "default") == matches


def test_the_first_behaviour_that_matches_counts() -> None:
    """The order of the behaviours decides, not how exact they are."""
    config = {
        "CacheBehaviors": [{"PathPattern": "/a/*"}, {"PathPattern": "/a/b"}],
        "DefaultCacheBehavior": {"TargetOriginId": "redirect"},
    }

    assert behaviour_for(config, "/a/b")["PathPattern"] == "/a/*"
    assert behaviour_for(config, "/b") == {"PathPattern": "*", "TargetOriginId": "redirect"}


@pytest.mark.parametrize(
    ("path", "pattern", "origin", "sent"),
    [
        ("/abc", "*", "redirect", "/abc"),
        ("/abc/d%2Fe/f?x=1&x=2&y=%C3%A9", "*", "redirect", "/abc/d%2Fe/f?x=1&x=2&y=%C3%A9"),
        ("/v1/links?a", "/v1/*", "api", "/stage/v1/links?a"),
        ("/x/../v1//links", "/v1/*", "api", "/stage/x/../v1//links"),
        ("//abc", "*", "redirect", "//abc"),
        ("/%41bc", "*", "redirect", "/%41bc"),
    ],
)
def test_the_raw_path_goes_on(edge: Edge, recorder: Recorder, path: str, pattern: str, origin: str, sent: str) -> None:
    """The behaviour follows the normalised path; the origin gets the path as it was sent, below its own."""
    assert ask(edge, path).status == 200

    forwarded = edge.forwarded[-1]
    assert (forwarded.behaviour, forwarded.origin, forwarded.path) == (pattern, origin, sent)
    assert forwarded.headers == recorder.seen[-1].headers
    assert edge.forwarded[-1].headers["host"] == {"api": "abc.execute-api.example"}.get(origin, "u.lambda-url.example")


def test_bytes_of_a_path_are_encoded(edge: Edge) -> None:
    """A path with bytes beyond ASCII reaches the origin with percent signs."""
    assert whole_answer(edge, "GET /é").startswith(b"HTTP/1.1 200 ")
    assert edge.forwarded[-1].path == "/%C3%A9"


def test_an_origin_may_have_its_own_prefix_host_and_headers(edge: Edge, recorder: Recorder) -> None:
    """What the local AWS needs in place of the template's: a prefix, Host, headers."""
    api = Origin("127.0.0.1", recorder.port, "localhost", "/_aws/execute-api/abc/api", {"X-Local": "yes"})
    edge.origins = {**edge.origins, "api": api}

    ask(edge, "/v1/me")

    assert recorder.seen[-1].path == "/_aws/execute-api/abc/api/v1/me"
    assert recorder.seen[-1].headers["host"] == "localhost"
    assert recorder.seen[-1].headers["x-local"] == "yes"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *((method, "/v1/links", 200) for method in ALL),
        *((method, "/abc", 200) for method in READ),
        *((method, "/abc", 403) for method in ALL if method not in READ),
        ("TRACE", "/v1/links", 403),
        ("PROPFIND", "/v1/links", 403),
    ],
)
def test_only_allowed_methods_go_on(edge: Edge, recorder: Recorder, method: str, path: str, status: int) -> None:
    """CloudFront answers other methods by itself, with a page."""
    answered = ask(edge, path, method)

    assert answered.status == status
    assert [seen.method for seen in recorder.seen] == ([method] if status == 200 else [])
    if status == 403:
        assert answered.headers["Content-Type"] == "text/html"
        assert b"CloudFront" in answered.body
        assert answered.cached == "Error"


def test_get_has_no_body(edge: Edge, recorder: Recorder) -> None:
    """GET with a body is refused, whether its length is told or it comes in chunks; the connection lives on."""
    with closing(connected(edge)) as connection:
        assert ask_on(connection, "/v1/links", "GET", b"x").status == 403
        connection.request("GET", "/v1/links", iter([b"x"]), {"Host": HOST}, encode_chunked=True)
        assert connection.getresponse().read().startswith(b"<html><body><h1>403")
        assert ask_on(connection, "/v1/links").status == 200

    assert len(recorder.seen) == 1


@pytest.mark.parametrize("is_chunked", [False, True])
def test_bodies_reach_the_api(edge: Edge, recorder: Recorder, is_chunked: bool) -> None:  # noqa: FBT001  # a column
    """The API gets a body with its length and type, however it was sent."""
    body = iter([b'{"a":', b"1}"]) if is_chunked else b'{"a":1}'
    with closing(connected(edge)) as connection:
        headers = {"Host": HOST, "Content-Type": "application/json"}
        connection.request("POST", "/v1/links", body, headers, encode_chunked=is_chunked)
        assert connection.getresponse().read()

    seen = recorder.seen[-1]
    assert (seen.body, seen.headers["content-length"]) == (b'{"a":1}', "7")
    assert seen.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (HOST, 200),
        ("OTHER.example", 200),
        (DOMAIN, 200),
        (f"x.{HOST}", 403),
        ("unknown.example", 403),
        ("a.wild.example", 200),
        ("a.b.wild.example", 403),
        ("wild.example", 403),
    ],
)
def test_only_its_hosts_reach_a_distribution(edge: Edge, host: str, status: int) -> None:
    """A distribution has its aliases, which may begin with an asterisk, and its own name."""
    edge.template = changed(f"{CONFIG}/Aliases", [HOST, "Other.example", "*.wild.example"])

    assert ask(edge, "/abc", Host=host).status == status


def test_the_address_of_the_stand_in_is_the_distributions_name(edge: Edge) -> None:
    """Without a host of its own, a request is one to the distribution's name."""
    ask(edge, "/abc", Host=edge.url.removeprefix("http://"))

    assert edge.forwarded[-1].headers["x-front-host"] == DOMAIN


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/" + "a" * 8000, {}, 200),
        ("/" + "a" * 8192, {}, 413),
        ("/a", {f"X-{number}": "a" * 8000 for number in range(4)}, 200),
        ("/a", {f"X-{number}": "a" * 8100 for number in range(5)}, 413),
    ],
    ids=["long path", "path too long", "long headers", "headers too long"],
)
def test_requests_have_a_largest_size(edge: Edge, path: str, headers: dict[str, str], status: int) -> None:
    """An address has at most 8192 characters, a request 32,768 without its body."""
    assert ask(edge, path, **headers).status == status
