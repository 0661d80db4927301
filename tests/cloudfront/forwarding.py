"""What of a request goes on to an origin, by the policies of its behaviour, and what tells answers apart."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.cloudfront.messages import Answer, Forwarded, Headers, Origin, Request
from tests.cloudfront.template import DOMAIN, Behaviour, Policy, TemplateOrigin

SIGNATURE = "AWS4-HMAC-SHA256 stand-in"
"""What an origin with access control gets as ``Authorization``."""
_NOT_FORWARDED = re.compile(
    r"connection|expect|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|x-real-ip|x-accel-.*|x-amz-cf-.*"
    r"|x-edge-.*|x-forwarded-proto|x-http-method-override|content-length|cookie|via|x-forwarded-for|cloudfront-.*"
)
"""Headers that are not forwarded as a visitor sent them, whatever a policy says."""
_OF_CONNECTIONS = {"connection", "keep-alive", "transfer-encoding", "content-length", "via", "x-cache", "x-amz-cf-id"}


def is_signed(headers: Mapping[str, str]) -> bool:
    """Tell whether a forwarded request has the mark of access control.

    That a function URL refuses requests without a signature can be tried on AWS alone: the local AWS takes them all.
    """
    return headers.get("authorization") == SIGNATURE


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


def parameters(query: str) -> list[tuple[str, str, str]]:
    """Return name, value and the whole of each parameter, as it was sent."""
    parts = [each for each in query.split("&") if each]
    return [(part.partition("=")[0], part.partition("=")[2], part) for part in parts]


def query_of(request: Request, takes: Callable[[str], bool]) -> str:
    """Return the parameters whose names are taken, as they were sent."""
    kept = [whole for name, _, whole in parameters(request.query) if takes(name)]
    is_whole = len(kept) == len(parameters(request.query))
    return request.query if is_whole else "&".join(kept)


def _encodings(request: Request, policy: Policy) -> str:
    """Return the encodings that a cache policy tells apart, as CloudFront writes them."""
    accepted = ",".join(request.headers.get("accept-encoding", ()))
    return ",".join(each for each in ("br", "gzip") if each in policy.encodings and re.search(rf"\b{each}\b", accepted))


def key_of(request: Request, behaviour: Behaviour) -> tuple[Any, ...]:
    """Return what tells an answer that is kept from others."""
    policy = behaviour.cache
    headers = {**request.headers, **request.own}
    return (
        behaviour.origin,
        request.path,
        query_of(request, policy.query.__contains__),
        tuple((name, tuple(headers.get(name, ()))) for name in sorted(policy.headers.names)),
        tuple(each for each in request.cookies if each[0] in policy.cookies),
        _encodings(request, policy),
    )


def sent_headers(request: Request, behaviour: Behaviour, origin: TemplateOrigin, real: Origin) -> Headers:
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


def exchange(real: Origin, sent: Forwarded, headers: Headers, body: bytes) -> Answer:
    """Ask an origin once.

    Raises:
        OSError: it does not answer.
        http.client.HTTPException: not in HTTP.
    """
    connection = http.client.HTTPConnection(real.host, real.port, timeout=30)
    try:
        connection.putrequest(sent.method, sent.path, skip_host=True, skip_accept_encoding=True)
        for name, values in headers.items():
            for value in values:
                connection.putheader(name, bytes_of(value))
        connection.endheaders(body or None)
        response = connection.getresponse()
        received = response.read()
        kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _OF_CONNECTIONS]
        if sent.method == "HEAD" and (length := response.headers.get("Content-Length")):
            kept.append(("content-length", length))
        return Answer(response.status, kept, received)
    finally:
        connection.close()


def bytes_of(value: str) -> bytes:
    """Return a header as it came: servers of Python read one letter a byte."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
