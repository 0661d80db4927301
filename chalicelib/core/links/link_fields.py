"""The fields of a link in a request body: their names and limits, and how each is read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from chalicelib.core import unseen
from chalicelib.core.domains import Domain, Domains
from chalicelib.core.links import codes, password, target_url
from chalicelib.core.links.rules import Rule
from chalicelib.core.links.target_url import TargetPolicy, TargetRefused
from chalicelib.core.validation import Fields, names_of
from chalicelib.errors import FieldError

MAX_TITLE = 255
MAX_NOTE = 2_000
MAX_TAGS = 20
MAX_TAG = 64
MAX_EXTERNAL_ID = 128
MAX_VISITS = 1_000_000_000
MAX_REASON = 500

ALSO_KNOWN_AS = {
    "url": ("originalUrl", "longUrl", "long_url", "target", "destination"),
    "alias": ("customSlug", "slug", "keyword", "key"),
}
"""By field, its names in the APIs of other shorteners, which are accepted too."""
EXTERNAL_ID = re.compile(r"[A-Za-z0-9._~:@-]{1,128}")  # used in paths without encoding


def names_in(fields: Iterable[str]) -> dict[str, str]:
    """Map every accepted name of ``fields`` of a link, aliases included, to its field."""
    return names_of(fields, ALSO_KNOWN_AS)


def is_external_id(text: str) -> bool:
    """Tell whether ``text`` is a valid externalId."""
    return EXTERNAL_ID.fullmatch(text) is not None


class LinkFields(Fields):
    """The fields of a body that describes a link, or a change to one."""

    def url(self, policy: TargetPolicy) -> str:
        """Return the required target URL, in its canonical form."""
        if self._values.get("url") is None and "url" not in self._given:
            self.refuse("url", "missing", "Please give the URL to shorten.")
        return self.target("url", policy) or ""

    def target(self, field: str, policy: TargetPolicy) -> str | None:
        """Return the URL in ``field``, in its canonical form, or None."""
        url = self.string(field)
        if url is None:
            return None
        try:
            return target_url.canonical(url, policy)
        except TargetRefused as refused:
            self.refuse(field, refused.code, refused.message)
            return None

    def rules(self, policy: TargetPolicy) -> tuple[Rule, ...]:
        """Return the rules."""
        value = self._values.get("rules")
        if value is None:
            return ()
        from chalicelib.core.links import rule_parser  # few links have any

        return rule_parser.read(
            value, policy, lambda place, code, why: self.errors.append(FieldError(place, code, why))
        )

    def password(self) -> str | None:
        """Return the password, as it was given."""
        given = self.string("password")
        if given is not None and not password.SHORTEST <= len(given) <= password.LONGEST:
            message = f"A password has {password.SHORTEST} to {password.LONGEST} characters."
            self.refuse("password", "invalid", message)
        return given

    def alias(self) -> str | None:
        """Return the alias: the code that the client chose, or None."""
        alias = self.string("alias")
        if alias is None:
            return None
        if not codes.is_code(alias):
            self.refuse("alias", "invalid", "An alias is 1 to 64 of the letters A-Z and a-z, digits, _ and -.")
        elif codes.is_reserved(alias):
            self.refuse("alias", "reserved", f"The service itself uses {alias!r}; please choose another alias.")
        return alias

    def domain(self, known: Domains) -> Domain | None:
        """Return the domain that was named, or None."""
        text = self.string("domain")
        if text is None:
            return None
        domain = known.named(text)
        if domain is None:
            self.refuse("domain", "unknown", f"No links are at {text[:64]!r}; GET /v1/domains lists the domains.")
        return domain

    def external_id(self) -> str | None:
        """Return the client's own identifier of the link, or None."""
        external_id = self.string("externalId")
        if external_id is not None and not EXTERNAL_ID.fullmatch(external_id):
            message = f"An externalId is 1 to {MAX_EXTERNAL_ID} of the letters A-Z and a-z, digits and . _ ~ : @ -."
            self.refuse("externalId", "invalid", message)
        return external_id

    def tags(self) -> tuple[str, ...] | None:
        """Return the tags, each once, or None if they were not given."""
        tags = self._values.get("tags")
        if tags is None:
            return None
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            self.refuse("tags", "wrong-type", "Tags are a list of strings.")
            return None
        distinct = tuple(dict.fromkeys(tag.strip() for tag in tags))
        if len(tags) > MAX_TAGS:
            self.refuse("tags", "too-many", f"There are {len(tags)} tags; {MAX_TAGS} are allowed.")
        if not all(len(tag) <= MAX_TAG and unseen.is_legible(tag) for tag in distinct):
            self.refuse("tags", "invalid", f"Each tag has 1 to {MAX_TAG} characters, none of them invisible.")
        return distinct
