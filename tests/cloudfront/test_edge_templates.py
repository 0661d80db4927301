"""Templates: how they are read, what is refused of them, and how one follows another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from tests.cloudfront import Edge, Origin
from tests.cloudfront.sample import (
    CONFIG,
    FUNCTION,
    SECRET,
    TEMPLATE,
    VALUES,
    Recorder,
    ask,
    ask_on,
    cache_policy,
    changed,
    connected,
    request_policy,
    with_function,
)
from tests.cloudfront.template import ALL_BUT_HOST, CACHING_DISABLED


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("ViewerRequest/Properties/FunctionCode", "function handler(", "would not take this function"),
        ("ViewerRequest/Properties/FunctionCode", "import cf from 'cloudfront';", "would not take this function"),
        ("ViewerRequest/Properties/FunctionCode", "/*" + "x" * 10_240 + "*/", "larger than"),
        ("OfRedirect", request_policy([f"X-{number}" for number in range(11)]), "more than 10 headers"),
        ("OfRedirect", request_policy(["Authorization"]), "cannot list Authorization"),
        ("OfRedirect", request_policy(["CloudFront-Viewer-City"]), "cloudfront-viewer-city"),
        ("ByHost", cache_policy("none", ["X-Front-Host"], most=0), "can have nothing in its key"),
        (f"{CONFIG}/DefaultCacheBehavior/CachePolicyId", ALL_BUT_HOST, "no cache policy"),
        (f"{CONFIG}/DefaultCacheBehavior/CachePolicyId", {"Ref": "OfRedirect"}, "no cache policy OfRedirect"),
        (f"{CONFIG}/DefaultCacheBehavior/OriginRequestPolicyId", CACHING_DISABLED, "no origin request policy"),
        (f"{CONFIG}/DefaultCacheBehavior/AllowedMethods", ["GET", "HEAD", "POST"], "no such set of methods"),
        (f"{CONFIG}/DefaultCacheBehavior/TargetOriginId", "other", "no origin other"),
        (f"{CONFIG}/DefaultCacheBehavior/ResponseHeadersPolicyId", "x", "ResponseHeadersPolicyId"),
        (f"{CONFIG}/CacheBehaviors/0/LambdaFunctionAssociations", [{}], "LambdaFunctionAssociations"),
        (f"{CONFIG}/CacheBehaviors/0/FunctionAssociations/0/EventType", "viewer-response", "only viewer-request"),
        (f"{CONFIG}/CustomErrorResponses", [{"ErrorCode": 404, "ResponsePagePath": "/x"}], "ResponsePagePath"),
        (f"{CONFIG}/CustomErrorResponses", [{"ErrorCode": 404, "ResponseCode": 200}], "ResponseCode"),
        (f"{CONFIG}/CustomErrorResponses", [{"ErrorCode": 410, "ErrorCachingMinTTL": 0}], "no custom error 410"),
        (f"{CONFIG}/CustomErrorResponses", [{"ErrorCode": 404}, {"ErrorCode": 404}], "404 is there twice"),
        (f"{CONFIG}/Origins/0/Id", "third", "no origin redirect"),
        (f"{CONFIG}/Origins/0/DomainName", {"Ref": "Unknown"}, "needs a value for Unknown"),
        (f"{CONFIG}/Origins/0/DomainName", {"Fn::Base64": "x"}, "does not know Fn::Base64"),
    ],
)
def test_templates_that_are_refused(edge: Edge, path: str, value: Any, problem: str) -> None:
    """What CloudFront would refuse, or what is not modelled, is refused; what was deployed stays."""
    with pytest.raises(ValueError, match=problem):
        edge.template = changed(path, value)

    assert edge.template is TEMPLATE
    assert ask(edge, "/abc").status == 200


def test_each_origin_needs_an_address(edge: Edge) -> None:
    """An origin of the template that leads nowhere is found before a request."""
    edge.origins = {}

    with pytest.raises(ValueError, match="needs an address"):
        edge.deploy(TEMPLATE, VALUES)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ({"Ref": "OriginSecret"}, SECRET),
        ({"Fn::Sub": "${Api}-${X}"}, "abc-x"),
        ({"Fn::Sub": ["${Api}-${Mine}", {"Mine": {"Ref": "X"}}]}, "abc-x"),
        ({"Fn::Join": ["-", ["a", {"Ref": "X"}]]}, "a-x"),
        ({"Fn::GetAtt": ["Redirect", "Url"]}, "https://u.example/"),
        ({"Fn::GetAtt": "Redirect.Url"}, "https://u.example/"),
        ({"Fn::If": ["HasNames", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsNever", "yes", "no"]}, "no"),
        ({"Fn::If": ["Given", "yes", "no"]}, "yes"),
    ],
)
def test_values_of_a_template_are_read(edge: Edge, value: Any, expected: str) -> None:
    """References, attributes, conditions and texts that are put together, with the values that the test gives."""
    values = {**VALUES, "X": "x", "Redirect.Url": "https://u.example/", "Given": True}

    edge.deploy(changed(f"{CONFIG}/Origins/0/OriginCustomHeaders/0/HeaderValue", value), values)
    ask(edge, "/abc")

    assert edge.forwarded[-1].headers["x-front-secret"] == expected


def test_a_resource_without_its_condition_is_not_there(edge: Edge) -> None:
    """A policy whose condition does not hold cannot be named."""
    with pytest.raises(ValueError, match="no cache policy ByHost"):
        edge.template = changed("ByHost/Condition", "IsNever")


def test_deployments_under_traffic(edge: Edge, recorder: Recorder) -> None:
    """Another template, secret and origin count for requests that begin later, and no request fails."""
    is_over = threading.Event()

    def visit() -> set[int]:
        found = set()
        with closing(connected(edge)) as connection:
            while not is_over.is_set():
                found.add(ask_on(connection, "/abc").status)
        return found

    with ThreadPoolExecutor(4) as pool:
        visits = [pool.submit(visit) for _ in range(4)]
        try:
            for number in range(10):
                edge.deploy(with_function(f"{FUNCTION}// {number}"), {**VALUES, "OriginSecret": f"secret-{number}"})
                edge.origins = {**edge.origins, "redirect": Origin("127.0.0.1", recorder.port, f"origin-{number}")}
            ask(edge, "/last")
        finally:
            is_over.set()  # or the visits would go on for ever, and the pool would wait for them

    assert {status for each in visits for status in each.result()} == {200}
    last = next(each for each in edge.forwarded if each.path == "/last")
    assert (last.headers["x-front-secret"], last.headers["host"]) == ("secret-9", "origin-9")
