"""Which existing link satisfies a request, where there are several domains."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.core.domains import Domains
from chalicelib.core.links import find_existing
from chalicelib.core.links.new_link import MadeBy, NewLink

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KNOWN = Domains.from_text("team.example=team,www.team.example=team,low.example=low:any-case", "https://sho.rt")
HOSTS = ("sho.rt", "team.example", "low.example")


def request_at(host: str, alias: str | None = None) -> NewLink:
    """Return a request for a link at ``host``."""
    return NewLink(url="https://example.com/", alias=alias, domain=KNOWN.named(host))


@pytest.mark.parametrize("there", HOSTS)
@pytest.mark.parametrize("asked", [*HOSTS, "www.team.example"])
def test_existing_link_is_in_the_same_space(there: str, asked: str) -> None:
    """Whichever of its hosts is named."""
    link = request_at(there).to_link("sale", NOW, MadeBy("ann", "laptop"))
    request = request_at(asked)
    is_same = link.space == request.space

    assert find_existing.is_satisfied_by(request, link, "ann", NOW) is is_same
    assert (
        find_existing.request_digest(request_at(there), "ann") == find_existing.request_digest(request, "ann")
    ) is is_same


@pytest.mark.parametrize(
    ("host", "alias", "is_satisfied"), [("team.example", "SALE", False), ("low.example", "SALE", True)]
)
def test_alias_is_compared_as_it_is_stored(host: str, alias: str, *, is_satisfied: bool) -> None:
    """In lower case, where case is ignored."""
    link = request_at(host).to_link("sale", NOW, MadeBy("ann", "laptop"))

    assert find_existing.is_satisfied_by(request_at(host, alias), link, "ann", NOW) is is_satisfied
