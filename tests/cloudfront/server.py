"""The HTTP server of the stand-in: requests of visitors are read, and answers written."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar

from tests.cloudfront.edge import Edge
from tests.cloudfront.messages import Answer, Headers, Origin, Refused, Request
from tests.cloudfront.template import DOMAIN
from tests.loopback import serving

VIEWER_ADDRESS = "test-viewer-address"
"""The header by which a test says where a request comes from. It is removed before anything else happens."""


class _Handler(BaseHTTPRequestHandler):
    edge: ClassVar[Edge]
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # every method: a behaviour says which it allows
            return self._answered
        raise AttributeError(name)

    def _answered(self) -> None:
        request = self._request()
        try:
            answer, cached = self.edge.answer(request)
        except Refused as refused:
            answer, cached = refused.page, "Error from cloudfront"
        self._respond(answer, cached, request.id)

    def _request(self) -> Request:
        headers: Headers = {}
        for name, value in self.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        body = self._body()
        address = headers.pop(VIEWER_ADDRESS, [self.client_address[0]])[0]
        if headers.get("host") == [self.edge.url.removeprefix("http://")]:
            headers["host"] = [DOMAIN]
        path, _, query = self.requestline.split()[1].partition("?")  # self.path has lost repeated slashes
        cookies = [each.strip() for each in ";".join(headers.get("cookie", ())).split(";") if each.strip()]
        pairs = [(each.partition("=")[0], each.partition("=")[2]) for each in cookies]
        identity = f"{uuid.uuid4().hex}=="
        return Request(self.command, path, query, headers, pairs, address, body, identity)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return body

    def _respond(self, answer: Answer, cached: str, identity: str) -> None:
        self.send_response_only(answer.status)
        own = [("via", f"1.1 {DOMAIN} (CloudFront)"), ("x-cache", cached), ("x-amz-cf-id", identity)]
        names = {name.lower() for name, _ in answer.headers}
        if "content-length" not in names and answer.status not in {204, 304}:
            own.append(("content-length", str(len(answer.body))))
        for name, value in [*answer.headers, *own]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def running(
    template: Mapping[str, Any],
    origins: Mapping[str, Origin],
    values: Mapping[str, Any] | None = None,
    *,
    country: Callable[[str], str] | Mapping[str, str] = lambda _: "PT",
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Edge]:
    """Run the stand-in within a ``with`` block.

    Args:
        template: The CloudFormation template with the distribution, as it is packaged.
        origins: Where requests for each of its origins go.
        values: What references mean that only AWS or the operator knows, for instance ``{"OriginSecret": "..."}``;
            an attribute is ``"Name.Attribute"``, a condition its name.
        country: The country of an address.
        clock: Seconds, by which what is kept ends.
    """
    edge = Edge(origins, country, clock)
    with closing(edge):
        edge.deploy(template, values or {})
        with serving(type("Handler", (_Handler,), {"edge": edge})) as server:
            edge.url = server.address
            print(f"This is no CloudFront, but a stand-in that applies the template to each request: {edge.url}")  # noqa: T201  # so that a log shows what was tried
            yield edge
