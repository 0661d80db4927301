"""Forwarding of a visitor's query, and of the path after the code."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from chalicelib.core.links.forwarding import MAX_BYTES, with_path, with_query

ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def presigned(key: str, **more: str) -> str:
    """Return a URL that gives access to an object of S3 without credentials."""
    s3 = boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id=ID,
        aws_secret_access_key=SECRET,
        config=Config(signature_version="s3v4"),
    )
    url: str = s3.generate_presigned_url("get_object", Params={"Bucket": "reports", "Key": key, **more})
    return url


def is_signed(url: str) -> bool:
    """Tell whether S3 would accept ``url``: sign the request again, decoded as S3 does, and compare."""
    parts = urlsplit(url)
    received = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    signature = received.pop("X-Amz-Signature")
    auth = S3SigV4QueryAuth(Credentials(ID, SECRET), "s3", "eu-west-1", expires=int(received["X-Amz-Expires"]))
    request = AWSRequest("GET", parts._replace(query="", fragment="").geturl(), params=received)
    request.context["timestamp"] = received["X-Amz-Date"]
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return hmac.compare_digest(signature, expected)


@pytest.mark.parametrize(
    ("stored", "query", "url"),
    [
        # Without a query, nothing changes.
        ("", {}, ""),
        ("?", {}, "?"),
        ("?a=1&&b", {}, "?a=1&&b"),
        ("?a=%7e+%2f&=&b==#c?d", {}, "?a=%7e+%2f&=&b==#c?d"),
        # Parameters are added.
        ("", {"a": ["1"]}, "?a=1"),
        ("?", {"a": ["1"]}, "?a=1"),
        ("#c", {"a": ["1"]}, "?a=1#c"),
        ("?b=2#c", {"a": ["1"]}, "?b=2&a=1#c"),
        ("?b=2#c?a=3&d", {"a": ["1"]}, "?b=2&a=1#c?a=3&d"),
        ("?b=2#", {"a": ["1"]}, "?b=2&a=1#"),
        ("?b=2", {"a": ["1", "3", "1"]}, "?b=2&a=1&a=3&a=1"),
        ("?b=2", {"a": ["1"], "c": ["3"]}, "?b=2&a=1&c=3"),
        ("?b=2", {"a": [""]}, "?b=2&a="),
        ("?b=2", {"a": []}, "?b=2"),
        # Parameters replace stored ones with the same name, wherever and however often they occur.
        ("?a=1", {"a": ["2"]}, "?a=2"),
        ("?a=1&b=2&a=3", {"a": ["4"]}, "?b=2&a=4"),
        ("?b=2&a", {"a": ["4"]}, "?b=2&a=4"),
        ("?a=1&b=2", {"a": [""]}, "?b=2&a="),
        ("?a=1&b=2", {"a": ["4", "5"]}, "?b=2&a=4&a=5"),
        ("?%61=1&b=2", {"a": ["4"]}, "?b=2&a=4"),
        ("?a+b=1&a%20b=2&c=3", {"a b": ["4"]}, "?c=3&a%20b=4"),
        ("?%C3%BC=1&b=2", {"ü": ["4"]}, "?b=2&%C3%BC=4"),
        ("?utm[a]=1&utm%5Ba%5D=2", {"utm[a]": ["4"]}, "?utm%5Ba%5D=4"),
        # Names are compared whole and case-sensitively.
        ("?aa=1&A=2&x=a", {"a": ["4"]}, "?aa=1&A=2&x=a&a=4"),
        # Everything else is unchanged, byte for byte.
        ("?b=%7e&c=~", {"a": ["1"]}, "?b=%7e&c=~&a=1"),
        ("?b=x+y&c=x%20y", {"a": ["1"]}, "?b=x+y&c=x%20y&a=1"),
        ("?b=%2f%2F/", {"a": ["1"]}, "?b=%2f%2F/&a=1"),
        ("?b=%zz&c=100%", {"a": ["1"]}, "?b=%zz&c=100%&a=1"),
        ("?b=%ff%FE", {"a": ["1"]}, "?b=%ff%FE&a=1"),
        ("?b==&c=d=e", {"a": ["1"]}, "?b==&c=d=e&a=1"),
        ("?b;c=2;d=3", {"a": ["1"]}, "?b;c=2;d=3&a=1"),
        ("?flag&b=", {"a": ["1"]}, "?flag&b=&a=1"),
        ("?=x&b", {"a": ["1"]}, "?=x&b&a=1"),
        ("?b=1&b=2&b=1", {"a": ["1"]}, "?b=1&b=2&b=1&a=1"),
        ("?b?c=1", {"a": ["1"]}, "?b?c=1&a=1"),
        ("?b=1&&c", {"a": ["1"]}, "?b=1&&c&a=1"),
        ("?&b=1", {"a": ["1"]}, "?&b=1&a=1"),
        # Parameters are encoded.
        ("", {"a": ["x y&z=1#?/+%"]}, "?a=x%20y%26z%3D1%23%3F%2F%2B%25"),
        ("", {"a&b=": ["1"]}, "?a%26b%3D=1"),
        ("", {"a": ["ü€😀"]}, "?a=%C3%BC%E2%82%AC%F0%9F%98%80"),
        ("", {"a": ["\r\nSet-Cookie: x"]}, "?a=%0D%0ASet-Cookie%3A%20x"),
        ("", {"a": ["\ud800"]}, "?a=%3F"),
        ("", {"a": ["-._~"]}, "?a=-._~"),
        ("", {"": ["x"]}, "?=x"),
    ],
    ids=ascii,
)
def test_a_query_is_added_to_the_target(stored: str, query: Mapping[str, list[str]], url: str) -> None:
    """The visitor's parameters override stored ones of the same name; nothing else is touched."""
    assert with_query(f"https://example.com/p%7e/{stored}", query) == f"https://example.com/p%7e/{url}"


