"""What every HTTP request passes on its way in and out: request id, log line, problem documents, last header check."""

from __future__ import annotations

import base64
import functools
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl

from chalice.app import Chalice, CORSConfig, Request, Response

from chalicelib import logs
from chalicelib.core import accept, csv_rows, json_body, problems
from chalicelib.errors import BodyTooLarge, InternalError, ShortenerError
from chalicelib.settings import settings

CORS = CORSConfig(
    allow_origin="*",
    allow_headers=["Idempotency-Key", "If-Match"],  # Chalice adds Authorization, Content-Type and X-Api-Key
    expose_headers=[
        "ETag",
        "Idempotency-Replayed",
        "Link",
        "Location",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "X-Request-Id",
    ],
    max_age=600,
)
_ENCODED = "x-encoded"  # between a view and `answered`, where Chalice takes no other mark; it never leaves
MAX_FORM_BYTES = 16 * 1024
_CORS_HEADERS = CORS.get_access_control_headers()
_said: ContextVar[dict[str, str]] = ContextVar("said")
View = Callable[..., Response]
Event = dict[str, Any]
Answer = dict[str, Any]


class App(Chalice):
    """A Chalice app whose every answer is one of ours.

    It stands around Chalice rather than in its middleware, for middleware never sees what an exception was, and not
    at all what goes wrong while an answer is written out.
    """

    @property
    def request(self) -> Request:
        """Return the request that is being answered."""
        if self.current_request is None:
            raise RuntimeError("No request is being answered.")
        return self.current_request

    @property
    def wish(self) -> str | None:
        """Return what the client would like: its Accept header."""
        return None if self.current_request is None else self.current_request.headers.get("accept")

    def route(self, path: str, **kwargs: Any) -> Callable[[View], View]:
        """Register a view; the errors of this service that it raises become its answer."""
        register = super().route(path, **kwargs)

        def registered(view: View) -> View:
            @functools.wraps(view)
            def answered(*args: Any, **kwargs: Any) -> Response:
                try:
                    return view(*args, **kwargs)
                except ShortenerError as error:
                    return problem(error, self.wish)

            register(answered)
            return view

        return registered

    def __call__(self, event: Event, context: Any) -> Answer:
        """Answer one event of API Gateway; or the schedule that keeps a container warm, which leaves no line."""
        if "warm" in event:
            return {"warm": True}
        return self.answered(event, lambda: self.opened(event, context))

    def opened(self, event: Event, context: Any) -> Answer:
        """Return what the route of an event answers."""
        return self._in_our_words(super().__call__(event, context))

    def answered(self, event: Event, answer_it: Callable[[], Answer]) -> Answer:
        """Return what ``answer_it`` answers, with the headers of every answer; and leave the line of it in the log."""
        started = time.perf_counter()
        request = event.get("requestContext", {})
        request_id = request.get("requestId") or uuid.uuid4().hex  # `chalice local` gives none
        code = (event.get("pathParameters") or {}).get("code")
        logs.begin(requestId=request_id, **({} if code is None else {"code": code[:64]}))
        _said.set({})
        answer = _with_safe_headers(answer_it())
        answer["headers"] = {
            **_CORS_HEADERS,
            **_said.get(),
            **answer["headers"],
            "X-Request-Id": request_id,
            "X-Content-Type-Options": "nosniff",
        }
        if answer["headers"].pop(_ENCODED, None):
            answer["isBase64Encoded"] = True
        method = request.get("httpMethod")
        if method == "HEAD":
            answer["body"] = ""
        line = logs.line_of(
            at=now(),
            route=f"{method} {request.get('resourcePath')}",
            status=answer["statusCode"],
            ms=round((time.perf_counter() - started) * 1000, 2),
        )
        self.write_line(line)
        return answer

    def write_line(self, line: logs.Line) -> None:
        """Write the line of a request."""
        logs.publish(settings.service, line)

    def _in_our_words(self, answer: Answer) -> Answer:
        """Return Chalice's own errors (`{"Code": ..., "Message": ...}`) as ours; every other answer as it is."""
        if answer["statusCode"] < HTTPStatus.BAD_REQUEST or "Content-Type" in answer["headers"]:
            return answer
        error = problems.of_chalice(answer["statusCode"], json.loads(answer["body"])["Message"])
        response = problem(error, self.wish)
        if "Allow" in answer["headers"]:
            response.headers["Allow"] = answer["headers"]["Allow"]
        return response.to_dict()


def now() -> datetime:
    """Ask the clock. Doors do it once; everything below is told."""
    return datetime.now(UTC)


def body_of(request: Request, most: int = json_body.MAX_BODY_BYTES) -> dict[str, Any]:
    """Return the JSON object that ``request`` brought, of ``most`` bytes.

    Raises:
        Malformed, BodyTooLarge, MediaTypeUnsupported
    """
    return json_body.read_object(raw_body_of(request), request.headers.get("content-type"), most)


