"""What this stack's own CloudFront distribution says of a request, and events of the redirect's function URL.

A visitor can write any header, and can call the API and, with a signature, the function URL past the distribution. So
what the distribution's function wrote (.chalice/viewer-request.js) counts only beside the secret that it adds.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

from chalicelib.api.requests import FORMS, PATHS
from chalicelib.settings import settings

SECRET, HOST, FACTS = "x-front-secret", "x-front-host", "x-front"
"""The headers, in lower case: the secret, the host that was asked for, and what else is known of the visitor."""
_DIGITS = 13  # of milliseconds since 1970, until the year 2286
NOWHERE = "/"
"""The resource of a path that no link can have."""
_ADDRESS, _ID, _AT = "address", "id", "at"
READ = frozenset(
    {
        *("dnt", "sec-gpc", "purpose", "sec-purpose", "x-purpose", "x-moz"),
        *("sec-fetch-mode", "sec-fetch-site", "sec-ch-ua-mobile", "sec-ch-ua-platform"),
    }
)
"""What counting and rules read of a visitor's headers beside those that the policy lists."""

Event = dict[str, Any]


def seen(event: Event) -> Event:
    """Return an event with host, address, id and headers as the distribution saw them; or without any of its headers.

    ``requestContext.isOfFront`` tells whether it came through the distribution.
    """
    headers = {name.lower(): text for name, text in (event.get("headers") or {}).items()}
    secret, host, facts = (headers.pop(name, "") for name in (SECRET, HOST, FACTS))
    context = event["requestContext"]
    if not _is_ours(secret):
        return {**event, "headers": headers, "requestContext": {**context, "isOfFront": False}}
    told = dict(parse_qsl(facts, keep_blank_values=True))
    headers |= {name: text for name, text in told.items() if name in READ}
    context = {
        **context,
        "isOfFront": True,
        "domainName": host,
        "identity": {**context.get("identity", {}), "sourceIp": told.get(_ADDRESS, "")},
        # CloudFront asks up to three times for one request: all of them have this id and time, and count as one visit.
        "requestId": told.get(_ID, ""),
        "requestTimeEpoch": _milliseconds(told.get(_AT, "")),
    }
    return {**event, "headers": headers, "requestContext": context}


def event_of_url(payload: Mapping[str, Any]) -> Event:
    """Return an event of API Gateway for one of a function URL, payload 2.0.

    What follows the code stays as it was sent, encoded: what appends it to a target decodes it.
    """
    context = payload["requestContext"]
    resource, variables = _route_of(payload["rawPath"].removesuffix("/").split("/")[1:])
    cookies = {"cookie": "; ".join(payload["cookies"])} if payload.get("cookies") else {}
    query = parse_qs(payload.get("rawQueryString", ""), keep_blank_values=True)
    return {
        "headers": {**(payload.get("headers") or {}), **cookies},
        "multiValueQueryStringParameters": query or None,
        "pathParameters": variables,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": context["http"]["method"],
            "domainName": context.get("domainName"),
            "identity": {"sourceIp": context["http"].get("sourceIp", "")},
            "requestId": context.get("requestId"),
        },
        "body": payload.get("body"),
        "isBase64Encoded": payload.get("isBase64Encoded", False),
    }


def response_of_url(result: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Return a response to API Gateway as a function URL takes it. Of its headers, Set-Cookie alone may be repeated."""
    headers = dict(result["headers"])
    if method == "HEAD":
        headers.pop("Content-Length", None)  # the function URL writes its own, of a body that is not sent
    cookies = [headers.pop("Set-Cookie")] if "Set-Cookie" in headers else []
    cookies += result.get("multiValueHeaders", {}).get("Set-Cookie", [])
    sent = {"statusCode": result["statusCode"], "headers": headers, "body": result["body"], "cookies": cookies}
    return {**sent, "isBase64Encoded": result.get("isBase64Encoded", False)}


def _milliseconds(text: str) -> int | None:
    """Return a time since 1970, or None if ``text`` is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) == _DIGITS else None


def _is_ours(secret: str) -> bool:
    digest = hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
    return any(hmac.compare_digest(digest, each) for each in settings.front_secrets)


def _route_of(segments: list[str]) -> tuple[str, dict[str, str] | None]:
    """Return the resource that API Gateway would find, and the variables of its path."""
    first = unquote(segments[0]) if segments else ""
    if first == "v1" and len(segments) == 1:
        return "/v1", None
    forms = f"/{first}" == FORMS
    segments = segments[1:] if forms else segments
    if not all(segments) or not segments or len(segments) > len(PATHS):
        return NOWHERE, None
    code, *path = segments
    variables = {"code": unquote(code), **{f"path{number}": each for number, each in enumerate(path, 1)}}
    return (FORMS if forms else "") + PATHS[len(path)], variables
