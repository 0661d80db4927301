"""The stand-in for CloudFront, with a template of its own and an origin that records what it is asked."""

from __future__ import annotations

import copy
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests import cloudfront
from tests.cloudfront import Edge, Origin, behaviour_for
from tests.cloudfront.forwarding import own_headers
from tests.cloudfront.messages import Request
from tests.cloudfront.template import ALL_BUT_HOST, CACHING_DISABLED, DOMAIN, OWN_HEADERS
from tests.loopback import serving
from tests.paths import ROOT

FUNCTION = (ROOT / ".chalice" / "viewer-request.js").read_text("utf-8")
SECRET = "secret-of-the-origin"
HOST, VISITOR = "links.example", "192.0.2.7"
READ = ["GET", "HEAD"]
ALL = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"
TABLET = "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) Mobile/15E148"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"


def behaviour(origin: str, methods: list[str], cache: Any, request: Any = None, pattern: str = "") -> dict[str, Any]:
    """Return a behaviour as templates have it, with the function for requests of visitors."""
    function = {"Fn::GetAtt": ["ViewerRequest", "FunctionMetadata.FunctionARN"]}
    return {
        **({"PathPattern": pattern} if pattern else {}),
        "TargetOriginId": origin,
        "AllowedMethods": methods,
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": cache,
        **({"OriginRequestPolicyId": request} if request else {}),
        "FunctionAssociations": [{"EventType": "viewer-request", "FunctionARN": function}],
    }


def cache_policy(name: str, headers: list[str], most: int = 86_400, **more: Any) -> dict[str, Any]:
    """Return a cache policy: an hour, where the origin says nothing."""
    return {
        "Type": "AWS::CloudFront::CachePolicy",
        "Properties": {
            "CachePolicyConfig": {
                "Name": name,
                "MinTTL": 0,
                "DefaultTTL": min(3600, most),
                "MaxTTL": most,
                "ParametersInCacheKeyAndForwardedToOrigin": {
                    "EnableAcceptEncodingGzip": False,
                    "HeadersConfig": {"HeaderBehavior": "whitelist" if headers else "none", "Headers": headers},
                    "CookiesConfig": {"CookieBehavior": "none"},
                    "QueryStringsConfig": {"QueryStringBehavior": "none"},
                    **more,
                },
            }
        },
    }


def request_policy(headers: list[str], **more: Any) -> dict[str, Any]:
    """Return an origin request policy that lists headers, and forwards one cookie and every parameter."""
    config = {
        "Name": "policy",
        "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": headers},
        "CookiesConfig": {"CookieBehavior": "whitelist", "Cookies": ["unlocked"]},
        "QueryStringsConfig": {"QueryStringBehavior": "all"},
        **more,
    }
    return {"Type": "AWS::CloudFront::OriginRequestPolicy", "Properties": {"OriginRequestPolicyConfig": config}}


