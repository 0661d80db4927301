"""The stack, deployed from its package: API Gateway, Lambda and DynamoDB, as they will be on AWS.

`E2E_URL=https://... E2E_KEY=sk_... make e2e` runs the same tests against a deployed address, with a key that may create
links; what only a local AWS can be asked to do (restart, be destroyed) is skipped there and says so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from dev import reference
from dev.deploy import commands, package, smoke, stack, versions
from dev.http_client import ask
from dev.local import local_aws, tables
from tests.e2e.conftest import aws_in, make_key
from tests.paths import ROOT
from tests.sizes import grows, only_long, usual_or_long


@dataclass
class Deployed:
    """A deployed API: its URL, and the base of its short URLs."""

    address: str
    base_url: str
    port: int | None = None
    state_dir: Path | None = None
    key: str | None = None


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The stack on a local AWS for this module, or the address in E2E_URL."""
    if url := os.environ.get("E2E_URL"):
        base_url = os.environ.get("E2E_BASE_URL", url).rstrip("/")
        yield Deployed(url.rstrip("/"), base_url, key=os.environ.get("E2E_KEY"))
        return
    state_dir = tmp_path_factory.mktemp("aws")
    with aws_in(state_dir) as port:
        make_table_of_the_first_version("us-east-1")
        built = package.build("local", for_this_machine=True, fresh=False)
        address = commands.deploy_locally(built, port)
        yield Deployed(address, address, port, state_dir)


