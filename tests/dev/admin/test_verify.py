"""`make verify`: what each check concludes from what it sees, and what the report says and does not say."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPMessage
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from dev import checks_page
from dev.admin import keys, verify
from dev.admin.checks import listed, of_fronts, of_functions, of_load, of_streams
from dev.admin.checks.check import Answer, Check, Finding, NotHereError, NotRunError, Verdict, report_of
from dev.admin.checks.stage import FRONT, GATEWAY, TARGET, URL, Reply, Stage
from dev.deploy import stack, stages
from tests.paths import SHARED

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
        cloud.cloudformation.describe_stacks.return_value = {"Stacks": [{"Parameters": []}]}
        cloud.client("dynamodb").describe_table.return_value = {"Table": {"LatestStreamArn": "arn:stream"}}
        self.with_domains("")

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

    def visits(self, code: str, number: int, patience: float = 0) -> list[dict[str, Any]]:
        """Return what is there, and wait for no more."""
        return super().visits(code, number, patience)


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    """Return a reply."""
    message = HTTPMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return Reply(status, message, body, 0.01)


@pytest.fixture(autouse=True)
def _never_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_streams, "_SLACK", 0)
    monkeypatch.setattr(of_streams, "_WAIT", 0)
    monkeypatch.setattr(of_load, "_IDLE", 0)
    monkeypatch.setattr("dev.admin.checks.stage.time.sleep", lambda _: None)


def check(ask: Callable[[Stage], Answer], here: Any = "nothing", name: str = "a-check") -> Check:
    """Return a check."""
    return Check(name, "Is it so?", "aws it", "It is.", "Change it.", ask, here=here)


def raising(failure: Exception) -> Callable[[Stage], Answer]:
    """Return what raises ``failure``."""

    def ask(_: Stage) -> Answer:
        raise failure

    return ask


@pytest.mark.parametrize(
    ("here", "is_expected", "on_aws", "on_this_machine"),
    [
        ("nothing", True, Verdict.AS_EXPECTED, Verdict.ONLY_AWS),
        ("nothing", False, Verdict.OTHERWISE, Verdict.ONLY_AWS),
        ("must hold", True, Verdict.AS_EXPECTED, Verdict.ONLY_AWS),
        ("must hold", False, Verdict.OTHERWISE, Verdict.OTHERWISE),
        ("proves", True, Verdict.AS_EXPECTED, Verdict.AS_EXPECTED),
        ("proves", False, Verdict.OTHERWISE, Verdict.OTHERWISE),
    ],
)
def test_what_is_seen_makes_the_verdict(
    *,
    here: str,
    is_expected: bool,
    on_aws: Verdict,
    on_this_machine: Verdict,
) -> None:
    """On the local AWS only what it proves counts, and what must hold anywhere."""
    asked = check(lambda _: Answer(is_expected, "this"), here)

    assert asked.run(Asked()) == Finding(on_aws, "this")
    assert asked.run(Asked(is_local=True)) == Finding(on_this_machine, "this")


@pytest.mark.parametrize(
    ("failure", "on_aws", "on_this_machine"),
    [
        (NotHereError("No front."), Verdict.NOT_HERE, Verdict.NOT_HERE),
        (NotRunError("Too early."), Verdict.NOT_RUN, Verdict.ONLY_AWS),
        (REFUSED, Verdict.NOT_RUN, Verdict.ONLY_AWS),
        (EndpointConnectionError(endpoint_url="https://x"), Verdict.NOT_RUN, Verdict.NOT_RUN),
        (TimeoutError("no answer"), Verdict.NOT_RUN, Verdict.NOT_RUN),
        (KeyError("data"), Verdict.NOT_RUN, Verdict.NOT_RUN),
    ],
)
def test_failures_are_verdicts(failure: Exception, on_aws: Verdict, on_this_machine: Verdict) -> None:
    """No check ends with a traceback; the reason is told, without the account."""
    found = check(raising(failure)).run(Asked())

    assert found.verdict is on_aws
    assert found.seen
    assert "123456789012" not in found.seen
    assert check(raising(failure)).run(Asked(is_local=True)).verdict is on_this_machine


def test_report_has_no_secrets() -> None:
    """Neither key nor account, wherever they came from; every check is in it, the others with command and change."""
    seen = (
        f"{KEY} AKIAABCDEFGHIJKLMNOP arn:aws:lambda:eu-west-1:123456789012:function a|b\nsk_other_key https://sho.rt/x"
    )
    checks = [
        check(lambda _: Answer(is_expected=True, seen=seen), name="good"),
        check(lambda _: Answer(is_expected=False, seen=seen), name="other"),
        check(raising(REFUSED), name="refused"),
    ]
    found = verify.run(Asked(), checks)

    report = report_of([("stage", "dev")], found)

    assert not re.search(r"123456789012|sk_|AKIA|ann|sho\.rt", report)
    assert "| good | as expected |" in report
    assert "a\\|b" in report
    assert "## good" not in report
    assert "## other: otherwise\n\nIs it so?\n\n    aws it\n\n- Expected: It is." in report
    assert "## refused: could not be run" in report
    assert "| as expected | 1 |" in report


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], 0),
        ([Verdict.AS_EXPECTED, Verdict.ONLY_AWS, Verdict.NOT_HERE, Verdict.NOT_RUN], 0),
        ([Verdict.AS_EXPECTED, Verdict.OTHERWISE], 1),
    ],
)
def test_exit_code_tells_what_is_otherwise(verdicts: list[Verdict], code: int) -> None:
    """1 if anything is otherwise, whatever else there is."""
    asked = check(lambda _: Answer(is_expected=True, seen=""))

    assert verify.exit_code([(asked, Finding(verdict, "")) for verdict in verdicts]) == code


@pytest.mark.parametrize(
    ("sent", "location", "is_same"),
    [
        ("a+b", "/a+b?q=a%20b", True),
        ("a+b", "/a%20b?q=a%20b", False),
        ("a%2Bb", "/a+b?q=a%2Bb", True),
        ("a%2Bb", "/a+b?q=a+b", False),
        ("a%2Fb", "/a/b?q=a%2Fb", True),
        ("a%25b", "/a%25b?q=a%25b", True),
        ("a%25b", "/a%2525b?q=a%25b", False),
        ("%C3%BC", "/%C3%BC?q=%C3%BC", True),
        ("%C3%BC", "/%C3%83%C2%BC?q=%C3%BC", False),
        ("a%20b", None, False),
    ],
)
def test_encodings_are_compared_by_what_they_mean(*, sent: str, location: str | None, is_same: bool) -> None:
    """A path has a plus where it was sent one; a query has a space there."""
    assert of_fronts.arrived(sent, location and TARGET + location) is is_same


@pytest.mark.parametrize(
    ("origin", "country", "is_expected"),
    [
        (GATEWAY, None, True),
        (GATEWAY, "PT", True),
        (GATEWAY, "ZZ", False),
        (URL, None, True),
        (URL, "ZZ", False),
        (FRONT, "PT", True),
        (FRONT, None, False),
        (FRONT, "ZZ", False),
    ],
)
def test_forged_countries_are_seen(*, origin: str, country: str | None, is_expected: bool) -> None:
    """A forged country is never that of a visit; CloudFront has to bring a real one."""
    stage = Asked(outputs=BEHIND)
    stage.rows = [{"country": country}] * 2

    answer = of_fronts.forged_at(origin)(stage)

    assert answer.is_expected is is_expected
    assert stage.sent[-1][3]["CloudFront-Viewer-Country"] == "ZZ"
    assert ("Authorization" in stage.sent[-1][3]) == (origin == URL)


@pytest.mark.parametrize("origin", [GATEWAY, URL, FRONT])
@pytest.mark.parametrize(("visits", "is_expected"), [(1, False), (2, True)])
def test_forged_ids_are_seen(*, origin: str, visits: int, is_expected: bool) -> None:
    """Two requests with one forged id, and a wrong secret, are two visits."""
    stage = Asked(outputs=BEHIND)
    stage.rows = [{"country": "PT"}] * visits

    answer = of_fronts.forged_at(origin)(stage)

    assert answer.is_expected is is_expected
    assert f"{visits} visits" in answer.seen
    facts = [headers["X-Front"] for *_, headers in stage.sent]
    assert facts[0] == facts[1]
    assert re.fullmatch(r"address=203\.0\.113\.\d+&id=[\w-]+", facts[0])
    assert {headers["X-Front-Secret"] for *_, headers in stage.sent} == {"forged"}


@pytest.mark.parametrize(
    ("setting", "host"),
    [
        ("", "forged.example"),
        ("team.example=team", "team.example"),
        ("team.example=team,old.example=:retired", "old.example"),
    ],
)
def test_forged_host_is_one_that_would_lead_elsewhere(setting: str, host: str) -> None:
    """Any other is the default domain, believed or not: then the verdict says so. The report does not name it."""
    stage = Asked(outputs=BEHIND)
    stage.with_domains(setting)
    stage.rows = [{"country": None}] * 2

    believing, not_believing = of_fronts.forged_at(GATEWAY), of_fronts.forged_at(URL)
    seen = not_believing(stage)
    stage.replies = lambda _, __: reply(404)

    assert {headers["X-Front-Host"] for *_, headers in stage.sent} == {host}
    assert seen.is_expected is True
    assert ("could not be tried" in seen.seen) is (setting == "")
    assert host not in seen.seen
    assert believing(stage).is_expected is False


def test_function_url_that_may_not_be_called_is_not_judged() -> None:
    """By these credentials: a 403 says nothing about what would be believed. Elsewhere it does."""
    stage = Asked(outputs=BEHIND)
    stage.replies = lambda _, __: reply(403)
    checks = {each.name: each for each in listed.CHECKS}

    for name in ("url-forged", "url-address"):
        found = checks[name].run(stage)
        assert (found.verdict, "credentials" in found.seen) == (Verdict.NOT_RUN, True)
    assert checks["gateway-forged"].run(stage).verdict is Verdict.OTHERWISE


@pytest.mark.parametrize(
    ("statuses", "is_expected"),
    [([401] * 5 + [429], True), ([401] * 10 + [429], True), ([401] * 11, False), ([401, 302], False)],
)
def test_guesses_by_forged_addresses_are_stopped(*, statuses: list[int], is_expected: bool) -> None:
    """At the eleventh at the latest, even where a minute begins meanwhile."""
    stage, left = Asked(), iter(statuses)
    stage.replies = lambda _, __: reply(next(left))

    assert of_fronts.guesses_at(GATEWAY)(stage).is_expected is is_expected


@pytest.mark.parametrize("origin", [GATEWAY, URL, FRONT])
def test_each_guess_has_another_forged_address(origin: str) -> None:
    """In each header that could be read, with a wrong secret beside them."""
    stage = Asked(outputs=BEHIND)
    stage.replies = lambda _, __: reply(401)

    of_fronts.guesses_at(origin)(stage)

    for number, (*_, headers) in enumerate(stage.sent, 1):
        address = f"203.0.113.{number}"
        assert headers["X-Forwarded-For"] == address
        assert headers["X-Front"].startswith(f"address={address}&id=")
        assert headers["X-Front-Secret"] == "forged"
    assert len(stage.sent) == 11


@pytest.mark.parametrize(
    ("country", "location", "is_expected"),
    [
        ("PT", "/x/qr", True),
        (None, "/x/qr", False),
        ("ZZ", "/x/qr", False),
        ("PT", "", False),
        ("PT", None, False),
    ],
)
def test_visit_by_way_of_the_api_has_its_country(
    *, monkeypatch: pytest.MonkeyPatch, country: str | None, location: str | None, is_expected: bool
) -> None:
    """On a path that a behaviour sends to the API, as one that ends with /qr."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"Distribution": "D1"})
    stage = Asked(outputs=BEHIND)
    config = {"CacheBehaviors": {"Items": [behaviour(PathPattern="/*/qr")]}}
    stage.cloud.client("cloudfront").get_distribution_config.return_value = {"DistributionConfig": config}
    stage.replies = lambda _, __: reply(302, Location=TARGET + location) if location is not None else reply(403)
    stage.rows = [{"country": country}]

    assert of_fronts.country_by_the_api(stage).is_expected is is_expected
    assert stage.sent[-1][2].endswith("/x/qr")


