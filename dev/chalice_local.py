"""``chalice local``, closer to what is deployed. Takes the same arguments as ``chalice``."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from chalice.cli import main
from chalice.local import ChaliceRequestHandler, LocalGatewayException, ThreadedHTTPServer

from chalicelib.core import problems
from chalicelib.errors import PageUnknown


class _Handler(ChaliceRequestHandler):
    wbufsize = 64 * 1024  # head and body leave in one piece: in two, each answer waits 44 ms for an acknowledgement
    disable_nagle_algorithm = True

    def _send_error_response(self, error: LocalGatewayException) -> None:  # noqa: ARG002  # all are unknown routes
        """Answer an unknown route as the deployed API does: 404 where the bare API Gateway says 403."""
        from chalicelib.settings import settings  # not at import: Chalice sets the stage's environment first

        unknown = PageUnknown("Nothing is served at this address.")
        body = json.dumps(problems.document(unknown, settings.base_url))
        headers: dict[str, Any] = {"Content-Type": problems.MEDIA_TYPE, "Access-Control-Allow-Origin": "*"}
        self._send_http_response(unknown.status, headers, "" if self.command == "HEAD" else body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Say nothing: the app writes a line for each request itself."""


ThreadedHTTPServer.request_queue_size = 128  # 5 by default: sixteen clients at once would be turned away

if __name__ == "__main__":
    # `chalice local` offers no way to name another handler; a default argument is where it names its own.
    from chalice.local import LocalDevServer

    LocalDevServer.__init__.__defaults__ = (_Handler, ThreadedHTTPServer)
    logging.getLogger("botocore").setLevel(logging.WARNING)  # Chalice's command line would have it tell its life
    sys.exit(main())
