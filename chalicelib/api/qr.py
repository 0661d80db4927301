"""/{code}/qr and /v1/links/{code}/qr: a short link as a QR code."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib import clock
from chalicelib.api import auth
from chalicelib.api.requests import accept_of, domain_of, query_of
from chalicelib.api.responses import bytes_response, text_response
from chalicelib.core.http import content_negotiation
from chalicelib.core.links import codes
from chalicelib.settings import settings
from chalicelib.usecases import follow_link


def qr_code(request: Request, code: str) -> Response:
    """Draw a short link as a QR code."""
    codes.refuse_reserved(code)
    return _drawing_of(request, domain_of(request.to_original_event()).id_of(code))


def qr_code_of_link(request: Request, code: str) -> Response:
    """Draw a short link as a QR code, for pages on another domain; unlike there, unknown parameters are refused."""
    from chalicelib.core.links import qr

    auth.check_query(request, (*qr.PARAMETERS, "domain"))
    return _drawing_of(request, auth.domain_in(query_of(request)).id_of(code))


def _drawing_of(request: Request, link_id: str) -> Response:
    from chalicelib.core.links import qr

    text = follow_link.find(link_id, clock.now()).short_url(settings.domains)
    drawing = qr.Drawing.from_query(query_of(request))
    headers = {"Cache-Control": "public, max-age=86400", "X-Robots-Tag": "noindex", "Vary": "Accept"}
    if content_negotiation.first_media_type(accept_of(request)) == qr.PNG:
        return bytes_response(drawing.png(text), {"Content-Type": qr.PNG, **headers})
    return text_response(drawing.svg(text), {"Content-Type": "image/svg+xml", **headers})
