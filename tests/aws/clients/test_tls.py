"""Certificates are verified with few roots, which are read faster; the whole store is read only where it must be."""

from __future__ import annotations

import dataclasses
import re
import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

import botocore
import pytest

from chalicelib.aws.clients import http_client, http_connection
from chalicelib.aws.clients.tls import AMAZON_ROOTS, Trust
from chalicelib.settings import Aws, Credentials, Settings, settings
from tests.tls_server import TlsAws, make_certificate, tls_aws

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_NAMES = {
    *(f"Amazon Root CA {number}" for number in (1, 2, 3, 4)),
    "Starfield Services Root Certificate Authority - G2",
}


def test_roots_are_those_of_amazon_trust_services() -> None:
    """Each is in the store that botocore brings, to the byte, and is the authority that it should be."""
    store = (Path(botocore.__file__).parent / "cacert.pem").read_text("utf-8")
    roots = _PEM.findall(AMAZON_ROOTS.read_text("utf-8"))

    loaded: Any = Trust().context().get_ca_certs()
    names = [dict(name for (name,) in root["subject"])["commonName"] for root in loaded]
    assert all(root in store for root in roots)
    assert sorted(names) == sorted(_NAMES)
    assert len(roots) == len(_NAMES)


def test_few_roots_are_trusted_and_certificates_are_verified() -> None:
    """The default context of this process."""
    context = Trust().context()

    assert len(context.get_ca_certs()) == len(_NAMES)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_bundle_of_the_environment_replaces_the_roots(tmp_path: Path) -> None:
    """AWS_CA_BUNDLE, as with boto3."""
    bundle = make_certificate(tmp_path)
    given = Settings.from_environ({"BASE_URL": "https://sho.rt", "AWS_CA_BUNDLE": str(bundle)}).aws.ca_bundle

    trust = Trust(given)

    assert [root["subject"] for root in trust.context().get_ca_certs()] == [((("commonName", "127.0.0.1"),),)]
    assert not trust.widen()


def client_of(aws: TlsAws, monkeypatch: pytest.MonkeyPatch, trust: Trust) -> http_client.Client:
    """Return a client with two attempts."""
    given = Aws(region="eu-west-1", endpoint_url=aws.url, credentials=Credentials("k", "s", "t"), runtime_api="")
    monkeypatch.setattr(http_client, "settings", dataclasses.replace(settings, aws=given))
    monkeypatch.setattr(http_connection, "trust", trust)
    return http_client.dynamodb(seconds_to_connect=5, seconds_to_read=5, attempts=2)


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The arguments of each context that is created."""
    created: list[Any] = []
    real = ssl.create_default_context

    def create(**options: Any) -> ssl.SSLContext:
        created.append(options.get("cafile"))
        return real(**options)

    monkeypatch.setattr("chalicelib.aws.clients.tls.ssl.create_default_context", create)
    return created


def test_context_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contexts: list[Any]) -> None:
    """Whatever the number of connections."""
    certificate = make_certificate(tmp_path)
    with tls_aws(certificate) as aws:
        client = client_of(aws, monkeypatch, Trust(str(certificate)))
        for _ in range(3):
            client.get_item(TableName="t", Key={"code": {"S": "x"}})
            client.close()

    assert contexts == [str(certificate)]
    assert len(aws.done) == 3


def test_other_authority_of_the_store_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contexts: list[Any]
) -> None:
    """AWS in China, or a company's proxy: the first handshake fails with the few roots, and no later one."""
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # what OpenSSL takes for the system's store
    with tls_aws(certificate) as aws:
        client = client_of(aws, monkeypatch, Trust())
        for _ in range(3):
            client.get_item(TableName="t", Key={"code": {"S": "x"}})
            client.close()

    assert contexts == [AMAZON_ROOTS, None]
    assert len(aws.done) == 3


@pytest.mark.parametrize("host", ["127.0.0.1", "elsewhere.example"])
def test_unknown_authority_or_name_is_never_spoken_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """A certificate of nobody in the store, or one of another host."""
    certificate = make_certificate(tmp_path, host=host)
    trust = Trust(str(certificate)) if host != "127.0.0.1" else Trust()
    with tls_aws(certificate) as aws:
        client = client_of(aws, monkeypatch, trust)
        with closing(client), pytest.raises(http_client.Unreachable, match="certificate verify failed"):
            client.get_item(TableName="t", Key={"code": {"S": "x"}})

    assert aws.done == []