def form_of(request: Request) -> dict[str, str]:
    """Return the fields of the form that ``request`` brought; of one that is given twice, the last. No form: none.

    Raises:
        BodyTooLarge
    """
    body = raw_body_of(request)
    if len(body) > MAX_FORM_BYTES:
        raise BodyTooLarge(f"The form is larger than {MAX_FORM_BYTES // 1024} KiB.")
    fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    return dict(fields)


def raw_body_of(request: Request) -> bytes:
    """Return what ``request`` brought, as it came."""
    body = request.raw_body
    return body.encode() if isinstance(body, str) else body


def address_of(request: Request) -> str:
    """Return the IP address that API Gateway was asked from; what a client says of itself does not count."""
    return request.context.get("identity", {}).get("sourceIp") or ""


def say(headers: Mapping[str, str]) -> None:
    """Give the answer to this request further ``headers``, whatever it will be."""
    _said.set({**_said.get(), **headers})


def query_of(request: Request) -> dict[str, str]:
    """Return the parameters of a query; of one that is given twice, the last."""
    return dict(request.query_params or {})


def has_seconds(seconds: int, context: Any) -> Callable[[], bool]:
    """Return what tells whether a function may still run for so many ``seconds``; without a ``context`` it may."""
    return lambda: context is None or bool(context.get_remaining_time_in_millis() > seconds * 1000)


@contextmanager
def job(name: str) -> Iterator[None]:
    """Leave one line in the log for what a function did that nobody asked for by HTTP."""
    started = time.perf_counter()
    logs.begin()
    try:
        yield
    finally:
        took = round((time.perf_counter() - started) * 1000, 2)
        line = logs.line_of(at=now(), job=name, ms=took)
        logs.publish(settings.service, line)


def reply(body: str, headers: Mapping[str, str], status: int = HTTPStatus.OK) -> Response:
    """Return an answer of text."""
    return Response(body, {**headers}, status)


def as_json(value: Any, headers: Mapping[str, str], status: int = HTTPStatus.OK) -> Response:
    """Return an answer of JSON; ``headers`` may name a media type more exact than ``application/json``."""
    return reply(json.dumps(value, ensure_ascii=False), {"Content-Type": "application/json", **headers}, status)


def as_csv(header: Sequence[str], rows: Iterable[Sequence[Any]], headers: Mapping[str, str]) -> Response:
    """Return an answer of CSV."""
    return reply(csv_rows.to_csv(header, rows), {"Content-Type": f"{csv_rows.MEDIA_TYPE}; charset=utf-8", **headers})


def as_bytes(body: bytes, headers: Mapping[str, str]) -> Response:
    """Return an answer of bytes, for a media type that the API is told to be one of bytes (see dev/package.py)."""
    return reply(base64.b64encode(body).decode(), {**headers, _ENCODED: "yes"})


def as_html(
    page: str, headers: Mapping[str, str], status: int = HTTPStatus.OK, *, leads_away: bool = False, asks: str = ""
) -> Response:
    """Return a page, which may load nothing but what this service serves itself.

    ``leads_away``: a form of it is answered with a redirect to a link's target, which browsers count as the form's own.
    ``asks``: an origin that scripts of it may send requests to, besides our own.
    """
    policy = _POLICY.format(forms="http: https:" if leads_away else "'self'", asked=f"'self' {asks}".rstrip())
    return reply(page, {**PAGE_HEADERS, "Content-Security-Policy": policy, **headers}, status)


NOT_KEPT = {"Cache-Control": "private, no-store"}
"""For what is true now and may be different in a second."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src {asked}; "
    "form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Referrer-Policy": "no-referrer",
}


def problem(error: ShortenerError, wish: str | None) -> Response:
    """Return ``error`` as a page to who prefers HTML, as a problem document to all others; ``wish`` is their Accept."""
    logs.note(error=error.code)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.__cause__ is not None:
        logs.note(cause=_first_line(error.__cause__))
    headers = {"Cache-Control": "no-store", **error.headers()}
    if accept.best_of(wish, (problems.MEDIA_TYPE, "application/json", "text/html")) == "text/html":
        from chalicelib.core import pages

        return as_html(pages.problem(error, settings.base_url), headers, error.status)
    headers["Content-Type"] = problems.MEDIA_TYPE
    return as_json(problems.document(error, settings.base_url), headers, error.status)


def _with_safe_headers(answer: Answer) -> Answer:
    """Return ``answer``, or a 500 if a header of it holds a line break or anything else no header may."""
    text = "".join(chain(answer["headers"].values(), *answer["multiValueHeaders"].values()))
    if text.isascii() and text.isprintable() and " " not in answer["headers"].get("Location", ""):
        return answer
    logs.note(unsafeHeadersAmong=list(answer["headers"]))
    return problem(InternalError(), None).to_dict()


def _first_line(cause: BaseException) -> str:
    return f"{type(cause).__name__}: {cause}".splitlines()[0][:300]