@pytest.mark.parametrize(("is_local", "address"), [(False, BEHIND["FrontUrl"]), (True, OUTPUTS["EndpointURL"][:-1])])
def test_links_are_followed_where_visitors_do(*, is_local: bool, address: str) -> None:
    """At the distribution, except on this machine: it signs nothing there, so that codes are answered 403."""
    assert Asked(is_local=is_local, outputs=BEHIND).address_of_links == address


def test_head_is_asked_of_the_local_aws() -> None:
    """By the Host: nothing on this machine answers at the name of a distribution."""
    stage = Asked(is_local=True, outputs=BEHIND)

    of_fronts.heads_at(FRONT)(stage)

    assert [each[:2] for each in stage.sent] == [(BEHIND["FrontUrl"], "HEAD")]


def test_forms_without_a_path_are_not_tried() -> None:
    """A front where forms have another path cannot be asked this."""
    stage = Asked(outputs=BEHIND)
    stage.replies = lambda _, __: reply(403)

    with pytest.raises(NotRunError):
        of_fronts.guesses_at(FRONT, "/_")(stage)


@pytest.mark.parametrize(
    ("ask", "good", "bad"),
    [
        (of_fronts.unsigned, reply(403), reply(302, Location=TARGET)),
        (of_fronts.body_of_get, reply(403), reply(302, Location=TARGET)),
        (of_fronts.foreign_host(GATEWAY), reply(403), reply(302, Location=TARGET)),
        (of_fronts.foreign_host(URL), reply(403), reply(302, Location=TARGET)),
        (
            of_fronts.uncached,
            reply(302, X_Cache="Miss from cloudfront"),
            reply(302, X_Cache="Hit from cloudfront", Age="3"),
        ),
        (
            of_fronts.renamed_headers,
            reply(401, x_amzn_Remapped_WWW_Authenticate="Bearer"),
            reply(401, WWW_Authenticate="Bearer"),
        ),
        (
            of_fronts.unknown_route,
            reply(404, Content_Type="application/problem+json", Access_Control_Allow_Origin="*"),
            reply(403, Content_Type="application/json"),
        ),
    ],
)
def test_responses_of_a_front_are_judged(ask: Callable[[Stage], Answer], good: Reply, bad: Reply) -> None:
    """By status and headers."""
    stage = Asked(outputs=BEHIND)

    for seen, is_expected in ((good, True), (bad, False)):
        stage.replies = lambda _, __, seen=seen: seen  # type: ignore[misc]  # a default that binds the loop's value
        assert ask(stage).is_expected is is_expected


