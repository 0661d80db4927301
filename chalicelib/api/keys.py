"""/keys: issue, list and revoke API keys."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.requests import json_of
from chalicelib.api.responses import NO_STORE, json_response, text_response
from chalicelib.aws.dynamodb import key_store
from chalicelib.core.access.api_key import NewKey
from chalicelib.usecases import manage_keys


def issue_key(request: Request) -> Response:
    """Issue an API key; its text is in this response and is not stored."""
    moment = clock.now()
    auth.caller_of(request, "admin", moment)
    key, text = manage_keys.issue(NewKey.from_json(json_of(request), moment), moment)
    return json_response({**key.as_json(), "key": text}, NO_STORE, 201)


def list_keys(request: Request) -> Response:
    """List all keys, without their texts."""
    auth.caller_of(request, "admin", clock.now())
    return json_response({"data": [key.as_json() for key in key_store.all_keys()]}, NO_STORE)


def revoke_key(request: Request, key_id: str) -> Response:
    """Revoke a key; every container refuses it within a minute."""
    moment = clock.now()
    auth.caller_of(request, "admin", moment)
    manage_keys.revoke(key_id, moment)
    return text_response("", {}, 204)