SECRET_HEADER = {"HeaderName": "X-Front-Secret", "HeaderValue": {"Ref": "OriginSecret"}}
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "OriginSecret": {"Type": "String"},
        "Names": {"Type": "CommaDelimitedList", "Default": f"{HOST},other.example"},
    },
    "Conditions": {
        "HasNames": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "Names"}]}, ""]}]},
        "IsNever": {"Fn::Equals": ["a", "b"]},
    },
    "Resources": {
        "ViewerRequest": {"Type": "AWS::CloudFront::Function", "Properties": {"FunctionCode": FUNCTION}},
        "Access": {"Type": "AWS::CloudFront::OriginAccessControl"},
        "OfRedirect": request_policy(
            [
                *("X-Front-Host", "X-Front", "CloudFront-Viewer-Country", "CloudFront-Is-Mobile-Viewer"),
                *("User-Agent", "Referer"),
            ]
        ),
        "ByHost": cache_policy(
            "by-host", ["X-Front-Host"], QueryStringsConfig={"QueryStringBehavior": "whitelist", "QueryStrings": ["v"]}
        ),
        "Shared": cache_policy("shared", [], EnableAcceptEncodingGzip=True, EnableAcceptEncodingBrotli=True),
        "Distribution": {
            "Type": "AWS::CloudFront::Distribution",
            "Properties": {
                "DistributionConfig": {
                    "Enabled": True,
                    "Aliases": {"Fn::If": ["HasNames", {"Ref": "Names"}, {"Ref": "AWS::NoValue"}]},
                    "ViewerCertificate": {"AcmCertificateArn": {"Ref": "NoValueOfThisIsNeeded"}},
                    "Origins": [
                        {
                            "Id": "redirect",
                            "DomainName": {"Fn::Select": [2, {"Fn::Split": ["/", "https://u.lambda-url.example/"]}]},
                            "CustomOriginConfig": {"OriginProtocolPolicy": "https-only"},
                            "OriginAccessControlId": {"Fn::GetAtt": ["Access", "Id"]},
                            "OriginCustomHeaders": [SECRET_HEADER],
                        },
                        {
                            "Id": "api",
                            "DomainName": {"Fn::Sub": "${Api}.execute-api.example"},
                            "OriginPath": "/stage",
                            "CustomOriginConfig": {"OriginProtocolPolicy": "https-only"},
                            "OriginCustomHeaders": [SECRET_HEADER],
                        },
                    ],
                    "CacheBehaviors": [
                        behaviour("api", ALL, CACHING_DISABLED, ALL_BUT_HOST, "/v1/*"),
                        behaviour("redirect", ALL, CACHING_DISABLED, {"Ref": "OfRedirect"}, "/forms/*"),
                        behaviour("api", READ, {"Ref": "ByHost"}, pattern="/by-host/*"),
                        behaviour("api", READ, {"Ref": "Shared"}, pattern="/assets/*"),
                    ],
                    "DefaultCacheBehavior": behaviour("redirect", READ, CACHING_DISABLED, {"Ref": "OfRedirect"}),
                }
            },
        },
    },
}
VALUES = {"OriginSecret": SECRET, "Api": "abc"}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the template with another value below its resources, at a path of keys and numbers."""
    template = copy.deepcopy(TEMPLATE)
    *above, last = path.split("/")
    place: Any = template["Resources"]
    for key in above:
        place = place[int(key) if isinstance(place, list) else key]
    place[int(last) if isinstance(place, list) else last] = value
    return template


CONFIG = "Distribution/Properties/DistributionConfig"


def with_function(code: str) -> dict[str, Any]:
    """Return the template with another function."""
    return changed("ViewerRequest/Properties/FunctionCode", code)


@dataclass(frozen=True)
class Seen:
    """A request as the origin read it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Recorder:
    """The origin: what it was asked, and what it answers."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cuts: int = 0
    """How many requests from now on get no answer."""


@dataclass
class Clock:
    """Seconds, as a test sets them."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Answered:
    """A response as a visitor reads it."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def cached(self) -> str:
        """Return the first word of X-Cache."""
        return str(self.headers["X-Cache"]).partition(" ")[0]


def ask(edge: Edge, path: str, method: str = "GET", body: bytes = b"", /, **headers: str) -> Answered:
    """Send a request of a visitor; names of headers have _ for -. The path is sent as it is."""
    with closing(connected(edge)) as connection:
        return ask_on(connection, path, method, body, list(headers.items()))


def connected(edge: Edge) -> http.client.HTTPConnection:
    """Return a connection to the stand-in."""
    return http.client.HTTPConnection(edge.url.removeprefix("http://"), timeout=30)


def ask_on(
    connection: http.client.HTTPConnection,
    path: str,
    method: str = "GET",
    body: bytes = b"",
    headers: list[tuple[str, str]] | None = None,
) -> Answered:
    """Send a request on a connection."""
    named = [(name.replace("_", "-"), value) for name, value in headers or []]
    given = {name.lower() for name, _ in named}
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    usual = [("Host", HOST), ("Test-Viewer-Address", VISITOR)]
    for name, value in [*(each for each in usual if each[0].lower() not in given), *named]:
        connection.putheader(name, value.encode())
    if body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body or None)
    response = connection.getresponse()
    return Answered(response.status, response.headers, response.read())


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    """The origin, on loopback."""
    record = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 64 * 1024

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            record.seen.append(Seen(self.command, self.path, headers, body))
            if record.cuts > 0:
                record.cuts -= 1
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            said = json.dumps({"host": headers.get("x-front-host", ""), "path": self.path}).encode()
            self.send_response_only(record.status)
            for name, value in {"Content-Length": str(len(said)), **record.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.do_GET
            raise AttributeError(name)

        def log_message(self, *args: Any) -> None:
            pass

    with serving(Handler) as server:
        record.port = server.server_port
        yield record


CLOCK = Clock()


@pytest.fixture(scope="module")
def running(recorder: Recorder) -> Iterator[Edge]:
    """One stand-in for all tests of this file."""
    origins = {name: Origin("127.0.0.1", recorder.port) for name in ("redirect", "api")}
    with cloudfront.running(TEMPLATE, origins, VALUES, country={"192.0.2.9": "DE"}, clock=CLOCK) as edge:
        yield edge


@pytest.fixture
def edge(running: Edge, recorder: Recorder) -> Iterator[Edge]:
    """The stand-in as it started: with its template, nothing recorded, and nothing kept that is still good."""
    origins = running.origins
    running.deploy(TEMPLATE, VALUES)
    running.forwarded.clear()
    recorder.seen.clear()
    recorder.status, recorder.headers, recorder.cuts = 200, {}, 0
    CLOCK.now += 1e6
    yield running
    running.origins = origins


# ---- which behaviour


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


def whole_answer(edge: Edge, request: str) -> bytes:
    """Return all that comes back for a request that is sent letter for letter."""
    with socket.create_connection(("127.0.0.1", int(edge.url.rpartition(":")[2]))) as connection:
        connection.sendall(f"{request} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        return connection.makefile("rb").read()


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


# ---- what goes on


@pytest.mark.parametrize(
    ("name", "sent", "at_redirect", "at_api"),
    [
        ("User-Agent", LAPTOP, LAPTOP, LAPTOP),
        ("Referer", "https://a.example/", "https://a.example/", "https://a.example/"),
        ("Accept-Language", "pt", None, "pt"),
        ("Accept", "text/html", None, "text/html"),
        ("Content-Type", "text/plain", None, "text/plain"),
        ("X-Api-Key", "sk_1", None, "sk_1"),
        ("Authorization", "Bearer forged", cloudfront.SIGNATURE, "Bearer forged"),
        ("X-Front-Host", "forged.example", HOST, HOST),
        ("X-Front-Secret", "forged", SECRET, SECRET),
        ("CloudFront-Viewer-Country", "XX", "PT", None),
        ("CloudFront-Is-Mobile-Viewer", "true", "false", None),
        ("CloudFront-Viewer-City", "Porto", None, None),
        ("X-Forwarded-For", "198.51.100.1", f"198.51.100.1, {VISITOR}", f"198.51.100.1, {VISITOR}"),
        ("X-Forwarded-Proto", "http", None, None),
        ("X-Real-IP", "198.51.100.1", None, None),
        ("X-Edge-Anything", "x", None, None),
        ("X-HTTP-Method-Override", "DELETE", None, None),
        ("TE", "trailers", None, None),
        ("Via", "1.0 proxy", f"1.0 proxy, 1.1 {DOMAIN} (CloudFront)", f"1.0 proxy, 1.1 {DOMAIN} (CloudFront)"),
        ("Test-Viewer-Address", VISITOR, None, None),
    ],
)
def test_policies_choose_headers(
    edge: Edge, recorder: Recorder, name: str, sent: str, at_redirect: str | None, at_api: str | None
) -> None:
    """The redirect gets what its policy lists, the API all but Host; what CloudFront says itself overwrites."""
    for path, expected in (("/abc", at_redirect), ("/v1/links", at_api)):
        ask(edge, path, **{name: sent})

        assert recorder.seen[-1].headers.get(name.lower()) == expected


def test_the_redirect_gets_nothing_else(edge: Edge, recorder: Recorder) -> None:
    """Without headers of the visitor there are those of CloudFront, of the function and of the origin."""
    ask(edge, "/abc")

    names = {"host", "user-agent", "via", "x-forwarded-for", "x-amz-cf-id", "authorization"}
    ours = {"x-front", "x-front-host", "x-front-secret", "cloudfront-viewer-country", "cloudfront-is-mobile-viewer"}
    assert recorder.seen[-1].headers.keys() == names | ours
    assert recorder.seen[-1].headers["user-agent"] == "Amazon CloudFront"


def test_each_header_in_any_policy_is_known() -> None:
    """The headers that a policy may ask for are those that are filled in."""
    request = Request("GET", "/", "", {}, [], "192.0.2.1")

    assert own_headers(request, "PT").keys() == OWN_HEADERS


@pytest.mark.parametrize(
    ("policy", "host"), [({"HeaderBehavior": "allViewer"}, HOST), ({"HeaderBehavior": "none"}, "u.lambda-url.example")]
)
def test_a_policy_of_all_headers_forwards_the_host(edge: Edge, policy: dict[str, Any], host: str) -> None:
    """Which an origin of AWS refuses, so it must be visible in tests."""
    edge.template = changed("OfRedirect/Properties/OriginRequestPolicyConfig/HeadersConfig", policy)

    ask(edge, "/abc")

    assert edge.forwarded[-1].headers["host"] == host


@pytest.mark.parametrize(("agent", "is_mobile"), [(PHONE, "true"), (TABLET, "false"), (LAPTOP, "false"), ("", "false")])
def test_devices_are_told_by_their_user_agent(edge: Edge, agent: str, is_mobile: str) -> None:
    """A phone is mobile; a tablet is not, nor is anything else."""
    ask(edge, "/abc", User_Agent=agent, CloudFront_Is_Mobile_Viewer="forged")

    assert edge.forwarded[-1].headers["cloudfront-is-mobile-viewer"] == is_mobile


@pytest.mark.parametrize(("address", "country"), [("192.0.2.9", "DE"), ("192.0.2.8", "PT")])
def test_countries_are_told_by_the_address(edge: Edge, address: str, country: str) -> None:
    """The country is that of the visitor's address, as the test has it."""
    ask(edge, "/abc", Test_Viewer_Address=address)

    assert edge.forwarded[-1].headers["cloudfront-viewer-country"] == country


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        ("/abc", "unlocked=1; session=2", "unlocked=1"),
        ("/abc", "session=2", None),
        ("/v1/links", "unlocked=1; session=2", "unlocked=1; session=2"),
        ("/assets/a.js", "unlocked=1; session=2", None),
    ],
)
def test_policies_choose_cookies(edge: Edge, path: str, sent: str, expected: str | None) -> None:
    """The redirect gets the one cookie that its policy lists, the API all, a cached file none."""
    ask(edge, path, Cookie=sent)

    assert edge.forwarded[-1].headers.get("cookie") == expected


