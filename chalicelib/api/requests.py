"""Read a request: its body, form, query, Accept header and client address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from chalice.app import Request

from chalicelib.core import limits
from chalicelib.core.domains import Domain
from chalicelib.core.http import json_body
from chalicelib.errors import BodyTooLarge, MediaTypeUnsupported
from chalicelib.settings import settings

READ = ["GET", "HEAD"]
"""The methods of an endpoint that reads: API Gateway accepts HEAD only where it is declared."""
FORMS = "/.form"
"""What the forms of links are sent below: CloudFront chooses who answers by the path alone, never by the method.

No code has a dot, so that no link has this address."""
PATHS = ("/{code}", "/{code}/{path1}", "/{code}/{path1}/{path2}", "/{code}/{path1}/{path2}/{path3}")
"""The paths of links, the code alone first. API Gateway knows paths of any length, and Chalice does not."""


def json_of(request: Request, max_bytes: int = limits.BODY_BYTES) -> dict[str, Any]:
    """Return the JSON object in the body of ``request``, which may have ``max_bytes``.

    Raises:
        Malformed, BodyTooLarge, MediaTypeUnsupported
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise MediaTypeUnsupported(f"The body is encoded as {encoding[:64]!r}; send it as it is.")
    return json_body.read_object(raw_body(request), request.headers.get("content-type"), max_bytes)


def optional_json(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body of ``request``, or an empty one where there is no body.

    Raises:
        Malformed, BodyTooLarge, MediaTypeUnsupported
    """
    return json_of(request) if raw_body(request) else {}


def form_of(request: Request) -> dict[str, str]:
    """Return the fields of the form in the body of ``request``; of a repeated field the last value.

    Raises:
        BodyTooLarge
    """
    body = raw_body(request)
    if len(body) > limits.FORM_BYTES:
        raise BodyTooLarge(f"The form is larger than {limits.FORM_BYTES // 1024} KiB.")
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    return dict(fields)


def raw_body(request: Request) -> bytes:
    """Return the body of ``request`` as it was sent."""
    body = request.raw_body
    return body.encode() if isinstance(body, str) else body


def client_address(event: Mapping[str, Any]) -> str:
    """Return the IP address that API Gateway saw; clients can forge the headers that name one."""
    return event["requestContext"].get("identity", {}).get("sourceIp") or ""


def domain_of(event: Mapping[str, Any]) -> Domain:
    """Return the domain that a request asked for, as API Gateway saw it: anybody can write a Host header."""
    known = settings.domains
    return known.at(event["requestContext"].get("domainName")) if known.listed else known.default


def query_of(request: Request) -> dict[str, str]:
    """Return the parameters of the query; of a repeated one the last value."""
    return dict(request.query_params or {})


def accept_of(request: Request | None) -> str | None:
    """Return the Accept header of ``request``."""
    return None if request is None else request.headers.get("accept")
