"""The guards, one table for each area of the project."""

from __future__ import annotations

from dev.mutants.tables import (
    access,
    clicks,
    domains,
    front,
    link_options,
    links,
    rate_limits,
    tools,
    transfers,
    workspaces,
)

MUTANTS = (
    *access.MUTANTS,
    *workspaces.MUTANTS,
    *domains.MUTANTS,
    *front.MUTANTS,
    *rate_limits.MUTANTS,
    *links.MUTANTS,
    *link_options.MUTANTS,
    *clicks.MUTANTS,
    *transfers.MUTANTS,
    *tools.MUTANTS,
)
