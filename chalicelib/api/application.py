"""The app: request id, access log, errors as problem documents, and a check of all response headers."""

from __future__ import annotations

import base64
import functools
import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from itertools import chain
from typing import Any

from chalice.app import Chalice, Response

from chalicelib import clock, logs
from chalicelib.api import requests, responses
from chalicelib.aws.dynamodb import transactions
from chalicelib.core.http import problem_details
from chalicelib.errors import InternalError, PageUnknown, ShortenerError
from chalicelib.settings import settings

_LAST_TRY = 2  # seconds reserved for the last write and its response
Endpoint = Callable[..., Response]
"""Takes the request and the variables of its path."""
Route = tuple[str, list[str], Endpoint]
"""A path, its methods, and the endpoint that handles them."""
Event = dict[str, Any]
LambdaResponse = dict[str, Any]
"""A response as Lambda returns it to API Gateway."""


def of_default_domain(routes: Iterable[Route]) -> Iterator[Route]:
    """Yield ``routes`` for the default domain alone: others have links, and the pages and files of visitors."""

    def only_there(endpoint: Endpoint) -> Endpoint:
        @functools.wraps(endpoint)
        def answer(request: Any, **variables: str) -> Response:
            if requests.domain_of(request.to_original_event()).space:
                raise PageUnknown("Nothing is served at this address.")
            return endpoint(request, **variables)

        return answer

    return ((path, methods, only_there(endpoint)) for path, methods, endpoint in routes)


class App(Chalice):
    """A Chalice app that returns errors, Chalice's own included, as problem documents.

    It wraps Chalice rather than being its middleware: middleware does not see which exception was raised, nor what
    fails while a response is serialised.
    """

    def __init__(self, app_name: str) -> None:
        super().__init__(app_name, configure_logs=False)
        self.api.binary_types = []  # each response is text: matching the sixteen default types took 1/4 of a redirect

    def add_routes(self, routes: Iterable[Route]) -> None:
        """Register ``routes``.

        They accept any Content-Type, because Chalice would refuse a GET with an unknown one. Code that reads a body
        checks it.
        """
        for path, methods, endpoint in routes:
            self.route(path, methods=methods, content_types=["*/*"])(endpoint)

    def route(self, path: str, **kwargs: Any) -> Callable[[Endpoint], Endpoint]:
        """Register an endpoint, which takes the request; a ``ShortenerError`` from it becomes a problem document."""
        register = super().route(path, **kwargs)

        def registered(endpoint: Endpoint) -> Endpoint:
            @functools.wraps(endpoint)
            def handle(**variables: str) -> Response:
                request = self.current_request
                try:
                    return endpoint(request, **variables)
                except ShortenerError as error:
                    return responses.problem_response(error, requests.accept_of(request))

            register(handle)
            return endpoint

        return registered

    def __call__(self, event: Event, context: Any) -> LambdaResponse:
        """Handle an event of API Gateway, or of the schedule that keeps a container warm, which is not logged."""
        if "warm" in event:
            return {"warm": True}
        if settings.front_secrets:
            from chalicelib.api import front  # behind API Gateway alone there is no distribution to believe

            event = front.seen(event)
        return self.finish(event, lambda: self.dispatch(event, context))

    def dispatch(self, event: Event, context: Any) -> LambdaResponse:
        """Return the response of the route of ``event``."""
        if requests.domain_of(event).is_retired:
            return _page_unknown(event, "Nothing is served at this domain any more.")
        if event["requestContext"].get("resourcePath") not in self.routes:  # API Gateway asks for routes alone
            return _page_unknown(event, "Nothing is served at this address.")
        with transactions.within(clock.seconds_left(context) - _LAST_TRY):
            return self._as_problem(super().__call__(event, context))

    def finish(self, event: Event, dispatch: Callable[[], LambdaResponse]) -> LambdaResponse:
        """Return the response of ``dispatch`` with the headers that every response has, and write the access log."""
        started = time.perf_counter()
        request = event.get("requestContext", {})
        request_id = request.get("requestId") or uuid.uuid4().hex  # `chalice local` gives none
        code = (event.get("pathParameters") or {}).get("code")
        logs.begin(requestId=request_id, **({} if code is None else {"code": code[:64]}))
        responses.reset_added_headers()
        if settings.domains.listed and request:
            domain = requests.domain_of(event)
            responses.set_site(domain.url)
            logs.note(**({"domain": domain.host} if domain.space or domain.is_retired else {}))
        result = _with_safe_headers(dispatch())
        result["headers"] = {
            **responses.CORS_HEADERS,
            **responses.added_headers(),
            **result["headers"],
            "X-Request-Id": request_id,
            "X-Content-Type-Options": "nosniff",
        }
        if result["headers"].pop(responses.IS_BASE64, None):
            result["isBase64Encoded"] = True
        method = request.get("httpMethod")
        if method == "HEAD" and result["body"]:
            # As for a GET (RFC 9110, section 8.6). API Gateway on AWS writes its own.
            result["headers"]["Content-Length"] = str(_content_length(result))
            result["body"] = ""
        line = logs.build_line(
            at=clock.now(),
            route=f"{method} {request.get('resourcePath')}",
            status=result["statusCode"],
            ms=round((time.perf_counter() - started) * 1000, 2),
        )
        self.write_access_log(line)
        return result

    def write_access_log(self, line: logs.Line) -> None:
        """Write the log line of a request."""
        logs.publish(settings.service, line)

    def _as_problem(self, result: LambdaResponse) -> LambdaResponse:
        """Return Chalice's own errors (`{"Code": ..., "Message": ...}`) as problems, other responses unchanged."""
        if result["statusCode"] < HTTPStatus.BAD_REQUEST or "Content-Type" in result["headers"]:
            return result
        error = problem_details.from_chalice(result["statusCode"], json.loads(result["body"])["Message"])
        response = responses.problem_response(error, requests.accept_of(self.current_request))
        if "Allow" in result["headers"]:
            response.headers["Allow"] = result["headers"]["Allow"]
        return response.to_dict()


def _page_unknown(event: Event, detail: str) -> LambdaResponse:
    accept = {name.lower(): value for name, value in (event.get("headers") or {}).items()}.get("accept")
    return responses.problem_response(PageUnknown(detail), accept).to_dict()


def _with_safe_headers(result: LambdaResponse) -> LambdaResponse:
    """Return ``result``, or a 500 if a header has a line break or another character that headers may not have."""
    text = "".join(chain(result["headers"].values(), *result["multiValueHeaders"].values()))
    if text.isascii() and text.isprintable() and " " not in result["headers"].get("Location", ""):
        return result
    logs.note(unsafeHeadersAmong=list(result["headers"]))
    return responses.problem_response(InternalError(), None).to_dict()


def _content_length(result: LambdaResponse) -> int:
    """Return how many bytes the body of ``result`` has."""
    body: str = result["body"]
    return len(base64.b64decode(body)) if result.get("isBase64Encoded") else len(body.encode())
