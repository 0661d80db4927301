"""What may go wrong, each with its public code and HTTP status.

ShortenerError
  Malformed            400  the request itself cannot be read
  KeyMissing           401  a key is needed
  KeyRefused           401  wrong, revoked, or over: the same answer
  PasswordNeeded       401  the link asks for a password
  PasswordWrong        401  it was another one
  ScopeMissing         403  the key is good, for other things
  ConfirmationNeeded   403  a button must be pressed first
  LinkUnknown          404  no such code (or not yours: the same answer)
  LinkNotYet           404  it will be there later
  KeyUnknown           404  no such key
  ImportUnknown        404  no such import (or not yours)
  ExportUnknown        404  no such export (or not yours)
  PageUnknown          404  no such page
  MethodNotAllowed     405
  AliasTaken           409  somebody has that alias
  ExternalIdTaken      409  another link of the owner has that externalId
  LinkExpired          410  it was there; its time is over
  LinkOff              410  its owner switched it off
  LinkUsedUp           410  it led on as many visitors as it was to
  VersionChanged       412  it is not as the client saw it any more
  BodyTooLarge         413
  MediaTypeUnsupported 415
  LinkInvalid          422  every field that is wrong, at once
  QueryInvalid         422  the same for a query
  KeyWishInvalid       422  the same for a key
  TransferInvalid      422  the same for an import or an export
  IdempotencyMismatch  422  the same Idempotency-Key for another body
  TooManyRequests      429  more often than is allowed
  LinkBlocked          451  it was stopped, for its visitors' sake
  InternalError        500  a defect of ours
  StoreUnavailable     503  the table does not answer
  NoStorage            503  there is no bucket for files
  NoFreeCode           503  every code drawn was taken

CodeTaken, UrlClaimed, RequestAnswered, LinkChanged, ClickNotSent, ClickUnreadable, ClickFromAnotherVersion,
WriteRefused, FileRefused, FileGone, ImportOvertaken, SettingInvalid   never reach a client
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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


class _FieldsError(Exception):
    """What the errors have in common that list what is wrong, field by field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(" ".join(error.message for error in errors))
        self.errors = tuple(errors)

    def evidence(self) -> Mapping[str, Any]:
        """Return all that is wrong."""
        return _listed(self.errors)


class Malformed(ShortenerError):
    code = "malformed-request"
    status = 400
    title = "The request cannot be read"
    meaning = (
        "The body is not one JSON object in UTF-8. Duplicate keys, NaN, Infinity, lone surrogates and very deep "
        "nesting are refused too."
    )


class KeyMissing(ShortenerError):
    code = "key-missing"
    status = 401
    title = "A key is needed"
    meaning = (
        "Send a key: Authorization: Bearer sk_... or X-Api-Key: sk_.... Whoever runs this service can make one: "
        "make key NAME=... SCOPES=create,read,manage."
    )

    def __init__(self) -> None:
        super().__init__("This needs a key. Send it as Authorization: Bearer sk_... or X-Api-Key: sk_....")

    def headers(self) -> dict[str, str]:
        """Return how to authenticate."""
        return {"WWW-Authenticate": "Bearer"}


class KeyRefused(ShortenerError):
    code = "key-refused"
    status = 401
    title = "The key is not accepted"
    meaning = "The key is wrong, revoked or expired. Keys begin with sk_ and are shown once, when they are made."

    def __init__(self) -> None:
        super().__init__("The key is wrong, revoked or expired.")

    def headers(self) -> dict[str, str]:
        """Return how to authenticate."""
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class PasswordNeeded(ShortenerError):
    code = "password-needed"
    status = 401
    title = "This link asks for a password"
    meaning = "Whoever made the link protects it with a password. Send it as a form: password=... by POST to the link."

    def __init__(self) -> None:
        super().__init__("This link asks for a password.")


class PasswordWrong(ShortenerError):
    code = "password-wrong"
    status = 401
    title = "That is not the password"
    meaning = "It was another password. Upper and lower case matter; there are five tries a minute."

    def __init__(self) -> None:
        super().__init__("That is not the password. Upper and lower case matter.")


