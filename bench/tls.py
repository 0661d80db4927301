"""Certificates for the AWS of benchmarks: an authority with RSA keys, as AWS's, and the stores that trust it.

On AWS a function reads certificate authorities before its first call: boto3 the whole store that botocore brings, our
own client five of Amazon. Here each reads the same, and this authority besides.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import botocore
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_AMAZON_ROOTS = Path(__file__).parent.parent / "chalicelib" / "aws" / "clients" / "amazon_roots.pem"
_STORE = Path(botocore.__file__).parent / "cacert.pem"
_LASTS = timedelta(days=1)


@dataclass(frozen=True)
class Authority:
    """The files of an authority and of a certificate by it for 127.0.0.1."""

    folder: Path

    @property
    def server(self) -> Path:
        """Return the certificate of the server, with its key and what it was issued by."""
        return self.folder / "server.pem"

    @property
    def whole_store(self) -> Path:
        """Return the store of botocore and this authority: what boto3 reads."""
        return self.folder / "whole.pem"

    @property
    def amazon(self) -> Path:
        """Return Amazon's authorities and this one: what our client reads."""
        return self.folder / "amazon.pem"

    def context(self) -> ssl.SSLContext:
        """Return the context of a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        return context


def make_authority(folder: Path) -> Authority:
    """Write an authority, an intermediate one and a certificate of 127.0.0.1 into ``folder``."""
    folder.mkdir()
    authority = Authority(folder)
    root_key, middle_key, key = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))
    root = _certificate("bench root", root_key, "bench root", root_key, is_authority=True)
    middle = _certificate("bench", middle_key, "bench root", root_key, is_authority=True)
    leaf = _certificate("127.0.0.1", key, "bench", middle_key, is_authority=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority.server.write_bytes(private + leaf + middle)
    authority.whole_store.write_bytes(_STORE.read_bytes() + b"\n" + root)
    authority.amazon.write_bytes(_AMAZON_ROOTS.read_bytes() + b"\n" + root)
    return authority


def _certificate(
    name: str, key: rsa.RSAPrivateKey, issuer: str, issuer_key: rsa.RSAPrivateKey, *, is_authority: bool
) -> bytes:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LASTS)
        .not_valid_after(now + _LASTS)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if is_authority:
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    else:
        names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(name))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
