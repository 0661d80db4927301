"""What may go wrong, each with its public code and HTTP status.

ShortenerError
  Malformed            400  the request itself cannot be read
  LinkUnknown          404  no such code (or not yours: the same answer)
  PageUnknown          404  no such page
  MethodNotAllowed     405
  AliasTaken           409  somebody has that alias
  LinkExpired          410  it was there; its time is over
  BodyTooLarge         413
  MediaTypeUnsupported 415
  LinkInvalid          422  every field that is wrong, at once
  QueryInvalid         422  the same for a query
  TooManyRequests      429  more often than is allowed
  InternalError        500  a defect of ours
  StoreUnavailable     503  the table does not answer
  NoFreeCode           503  every code drawn was taken

CodeTaken, UrlClaimed, ClickNotSent, ClickUnreadable, ClickFromAnotherVersion, ClicksRefused, SettingInvalid
  never reach a client
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with one field. ``code`` is stable and kebab-case; ``message`` is for people."""

    field: str
    code: str
    message: str


class ShortenerError(Exception):
    """An outcome that a client can act on. ``str(error)`` is the detail it is shown."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    meaning: ClassVar[str]
    """What the error means and what to do about it, shown at ``/problems/{code}``."""
    retry_after: ClassVar[int | None] = None
    """Seconds after which trying again is worth it."""

    def evidence(self) -> Mapping[str, Any]:
        """Return the further members of the problem document."""
        return {}

    def headers(self) -> dict[str, str]:
        """Return the headers that belong to this answer."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class Malformed(ShortenerError):
    code = "malformed-request"
    status = 400
    title = "The request cannot be read"
    meaning = (
        "The body is not one JSON object in UTF-8. Duplicate keys, NaN, Infinity, lone surrogates and very deep "
        "nesting are refused too."
    )


class LinkUnknown(ShortenerError):
    code = "link-unknown"
    status = 404
    title = "No such short link"
    meaning = (
        "There is no link with this code. Codes tell upper from lower case: check that the address was copied whole."
    )

    def __init__(self, link_code: str) -> None:
        super().__init__("There is no link with this code.")
        self.link_code = link_code


class PageUnknown(ShortenerError):
    code = "page-unknown"
    status = 404
    title = "No such page"
    meaning = "Nothing is served at this address."


class MethodNotAllowed(ShortenerError):
    code = "method-not-allowed"
    status = 405
    title = "This address does not take that method"
    meaning = "The address exists and the method does not fit it. The Allow header lists those that do."


class AliasTaken(ShortenerError):
    code = "alias-taken"
    status = 409
    title = "The alias is taken"
    meaning = (
        "Another link has this alias; shortUrl shows it. A code is never given out twice, so please choose another."
    )

    def __init__(self, alias: str, short_url: str) -> None:
        super().__init__(f"The alias {alias!r} already belongs to a link.")
        self.alias = alias
        self.short_url = short_url

    def evidence(self) -> Mapping[str, Any]:
        """Return who has it."""
        return {
            "shortUrl": self.short_url,
            "errors": [
                {"field": "alias", "code": "taken", "message": "Another link has this alias. Please choose another."}
            ],
        }


class LinkExpired(ShortenerError):
    code = "link-expired"
    status = 410
    title = "This link has expired"
    meaning = "The link was made with an end date, and that has passed. Whoever gave it to you can make a new one."

    def __init__(self, link_code: str) -> None:
        super().__init__("The link was made to work until a certain time, and that has passed.")
        self.link_code = link_code


class BodyTooLarge(ShortenerError):
    code = "body-too-large"
    status = 413
    title = "The request body is too large"
    meaning = "A body may be 64 KiB at most."


class MediaTypeUnsupported(ShortenerError):
    code = "media-type-unsupported"
    status = 415
    title = "The body must be JSON"
    meaning = "Send JSON, and say so: Content-Type: application/json. With curl: curl --json '{\"url\": ...}'."


class LinkInvalid(ShortenerError):
    code = "link-invalid"
    status = 422
    title = "The link cannot be made like this"
    meaning = "One or more fields hold what they may not. errors lists every one of them, with a reason for each."

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(" ".join(error.message for error in errors))
        self.errors = tuple(errors)

    def evidence(self) -> Mapping[str, Any]:
        """Return all that is wrong."""
        return _listed(self.errors)


class QueryInvalid(ShortenerError):
    code = "query-invalid"
    status = 422
    title = "The query asks for what cannot be"
    meaning = "One or more parameters of the query hold what they may not. errors lists every one of them."

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(" ".join(error.message for error in errors))
        self.errors = tuple(errors)

    def evidence(self) -> Mapping[str, Any]:
        """Return all that is wrong."""
        return _listed(self.errors)


class TooManyRequests(ShortenerError):
    code = "too-many-requests"
    status = 429
    title = "Too many requests"
    meaning = "You, or all clients together, ask more often than is allowed here. Retry-After says when to come again."
    retry_after = 1

    def __init__(self) -> None:
        super().__init__("That was too often. Please try again in a moment.")


class InternalError(ShortenerError):
    code = "internal-error"
    status = 500
    title = "Something went wrong here"
    meaning = "This is a defect of the service, not of your request. The X-Request-Id header finds it in the log."

    def __init__(self) -> None:
        super().__init__("The service met a defect of its own. It has been logged.")


class StoreUnavailable(ShortenerError):
    code = "store-unavailable"
    status = 503
    title = "The links cannot be reached right now"
    meaning = "The table that holds the links does not answer in time. This passes: please try again in a moment."
    retry_after = 1

    def __init__(self) -> None:
        super().__init__("The table that holds the links does not answer. Please try again in a moment.")


class NoFreeCode(ShortenerError):
    code = "no-free-code"
    status = 503
    title = "No free code was found"
    meaning = "Every code that was drawn is in use already. Please try again, or choose an alias."
    retry_after = 1

    def __init__(self, draws: int) -> None:
        super().__init__(f"{draws} codes were drawn and all of them are in use. Please try again, or choose an alias.")


class CodeTaken(Exception):
    """The code belongs to another link already."""

    def __init__(self, link_code: str) -> None:
        super().__init__(link_code)
        self.link_code = link_code


class UrlClaimed(Exception):
    """Somebody is making a link for the same wish at this moment; ``link_code`` is the one they make."""

    def __init__(self, link_code: str) -> None:
        super().__init__(link_code)
        self.link_code = link_code


class ClickNotSent(Exception):
    """The queue did not take a click in time."""


class ClickUnreadable(Exception):
    """A message is no click, and trying again will not make it one."""


class ClickFromAnotherVersion(Exception):
    """A message was written by another version of this service, which can read it."""


class ClicksRefused(Exception):
    """The table will not take these clicks as they are, however often they are sent."""


class SettingInvalid(Exception):
    """A setting is missing, or holds what it may not; the service does not start."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name} {what}")
        self.name = name


def _listed(errors: Sequence[FieldError]) -> Mapping[str, Any]:
    return {"errors": [{"field": e.field, "code": e.code, "message": e.message} for e in errors]}


def public_errors() -> dict[str, type[ShortenerError]]:
    """Return every error that a client may meet, by its code."""
    return {error.code: error for error in ShortenerError.__subclasses__()}
