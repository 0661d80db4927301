"""The stack behind CloudFront, on the local AWS: its function URL, its API, and a stand-in for the distribution.

The local AWS's own distributions apply neither header policies nor access control, so ``tests.cloudfront`` applies the
packaged policies and function to each request. It says so when it starts. One test asks the local AWS's distribution.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest

from dev.admin.checks import listed
from dev.admin.checks.check import Verdict
from dev.deploy import commands, front, package, release, smoke, stack
from dev.deploy.front import CLOUDFRONT, Front
from dev.http_client import ask
from dev.local import local_aws
from tests import cloudfront, sizes
from tests.cloudfront import SIGNATURE, Edge, Origin
from tests.e2e import test_domains_by_host as by_host
from tests.e2e import test_stack as through_stack
from tests.e2e.conftest import aws_in, make_key
from tests.e2e.test_stack import Deployed
from tests.loopback import serving
from tests.paths import ROOT
from tests.sizes import SHARE, only_long

NAME = commands.LOCAL
BEHIND = Front(CLOUDFRONT, (CLOUDFRONT,))
HOSTS = [each["name"] for each in by_host.DOMAINS]
DOMAINS = "team.localhost=team,www.team.localhost=team,shop.localhost=shop,old.localhost=:retired"
VISITOR = "203.0.113.9"
ALL_SCOPES = "create,read,manage,admin"
PARAMETERS = {"LocalStream": "yes", "CountWaitSeconds": "0"}


@dataclass
class Stage:
    """A stack on a local AWS, its address, and its secrets as they are made."""

    port: int
    folder: Path
    secrets: list[str] = field(default_factory=list)
    made: Mapping[str, str] = field(default_factory=dict)
    may_go: tuple[str, ...] = ()

    @property
    def cloud(self) -> stack.Cloud:
        """Return the AWS."""
        return stack.Cloud("us-east-1")

    @property
    def address(self) -> str:
        """Return the address of the API itself."""
        return local_aws.api_address(self.port, self.made["RestAPIId"])

    def release(self) -> release.Release:
        """Return what releases, with the real smoke tests."""
        tests = release.Tests(
            lambda made, versions: smoke.test_versions(self.cloud.client("lambda"), versions, made, None),
            lambda made: smoke.test(local_aws.api_address(self.port, made["RestAPIId"]), made["BaseUrl"], None),
        )
        return release.Release(self.cloud, NAME, tests, self.may_go, say=lambda _: None)

    def package(self, behind: Front) -> package.Package:
        """Return the package of this machine behind a front, with domains that have links of their own."""
        built = package.build("local", for_this_machine=True, fresh=False, behind=behind)
        template = built.content
        for resource in template["Resources"].values():
            if variables := resource.get("Properties", {}).get("Environment", {}).get("Variables"):
                variables["DOMAINS"] = DOMAINS
            if resource["Type"] == "AWS::CloudFront::Distribution" and CLOUDFRONT in behind.names_at:
                resource["Properties"]["DistributionConfig"]["Aliases"] = HOSTS
        folder = self.folder / "-".join([behind.kind, *behind.names_at])
        folder.mkdir(exist_ok=True)
        for zipped in (built.code, built.api_code):
            (folder / zipped.name).write_bytes(zipped.read_bytes())
        (folder / "template.json").write_text(json.dumps(template))
        return package.Package(folder / "code.zip", folder / "template.json")

    def deploy(self, behind: Front, *may_go: str, base_url: str = "") -> None:
        """Deploy it behind a front."""
        self.may_go = may_go
        given = {**PARAMETERS, **({"BaseUrl": base_url} if base_url else {})}
        self.made = self.release().deploy(self.package(behind), given)

    def values(self, secret: str) -> dict[str, str]:
        """Return what references of the template mean, with the secret that the distribution sends."""
        of_aws = {"AWS::Region": "us-east-1", "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": NAME}
        return {
            **of_aws,
            "OriginSecret": secret,
            "RedirectUrl.FunctionUrl": self.made["RedirectUrl"],
            "RestAPI": self.made["RestAPIId"],
        }

    @property
    def origins(self) -> dict[str, Origin]:
        """Return where the two origins are on the local AWS."""
        url, api = urlsplit(self.made["RedirectUrl"]), urlsplit(self.address)
        return {
            "redirect": Origin("127.0.0.1", self.port, url.netloc, "", {}),
            "api": Origin("127.0.0.1", self.port, f"127.0.0.1:{self.port}", api.path, {}),
        }


@contextmanager
def stage_in(folder: Path) -> Iterator[Stage]:
    """Run a local AWS for a stage, and note each secret that is made for it."""
    real, secrets = front.new_secret, list[str]()

    def noted() -> dict[str, str]:
        parameters = real()
        secrets.append(parameters["OriginSecret"])
        return parameters

    with aws_in(folder / "aws") as port, pytest.MonkeyPatch.context() as patch:
        patch.setattr(front, "new_secret", noted)
        yield Stage(port, folder, secrets)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stack behind CloudFront, on an account that was empty."""
    with stage_in(tmp_path_factory.mktemp("fronts")) as made:
        made.deploy(BEHIND)
        yield made