def test_checks_of_cloudfront_are_not_run_at_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them says which front there is."""
    monkeypatch.setattr(stack, "resources", lambda *_: {})
    stage = Asked()
    names = [
        each for each in listed.CHECKS if each.name.startswith(("cloudfront-", "url-")) and each.name != "url-throttled"
    ]

    assert len(names) > 8
    for each in names:
        assert each.run(stage) == Finding(Verdict.NOT_HERE, "The front of this stage is gateway.")


@pytest.mark.parametrize(
    ("first", "second", "is_expected"),
    [(b"\x89PNG...", b"<svg ...", True), (b"iVBORw0KGgo", b"<svg ...", False), (b"\x89PNG...", b"iVBORw0KGgo", False)],
)
def test_base64_of_a_picture_is_noticed(*, first: bytes, second: bytes, is_expected: bool) -> None:
    """A picture must arrive as bytes."""
    stage, bodies = Asked(), iter((first, second))
    stage.replies = lambda _, __: reply(200, next(bodies))

    assert of_fronts.binary_answers(stage).is_expected is is_expected


def behaviour(**changes: Any) -> dict[str, Any]:
    """Return a behaviour of a distribution as it should be."""
    return {
        "PathPattern": "/v1/*",
        "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "FunctionAssociations": {"Items": [{"EventType": "viewer-request"}]},
        "AllowedMethods": {"Items": ["HEAD", "GET"]},
        **changes,
    }


@pytest.mark.parametrize(
    ("default", "other", "is_expected"),
    [
        ({}, {}, True),
        ({}, {"PathPattern": "/assets/*", "CachePolicyId": "cached"}, True),
        ({}, {"CachePolicyId": "cached"}, False),
        ({}, {"FunctionAssociations": {}}, False),
        ({"CachePolicyId": "cached"}, {}, False),
        ({"AllowedMethods": {"Items": ["GET", "HEAD", "POST"]}}, {}, False),
    ],
)
def test_behaviours_are_read(
    *,
    monkeypatch: pytest.MonkeyPatch,
    default: dict[str, Any],
    other: dict[str, Any],
    is_expected: bool,
) -> None:
    """The function on each, the cache for assets alone, the default for reading alone."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"Distribution": "D1"})
    stage = Asked(outputs=BEHIND)
    config = {"DefaultCacheBehavior": behaviour(**default), "CacheBehaviors": {"Items": [behaviour(**other)]}}
    stage.cloud.client("cloudfront").get_distribution_config.return_value = {"DistributionConfig": config}

    assert of_fronts.behaviours(stage).is_expected is is_expected