class ConfirmationNeeded(ShortenerError):
    code = "confirmation-needed"
    status = 403
    title = "This link asks for a button to be pressed"
    meaning = "People get a page with a button. Programs that mean to go on POST to the link, without a body."

    def __init__(self) -> None:
        super().__init__("This link is for people, who press a button first: POST to it to go on.")


class ScopeMissing(ShortenerError):
    code = "scope-missing"
    status = 403
    title = "The key does not allow this"
    meaning = "The key is good, but was made for other things: its scopes do not include the one that is named."

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs a key with the scope {scope!r}.")
        self.scope = scope

    def evidence(self) -> Mapping[str, Any]:
        """Return which scope it is."""
        return {"scope": self.scope}


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


class LinkNotYet(ShortenerError):
    code = "link-not-yet"
    status = 404
    title = "This link does not work yet"
    meaning = "The link was made to work from a certain time on, which startsAt has. Come again then."

    def __init__(self, starts_at: datetime, now: datetime) -> None:
        super().__init__(f"This link works from {starts_at:%d %B %Y, %H:%M} UTC on.")
        self.starts_at = starts_at
        self.seconds = math.ceil((starts_at - now).total_seconds())

    def evidence(self) -> Mapping[str, Any]:
        """Return from when on it works."""
        return {"startsAt": f"{self.starts_at:%Y-%m-%dT%H:%M:%S}.{self.starts_at.microsecond // 1000:03}Z"}

    def headers(self) -> dict[str, str]:
        """Return when to come again."""
        return {"Retry-After": str(self.seconds)}


class KeyUnknown(ShortenerError):
    code = "key-unknown"
    status = 404
    title = "No such key"
    meaning = "There is no key with this id. GET /keys lists them."

    def __init__(self, key_id: str) -> None:
        super().__init__("There is no key with this id.")
        self.key_id = key_id


class ImportUnknown(ShortenerError):
    code = "import-unknown"
    status = 404
    title = "No such import"
    meaning = "There is no import with this id, or it is not yours. What became of an import is told for 30 days."

    def __init__(self) -> None:
        super().__init__("There is no import with this id.")


class ExportUnknown(ShortenerError):
    code = "export-unknown"
    status = 404
    title = "No such export"
    meaning = "There is no export with this id, or it is not yours. An export can be fetched for seven days."

    def __init__(self) -> None:
        super().__init__("There is no export with this id.")


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


class ExternalIdTaken(ShortenerError):
    code = "external-id-taken"
    status = 409
    title = "Another link has this externalId"
    meaning = "No two links of an owner have the same externalId. The one that has it is at /links/ext:{externalId}."

    def __init__(self, external_id: str) -> None:
        super().__init__(f"Another link of yours has the externalId {external_id!r}.")
        self.external_id = external_id

    def evidence(self) -> Mapping[str, Any]:
        """Return which field it is."""
        return _listed([FieldError("externalId", "taken", "Another link of yours has this externalId.")])


class VersionChanged(ShortenerError):
    code = "version-changed"
    status = 412
    title = "The link has changed meanwhile"
    meaning = "If-Match names another version than the present one. Get the link again, and decide again."

    def __init__(self, etag: str) -> None:
        super().__init__("Somebody changed the link since you saw it. Get it again, and decide again.")
        self.etag = etag


class LinkOff(ShortenerError):
    code = "link-off"
    status = 410
    title = "This link is switched off"
    meaning = "Whoever made the link has switched it off, and may switch it on again."

    def __init__(self, link_code: str) -> None:
        super().__init__("Whoever made this link has switched it off.")
        self.link_code = link_code


class LinkExpired(ShortenerError):
    code = "link-expired"
    status = 410
    title = "This link has expired"
    meaning = "The link was made with an end date, and that has passed. Whoever gave it to you can make a new one."

    def __init__(self, link_code: str) -> None:
        super().__init__("The link was made to work until a certain time, and that has passed.")
        self.link_code = link_code


class LinkUsedUp(ShortenerError):
    code = "link-used-up"
    status = 410
    title = "This link has been used up"
    meaning = "The link was made for a certain number of visits, and they have been made. Its owner can allow more."

    def __init__(self, link_code: str) -> None:
        super().__init__("This link was made for a certain number of visits, and they have been made.")
        self.link_code = link_code