@pytest.fixture(scope="module")
def edge(stage: Stage) -> Iterator[Edge]:
    """The stand-in for its distribution."""
    template = stage.package(BEHIND).content
    with cloudfront.running(template, stage.origins, stage.values(stage.secrets[-1])) as running:
        yield running


@pytest.fixture(scope="module")
def key(stage: Stage, edge: Edge) -> str:
    """The key of an administrator, and the same code at three domains."""
    made = make_key(stage.port, "ops", ALL_SCOPES)
    by_host.make_links(edge.url, made)
    return made


@pytest.fixture(scope="module")
def deployed(stage: Stage, edge: Edge, key: str) -> Deployed:
    """What the tests of the stack ask: everything by way of the distribution."""
    return Deployed(edge.url, stage.made["BaseUrl"], key=key)


def get(edge: Edge, host: str, path: str, **headers: str) -> by_host.Answer:
    """Get a path of a host by way of the distribution."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return at(edge.url, host, path, {**by_host.PAGE, "Test-Viewer-Address": VISITOR, **named})


def at(address: str, host: str, path: str, headers: Mapping[str, str]) -> by_host.Answer:
    """Get a path at an address, with another ``Host``."""
    parts = urlsplit(address)
    with closing(HTTPConnection(parts.netloc, timeout=30)) as connection:
        connection.request("GET", parts.path + path, headers={**headers, "Host": host})
        response = connection.getresponse()
        return by_host.Answer(response.status, response.getheader("Location"), response.read().decode("latin-1"))


# The same as at the gateway. What needs a POST of a code is not among them: forms have a path of their own here.
test_alias_is_unique = through_stack.test_alias_is_unique
test_deletion_holds_against_concurrent_changes = through_stack.test_deletion_holds_against_concurrent_changes
test_smoke_test_passes = through_stack.test_smoke_test_passes
test_call_has_two_addresses = through_stack.test_call_has_two_addresses
test_link_works_through_the_whole_stack = through_stack.test_link_works_through_the_whole_stack
test_errors_are_problems_behind_the_gateway = through_stack.test_errors_are_problems_behind_the_gateway
test_maximum_holds_between_containers = through_stack.test_maximum_holds_between_containers
test_every_path_reaches_its_function = through_stack.test_every_path_reaches_its_function
test_reference_is_in_the_zip_of_the_api = through_stack.test_reference_is_in_the_zip_of_the_api


@pytest.mark.usefixtures("key")
def test_hosts_lead_to_their_own_links(stage: Stage, edge: Edge) -> None:
    """As at the gateway: the distribution tells which host was asked for."""
    own = urlsplit(edge.url).netloc  # the distribution's own name leads to the default's links

    answers = by_host.what_hosts_answer(lambda host, path: get(edge, own if host == "127.0.0.1" else host, path))

    assert answers == by_host.expected(stage.made["BaseUrl"])


def test_link_called_v1_leads_on_beside_the_api(stage: Stage, edge: Edge) -> None:
    """By the redirect, at exactly its code; what is below that is the API's."""
    target = "https://example.com/before"
    item: Any = {"code": {"S": "v1"}, "originalUrl": {"S": target}, "forwardPath": {"BOOL": True}}
    stage.cloud.client("dynamodb").put_item(TableName="url-shortener", Item=item)

    followed = [ask(edge.url, method, "/v1")[:2] for method in ("GET", "HEAD")]
    below = [ask(edge.url, "GET", path)[:2] for path in ("/v1/typo", "/v1/links/x/typo", "/v1/qr", "/v1/report")]

    assert (followed, below) == ([(302, target)] * 2, [(404, None)] * 4)
    assert [each.origin for each in edge.forwarded[-6:]] == ["redirect"] * 2 + ["api"] * 4