def make_table_of_the_first_version(region: str) -> None:
    """Create the table of the first version, with one link, outside any stack."""
    dynamodb = boto3.client("dynamodb", region_name=region)
    dynamodb.create_table(
        TableName="url-shortener",
        KeySchema=[{"AttributeName": "code", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "code", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item: dict[str, Any] = {"code": {"S": "talk"}, "originalUrl": {"S": "https://example.com/talk"}}
    dynamodb.put_item(TableName="url-shortener", Item=item)


def create(deployed: Deployed, url: str, **fields: object) -> dict[str, str]:
    """Create a link that expires after ten minutes."""
    status, link = post(deployed, url=url, expiresIn="10m", **fields)
    assert status == 201, link
    made: dict[str, str] = link
    return made


def post(deployed: Deployed, **fields: object) -> tuple[int, Any]:
    """Create a link; return status and document."""
    return smoke.with_key(deployed.address, deployed.key, "POST", "/v1/links", fields)


def test_smoke_test_passes(deployed: Deployed) -> None:
    """Health, a new link with GET and HEAD, an unknown code."""
    smoke.test(deployed.address, deployed.base_url, deployed.key)


def test_links_of_an_older_table_are_kept(deployed: Deployed) -> None:
    """The table of an older version gets its index, and keeps its links."""
    if deployed.port is None:
        pytest.skip("NOT TESTED: an older version. There was none at this address.")

    assert ask(deployed.address, "GET", "/talk")[:2] == (302, "https://example.com/talk")
    table = boto3.client("dynamodb", region_name="us-east-1").describe_table(TableName="url-shortener")["Table"]
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == indexes_described()


def indexes_described() -> set[str]:
    """Return the names of the indexes of the links table."""
    described = next(each for each in tables.described() if each["TableName"] == "url-shortener")
    return {index["IndexName"] for index in described["GlobalSecondaryIndexes"]}


def test_link_called_v1_leads_on_beside_the_api(deployed: Deployed) -> None:
    """At exactly its code, which is also where the API begins; nothing below that is its, though it takes paths."""
    if deployed.port is None:
        pytest.skip("NOT TESTED: a link called v1. None can be created at a deployed address.")
    target = "https://example.com/before"
    item: Any = {"code": {"S": "v1"}, "originalUrl": {"S": target}, "forwardPath": {"BOOL": True}}
    boto3.client("dynamodb", region_name="us-east-1").put_item(TableName="url-shortener", Item=item)

    assert ask(deployed.address, "GET", "/v1")[:2] == (302, target)
    assert ask(deployed.address, "HEAD", "/v1")[:2] == (302, target)
    assert come(deployed, "/v1", "")[:2] == (303, target)
    for path in ("/v1/typo", "/v1/links/x/typo", "/v1/qr", "/v1/report"):
        assert ask(deployed.address, "GET", path)[:2] == (404, None)


def test_call_has_two_addresses(deployed: Deployed) -> None:
    """The one without a version works as well."""
    fields = {"url": "https://example.com/twice", "expiresIn": "10m"}

    made = [smoke.with_key(deployed.address, deployed.key, "POST", path, fields)[0] for path in ("/links", "/v1/links")]

    assert made == [201, 201]


def test_unknown_route_is_a_readable_problem(deployed: Deployed) -> None:
    """API Gateway's 403 becomes a 404 problem with CORS headers."""
    if local_aws.is_here(deployed.address):
        pytest.skip("NOT TESTED: gateway responses. The local AWS answers unknown routes in its own words.")

    smoke.expect_unknown_route(deployed.address)


def test_link_works_through_the_whole_stack(deployed: Deployed) -> None:
    """The target arrives unchanged, also with a trailing slash and a query."""
    url = "https://example.com/a%2Fb/%C3%BC?sig=x%2By+z&a=1&a=2;b#frag"
    link = create(deployed, url)

    for path in (f"/{link['code']}", f"/{link['code']}?utm=1"):
        assert ask(deployed.address, "GET", path)[:2] == (302, url)


def come(deployed: Deployed, path: str, form: str | None = None, **headers: str) -> tuple[int, str | None, bytes]:
    """Visit ``path`` as a browser; return status, Location and body."""
    parts = urlsplit(deployed.address)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    browser = {
        "Accept": "text/html",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    }
    typed = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    with closing(kind(parts.netloc, timeout=30)) as connection:
        connection.request("GET" if form is None else "POST", parts.path + path, form, {**browser, **typed, **headers})
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location"), answer.read()


@grows
def test_maximum_holds_between_containers(deployed: Deployed) -> None:
    """Of three times as many concurrent visitors as a link allows, exactly the maximum is redirected.

    On a busy machine the table may be slow to answer: a 503 redirects no one, and may have been counted.
    """
    most = usual_or_long(4, 10)
    code = create(deployed, "https://example.com/some", maxVisits=most)["code"]

    with ThreadPoolExecutor(3 * most) as crowd:
        outcomes = list(crowd.map(lambda _: come(deployed, f"/{code}")[:2], range(3 * most)))

    led_on, unknown = outcomes.count((302, "https://example.com/some")), outcomes.count((503, None))
    assert led_on <= most <= led_on + unknown
    assert outcomes.count((410, None)) == 3 * most - led_on - unknown


def test_password_form_reaches_the_redirect(deployed: Deployed) -> None:
    """A password is asked for, refused, accepted; attempts are counted by client address."""
    code = create(deployed, "https://example.com/shut", password="open sesame")["code"]

    asked, wrong = come(deployed, f"/{code}"), come(deployed, f"/{code}", "password=open")
    right = come(deployed, f"/{code}", "password=open+sesame")

    assert (asked[0], wrong[0]) == (401, 401)
    assert right[:2] == (303, "https://example.com/shut")


def test_every_path_reaches_its_function(deployed: Deployed) -> None:
    """Every path reaches its function; a PNG arrives as bytes."""
    code = create(deployed, "https://example.com/guide", forwardPath=True, forwardQuery=True)["code"]

    assert come(deployed, f"/{code}/a/b?x=1")[:2] == (302, "https://example.com/guide/a/b?x=1")
    assert b"https://example.com/guide" in come(deployed, f"/{code}+", Accept="text/html")[2]
    assert come(deployed, f"/{code}/qr")[2].startswith(b"<svg ")
    assert come(deployed, f"/{code}/qr", Accept="image/png")[2].startswith(b"\x89PNG")
    assert come(deployed, f"/{code}/report", "reason=spam")[0] == 200


def test_nightly_sweep_blocks_links(deployed: Deployed) -> None:
    """The function checks all links; `make unblock` unblocks them."""
    if deployed.port is None:
        pytest.skip("NOT TESTED: the list of blocked hosts. A deployed function is not invoked from here.")
    code = create(deployed, "https://evil-e2e.com/")["code"]
    key = {"id": {"S": "blocked#evil-e2e.com"}}
    boto3.client("dynamodb", region_name="us-east-1").put_item(
        TableName="url-shortener-access",
        Item=key | {name: {"S": text} for name, text in _BLOCKED.items()},
    )

    lambdas = stack.Cloud("us-east-1").client("lambda")
    invoked = lambdas.invoke(FunctionName=f"{commands.LOCAL}-blocks", Qualifier=versions.ALIAS, Payload=_AT_NIGHT)

    said = invoked["Payload"].read()
    assert "FunctionError" not in invoked, said
    assert post(deployed, url="https://www.evil-e2e.com/")[0] == 422
    assert come(deployed, f"/{code}")[0] == 451
    assert "evil-e2e.com  tested" in blocks(deployed, "list")
    assert "1 let go" in blocks(deployed, "unblock", "evil-e2e.com")
    assert "is not blocked." in blocks(deployed, "unblock", "evil-e2e.com")
    assert "Which host?" in blocks(deployed, "block", "evil host", "")
    assert "1 were stopped" in blocks(deployed, "block", "https://EVIL-e2e.com/x", "tested again")


def blocks(deployed: Deployed, *arguments: str) -> str:
    """Run a command of dev.admin.blocks as `make` does, and return its output."""
    doing, *more = arguments
    command = [sys.executable, "-m", "dev.admin.blocks", doing, "local", *more]
    env = os.environ | {"AWS_PORT": str(deployed.port)}
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return ran.stdout + ran.stderr


_BLOCKED = {"kind": "blocked", "reason": "tested", "createdAt": "2026-11-25T00:00:00.000Z"}
_SCHEDULED = {"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "account": "0"}
_AT_NIGHT = json.dumps(
    _SCHEDULED | {"time": "2026-11-25T03:00:00Z", "region": "us-east-1", "resources": [], "detail": {}}
).encode()


def test_whoever_calls_a_function_calls_its_alias(deployed: Deployed) -> None:
    """It names the version that was deployed last; the API, queues and schedules may call it, and call nothing else."""
    if deployed.port is None:
        pytest.skip("NOT TESTED: aliases. The functions of a deployed service are not listed from here.")
    cloud = stack.Cloud("us-east-1")
    lambdas, api, events = (cloud.client(name) for name in ("lambda", "apigateway", "events"))
    aliases = {f"{commands.LOCAL}-{name}:{versions.ALIAS}" for name in _FUNCTIONS}

    called = [each["FunctionArn"] for each in lambdas.list_event_source_mappings()["EventSourceMappings"]]
    for rule in events.list_rules()["Rules"]:
        called += [each["Arn"] for each in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]]
    (rest,) = (each for each in api.get_rest_apis()["items"] if each["id"] in deployed.address)
    for resource in api.get_resources(restApiId=rest["id"], embed=["methods"], limit=500)["items"]:
        uris = [each["methodIntegration"].get("uri", "") for each in resource.get("resourceMethods", {}).values()]
        called += [uri.removesuffix("/invocations") for uri in uris if uri]

    assert {each.partition(":function:")[2] for each in called} == aliases
    for name in _FUNCTIONS:
        latest, live = (
            lambdas.get_function_configuration(FunctionName=f"{commands.LOCAL}-{name}", Qualifier=qualifier)
            for qualifier in ("$LATEST", versions.ALIAS)
        )
        assert live["Version"].isdigit()
        assert (live["CodeSha256"], live["Description"]) == (latest["CodeSha256"], latest["Description"])


_FUNCTIONS = ("api", "redirect", "rows", "clicks", "files", "night", "day", "blocks")


def test_alias_is_unique(deployed: Deployed) -> None:
    """The conditional write holds behind the gateway too."""
    alias = f"e2e-{uuid.uuid4().hex[:12]}"
    create(deployed, "https://example.com/first", alias=alias)

    status, problem = post(deployed, url="https://example.com/second", alias=alias)

    assert (status, problem["code"]) == (409, "alias-taken")
    assert ask(deployed.address, "GET", f"/{alias}")[1] == "https://example.com/first"


@grows
def test_deletion_holds_against_concurrent_changes(deployed: Deployed) -> None:
    """In each round the deletion holds, and each change gets its outcome, never a 5xx."""
    key = deployed.key if deployed.port is None else make_key(deployed.port, "racer", "create,read,manage")
    statuses: Counter[tuple[str, int]] = Counter()
    with ThreadPoolExecutor(17) as rivals:
        for _ in range(usual_or_long(1, 50)):
            path = f"/links/{smoke.with_key(deployed.address, key, 'POST', '/links', _SHORT_LIVED)[1]['code']}"
            changes: list[tuple[str, Any]] = [("PATCH", {"title": f"title {number}"}) for number in range(16)]
            changes.insert(8, ("DELETE", None))
            answers = rivals.map(lambda what: (what[0], ask(deployed.address, what[0], path, what[1], key)[0]), changes)  # noqa: B023  # done within the round
            statuses.update(answers)
            assert ask(deployed.address, "GET", path, None, key)[0] == 404

    assert {status for method, status in statuses if method == "DELETE"} == {204}
    assert {status for method, status in statuses if method == "PATCH"} <= {200, 404, 409}


_SHORT_LIVED = {"url": "https://example.com/raced", "expiresIn": "10m"}


def test_errors_are_problems_behind_the_gateway(deployed: Deployed) -> None:
    """The compiled URL parser works in Lambda, and its errors arrive whole."""
    status, problem = post(deployed, url="https://evil.com\\@google.com/", tags=1)

    assert (status, problem["code"]) == (422, "link-invalid")
    assert {error["field"] for error in problem["errors"]} == {"url", "tags"}


def test_page_loads_its_files_under_the_stage(deployed: Deployed) -> None:
    """The page and its files are below the stage's path."""
    page = ask(deployed.address, "GET", "/")[2].decode()

    start = page.index('href="') + len('href="')
    icon = page[start : page.index('"', start)]
    prefix = deployed.base_url.partition("://")[2].partition("/")[2]
    assert icon == (f"/{prefix}/assets/icon.svg" if prefix else "/assets/icon.svg")
    assert ask(deployed.address, "GET", "/assets/icon.svg")[0] == 200


def test_reference_is_in_the_zip_of_the_api(deployed: Deployed) -> None:
    """Swagger UI arrives whole, 1.7 MB of it; without a contact there is no security.txt."""
    for name in reference.noted(reference.FOLDER):
        if name.startswith("swagger-ui") and not name.endswith(".txt"):
            assert ask(deployed.address, "GET", f"/assets/{name}")[2] == (reference.FOLDER / name).read_bytes()

    assert ask(deployed.address, "GET", "/docs")[0] == 200
    if deployed.port is not None:  # elsewhere there may be a contact
        assert ask(deployed.address, "GET", "/.well-known/security.txt")[0] == 404


def test_warming_event_is_not_logged(deployed: Deployed) -> None:
    """The function answers the schedule's event, and logs neither an error nor a visit."""
    if deployed.port is None:
        pytest.skip("NOT TESTED: the warming event. A deployed function is not invoked from here.")
    lambdas = stack.Cloud("us-east-1").client("lambda")

    name = f"{commands.LOCAL}-redirect"
    answer = lambdas.invoke(FunctionName=name, Qualifier=versions.ALIAS, Payload=b'{"warm": true}', LogType="Tail")

    assert json.loads(answer["Payload"].read()) == {"warm": True}
    assert "FunctionError" not in answer


def test_links_survive_a_restart_of_the_emulator(deployed: Deployed) -> None:
    """After a restart, stack, functions and tables are at the same address."""
    if deployed.port is None or deployed.state_dir is None:
        pytest.skip("NOT TESTED: a restart. AWS is not restarted from here.")
    link = create(deployed, "https://example.com/lasting")

    local_aws.stop_detached(deployed.state_dir)
    local_aws.start_detached(deployed.port, deployed.state_dir)

    assert ask(deployed.address, "GET", f"/{link['code']}")[:2] == (302, "https://example.com/lasting")


def test_links_can_be_copied_from_a_restored_table(deployed: Deployed) -> None:
    """As in docs/operate.md: a backup is restored to a new table, and missing links are copied from it."""
    if deployed.port is None:
        pytest.skip("NOT TESTED: a restore. No table of a deployed service is damaged from here.")
    link = create(deployed, "https://example.com/lost")
    dynamodb = boto3.client("dynamodb", region_name="us-east-1")
    dynamodb.update_continuous_backups(
        TableName="url-shortener", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    dynamodb.restore_table_to_point_in_time(
        SourceTableName="url-shortener", TargetTableName="url-shortener-restored", UseLatestRestorableTime=True
    )
    dynamodb.delete_item(TableName="url-shortener", Key={"code": {"S": link["code"]}})

    ran = subprocess.run(
        [sys.executable, "-m", "dev.admin.copy_table", "url-shortener-restored", "url-shortener"],
        cwd=ROOT,
        env=os.environ | {"AWS_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "url-shortener received 1 items that it lacked." in ran.stdout, ran.stderr
    assert dynamodb.get_item(TableName="url-shortener", Key={"code": {"S": link["code"]}})["Item"]


def test_redeployed_api_prints_its_address(deployed: Deployed, tmp_path: Path) -> None:
    """Deployed again with other routes, it prints the new address, and uses it in short URLs."""
    if deployed.port is None:
        pytest.skip("NOT TESTED: a description of other routes. It is deployed to a local AWS only.")
    built = package.build("local", for_this_machine=True, fresh=False)
    template = json.loads(built.template.read_text())
    template["Resources"]["RestAPI"]["Properties"]["Body"]["info"]["description"] = "changed"
    changed = package.Package(built.code, tmp_path / "template.json")
    changed.template.write_text(json.dumps(template))

    deployed.address = deployed.base_url = commands.deploy_locally(changed, deployed.port)

    smoke.test(deployed.address, deployed.base_url, deployed.key)


class TestFiles:
    """`make import` and `make export`, and the uploads that the bucket accepts."""

    def run(self, deployed: Deployed, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run dev.admin.transfers with the stack; skipped without a local one."""
        if deployed.port is None:
            pytest.skip("NOT TESTED: make import. It is tried on a local AWS only.")
        return subprocess.run(
            [sys.executable, "-m", "dev.admin.transfers", *arguments],
            cwd=ROOT,
            env=os.environ | {"AWS_PORT": str(deployed.port)} | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_import_and_export_commands(self, deployed: Deployed, tmp_path: Path) -> None:
        """Progress, matching numbers and a report; a second import creates nothing."""
        file, out = tmp_path / "shlink.csv", tmp_path / "out.csv"
        file.write_bytes((ROOT / "tests" / "samples" / "shlink.csv").read_bytes())

        tried = self.run(deployed, "import", "local", str(file), "files", "rename", "yes")
        before = ask(deployed.address, "GET", "/summer")[1]
        first, second = (self.run(deployed, "import", "local", str(file), "files", "rename", "") for _ in range(2))
        exported = self.run(deployed, "export", "local", str(out), "files", "")

        assert first.returncode == second.returncode == exported.returncode == 0, first.stderr + exported.stderr
        assert "[##############################] 3 of 3" in first.stderr
        assert re.findall(r"^  (\w+) +(\d+)$", first.stdout, re.MULTILINE) == [
            ("created", "2"),
            ("renamed", "1"),
            ("existing", "0"),
            ("mended", "0"),
            ("skipped", "0"),
            ("refused", "0"),
        ]
        assert re.findall(r"^  (\w+) +3$", second.stdout, re.MULTILINE) == ["existing"]
        report = Path(f"{file}.report.csv").read_text().splitlines()
        assert report[0] == "line,outcome,shortUrl,reason"
        assert report[1] == '"","summary","","3 rows (shlink): 3 existing."'
        assert report[2] == '"","summary","","Left out in 3 rows: domain (3)."'
        assert report[3] == f'2,"existing","{deployed.base_url}/summer","Left out: domain."'
        assert ask(deployed.address, "GET", "/summer")[:2] == (302, "https://shop.test.org/sale?utm_source=x&a=1")
        assert "A dry run: nothing was made." in tried.stdout
        assert tried.stdout.split("Left out")[0] == first.stdout.split("Left out")[0]
        assert before != "https://shop.test.org/sale?utm_source=x&a=1"
        assert exported.stdout.startswith("\n3 links are in ")
        assert f'"summer","{deployed.base_url}/summer","https://shop.test.org/sale?utm_source=x&a=1"' in out.read_text()

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("import", "local", "", "", ""), "Which file? make import FILE=links.csv\n"),
            (
                ("import", "local", "/nowhere/x.csv", "", ""),
                "/nowhere/x.csv cannot be read: No such file or directory.\n",
            ),
            (("import", "local", "pyproject.toml", "a b", ""), "OWNER is 'a b'; an owner is 1 to 64"),
            (
                ("import", "local", "pyproject.toml", "", "keep"),
                "POST /v1/imports is answered with 422: onTaken is one of",
            ),
        ],
    )
    def test_command_error_is_one_sentence(self, deployed: Deployed, arguments: tuple[str, ...], sentence: str) -> None:
        """The sentence says what is missing or wrong, and what to write instead."""
        ran = self.run(deployed, *arguments)

        assert ran.returncode == 1
        assert ran.stderr.splitlines(keepends=True)[-1].startswith(sentence.removesuffix("\n"))

    def test_unreadable_file_fails_with_its_reason(self, deployed: Deployed, tmp_path: Path) -> None:
        """A spreadsheet in its own format."""
        file = tmp_path / "links.csv"
        file.write_bytes(b"PK\x03\x04")

        ran = self.run(deployed, "import", "local", str(file), "files", "")

        assert ran.returncode == 1
        assert "It failed: It is a ZIP archive" in ran.stderr

    def test_key_and_address_need_no_aws_credentials(self, deployed: Deployed, tmp_path: Path) -> None:
        """An address and a key are enough; a missing one is named."""
        file = tmp_path / "list.txt"
        file.write_text("https://www.python.org/\n")
        made = self.run(deployed, "export", "local", "", "", "", ADDRESS=deployed.address)
        wrong = self.run(deployed, "import", "local", str(file), "", "", ADDRESS=deployed.address, KEY="sk_wrong")
        nobody = self.run(deployed, "import", "local", str(file), "", "", ADDRESS="http://127.0.0.1:9", KEY="sk_wrong")

        assert made.stderr == f"Which key does {deployed.address} know? Set KEY=sk_...\n"
        assert wrong.stderr.startswith("POST /v1/imports is answered with 401")
        assert nobody.stderr == "Nothing answers at http://127.0.0.1:9.\n"

    def test_bucket_accepts_only_the_signed_form(self, deployed: Deployed) -> None:
        """A larger file, another type or another name is refused; the local AWS checks no signature."""
        if deployed.port is None:
            pytest.skip("NOT TESTED: signed forms. They are tried on a local AWS only.")
        key = make_key(deployed.port, "files", "create", expires_in="1h")
        upload = json.loads(ask(deployed.address, "POST", "/imports", {}, key)[2])["upload"]
        fields = upload["fields"]

        answers = [
            form_sent(upload["url"], fields, b"x" * (10 * 1024 * 1024 + 1)),
            form_sent(upload["url"], fields, b""),
            form_sent(upload["url"], fields | {"Content-Type": "text/html"}, b"url"),
            form_sent(upload["url"], fields | {"key": "imports/ann/links.csv"}, b"url"),
            form_sent(upload["url"], {k: v for k, v in fields.items() if k != "policy"}, b"url"),
        ]

        assert all(status in {400, 403} for status in answers), answers


def form_sent(url: str, fields: dict[str, str], content: bytes) -> int:
    """POST a form with a file in it as a browser does; return the status."""
    body = b"".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    )
    body += b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n' + content + b"\r\n--b--\r\n"
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=60)) as connection:
        connection.request("POST", parts.path, body, {"Content-Type": "multipart/form-data; boundary=b"})
        return connection.getresponse().status


class TestMakeDeploy:
    """`make deploy` and `make destroy`, with a local endpoint."""

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run dev.deploy in an environment without AWS variables but ``environ``."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.run(
            [sys.executable, "-m", "dev.deploy", *arguments],
            cwd=ROOT,
            env=env
            | {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "HOME": "/nowhere"}
            | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def test_invalid_port_is_one_sentence(self) -> None:
        """`make up` reads the same setting as `make run`."""
        ran = self.run("up", AWS_PORT="abc")

        assert ran.returncode == 1
        assert ran.stderr == "AWS_PORT is 'abc'; it must be a port, 1 to 65535.\n"

    @only_long
    def test_stage_is_deployed_updated_and_protected(self, deployed: Deployed) -> None:
        """It is created, smoke-tested, up to date the second time, and not destroyed while it is protected.

        The table of the first version, which was there before, is taken over with its links, and gets what it lacks.
        """
        if deployed.port is None:
            pytest.skip("NOT TESTED: make deploy. It is tried on a local AWS only.")
        make_table_of_the_first_version("eu-west-1")
        environ = local_aws.environment(deployed.port) | {"AWS_REGION": "eu-west-1"}
        there = {name: value for name, value in environ.items() if name.startswith("AWS_")}

        first, second = self.run("deploy", "prod", **there), self.run("deploy", "prod", **there)
        destroyed = self.run("destroy", "prod", **there)

        assert first.returncode == 0, first.stdout + first.stderr
        assert "CREATE_COMPLETE" in first.stdout
        assert "It works." in first.stdout
        assert "shortener-prod is up to date." in second.stdout
        assert destroyed.returncode == 1
        assert "Deletion protection is on for" in destroyed.stderr
        address = re.search(r"Trying it at (\S+)", first.stdout)
        assert address is not None
        assert ask(address[1], "GET", "/talk")[:2] == (302, "https://example.com/talk")
        assert first.stdout.count("url-shortener was there before: it gets") == 1 + len(indexes_described())
        assert "was there before" not in second.stdout

    def test_unprotected_stage_can_be_destroyed(self, deployed: Deployed) -> None:
        """Stage dev can be destroyed, with the files in its bucket."""
        if deployed.port is None:
            pytest.skip("NOT TESTED: make destroy. It is tried on a local AWS only.")
        environ = local_aws.environment(deployed.port) | {"AWS_REGION": "eu-west-1"}
        there = {name: value for name, value in environ.items() if name.startswith("AWS_")}

        made = self.run("deploy", "dev", **there)
        bucket = re.search(r"FilesBucket +(\S+)", made.stdout)
        assert bucket is not None, made.stdout + made.stderr
        put_a_file_twice(deployed.port, bucket[1])
        gone, again = (self.run("destroy", "dev", **there) for _ in range(2))

        assert (made.returncode, gone.returncode, again.returncode) == (0, 0, 1)
        assert "shortener-dev is gone." in gone.stdout
        assert "There is no stack shortener-dev" in again.stderr

    def test_leftovers_of_a_failed_creation_are_removed(self, deployed: Deployed, tmp_path: Path) -> None:
        """A failed creation can be destroyed, and does not hinder the next deployment."""
        if deployed.port is None:
            pytest.skip("NOT TESTED: a creation that fails. It is tried on a local AWS only.")
        cloud, name = stack.Cloud("eu-west-1"), "shortener-failed"
        for _ in range(2):  # the second meets what the first left behind
            with pytest.raises(stack.StackFailed, match="ROLLBACK_COMPLETE"):
                stack.deploy(cloud, name, broken_package(tmp_path), {}, say=lambda _: None)

        stack.destroy(cloud, name, say=lambda _: None)

        assert stack.outputs(cloud, name) is None


def put_a_file_twice(port: int, bucket: str) -> None:
    """Put an object in two versions where it is not imported."""
    s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="eu-west-1")
    for content in (b"first", b"second"):
        s3.put_object(Bucket=bucket, Key="exports/left", Body=content)


def broken_package(folder: Path) -> package.Package:
    """Return a package whose table can be created, and whose domain cannot be mapped."""
    broken = package.Package(folder / "code.zip", folder / "template.json")
    table = {
        "TableName": "failed",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "code", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "code", "AttributeType": "S"}],
    }
    mapping = {"DomainName": "nobody.example", "RestApiId": "none", "Stage": "api"}
    template = {
        "Parameters": {name: {"Type": "String"} for name in ("ArtifactBucket", "ArtifactKey", "ApiArtifactKey")},
        "Resources": {
            "Table": {"Type": "AWS::DynamoDB::Table", "Properties": table},
            "Mapping": {"Type": "AWS::ApiGateway::BasePathMapping", "DependsOn": "Table", "Properties": mapping},
        },
    }
    broken.code.write_bytes(b"no zip")
    broken.api_code.write_bytes(b"no zip either")
    broken.template.write_text(json.dumps(template))
    return broken
