"""A function that answers a constant 302: what Lambda's own runtime costs."""

from typing import Any


def app(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer."""
    return {
        "statusCode": 302,
        "headers": {"Location": "https://en.wikipedia.org/wiki/URL_shortening"},
        "multiValueHeaders": {},
        "body": "",
    }