@pytest.mark.parametrize(("path", "is_kept"), [("/abc", True), ("/v1/links", True), ("/assets/a.js", False)])
def test_where_no_cookies_go_none_come_back(edge: Edge, recorder: Recorder, path: str, is_kept: bool) -> None:  # noqa: FBT001  # a column
    """CloudFront removes Set-Cookie from answers where it forwards no cookie."""
    recorder.headers = {"Set-Cookie": "a=1"}

    assert ask(edge, path).headers["Set-Cookie"] == ("a=1" if is_kept else None)


@pytest.mark.parametrize(
    ("behaves", "listed", "expected"),
    [
        ("all", [], "?b=1&a=2&a=3"),
        ("none", [], ""),
        ("whitelist", ["a"], "?a=2&a=3"),
        ("allExcept", ["a"], "?b=1"),
    ],
)
def test_policies_choose_parameters(edge: Edge, behaves: str, listed: list[str], expected: str) -> None:
    """Parameters of the query go on in their order, all values of each."""
    config = {"QueryStringBehavior": behaves, "QueryStrings": listed}
    edge.template = changed("OfRedirect/Properties/OriginRequestPolicyConfig/QueryStringsConfig", config)

    ask(edge, "/abc?b=1&a=2&a=3")

    assert edge.forwarded[-1].path == f"/abc{expected}"


