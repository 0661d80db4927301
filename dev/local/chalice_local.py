"""``chalice local``, closer to what is deployed. Takes the same arguments as ``chalice``."""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from chalice.config import Config
from chalice.local import ChaliceRequestHandler, ForbiddenError, LocalGateway, ThreadedHTTPServer

from chalicelib.errors import Malformed, PageUnknown, SettingInvalid, ShortenerError

Answer = dict[str, Any]


class Gateway(LocalGateway):
    """Does what API Gateway does and Chalice's imitation of it does not."""

    _app_object: Any  # an App, of which Chalice makes a class of its own that is safe between threads

    def handle_request(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """Answer a request, whether or not there is a door for it."""
        try:
            answer: Answer = super().handle_request(method, path, headers, body)
        except ForbiddenError:
            # 404 where the bare API Gateway says 403: so does ours once it is deployed.
            return self.refuse(PageUnknown("Nothing is served at this address."), method)
        # Preflights reach no function of ours, and so bring nothing that the doorway adds.
        given = {"X-Request-Id": uuid.uuid4().hex, "X-Content-Type-Options": "nosniff"}
        return {**answer, "headers": {**given, **answer["headers"]}}

    def refuse(self, error: ShortenerError, method: str) -> Answer:
        """Answer a request that reaches no door."""
        from chalicelib.doorway import problem  # not at import: Chalice sets the stage's environment first

        event = {"requestContext": {"httpMethod": method, "resourcePath": "(none)"}}
        answer: Answer = self._app_object.answered(event, lambda: problem(error, None).to_dict())
        return answer

    def _generate_lambda_event(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        """Return the event of a request, its path parameters decoded once, as API Gateway does it."""
        try:
            event: Answer = super()._generate_lambda_event(method, path, headers, body)
        except ValueError as no_route:
            raise ForbiddenError({}) from no_route
        event["pathParameters"] = {name: unquote(value) for name, value in event["pathParameters"].items()}
        return event


class Handler(ChaliceRequestHandler):
    """Speaks HTTP: what cannot be read is a problem document as well, and every method gets as far as the doors."""

    wbufsize = 64 * 1024  # head and body leave in one piece: in two, each answer waits 44 ms for an acknowledgement
    disable_nagle_algorithm = True
    local_gateway: Gateway
    command: str | None  # None until a request could be read

    def __init__(self, request: Any, client_address: Any, server: Any, app_object: Any, config: Config) -> None:
        # Not by Chalice's own __init__, which would make Chalice's gateway.
        self.local_gateway = Gateway(app_object, config)
        BaseHTTPRequestHandler.__init__(self, request, client_address, server)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Return what answers a method that is none of the usual: Chalice's 405 with its list of those that are."""
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._generic_handle

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002  # the base class's names
        """Answer what the parser of HTTP could not read, and hang up: where the next request begins nobody knows."""
        why = HTTPStatus(code).phrase
        error = Malformed(f"The request is no HTTP that can be read: {why}.")
        answer = self.local_gateway.refuse(error, self.command or "?")
        self.close_connection = True
        self.request_version = self.protocol_version  # else one that was not understood gets no status and no headers
        headers = {**answer["headers"], "Connection": "close"}
        self._send_http_response(answer["statusCode"], headers, answer["body"])

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Say nothing: the app writes a line for each request itself."""


ThreadedHTTPServer.request_queue_size = 128  # 5 by default: sixteen clients at once would be turned away

if __name__ == "__main__":
    # `chalice local` offers no way to name another handler; a default argument is where it names its own.
    from chalice.cli import cli
    from chalice.local import LocalDevServer

    LocalDevServer.__init__.__defaults__ = (Handler, ThreadedHTTPServer)
    logging.getLogger("botocore").setLevel(logging.WARNING)  # Chalice's command line would have it tell its life
    try:
        cli(obj={})
    except SettingInvalid as invalid:
        sys.exit(str(invalid))
