"""Checks of the distribution: its behaviours, what it passes on, and that it keeps no answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dev.admin.checks.check import Answer, Check, NotHereError, NotRunError
from dev.admin.checks.fronts import (
    FORBIDDEN,
    FORGED_IN_CURL,
    FOUND,
    GUESSES,
    NOWHERE,
    SENT,
    TIME_IN_CURL,
    VISITS_IN_CURL,
    address_of,
    countries_of,
    encoded_in_curl,
    encoding_at,
    forged,
    forged_at,
    guesses_at,
    guesses_in_curl,
    heads_at,
    summary,
)
from dev.admin.checks.stage import FRONT, TARGET, Reply, Stage

UNCACHED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # the id of CloudFront's own policy CachingDisabled
ERRORS = (403, 404, 500, 502, 503, 504)
"""What CloudFront may keep for ten seconds, whatever the caching policy says, unless the distribution lists it."""
_READ_OF_DISTRIBUTION = (
    "DefaultCacheBehavior",
    "CacheBehaviors",
    "CustomErrorResponses",
)  # its origins have the secret


def behaviours(stage: Stage) -> Answer:
    """Read the behaviours of the distribution."""
    config = _distribution(stage)
    default = config["DefaultCacheBehavior"]
    others = config.get("CacheBehaviors", {}).get("Items", [])
    wrong = [each.get("PathPattern", "*") for each in (default, *others) if not _has_function(each)]
    cached = [each["PathPattern"] for each in others if each.get("CachePolicyId") != UNCACHED]
    methods = sorted(default["AllowedMethods"]["Items"])
    listed = {each["ErrorCode"]: each for each in config.get("CustomErrorResponses", {}).get("Items", [])}
    pages = [number for number, each in listed.items() if each.get("ResponsePagePath")]
    kept = sorted(each for each in {*ERRORS, *listed} if listed.get(each, {}).get("ErrorCachingMinTTL") != 0)
    is_expected = not wrong and methods == ["GET", "HEAD"] and not pages and not kept
    is_expected = is_expected and default.get("CachePolicyId") == UNCACHED
    is_expected = is_expected and all(each.strip("/").startswith("assets") for each in cached)
    return Answer(
        is_expected,
        f"{len(others) + 1} behaviours, without the function: {wrong}, cached: {cached}, default takes {methods},"
        f" error pages: {pages}, errors that are kept: {kept}",
    )


def _has_function(behaviour: Mapping[str, Any]) -> bool:
    there = behaviour.get("FunctionAssociations", {}).get("Items", [])
    return any(each["EventType"] == "viewer-request" for each in there)


def _distribution(stage: Stage) -> dict[str, Any]:
    number = stage.resource("AWS::CloudFront::Distribution")
    if number is None:
        raise NotHereError(f"The front of this stage is {stage.front}.")
    config: dict[str, Any] = stage.client("cloudfront").get_distribution_config(Id=number)["DistributionConfig"]
    return {name: config[name] for name in _READ_OF_DISTRIBUTION if name in config}


def uncached(stage: Stage) -> Answer:
    """Follow a link twice at CloudFront."""
    address, code = address_of(stage, FRONT), stage.link()
    replies = [stage.request(address, "GET", f"/{code}") for _ in range(2)]
    is_expected = all(reply.status == FOUND and not _is_kept(reply) for reply in replies)
    return Answer(is_expected, "; ".join(map(_cache_headers, replies)))


def errors(stage: Stage) -> Answer:
    """Ask twice for what the API does not have, and for what no link can have."""
    address, code = address_of(stage, FRONT), stage.link()
    seen, is_expected = [], True
    for name, path in (("API", f"/v1/{code}/unknown"), ("redirect", f"/{code}/1/2/3/4/5")):
        replies = [stage.request(address, "GET", path, {"Accept": "application/json"}) for _ in range(2)]
        if any(reply.status < 400 for reply in replies):  # noqa: PLR2004  # no error
            raise NotRunError(f"{path} was to be answered with an error, and was with {replies[0].status}.")
        first, second = (reply.headers.get("X-Request-Id") for reply in replies)
        is_same = first is not None and first == second
        is_expected &= not is_same and not any(_is_kept(reply) for reply in replies)
        seen += [f"{name} {_cache_headers(reply)}" for reply in replies]
        seen += ["with the same X-Request-Id"] if is_same else []
    return Answer(is_expected, "; ".join(seen))


def _is_kept(reply: Reply) -> bool:
    """Tell whether a response comes from CloudFront's cache. ``X-Cache`` may call an error that it kept an error."""
    return "Age" in reply.headers or "hit" in str(reply.headers.get("X-Cache")).lower()


def _cache_headers(reply: Reply) -> str:
    return f"{reply.status} {reply.headers.get('X-Cache')}, Age {reply.headers.get('Age')}"


def country_by_the_api(stage: Stage) -> Answer:
    """Follow a link on a path that a behaviour sends to the API, and look which country the visit has."""
    address, config = address_of(stage, FRONT), _distribution(stage)
    patterns = [each["PathPattern"] for each in config.get("CacheBehaviors", {}).get("Items", [])]
    if "/*/qr" not in patterns:
        raise NotRunError(f"No behaviour sends the path of a link to the API: {', '.join(patterns)}")
    code = stage.link(forwardPath=True)
    replies = [stage.request(address, "GET", f"/{code}/x/qr", forged())]
    countries = countries_of(stage, code, replies)
    is_expected = len(countries) == 1 and not {None, NOWHERE} & {*countries}
    return Answer(is_expected and replies[0].location == f"{TARGET}/x/qr", summary(replies, countries))


