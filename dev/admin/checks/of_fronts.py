"""Checks of what lies in front: API Gateway, the redirect's function URL, and CloudFront."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chalicelib.core.domains import Domains
from dev.admin.checks.check import Answer, Check, NotHereError, NotRunError
from dev.admin.checks.stage import FRONT, GATEWAY, TARGET, URL, Reply, Stage

SENT = ("a+b", "a%2Bb", "a%20b", "a%2Fb", "a%25b", "%C3%BC")
_COUNTRY = "CloudFront-Viewer-Country"
FORGED = {
    "X-Forwarded-For": "203.0.113.7",
    _COUNTRY: "ZZ",  # never assigned to a country
    "CloudFront-Viewer-Address": "203.0.113.7:443",
    "X-Front-Host": "forged.example",
    "X-Front": "address=203.0.113.7&id=00000000-0000-4000-8000-000000000000",
    "X-Front-Secret": "forged",
}
_FORGED_IN_CURL = (
    "-H 'X-Forwarded-For: 203.0.113.7' -H 'CloudFront-Viewer-Country: ZZ' -H \"X-Front-Host: $OTHER\""
    " -H 'X-Front: address=203.0.113.7&id=00000000-0000-4000-8000-000000000000' -H 'X-Front-Secret: forged'"
)
_FORGED_ADDRESS_IN_CURL = (
    '-H "X-Forwarded-For: 203.0.113.$N" -H "X-Front: address=203.0.113.$N&id=forged-$N" -H "X-Front-Secret: forged"'
)
_SIGNED = '--aws-sigv4 "aws:amz:$REGION:lambda" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
_TRIES = 11  # five a minute are let through: two minutes may begin meanwhile
_OK, _FOUND, _UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 200, 302, 401, 403, 429
_NOT_FOUND = 404
_RENAMED = "x-amzn-remapped-www-authenticate"
_PNG = b"\x89PNG"
UNCACHED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # the id of CloudFront's own policy CachingDisabled
_READ_OF_DISTRIBUTION = (
    "DefaultCacheBehavior",
    "CacheBehaviors",
    "CustomErrorResponses",
)  # its origins have the secret

Send = Callable[[str, str, Mapping[str, str], bytes | None], Reply]


def _address(stage: Stage, origin: str) -> str:
    found = stage.address(origin)
    if found is None:
        raise NotHereError(f"The front of this stage is {stage.front}.")
    return found


def _sender(stage: Stage, origin: str) -> Send:
    """Return what sends method, path, headers and body to an origin, signed where it takes nothing else."""
    address = _address(stage, origin)
    if origin == URL:
        return stage.signed
    return lambda method, path, headers, body: stage.request(address, method, path, headers, body)


def encoding_at(origin: str) -> Callable[[Stage], Answer]:
    """Return a check of what arrives of encoded paths and queries."""

    def ask(stage: Stage) -> Answer:
        send = _sender(stage, origin)
        code = stage.link(forwardPath=True, forwardQuery=True)
        seen, wrong = [], []
        for sent in SENT:
            reply = send("GET", f"/{code}/{sent}?q={sent}", {}, None)
            seen.append(f"{sent} -> {_short(reply)}")
            if not arrived(sent, reply.location):
                wrong.append(sent)
        return Answer(not wrong, "; ".join(seen) + (f"; lost: {', '.join(wrong)}" if wrong else ""))

    return ask


def arrived(sent: str, location: str | None) -> bool:
    """Tell whether a path and a query mean the same in ``location`` as where they were ``sent``.

    A gateway may decode a path before it hands it on, so a slash that was encoded may be one that is not.
    """
    parts = urlsplit(location or "")
    path = parts.path.removeprefix(urlsplit(TARGET).path + "/")
    return unquote(path) == unquote(sent) and parse_qs(parts.query) == parse_qs(f"q={sent}")


def _short(reply: Reply) -> str:
    return (reply.location or f"status {reply.status}").removeprefix(TARGET)


def forged_at(origin: str) -> Callable[[Stage], Answer]:
    """Return a check that headers which anybody can write are not believed: neither country, host, address nor id.

    Both requests have the same forged id: believed, they would be one visit.
    """

    def ask(stage: Stage) -> Answer:
        send = _sender(stage, origin)
        another = _other_host(stage)
        code = stage.link()
        replies = [send("GET", f"/{code}", _forged_for(another), None) for _ in range(2)]
        _require_permission(origin, replies[0].status)
        countries = _countries(stage, code, replies)
        is_expected = all(reply.location == TARGET for reply in replies) and len(countries) == len(replies)
        is_expected = is_expected and FORGED[_COUNTRY] not in countries
        is_expected = is_expected and (origin != FRONT or None not in countries)
        host = (
            "the host of another domain was forged"
            if another
            else "a host could not be tried: all of this stage lead to the default's links"
        )
        return Answer(is_expected, f"{_summary(replies, countries)}; {host}")

    return ask


def _other_host(stage: Stage) -> str | None:
    """Return a host of the stage where the links of the checks are not: a retired one, else one with its own links."""
    live = stage.client("lambda").get_function_configuration(FunctionName=stage.function("redirect"), Qualifier="live")
    variables: dict[str, str] = live.get("Environment", {}).get("Variables", {})
    listed = Domains.from_text(variables.get("DOMAINS", ""), variables.get("BASE_URL", "")).listed
    return next(iter(sorted(listed, key=lambda host: not listed[host].is_retired)), None)


def _forged_for(host: str | None) -> dict[str, str]:
    return {**FORGED, **({"X-Front-Host": host} if host else {})}


def _require_permission(origin: str, status: int) -> None:
    if origin == URL and status == _FORBIDDEN:
        raise NotRunError(
            "The function URL was answered 403: these credentials need lambda:InvokeFunctionUrl and"
            " lambda:InvokeFunction on its alias."
        )


def _countries(stage: Stage, code: str, replies: Sequence[Reply]) -> list[str | None]:
    """Return the countries of the visits that requests were; nothing is waited for where none was led on."""
    if any(reply.status != _FOUND for reply in replies):
        return []
    return [each["country"] for each in stage.visits(code, len(replies))]


def _summary(replies: Sequence[Reply], countries: Sequence[str | None]) -> str:
    statuses = ", ".join(str(reply.status) for reply in replies)
    return f"status {statuses}; {len(countries)} visits, country {', '.join(map(str, countries)) or 'unknown'}"


def guesses_at(origin: str, prefix: str = "") -> Callable[[Stage], Answer]:
    """Return a check that guesses of a password are counted by the real address, whichever a header names."""

    def ask(stage: Stage) -> Answer:
        send = _sender(stage, origin)
        code = stage.link(password="not to be guessed")  # noqa: S106  # of a link that leads to example.com
        statuses = list(_guesses(send, f"{prefix}/{code}"))
        _require_permission(origin, statuses[0])
        if statuses[0] in {_FORBIDDEN, _NOT_FOUND}:
            raise NotRunError(f"POST {prefix}/<code> was answered {statuses[0]}: forms have another path here.")
        return Answer(statuses[-1] == _TOO_MANY, f"statuses {', '.join(map(str, statuses))}")

    return ask


def _guesses(send: Send, path: str) -> Iterator[int]:
    for number in range(1, _TRIES + 1):
        address = f"203.0.113.{number}"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Forwarded-For": address,
            "CloudFront-Viewer-Address": f"{address}:443",
            "X-Front": f"address={address}&id=forged-{number}",
            "X-Front-Secret": "forged",
        }
        status = send("POST", path, headers, b"password=wrong").status
        yield status
        if status != _UNAUTHORIZED:
            return


def heads_at(origin: str) -> Callable[[Stage], Answer]:
    """Return a check that HEAD has an end: a second request on the same connection is answered."""

    def ask(stage: Stage) -> Answer:
        address = _address(stage, origin)
        code = stage.link()
        if stage.is_local:  # it has no TLS, and knows its distributions and function URLs by their Host alone
            reply = stage.request(address, "HEAD", f"/{code}")
            return Answer(reply.status == _FOUND and not reply.body, f"status {reply.status}")
        parts = urlsplit(address)
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.netloc, timeout=30, context=context)
        seen, statuses = [], []
        try:
            for method in ("HEAD", "GET"):
                connection.request(method, f"{parts.path}/{code}", headers={"User-Agent": "shortener-verify"})
                response = connection.getresponse()
                response.read()
                length = response.headers.get("Content-Length")
                seen.append(f"{method} {response.status}, Content-Length {length}")
                statuses.append(response.status)
        finally:
            connection.close()
        return Answer(statuses == [_FOUND, _FOUND], "; ".join(seen))

    return ask


def foreign_host(origin: str) -> Callable[[Stage], Answer]:
    """Return a check that an origin refuses a Host that is not its own."""

    def ask(stage: Stage) -> Answer:
        send = _sender(stage, origin)
        status = send("GET", f"/{stage.link()}", {"Host": "forged.example"}, None).status
        return Answer(status == _FORBIDDEN, f"status {status}")

    return ask


def unsigned(stage: Stage) -> Answer:
    """Ask the function URL without a signature."""
    address = _address(stage, URL)
    status = stage.request(address, "GET", f"/{stage.link()}").status
    return Answer(status == _FORBIDDEN, f"status {status}")


def body_of_get(stage: Stage) -> Answer:
    """Send a GET with a body to CloudFront."""
    status = stage.request(_address(stage, FRONT), "GET", f"/{stage.link()}", {}, b"{}").status
    return Answer(status == _FORBIDDEN, f"status {status}")


def renamed_headers(stage: Stage) -> Answer:
    """Look for the header that a REST API renames."""
    address = _address(stage, FRONT if stage.front == FRONT else GATEWAY)
    reply = stage.request(address, "GET", "/v1/links")
    names = sorted(name for name in reply.headers if "www-authenticate" in name.lower() or "remapped" in name.lower())
    is_expected = reply.status == _UNAUTHORIZED and [name.lower() for name in names] == [_RENAMED]
    return Answer(is_expected, f"status {reply.status}, {', '.join(names) or 'no such header'}")


def unknown_route(stage: Stage) -> Answer:
    """Ask API Gateway for a route that it does not have."""
    reply = stage.request(_address(stage, GATEWAY), "GET", "/no/such/route/at/all")
    seen = (reply.status, reply.headers.get_content_type(), reply.headers.get("Access-Control-Allow-Origin"))
    return Answer(seen == (_NOT_FOUND, "application/problem+json", "*"), ", ".join(map(str, seen)))


def binary_answers(stage: Stage) -> Answer:
    """Ask for a QR code with PNG as the first type, and as the second."""
    code = stage.link()
    address = _address(stage, FRONT if stage.front == FRONT else GATEWAY)
    seen, is_expected = [], True
    for accept, begins in (("image/png,*/*", _PNG), ("text/html,image/png", b"<svg")):
        reply = stage.request(address, "GET", f"/{code}/qr", {"Accept": accept})
        is_expected &= reply.status == _OK and reply.body.startswith(begins)
        seen.append(f"{accept}: {reply.status}, {reply.headers.get_content_type()}, begins with {reply.body[:5]!r}")
    return Answer(is_expected, "; ".join(seen))


def _distribution(stage: Stage) -> dict[str, Any]:
    number = stage.resource("AWS::CloudFront::Distribution")
    if number is None:
        raise NotHereError(f"The front of this stage is {stage.front}.")
    config: dict[str, Any] = stage.client("cloudfront").get_distribution_config(Id=number)["DistributionConfig"]
    return {name: config[name] for name in _READ_OF_DISTRIBUTION if name in config}


def behaviours(stage: Stage) -> Answer:
    """Read the behaviours of the distribution."""
    config = _distribution(stage)
    default = config["DefaultCacheBehavior"]
    others = config.get("CacheBehaviors", {}).get("Items", [])
    wrong = [each.get("PathPattern", "*") for each in (default, *others) if not _has_function(each)]
    cached = [each["PathPattern"] for each in others if each.get("CachePolicyId") != UNCACHED]
    methods = sorted(default["AllowedMethods"]["Items"])
    errors = config.get("CustomErrorResponses", {}).get("Quantity", 0)
    is_expected = not wrong and methods == ["GET", "HEAD"] and not errors
    is_expected = is_expected and default.get("CachePolicyId") == UNCACHED
    is_expected = is_expected and all(each.strip("/").startswith("assets") for each in cached)
    return Answer(
        is_expected,
        f"{len(others) + 1} behaviours, without the function: {wrong}, cached: {cached}, default takes {methods},"
        f" {errors} error pages",
    )


def _has_function(behaviour: Mapping[str, Any]) -> bool:
    there = behaviour.get("FunctionAssociations", {}).get("Items", [])
    return any(each["EventType"] == "viewer-request" for each in there)


def uncached(stage: Stage) -> Answer:
    """Follow a link twice at CloudFront."""
    address, code = _address(stage, FRONT), stage.link()
    replies = [stage.request(address, "GET", f"/{code}") for _ in range(2)]
    seen = [f"{reply.status} {reply.headers.get('X-Cache')}, Age {reply.headers.get('Age')}" for reply in replies]
    is_expected = all(reply.status == _FOUND and reply.headers.get("Age") is None for reply in replies)
    return Answer(is_expected and not any(" Hit" in f" {each}" for each in seen), "; ".join(seen))


def country_by_the_api(stage: Stage) -> Answer:
    """Follow a link on a path that a behaviour sends to the API, and look which country the visit has."""
    address, config = _address(stage, FRONT), _distribution(stage)
    patterns = [each["PathPattern"] for each in config.get("CacheBehaviors", {}).get("Items", [])]
    if "/*/qr" not in patterns:
        raise NotRunError(f"No behaviour sends the path of a link to the API: {', '.join(patterns)}")
    code = stage.link(forwardPath=True)
    replies = [stage.request(address, "GET", f"/{code}/x/qr", FORGED)]
    countries = _countries(stage, code, replies)
    is_expected = len(countries) == 1 and not {None, FORGED[_COUNTRY]} & {*countries}
    return Answer(is_expected and replies[0].location == f"{TARGET}/x/qr", _summary(replies, countries))


def permissions(stage: Stage) -> Answer:
    """Read who may call the alias of the redirect, and how its URL is protected."""
    _address(stage, URL)
    lambdas, name = stage.client("lambda"), stage.function("redirect")
    policy = lambdas.get_policy(FunctionName=name, Qualifier="live")["Policy"]
    auth = lambdas.get_function_url_config(FunctionName=name, Qualifier="live")["AuthType"]
    missing = [each for each in ('"lambda:InvokeFunctionUrl"', '"lambda:InvokeFunction"') if each not in policy]
    is_expected = not missing and "cloudfront.amazonaws.com" in policy and auth == "AWS_IAM"
    return Answer(is_expected, f"{auth}, missing: {missing or 'nothing'}")


_VISITS = 'curl -s "$API/v1/links/$CODE/visits" -H "X-Api-Key: $KEY"'
_ENCODED = f'for P in {" ".join(SENT)}; do curl -si "$API/$CODE/$P?q=$P" | grep -i ^location; done'

CHECKS = (
    Check(
        "gateway-encoding",
        "What arrives of `+`, `%2B`, `%20`, `%2F`, `%25` and umlauts in path and query at API Gateway?",
        _ENCODED,
        "The target has the same path and query, though `%2F` may be `/` and a space `%20`.",
        "Decode in `follow_with_path` of `chalicelib/api/redirect.py` what API Gateway leaves encoded, or the reverse.",
        encoding_at(GATEWAY),
        requests=8,
    ),
    Check(
        "cloudfront-encoding",
        "The same at CloudFront, whose origin is the function URL.",
        _ENCODED.replace("$API", "$FRONT"),
        "The same as at API Gateway.",
        "`event_of_url` in `chalicelib/api/front.py` decodes the path: let it do what the target shows to be missing.",
        encoding_at(FRONT),
        ("front 2",),
        requests=8,
    ),
    Check(
        "gateway-forged",
        "Does API Gateway pass on a forged country, or our own headers with a host, an address and an id, so that they"
        " are believed?",
        f'for N in 1 2; do curl -si "$API/$CODE" {_FORGED_IN_CURL}; done\n{_VISITS}',
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
        'for N in 1 2 3 4 5 6 7 8 9 10 11; do curl -s -o /dev/null -w "%{http_code} " "$API/$LOCKED"'
        f" -d password=wrong {_FORGED_ADDRESS_IN_CURL}; done",
        "401 five times, up to ten if a minute ends meanwhile, then 429.",
        "`client_address` in `chalicelib/api/requests.py` takes an address that is not the visitor's.",
        guesses_at(GATEWAY),
        ("front 7",),
        requests=13,
    ),
    Check(
        "url-forged",
        "Is a forged country, host, address or id believed at the function URL, past CloudFront?",
        f'for N in 1 2; do curl -si "$URL/$CODE" {_SIGNED} {_FORGED_IN_CURL}; done\n{_VISITS}',
        "302 to the target, both times; two visits without a country.",
        "`seen` in `chalicelib/api/front.py` must drop the header that was believed. 403: the credentials may not call"
        " the function URL.",
        forged_at(URL),
        ("front 7", "front 8"),
        requests=13,
        here="must hold",
    ),
    Check(
        "url-address",
        "`X-Forwarded-For` at a function URL is said to keep the leftmost entry: is it believed, or a forged"
        " `X-Front`?",
        f'for N in 1 2 3 4 5 6 7 8 9 10 11; do curl -s -o /dev/null -w "%{{http_code}} " "$URL/$LOCKED" {_SIGNED}'
        f" -d password=wrong {_FORGED_ADDRESS_IN_CURL}; done",
        "401 five times, up to ten if a minute ends meanwhile, then 429: the address is that of the connection.",
        "`event_of_url` in `chalicelib/api/front.py` must take `sourceIp` alone, or what the distribution wrote. 403 at"
        " once: the credentials may not call the function URL.",
        guesses_at(URL),
        ("front 7",),
        requests=13,
        here="must hold",
    ),
    Check(
        "cloudfront-forged",
        "Does the distribution overwrite forged headers, and does a visit have its real country?",
        f'for N in 1 2; do curl -si "$FRONT/$CODE" {_FORGED_IN_CURL}; done\n{_VISITS}',
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
        'for N in 1 2 3 4 5 6 7 8 9 10 11; do curl -s -o /dev/null -w "%{http_code} " "$FRONT/.form/$LOCKED"'
        f" -d password=wrong {_FORGED_ADDRESS_IN_CURL}; done",
        "401 five times, up to ten if a minute ends meanwhile, then 429.",
        "Look at `address` in `.chalice/viewer-request.js`, and at the secret: without it the function drops both.",
        guesses_at(FRONT, "/.form"),
        ("front 1", "front 6"),
        requests=13,
    ),
    Check(
        "cloudfront-api-country",
        "Has a visit its country where a behaviour sends its path to the API? `/*/qr` does, for links that pass their"
        " path on as well.",
        f'curl -si "$FRONT/$CODE/x/qr" {_FORGED_IN_CURL}\n{_VISITS}',
        "302 to the target with `/x/qr` behind it; one visit, whose country is the visitor's: two letters, not `ZZ`.",
        "Null: the behaviour needs `VisitorRequests`, as the default one has it (`dev/deploy/front.py`). `ZZ`:"
        " CloudFront lets a visitor's header through. No redirect: API Gateway does not send the path on.",
        country_by_the_api,
        ("front 2",),
        requests=12,
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
        "url-host",
        "Does the function URL refuse a `Host` that is not its own?",
        f'curl -si "$URL/$CODE" {_SIGNED} -H "Host: forged.example"',
        "403.",
        "Another refusal is as good. 302: `domainName` of the event must not choose a domain without the secret.",
        foreign_host(URL),
        requests=2,
    ),
    Check(
        "url-unsigned",
        "Does the function URL refuse what CloudFront has not signed?",
        'curl -si "$URL/$CODE"',
        "403.",
        "302: `AuthType` of the URL is not `AWS_IAM`. Set it in the template before anything else.",
        unsigned,
        ("front 11",),
        requests=2,
        here="must hold",
    ),
    Check(
        "url-permissions",
        "Has the alias both permissions that CloudFront needs?",
        'aws lambda get-policy --function-name "$STACK-redirect" --qualifier live\n'
        'aws lambda get-function-url-config --function-name "$STACK-redirect" --qualifier live',
        "`lambda:InvokeFunctionUrl` and `lambda:InvokeFunction` for cloudfront.amazonaws.com; `AWS_IAM`.",
        "Add the missing one, on the alias: without it every link answers 403 and no log says so.",
        permissions,
        ("front 11", "front 12"),
        requests=0,
        here="must hold",
    ),
    Check(
        "cloudfront-behaviours",
        "Is the distribution as it was meant to be?",
        "aws cloudfront get-distribution-config --id $(aws cloudformation describe-stack-resource --stack-name $STACK"
        " --logical-resource-id Distribution --query StackResourceDetail.PhysicalResourceId --output text)"
        f" --query 'DistributionConfig.[{','.join(_READ_OF_DISTRIBUTION)}]'",
        "Each behaviour has the viewer-request function; only `/assets/*` is cached; the default takes GET and HEAD.",
        "The template: a behaviour without the function lets visitors write our headers.",
        behaviours,
        ("front 1", "front 6", "front 9"),
        requests=0,
        here="must hold",
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
        "cloudfront-head",
        "Does HEAD end at CloudFront?",
        'curl -sI "$FRONT/$CODE" "$FRONT/$CODE"',
        "302 both times, on one connection, at once.",
        "`response_of_url` in `chalicelib/api/front.py` removes `Content-Length`; see which one arrives.",
        heads_at(FRONT),
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
