"""The entry point of the redirect's own function, which only follows codes. Handler: ``app``.

It imports neither boto3 nor modules for keys, statistics or pages: most short links are clicked rarely, so most
visits are cold starts.
"""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from chalicelib import clock, logs
from chalicelib.api.application import App, Event, LambdaResponse
from chalicelib.api.redirect import Redirect
from chalicelib.aws.lambda_extension import Outbox
from chalicelib.settings import settings
from chalicelib.usecases import track_visit
from chalicelib.usecases.track_visit import Visit

_SAID_BY_CLICKS = {"requestId", "code", "domain", "cache", "CacheHit", "Unknown", "at", "route", "status", "ms"}


class RedirectApp(App):
    """An app that sends clicks and writes its access log after the response, where there is an outbox."""

    def __init__(self, outbox: Outbox | None) -> None:
        super().__init__("redirect")
        self.outbox = outbox
        self._redirect = Redirect(self._send)
        self.add_routes(self._redirect.routes)

    def __call__(self, event: Event, context: Any) -> LambdaResponse:
        """Handle an event of API Gateway or of the function URL; the outbox is sent after the response."""
        try:
            if "rawPath" in event:
                return self._at_url(event, context)
            return super().__call__(event, context)
        finally:
            if self.outbox is not None:
                self.outbox.flush(clock.seconds_left(context))

    def dispatch(self, event: Event, context: Any) -> LambdaResponse:
        """Return the response to ``event``; without Chalice's router if the link is in the cache."""
        return self._redirect.from_cache(event) or super().dispatch(event, context)

    def _at_url(self, payload: Event, context: Any) -> LambdaResponse:
        from chalicelib.api import front  # behind API Gateway there is no function URL

        response = super().__call__(front.event_of_url(payload), context)
        return front.response_of_url(response, payload["requestContext"]["http"]["method"])

    def write_access_log(self, line: logs.Line) -> None:
        """Write the log line of a request, after the response where there is an outbox."""
        if self.outbox is None:
            super().write_access_log(line)
        else:
            self.outbox.add(line)

    def _send(self, visit: Visit) -> None:
        if self.outbox is None:
            track_visit.send_now(visit)
        else:
            self.outbox.add(visit)


def send_outbox(entries: list[Visit | logs.Line], until: float) -> None:
    """Send the clicks that requests put into the outbox, until a time (monotonic), and write what log lines they need.

    A redirect that succeeded and is counted has none: its figures travel in its click, at a fortieth of the price.
    """
    visits: list[Visit] = []
    for each in entries:
        if isinstance(each, Visit):
            visits.append(each)
        elif visits and visits[-1].took_ms is None and _succeeded(each):
            visits[-1] = replace(visits[-1], took_ms=each["ms"], from_cache=bool(each.get("CacheHit")))
        else:
            logs.publish(settings.service, each)
    track_visit.send_later(visits, clock.now(), until)


def _succeeded(line: logs.Line) -> bool:
    """Tell whether a line says no more than that a visitor was redirected: the click before it says that, too."""
    return line.get("Unknown") == 0 and line["status"] < HTTPStatus.BAD_REQUEST and not line.keys() - _SAID_BY_CLICKS


def _open_outbox() -> Outbox | None:
    """Return the outbox of this container; None without Lambda's extensions API: all is sent before the response."""
    outbox = Outbox(settings.aws.runtime_api, send_outbox) if settings.aws.runtime_api else None
    return outbox if outbox is not None and outbox.open() else None


logs.configure()
app = RedirectApp(_open_outbox())