def body_of_get(stage: Stage) -> Answer:
    """Send a GET with a body to CloudFront."""
    status = stage.request(address_of(stage, FRONT), "GET", f"/{stage.link()}", {}, b"{}").status
    return Answer(status == FORBIDDEN, f"status {status}")


CHECKS = (
    Check(
        "cloudfront-behaviours",
        "Is the distribution as it was meant to be?",
        "aws cloudfront get-distribution-config --id $(aws cloudformation describe-stack-resource --stack-name $STACK"
        " --logical-resource-id Distribution --query StackResourceDetail.PhysicalResourceId --output text)"
        f" --query 'DistributionConfig.[{','.join(_READ_OF_DISTRIBUTION)}]'",
        "Each behaviour has the viewer-request function; only `/assets/*` is cached; the default takes GET and HEAD. No"
        f" error has a page, and {', '.join(map(str, ERRORS))} have an `ErrorCachingMinTTL` of 0.",
        "The template: a behaviour without the function lets visitors write our headers; an error that is not listed is"
        " kept for ten seconds.",
        behaviours,
        ("front 1", "front 6", "front 9"),
        requests=0,
        here="must hold",
    ),
    Check(
        "cloudfront-encoding",
        "Does the same arrive by way of CloudFront as at API Gateway (`gateway-encoding`)? It signs requests for the"
        " function URL, and its signatures of paths with `+`, `%20` or `( ) ! ' *` are reported not to match.",
        encoded_in_curl("$FRONT"),
        "The same as at API Gateway.",
        "403: the signature does not match, for CloudFront and the function URL read that character differently."
        " Percent-encode it in `.chalice/viewer-request.js`, in `request.uri` or `request.querystring`. Another target:"
        " `event_of_url` in `chalicelib/api/front.py` passes the path on as it was sent; see what the target shows.",
        encoding_at(FRONT),
        ("front 2",),
        requests=len(SENT) + 2,
    ),
    Check(
        "cloudfront-forged",
        "Does the distribution overwrite forged headers, and does a visit have its real country?",
        f'{TIME_IN_CURL}; for N in 1 2; do curl -si "$FRONT/$CODE" {FORGED_IN_CURL}; done\n{VISITS_IN_CURL}',
        "302 to the target, both times; two visits, whose country is the visitor's: two letters, not `ZZ`.",
        "Null: `CloudFront-Viewer-Country` is not in the policy of the default behaviour. `ZZ`: CloudFront lets it"
        " through; drop it in `.chalice/viewer-request.js`. 404, or one visit: that function does not overwrite"
        " `X-Front-Host` or `X-Front`.",
        forged_at(FRONT),
        ("front 5", "front 6"),
        requests=13,
    ),
    Check(
        "cloudfront-address",
        "Are guesses at CloudFront counted by the visitor's address, whichever a header names?",
        guesses_in_curl("$FRONT/.form"),
        "401 five times, up to ten if a minute ends meanwhile, then 429.",
        "Look at `address` in `.chalice/viewer-request.js`, and at the secret: without it the function drops both.",
        guesses_at(FRONT, "/.form"),
        ("front 1", "front 6"),
        requests=GUESSES,
    ),
    Check(
        "cloudfront-api-country",
        "Has a visit its country where a behaviour sends its path to the API? `/*/qr` does, for links that pass their"
        " path on as well.",
        f'{TIME_IN_CURL}; curl -si "$FRONT/$CODE/x/qr" {FORGED_IN_CURL}\n{VISITS_IN_CURL}',
        "302 to the target with `/x/qr` behind it; one visit, whose country is the visitor's: two letters, not `ZZ`.",
        "Null: the behaviour needs `VisitorRequests`, as the default one has it (`dev/deploy/front.py`). `ZZ`:"
        " CloudFront lets a visitor's header through. No redirect: API Gateway does not send the path on.",
        country_by_the_api,
        ("front 2",),
        requests=12,
    ),
    Check(
        "cloudfront-uncached",
        "Does each visit reach the function, so that it is counted?",
        'curl -si "$FRONT/$CODE" | grep -i -e ^HTTP -e ^x-cache -e ^age; curl -si "$FRONT/$CODE" | grep -i ^x-cache',
        "`Miss from cloudfront` both times, no `Age`.",
        "Give the default behaviour the policy `CachingDisabled`.",
        uncached,
        ("front 9",),
        requests=3,
    ),
    Check(
        "cloudfront-errors",
        "Is an error asked for anew each time? CloudFront keeps errors for ten seconds unless the distribution says 0,"
        " so that a link would stay unknown, or a failure last, for as long.",
        'for P in "v1/$CODE/unknown" "$CODE/1/2/3/4/5"; do for N in 1 2; do curl -si "$FRONT/$P"'
        ' -H "Accept: application/json" | grep -i -e ^HTTP -e ^x-cache -e ^age -e ^x-request-id; done; done',
        "404 each time, without `Age`, no `Hit` in `X-Cache`, and each `X-Request-Id` once.",
        "List the status among `CustomErrorResponses` in `.chalice/cloudfront.yaml`, with `ErrorCachingMinTTL: 0` and"
        " no page.",
        errors,
        ("front 9",),
        requests=5,
    ),
    Check(
        "cloudfront-body",
        "Is a GET with a body refused by CloudFront?",
        'curl -si -X GET -d "{}" "$FRONT/$CODE"',
        "403.",
        "302: nothing to change; correct what the documents say.",
        body_of_get,
        ("front 2",),
        requests=2,
    ),
    Check(
        "cloudfront-head",
        "Does HEAD end at CloudFront?",
        'curl -sI "$FRONT/$CODE" "$FRONT/$CODE"',
        "302 both times, on one connection, at once.",
        "`response_of_url` in `chalicelib/api/front.py` removes `Content-Length`; see which one arrives.",
        heads_at(FRONT),
        requests=3,
    ),
)