def test_no_check_shows_what_the_distribution_proves_itself_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings have the secret among the origins: neither a command nor what is seen has those."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"Distribution": "D1"})
    stage = Asked(outputs=BEHIND)
    proof = {"Items": [{"HeaderName": "X-Front-Secret", "HeaderValue": "the-secret"}]}
    config = {
        "DefaultCacheBehavior": behaviour(),
        "CacheBehaviors": {"Items": [behaviour(PathPattern="/*/qr")]},
        "Origins": {"Items": [{"Id": "redirect", "OriginCustomHeaders": proof}]},
    }
    stage.cloud.client("cloudfront").get_distribution_config.return_value = {"DistributionConfig": config}
    of_cloudfront = [each for each in listed.CHECKS if each.name.startswith("cloudfront-")]

    assert "Origins" not in of_fronts._distribution(stage)  # noqa: SLF001  # what checks can show at all
    assert len(of_cloudfront) > 6
    assert "the-secret" not in report_of([], verify.run(stage, of_cloudfront))
    reading = [each.command for each in listed.CHECKS if "get-distribution" in each.command]
    assert len(reading) == 1
    for command in reading:
        shown = command.rpartition("--query ")[2]
        assert shown == "'DistributionConfig.[DefaultCacheBehavior,CacheBehaviors,CustomErrorResponses]'"


