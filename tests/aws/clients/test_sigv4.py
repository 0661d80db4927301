"""Request signatures equal botocore's."""

from __future__ import annotations

import random
import string
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from chalicelib.aws.clients import sigv4
from chalicelib.settings import Credentials

REQUESTS = 3000
_LETTERS = string.ascii_letters + string.digits


def text(chance: random.Random, least: int, most: int, letters: str = _LETTERS) -> str:
    """Return a random text of limited length."""
    return "".join(chance.choices(letters, k=chance.randint(least, most)))


def test_signatures_equal_those_of_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    """3,000 requests of all kinds: services, regions, hosts, keys, tokens, targets, bodies, times."""
    chance = random.Random(1)  # noqa: S311  # the same requests each time
    start = datetime(2020, 2, 28, tzinfo=UTC)
    for _ in range(REQUESTS):
        now = start + timedelta(seconds=chance.randrange(10 * 365 * 86400))
        monkeypatch.setattr("botocore.auth.get_current_datetime", lambda now=now: now)
        keys = (text(chance, 16, 20), text(chance, 20, 60, _LETTERS + "+/"), chance.choice(["", text(chance, 1, 900)]))
        service, region = (
            chance.choice(["dynamodb", "sqs"]),
            chance.choice(["eu-west-1", "us-gov-east-1", "cn-north-1"]),
        )
        headers = {
            "host": chance.choice(
                [f"{service}.{region}.amazonaws.com", "127.0.0.1:4566", f"{text(chance, 1, 20)}.example"]
            ),
            "content-type": chance.choice(["application/x-amz-json-1.0", f"a/{text(chance, 1, 9)};  b=c "]),
            "x-amz-target": text(chance, 0, 80, _LETTERS + "._ "),
        }
        body = chance.randbytes(chance.randrange(2000))
        botocores = AWSRequest("POST", f"https://{headers['host']}/", dict(headers), body)
        SigV4Auth(BotocoreCredentials(keys[0], keys[1], keys[2] or None), service, region).add_auth(botocores)

        ours = sigv4.sign(headers, body, service, region, Credentials(*keys), now)

        assert ours["authorization"] == botocores.headers["Authorization"]
        assert ours["x-amz-date"] == botocores.headers["X-Amz-Date"]
        assert ours.get("x-amz-security-token") == botocores.headers.get("X-Amz-Security-Token")


def test_credentials_are_hidden_in_repr() -> None:
    """They appear neither in tracebacks nor in logs."""
    assert "secret" not in repr(Credentials("id-secret", "key-secret", "token-secret"))
