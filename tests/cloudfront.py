"""A stand-in for CloudFront: an HTTP server that applies a packaged template's distribution to each request.

The local AWS models neither CloudFront's choice of an origin nor its access control, policies, functions, caching and
headers. This does, from the template itself, so that what is packaged is what is tried:

    with cloudfront.running(template, origins={"redirect": Origin(...), "api": Origin(...)}, values={...}) as edge:
        # GET {edge.url}/x with "Host: links.example" and "Test-Viewer-Address: 192.0.2.1"
        assert edge.forwarded[-1].behaviour == "*"

It is no CloudFront. Everything counts as HTTPS, and a deployment is there at once. Not modelled: signatures (an origin
with access control gets a mark instead, see ``is_signed``: that an unsigned request is refused can be tried on AWS
alone; a body without its hash is refused here too), certificates, redirects to HTTPS, WAF, logs, compression, ranges,
conditional requests, ``Expires``, ``Vary``, requests that wait for one another's answer. What a template asks for
beyond that is refused, not passed over.

Errors are kept for ten seconds unless ``CustomErrorResponses`` says otherwise, whatever the policy: AWS's documents
make no exception for one that caches nothing. ``no-store`` counts for 404, 410, 414 and 501 alone, as they say. Not
from AWS's documents, but from reports or assumed: policies of all headers bring no ``CloudFront-*`` headers; percent
signs that a path does not need are resolved before it is matched.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import quote

import pytest

from tests.cloudfront_template import (
    DOMAIN,
    ERRORS_KEPT,
    Behaviour,
    Deployed,
    Policy,
    TemplateOrigin,
    behaviour_for,
    require,
)
from tests.loopback import serving

__all__ = ["DOMAIN", "SIGNATURE", "Edge", "Forwarded", "Origin", "behaviour_for", "is_signed", "running"]

VIEWER_ADDRESS = "test-viewer-address"
"""The header by which a test says where a request comes from. It is removed before anything else happens."""
SIGNATURE = "AWS4-HMAC-SHA256 stand-in"
"""What an origin with access control gets as ``Authorization``."""
_LONGEST_URL, _LONGEST_REQUEST = 8192, 32_768
_ATTEMPTS = 3
_ERRORS_KEPT_ALWAYS = {404, 405, 410, 414, 500, 501, 502, 503, 504}
"""Others are kept if they say for how long."""
_ERRORS_WITH_NO_STORE = {404, 410, 414, 501}
"""Those that are not kept if they say so."""
_HIDDEN = re.compile(
    r"connection|expect|keep-alive|proxy-(authenticate|authorization|connection)|trailer|upgrade|x-real-ip|x-cache"
    r"|x-accel-(buffering|charset|limit-rate|redirect)|x-amz-cf-.*|x-edge-.*|x-forwarded-proto"
    r"|x-amzn-(auth|cf-billing|cf-id|cf-xff|errortype|fle-profile|header-count|header-order|lambda-integration-tag"
    r"|requestid)"
)
"""Headers that a function neither sees nor may write."""
_READ_ONLY = ("content-length", "host", "transfer-encoding", "via")
_NOT_FORWARDED = re.compile(
    r"connection|expect|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|x-real-ip|x-accel-.*|x-amz-cf-.*"
    r"|x-edge-.*|x-forwarded-proto|x-http-method-override|content-length|cookie|via|x-forwarded-for|cloudfront-.*"
)
"""Headers that are not forwarded as a visitor sent them, whatever a policy says."""
_OF_CONNECTIONS = {"connection", "keep-alive", "transfer-encoding", "content-length", "via", "x-cache", "x-amz-cf-id"}

Headers = dict[str, list[str]]
"""Names in lower case, and the values of each in the order in which they came."""


@dataclass(frozen=True)
class Origin:
    """Where requests for an origin of the template really go."""

    host: str
    port: int
    host_header: str = ""
    """What ``Host`` says; otherwise the origin's DomainName in the template."""
    path_prefix: str | None = None
    """What stands before each path; otherwise the template's OriginPath."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that the local AWS needs besides."""


