"""A model of the service in plain Python: no table, no queue, no cache, one operation at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

HOME = "https://sho.rt"
SPANS = {"90s": timedelta(seconds=90), "30m": timedelta(minutes=30), "12h": timedelta(hours=12)}
RESPONSES_LAST = timedelta(hours=24)
TRIES = 5  # of a password, by one visitor of one link, in a minute
WRONG_ONES = 15  # of a link in an hour
OWNERS = ("ann", "bob")
NOBODY = "nobody"
EMPTY: dict[str, Any] = {
    "title": None,
    "tags": [],
    "expiresAt": None,
    "startsAt": None,
    "fallbackUrl": None,
    "maxVisits": None,
    "enabled": True,
    "permanent": False,
    "confirm": None,
}
"""The default of each field that clients can change, except URL and password: absent or ``null``."""
Body = dict[str, Any]
Request = tuple[str, str | None, str, str]
"""The caller, the Idempotency-Key, the path and the body."""


@dataclass(frozen=True)
class Expected:
    """The expected status; the code of the error, or the least members of the document; the target of a redirect."""

    status: int
    error: str | None = None
    document: Body | None = None
    location: str | None = None
    is_replayed: bool = False


@dataclass
class ModelLink:
    """A link, or the code of a deleted one."""

    code: str
    owner: str | None
    made_at: datetime
    changed_at: datetime
    fields: Body
    password: str | None = None
    manage_key: str | None = None
    version: int = 1
    spent: int = 0
    is_removed: bool = False
    waiting: list[datetime] = field(default_factory=list)
    """The times of visits that are not counted yet."""
    counted: int = 0

    @property
    def etag(self) -> str:
        """Return the entity tag of the link's version."""
        return f'"{self.code}.{self.version}"'

    @property
    def asks_first(self) -> bool:
        """Tell whether a visitor must press a button first: by default for single-visit links."""
        confirm = self.fields["confirm"]
        return self.fields["maxVisits"] == 1 if confirm is None else bool(confirm)

    def document(self) -> Body:
        """Return the link as the API shows it."""
        most = self.fields["maxVisits"]
        return {
            "code": self.code,
            "owner": self.owner,
            "protected": self.password is not None,
            **self.fields,
            "confirm": self.asks_first,
            "createdAt": text_of(self.made_at),
            "updatedAt": text_of(self.changed_at),
            "shortUrl": f"{HOME}/{self.code}",
            "visitsLeft": None if most is None else max(0, most - self.spent),
        }


