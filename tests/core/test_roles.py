"""Roles: names for sets of scopes."""

from __future__ import annotations

import pytest

from chalicelib.core.access import roles


def test_each_role_has_these_scopes() -> None:
    """Keys store them: a role that changes is a decision about every key made from then on."""
    assert roles.ROLES == {
        "viewer": ("read",),
        "editor": ("create", "read", "manage"),
        "admin": ("create", "read", "manage", "keys", "settings"),
    }


@pytest.mark.parametrize("role", roles.ROLES)
def test_role_is_recognised_by_its_scopes(role: str) -> None:
    """In whatever order; no other set has a name."""
    scopes = roles.ROLES[role]

    assert roles.role_of(reversed(scopes)) == role
    assert roles.role_of((*scopes, roles.INSTALLATION)) is None
    assert roles.role_of(scopes[1:]) != role
