"""An AWS on loopback that speaks TLS, and whose connections die in one of four ways after a response."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.loopback import Server

WAYS_TO_DIE = ("close_notify", "fin", "rst", "silence")


@dataclass
class TlsAws:
    """A DynamoDB and an SQS. Each connection responds once, then dies in the way of ``dies``; empty: it lives on."""

    url: str = ""
    dies: str = ""
    done: list[tuple[str, Any]] = field(default_factory=list)
    """The operations that were carried out, and their requests."""
    died: threading.Event = field(default_factory=threading.Event)
    """A connection has died since this was cleared."""
    silent: list[socket.socket] = field(default_factory=list)


@contextmanager
def tls_aws(certificate: Path) -> Iterator[TlsAws]:
    """Serve within a ``with`` block; ``certificate`` is a PEM file with its key."""
    aws = TlsAws()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 64 * 1024
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            aws.done.append((operation, request))
            body = json.dumps(_response(operation, request)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            if aws.dies:
                self.close_connection = True
                _die(self.request, aws)
                aws.died.set()

        def log_message(self, *args: object) -> None:
            pass

    server = Server(Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    # The handshake is made by the thread of the connection, so that a bad one holds up nobody.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    aws.url = server.address.replace("http://", "https://")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
        for connection in aws.silent:
            connection.close()


def _die(connection: ssl.SSLSocket, aws: TlsAws) -> None:
    if aws.dies == "silence":  # neither read nor closed: nothing that is sent gets an answer
        aws.silent.append(socket.socket(fileno=connection.detach()))
    elif aws.dies == "close_notify":
        connection.settimeout(0)  # its answer is not waited for
        with suppress(OSError):
            connection.unwrap()
    elif aws.dies == "rst":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            socket.socket(fileno=connection.detach()).close()
    else:
        with suppress(OSError):
            plain = socket.socket(fileno=connection.detach())
            plain.shutdown(socket.SHUT_WR)
            plain.close()


def _response(operation: str, request: Any) -> dict[str, Any]:
    match operation:
        case "GetItem":
            return {"Item": request["Key"]}
        case "UpdateItem":
            return {"Attributes": {**request["Key"], "salt": {"B": "c2FsdA=="}}}
        case "SendMessageBatch":
            return {"Successful": [{"Id": each["Id"]} for each in request["Entries"]]}
    return {}


def make_certificate(folder: Path, *, host: str = "127.0.0.1") -> Path:
    """Write a certificate for ``host`` that is its own authority, with its key, into ``folder``; return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    alternative: x509.GeneralName = x509.IPAddress(IPv4Address(host)) if host[0].isdigit() else x509.DNSName(host)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{host}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file