class Model:
    """All links ever created, all requests, and the present time."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.links: dict[str, ModelLink] = {}
        self._requests: dict[tuple[str, str], tuple[Any, datetime]] = {}
        self._answers: dict[tuple[str, str, int | None], tuple[Any, datetime, Body]] = {}
        self._tries: Counter[tuple[str, int, int]] = Counter()
        self._imported: dict[tuple[str, str, str], list[str]] = {}

    def create(self, request: Request, body: Any, row: int | None, answer: Body) -> Expected:
        """Create a link, alone or as a ``row`` of a bulk request; generated values are taken from ``answer``."""
        fields, password = fields_of(EMPTY, body, self.now) if isinstance(body, dict) else ({}, None)
        if "url" not in fields or " " in fields["url"] or contradicts(fields, password):
            return Expected(422, "link-invalid")
        before = self._answered(request, row)
        if before is not None:
            return before
        if body.get("alias") in self.links:
            return Expected(409, "alias-taken")
        code = body.get("alias") or answer.get("code")
        if code is None or code in self.links:
            return Expected(201, document={"code": "a code that was free"})
        return self._made(code, request, row, fields, password, answer)

    def _answered(self, request: Request, row: int | None) -> Expected | None:
        """Return the expected response to a repeated Idempotency-Key, of a request or of a row."""
        who, key, path, text = request
        if key is None:
            return None
        before = self._answers.get((who, key, row))
        if before is None or not self._holds(before[1]):
            is_another = row is None and self._is_another(request)
            return Expected(422, "idempotency-mismatch") if is_another else None
        if before[0] != (path, text):
            return Expected(422, "idempotency-mismatch")
        return Expected(201, document=before[2], is_replayed=True)

    def _made(
        self, code: str, request: Request, row: int | None, fields: Body, password: str | None, answer: Body
    ) -> Expected:
        who, key, path, text = request
        owner, manage_key = (who if who in OWNERS else None), answer.get("manageKey")
        made = ModelLink(code, owner, self.now, self.now, fields, password, manage_key)
        self.links[code] = made
        if key is not None:
            stored = {name: value for name, value in answer.items() if name != "manageKey"}
            self._answers[who, key, row] = ((path, text), self.now, stored)
        return Expected(201, document=made.document())

    def begin(self, request: Request) -> bool:
        """Store a bulk request under its key; False: another request has the key."""
        who, key, path, text = request
        if key is None:
            return True
        single = self._answers.get((who, key, None))
        if self._is_another(request) or (single is not None and self._holds(single[1])):
            return False
        if (who, key) not in self._requests or not self._holds(self._requests[who, key][1]):
            self._requests[who, key] = ((path, text), self.now)
        return True

    def change(self, who: str, code: str, body: Body, if_match: str | None) -> Expected:
        """Change a link."""
        refused = self._refused(who, code, if_match)
        if refused is not None:
            return refused
        link = self.links[code]
        fields, password = fields_of(link.fields, body, self.now)
        password = password if "password" in body else link.password
        if contradicts(fields, password):
            return Expected(422, "link-invalid")
        # A password is never the same again: it is kept as another digest.
        if fields != link.fields or password != link.password or body.get("password") is not None:
            link.fields, link.password = fields, password
            link.version, link.changed_at = link.version + 1, self.now
        return Expected(200, document=link.document())

    def remove(self, who: str, code: str, if_match: str | None) -> Expected:
        """Delete a link; its code stays taken."""
        refused = self._refused(who, code, if_match)
        if refused is None:
            self.links[code].is_removed = True
        return refused or Expected(204)

    def show(self, who: str, code: str) -> Expected:
        """Show a link to callers that manage it; for others it does not exist."""
        refused = self._refused(who, code, None)
        return refused or Expected(200, document=self.links[code].document())

    def follow(self, code: str, method: str, *, is_browser: bool, word: str | None = None) -> Expected:
        """Redirect a visitor and count the visit, or return the error."""
        link = self.links.get(code)
        if link is None or link.is_removed:
            return Expected(404) if method == "POST" else Expected(302, location=HOME)
        over = self._over(link)
        if over is not None:
            return over if over.location is None or method != "POST" else Expected(303, location=over.location)
        asked = self._asked(link, method, is_browser=is_browser, word=word)
        if asked is not None:
            return asked
        link.spent += link.fields["maxVisits"] is not None
        if method != "HEAD":
            link.waiting.append(self.now)
        status = 303 if method == "POST" else 301 if link.fields["permanent"] else 302
        return Expected(status, location=link.fields["url"])

    def count(self) -> None:
        """Count all visits that wait."""
        for link in self.links.values():
            link.counted += len(link.waiting)
            link.waiting.clear()

    def import_row(self, owner: str, url: str, alias: str, answer: str | None) -> str:
        """Import a row with ``url``; return its outcome. ``answer`` is the code in the report."""
        known_codes = [alias] if alias else self._imported.setdefault((owner, url, ""), [])
        for code in known_codes:
            if code in self.links and self._is_same(self.links[code], owner, url):
                return "existing" if answer == code else f"existing as {code}"
        if alias in self.links:
            return "refused"
        code = alias or answer or ""
        if not code or code in self.links:
            return "created under a code that was free"
        known_codes += [] if alias else [code]
        self.links[code] = ModelLink(code, owner, self.now, self.now, {**EMPTY, "url": url})
        return "created"

    def of(self, owner: str | None) -> list[ModelLink]:
        """Return the existing links of an owner."""
        return [link for link in self.links.values() if link.owner == owner and not link.is_removed]

    def ends(self) -> list[datetime]:
        """Return the future times at which a link begins or ends, the next first."""
        fields = (link.fields[name] for link in self.links.values() for name in ("startsAt", "expiresAt"))
        moments = {datetime.fromisoformat(text) for text in fields if text is not None}
        return sorted(moment for moment in moments if moment > self.now)

    def _is_same(self, link: ModelLink, owner: str, url: str) -> bool:
        return not link.is_removed and (link.owner, link.fields["url"], link.password) == (owner, url, None)

    def _holds(self, moment: datetime) -> bool:
        return self.now <= moment + RESPONSES_LAST

    def _is_another(self, request: Request) -> bool:
        who, key, path, text = request
        begun = self._requests.get((who, key or ""))
        return begun is not None and self._holds(begun[1]) and begun[0] != (path, text)

    def _refused(self, who: str, code: str, if_match: str | None) -> Expected | None:
        link = self.links[code]
        if who == NOBODY:
            return Expected(401, "key-missing")
        if link.is_removed or who not in {link.owner, link.manage_key}:
            return Expected(404, "link-unknown")
        return None if if_match in {None, "*", link.etag} else Expected(412, "version-changed")

    def _over(self, link: ModelLink) -> Expected | None:
        fields, now = link.fields, text_of(self.now)
        off = not fields["enabled"]
        if not off and fields["startsAt"] is not None and now < fields["startsAt"]:
            return Expected(404)
        expired = fields["expiresAt"] is not None and now >= fields["expiresAt"]
        used_up = fields["maxVisits"] is not None and link.spent >= fields["maxVisits"]
        if not (off or expired or used_up):
            return None
        return Expected(302, location=fields["fallbackUrl"]) if fields["fallbackUrl"] else Expected(410)

    def _asked(self, link: ModelLink, method: str, *, is_browser: bool, word: str | None) -> Expected | None:
        """Return the password or confirmation page that a visitor of an open link gets, or None."""
        if link.password is not None:
            if method != "POST" or word is None:
                return Expected(401)
            minute, hour = ((link.code, seconds, int(self.now.timestamp()) // seconds) for seconds in (60, 3600))
            if self._tries[minute] >= TRIES:
                return Expected(429)
            self._tries[minute] += 1
            if self._tries[hour] >= WRONG_ONES:
                return Expected(429)
            self._tries[hour] += word != link.password
            return None if word == link.password else Expected(401)
        looks = link.fields["maxVisits"] is not None and (method == "HEAD" or not is_browser)
        return Expected(200) if method != "POST" and (link.asks_first or looks) else None


def fields_of(before: Body, body: Body, now: datetime) -> tuple[Body, str | None]:
    """Return the fields of a link after ``body``, and the password in it; ``null`` clears."""
    fields = dict(before)
    for name, value in body.items():
        if name == "expiresIn":
            fields["expiresAt"] = None if value is None else text_of(now + SPANS[value])
        elif name not in {"alias", "password"}:
            fields[name] = EMPTY.get(name) if value is None else value
    return fields, body.get("password")


def contradicts(fields: Body, password: str | None) -> bool:
    """Tell whether options conflict: with ``permanent``, or an end before the start."""
    asks = password is not None or fields["maxVisits"] is not None or fields["confirm"]
    starts, ends = fields["startsAt"], fields["expiresAt"]
    return bool(fields["permanent"] and asks) or (starts is not None and ends is not None and starts >= ends)


def text_of(moment: datetime) -> str:
    """Return a time of whole seconds as the API writes it; such texts sort by time."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