@dataclass(frozen=True)
class Forwarded:
    """A request as an origin got it."""

    behaviour: str
    """The path pattern; ``*`` for the default behaviour."""
    origin: str
    """The id of the origin."""
    method: str
    path: str
    """With its query."""
    headers: dict[str, str]
    """With names in lower case, several values of one joined by commas."""


@dataclass(frozen=True)
class Answer:
    """A response, before CloudFront's own headers."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""


@dataclass
class Request:
    """A request of a visitor, as far as it has come."""

    method: str
    path: str
    query: str
    headers: Headers
    cookies: list[tuple[str, str]]
    address: str
    body: bytes = b""
    id: str = ""
    own: Headers = field(default_factory=dict)
    """What CloudFront itself says of the visitor."""


class Refused(Exception):
    """CloudFront answers by itself."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status

    @property
    def page(self) -> Answer:
        """Return what a visitor gets."""
        page = f"<html><body><h1>{self.status}</h1><p>{self}. Generated by cloudfront (CloudFront)</p>"
        return Answer(self.status, [("server", "CloudFront"), ("content-type", "text/html")], page.encode())


def is_signed(headers: Mapping[str, str]) -> bool:
    """Tell whether a forwarded request has the mark of access control.

    That a function URL refuses requests without a signature can be tried on AWS alone: the local AWS takes them all.
    """
    return headers.get("authorization") == SIGNATURE


_LOOP = """
const vm = require('vm');
const contexts = new Map();
function answer(asked) {
  if (asked.code !== undefined) {
    const context = vm.createContext({ console: { log: function () {} } });
    vm.runInContext(asked.code, context);
    contexts.set(asked.name, context);
    return null;
  }
  const context = contexts.get(asked.name);
  context.__event = JSON.stringify(asked.event);
  return vm.runInContext('handler(JSON.parse(__event))', context, { timeout: 2000 });
}
require('readline').createInterface({ input: process.stdin }).on('line', async function (line) {
  let told;
  try {
    const result = await answer(JSON.parse(line));
    told = { result: result === undefined ? null : result };
  } catch (error) {
    told = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(told) + '\\n');
});
"""


