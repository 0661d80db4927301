"""A template of its own for the tests of the stand-in, an origin that records, and how they ask."""

from __future__ import annotations

import copy
import http.client
import socket
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from tests.cloudfront import Edge
from tests.cloudfront.template import ALL_BUT_HOST, CACHING_DISABLED
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


CLOCK = Clock()


def whole_answer(edge: Edge, request: str) -> bytes:
    """Return all that comes back for a request that is sent letter for letter."""
    with socket.create_connection(("127.0.0.1", int(edge.url.rpartition(":")[2]))) as connection:
        connection.sendall(f"{request} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        return connection.makefile("rb").read()