def test_unknown_route_is_a_readable_problem(edge: Edge) -> None:
    """What API Gateway says of a path deeper than any, the redirect says behind the distribution."""
    smoke.expect_unknown_route(edge.url)

    assert edge.forwarded[-1].origin == "redirect"


@pytest.mark.usefixtures("key")
def test_hosts_share_no_error(edge: Edge) -> None:
    """One says that there is no such link, and the next, a moment later, leads to its own page for that."""
    answers = [get(edge, host, "/nowhere")[:2] for host in ("shop.localhost", "team.localhost")]

    assert answers == [(404, None), (302, "https://example.com/lost")]


@pytest.mark.usefixtures("key")
def test_failure_ends_with_its_cause(edge: Edge) -> None:
    """The distribution keeps no error: the next visitor after a failure, of any host, is led on."""
    origins = edge.origins
    with losing_answers(origins["redirect"], 3) as (losing, _):
        edge.origins = {**origins, "redirect": losing}
        try:
            answers = [get(edge, host, "/sale").status for host in ("team.localhost", "shop.localhost")]
        finally:
            edge.origins = origins

    assert answers == [502, 302]


def test_form_has_a_path_of_its_own(edge: Edge, deployed: Deployed) -> None:
    """A password is asked for, refused, accepted. CloudFront passes no POST of a code on."""
    code = through_stack.create(deployed, "https://example.com/shut", password="open sesame")["code"]

    page = through_stack.come(deployed, f"/{code}?x=1")
    answers = [
        through_stack.come(deployed, f"/.form/{code}?x=1", f"password={text}")[:2] for text in ("open", "open+sesame")
    ]

    assert page[0] == 401
    assert f'action="/.form/{code}?x=1"' in page[2].decode()
    assert answers == [(401, None), (303, "https://example.com/shut")]
    assert [each.behaviour for each in edge.forwarded[-3:]] == ["*", "/.form/*", "/.form/*"]
    assert through_stack.come(deployed, f"/{code}", "password=open+sesame")[0] == 403


def test_guesses_count_by_the_visitors_address(deployed: Deployed) -> None:
    """As the distribution saw it, whatever else a visitor says: nobody is told to wait for another's attempts."""
    code = through_stack.create(deployed, "https://example.com/shut", password="open sesame")["code"]

    def answer(address: str, claimed: str) -> int:
        claims = {"X-Forwarded-For": claimed, "X-Front": f"address={claimed}", "Test-Viewer-Address": address}
        return through_stack.come(deployed, f"/.form/{code}", "password=open+sesame", **claims)[0]

    own = list(until_refused(lambda number: answer(VISITOR, f"192.0.2.{number}"), 20))
    others = answer("203.0.113.10", VISITOR)

    assert own[0] == others == 303
    assert own[-1] == 429


def until_refused(answer: Callable[[int], int], most: int) -> Iterator[int]:
    """Yield the statuses of attempts up to the first 429; five a minute are let through, and a minute may end."""
    for number in range(most):
        status = answer(number)
        yield status
        if status == 429:
            return


def test_page_loads_files_that_are_kept(edge: Edge, deployed: Deployed) -> None:
    """Each has a digest in its address; the second visitor gets it from CloudFront. The page itself is asked for."""
    page = through_stack.come(deployed, "/")[2].decode()
    start = page.index('src="/assets/') + len('src="')
    file = page[start : page.index('"', start)]

    first, second = (through_stack.come(deployed, file) for _ in range(2))

    assert (first[0], first[2]) == (second[0], second[2]) == (200, second[2])
    assert len([each for each in edge.forwarded if each.path.endswith(file)]) == 1
    assert file.count("/") == 3


