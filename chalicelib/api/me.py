"""/me: what a key is, and what it may do."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.responses import NO_STORE, json_response
from chalicelib.core.access.roles import role_of
from chalicelib.usecases import workspaces


def show_me(request: Request) -> Response:
    """Show who the caller is, its workspace, its scopes, and what is left of its limits."""
    moment = clock.now()
    caller, spent = auth.counted_caller_of(request, None, moment)
    workspace = workspaces.find(caller.workspace or "", moment)
    document = {
        "key": caller.who.key_id,
        "name": caller.who.name,
        "person": caller.who.person,
        "workspace": workspace.id,
        "workspaceName": workspace.name or workspace.id,
        "scopes": list(caller.scopes),
        "role": role_of(caller.scopes),
        "limits": [
            {
                "name": window.name,
                "limit": window.most,
                "seconds": window.seconds,
                "left": window.most - count,
                "resetsIn": window.seconds_left(moment),
            }
            for window, count in spent.items()
        ],
    }
    return json_response(document, NO_STORE)
