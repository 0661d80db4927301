"""Checks of the redirect's function URL: who may call it, and what is believed there."""

from __future__ import annotations

from dev.admin.checks.check import Answer, Check
from dev.admin.checks.fronts import (
    FORBIDDEN,
    FORGED_IN_CURL,
    GUESSES,
    SIGNED_IN_CURL,
    TIME_IN_CURL,
    VISITS_IN_CURL,
    address_of,
    foreign_host,
    forged_at,
    guesses_at,
    guesses_in_curl,
)
from dev.admin.checks.stage import URL, Stage


def unsigned(stage: Stage) -> Answer:
    """Ask the function URL without a signature."""
    address = address_of(stage, URL)
    status = stage.request(address, "GET", f"/{stage.link()}").status
    return Answer(status == FORBIDDEN, f"status {status}")


def permissions(stage: Stage) -> Answer:
    """Read who may call the alias of the redirect, and how its URL is protected."""
    address_of(stage, URL)
    lambdas, name = stage.client("lambda"), stage.function("redirect")
    policy = lambdas.get_policy(FunctionName=name, Qualifier="live")["Policy"]
    auth = lambdas.get_function_url_config(FunctionName=name, Qualifier="live")["AuthType"]
    missing = [each for each in ('"lambda:InvokeFunctionUrl"', '"lambda:InvokeFunction"') if each not in policy]
    is_expected = not missing and "cloudfront.amazonaws.com" in policy and auth == "AWS_IAM"
    return Answer(is_expected, f"{auth}, missing: {missing or 'nothing'}")


CHECKS = (
    Check(
        "url-forged",
        "Is a forged country, host, address or id believed at the function URL, past CloudFront?",
        f'{TIME_IN_CURL}; for N in 1 2; do curl -si "$URL/$CODE" {SIGNED_IN_CURL} {FORGED_IN_CURL}; done\n'
        f"{VISITS_IN_CURL}",
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
        guesses_in_curl("$URL", f" {SIGNED_IN_CURL}"),
        "401 five times, up to ten if a minute ends meanwhile, then 429: the address is that of the connection.",
        "`event_of_url` in `chalicelib/api/front.py` must take `sourceIp` alone, or what the distribution wrote. 403 at"
        " once: the credentials may not call the function URL.",
        guesses_at(URL),
        ("front 7",),
        requests=GUESSES,
        here="must hold",
    ),
    Check(
        "url-host",
        "Does the function URL refuse a `Host` that is not its own?",
        f'curl -si "$URL/$CODE" {SIGNED_IN_CURL} -H "Host: forged.example"',
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
)