FORGED = {
    "CloudFront-Viewer-Country": "KP",
    "CloudFront-Is-Tablet-Viewer": "true",
    "X-Forwarded-For": "192.0.2.1",
    "X-Front-Host": "team.localhost",
    "X-Front": f"address=192.0.2.1&id=forged&at={int(time.time() * 1000)}",
    "X-Front-Secret": "guessed",
}


def test_visits_count_alike_whichever_function_answers(stage: Stage, edge: Edge, key: str) -> None:
    """By the redirect and, where a path ends as the API's do, by way of it, with country.

    What visitors write in these headers is not believed: not by the distribution, not at the function URL, not at
    execute-api.
    """
    body = {"url": "https://example.com/path", "alias": "paths", "forwardPath": True}
    assert smoke.with_key(edge.url, key, "POST", "/v1/links", body)[0] == 201
    host = urlsplit(edge.url).netloc
    url = urlsplit(stage.made["RedirectUrl"]).netloc
    local = f"http://127.0.0.1:{stage.port}"

    answers = {
        "code": get(edge, host, "/paths/a", **_underlined(FORGED)),
        "qr": get(edge, host, "/paths/a/qr"),
        "url": at(local, url, "/paths/url", {**by_host.PAGE, **FORGED, "Authorization": SIGNATURE}),
        "api": at(stage.address, f"127.0.0.1:{stage.port}", "/paths/api", {**by_host.PAGE, **FORGED}),
    }

    assert {name: answer[:2] for name, answer in answers.items()} == {
        "code": (302, "https://example.com/path/a"),
        "qr": (302, "https://example.com/path/a/qr"),
        "url": (302, "https://example.com/path/url"),
        "api": (302, "https://example.com/path/api"),
    }
    assert [(each.behaviour, each.origin) for each in edge.forwarded[-2:]] == [("*", "redirect"), ("/*/qr", "api")]
    assert at(local, url, "/paths/url", by_host.PAGE).status == 403  # without a signature
    visits = wait_for(lambda: visits_of(edge, key, "paths"), 4)
    assert sorted((each["country"] or "", each["device"]) for each in visits) == [
        *(("", "desktop"), ("", "desktop"), ("PT", "desktop"), ("PT", "desktop")),
    ]


WAYS = pytest.mark.parametrize(("path", "origin"), [("", "redirect"), ("/a/qr", "api")])
"""What is behind a code, and the origin that the distribution sends it to."""


@WAYS
def test_repeated_request_has_one_id(edge: Edge, key: str, path: str, origin: str) -> None:
    """Two answers are lost on the way back: the function is asked three times for one visit, and for the next once."""
    statuses, ids = repeated(edge, key, f"again-{origin}", path, origin)

    assert statuses == [302] * 4  # those that were lost had been answered as well
    assert (ids[:3], len(ids), len(set(ids))) == ([ids[0]] * 3, 4, 2)


@WAYS
def test_repeated_request_is_one_visit(edge: Edge, key: str, path: str, origin: str) -> None:
    """However often the distribution asks, as docs/front.md says: of two visits, one was asked for three times."""
    code = f"once-{origin}"
    repeated(edge, key, code, path, origin)

    repeated(edge, key, f"after-{code}", path, origin)
    assert counted_of(edge, key, f"after-{code}") == counted_of(edge, key, code) == 2  # they are counted in their order
    assert len(visits_of(edge, key, code)) == 2


def repeated(edge: Edge, key: str, code: str, path: str, origin: str) -> tuple[list[int], list[str]]:
    """Visit a new link twice, the first time without two of its answers.

    Returns the statuses of all that the function answered, and the ids of the visits that it was told.
    """
    body = {"url": "https://example.com/often", "alias": code, "forwardPath": True}
    assert smoke.with_key(edge.url, key, "POST", "/v1/links", body)[0] == 201
    origins, asked = edge.origins, len(edge.forwarded)
    with losing_answers(origins[origin], 2) as (losing, statuses):
        edge.origins = {**origins, origin: losing}
        try:
            answers = [get(edge, urlsplit(edge.url).netloc, f"/{code}{path}").status for _ in range(2)]
        finally:
            edge.origins = origins
    assert answers == [302, 302]
    return statuses, [parse_qs(each.headers["x-front"])["id"][0] for each in edge.forwarded[asked:]]