def source(**changes: Any) -> dict[str, Any]:
    """Return an event source as it should be."""
    return {
        **of_streams.SETTINGS,
        "EventSourceArn": "arn:stream",
        "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:shortener-dev-rows:live",
        **changes,
    }


@pytest.mark.parametrize(
    ("sources", "is_expected"),
    [
        ([source()], True),
        ([source(), source(EventSourceArn="arn:other")], True),
        ([], False),
        ([source(), source()], False),
        ([source(State="Disabled")], False),
        ([source(MaximumRetryAttempts=10000)], False),
        ([source(TumblingWindowInSeconds=0)], False),
        ([source(StartingPosition="LATEST")], False),
        ([source(FilterCriteria={"Filters": [{"Pattern": "{}"}]})], False),
        ([source(FunctionArn="arn:aws:lambda:eu-west-1:123456789012:function:shortener-dev-rows")], False),
    ],
)
def test_mapping_is_compared_with_the_template(*, sources: list[dict[str, Any]], is_expected: bool) -> None:
    """One, of the alias, with every setting that counting rests on."""
    stage = Asked()
    stage.cloud.client("lambda").list_event_source_mappings.return_value = {"EventSourceMappings": sources}

    assert of_streams.mapping(stage).is_expected is is_expected


def test_filter_is_tried_with_a_mapping_that_reads_nothing() -> None:
    """It is created disabled, deleted if it is accepted, and not tried without being told to."""
    stage = Asked(may_add=True)
    lambdas = stage.cloud.client("lambda")
    lambdas.create_event_source_mapping.return_value = {"UUID": "u1"}

    assert of_streams.filter_with_window(stage).is_expected is False
    assert lambdas.create_event_source_mapping.call_args.kwargs["Enabled"] is False
    lambdas.delete_event_source_mapping.assert_called_once_with(UUID="u1")
    lambdas.create_event_source_mapping.side_effect = ClientError(
        {"Error": {"Code": "InvalidParameterValueException"}}, "C"
    )
    assert of_streams.filter_with_window(stage).is_expected is True
    with pytest.raises(NotRunError, match="VERIFY_COLD"):
        of_streams.filter_with_window(Asked())


@pytest.mark.parametrize(
    ("numbers", "is_expected"),
    [
        (["9" * 21, "1" + "0" * 21, "1" + "0" * 22], True),
        (["1" * 40], True),
        (["1" * 41], False),
        (["1" * 20], False),
        (["2" * 22, "1" * 22], False),
    ],
)
def test_sequence_numbers_are_measured(*, numbers: list[str], is_expected: bool) -> None:
    """They rise as integers, and have 21 to 40 digits."""
    stage = Asked()
    streams = stage.cloud.client("dynamodbstreams")
    shards = [{"ShardId": "shardId-1", "SequenceNumberRange": {"StartingSequenceNumber": "1"}}]
    streams.describe_stream.return_value = {"StreamDescription": {"Shards": shards}}
    streams.get_records.return_value = {"Records": [{"dynamodb": {"SequenceNumber": each}} for each in numbers]}

    assert of_streams.sequence_numbers(stage).is_expected is is_expected


