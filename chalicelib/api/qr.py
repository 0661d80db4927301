"""/{code}/qr: a short link as a QR code."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api.requests import accept_of, query_of
from chalicelib.api.responses import bytes_response, text_response
from chalicelib.core.http import content_negotiation
from chalicelib.settings import settings
from chalicelib.usecases import follow_link


def qr_code(request: Request, code: str) -> Response:
    """Draw a short link as a QR code."""
    from chalicelib.core.links import qr

    text = follow_link.find(code, clock.now()).short_url(settings.base_url)
    drawing = qr.Drawing.from_query(query_of(request))
    headers = {"Cache-Control": "public, max-age=86400", "X-Robots-Tag": "noindex", "Vary": "Accept"}
    if content_negotiation.first_media_type(accept_of(request)) == qr.PNG:
        return bytes_response(drawing.png(text), {"Content-Type": qr.PNG, **headers})
    return text_response(drawing.svg(text), {"Content-Type": "image/svg+xml", **headers})