@contextmanager
def losing_answers(real: Origin, number: int) -> Iterator[tuple[Origin, list[int]]]:
    """Run a way to an origin that passes each request on, and cuts the connection instead of the first answers.

    Yields it, and the statuses of all that it was answered.
    """
    statuses: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with closing(HTTPConnection(real.host, real.port, timeout=30)) as connection:
                connection.request("GET", self.path, headers=dict(self.headers))
                response = connection.getresponse()
                body = response.read()
            statuses.append(response.status)
            if len(statuses) <= number:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as server:
        yield replace(real, host="127.0.0.1", port=server.server_port), statuses


def _underlined(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): text for name, text in headers.items()}


def visits_of(edge: Edge, key: str, code: str) -> list[dict[str, Any]]:
    """Return the visits of a link."""
    visits: list[dict[str, Any]] = smoke.with_key(edge.url, key, "GET", f"/v1/links/{code}/visits")[1]["data"]
    return visits


def counted_of(edge: Edge, key: str, code: str) -> int:
    """Return how many visits of a link are counted, once there are two."""

    def read() -> list[Any]:
        total: int = smoke.with_key(edge.url, key, "GET", f"/v1/links/{code}")[1]["visits"]["total"]
        return [None] * total

    return len(wait_for(read, 2))


def wait_for(read: Callable[[], list[Any]], number: int) -> list[Any]:
    """Return what ``read`` does once it is as many as ``number``; clicks are counted some seconds later."""
    give_up = time.monotonic() + 60
    while len(found := read()) < number and time.monotonic() < give_up:
        time.sleep(0.5)
    return found


def test_distribution_of_the_local_aws_leads_on(stage: Stage, edge: Edge, key: str) -> None:
    """Without a stand-in: CloudFormation made it, and it runs the function, sends the secret and forwards what it may.

    It signs nothing, so the function URL refuses it, and then takes requests without a signature for this test. Without
    the function, the forged host would be believed, which does not have this link, and one id and time would be one
    visit. Without the secret no country would be: here it is the visitor's own, which CloudFront would overwrite.
    """
    host = stage.made["FrontUrl"].removeprefix("https://")
    headers = {**by_host.PAGE, **FORGED, "X-Forwarded-Proto": "https"}
    body = {"url": "https://example.com/real", "alias": "of-local"}
    assert smoke.with_key(edge.url, key, "POST", "/v1/links", body)[0] == 201
    functions, name = stage.cloud.client("lambda"), f"{NAME}-redirect"

    refused = at(f"http://127.0.0.1:{stage.port}", host, "/of-local", headers)
    functions.update_function_url_config(FunctionName=name, Qualifier="live", AuthType="NONE")
    try:
        followed = [at(f"http://127.0.0.1:{stage.port}", host, "/of-local", headers)[:2] for _ in range(2)]
    finally:
        functions.update_function_url_config(FunctionName=name, Qualifier="live", AuthType="AWS_IAM")

    assert refused.status == 403
    assert followed == [(302, "https://example.com/real")] * 2
    assert [each["country"] for each in wait_for(lambda: visits_of(edge, key, "of-local"), 2)] == ["KP", "KP"]


@sizes.grows
def test_verification_asks_this_stage_everything(stage: Stage, tmp_path: Path) -> None:
    """`make verify` runs every command, and tells what only AWS can; those of the front alone in the short run."""
    of_front = [each for each in listed.CHECKS if each.name.startswith(("cloudfront-", "url-"))]
    checks = listed.CHECKS if sizes.IS_LONG else [each for each in of_front if each.name != "url-throttled"]
    report = tmp_path / "report.md"
    only = ",".join(each.name for each in checks)
    command = [sys.executable, "-m", "dev.admin.verify", "local", str(report), "", "", only]
    environ = os.environ | {"AWS_PORT": str(stage.port)}

    ran = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = report.read_text().partition("| check | verdict | seen |\n|---|---|---|\n")[2].partition("\n\n")[0]
    verdicts = dict(row.removeprefix("| ").split(" | ")[:2] for row in rows.splitlines())
    assert list(verdicts) == [each.name for each in checks]
    assert set(verdicts.values()) <= {Verdict.AS_EXPECTED, Verdict.ONLY_AWS}, ran.stdout
    assert {verdicts[each.name] for each in of_front if each.name in verdicts} == {Verdict.ONLY_AWS}
    assert all(f"    $ {line}" in ran.stdout for each in checks for line in each.command.splitlines())
    assert "the host of another domain was forged" in ran.stdout
    assert not any(secret in ran.stdout + report.read_text() for secret in stage.secrets)