def test_access_control_leaves_a_mark(edge: Edge) -> None:
    """Requests to the redirect are marked as signed, those to the API are not."""
    ask(edge, "/abc")
    ask(edge, "/v1/links", Authorization="Bearer sk_1")

    assert [cloudfront.is_signed(each.headers) for each in edge.forwarded] == [True, False]


@pytest.mark.parametrize(("headers", "status"), [({}, 403), ({"X-Amz-Content-Sha256": "0" * 64}, 200)])
def test_a_form_cannot_reach_an_origin_with_access_control(
    edge: Edge, recorder: Recorder, headers: dict[str, str], status: int
) -> None:
    """A body needs its hash in a header, which no browser's form sends."""
    assert ask(edge, "/forms/abc", "POST", b"password=x", **headers).status == status
    assert len(recorder.seen) == (status == 200)


# ---- the function


def facts_of(edge: Edge) -> dict[str, list[str]]:
    """Return what the packaged function wrote of the last request."""
    return parse_qs(edge.forwarded[-1].headers["x-front"], keep_blank_values=True, strict_parsing=True)


def test_the_packaged_function_writes_who_asked(edge: Edge) -> None:
    """The address of the visitor and the id of the request, over what the visitor says; the id differs each time."""
    ids = set()
    for _ in range(2):
        ask(edge, "/abc", X_Front="address=198.51.100.1&id=forged&dnt=1", X_Forwarded_For="198.51.100.1")
        facts = facts_of(edge)
        ids.add(facts.pop("id")[0])
        assert facts == {"address": [VISITOR]}
        assert edge.forwarded[-1].headers["x-amz-cf-id"] in ids

    assert len(ids) == 2