def test_too_long_a_query_is_not_added() -> None:
    """One more byte than a header may have, and the target stays as it was; counted as it is sent."""
    stored = "https://example.com/?b=2"
    room = MAX_BYTES - len(f"{stored}&a=")

    assert len(with_query(stored, {"a": ["x" * room]})) == MAX_BYTES
    assert with_query(stored, {"a": ["x" * (room + 1)]}) == stored
    assert with_query(stored, {"a": ["ü" * (room // 6 + 1)]}) == stored
    assert with_query(stored, {"b": ["x" * MAX_BYTES]}) == stored


KEYS = ["2026/report.pdf", "über straße/1+1=2 & ~more~.pdf", "a%2Fb/#c?d;e.pdf"]
MORE = {"ResponseContentDisposition": 'attachment; filename="a b+c.pdf"', "ResponseContentType": "text/csv"}


@pytest.mark.parametrize("key", KEYS)
def test_signed_url_stays_valid_without_a_query(key: str) -> None:
    """It is unchanged, and S3 accepts it."""
    signed = presigned(key, **MORE)

    url = with_query(signed, {})

    assert url == signed
    assert is_signed(url)


@pytest.mark.parametrize("key", KEYS)
def test_signature_can_be_forwarded(key: str) -> None:
    """A link to an unsigned URL, followed with a signature in the query, gives a valid signed URL."""
    path, _, query = presigned(key, **MORE).partition("?")

    url = with_query(path, parse_qs(query, keep_blank_values=True))

    assert is_signed(url)
    assert url.partition("?")[0] == path


def test_newer_signature_replaces_a_stored_one() -> None:
    """Completely: no parameter of the old one is left."""
    old, new = presigned(KEYS[0]).replace("X-Amz-Expires=3600", "X-Amz-Expires=60"), presigned(KEYS[0])

    url = with_query(old, parse_qs(new.partition("?")[2]))

    assert not is_signed(old)
    assert is_signed(url)


def test_stored_signature_is_unchanged() -> None:
    """Byte for byte, with other parameters added."""
    signed = presigned(KEYS[1], **MORE)

    assert with_query(signed, {"utm_source": ["x"]}) == f"{signed}&utm_source=x"


@pytest.mark.parametrize(
    ("target", "segments", "url"),
    [
        # The end of the path, and what follows it.
        ("https://example.com/", ["a"], "https://example.com/a"),
        ("https://example.com", ["a"], "https://example.com/a"),
        ("https://example.com/b", ["a"], "https://example.com/b/a"),
        ("https://example.com/b/", ["a"], "https://example.com/b/a"),
        ("https://example.com/b//", ["a"], "https://example.com/b//a"),
        ("https://example.com/b", ["a", "c", "d"], "https://example.com/b/a/c/d"),
        ("https://example.com/b?q=1", ["a"], "https://example.com/b/a?q=1"),
        ("https://example.com?q=1", ["a"], "https://example.com/a?q=1"),
        ("https://example.com/b/?q=%7e+&&x", ["a"], "https://example.com/b/a?q=%7e+&&x"),
        ("https://example.com/b#c", ["a"], "https://example.com/b/a#c"),
        ("https://example.com/b?q=1#c", ["a"], "https://example.com/b/a?q=1#c"),
        ("https://example.com/b#c?q=1", ["a"], "https://example.com/b/a#c?q=1"),
        ("https://example.com/b?q=/x/#/y/", ["a"], "https://example.com/b/a?q=/x/#/y/"),
        ("https://example.com/%7e+b", ["a"], "https://example.com/%7e+b/a"),
        ("https://example.com/b", ["a", ""], "https://example.com/b/a/"),
        # Characters that are unencoded in a segment, and others.
        ("https://example.com/", ["a-._~!$&'()*+,;=:@"], "https://example.com/a-._~!$&'()*+,;=:@"),
        ("https://example.com/", ["a?b#c"], "https://example.com/a%3Fb%23c"),
        ("https://example.com/", ["\r\nx"], "https://example.com/%0D%0Ax"),
        ("https://example.com/", ["a\\b"], "https://example.com/a%5Cb"),
        ("https://example.com/", ['<"`|>'], "https://example.com/%3C%22%60%7C%3E"),
        ("https://example.com/", ["100%"], "https://example.com/100%25"),
        ("https://example.com/", ["\ud800"], "https://example.com/%3F"),
        # Three dots are a normal name.
        ("https://example.com/b", ["..."], "https://example.com/b/..."),
        ("https://example.com/b", ["..a", "a.."], "https://example.com/b/..a/a.."),
    ],
    ids=ascii,
)
def test_path_is_appended_to_that_of_the_target(target: str, segments: list[str], url: str) -> None:
    """The existing path, query and fragment are unchanged, byte for byte."""
    assert with_path(target, segments) == url


@pytest.mark.parametrize(
    ("segment", "written"),
    [
        ("a b", "a%20b"),
        ("über", "%C3%BCber"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
        ("😀", "%F0%9F%98%80"),
        ("a/b", "a%2Fb"),
        ("../b", "..%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("a+b", "a+b"),
        ("100%", "100%25"),
    ],
)
def test_segments_may_be_encoded_or_not(segment: str, written: str) -> None:
    """API Gateway decodes them, a local server does not; the result is the same, and a slash in them is encoded."""
    for received in (segment, quote(segment, safe=""), quote(segment, safe="").lower()):
        assert with_path("https://example.com/p", [received]) == f"https://example.com/p/{written}"


@pytest.mark.parametrize(
    "segments",
    [["."], [".."], ["%2e%2e"], ["%2E."], [".%2e"], ["%2e"], ["a", ".."], ["..", "a"], ["a", "%2E%2e", "b"]],
    ids=str,
)
def test_dot_segments_are_refused(segments: list[str]) -> None:
    """Browsers resolve them even if they are encoded, and would leave the path of the target."""
    assert with_path("https://example.com/a/b/", segments) is None


def test_double_encoded_dots_are_a_normal_name() -> None:
    """They stay encoded, so that browsers do not resolve them; decoded once, they are refused."""
    assert with_path("https://example.com/b", ["%252e%252e"]) == "https://example.com/b/%252e%252e"


def test_too_long_a_path_is_refused() -> None:
    """It would not fit into a header."""
    target = "https://example.com/b?q=1"
    room = MAX_BYTES - len(f"{target}/")

    assert len(with_path(target, ["x" * room]) or "") == MAX_BYTES
    assert with_path(target, ["x" * (room + 1)]) is None
