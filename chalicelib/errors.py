"""Every error that a client can meet, each with its public code, HTTP status and texts.

ShortenerError
  Malformed            400  the request itself cannot be read
  KeyMissing           401  a key is needed
  KeyRefused           401  wrong, revoked or expired: the same response
  PasswordNeeded       401  the link asks for a password
  PasswordWrong        401  the password does not match
  ScopeMissing         403  the key is valid, for other scopes
  DomainRefused        403  the workspace may not make links at the domain
  ConfirmationNeeded   403  the visitor must press a button first
  LinkUnknown          404  no such code, or another owner's: the same response
  DomainUnknown        404  no links are there, or the key may make none
  LinkNotYet           404  the link starts later
  KeyUnknown           404  no such key
  ImportUnknown        404  no such import, or another owner's
  ExportUnknown        404  no such export, or another owner's
  OfferUnknown         404  no such offer, or one between others
  PageUnknown          404  no such page
  MethodNotAllowed     405
  AliasTaken           409  another link has the alias
  ExternalIdTaken      409  another link of the owner has the externalId
  TooManyKeys          409  the workspace has as many keys as it may have
  LinkBusy             409  concurrent changes, too many to get through
  LinkExpired          410  the link has ended
  LinkOff              410  its owner switched it off
  LinkUsedUp           410  its maximum of visits is reached
  VersionChanged       412  If-Match names another version
  BodyTooLarge         413
  MediaTypeUnsupported 415
  LinkInvalid          422  every invalid field, at once
  QueryInvalid         422  the same for a query
  KeyRequestInvalid    422  the same for a new key
  DomainInvalid        422  the same for a domain
  WorkspaceInvalid     422  the same for a workspace
  OfferInvalid         422  the same for an offer or an adoption of a link
  TransferInvalid      422  the same for an import or an export
  IdempotencyMismatch  422  the Idempotency-Key was used for another body
  TooManyRequests      429  a rate limit
  LinkBlocked          451  the operator blocked the link
  InternalError        500  a bug
  StoreUnavailable     503  DynamoDB does not answer
  NoStorage            503  no bucket is configured for files
  NoFreeCode           503  every generated code was taken

Errors that are handled inside the service are defined beside the code that raises them: those of conditional writes
in ``aws.dynamodb.errors``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field. ``code`` is stable and kebab-case; ``message`` is for people."""

    field: str
    code: str
    message: str


MOST_ERRORS = 20
"""How many errors a response lists for each request, and for each row of one; and the number of the others."""


def limited(errors: Sequence[FieldError]) -> Sequence[FieldError]:
    """Return the errors that a response lists: at most ``MOST_ERRORS``."""
    if len(errors) <= MOST_ERRORS:
        return errors
    more = f"This is wrong, and so are {len(errors) - MOST_ERRORS - 1:,} more fields."
    return [*errors[:MOST_ERRORS], FieldError(errors[MOST_ERRORS].field, "too-many", more)]


class ShortenerError(Exception):
    """An error that a client can act on. ``str(error)`` is the detail of its problem document.

    Raised without an argument, it has the detail of its class.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    detail: ClassVar[str] = ""
    """What happened, in a sentence. Empty where each raise gives its own."""
    description: ClassVar[str]
    """What the error means and what to do about it, shown at ``/problems/{code}``."""
    retry_after: ClassVar[int | None] = None
    """Seconds after which a retry may succeed."""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(self.detail if detail is None else detail)

    def extensions(self) -> Mapping[str, Any]:
        """Return the extension members of the problem document (RFC 9457)."""
        return {}

    def headers(self) -> dict[str, str]:
        """Return the headers of the response."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


