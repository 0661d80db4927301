"""What a key may do: the scopes, and the roles, which are names for sets of them.

A role is expanded when a key is written: a key stores scopes, which is also what the version before roles reads. So a
role that changes here changes new keys only.

Scopes of a workspace, the links and settings of one owner:

create      make links, and import them
read        see links, their statistics and visits
manage      change, delete, export, offer and accept links
keys        make, see and revoke the keys of the workspace
settings    change the workspace, and read its log

``admin`` is no workspace's: it has every scope in all of them, and what is the installation's alone.
"""

from __future__ import annotations

from collections.abc import Iterable

INSTALLATION = "admin"
SCOPES = ("create", "read", "manage", INSTALLATION, "keys", "settings")
ROLES: dict[str, tuple[str, ...]] = {
    "viewer": ("read",),
    "editor": ("create", "read", "manage"),
    "admin": ("create", "read", "manage", "keys", "settings"),
}


def role_of(scopes: Iterable[str]) -> str | None:
    """Return the role that has exactly ``scopes``, or None."""
    given = set(scopes)
    return next((role for role, named in ROLES.items() if set(named) == given), None)