def test_without_a_header_of_the_test_the_address_is_the_peers(edge: Edge) -> None:
    """A connection from loopback comes from there."""
    with closing(connected(edge)) as connection:
        connection.request("GET", "/abc", headers={"Host": HOST})
        connection.getresponse().read()

    assert facts_of(edge)["address"] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("name", "sent", "written"),
    [
        ("DNT", "1", "1"),
        ("Sec-GPC", "1", "1"),
        ("Sec-Fetch-Mode", "navigate", "navigate"),
        ("Sec-Fetch-Site", "cross-site", "cross-site"),
        ("Sec-CH-UA-Mobile", "?1", "?1"),
        ("Sec-CH-UA-Platform", '"Android"', '"Android"'),
        ("Purpose", "prefetch", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender", "prefetch;prerender"),
        ("X-Moz", "", ""),
        ("X-Purpose", "a&address=198.51.100.1", "a&address=198.51.100.1"),
        ("X-Purpose", "a" * 5000, "a" * 100),
        ("X-Purpose", "é%C3%A9😀", "??%C3%A9????"),
        ("Sec-Fetch-Dest", "document", None),
        ("Accept", "text/html", None),
    ],
)
def test_the_packaged_function_writes_what_counting_reads(
    edge: Edge, name: str, sent: str, written: str | None
) -> None:
    """Its headers travel in one, at most a hundred letters of each, none that ends the value or the header."""
    ask(edge, "/abc", **{name: sent})

    facts = facts_of(edge)
    assert facts.get(name.lower()) == ([written] if written is not None else None)
    assert facts["address"] == [VISITOR]
    assert edge.forwarded[-1].headers["x-front"].isascii()


def test_a_repeated_header_is_overwritten_as_a_whole(edge: Edge) -> None:
    """A visitor who sends a header of ours twice gets neither through."""
    with closing(connected(edge)) as connection:
        ask_on(connection, "/v1/me", headers=[("X-Front-Host", "a.example"), ("X-Front-Host", "b.example")])

    assert edge.forwarded[-1].headers["x-front-host"] == HOST


def test_a_function_sees_the_request(edge: Edge) -> None:
    """Lower-case names, cookies by themselves, several values of one name; nothing that CloudFront hides."""
    edge.template = with_function(
        "function handler(event) { event.request.headers['x-front'] = {value: JSON.stringify(event)};"
        " return event.request; }"
    )

    with closing(connected(edge)) as connection:
        sent = [("Cookie", "a=1; b=x=y"), ("X-Real-IP", "198.51.100.1"), ("X-Two", "1"), ("X-Two", "2")]
        sent.append(("CloudFront-Viewer-City", "forged"))
        ask_on(connection, "/abc?q=1&q=2&r=%20&s", headers=sent)

    event = json.loads(edge.forwarded[-1].headers["x-front"])
    headers = event["request"].pop("headers")
    assert headers == {
        "host": {"value": HOST},
        "x-two": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]},
        "cloudfront-viewer-country": {"value": "PT"},
        "cloudfront-is-mobile-viewer": {"value": "false"},
    }
    assert event["request"] == {
        "method": "GET",
        "uri": "/abc",
        "querystring": {
            "q": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]},
            "r": {"value": "%20"},
            "s": {"value": ""},
        },
        "cookies": {"a": {"value": "1"}, "b": {"value": "x=y"}},
    }
    assert event["viewer"] == {"ip": VISITOR}
    assert event["context"]["eventType"] == "viewer-request"


def test_a_header_that_a_function_leaves_keeps_all_values(edge: Edge) -> None:
    """A function that changes nothing changes nothing, though what the origin adds overwrites the visitor's."""
    edge.template = with_function("function handler(event) { return event.request; }")

    with closing(connected(edge)) as connection:
        sent = [("X-Two", "1"), ("X-Two", "2"), ("X-Front-Host", "forged"), ("X-Front-Secret", "forged")]
        ask_on(connection, "/v1/me?a=1&a=2&b", headers=[*sent, ("Cookie", "a=1; a=2")])

    headers = edge.forwarded[-1].headers
    assert (headers["x-two"], headers["cookie"], headers["x-front-host"]) == ("1, 2", "a=1; a=2", "forged")
    assert headers["x-front-secret"] == SECRET
    assert edge.forwarded[-1].path == "/stage/v1/me?a=1&a=2&b"


def test_a_function_changes_the_request(edge: Edge) -> None:
    """Path, query and cookies go on as it left them; the behaviour stays."""
    edge.template = with_function(
        "async function handler(event) { var r = event.request; r.uri = '/v1/other'; r.querystring.b = {value: '2'};"
        " r.cookies = {unlocked: {value: 'yes'}}; return r; }"
    )

    ask(edge, "/abc?a=1", Cookie="session=1")

    forwarded = edge.forwarded[-1]
    assert (forwarded.behaviour, forwarded.path) == ("*", "/v1/other?a=1&b=2")
    assert forwarded.headers["cookie"] == "unlocked=yes"