@pytest.mark.usefixtures("key")
def test_another_secret_is_believed_throughout(stage: Stage, edge: Edge) -> None:
    """While the functions learn it, the distribution sends it, and they forget the one before: hosts are told apart."""
    release_of = stage.release()
    before, change = stage.secrets[-1], release.Release._change_parameters  # noqa: SLF001  # the stand-in must follow it

    def followed(of: release.Release, said: str, values: Mapping[str, str]) -> dict[str, str]:
        made = change(of, said, values)
        if "OriginSecret" in values:
            edge.deploy(edge.template, stage.values(values["OriginSecret"]))
        return made

    with Visits("sale", "https://example.com/team.localhost") as visits:
        visits.places["distribution"] = edge.url, "team.localhost"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(release.Release, "_change_parameters", followed)
            release_of.change_secret()

    assert visits.failed == []
    assert visits.numbers["distribution"] > 20
    edge.deploy(edge.template, stage.values(before))
    try:
        disbelieved = get(edge, "team.localhost", "/sale")[:2]
    finally:
        edge.deploy(edge.template, stage.values(stage.secrets[-1]))
    assert disbelieved == (302, "https://example.com/None")  # as at the default


@only_long
def test_links_are_followed_while_a_stage_moves_there_and_back(tmp_path: Path) -> None:
    """By `make deploy` alone, from an empty account: every 50 ms at each place that DNS may lead to.

    Each step of docs/front.md, both ways; on a slow machine the first three. A domain has its name in API Gateway,
    which the local AWS keeps and does not serve: visitors of it ask the API.
    """
    project = tmp_path / "project"
    shutil.copytree(ROOT, project, ignore=shutil.ignore_patterns(*by_host.NOT_COPIED))
    for kept in (ROOT / "dist").glob("dependencies-*"):
        shutil.copytree(kept, project / "dist" / kept.name)
    with stage_in(tmp_path) as stage:
        moves(Moving(stage.port, project))


MOVED = "https://example.com/moved"
HOST = "go.example"
STEPS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"namesAt": ["edge", "regional"]}, ""),
    ({"front": "cloudfront", "namesAt": ["regional"]}, HOST),
    ({"front": "cloudfront", "namesAt": ["regional", "cloudfront"]}, ""),
    ({"front": "cloudfront"}, HOST),
    ({"front": "cloudfront", "namesAt": ["regional", "cloudfront"]}, ""),
    ({"front": "cloudfront", "namesAt": ["regional"]}, HOST),
    ({"namesAt": ["edge", "regional"]}, "Distribution,RedirectUrl"),
    ({}, HOST),
)
"""What deploy.json says of the stage, and what `make deploy` is told may go."""