@pytest.mark.parametrize(("total", "is_expected"), [(1, True), (0, False)])
def test_click_is_counted_or_not(*, total: int, is_expected: bool) -> None:
    """It waits as long as the stack may take, and tells how long it took."""
    stage = Asked()
    stage.totals = total
    stage.cloud.cloudformation.describe_stacks.return_value = {
        "Stacks": [{"Parameters": [{"ParameterKey": "CountWaitSeconds", "ParameterValue": "0"}]}]
    }
    stage.minutes = 0.001

    answer = of_streams.counted(stage)

    assert answer.is_expected is is_expected
    assert re.search(r"counted after \d", answer.seen)


@pytest.mark.parametrize(("total", "is_expected"), [(10, True), (9, False), (11, False)])
def test_counts_of_a_crowd_are_compared(*, total: int, is_expected: bool) -> None:
    """Of each link, with the visits that were led on."""
    stage = Asked()
    stage.totals = total

    assert of_load.many_at_once(stage).is_expected is is_expected


@pytest.mark.parametrize(
    ("ask", "name", "answer", "is_expected"),
    [
        (of_streams.iterator_age, "get_metric_statistics", {"Datapoints": [{"Maximum": 900.0}]}, True),
        (of_streams.iterator_age, "get_metric_statistics", {"Datapoints": [{"Maximum": 4e6}]}, False),
        (of_streams.iterator_age, "get_metric_statistics", {"Datapoints": []}, None),
        (of_streams.conflicts, "get_metric_statistics", {"Datapoints": []}, None),
        (of_streams.conflicts, "get_metric_statistics", {"Datapoints": [{"Sum": 5.0}]}, False),
        (of_functions.metrics, "list_metrics", {"Metrics": [{"MetricName": "RedirectLatency"}]}, True),
        (of_functions.metrics, "list_metrics", {"Metrics": [{"MetricName": "Unknown"}]}, False),
        (of_functions.metrics, "list_metrics", {"Metrics": []}, None),
    ],
)
def test_metrics_are_judged_once_there_are_any(
    *,
    ask: Callable[[Stage], Answer],
    name: str,
    answer: Any,
    is_expected: bool | None,
) -> None:
    """Metrics that are not there yet are no finding."""
    stage = Asked()
    getattr(stage.cloud.client("cloudwatch"), name).return_value = answer

    found = check(ask).run(stage).verdict

    assert found is {True: Verdict.AS_EXPECTED, False: Verdict.OTHERWISE, None: Verdict.NOT_RUN}[is_expected]


@pytest.mark.parametrize(("state", "is_expected"), [("OK", True), ("INSUFFICIENT_DATA", True), ("ALARM", False)])
def test_alarms_that_fire_are_named(*, state: str, is_expected: bool) -> None:
    """By their logical ids."""
    stage = Asked()
    pages = [{"MetricAlarms": [{"AlarmName": "shortener-dev-RowsErrorsAlarm-1ABC", "StateValue": state}]}]
    stage.cloud.client("cloudwatch").get_paginator.return_value.paginate.return_value = pages

    answer = of_functions.alarms(stage)

    assert answer.is_expected is is_expected
    assert ("RowsErrorsAlarm" in answer.seen) is not is_expected


@pytest.mark.parametrize(("unreserved", "is_expected"), [(10, False), (50, True), (1000, True)])
def test_small_quota_is_otherwise(*, unreserved: int, is_expected: bool) -> None:
    """Fifty containers are what the default throttle needs."""
    stage = Asked()
    limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": unreserved}
    stage.cloud.client("lambda").get_account_settings.return_value = {"AccountLimit": limit}

    assert of_functions.quota(stage).is_expected is is_expected


def test_stack_policy_is_read() -> None:
    """One that denies what the deployment sets; none yet is no finding."""
    stage = Asked()
    policy = stage.cloud.cloudformation.get_stack_policy
    policy.return_value = {}
    with pytest.raises(NotRunError):
        of_functions.stack_policy(stage)

    for actions, is_expected in ((["Update:Replace", "Update:Delete"], True), (["Update:Delete"], False)):
        policy.return_value = {"StackPolicyBody": json.dumps({"Statement": [{"Effect": "Deny", "Action": actions}]})}
        assert of_functions.stack_policy(stage).is_expected is is_expected