def test_a_function_may_answer(edge: Edge, recorder: Recorder) -> None:
    """The origin is not asked then."""
    edge.template = with_function(
        "function handler(event) { return {statusCode: 308, headers: {location: {value: 'https://a.example/'}},"
        " cookies: {a: {value: '1'}}, body: 'moved'}; }"
    )

    answered = ask(edge, "/abc")

    assert (answered.status, answered.headers["Location"], answered.body) == (308, "https://a.example/", b"moved")
    assert answered.headers["Set-Cookie"] == "a=1"
    assert recorder.seen == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 502),
        ("return null;", 502),
        ("return {};", 502),
        ("return event;", 502),
        ("throw new Error('no');", 503),
        ("return unknown;", 503),
        ("return process.env;", 503),
        ("return require('fs');", 503),
        ("r.method = 'POST'; return r;", 502),
        ("r.headers.host = {value: 'other.example'}; return r;", 502),
        ("delete r.headers.host; return r;", 502),
        ("r.headers.via = {value: 'x'}; return r;", 502),
        ("r.headers['x-real-ip'] = {value: 'x'}; return r;", 502),
        ("r.headers['x-edge-a'] = {value: 'x'}; return r;", 502),
        ("r.headers['x-amz-cf-id'] = {value: 'x'}; return r;", 502),
        ("r.headers['x-cache'] = {value: 'x'}; return r;", 502),
        ("r.headers['X-Front'] = {value: 'x'}; return r;", 502),
        ("r.headers['x-front'] = 'x'; return r;", 502),
        ("r.headers['x-front'] = {value: 'a\\nb'}; return r;", 502),
        ("r.headers['x-front'] = {value: 'x'}; return r;", 200),
        ("console.log('seen'); return r;", 200),
    ],
)
def test_functions_that_cloudfront_refuses(edge: Edge, recorder: Recorder, body: str, status: int) -> None:
    """What throws is 503; what is neither a request nor allowed is 502. The origin is not asked."""
    edge.template = with_function(f"function handler(event) {{ var r = event.request; {body} }}")

    assert ask(edge, "/abc").status == status
    assert len(recorder.seen) == (status == 200)


# ---- templates


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("ViewerRequest/Properties/FunctionCode", "function handler(", "would not take this function"),
        ("ViewerRequest/Properties/FunctionCode", "import cf from 'cloudfront';", "would not take this function"),
        ("ViewerRequest/Properties/FunctionCode", "/*" + "x" * 10_240 + "*/", "larger than"),
        ("OfRedirect", request_policy([f"X-{number}" for number in range(11)]), "more than 10 headers"),
        ("OfRedirect", request_policy(["Authorization"]), "cannot list Authorization"),
        ("OfRedirect", request_policy(["CloudFront-Viewer-City"]), "cloudfront-viewer-city"),
        ("ByHost", cache_policy("none", ["X-Front-Host"], most=0), "can have nothing in its key"),
        (f"{CONFIG}/DefaultCacheBehavior/CachePolicyId", ALL_BUT_HOST, "no cache policy"),
        (f"{CONFIG}/DefaultCacheBehavior/CachePolicyId", {"Ref": "OfRedirect"}, "no cache policy OfRedirect"),
        (f"{CONFIG}/DefaultCacheBehavior/OriginRequestPolicyId", CACHING_DISABLED, "no origin request policy"),
        (f"{CONFIG}/DefaultCacheBehavior/AllowedMethods", ["GET", "HEAD", "POST"], "no such set of methods"),
        (f"{CONFIG}/DefaultCacheBehavior/TargetOriginId", "other", "no origin other"),
        (f"{CONFIG}/DefaultCacheBehavior/ResponseHeadersPolicyId", "x", "ResponseHeadersPolicyId"),
        (f"{CONFIG}/CacheBehaviors/0/LambdaFunctionAssociations", [{}], "LambdaFunctionAssociations"),
        (f"{CONFIG}/CacheBehaviors/0/FunctionAssociations/0/EventType", "viewer-response", "only viewer-request"),
        (f"{CONFIG}/CustomErrorResponses", [{"ErrorCode": 404, "ResponsePagePath": "/x"}], "ResponsePagePath"),
        (f"{CONFIG}/CustomErrorResponses", [{"ErrorCode": 404, "ResponseCode": 200}], "ResponseCode"),
        (f"{CONFIG}/CustomErrorResponses", [{"ErrorCode": 410, "ErrorCachingMinTTL": 0}], "no custom error 410"),
        (f"{CONFIG}/CustomErrorResponses", [{"ErrorCode": 404}, {"ErrorCode": 404}], "404 is there twice"),
        (f"{CONFIG}/Origins/0/Id", "third", "no origin redirect"),
        (f"{CONFIG}/Origins/0/DomainName", {"Ref": "Unknown"}, "needs a value for Unknown"),
        (f"{CONFIG}/Origins/0/DomainName", {"Fn::Base64": "x"}, "does not know Fn::Base64"),
    ],
)
def test_templates_that_are_refused(edge: Edge, path: str, value: Any, problem: str) -> None:
    """What CloudFront would refuse, or what is not modelled, is refused; what was deployed stays."""
    with pytest.raises(ValueError, match=problem):
        edge.template = changed(path, value)

    assert edge.template is TEMPLATE
    assert ask(edge, "/abc").status == 200


