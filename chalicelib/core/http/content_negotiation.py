"""Content negotiation (RFC 9110, section 12.5.1): which of our media types a client likes best."""

from __future__ import annotations


def best_of(accept: str | None, offers: tuple[str, ...]) -> str | None:
    """Return the offer that ``accept`` rates highest, or None if it takes none of them.

    On a tie what was named beats what a wildcard covers, then the earlier offer wins: ``application/json, */*`` asks
    for JSON.
    """
    wishes = _parse(accept or "*/*")
    rated = [(*_rating(offer, wishes), -place, offer) for place, offer in enumerate(offers)]
    quality, _, _, offer = max(rated)
    return offer if quality > 0 else None


def first_of(accept: str | None) -> str:
    """Return the media type that ``accept`` names first, lower case: what API Gateway goes by where bytes are sent."""
    return (accept or "").partition(",")[0].partition(";")[0].strip().lower()


def _parse(accept: str) -> dict[str, float]:
    wishes = {}
    for part in accept.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights = [_weight(p[2:]) for p in parameters if p.startswith("q=")]
        wishes[media_range] = weights[0] if weights else 1.0
    return wishes


def _rating(offer: str, wishes: dict[str, float]) -> tuple[float, int]:
    """Return the quality of the most exact range that covers ``offer``, and how exact that is."""
    for exactness, media_range in ((2, offer), (1, offer.partition("/")[0] + "/*"), (0, "*/*")):
        if media_range in wishes:
            return wishes[media_range], exactness
    return 0.0, 0


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