class _FieldsError(ShortenerError):
    """Lists every invalid field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(limited(errors))
        super().__init__(" ".join(error.message for error in self.errors))

    def extensions(self) -> Mapping[str, Any]:
        """Return the invalid fields."""
        return _listed(self.errors)


class _LinkError(ShortenerError):
    """Concerns one link."""

    def __init__(self, link_code: str) -> None:
        super().__init__()
        self.link_code = link_code


class Malformed(ShortenerError):
    code = "malformed-request"
    status = 400
    title = "The request cannot be read"
    description = (
        "The body is not one JSON object in UTF-8. Duplicate keys, NaN, Infinity, lone surrogates and very deep "
        "nesting are refused too."
    )


class KeyMissing(ShortenerError):
    code = "key-missing"
    status = 401
    title = "A key is needed"
    detail = "This needs a key. Send it as Authorization: Bearer sk_... or X-Api-Key: sk_...."
    description = (
        "Send a key: Authorization: Bearer sk_... or X-Api-Key: sk_.... The operator of this service creates keys: "
        "make key WORKSPACE=... ROLE=editor."
    )

    def headers(self) -> dict[str, str]:
        """Return how to authenticate."""
        return {"WWW-Authenticate": "Bearer"}


class KeyRefused(ShortenerError):
    code = "key-refused"
    status = 401
    title = "The key is not accepted"
    detail = "The key is wrong, revoked or expired."
    description = "The key is wrong, revoked or expired. Keys begin with sk_ and are shown once, when they are created."

    def __init__(self, limits: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.limits = limits or {}

    def headers(self) -> dict[str, str]:
        """Return how to authenticate, and how often a wrong key may still be sent."""
        return {"WWW-Authenticate": 'Bearer error="invalid_token"', **self.limits}


class PasswordNeeded(ShortenerError):
    code = "password-needed"
    status = 401
    title = "This link asks for a password"
    detail = "This link asks for a password."
    description = (
        "The owner of the link protects it with a password. Send it as a form: password=... by POST to the link."
    )


class PasswordWrong(ShortenerError):
    code = "password-wrong"
    status = 401
    title = "That is not the password"
    detail = "That is not the password. Upper and lower case matter."
    description = (
        "The password does not match. It is case-sensitive; five attempts a minute are allowed, and from all "
        "visitors together fifteen wrong ones an hour."
    )


class ConfirmationNeeded(ShortenerError):
    code = "confirmation-needed"
    status = 403
    title = "This link asks for a button to be pressed"
    detail = "This link asks for confirmation. To continue, POST to it."
    description = "People get a page with a button. To continue, POST to the link, without a body."


class ScopeMissing(ShortenerError):
    code = "scope-missing"
    status = 403
    title = "The key does not allow this"
    description = "The key is valid, but its scopes do not include the one that is named."

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs a key with the scope {scope!r}.")
        self.scope = scope

    def extensions(self) -> Mapping[str, Any]:
        """Return the missing scope."""
        return {"scope": self.scope}


class DomainRefused(ShortenerError):
    code = "domain-refused"
    status = 403
    title = "The workspace may not use this domain"
    description = (
        "Links can be made at a domain only by the workspaces it is open to. GET /v1/domains lists those that the key"
        " may use; an administrator of the installation opens others, with PATCH /v1/domains/{host}."
    )

    def __init__(self, host: str) -> None:
        super().__init__(f"Links at {host} cannot be made with this key.")
        self.host = host


class DomainUnknown(ShortenerError):
    code = "domain-unknown"
    status = 404
    title = "No such domain"
    description = "No links are at this domain, or the key may not make any there. GET /v1/domains lists the others."

    def __init__(self, host: str) -> None:
        super().__init__(f"There is no domain {host[:64]!r} here.")


class LinkUnknown(_LinkError):
    code = "link-unknown"
    status = 404
    title = "No such short link"
    detail = "There is no link with this code."
    description = "There is no link with this code. Codes are case-sensitive: check that the address was copied whole."


class LinkNotYet(ShortenerError):
    code = "link-not-yet"
    status = 404
    title = "This link does not work yet"
    description = "The link becomes active at startsAt."

    def __init__(self, starts_at: datetime, now: datetime) -> None:
        super().__init__(f"This link works from {starts_at:%d %B %Y, %H:%M} UTC on.")
        self.starts_at = starts_at
        self.seconds = math.ceil((starts_at - now).total_seconds())

    def extensions(self) -> Mapping[str, Any]:
        """Return when it starts."""
        return {"startsAt": f"{self.starts_at:%Y-%m-%dT%H:%M:%S}.{self.starts_at.microsecond // 1000:03}Z"}

    def headers(self) -> dict[str, str]:
        """Return when to try again."""
        return {"Retry-After": str(self.seconds)}


class KeyUnknown(ShortenerError):
    code = "key-unknown"
    status = 404
    title = "No such key"
    detail = "There is no key with this id."
    description = "There is no key with this id, or none for this person. GET /v1/keys lists them."


class ImportUnknown(ShortenerError):
    code = "import-unknown"
    status = 404
    title = "No such import"
    detail = "There is no import with this id."
    description = "There is no import with this id, or it is not yours. Imports are listed for 30 days."


class ExportUnknown(ShortenerError):
    code = "export-unknown"
    status = 404
    title = "No such export"
    detail = "There is no export with this id."
    description = "There is no export with this id, or it is not yours. An export can be fetched for seven days."


class OfferUnknown(ShortenerError):
    code = "offer-unknown"
    status = 404
    title = "No such offer"
    detail = "There is no offer of this link that concerns your workspace."
    description = (
        "There is no offer of this link that concerns your workspace: it was accepted, declined or withdrawn, or it "
        "has expired. GET /v1/offers lists those there are."
    )


class PageUnknown(ShortenerError):
    code = "page-unknown"
    status = 404
    title = "No such page"
    description = "Nothing is served at this address."


class MethodNotAllowed(ShortenerError):
    code = "method-not-allowed"
    status = 405
    title = "This address does not take that method"
    description = "The address exists, and does not accept this method. The Allow header lists those that do."


class AliasTaken(ShortenerError):
    code = "alias-taken"
    status = 409
    title = "The alias is taken"
    description = (
        "Another link has this alias; shortUrl shows it. A code is never given out twice, so please choose another."
    )

    def __init__(self, alias: str, short_url: str) -> None:
        super().__init__(f"The alias {alias!r} already belongs to a link.")
        self.alias = alias
        self.short_url = short_url

    def extensions(self) -> Mapping[str, Any]:
        """Return the link that has the alias."""
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
    description = (
        "An externalId is unique among the links of an owner. The link that has it is at /v1/links/ext:{externalId}."
    )

    def __init__(self, external_id: str) -> None:
        super().__init__(f"Another link of yours has the externalId {external_id!r}.")
        self.external_id = external_id

    def extensions(self) -> Mapping[str, Any]:
        """Return the field in question."""
        return _listed([FieldError("externalId", "taken", "Another link of yours has this externalId.")])


class VersionChanged(ShortenerError):
    code = "version-changed"
    status = 412
    title = "The link has changed meanwhile"
    description = "If-Match names another version than the present one. Get the link again, and decide again."

    def __init__(self, etag: str) -> None:
        super().__init__("The link has changed since you read it. Get it again, and decide again.")
        self.etag = etag


class LinkOff(_LinkError):
    code = "link-off"
    status = 410
    title = "This link is switched off"
    detail = "The owner of this link has switched it off."
    description = "The owner of the link has switched it off, and may switch it on again."


class TooManyKeys(ShortenerError):
    code = "too-many-keys"
    status = 409
    title = "The workspace has as many keys as it may have"
    description = (
        "Revoke keys that are not used any more: they make room a day later. Or ask the operator of this service for a "
        "higher limit."
    )

    def __init__(self, most: int) -> None:
        super().__init__(
            f"This workspace may have {most:,} keys, and has them. One that is revoked makes room a day later."
        )


class LinkBusy(ShortenerError):
    code = "link-busy"
    status = 409
    title = "Others are changing this link at this very moment"
    detail = "Others are changing this link at this very moment. Nothing was changed; please try again."
    description = (
        "The link was changed by others each time this change was attempted. Nothing was changed: please try again."
    )


class LinkExpired(_LinkError):
    code = "link-expired"
    status = 410
    title = "This link has expired"
    detail = "The end date of this link has passed."
    description = "The end date of the link has passed. Ask the person who gave it to you for a new one."


class LinkUsedUp(_LinkError):
    code = "link-used-up"
    status = 410
    title = "This link has been used up"
    detail = "This link has a maximum number of visits, and it is reached."
    description = "The link has a maximum number of visits, and it is reached. Its owner can allow more."


class BodyTooLarge(ShortenerError):
    code = "body-too-large"
    status = 413
    title = "The request body is too large"
    description = "A body may be 64 KiB at most, that of a bulk request 1 MiB."


class MediaTypeUnsupported(ShortenerError):
    code = "media-type-unsupported"
    status = 415
    title = "The body must be JSON"
    description = (
        "Send JSON, with its media type: Content-Type: application/json. With curl: curl --json '{\"url\": ...}'."
    )


class LinkInvalid(_FieldsError):
    code = "link-invalid"
    status = 422
    title = "The link cannot be made like this"
    description = "One or more fields are invalid. errors lists every one of them, with a reason for each."


class QueryInvalid(_FieldsError):
    code = "query-invalid"
    status = 422
    title = "Invalid query parameters"
    description = "One or more query parameters are invalid. errors lists every one of them."


class KeyRequestInvalid(_FieldsError):
    code = "key-invalid"
    status = 422
    title = "The key cannot be made like this"
    description = "One or more fields are invalid. errors lists every one of them, with a reason for each."


class WorkspaceInvalid(_FieldsError):
    code = "workspace-invalid"
    status = 422
    title = "The workspace cannot be changed like this"
    description = "One or more fields are invalid. errors lists every one of them, with a reason for each."


class DomainInvalid(_FieldsError):
    code = "domain-invalid"
    status = 422
    title = "The domain cannot be changed like this"
    description = "One or more fields are invalid. errors lists every one of them, with a reason for each."


class OfferInvalid(_FieldsError):
    code = "offer-invalid"
    status = 422
    title = "The link cannot change its workspace like this"
    description = "One or more fields are invalid. errors lists every one of them, with a reason for each."


class TransferInvalid(_FieldsError):
    code = "transfer-invalid"
    status = 422
    title = "Invalid import or export request"
    description = "One or more fields are invalid. errors lists every one of them, with a reason for each."


class IdempotencyMismatch(ShortenerError):
    code = "idempotency-mismatch"
    status = 422
    title = "This Idempotency-Key was used for another request"
    detail = "This Idempotency-Key was used with another body. Use a new one for a new request."
    description = "Within 24 hours an Idempotency-Key belongs to one body. Use a new one for a new request."


class TooManyRequests(ShortenerError):
    code = "too-many-requests"
    status = 429
    title = "Too many requests"
    description = "You, or all clients together, have reached a rate limit. Retry-After says when to try again."
    retry_after = 1

    def __init__(self, seconds: int = 1, limits: Mapping[str, str] | None = None) -> None:
        super().__init__(f"That was too often. Please try again in {seconds:,} seconds.")
        self.seconds = seconds
        self.limits = limits or {}

    def headers(self) -> dict[str, str]:
        """Return when to try again, and the limit that was exceeded."""
        return {"Retry-After": str(self.seconds), **self.limits}


class LinkBlocked(ShortenerError):
    code = "link-blocked"
    status = 451
    title = "This link has been blocked"
    description = "The operator of this service has blocked the link, for the reason given, and may unblock it."

    def __init__(self, reason: str) -> None:
        super().__init__(f"The operator of this service has blocked this link: {reason}")
        self.reason = reason


class InternalError(ShortenerError):
    code = "internal-error"
    status = 500
    title = "Something went wrong here"
    detail = "Internal server error. It has been logged."
    description = "This is a defect of the service, not of your request. The X-Request-Id header finds it in the log."


class StoreUnavailable(ShortenerError):
    code = "store-unavailable"
    status = 503
    title = "The links cannot be reached right now"
    detail = "The table that holds the links does not answer. Please try again in a moment."
    description = "The table that holds the links does not answer in time. This passes: please try again in a moment."
    retry_after = 1


class NoStorage(ShortenerError):
    code = "no-storage"
    status = 503
    title = "File storage is not configured"
    detail = "This service runs without a bucket: nothing can be imported or exported."
    description = (
        "Imports and exports need a bucket and queues, which the deployed stack has. This service runs without: "
        "FILES_BUCKET is not set."
    )
    retry_after = 3600  # an operator must configure one first


class NoFreeCode(ShortenerError):
    code = "no-free-code"
    status = 503
    title = "No free code was found"
    description = "Every generated code is in use already. Please try again, or choose an alias."
    retry_after = 1

    def __init__(self, draws: int) -> None:
        super().__init__(
            f"{draws} codes were generated, and all of them are in use. Please try again, or choose an alias."
        )


def _listed(errors: Sequence[FieldError]) -> Mapping[str, Any]:
    return {"errors": [{"field": e.field, "code": e.code, "message": e.message} for e in errors]}


def public_errors() -> dict[str, type[ShortenerError]]:
    """Return every error that a client can meet, by its code."""
    errors = (each for each in globals().values() if isinstance(each, type) and issubclass(each, ShortenerError))
    return {error.code: error for error in errors if "code" in vars(error)}
