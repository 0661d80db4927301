"""The smoke test of a deployed service: what visitors and programs need works at its address."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from dev.http_client import ask
from dev.local import local_aws

Found = TypeVar("Found")
_TARGET = "https://example.com/smoke?test=1#deployed"
_PATIENCE = 60  # seconds that a new API may take until it responds everywhere
_HEALTHY, _FORBIDDEN, _UNKNOWN, _SERVER_ERROR = 200, 403, 404, 500
_ATTEMPTS = 3


class SmokeFailed(Exception):
    """A basic function of the service does not work; the message says which."""


def test(address: str, base_url: str, key: str | None) -> None:
    """Create a link that expires after a minute, follow it, and request an unknown code and route.

    ``key`` may create links; None: creating links needs no key.

    Raises:
        SmokeFailed: with the first difference.
    """
    wait_until_healthy(address)
    # Without /v1, which the code before this version does not have: `make rollback` goes back to it, and tries it.
    status, link = with_key(address, key, "POST", "/links", {"url": _TARGET, "expiresIn": "1m", "title": "Smoke test"})
    _expect("POST /links", 201, status)
    _expect("the short URL", f"{base_url}/{link['code']}", link["shortUrl"])
    for method in ("GET", "HEAD"):
        _expect(f"{method} of the new link", (302, _TARGET), answer_when_allowed(address, method, f"/{link['code']}"))
    status, location, _ = ask(address, "GET", "/no.such.code")
    _expect("GET of an unknown code", (302, base_url), (status, location))
    if not local_aws.is_here(address):  # the local AWS has its own response for it
        expect_unknown_route(address)


def test_versions(functions: Any, versions: Mapping[str, str], made: Mapping[str, str], key: str | None) -> None:
    """Invoke versions of the functions, as API Gateway and the queues would, while nobody is sent to them.

    ``functions`` is a client of Lambda; ``versions`` are ARNs, by the logical ids of the functions; ``made`` are the
    outputs of the stack. Where that has a function URL, it is stood in for as well.

    Raises:
        SmokeFailed: with the first difference.
    """

    def respond(name: str, method: str, resource: str, code: str | None = None, body: Any = None) -> Any:
        for _ in range(_ATTEMPTS):  # a new version starts cold, which may take longer than it waits for a table
            event = event_of(method, resource, code, body, key)
            response = _invoked(functions, versions[name], event, f"{method} {resource}")
            if response["statusCode"] < _SERVER_ERROR:
                break
        return response

    _expect("GET /healthz of the new API", 200, respond("APIHandler", "GET", "/healthz")["statusCode"])
    fields = {"url": _TARGET, "expiresIn": "1m", "title": "Smoke test"}
    response = respond("APIHandler", "POST", "/links", body=fields)
    _expect("POST /links of the new API", 201, response["statusCode"])
    created = json.loads(response["body"])["code"]
    leads = (("the new link", created, _TARGET), ("an unknown code", "no.such.code", made["BaseUrl"]))
    for what, code, target in leads:
        response = respond("RedirectHandler", "GET", "/{code}", code)
        actual = (response["statusCode"], response.get("headers", {}).get("Location"))
        _expect(f"GET of {what} by the new redirect", (302, target), actual)
    if "RedirectUrl" in made:
        for what, code, target in leads:
            response = _invoked(functions, versions["RedirectHandler"], _url_event(code), f"GET of {what} by its URL")
            actual = (response["statusCode"], response.get("headers", {}).get("Location"))
            _expect(f"GET of {what} by the new redirect's URL", (302, target), actual)
    for name in ("CountClicks", "WorkOnFiles"):
        _invoked(functions, versions[name], {"Records": []}, f"the new {name}, without messages")


def event_of(method: str, resource: str, code: str | None, body: Any, key: str | None) -> dict[str, Any]:
    """Return the event of a request to API Gateway."""
    path = resource if code is None else resource.replace("{code}", code)
    headers = {"Content-Type": "application/json", "User-Agent": "smoke test"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None if code is None else {"code": code},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "requestId": uuid.uuid4().hex,
            "identity": {"sourceIp": "127.0.0.1"},
            "path": f"/api{path}",
            "stage": "api",
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def _url_event(code: str) -> dict[str, Any]:
    """Return the event of a GET of a code at a function URL."""
    http = {"method": "GET", "path": f"/{code}", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"}
    return {
        "version": "2.0",
        "rawPath": f"/{code}",
        "rawQueryString": "",
        "headers": {"user-agent": "smoke test"},
        "requestContext": {"http": http, "requestId": uuid.uuid4().hex},
        "isBase64Encoded": False,
    }


def _invoked(functions: Any, arn: str, event: Any, what: str) -> Any:
    try:
        response = functions.invoke(FunctionName=arn, Payload=json.dumps(event).encode())
    except (BotoCoreError, ClientError) as failure:
        raise SmokeFailed(f"{what}: {failure}") from failure
    document = json.loads(response["Payload"].read() or b"null")
    if "FunctionError" in response:
        raise SmokeFailed(f"{what}: the function failed: {json.dumps(document)[:500]}")
    return document


def with_key(address: str, key: str | None, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Send a request to the API with ``key``; return status and document."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    payload = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, payload, headers, method=method)  # noqa: S310  # an address of ours
    with _open(request) as response:
        return response.status, json.load(response)


def wait_until_healthy(address: str, patience: float = _PATIENCE, pause: float = 2) -> None:
    """Poll the health until it is good, printing a dot for each time that it is not.

    Raises:
        SmokeFailed: it is not healthy after ``patience`` seconds.
    """
    state = _polled(lambda: _health(address), lambda state: state == _HEALTHY, patience, pause)
    if state != _HEALTHY:
        raise SmokeFailed(f"GET {address}/healthz: expected 200, got {state}, for {patience:g} seconds.")


def answer_when_allowed(
    address: str, method: str, path: str, patience: float = _PATIENCE, pause: float = 2
) -> tuple[int, str | None]:
    """Return status and target once they are no 403, or after ``patience`` seconds.

    It takes some seconds until Lambda knows everywhere that CloudFront may call a new function URL. A dot is printed
    for each refusal.
    """
    return _polled(lambda: ask(address, method, path)[:2], lambda found: found[0] != _FORBIDDEN, patience, pause)


def expect_unknown_route(address: str) -> None:
    """Request a route that does not exist: API Gateway itself responds, with a problem document and CORS for any site.

    Raises:
        SmokeFailed
    """
    with _open(urllib.request.Request(f"{address}/no/such/route/at/all")) as response:  # noqa: S310  # an address of ours
        headers = response.headers
        actual = (response.status, headers.get_content_type(), headers["Access-Control-Allow-Origin"])
    _expect("GET of an unknown route", (_UNKNOWN, "application/problem+json", "*"), actual)


def _polled(read: Callable[[], Found], is_over: Callable[[Found], bool], patience: float, pause: float) -> Found:
    """Return what ``read`` does once that is over, or after ``patience`` seconds; print a dot for each time before."""
    deadline = time.monotonic() + patience
    while not is_over(found := read()) and time.monotonic() <= deadline:
        print(".", end="", flush=True)
        time.sleep(pause)
    return found


def _open(request: urllib.request.Request) -> Any:
    try:
        return urllib.request.urlopen(request, timeout=30)  # noqa: S310  # an address of ours
    except urllib.error.HTTPError as refused:
        return refused


def _health(address: str) -> int | OSError:
    try:
        return ask(address, "GET", "/healthz")[0]
    except OSError as failure:
        return failure


def _expect(what: str, expected: object, actual: object) -> None:
    if expected != actual:
        raise SmokeFailed(f"{what}: expected {expected}, got {actual}.")