@pytest.mark.parametrize(
    ("alias", "is_expected"),
    [
        ({"Name": "live", "FunctionVersion": "3"}, True),
        ({"Name": "live", "FunctionVersion": "$LATEST"}, False),
        ({"Name": "live", "FunctionVersion": "3", "RoutingConfig": {"AdditionalVersionWeights": {"4": 0.1}}}, False),
        ({"Name": "other", "FunctionVersion": "3"}, False),
    ],
)
def test_aliases_are_at_one_version(
    *, monkeypatch: pytest.MonkeyPatch, alias: dict[str, Any], is_expected: bool
) -> None:
    """Of every function of the stack."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"RedirectHandler": "shortener-dev-redirect"})
    stage = Asked()
    stage.cloud.client("lambda").list_aliases.return_value = {"Aliases": [alias]}

    assert of_functions.aliases(stage).is_expected is is_expected


@pytest.mark.parametrize(
    ("outputs", "numbers", "is_expected"),
    [
        ({}, [3, 3], True),
        ({}, [4, 4], False),
        ({}, [3], False),
        ({}, [], False),
        ({}, [3, 3, 3], False),
        (BEHIND, [4, 4], True),
        (BEHIND, [4, 3], False),
        (BEHIND, [3, 3], False),
    ],
)
def test_alarms_of_each_deployment_group_are_counted(
    *, monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str], numbers: list[int], is_expected: bool
) -> None:
    """Three judge new code, four where the stack has a distribution; those that are turned off judge nothing."""
    monkeypatch.setattr(stack, "resources", lambda *_: {"Application": "a"})
    stage = Asked(outputs=outputs)
    deploy = stage.cloud.client("codedeploy")
    deploy.list_deployment_groups.return_value = {"deploymentGroups": [str(place) for place in range(len(numbers))]}

    def answer(*, is_on: bool) -> bool:
        deploy.get_deployment_group.side_effect = [
            {"deploymentGroupInfo": {"alarmConfiguration": {"enabled": is_on, "alarms": [{}] * number}}}
            for number in numbers
        ]
        return of_functions.gradual(stage).is_expected

    assert answer(is_on=True) is is_expected
    assert answer(is_on=False) is False


def with_starts(*lines: str, status: int = 302) -> tuple[Asked, MagicMock]:
    """Return a stage whose temporary function logs ``lines``, one for each call, and its client of Lambda."""
    stage = Asked(may_add=True)
    parameters = [{"ParameterKey": name, "ParameterValue": name} for name in ("ArtifactBucket", "ArtifactKey")]
    stage.cloud.cloudformation.describe_stacks.return_value = {"Stacks": [{"Parameters": parameters}]}
    lambdas = stage.cloud.client("lambda")
    names = ("Runtime", "Role", "Handler", "Timeout", "Architectures")
    lambdas.get_function_configuration.return_value = dict.fromkeys(names, "same") | {
        "Environment": {"Variables": {"A": "1"}}
    }
    lambdas.invoke.side_effect = [
        {
            "Payload": io.BytesIO(json.dumps({"statusCode": status}).encode()),
            "LogResult": base64.b64encode(line.encode()).decode(),
        }
        for line in lines
    ]
    return stage, lambdas


REPORT = "REPORT RequestId: 1\tDuration: {} ms\tBilled Duration: 400 ms\tMemory Size: 512 MB\tInit Duration: {} ms\t"


@pytest.mark.parametrize(("took", "init", "is_expected"), [("40.25", "170.5", True), ("900", "700", False)])
def test_cold_starts_are_measured_in_a_copy(*, took: str, init: str, is_expected: bool) -> None:
    """The copy has the code, role and settings of the redirect, is invoked by name, and is deleted."""
    stage, lambdas = with_starts(*[REPORT.format(took, init)] * 5)

    answer = of_load.cold_start_at(512)(stage)

    assert answer.is_expected is is_expected
    assert f"{float(init):.0f} + {float(took):.0f}" in answer.seen
    created = lambdas.create_function.call_args.kwargs
    assert (created["FunctionName"], created["Role"], created["Code"]["S3Key"]) == (
        "shortener-dev-verify-512",
        "same",
        "ArtifactKey",
    )
    assert {each.kwargs["FunctionName"] for each in lambdas.invoke.call_args_list} == {"shortener-dev-verify-512"}
    lambdas.delete_function.assert_called_once_with(FunctionName="shortener-dev-verify-512")


def test_copy_is_deleted_whatever_happens() -> None:
    """Also if it cannot be invoked, and if Ctrl-C ends it."""
    for failure in (REFUSED, KeyboardInterrupt()):
        stage, lambdas = with_starts()
        lambdas.invoke.side_effect = failure
        with pytest.raises(type(failure)):
            of_load.cold_start_at(512)(stage)
        lambdas.delete_function.assert_called_once()


def test_nothing_is_added_without_being_told_to() -> None:
    """Without VERIFY_COLD=yes no function is created."""
    stage = Asked()

    for name in ("cold-start-512", "cold-start-1024", "url-throttled", "filter-refused"):
        found = next(each for each in listed.CHECKS if each.name == name).run(stage)
        assert (found.verdict, "VERIFY_COLD=yes" in found.seen) == (Verdict.NOT_RUN, True)
    assert not stage.cloud.client("lambda").create_function.called
    assert not stage.cloud.client("lambda").create_event_source_mapping.called


def test_links_are_removed() -> None:
    """Each link that was made, and those that could not be deleted are named."""
    stage = Asked()
    codes = [stage.link(), *stage.links(3)]
    deleted = []

    def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        del body
        deleted.append((method, path))
        return (500 if path.endswith(codes[1]) else 204), None

    stage.call = call  # type: ignore[method-assign]  # a stage of this test alone

    assert stage.remove_links() == [codes[1]]
    assert sorted(deleted) == sorted(("DELETE", f"/v1/links/{code}") for code in codes)
    assert all(code.startswith("verify-") for code in codes)


@contextmanager
def _a_key(*_: object) -> Iterator[str]:
    yield KEY


@pytest.mark.parametrize(("is_expected", "code"), [(True, 0), (False, 1)])
def test_command_reports_and_exits(
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    is_expected: bool,
    code: int,
) -> None:
    """It says the cost first, shows each check, prints the report and writes it to REPORT."""
    cloud = Cloud()
    cloud.cloudformation.describe_stacks.side_effect = REFUSED
    monkeypatch.setattr(stages, "find", lambda _: (cloud, OUTPUTS))
    monkeypatch.setattr(keys, "temporary_key", _a_key)
    monkeypatch.setattr(listed, "CHECKS", (check(lambda _: Answer(is_expected, f"{KEY} seen")),))
    file = tmp_path / "report.md"
    monkeypatch.setattr(sys, "argv", ["verify", "dev", str(file), "", "", ""])

    with pytest.raises(SystemExit) as ended:
        verify.main()

    said = capsys.readouterr().out
    assert ended.value.code == code
    assert all(f"- {each.what} *Not asked:* {each.why}" in file.read_text() for each in listed.NOT_ASKED)
    assert "1 checks of shortener-dev in eu-west-1, whose front is gateway: 1 requests at the most, 0.0 cents" in said
    assert " 1/1 a-check: Is it so?" in said
    assert "| stage | dev |" in file.read_text()
    assert KEY not in said
    assert file.read_text() in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "ten", "", ""), "MINUTES is 'ten'"),
        (("", "31", "", ""), "up to 30"),
        (("", "", "", "nothing"), "no check 'nothing'"),
        (("/no/such/folder/report.md", "", "", ""), "whose folder does not exist"),
    ],
)
def test_wrong_options_are_one_sentence(arguments: tuple[str, str, str, str], message: str) -> None:
    """Before anything is asked."""
    with pytest.raises(SystemExit, match=message):
        verify.Options.from_arguments(*arguments)


def test_checks_are_named_once() -> None:
    """By a name that ONLY takes; and each says what to expect and what to change."""
    names = [each.name for each in listed.CHECKS]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)
    assert all(each.command and each.expected and each.otherwise for each in listed.CHECKS)


def test_page_has_every_check() -> None:
    """`python -m dev.checks_page` writes them, and what none of them asks."""
    page = checks_page.PAGE.read_text("utf-8")

    assert checks_page.text() in page
    assert all(each.what in page and each.why in page for each in listed.NOT_ASKED)


@pytest.mark.parametrize(("page", "mark"), [("front", r"\breported\b"), ("streams", r"\*recorded\*")])
def test_each_unsettled_fact_has_a_check(page: str, mark: str) -> None:
    """What is known from reports and recordings alone is asked of AWS, or is listed with the reason why not."""
    file = SHARED / f"{page}.md"
    if not file.exists():
        pytest.skip(f"NOT TESTED: facts that are not settled. {file} is not there.")
    facts = re.findall(r"^(\d+)\. (.*)$", file.read_text("utf-8").partition("\n## Designs")[0], re.MULTILINE)
    unsettled = {f"{page} {number}" for number, text in facts if re.search(mark, text)}

    asked = {fact for each in listed.CHECKS for fact in each.facts}
    not_asked = {each.fact for each in listed.NOT_ASKED if each.fact.startswith(page)}
    assert unsettled
    assert unsettled - asked == not_asked
    assert all(each.what and len(each.why) > 40 for each in listed.NOT_ASKED)
