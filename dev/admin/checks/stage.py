"""The stage that is checked: its AWS, its addresses, and links of its own for the time of the checks."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from dev.deploy import stack, stages

GATEWAY, FRONT, URL = "gateway", "cloudfront", "function URL"
TARGET = "https://example.com/verify"
PREFIX = "verify-"
_LIFETIME_MINUTES = 20
_VISIBLE, _VISIBLE_HERE = 10, 60  # seconds until a visit is listed; this machine may be busy with other things
_SECRETS = (
    (re.compile(r"\b[sm]k_[\w-]+"), "<key>"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"), "<access key>"),
    (re.compile(r"arn:aws[\w-]*:(?:iam|sts)::[^\s\"',]+"), "<principal>"),
    (re.compile(r"(?<!\d)\d{12}(?!\d)"), "<account>"),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """The response to one request."""

    status: int
    headers: HTTPMessage
    body: bytes
    seconds: float

    @property
    def location(self) -> str | None:
        """Return where it leads to."""
        return self.headers.get("Location")


@dataclass
class Stage:
    """A deployed stage, with a key for the time of the checks."""

    name: str
    cloud: stack.Cloud
    outputs: Mapping[str, str]
    key: str
    is_local: bool
    minutes: float = 0
    """How much longer to wait than usual where a check is about time."""
    may_add: bool = False
    """A temporary function and a mapping that is disabled may be created."""
    say: Callable[[str], None] = print
    _run: str = field(default_factory=lambda: secrets.token_hex(3))
    _links: list[str] = field(default_factory=list)

    @property
    def stack_name(self) -> str:
        """Return the name of its stack."""
        return stack.name_of(self.name)

    @property
    def front(self) -> str:
        """Return what is in front of it, as in ``.chalice/deploy.json``."""
        return FRONT if "FrontUrl" in self.outputs else GATEWAY

    @property
    def parameters(self) -> Mapping[str, str]:
        """Return the parameters of its stack; in the place of a secret one is what keeps it as it is."""
        return stack.parameters_of(self.cloud, self.stack_name)

    def function(self, short: str) -> str:
        """Return the name of a function."""
        return f"{self.stack_name}-{short}"

    def client(self, service: str) -> Any:
        """Return a client of an AWS service."""
        return self.cloud.client(service)

    def address(self, origin: str) -> str | None:
        """Return an address of the service without a slash at its end; None: there is none."""
        if origin == GATEWAY:
            return stages.address(self.outputs)
        found = self.outputs.get("FrontUrl" if origin == FRONT else "RedirectUrl")
        return found.rstrip("/") if found else None

    @property
    def address_of_links(self) -> str:
        """Return where visitors follow links. On this machine at API Gateway: no distribution there signs requests."""
        at_gateway = stages.address(self.outputs)
        return at_gateway if self.is_local else self.address(FRONT) or at_gateway

    def request(
        self,
        address: str,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Make one request on a connection of its own; the path is sent as it is.

        Raises:
            OSError, HTTPException: there is no response.
        """
        parts = urlsplit(address)
        sent = {"User-Agent": "shortener-verify", **(headers or {})}
        netloc, is_tls = parts.netloc, parts.scheme == "https"
        if self.is_local and is_tls:  # names of AWS: the local AWS knows them by the Host header
            netloc, is_tls = urlsplit(self.client("lambda").meta.endpoint_url).netloc, False
            sent = {"Host": parts.netloc, "X-Forwarded-Proto": "https", **sent}
        connection = (HTTPSConnection if is_tls else HTTPConnection)(netloc, timeout=30)
        began = time.perf_counter()
        try:
            connection.request(method, parts.path + path, body, sent)
            response = connection.getresponse()
            content = response.read()
            return Reply(response.status, response.headers, content, time.perf_counter() - began)
        finally:
            connection.close()

    def signed(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None, url: str | None = None
    ) -> Reply:
        """Make a request to a function URL, signed with the credentials of this machine; ``headers`` are not signed.

        Raises:
            LookupError: there is no such URL, or there are no credentials.
        """
        address = url or self.address(URL)
        credentials = boto3.Session().get_credentials()
        if address is None or credentials is None:
            raise LookupError("There is no function URL, or there are no credentials.")
        request = AWSRequest(method, address + path, data=body, headers={"Host": urlsplit(address).netloc})
        SigV4Auth(credentials.get_frozen_credentials(), "lambda", self.cloud.region).add_auth(request)
        return self.request(address, method, path, {**dict(request.headers.items()), **headers}, body)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Make a call of the API with the key; return status and document."""
        headers = {"X-Api-Key": self.key, "Content-Type": "application/json"}
        payload = None if body is None else json.dumps(body).encode()
        reply = self.request(stages.address(self.outputs), method, path, headers, payload)
        return reply.status, json.loads(reply.body or b"null")

    def link(self, url: str = TARGET, **options: object) -> str:
        """Create a link that expires after minutes, and is deleted at the end; return its code.

        Raises:
            ValueError: it was not created.
        """
        code = f"{PREFIX}{self._run}-{len(self._links)}-{secrets.token_hex(2)}"
        self._links.append(code)  # before it exists, so that it is deleted even if its response is lost
        lasts = f"{_LIFETIME_MINUTES + round(self.minutes)}m"
        status, document = self.call(
            "POST", "/v1/links", {"url": url, "alias": code, "expiresIn": lasts, "title": "make verify", **options}
        )
        if status != 201:  # noqa: PLR2004  # created
            raise ValueError(f"POST /v1/links was answered {status}: {document}")
        return code

    def links(self, number: int) -> list[str]:
        """Create links at the same time; return their codes."""
        with ThreadPoolExecutor(number) as pool:
            return list(pool.map(lambda _: self.link(), range(number)))

    def remove_links(self) -> list[str]:
        """Delete the links that were created; return those that could not be deleted. They expire within minutes."""
        left = []
        for code in self._links:
            try:
                status = self.call("DELETE", f"/v1/links/{quote(code)}")[0]
            except (OSError, HTTPException, ValueError):
                status = 0
            if status not in {204, 404}:
                left.append(code)
        self._links.clear()
        return left

    def visits(self, code: str, number: int, patience: float | None = None) -> list[dict[str, Any]]:
        """Return the single visits of a link once there are ``number`` of them, or those after ``patience`` seconds."""
        if patience is None:
            patience = _VISIBLE_HERE if self.is_local else _VISIBLE
        deadline = time.monotonic() + patience
        while True:
            is_last = time.monotonic() >= deadline
            found: list[dict[str, Any]] = self.call("GET", f"/v1/links/{code}/visits")[1]["data"]
            if len(found) >= number or is_last:
                return found
            time.sleep(1)

    def counted(self, code: str) -> int:
        """Return how many visits of a link are counted."""
        total: int = self.call("GET", f"/v1/links/{code}")[1]["visits"]["total"]
        return total

    def resource(self, kind: str) -> str | None:
        """Return the physical id of a resource of the stack of which there is one; None: there is none."""
        found = stack.resources(self.cloud, self.stack_name, kind)
        return next(iter(found.values()), None)

    def stream(self) -> str:
        """Return the ARN of the stream of the table of clicks."""
        table = self.client("dynamodb").describe_table(TableName=self.outputs["ClicksTable"])["Table"]
        arn: str = table["LatestStreamArn"]
        return arn

    def scrubbed(self, text: str) -> str:
        """Return a text without keys, account numbers, people and our hosts, and of a length for a table."""
        for pattern, instead in _SECRETS:
            text = pattern.sub(instead, text)
        addresses = (self.outputs.get("BaseUrl"), *(self.address(each) for each in (GATEWAY, FRONT, URL)))
        for host in filter(None, (urlsplit(each or "").netloc for each in addresses)):
            text = text.replace(host, "<host>")
        return text.replace(self.key, "<key>")[:700]