class _Functions:
    """One node that runs the functions for requests, one after the other."""

    def __init__(self, program: str) -> None:
        self._node = subprocess.Popen(
            [program, "-e", _LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._one_at_a_time = threading.Lock()
        self._known: set[str] = set()

    def load(self, code: str) -> None:
        """Have a function ready, or say what is wrong with it."""
        name = hashlib.sha256(code.encode()).hexdigest()
        if name not in self._known:
            answer = self._ask({"name": name, "code": code})
            require("error" not in answer, f"CloudFront would not take this function: {answer.get('error')}")
            self._known.add(name)

    def run(self, code: str, event: Mapping[str, Any]) -> Any:
        """Return what a function makes of an event."""
        answer = self._ask({"name": hashlib.sha256(code.encode()).hexdigest(), "event": event})
        if "error" in answer:
            raise Refused(503, f"FunctionExecutionError: {answer['error']}")
        return answer["result"]

    def end(self) -> None:
        """End node, which stops when nothing can be asked any more."""
        with self._one_at_a_time:
            self._node.communicate()

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._node.stdin, self._node.stdout
        assert stdin is not None
        assert stdout is not None
        with self._one_at_a_time:
            try:
                stdin.write(json.dumps(question) + "\n")
                stdin.flush()
                return dict(json.loads(stdout.readline()))
            except (OSError, ValueError) as error:
                raise Refused(503, f"FunctionExecutionError: node has ended: {error}") from error


def _event_of(request: Request) -> dict[str, Any]:
    """Return what a function gets: CloudFront's own headers too, but not those that it hides."""
    shown = {**request.headers, **request.own}
    shown = {name: values for name, values in shown.items() if name != "cookie" and not _HIDDEN.fullmatch(name)}
    return {
        "version": "1.0",
        "context": {
            "distributionDomainName": DOMAIN,
            "distributionId": "EDFDVBD6EXAMPLE",
            "eventType": "viewer-request",
            "requestId": request.id,
        },
        "viewer": {"ip": request.address},
        "request": {
            "method": request.method,
            "uri": request.path,
            "querystring": _fields((name, value) for name, value, _ in _parameters(request.query)),
            "headers": {name: _field(values) for name, values in shown.items()},
            "cookies": _fields(request.cookies),
        },
    }


def _fields(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: Headers = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: _field(values) for name, values in found.items()}


def _field(values: list[str]) -> dict[str, Any]:
    several = {"multiValue": [{"value": each} for each in values]} if len(values) > 1 else {}
    return {"value": values[0], **several}


def _values(written: Mapping[str, Any]) -> list[str]:
    return [str(each["value"]) for each in written.get("multiValue") or [written]]


def _after_function(request: Request, event: Mapping[str, Any], result: Any) -> Request | Answer:
    """Return the request as a function left it, or the answer that it gave."""
    if not isinstance(result, dict):
        raise Refused(502, "FunctionValidationError: neither a request nor a response")
    try:
        headers = {name: _values(field) for name, field in result.get("headers", {}).items()}
        if "statusCode" in result:
            return _answer_of(result, headers)
        given = event["request"]
        before = {name: _values(field) for name, field in given["headers"].items()}
        require(result["method"] == given["method"], "a function cannot change the method")
        require(all(name == name.lower() for name in headers), "names of headers are in lower case")
        require(not [name for name in headers if _HIDDEN.fullmatch(name)], "a header that no function may write")
        spoilt = [name for name, values in headers.items() if re.search(r"[\x00-\x1f\x7f]", "".join(values))]
        require(not spoilt, f"control characters in {spoilt}")
        require(all(headers.get(name) == before.get(name) for name in _READ_ONLY), "a header that can only be read")
        query = request.query
        if result["querystring"] != given["querystring"]:
            query = "&".join(f"{name}={each}" for name, one in result["querystring"].items() for each in _values(one))
        cookies = request.cookies
        if result["cookies"] != given["cookies"]:
            cookies = [(name, each) for name, one in result["cookies"].items() for each in _values(one)]
        path = str(result["uri"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refused(502, f"FunctionValidationError: {error}") from error
    hidden = {name: values for name, values in request.headers.items() if _HIDDEN.fullmatch(name)}
    return replace(request, headers={**hidden, **headers}, query=query, cookies=cookies, path=path)


def _answer_of(result: Mapping[str, Any], headers: Headers) -> Answer:
    cookies = [("set-cookie", f"{name}={each['value']}") for name, each in result.get("cookies", {}).items()]
    body = result.get("body", "")
    text = body if isinstance(body, str) else body["data"]
    sent = [(name, each) for name, values in headers.items() for each in values]
    return Answer(int(result["statusCode"]), sent + cookies, text.encode())


_TABLETS = re.compile(r"iPad|Tablet|Android(?!.*Mobile)")


def own_headers(request: Request, country: str) -> Headers:
    """Return what CloudFront knows of a visitor, over what the visitor said."""
    agent = ",".join(request.headers.get("user-agent", ()))
    is_tablet = _TABLETS.search(agent) is not None
    is_mobile = not is_tablet and "Mobi" in agent
    devices = {"mobile": is_mobile, "tablet": is_tablet, "desktop": not is_mobile and not is_tablet, "smarttv": False}
    return {
        **{f"cloudfront-is-{device}-viewer": [str(holds).lower()] for device, holds in devices.items()},
        "cloudfront-viewer-country": [country],
        "cloudfront-viewer-address": [f"{request.address}:46532"],
        "cloudfront-viewer-http-version": ["1.1"],
        "cloudfront-forwarded-proto": ["https"],
    }


def _parameters(query: str) -> list[tuple[str, str, str]]:
    """Return name, value and the whole of each parameter, as it was sent."""
    parts = [each for each in query.split("&") if each]
    return [(part.partition("=")[0], part.partition("=")[2], part) for part in parts]


def _query(request: Request, takes: Callable[[str], bool]) -> str:
    kept = [whole for name, _, whole in _parameters(request.query) if takes(name)]
    is_whole = len(kept) == len(_parameters(request.query))
    return request.query if is_whole else "&".join(kept)


def _encodings(request: Request, policy: Policy) -> str:
    """Return the encodings that a cache policy tells apart, as CloudFront writes them."""
    accepted = ",".join(request.headers.get("accept-encoding", ()))
    return ",".join(each for each in ("br", "gzip") if each in policy.encodings and re.search(rf"\b{each}\b", accepted))


def _key(request: Request, behaviour: Behaviour) -> tuple[Any, ...]:
    policy = behaviour.cache
    headers = {**request.headers, **request.own}
    return (
        behaviour.origin,
        request.path,
        _query(request, policy.query.__contains__),
        tuple((name, tuple(headers.get(name, ()))) for name in sorted(policy.headers.names)),
        tuple(each for each in request.cookies if each[0] in policy.cookies),
        _encodings(request, policy),
    )


def _sent_headers(request: Request, behaviour: Behaviour, origin: TemplateOrigin, real: Origin) -> Headers:
    """Return the headers that an origin gets."""
    sent: Headers = {"host": [real.host_header or origin.domain]}
    for name, values in request.headers.items():
        if not _NOT_FORWARDED.fullmatch(name) and behaviour.takes("headers", name):
            sent[name] = values
    for name in behaviour.listed & request.own.keys():
        sent[name] = request.own[name]
    if cookies := [f"{name}={value}" for name, value in request.cookies if behaviour.takes("cookies", name)]:
        sent["cookie"] = ["; ".join(cookies)]
    if behaviour.cache.encodings:
        sent.pop("accept-encoding", None)
        if known := _encodings(request, behaviour.cache):
            sent["accept-encoding"] = [known]
    if request.body or request.method in {"POST", "PUT", "PATCH"}:
        if "content-type" in request.headers:
            sent["content-type"] = request.headers["content-type"]
        sent["content-length"] = [str(len(request.body))]
    sent.setdefault("user-agent", ["Amazon CloudFront"])
    sent["via"] = [", ".join([*request.headers.get("via", ()), f"1.1 {DOMAIN} (CloudFront)"])]
    sent["x-forwarded-for"] = [", ".join([*request.headers.get("x-forwarded-for", ()), request.address])]
    sent["x-amz-cf-id"] = [request.id]
    if origin.is_signed:
        sent["authorization"] = [SIGNATURE]
    written = {**real.headers, **origin.headers}
    return sent | {name.lower(): [value] for name, value in written.items()}


def _seconds_kept(answer: Answer, policy: Policy, errors: Mapping[int, float]) -> float:
    """Return for how long an answer is kept: as the origin says, within the limits of the policy."""
    least, usual, most = policy.times
    said = ",".join(value for name, value in answer.headers if name.lower() == "cache-control").lower()
    found = re.search(r"s-maxage=(\d+)", said) or re.search(r"max-age=(\d+)", said)
    is_private = re.search(r"no-store|no-cache|private", said) is not None
    if answer.status >= 400:
        if answer.status not in _ERRORS_KEPT_ALWAYS and (is_private or not found):
            return 0
        if answer.status in _ERRORS_WITH_NO_STORE and "no-store" in said:
            return 0
        least = errors.get(answer.status, ERRORS_KEPT)
        return max(least, min(most, float(found[1])) if found and not is_private else 0)
    if is_private:
        return least
    return min(most, max(least, float(found[1]) if found else usual))


class Edge:
    """A running stand-in."""

    def __init__(
        self,
        origins: Mapping[str, Origin],
        country: Callable[[str], str] | Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self.url = ""
        self.forwarded: list[Forwarded] = []
        """Every request to an origin, repeated ones too, in their order."""
        self.origins = origins
        """May be replaced while requests are on their way."""
        self._functions: _Functions | None = None
        self._country = country if callable(country) else lambda address: country.get(address, "PT")
        self._clock = clock
        self._template: Mapping[str, Any] = {}
        self._values: Mapping[str, Any] = {}
        self._deployed: Deployed | None = None
        self._kept: dict[tuple[Any, ...], tuple[float, float, Answer]] = {}

    @property
    def template(self) -> Mapping[str, Any]:
        """The template that requests meet. Another one counts for requests that begin after it was set."""
        return self._template

    @template.setter
    def template(self, template: Mapping[str, Any]) -> None:
        self.deploy(template, self._values)

    def deploy(self, template: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Have requests meet another template with other values, at once. What is kept stays, as at CloudFront."""
        deployed = Deployed.of(template, values)
        require(deployed.origins.keys() <= self.origins.keys(), "Each origin of the template needs an address")
        for code in {each.function for each in deployed.behaviours} - {""}:
            self._running_functions().load(code)
        self._template, self._values, self._deployed = template, values, deployed

    def close(self) -> None:
        """End what runs the functions."""
        if self._functions is not None:
            self._functions.end()

    def _running_functions(self) -> _Functions:
        if self._functions is None:
            program = shutil.which("node")
            if program is None:
                pytest.skip("NOT TESTED: the function of CloudFront. There is no node here.")
            self._functions = _Functions(program)
        return self._functions

    def answer(self, request: Request) -> tuple[Answer, str]:
        """Return the answer to a request, and what X-Cache says of it."""
        deployed = self._deployed
        if deployed is None:
            raise Refused(503, "Nothing is deployed")
        self._check(request, deployed)
        behaviour = deployed.behaviour(request.path)
        if request.method not in behaviour.methods:
            raise Refused(403, f"This distribution is not configured to allow {request.method} at {behaviour.pattern}")
        if request.body and request.method == "GET":
            raise Refused(403, "A GET request has a body")
        own = own_headers(request, self._country(request.address))
        headers = {name: values for name, values in request.headers.items() if not name.startswith("cloudfront-")}
        request = replace(request, headers=headers, own={name: own[name] for name in behaviour.listed & own.keys()})
        if behaviour.function:
            event = _event_of(request)
            changed = _after_function(request, event, self._running_functions().run(behaviour.function, event))
            if isinstance(changed, Answer):
                return changed, "FunctionGeneratedResponse from cloudfront"
            request = changed
        return self._kept_or_asked(request, behaviour, deployed)

    def _check(self, request: Request, deployed: Deployed) -> None:
        """Refuse what no behaviour is asked for."""
        host = ",".join(request.headers.get("host", ()))
        if not deployed.knows(host.partition(":")[0].lower()):
            raise Refused(403, f"No distribution has the host {host}")
        url = f"https://{host}{request.path}?{request.query}"
        whole = sum(len(name) + len(value) + 4 for name, values in request.headers.items() for value in values)
        if len(url) > _LONGEST_URL or len(url) + whole > _LONGEST_REQUEST:
            raise Refused(413, "The request is too long")

    def _kept_or_asked(self, request: Request, behaviour: Behaviour, deployed: Deployed) -> tuple[Answer, str]:
        is_kept = request.method in {"GET", "HEAD"}
        key = _key(request, behaviour)
        if is_kept and (found := self._kept.get(key)) and found[1] > self._clock():
            answer = found[2]
            age = ("age", str(int(self._clock() - found[0])))
            return replace(answer, headers=[*answer.headers, age]), _cached("Hit", answer)
        answer = self._asked(request, behaviour, deployed.origins[behaviour.origin])
        seconds = _seconds_kept(answer, behaviour.cache, deployed.errors)
        if is_kept and request.method == "GET" and seconds > 0:
            self._kept[key] = self._clock(), self._clock() + seconds, answer
        return answer, _cached("Miss", answer)

    def _asked(self, request: Request, behaviour: Behaviour, origin: TemplateOrigin) -> Answer:
        """Ask an origin: three times at most, what can be repeated."""
        if origin.is_signed and request.body and "x-amz-content-sha256" not in request.headers:
            raise Refused(403, "The origin cannot check a signature of a body without x-amz-content-sha256")
        real = self.origins[behaviour.origin]
        prefix = origin.path if real.path_prefix is None else real.path_prefix
        query = _query(request, lambda name: behaviour.takes("query", name))
        path = quote(_bytes(prefix + request.path + (f"?{query}" if query else "")), safe=_PRINTABLE)
        headers = _sent_headers(request, behaviour, origin, real)
        joined = {name: ", ".join(values) for name, values in headers.items()}
        sent = Forwarded(behaviour.pattern, behaviour.origin, request.method, path, joined)
        failure: Exception = OSError()
        for _ in range(_ATTEMPTS if request.method in {"GET", "HEAD"} else 1):
            self.forwarded.append(sent)
            try:
                answer = _exchange(real, sent, headers, request.body)
            except (OSError, http.client.HTTPException) as error:
                failure = error
            else:
                takes_cookies = {behaviour.cache.cookies.behaviour, behaviour.request.cookies.behaviour} != {"none"}
                kept = [each for each in answer.headers if takes_cookies or each[0].lower() != "set-cookie"]
                return replace(answer, headers=kept)
        status = 504 if isinstance(failure, TimeoutError) else 502
        return Refused(status, f"The origin {behaviour.origin} does not answer: {failure}").page


_PRINTABLE = "".join(map(chr, range(33, 127)))


def _cached(word: str, answer: Answer) -> str:
    return f"{'Error' if answer.status >= 400 else word} from cloudfront"


def _exchange(real: Origin, sent: Forwarded, headers: Headers, body: bytes) -> Answer:
    connection = http.client.HTTPConnection(real.host, real.port, timeout=30)
    try:
        connection.putrequest(sent.method, sent.path, skip_host=True, skip_accept_encoding=True)
        for name, values in headers.items():
            for value in values:
                connection.putheader(name, _bytes(value))
        connection.endheaders(body or None)
        response = connection.getresponse()
        received = response.read()
        kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _OF_CONNECTIONS]
        if sent.method == "HEAD" and (length := response.headers.get("Content-Length")):
            kept.append(("content-length", length))
        return Answer(response.status, kept, received)
    finally:
        connection.close()


def _bytes(value: str) -> bytes:
    """Return a header as it came: servers of Python read one letter a byte."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


class _Handler(BaseHTTPRequestHandler):
    edge: ClassVar[Edge]
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every method: a behaviour says which it allows
            return self._answered
        raise AttributeError(name)

    def _answered(self) -> None:
        request = self._request()
        try:
            answer, cached = self.edge.answer(request)
        except Refused as refused:
            answer, cached = refused.page, "Error from cloudfront"
        self._respond(answer, cached, request.id)

    def _request(self) -> Request:
        headers: Headers = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        body = self._body()
        address = headers.pop(VIEWER_ADDRESS, [self.client_address[0]])[0]
        if headers.get("host") == [self.edge.url.removeprefix("http://")]:
            headers["host"] = [DOMAIN]
        path, _, query = self.requestline.split()[1].partition("?")  # self.path has lost repeated slashes
        cookies = [each.strip() for each in ";".join(headers.get("cookie", ())).split(";") if each.strip()]
        pairs = [(each.partition("=")[0], each.partition("=")[2]) for each in cookies]
        identity = f"{uuid.uuid4().hex}=="
        return Request(self.command, path, query, headers, pairs, address, body, identity)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return body

    def _respond(self, answer: Answer, cached: str, identity: str) -> None:
        self.send_response_only(answer.status)
        own = [("via", f"1.1 {DOMAIN} (CloudFront)"), ("x-cache", cached), ("x-amz-cf-id", identity)]
        names = {name.lower() for name, _ in answer.headers}
        if "content-length" not in names and answer.status not in {204, 304}:
            own.append(("content-length", str(len(answer.body))))
        for name, value in [*answer.headers, *own]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def running(
    template: Mapping[str, Any],
    origins: Mapping[str, Origin],
    values: Mapping[str, Any] | None = None,
    *,
    country: Callable[[str], str] | Mapping[str, str] = lambda _: "PT",
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Edge]:
    """Run the stand-in within a ``with`` block.

    Args:
        template: The CloudFormation template with the distribution, as it is packaged.
        origins: Where requests for each of its origins go.
        values: What references mean that only AWS or the operator knows, for instance ``{"OriginSecret": "..."}``;
            an attribute is ``"Name.Attribute"``, a condition its name.
        country: The country of an address.
        clock: Seconds, by which what is kept ends.
    """
    edge = Edge(origins, country, clock)
    with closing(edge):
        edge.deploy(template, values or {})
        with serving(type("Handler", (_Handler,), {"edge": edge})) as server:
            edge.url = server.address
            print(f"This is no CloudFront, but a stand-in that applies the template to each request: {edge.url}")  # noqa: T201  # so that a log shows what was tried
            yield edge
