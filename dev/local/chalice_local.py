"""``chalice local``, closer to what is deployed. Takes the same arguments as ``chalice``."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from chalice.config import Config
from chalice.local import ChaliceRequestHandler, ForbiddenError, LocalGateway, ThreadedHTTPServer

from chalicelib.core.domains import without_port
from chalicelib.errors import Malformed, PageUnknown, ShortenerError

Response = dict[str, Any]


class Gateway(LocalGateway):
    """Does what API Gateway does and Chalice's imitation of it does not."""

    _app_object: Any  # an App, of which Chalice makes a class of its own that is safe between threads

    def handle_request(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Response:
        """Respond to a request, whether or not there is a route for it."""
        try:
            response: Response = super().handle_request(method, path, headers, body)
        except ForbiddenError:
            # 404, as in our template; the default of API Gateway is 403.
            return self.refuse(PageUnknown("Nothing is served at this address."), method)
        # Preflights reach none of our functions, so they lack the headers that api/application adds.
        added = {"X-Request-Id": uuid.uuid4().hex, "X-Content-Type-Options": "nosniff"}
        return {**response, "headers": {**added, **response["headers"]}}

    def refuse(self, error: ShortenerError, method: str) -> Response:
        """Respond to a request that reaches no route."""
        # Not at import: Chalice sets the stage's environment first.
        from chalicelib.api.responses import problem_response

        event = {"requestContext": {"httpMethod": method, "resourcePath": "(none)"}}
        response: Response = self._app_object.finish(event, lambda: problem_response(error, None).to_dict())
        return response

    def _generate_lambda_event(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Response:
        """Return the event of a request, with its host, and with path parameters decoded once, as API Gateway does."""
        route, mark, query = path.partition("?")
        quoted = route.replace(";", "%3B") + mark + query  # Chalice would cut `;b=1` off the last part of a path
        try:
            event: Response = super()._generate_lambda_event(method, quoted, headers, body)
        except ValueError as no_route:
            raise ForbiddenError({}) from no_route
        # As API Gateway has it: the host asked for, without a port.
        event["requestContext"]["domainName"] = without_port(event["headers"].get("host", ""))
        event["pathParameters"] = {name: unquote(value) for name, value in event["pathParameters"].items()}
        return event


class Handler(ChaliceRequestHandler):
    """Speaks HTTP: unreadable requests get a problem document too, and every method reaches the routes."""

    wbufsize = 64 * 1024  # head and body in one write: in two, each response waits 44 ms for an acknowledgement
    disable_nagle_algorithm = True
    local_gateway: Gateway
    command: str | None  # None until a request could be read

    def __init__(self, request: Any, client_address: Any, server: Any, app_object: Any, config: Config) -> None:
        # Without Chalice's own __init__, which would create Chalice's gateway.
        self.local_gateway = Gateway(app_object, config)
        BaseHTTPRequestHandler.__init__(self, request, client_address, server)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Return the handler of an unusual method: Chalice's 405 with the list of allowed ones."""
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._generic_handle

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002  # the base class's names
        """Respond to an unreadable request, and close the connection: the start of the next request is unknown."""
        why = HTTPStatus(code).phrase
        error = Malformed(f"The request is no HTTP that can be read: {why}.")
        response = self.local_gateway.refuse(error, self.command or "?")
        self.close_connection = True
        self.request_version = self.protocol_version  # else an unknown version gets no status and no headers
        headers = {**response["headers"], "Connection": "close"}
        self._send_http_response(response["statusCode"], headers, response["body"])

    def _send_http_response(self, code: int, headers: dict[str, Any], body: str | bytes | None) -> None:
        """Send a response; the one to a HEAD has the length of the missing body, where Chalice says 0."""
        if self.command != "HEAD" or "Content-Length" not in headers:
            super()._send_http_response(code, headers, body)
            return
        BaseHTTPRequestHandler.send_response(self, code)
        self._send_headers(headers)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Print nothing: the app itself logs each request."""


ThreadedHTTPServer.request_queue_size = 128  # 5 by default: sixteen concurrent clients would be refused

if __name__ == "__main__":
    # `chalice local` has no option for another handler; its own is a default argument.
    from chalice.cli import cli
    from chalice.local import LocalDevServer

    LocalDevServer.__init__.__defaults__ = (Handler, ThreadedHTTPServer)
    logging.getLogger("botocore").setLevel(logging.WARNING)  # Chalice's command line makes it verbose
    cli(obj={})
