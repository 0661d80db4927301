"""What benchmarks share: a DynamoDB with one canned response, and the event of a browser that follows a link."""

from __future__ import annotations

import json
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LINK = {  # as it is stored; the baseline reads only the first two
    "code": {"S": "wiki"},
    "originalUrl": {"S": "https://en.wikipedia.org/wiki/URL_shortening"},
    "createdAt": {"S": "2026-11-24T08:00:00.000Z"},
    "updatedAt": {"S": "2026-11-24T08:00:00.000Z"},
    "version": {"N": "1"},
    "requestId": {"S": "0123456789abcdef0123456789abcdef"},
}
EVENT: dict[str, Any] = {
    "resource": "/{code}",
    "path": "/wiki",
    "httpMethod": "GET",
    "headers": {
        "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "pt-PT,pt;q=0.8,en;q=0.5,en-US;q=0.3",
        "CloudFront-Forwarded-Proto": "https",
        "CloudFront-Is-Desktop-Viewer": "true",
        "CloudFront-Is-Mobile-Viewer": "false",
        "CloudFront-Is-SmartTV-Viewer": "false",
        "CloudFront-Is-Tablet-Viewer": "false",
        "CloudFront-Viewer-Country": "PT",
        "Host": "sho.rt",
        "Referer": "https://example.com/",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Via": "2.0 0123456789abcdef.cloudfront.net (CloudFront)",
        "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
        "X-Forwarded-For": "192.0.2.1, 198.51.100.1",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    },
    "multiValueHeaders": {},
    "queryStringParameters": None,
    "multiValueQueryStringParameters": None,
    "pathParameters": {"code": "wiki"},
    "stageVariables": None,
    "requestContext": {
        "resourcePath": "/{code}",
        "httpMethod": "GET",
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "identity": {"sourceIp": "192.0.2.1"},
        "path": "/api/wiki",
        "stage": "api",
    },
    "body": None,
    "isBase64Encoded": False,
}


class QuietServer(ThreadingHTTPServer):
    """A server whose clients may end in the middle of a connection, which is no error here."""

    def handle_error(self, *_: object) -> None:
        """Ignore it."""


def dynamodb(response: dict[str, Any]) -> ThreadingHTTPServer:
    """Serve ``response`` to every call, on loopback, from a thread."""
    body = json.dumps(response).encode()
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n"
        f"x-amzn-RequestId: CANNED\r\nx-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
    ).encode()

    class Canned(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.wfile.write(head + body)

        def log_message(self, *args: object) -> None:
            pass

    server = QuietServer(("127.0.0.1", 0), Canned)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
