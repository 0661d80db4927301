"""Which headers, cookies and parameters go on to an origin."""

from __future__ import annotations

from typing import Any

import pytest

from tests import cloudfront
from tests.cloudfront import Edge
from tests.cloudfront.forwarding import own_headers
from tests.cloudfront.messages import Request
from tests.cloudfront.sample import HOST, LAPTOP, PHONE, SECRET, TABLET, VISITOR, Recorder, ask, changed
from tests.cloudfront.template import DOMAIN, OWN_HEADERS


@pytest.mark.parametrize(
    ("name", "sent", "at_redirect", "at_api"),
    [
        ("User-Agent", LAPTOP, LAPTOP, LAPTOP),
        ("Referer", "https://a.example/", "https://a.example/", "https://a.example/"),
        ("Accept-Language", "pt", None, "pt"),
        ("Accept", "text/html", None, "text/html"),
        ("Content-Type", "text/plain", None, "text/plain"),
        ("X-Api-Key", "sk_1", None, "sk_1"),
        ("Authorization", "Bearer forged", cloudfront.SIGNATURE, "Bearer forged"),
        ("X-Front-Host", "forged.example", HOST, HOST),
        ("X-Front-Secret", "forged", SECRET, SECRET),
        ("CloudFront-Viewer-Country", "XX", "PT", None),
        ("CloudFront-Is-Mobile-Viewer", "true", "false", None),
        ("CloudFront-Viewer-City", "Porto", None, None),
        ("X-Forwarded-For", "198.51.100.1", f"198.51.100.1, {VISITOR}", f"198.51.100.1, {VISITOR}"),
        ("X-Forwarded-Proto", "http", None, None),
        ("X-Real-IP", "198.51.100.1", None, None),
        ("X-Edge-Anything", "x", None, None),
        ("X-HTTP-Method-Override", "DELETE", None, None),
        ("TE", "trailers", None, None),
        ("Via", "1.0 proxy", f"1.0 proxy, 1.1 {DOMAIN} (CloudFront)", f"1.0 proxy, 1.1 {DOMAIN} (CloudFront)"),
        ("Test-Viewer-Address", VISITOR, None, None),
    ],
)
def test_policies_choose_headers(
    edge: Edge, recorder: Recorder, name: str, sent: str, at_redirect: str | None, at_api: str | None
) -> None:
    """The redirect gets what its policy lists, the API all but Host; what CloudFront says itself overwrites."""
    for path, expected in (("/abc", at_redirect), ("/v1/links", at_api)):
        ask(edge, path, **{name: sent})

        assert recorder.seen[-1].headers.get(name.lower()) == expected


def test_the_redirect_gets_nothing_else(edge: Edge, recorder: Recorder) -> None:
    """Without headers of the visitor there are those of CloudFront, of the function and of the origin."""
    ask(edge, "/abc")

    names = {"host", "user-agent", "via", "x-forwarded-for", "x-amz-cf-id", "authorization"}
    ours = {"x-front", "x-front-host", "x-front-secret", "cloudfront-viewer-country", "cloudfront-is-mobile-viewer"}
    assert recorder.seen[-1].headers.keys() == names | ours
    assert recorder.seen[-1].headers["user-agent"] == "Amazon CloudFront"


def test_each_header_in_any_policy_is_known() -> None:
    """The headers that a policy may ask for are those that are filled in."""
    request = Request("GET", "/", "", {}, [], "192.0.2.1")

    assert own_headers(request, "PT").keys() == OWN_HEADERS


@pytest.mark.parametrize(
    ("policy", "host"), [({"HeaderBehavior": "allViewer"}, HOST), ({"HeaderBehavior": "none"}, "u.lambda-url.example")]
)
def test_a_policy_of_all_headers_forwards_the_host(edge: Edge, policy: dict[str, Any], host: str) -> None:
    """Which an origin of AWS refuses, so it must be visible in tests."""
    edge.template = changed("OfRedirect/Properties/OriginRequestPolicyConfig/HeadersConfig", policy)

    ask(edge, "/abc")

    assert edge.forwarded[-1].headers["host"] == host


