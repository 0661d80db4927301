"""/keys: make, list and revoke API keys."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.requests import json_of, query_of
from chalicelib.api.responses import NO_STORE, json_response, text_response
from chalicelib.core.access.api_key import NewKey
from chalicelib.core.http.pagination import Paging
from chalicelib.errors import FieldError, QueryInvalid
from chalicelib.usecases import manage_keys


def issue_key(request: Request) -> Response:
    """Issue an API key; its text is in this response and is not stored."""
    moment = clock.now()
    caller = auth.caller_of(request, "keys", moment)
    new_key = NewKey.from_json(json_of(request), moment, None if caller.is_admin else caller.workspace)
    key, text = manage_keys.make(new_key, caller, moment)
    return json_response({**key.as_json(), "key": text}, NO_STORE, 201)


def list_keys(request: Request) -> Response:
    """List the keys of the caller's workspace, or all, without their texts."""
    caller, query = auth.caller_of(request, "keys", clock.now(), ("owner", "cursor")), query_of(request)
    owner = None if caller.is_admin and "owner" not in query else auth.owner_of(caller, query)
    page = manage_keys.list_page(owner, Paging.from_query(query, manage_keys.cursor_reader(owner)).after)
    return json_response({"data": page.keys, "next": page.next}, NO_STORE)


def end_keys(request: Request) -> Response:
    """Revoke all personal keys of somebody who leaves."""
    moment = clock.now()
    caller, query = auth.caller_of(request, "keys", moment, ("person", "owner")), query_of(request)
    if not query.get("person"):
        raise QueryInvalid([FieldError("person", "missing", "Whose keys? Say person=, as the list of keys shows it.")])
    ended = manage_keys.end_keys_of(query["person"], auth.owner_of(caller, query), caller, moment)
    return json_response({"data": [key.as_json() for key in ended]}, NO_STORE)


def revoke_key(request: Request, key_id: str) -> Response:
    """Revoke a key; every container refuses it within a minute."""
    moment = clock.now()
    manage_keys.revoke(key_id, auth.caller_of(request, "keys", moment), moment)
    return text_response("", {}, 204)
