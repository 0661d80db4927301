"""Content negotiation (RFC 9110, section 12.5.1): which of the offered media types a client prefers."""

from __future__ import annotations


def best_match(accept: str | None, offers: tuple[str, ...]) -> str | None:
    """Return the offer that ``accept`` rates highest, or None if it accepts none of them.

    On a tie, a type that is named explicitly beats one covered by a wildcard, then the earlier offer wins:
    ``application/json, */*`` asks for JSON.
    """
    ranges = _parse(accept or "*/*")
    rated = [(*_rating(offer, ranges), -place, offer) for place, offer in enumerate(offers)]
    quality, _, _, offer = max(rated)
    return offer if quality > 0 else None


def first_media_type(accept: str | None) -> str:
    """Return the first media type in ``accept``, in lower case: API Gateway decides by it whether to send bytes."""
    return (accept or "").partition(",")[0].partition(";")[0].strip().lower()


def _parse(accept: str) -> dict[str, float]:
    ranges = {}
    for part in accept.split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weights = [_weight(p[2:]) for p in parameters if p.startswith("q=")]
        ranges[media_range] = weights[0] if weights else 1.0
    return ranges


def _rating(offer: str, ranges: dict[str, float]) -> tuple[float, int]:
    """Return the quality of the most specific range that covers ``offer``, and how specific it is."""
    for specificity, media_range in ((2, offer), (1, offer.partition("/")[0] + "/*"), (0, "*/*")):
        if media_range in ranges:
            return ranges[media_range], specificity
    return 0.0, 0


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
