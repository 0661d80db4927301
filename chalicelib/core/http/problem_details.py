"""Errors as clients see them: problem documents (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from chalicelib.errors import (
    InternalError,
    Malformed,
    MediaTypeUnsupported,
    MethodNotAllowed,
    PageUnknown,
    ShortenerError,
)

MEDIA_TYPE = "application/problem+json"


def document(error: ShortenerError, base_url: str) -> dict[str, Any]:
    """Return the problem document of ``error``."""
    return {
        "type": f"{base_url}/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": str(error) or error.title,
        "code": error.code,
        **error.extensions(),
    }


def explanation(error: type[ShortenerError]) -> dict[str, Any]:
    """Return what an error means, for programs."""
    return {"code": error.code, "title": error.title, "status": error.status, "meaning": error.description}


def from_chalice(status: int, message: str) -> ShortenerError:
    """Return the error for a response that Chalice made itself. Its message for a 500 stays internal."""
    match HTTPStatus(status):
        case HTTPStatus.NOT_FOUND:
            return PageUnknown(message)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed(message)
        case HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            return MediaTypeUnsupported(message)
        case HTTPStatus.BAD_REQUEST:
            return Malformed(message)
        case _:
            return InternalError()
