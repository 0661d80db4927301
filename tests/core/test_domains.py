"""Domains: which space a host leads to, and the ids of links."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import domains
from chalicelib.core.domains import MOST_BYTES, ONLY_DEFAULT, Domains, DomainsInvalid

TEXT = (
    "team.example=team:any-case,crew.example=team:any-case,"
    "shop.example=shop,old.example=shop:retired,gone.example=:retired"
)
KNOWN = Domains.from_text(TEXT, "https://sho.rt/go", ["go.rt", "shop.example"])
CODES = st.text(st.characters(exclude_characters="/", codec="utf-8"), min_size=1, max_size=64)


@pytest.mark.parametrize(
    ("host", "link_id"),
    [
        ("sho.rt", "Sale"),
        ("go.rt", "Sale"),
        ("unknown.example", "Sale"),
        (None, "Sale"),
        ("team.example", "//team/sale"),
        ("TEAM.example.:8443", "//team/sale"),
        ("crew.example", "//team/sale"),
        ("shop.example", "//shop/Sale"),
    ],
)
def test_a_host_leads_to_its_space(host: str | None, link_id: str) -> None:
    """A host that is not listed is one of the default's; codes ignore case only where the space does."""
    assert KNOWN.at(host).id_of("Sale") == link_id


@pytest.mark.parametrize(
    ("host", "is_retired"), [("old.example", True), ("gone.example", True), ("shop.example", False)]
)
def test_a_retired_host_is_known(host: str, is_retired: bool) -> None:  # noqa: FBT001  # a column of the table
    """So that it answers 404, and not with the default's links."""
    assert KNOWN.at(host).is_retired is is_retired


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("sho.rt", "https://sho.rt/go"),
        ("GO.rt", "https://sho.rt/go"),
        ("shop.example", "https://shop.example"),
        ("old.example", None),
        ("unknown.example", None),
        ("", None),
    ],
)
def test_links_are_made_at_known_hosts_alone(text: str, url: str | None) -> None:
    """A name that nobody listed is a mistake, not the default domain."""
    found = KNOWN.named(text)

    assert (found and found.url) == url


@pytest.mark.parametrize(
    ("link_id", "url"),
    [
        ("sale", "https://sho.rt/go"),
        ("//team/sale", "https://team.example"),
        ("//shop/sale", "https://shop.example"),
        ("//lost/sale", "https://lost.invalid"),
    ],
)
def test_a_link_is_shown_under_the_first_host_of_its_space(link_id: str, url: str) -> None:
    """One that is not retired; where no host leads to the space any more, under a name that cannot exist."""
    assert KNOWN.of(link_id).url == url


def test_a_space_with_retired_hosts_alone_is_shown_under_one() -> None:
    """Its links are where they were; nobody can follow them."""
    assert Domains.from_text("old.example=shop:retired", "https://sho.rt").of_space("shop").host == "old.example"


def test_active_domains_are_the_default_and_then_as_listed() -> None:
    """Without the retired."""
    assert [each.host for each in KNOWN.active()] == ["sho.rt", "team.example", "crew.example", "shop.example"]
    assert [each.space for each in ONLY_DEFAULT.active()] == [""]


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("http://127.0.0.1:8000", "http://team.localhost:8000"),
        ("https://sho.rt", "https://team.localhost"),
        ("https://sho.rt/go", "https://team.localhost"),
    ],
)
def test_a_host_of_this_machine_has_the_port_of_the_server(base_url: str, url: str) -> None:
    """Others are reached through API Gateway, at the usual port."""
    known = Domains.from_text("team.localhost=team,team.example=team", base_url)

    assert (known.at("team.localhost:8000").url, known.at("team.localhost").url) == (url, url)
    assert known.at("team.example").url == f"{base_url.partition(':')[0]}://team.example"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("team.example", "It takes host=space"),
        ("team.example=", "It takes host=space"),
        ("team.example=:any-case", "It takes host=space"),
        ("team.example=Team", "It takes host=space"),
        ("team.example=a/b", "It takes host=space"),
        ("team.example=team:gone", "It takes host=space"),
        ("team.example=" + "x" * 33, "It takes host=space"),
        ("Team.example=team", "in lower case, without port and final dot"),
        ("team.example:8000=team", "in lower case, without port and final dot"),
        ("team.example.=team", "in lower case, without port and final dot"),
        ("=team", "in lower case, without port and final dot"),
        ("a.example=team,a.example=crew", "names a.example twice"),
        ("sho.rt=team", "names sho.rt twice, or it is the host of BASE_URL"),
        ("a.example=team:any-case,b.example=team", "says any-case of some hosts of team, and not of others"),
        ("x" * (MOST_BYTES + 1), "has 2,001 bytes; 2,000 fit"),
    ],
)
def test_a_text_that_is_no_table_is_refused(text: str, words: str) -> None:
    """With the reason."""
    with pytest.raises(DomainsInvalid, match=words):
        Domains.from_text(text, "https://sho.rt")


@given(CODES)
def test_ids_are_taken_apart_as_they_were_put_together(code: str) -> None:
    """Of both spaces; in the default space the code is the id, as before there were others."""
    for domain in (KNOWN.default, KNOWN.at("shop.example")):
        link_id = domain.id_of(code)
        assert (domains.space_of(link_id), domains.code_of(link_id)) == (domain.space, code)
        assert link_id == domains.id_in(domain.space, code)
    assert KNOWN.default.id_of(code) == code