def test_each_origin_needs_an_address(edge: Edge) -> None:
    """An origin of the template that leads nowhere is found before a request."""
    edge.origins = {}

    with pytest.raises(ValueError, match="needs an address"):
        edge.deploy(TEMPLATE, VALUES)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ({"Ref": "OriginSecret"}, SECRET),
        ({"Fn::Sub": "${Api}-${X}"}, "abc-x"),
        ({"Fn::Sub": ["${Api}-${Mine}", {"Mine": {"Ref": "X"}}]}, "abc-x"),
        ({"Fn::Join": ["-", ["a", {"Ref": "X"}]]}, "a-x"),
        ({"Fn::GetAtt": ["Redirect", "Url"]}, "https://u.example/"),
        ({"Fn::GetAtt": "Redirect.Url"}, "https://u.example/"),
        ({"Fn::If": ["HasNames", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsNever", "yes", "no"]}, "no"),
        ({"Fn::If": ["Given", "yes", "no"]}, "yes"),
    ],
)
def test_values_of_a_template_are_read(edge: Edge, value: Any, expected: str) -> None:
    """References, attributes, conditions and texts that are put together, with the values that the test gives."""
    values = {**VALUES, "X": "x", "Redirect.Url": "https://u.example/", "Given": True}

    edge.deploy(changed(f"{CONFIG}/Origins/0/OriginCustomHeaders/0/HeaderValue", value), values)
    ask(edge, "/abc")

    assert edge.forwarded[-1].headers["x-front-secret"] == expected


def test_a_resource_without_its_condition_is_not_there(edge: Edge) -> None:
    """A policy whose condition does not hold cannot be named."""
    with pytest.raises(ValueError, match="no cache policy ByHost"):
        edge.template = changed("ByHost/Condition", "IsNever")


def test_deployments_under_traffic(edge: Edge, recorder: Recorder) -> None:
    """Another template, secret and origin count for requests that begin later, and no request fails."""
    is_over = threading.Event()

    def visit() -> set[int]:
        found = set()
        with closing(connected(edge)) as connection:
            while not is_over.is_set():
                found.add(ask_on(connection, "/abc").status)
        return found

    with ThreadPoolExecutor(4) as pool:
        visits = [pool.submit(visit) for _ in range(4)]
        try:
            for number in range(10):
                edge.deploy(with_function(f"{FUNCTION}// {number}"), {**VALUES, "OriginSecret": f"secret-{number}"})
                edge.origins = {**edge.origins, "redirect": Origin("127.0.0.1", recorder.port, f"origin-{number}")}
            ask(edge, "/last")
        finally:
            is_over.set()  # or the visits would go on for ever, and the pool would wait for them

    assert {status for each in visits for status in each.result()} == {200}
    last = next(each for each in edge.forwarded if each.path == "/last")
    assert (last.headers["x-front-secret"], last.headers["host"]) == ("secret-9", "origin-9")


# ---- what is kept


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


# ---- connections


def test_what_can_be_repeated_is_repeated(edge: Edge, recorder: Recorder) -> None:
    """An origin that does not answer is asked three times, with one id: it must count as one visit."""
    recorder.cuts = 2

    assert ask(edge, "/abc").status == 200
    assert len(edge.forwarded) == 3
    assert len({seen.headers["x-front"] for seen in recorder.seen}) == 1


@pytest.mark.parametrize(("method", "times"), [("GET", 3), ("HEAD", 3), ("POST", 1), ("DELETE", 1)])
def test_an_origin_that_does_not_answer(edge: Edge, recorder: Recorder, method: str, times: int) -> None:
    """The visitor gets 502; what changes something is not repeated."""
    recorder.cuts = 3

    assert ask(edge, "/v1/links", method).status == 502
    assert len(recorder.seen) == times


def test_an_origin_that_is_not_there(edge: Edge) -> None:
    """The visitor gets 502."""
    with socket.socket() as bound:  # takes no connections
        bound.bind(("127.0.0.1", 0))
        edge.origins = {**edge.origins, "redirect": Origin("127.0.0.1", bound.getsockname()[1])}

        assert ask(edge, "/abc").status == 502


@pytest.mark.parametrize("status", [201, 204, 301, 304, 404, 500])
def test_answers_come_back(edge: Edge, recorder: Recorder, status: int) -> None:
    """The status and headers of the origin, and CloudFront's own; the connection lives on."""
    recorder.status = status
    recorder.headers = {"Location": "https://a.example/", "Connection": "keep-alive"}
    if status in {204, 304}:
        recorder.headers["Content-Length"] = "0"

    with closing(connected(edge)) as connection:
        answers = [ask_on(connection, "/abc") for _ in range(2)]

    assert [each.status for each in answers] == [status, status]
    assert answers[0].headers["Location"] == "https://a.example/"
    assert "CloudFront" in answers[0].headers["Via"]
    assert answers[0].headers["X-Amz-Cf-Id"] != answers[1].headers["X-Amz-Cf-Id"]
    assert answers[0].headers["Connection"] is None


def test_a_connection_serves_many_requests(edge: Edge, recorder: Recorder) -> None:
    """Also after requests that were refused with their bodies unread by anybody."""
    with closing(connected(edge)) as connection:
        answers = [
            ask_on(connection, "/v1/links", "POST", b"x" * 100_000),
            ask_on(connection, "/abc", "POST", b"x" * 100_000),
            ask_on(connection, "/abc", headers=[("Host", "unknown.example")]),
            ask_on(connection, "/abc", "HEAD"),
            ask_on(connection, "/abc"),
        ]
        port = connection.sock.getsockname()[1]
        ask_on(connection, "/abc")
        assert connection.sock.getsockname()[1] == port

    assert [each.status for each in answers] == [200, 403, 403, 200, 200]
    assert len(recorder.seen) == 4


def test_a_crowd_gets_its_own_answers(edge: Edge, recorder: Recorder) -> None:
    """Two hundred visitors at once, each with another path and address, and no answer for another's request."""
    at_once = threading.Barrier(200)

    def visit(number: int) -> Any:
        with closing(connected(edge)) as connection:
            connection.connect()
            at_once.wait(60)  # one that cannot connect breaks it for all
            return json.loads(ask_on(connection, f"/{number}", headers=[("Test_Viewer_Address", f"::{number}")]).body)

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(visit, range(200)))

    assert [each["path"] for each in answers] == [f"/{number}" for number in range(200)]
    told = {seen.path: parse_qs(seen.headers["x-front"])["address"][0] for seen in recorder.seen}
    assert told == {f"/{number}": f"::{number}" for number in range(200)}