class BodyTooLarge(ShortenerError):
    code = "body-too-large"
    status = 413
    title = "The request body is too large"
    meaning = "A body may be 64 KiB at most, that of a bulk request 512 KiB."


class MediaTypeUnsupported(ShortenerError):
    code = "media-type-unsupported"
    status = 415
    title = "The body must be JSON"
    meaning = "Send JSON, and say so: Content-Type: application/json. With curl: curl --json '{\"url\": ...}'."


class LinkInvalid(_FieldsError, ShortenerError):
    code = "link-invalid"
    status = 422
    title = "The link cannot be made like this"
    meaning = "One or more fields hold what they may not. errors lists every one of them, with a reason for each."


class QueryInvalid(_FieldsError, ShortenerError):
    code = "query-invalid"
    status = 422
    title = "The query asks for what cannot be"
    meaning = "One or more parameters of the query hold what they may not. errors lists every one of them."


class KeyWishInvalid(_FieldsError, ShortenerError):
    code = "key-invalid"
    status = 422
    title = "The key cannot be made like this"
    meaning = "One or more fields hold what they may not. errors lists every one of them, with a reason for each."


class TransferInvalid(_FieldsError, ShortenerError):
    code = "transfer-invalid"
    status = 422
    title = "Nothing can be imported or exported like this"
    meaning = "One or more fields hold what they may not. errors lists every one of them, with a reason for each."


class IdempotencyMismatch(ShortenerError):
    code = "idempotency-mismatch"
    status = 422
    title = "This Idempotency-Key was used for another request"
    meaning = "Within 24 hours the same Idempotency-Key stands for the same body. Take a new one for a new request."

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with another body. Take a new one for a new request.")


class TooManyRequests(ShortenerError):
    code = "too-many-requests"
    status = 429
    title = "Too many requests"
    meaning = "You, or all clients together, ask more often than is allowed here. Retry-After says when to come again."
    retry_after = 1

    def __init__(self, seconds: int = 1, limits: Mapping[str, str] | None = None) -> None:
        super().__init__(f"That was too often. Please try again in {seconds:,} seconds.")
        self.seconds = seconds
        self.limits = limits or {}

    def headers(self) -> dict[str, str]:
        """Return when to come again, and which limit it was."""
        return {"Retry-After": str(self.seconds), **self.limits}


class LinkBlocked(ShortenerError):
    code = "link-blocked"
    status = 451
    title = "This link has been blocked"
    meaning = "Whoever runs this service has stopped the link, for the reason that is given, and may let it work again."

    def __init__(self, reason: str) -> None:
        super().__init__(f"Whoever runs this service has stopped this link: {reason}")
        self.reason = reason


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


class NoStorage(ShortenerError):
    code = "no-storage"
    status = 503
    title = "Files cannot be taken or given here"
    meaning = (
        "Imports and exports need a bucket and queues, which the deployed stack has. This service runs without: "
        "FILES_BUCKET is not set."
    )
    retry_after = 3600  # somebody has to give it one first

    def __init__(self) -> None:
        super().__init__("This service runs without a bucket: nothing can be imported or exported.")


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


class RequestAnswered(Exception):
    """The request was answered before, under the same Idempotency-Key."""


class LinkChanged(Exception):
    """The link is not as it was seen any more; nothing was written."""


class ClickNotSent(Exception):
    """The queue did not take a click in time."""


class ClickUnreadable(Exception):
    """A message is no click, and trying again will not make it one."""


class ClickFromAnotherVersion(Exception):
    """A message was written by another version of this service, which can read it."""


class WriteRefused(Exception):
    """The store will not take this write as it is, however often it is sent."""


class FileRefused(Exception):
    """A file is no list of links that can be read. ``code`` is stable and kebab-case; whoever sent it is told."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FileGone(Exception):
    """A file is not in storage any more, or never was."""


class ImportOvertaken(Exception):
    """Somebody else has done the same rows of an import meanwhile; the rest is theirs to do."""


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
