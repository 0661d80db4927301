"""Checks of API Gateway: what it decodes, renames, refuses and answers by itself."""

from __future__ import annotations

from dev.admin.checks.check import Answer, Check
from dev.admin.checks.fronts import (
    FORGED_IN_CURL,
    GUESSES,
    NOT_FOUND,
    SENT,
    TIME_IN_CURL,
    UNAUTHORIZED,
    VISITS_IN_CURL,
    address_of,
    encoded_in_curl,
    encoding_at,
    foreign_host,
    forged_at,
    guesses_at,
    guesses_in_curl,
    heads_at,
)
from dev.admin.checks.stage import FRONT, GATEWAY, Stage

_OK = 200
_RENAMED = "x-amzn-remapped-www-authenticate"
_PNG = b"\x89PNG"


def renamed_headers(stage: Stage) -> Answer:
    """Look for the header that a REST API renames."""
    address = address_of(stage, FRONT if stage.front == FRONT else GATEWAY)
    reply = stage.request(address, "GET", "/v1/links")
    names = sorted(name for name in reply.headers if "www-authenticate" in name.lower() or "remapped" in name.lower())
    is_expected = reply.status == UNAUTHORIZED and [name.lower() for name in names] == [_RENAMED]
    return Answer(is_expected, f"status {reply.status}, {', '.join(names) or 'no such header'}")


def unknown_route(stage: Stage) -> Answer:
    """Ask API Gateway for a route that it does not have."""
    reply = stage.request(address_of(stage, GATEWAY), "GET", "/no/such/route/at/all")
    seen = (reply.status, reply.headers.get_content_type(), reply.headers.get("Access-Control-Allow-Origin"))
    return Answer(seen == (NOT_FOUND, "application/problem+json", "*"), ", ".join(map(str, seen)))


def binary_answers(stage: Stage) -> Answer:
    """Ask for a QR code with PNG as the first type, and as the second."""
    code = stage.link()
    address = address_of(stage, FRONT if stage.front == FRONT else GATEWAY)
    seen, is_expected = [], True
    for accept, begins in (("image/png,*/*", _PNG), ("text/html,image/png", b"<svg")):
        reply = stage.request(address, "GET", f"/{code}/qr", {"Accept": accept})
        is_expected &= reply.status == _OK and reply.body.startswith(begins)
        seen.append(f"{accept}: {reply.status}, {reply.headers.get_content_type()}, begins with {reply.body[:5]!r}")
    return Answer(is_expected, "; ".join(seen))


CHECKS = (
    Check(
        "gateway-encoding",
        "What arrives of `+`, `%2B`, `%20`, `%2F`, `%252F`, `%25`, umlauts and `( ) ! ' *` in path and query at API"
        " Gateway? And is a code with `+` behind it a preview?",
        encoded_in_curl("$API"),
        "302 to the target with the same path and query, though `%2F` may be `/` and a space `%20`; `%252F` stays as it"
        " is. 200 for the preview.",
        "`with_path` in `chalicelib/core/links/forwarding.py` decodes each segment once. `%2F` instead of `%252F`: API"
        " Gateway has decoded it already, and `follow_with_path` in `chalicelib/api/redirect.py` must say so.",
        encoding_at(GATEWAY),
        requests=len(SENT) + 2,
    ),
    Check(
        "gateway-forged",
        "Does API Gateway pass on a forged country, or our own headers with a host, an address and an id, so that they"
        " are believed?",
        f'{TIME_IN_CURL}; for N in 1 2; do curl -si "$API/$CODE" {FORGED_IN_CURL}; done\n{VISITS_IN_CURL}',
        "302 to the target, both times; two visits, whose country is null or the real one, never `ZZ`.",
        "`ZZ`: `TRUST_CLOUDFRONT` must be `no` in `.chalice/resources.yaml`, for countries are anybody's. 404, or one"
        " visit: `seen` in `chalicelib/api/front.py` believed a wrong secret.",
        forged_at(GATEWAY),
        ("front 7", "front 8"),
        requests=13,
    ),
    Check(
        "gateway-address",
        "Can one who guesses passwords get further tries by a forged address, in `X-Forwarded-For` or `X-Front`?",
        guesses_in_curl("$API"),
        "401 five times, up to ten if a minute ends meanwhile, then 429.",
        "`client_address` in `chalicelib/api/requests.py` takes an address that is not the visitor's.",
        guesses_at(GATEWAY),
        ("front 7",),
        requests=GUESSES,
    ),
    Check(
        "gateway-host",
        "Does the REST API refuse a `Host` that is not its own?",
        'curl -si "$API/$CODE" -H "Host: forged.example"',
        "403.",
        "Another refusal is as good. 302: compare `domainName` with the hosts of the stack in `domain_of`.",
        foreign_host(GATEWAY),
        requests=2,
    ),
    Check(
        "gateway-renamed",
        "Is `WWW-Authenticate` renamed, as docs/api.md says?",
        'curl -si "$API/v1/links" | grep -i authenticate',
        "`x-amzn-Remapped-WWW-Authenticate`, and no header of the plain name.",
        "Correct the description in `openapi/` (`make openapi`).",
        renamed_headers,
        ("front 21",),
    ),
    Check(
        "gateway-head",
        "Does HEAD end at API Gateway, although it has a `Content-Length`?",
        'curl -sI "$API/$CODE" "$API/$CODE"',
        "302 both times, on one connection, at once.",
        "Drop `Content-Length` of answers to HEAD in `chalicelib/api/application.py`, as at the function URL.",
        heads_at(GATEWAY),
        requests=3,
    ),
    Check(
        "gateway-unknown-route",
        "Is API Gateway's own answer a problem document that scripts of other sites can read?",
        'curl -si "$API/no/such/route/at/all"',
        "404, `application/problem+json`, `Access-Control-Allow-Origin: *`.",
        "The gateway responses in `.chalice/resources.yaml`.",
        unknown_route,
    ),
    Check(
        "gateway-binary",
        "Does the first type in `Accept` decide whether a QR code arrives as bytes?",
        'curl -s "$API/$CODE/qr" -H "Accept: image/png,*/*" | head -c 4\n'
        'curl -s "$API/$CODE/qr" -H "Accept: text/html,image/png" | head -c 4',
        "PNG where it is first, SVG where it is not; no Base64.",
        "Base64: `first_media_type` and API Gateway read `Accept` differently; answer SVG in that case.",
        binary_answers,
        ("front 21",),
        requests=3,
    ),
)
