"""The redirect as a function of its own: follows codes, and can do nothing else. Handler: ``app``.

It imports neither boto3 nor anything of keys, statistics or pages: most short links are clicked rarely, so most
visitors meet a container that has just started.
"""

from __future__ import annotations

from typing import Any

from chalicelib import logs, track
from chalicelib.doorway import Answer, App, Event
from chalicelib.redirect_door import at_once, open_for_visitors


class Redirects(App):
    """An app whose clicks and log lines go out after the answer, where Lambda allows it."""

    def __call__(self, event: Event, context: Any) -> Answer:
        """Answer one event, and let what it left be sent."""
        try:
            return super().__call__(event, context)
        finally:
            track.answered()

    def opened(self, event: Event, context: Any) -> Answer:
        """Return what the route of an event answers; without Chalice, where the link is in memory."""
        return at_once(event) or super().opened(event, context)

    def write_line(self, line: logs.Line) -> None:
        """Leave the line of a request for later; where there is no later, write it."""
        if not track.leave_line(line):
            super().write_line(line)


logs.configure()
app = Redirects(app_name="redirect", configure_logs=False)
app.api.binary_types = []  # every answer is text; matching the sixteen default types took a quarter of a redirect
open_for_visitors(app)
track.send_after_the_answer()
