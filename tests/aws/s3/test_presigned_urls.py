"""Presigned URLs and forms equal botocore's."""

from __future__ import annotations

import base64
import json
import random
import string
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4PostAuth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotocoreCredentials

from chalicelib.aws.s3.presigned_urls import Signer
from chalicelib.settings import Credentials

TIMES = 500
KEYS = [
    pytest.param(Credentials("AKIAEXAMPLE", "wJalr/XUtnFEMI+K7MDENG", ""), id="of a user"),
    pytest.param(Credentials("ASIAEXAMPLE", "wJalr/XUtnFEMI+K7MDENG", "IQoJb3JpZ2luX2Vj//+a/b=="), id="of a session"),
]


MOMENTS = [
    datetime(2026, 11, 25, 9, 30, tzinfo=UTC),
    datetime(2028, 2, 28, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2028, 2, 29, tzinfo=UTC),
]
"""The last two are a second apart, and on different days."""


@pytest.fixture(params=MOMENTS, ids=str)
def now(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> datetime:
    """A fixed time, for botocore as well."""
    moment: datetime = request.param
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: moment)
    monkeypatch.setattr("botocore.signers.get_current_datetime", lambda: moment)
    return moment


def for_botocore(credentials: Credentials) -> BotocoreCredentials:
    """Return the same credentials for botocore."""
    return BotocoreCredentials(credentials.access_key, credentials.secret_key, credentials.session_token or None)


def parts_of(address: str) -> tuple[Any, ...]:
    """Return the parts of a URL; the order of query parameters does not matter."""
    parts = urlsplit(address)
    return parts.scheme, parts.netloc, parts.path, sorted(parse_qsl(parts.query, strict_parsing=True))


@pytest.mark.parametrize("credentials", KEYS)
def test_urls_equal_those_of_botocore(credentials: Credentials, now: datetime) -> None:
    """For many objects, regions, parameters and lifetimes."""
    chance = random.Random(1)  # noqa: S311  # the same addresses each time
    for _ in range(TIMES):
        region = chance.choice(["eu-west-1", "us-gov-east-1", "cn-north-1"])
        key = "".join(chance.choices(f"{string.ascii_letters}{string.digits}/._-", k=chance.randint(1, 60)))
        host = chance.choice([f"files.s3.{region}.amazonaws.com", "127.0.0.1:4566/files", "files.example:8443"])
        name = "".join(chance.choices(string.printable[:95] + "é…", k=chance.randint(0, 30)))
        query = chance.choice([{}, {"response-content-disposition": f'attachment; filename="{name}"'}])
        lasts = timedelta(seconds=chance.randint(1, 7 * 86400))
        url = f"https://{host}/{key}"
        request = AWSRequest("GET", url + (f"?{urlencode(query)}" if query else ""))
        S3SigV4QueryAuth(for_botocore(credentials), "s3", region, int(lasts.total_seconds())).add_auth(request)

        address = Signer(credentials, region, now).download(url, query, lasts)

        assert parts_of(address) == parts_of(request.url or "")


@pytest.mark.parametrize("credentials", KEYS)
def test_forms_equal_those_of_botocore(credentials: Credentials, now: datetime) -> None:
    """Field by field, and condition by condition; the signature is botocore's as well."""
    session = boto3.Session(
        credentials.access_key, credentials.secret_key, credentials.session_token or None, region_name="eu-west-1"
    )
    s3 = session.client("s3", config=Config(signature_version="s3v4"))
    fields, range_of_sizes = {"Content-Type": "text/csv"}, ["content-length-range", 1, 1000]
    request = AWSRequest("POST", "https://files.example")
    request.context["timestamp"] = f"{now:%Y%m%dT%H%M%SZ}"
    made = s3.generate_presigned_post("files", "imports/a", fields, [fields, range_of_sizes], 900)["fields"]

    form = Signer(credentials, "eu-west-1", now).upload(
        {"key": "imports/a", **fields}, [{"bucket": "files"}, range_of_sizes], timedelta(minutes=15)
    )

    signed = {"policy", "x-amz-signature"}
    assert form.keys() == made.keys()
    assert {name: form[name] for name in form.keys() - signed} == {name: made[name] for name in made.keys() - signed}
    assert policy_in(form) == policy_in(made)
    signer = S3SigV4PostAuth(for_botocore(credentials), "s3", "eu-west-1")
    assert form["x-amz-signature"] == signer.signature(form["policy"], request)


def policy_in(form: dict[str, str]) -> tuple[str, list[str]]:
    """Return the expiry of a form, and its conditions in any order."""
    policy = json.loads(base64.b64decode(form["policy"]))
    return policy.pop("expiration"), sorted(json.dumps(each) for each in policy.pop("conditions"))