# ---- the start


def test_it_says_what_it_is(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    """One line when it starts, so that nobody takes it for CloudFront."""
    origins: Mapping[str, Origin] = {name: Origin("127.0.0.1", recorder.port) for name in ("redirect", "api")}
    template = copy.deepcopy(TEMPLATE)
    config = template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
    for each in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        del each["FunctionAssociations"]

    with cloudfront.running(template, origins, VALUES, country=lambda address: address[:2]) as edge:
        assert ask(edge, "/abc", Test_Viewer_Address="XY").status == 200
        assert capsys.readouterr().out.count(edge.url) == 1

    assert edge.forwarded[-1].headers["cloudfront-viewer-country"] == "XY"
    assert "x-front-host" not in edge.forwarded[-1].headers


def test_without_node_it_says_what_is_not_tested(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A skip that REQUIRE_ALL turns into a failure."""
    monkeypatch.setenv("PATH", "")
    origins = {name: Origin("127.0.0.1", recorder.port) for name in ("redirect", "api")}

    with pytest.raises(pytest.skip.Exception, match=r"^NOT TESTED: "), cloudfront.running(TEMPLATE, origins, VALUES):
        pass


def test_functions_that_have_ended_are_no_answers(recorder: Recorder) -> None:
    """Without node a request is refused, as where a function fails at CloudFront."""
    origins = {name: Origin("127.0.0.1", recorder.port) for name in ("redirect", "api")}
    with cloudfront.running(TEMPLATE, origins, VALUES) as edge:
        edge.close()

        assert ask(edge, "/abc").status == 503