@pytest.mark.parametrize(("agent", "is_mobile"), [(PHONE, "true"), (TABLET, "false"), (LAPTOP, "false"), ("", "false")])
def test_devices_are_told_by_their_user_agent(edge: Edge, agent: str, is_mobile: str) -> None:
    """A phone is mobile; a tablet is not, nor is anything else."""
    ask(edge, "/abc", User_Agent=agent, CloudFront_Is_Mobile_Viewer="forged")

    assert edge.forwarded[-1].headers["cloudfront-is-mobile-viewer"] == is_mobile


@pytest.mark.parametrize(("address", "country"), [("192.0.2.9", "DE"), ("192.0.2.8", "PT")])
def test_countries_are_told_by_the_address(edge: Edge, address: str, country: str) -> None:
    """The country is that of the visitor's address, as the test has it."""
    ask(edge, "/abc", Test_Viewer_Address=address)

    assert edge.forwarded[-1].headers["cloudfront-viewer-country"] == country


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        ("/abc", "unlocked=1; session=2", "unlocked=1"),
        ("/abc", "session=2", None),
        ("/v1/links", "unlocked=1; session=2", "unlocked=1; session=2"),
        ("/assets/a.js", "unlocked=1; session=2", None),
    ],
)
def test_policies_choose_cookies(edge: Edge, path: str, sent: str, expected: str | None) -> None:
    """The redirect gets the one cookie that its policy lists, the API all, a cached file none."""
    ask(edge, path, Cookie=sent)

    assert edge.forwarded[-1].headers.get("cookie") == expected


@pytest.mark.parametrize(("path", "is_kept"), [("/abc", True), ("/v1/links", True), ("/assets/a.js", False)])
def test_where_no_cookies_go_none_come_back(edge: Edge, recorder: Recorder, path: str, is_kept: bool) -> None:  # noqa: FBT001  # a column
    """CloudFront removes Set-Cookie from answers where it forwards no cookie."""
    recorder.headers = {"Set-Cookie": "a=1"}

    assert ask(edge, path).headers["Set-Cookie"] == ("a=1" if is_kept else None)


@pytest.mark.parametrize(
    ("behaves", "listed", "expected"),
    [
        ("all", [], "?b=1&a=2&a=3"),
        ("none", [], ""),
        ("whitelist", ["a"], "?a=2&a=3"),
        ("allExcept", ["a"], "?b=1"),
    ],
)
def test_policies_choose_parameters(edge: Edge, behaves: str, listed: list[str], expected: str) -> None:
    """Parameters of the query go on in their order, all values of each."""
    config = {"QueryStringBehavior": behaves, "QueryStrings": listed}
    edge.template = changed("OfRedirect/Properties/OriginRequestPolicyConfig/QueryStringsConfig", config)

    ask(edge, "/abc?b=1&a=2&a=3")

    assert edge.forwarded[-1].path == f"/abc{expected}"


def test_access_control_leaves_a_mark(edge: Edge) -> None:
    """Requests to the redirect are marked as signed, those to the API are not."""
    ask(edge, "/abc")
    ask(edge, "/v1/links", Authorization="Bearer sk_1")

    assert [cloudfront.is_signed(each.headers) for each in edge.forwarded] == [True, False]


@pytest.mark.parametrize(("headers", "status"), [({}, 403), ({"X-Amz-Content-Sha256": "0" * 64}, 200)])
def test_a_form_cannot_reach_an_origin_with_access_control(
    edge: Edge, recorder: Recorder, headers: dict[str, str], status: int
) -> None:
    """A body needs its hash in a header, which no browser's form sends."""
    assert ask(edge, "/forms/abc", "POST", b"password=x", **headers).status == status
    assert len(recorder.seen) == (status == 200)
