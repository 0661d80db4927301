"""/workspaces: the name, the defaults and the limits of a workspace."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.requests import json_of
from chalicelib.api.responses import NO_STORE, json_response
from chalicelib.aws.dynamodb import workspace_store
from chalicelib.core.access.api_key import is_owner
from chalicelib.core.access.workspace import WorkspaceChange
from chalicelib.errors import FieldError, WorkspaceInvalid
from chalicelib.settings import settings
from chalicelib.usecases import policies, workspaces


def list_workspaces(request: Request) -> Response:
    """List the workspaces that have settings of their own."""
    auth.caller_of(request, "admin", clock.now())
    return json_response({"data": [each.as_json() for each in workspace_store.all_workspaces()]}, NO_STORE)


def show_workspace(request: Request, workspace: str) -> Response:
    """Show a workspace; one without settings of its own has the defaults."""
    caller = auth.caller_of(request, "read", clock.now())
    return json_response(workspaces.see(_valid(workspace), caller).as_json(), NO_STORE)


def change_workspace(request: Request, workspace: str) -> Response:
    """Change a workspace: omitted fields are unchanged, null clears."""
    moment = clock.now()
    caller = auth.caller_of(request, "settings", moment)
    changes = WorkspaceChange.from_json(json_of(request), policies.targets(), moment, settings.domains)
    return json_response(workspaces.change(_valid(workspace), changes, caller, moment).as_json(), NO_STORE)


def _valid(workspace: str) -> str:
    if not is_owner(workspace):
        message = "The id of a workspace is 1 to 64 letters, digits and . _ @ -."
        raise WorkspaceInvalid([FieldError("workspace", "invalid", message)])
    return workspace
