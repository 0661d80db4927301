"""What a browser may do with a page of this service: its Content-Security-Policy and Referrer-Policy."""

from __future__ import annotations

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; connect-src {connect}; "
    "form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
)


def security_headers(*, form_redirects: bool, connect: str, images: str) -> dict[str, str]:
    """Return the headers of a page, which may load only files of this service.

    ``form_redirects``: submitting its form redirects to a link's target, which browsers check against form-action.
    ``connect``: an origin that its scripts may send requests to, besides this service; or empty.
    ``images``: where its images may come from, besides this service; or empty.
    """
    policy = _POLICY.format(
        form_action="http: https:" if form_redirects else "'self'",
        connect=f"'self' {connect}".rstrip(),
        images=f"'self' {images}".rstrip(),
    )
    return {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
