"""Domains: the hosts of short links, and the spaces of codes that they lead to.

A link's *id* is the address it was born at, for ever, and all its data hang on that text. In the default space it is
the code; in another it is ``//space/code``. Hosts get renamed, so no id has one in it: several may share a space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_BYTES = 2000
"""How long the setting may be: about seventy hosts of twenty letters. Lambda allows 4 KB for all settings together."""
SPACE = re.compile(r"[a-z0-9-]{1,32}")
_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
ANY_CASE, RETIRED = "any-case", "retired"
_MARKS = frozenset({ANY_CASE, RETIRED})
_NOWHERE = "invalid"
"""The top-level domain of links whose space has no host: RFC 6761 lets no such name exist."""


class DomainsInvalid(ValueError):
    """The text is no table of domains; the message says why."""


class Domain(NamedTuple):  # not a dataclass, which takes longer to create: the redirect imports it
    """A host that short links are under."""

    host: str
    """As in short URLs: lower case, with the port where there is one."""
    url: str
    """What its short URLs begin with, without a slash at the end."""
    space: str = ""
    """The space of its codes; empty: the default one."""
    any_case: bool = False
    """Whether codes of the space ignore case. They are stored in lower case."""
    is_retired: bool = False
    """It answers nothing but 404, and stays known: no link may lead to it."""

    def spelled(self, code: str) -> str:
        """Return ``code`` as it is stored in this domain's space. Some letters are an ASCII one only in lower case."""
        return code.lower() if self.any_case and code.isascii() else code

    def id_of(self, code: str) -> str:
        """Return the id of the link with ``code``, or of what is counted as if it were one.

        What visitors ask for may hold a slash, as no code does and ids of spaces do: an empty text is returned then.
        """
        if "/" in code:
            return ""
        return id_in(self.space, self.spelled(code))


@dataclass(frozen=True, slots=True)
class Domains:
    """All domains. A host that is not listed is one of the default's."""

    default: Domain
    listed: Mapping[str, Domain] = field(default_factory=dict)
    """Those with a space of their own, and the retired ones, by their host without a port."""
    others: frozenset[str] = frozenset()
    """Further hosts of the default space, without a port."""

    def at(self, host: str | None) -> Domain:
        """Return the domain of a request for ``host``."""
        return self.default if host is None else self.listed.get(without_port(host), self.default)

    def named(self, text: str) -> Domain | None:
        """Return the domain that a caller calls ``text``, or None: no link can be made there."""
        host = without_port(text)
        if host in self.listed:
            return None if self.listed[host].is_retired else self.listed[host]
        is_default = host in self.others or host == without_port(self.default.host)
        return self.default if is_default else None

    def called(self, text: str) -> Domain | None:
        """Return the domain whose links are found by one of its hosts, retired or not; None: there is none."""
        host = without_port(text)
        space = self.listed[host].space if host in self.listed else ""
        return self.of_space(space) if space else self.named(text)

    def of_space(self, space: str) -> Domain:
        """Return the domain that links of ``space`` are shown under: the first that is not retired."""
        if not space:
            return self.default
        of_space = [each for each in self.listed.values() if each.space == space]
        kept = [each for each in of_space if not each.is_retired] or of_space
        gone = f"{space}.{_NOWHERE}"
        return kept[0] if kept else Domain(gone, f"https://{gone}", space)

    def of(self, link_id: str) -> Domain:
        """Return the domain that the link of ``link_id`` is shown under."""
        return self.of_space(space_of(link_id))

    def names_of(self, link_id: str) -> dict[str, str]:
        """Return what logs call a link: its code, and outside the default space its domain."""
        space = space_of(link_id)
        return {"code": code_of(link_id), **({"domain": self.of_space(space).host} if space else {})}

    def active(self) -> list[Domain]:
        """Return the default domain, then those with links of their own, as they are listed."""
        return [self.default, *(each for each in self.listed.values() if not each.is_retired)]

    @classmethod
    def from_text(cls, text: str, base_url: str, others: Iterable[str] = ()) -> Domains:
        """Read ``host=space`` with commas between, each perhaps with ``:any-case`` or ``:retired`` behind it.

        Their short URLs begin as ``base_url``, with another host: `*.localhost` has its port.

        Raises:
            DomainsInvalid
        """
        scheme, _, rest = base_url.partition("://")
        authority = rest.partition("/")[0]
        default = Domain(authority.lower(), base_url)
        port = authority[len(without_port(authority)) :]
        if len(text.encode()) > MOST_BYTES:
            raise DomainsInvalid(f"has {len(text.encode()):,} bytes; {MOST_BYTES:,} fit beside the other settings.")
        listed: dict[str, Domain] = {}
        for part in filter(None, (each.strip() for each in text.split(","))):
            domain = _parse(part, scheme, port)
            host = without_port(domain.host)
            if host in listed or host == without_port(default.host):
                raise DomainsInvalid(f"names {host} twice, or it is the host of BASE_URL.")
            listed[host] = domain
        for space in {each.space for each in listed.values()}:
            if len({each.any_case for each in listed.values() if each.space == space and not each.is_retired}) > 1:
                raise DomainsInvalid(f"says {ANY_CASE} of some hosts of {space}, and not of others.")
        return cls(default, listed, frozenset(others) - listed.keys())


ONLY_DEFAULT = Domains(Domain("", ""))
"""No domain but the default one, where it does not matter which that is."""


def id_in(space: str, code: str) -> str:
    """Return the id of the link with ``code``, as it is stored, in ``space``."""
    return f"//{space}/{code}" if space else code


def code_of(link_id: str) -> str:
    """Return the code in a link's id."""
    return link_id.rpartition("/")[2] if link_id.startswith("//") else link_id


def space_of(link_id: str) -> str:
    """Return the space in a link's id; empty: the default one."""
    return link_id[2:].partition("/")[0] if link_id.startswith("//") else ""


def without_port(authority: str) -> str:
    """Return the host of an authority in lower case, without port and final dot."""
    host, _, port = authority.lower().rpartition(":")
    return (host if host and port.isdecimal() else authority.lower()).removesuffix(".")


def _parse(part: str, scheme: str, port: str) -> Domain:
    host, _, rest = part.partition("=")
    space, *marks = rest.split(":")
    if not is_host(host):
        raise DomainsInvalid(f"holds {host!r}. It takes host names in lower case, without port and final dot.")
    if not (SPACE.fullmatch(space) or (space == "" and marks == [RETIRED])) or not _MARKS.issuperset(marks):
        raise DomainsInvalid(f"holds {part!r}. It takes host=space, with :{ANY_CASE} or :{RETIRED} behind it.")
    shown = f"{host}{port}" if host.endswith(".localhost") else host
    return Domain(shown, f"{scheme}://{shown}", space, any_case=ANY_CASE in marks, is_retired=RETIRED in marks)


def is_host(text: str) -> bool:
    """Tell whether ``text`` is a host name as certificates and browsers have it: lower case, in ASCII."""
    return _HOST.fullmatch(text) is not None
