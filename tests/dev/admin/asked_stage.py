"""A stage for tests of `make verify`: what AWS and HTTP answer is what a test sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.client import HTTPMessage
from typing import Any
from unittest.mock import MagicMock

from botocore.exceptions import ClientError

from dev.admin.checks.check import Answer, Check
from dev.admin.checks.stage import TARGET, Reply, Stage

KEY = "sk_0123456789_abcdefghijkl"
OUTPUTS = {
    "EndpointURL": "https://id.execute-api.eu-west-1.amazonaws.com/api/",
    "RestAPIId": "id",
    "BaseUrl": "https://sho.rt",
}
OUTPUTS |= {"ClicksTable": "clicks", "AccessTable": "access"}
BEHIND = {"FrontUrl": "https://d1.cloudfront.net", "RedirectUrl": "https://u1.lambda-url.eu-west-1.on.aws/"}
REFUSED = ClientError(
    {"Error": {"Code": "AccessDenied", "Message": "arn:aws:iam::123456789012:user/ann may not"}}, "Do"
)


class Cloud:
    """An AWS whose clients say what a test sets."""

    region = "eu-west-1"

    def __init__(self) -> None:
        self.clients: dict[str, MagicMock] = {}

    def client(self, service: str) -> MagicMock:
        """Return a client, the same each time."""
        return self.clients.setdefault(service, MagicMock())

    @property
    def cloudformation(self) -> MagicMock:
        """Return the client of CloudFormation."""
        return self.client("cloudformation")


class Asked(Stage):
    """A stage whose HTTP responses a test sets, by method and path without the code of the link."""

    def __init__(
        self, *, is_local: bool = False, may_add: bool = False, outputs: Mapping[str, str] | None = None
    ) -> None:
        cloud: Any = Cloud()
        super().__init__(
            "dev", cloud, {**OUTPUTS, **(outputs or {})}, KEY, is_local, may_add=may_add, say=lambda _: None
        )
        self.cloud: Any = cloud
        self.sent: list[tuple[str, str, str, Mapping[str, str]]] = []
        self.replies: Callable[[str, str], Reply] = lambda _, __: reply(302, Location=TARGET)
        self.rows: list[dict[str, Any]] = [{"country": None}]
        self.totals = 1
        self.with_parameters()
        cloud.client("dynamodb").describe_table.return_value = {"Table": {"LatestStreamArn": "arn:stream"}}
        self.with_domains("")

    def with_parameters(self, **values: str) -> None:
        """Let its stack have these parameters."""
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
        cloudformation = self.cloud.cloudformation
        described = {"StackStatus": "UPDATE_COMPLETE", "Parameters": given}
        cloudformation.describe_stacks.return_value = {"Stacks": [described]}
        cloudformation.get_template.return_value = {"TemplateBody": {}}

    def with_domains(self, setting: str) -> None:
        """Let its functions have this setting DOMAINS."""
        variables = {"BASE_URL": OUTPUTS["BaseUrl"], "DOMAINS": setting}
        lambdas = self.cloud.client("lambda")
        lambdas.get_function_configuration.return_value = {"Environment": {"Variables": variables}}

    def request(
        self,
        address: str,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Record it, and return the reply that the test set."""
        del body
        self.sent.append((address, method, path, headers or {}))
        return self.replies(method, path)

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Answer as the API does."""
        del body
        if method == "POST":
            return 201, {}
        if method == "DELETE":
            return 204, None
        return 200, {"data": self.rows} if path.endswith("/visits") else {"visits": {"total": self.totals}}

    def visits(self, code: str, number: int, patience: float | None = None) -> list[dict[str, Any]]:
        """Return what is there, and wait for no more."""
        del patience
        return super().visits(code, number, 0)


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    """Return a reply."""
    message = HTTPMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return Reply(status, message, body, 0.01)


def check(ask: Callable[[Stage], Answer], here: Any = "nothing", name: str = "a-check") -> Check:
    """Return a check."""
    return Check(name, "Is it so?", "aws it", "It is.", "Change it.", ask, here=here)


def raising(failure: Exception) -> Callable[[Stage], Answer]:
    """Return what raises ``failure``."""

    def ask(_: Stage) -> Answer:
        raise failure

    return ask
