"""Hooks of schemathesis, which imports this file: more of what it generates goes further than the first check.

Few texts that match the pattern of a URL are one that links may have: most links are made with one that is. And the key
that all calls are made with is not revoked.
"""

from __future__ import annotations

import os
from typing import Any

import schemathesis

TARGETS = ("https://example.com/", "https://example.org/a?b=c", "http://example.net:8080/x#y")
OWN_KEY = os.environ["KEY_ID"]
ANOTHER_KEY = "1111111111"


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """Give three of four links a target that links may have."""
    place = len(repr(body))
    if isinstance(body, dict) and isinstance(body.get("url"), str) and place % 4:
        return {**body, "url": TARGETS[place % len(TARGETS)]}
    return body


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Revoke any key but the own one."""
    if case.path_parameters and case.path_parameters.get("key_id") == OWN_KEY:
        case.path_parameters["key_id"] = ANOTHER_KEY