@dataclass
class Moving:
    """The stage dev of a copy of the project, deployed by command."""

    port: int
    project: Path

    def deploy(self, of_stage: Mapping[str, Any], may_go: str = "") -> str:
        """Deploy it; return what the command prints. It raises an error if that fails."""
        file = self.project / ".chalice" / "deploy.json"
        stages = json.loads(file.read_text())
        arn = "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
        arns = dict.fromkeys(("certificate", "regionalCertificate"), arn)
        stages["dev"] = {**of_stage, "parameters": {}, "domains": [{"name": HOST, **arns}]}
        file.write_text(json.dumps(stages))
        command = [sys.executable, "-m", "dev.deploy", "deploy", "dev", may_go]
        ran = subprocess.run(command, cwd=self.project, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    @property
    def made(self) -> Mapping[str, str]:
        """Return the outputs of the stack."""
        return stack.outputs(stack.Cloud("us-east-1"), stack.name_of("dev")) or {}

    @property
    def address(self) -> str:
        """Return the address of the API."""
        return local_aws.api_address(self.port, self.made["RestAPIId"])

    def of_distribution(self) -> tuple[dict[str, Any], dict[str, Origin], dict[str, str]]:
        """Return the template of now, where its origins are, and its values, with the secret that is sent."""
        of_stage = Stage(self.port, self.project, made=self.made)
        cloud, name = stack.Cloud("us-east-1"), stack.name_of("dev")
        (number,) = stack.resources(cloud, name, "AWS::CloudFront::Distribution").values()
        config = cloud.client("cloudfront").get_distribution_config(Id=number)["DistributionConfig"]
        (secret,) = {
            header["HeaderValue"]
            for origin in config["Origins"]["Items"]
            for header in origin["CustomHeaders"]["Items"]
        }
        deployed = stack.deployed(cloud, name)
        assert deployed is not None
        return deployed.template, of_stage.origins, of_stage.values(secret)


def moves(moving: Moving) -> None:
    """Move a stage there and back, under visitors."""
    moving.deploy({})
    key = make_key(moving.port, "ops", ALL_SCOPES, stage="dev")
    code = smoke.with_key(moving.address, key, "POST", "/v1/links", {"url": MOVED})[1]["code"]
    edge: Edge | None = None
    with ExitStack() as while_there, Visits(code, MOVED) as visits:  # visits end first: they ask what is running there
        address = moving.address
        visits.places["gateway"] = address, ""
        for of_stage, may_go in STEPS if SHARE == 1 else STEPS[:3]:
            places = places_of(of_stage)
            for left in visits.places.keys() - places:
                del visits.places[left]
            before, meanwhile = visits.numbers.copy(), set(visits.places)
            moving.deploy(of_stage, may_go)
            after = visits.numbers.copy()
            assert visits.failed == []
            assert min(after[name] - before[name] for name in meanwhile) > 5, (of_stage, before, after, visits.longest)
            assert moving.address == address
            if "distribution" in places:
                template, origins, values = moving.of_distribution()
                if edge is None:
                    edge = while_there.enter_context(cloudfront.running(template, origins, values))
                edge.origins = origins
                edge.deploy(template, values)
                visits.places["distribution"] = edge.url, ""
                if "domain" in places:
                    visits.places["domain"] = edge.url, HOST
        asked = wait_for(lambda: list(visits.numbers), 3)  # the last place may be a new one

    assert visits.failed == []
    assert set(asked) == {"gateway", "distribution", "domain"}
    print(f"Seconds between two visits at a place, at most: {visits.longest}")  # noqa: T201  # the log shows what was tried


def places_of(of_stage: Mapping[str, Any]) -> set[str]:
    """Return the places that answer while deploy.json says this: ``domain`` is its name at the distribution."""
    if "front" not in of_stage:
        return {"gateway"}
    return {"gateway", "distribution", *(["domain"] if "cloudfront" in of_stage.get("namesAt", ["cloudfront"]) else [])}


class Visits:
    """A visitor who follows a link every 50 ms at each of the places that DNS may lead to."""

    def __init__(self, code: str, target: str) -> None:
        self.places: dict[str, tuple[str, str]] = {}
        """By their names: addresses, and the host that is asked for there, if that is another."""
        self.numbers: Counter[str] = Counter()
        self.longest: dict[str, float] = {}
        """Seconds between two visits of a place, at most."""
        self.failed: list[Any] = []
        self._code, self._target = code, target
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._is_over.set()
        self._thread.join(30 * len(self.places) + 30)  # each visit may take 30 seconds
        assert not self._thread.is_alive(), "A visit has not ended: nothing that it says can be relied on."

    def _follow(self) -> None:
        last: dict[str, float] = {}
        while not self._is_over.wait(0.05):
            for name, (address, host) in list(self.places.items()):
                try:
                    got: Any = at(address, host or urlsplit(address).netloc, f"/{self._code}", by_host.PAGE)[:2]
                except (OSError, HTTPException) as failure:
                    got = repr(failure)
                if name not in self.places:  # it was asked before the place's removal was begun
                    last.pop(name, None)
                elif got != (302, self._target):
                    self.failed.append((name, got))
                else:
                    self.numbers[name] += 1
                    now = time.monotonic()
                    self.longest[name] = max(self.longest.get(name, 0), now - last.get(name, now))
                    last[name] = now
