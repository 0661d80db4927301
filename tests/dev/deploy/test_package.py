"""The package: the same bytes twice, nothing in it that is wider than it must be, and a template that says it all."""

from __future__ import annotations

import copy
import json
import re
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import cyclonedx.schema
import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from chalicelib.api import pages
from chalicelib.core.links import qr
from chalicelib.errors import public_errors
from dev import reference
from dev.deploy import lock, package, policies, sbom, stack, template_checks
from dev.deploy.minify import minified
from tests.paths import ROOT
from tests.sizes import only_long

Template = dict[str, Any]
FUNCTIONS: Template = {  # the least that a template has
    "APIHandler": {"Properties": {"Environment": {"Variables": {}}}},
    "RedirectHandler": {"Properties": {}},
    "ApiHandlerRole": {"Type": "AWS::IAM::Role", "Properties": {}},
}
JUDGES = ("ServerErrorsAlarm", "RedirectLiveErrorsAlarm", "ApiLiveErrorsAlarm")  # of new code
_HOME = ("layout", "home", "home_head")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[package.Package]:
    """The package of prod, as it would go to AWS, in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package, "DIST", tmp_path_factory.mktemp("dist"))
        yield package.build("prod")


@pytest.fixture
def template(built: package.Package) -> Template:
    """Its template, free to be spoilt."""
    parsed: Template = json.loads(built.template.read_text())
    return parsed


def resources(template: Template, kind: str) -> dict[str, Template]:
    """Return the resources of one type, by name."""
    return {name: each for name, each in template["Resources"].items() if each.get("Type") == kind}


@only_long
def test_the_same_sources_give_the_same_bytes(built: package.Package) -> None:
    """A second build, dependencies included, has the same bytes, which shows that nothing was slipped in."""

    def bytes_of(made: package.Package) -> list[bytes]:
        return [path.read_bytes() for path in (made.code, made.api_code, made.template, made.bill)]

    first = bytes_of(built)

    assert bytes_of(package.build("prod")) == first


def test_the_web_page_is_small(built: package.Package) -> None:
    """Under 77 kB as it is packaged, uncompressed, with everything that any view loads; `/docs` is another page."""
    static = [f"static/{name}" for name in pages.ASSETS if not name.startswith("reference.")]
    page = [*static, *(f"templates/{name}.html" for name in _HOME)]
    with zipfile.ZipFile(built.code) as zipped:
        sizes = {name: zipped.getinfo(f"chalicelib/web/{name}").file_size for name in page}

    assert sum(sizes.values()) < 77_000, sizes


def test_the_web_page_is_packaged_without_what_only_people_read(built: package.Package) -> None:
    """Every file of it as dev/deploy/minify.py leaves it."""
    with zipfile.ZipFile(built.code) as zipped:
        for path in (ROOT / "chalicelib" / "web").rglob("*"):
            if not path.is_file() or path.parent == reference.FOLDER:
                continue
            packaged = zipped.read(path.relative_to(ROOT).as_posix()).decode()
            assert packaged == minified(path.name, path.read_text("utf-8"))


def test_both_zips_have_the_same_files_of_pages(built: package.Package) -> None:
    """Their digest is in pages of both functions."""
    with zipfile.ZipFile(built.code) as shared, zipfile.ZipFile(built.api_code) as own:
        for name in pages.ASSETS:
            file = f"chalicelib/web/static/{name}"
            assert shared.read(file) == own.read(file)


def test_the_bill_lists_what_is_in_the_package_and_nothing_else(built: package.Package) -> None:
    """Each package that the larger zip has, with a hash that the lock allowed, all that the lock let in; Swagger UI."""
    with zipfile.ZipFile(built.api_code) as zipped:
        folders = {name.split("/")[0] for name in zipped.namelist() if ".dist-info/" in name}
    bill = json.loads(built.bill.read_text())
    locked = lock.read(lock.LOCK.read_text())

    *packages, swagger_ui = bill["components"]
    assert {f"{each['name'].replace('-', '_')}-{each['version']}.dist-info" for each in packages} == folders
    assert {each["name"] for each in packages} == locked.keys() - {lock.BUILDER}
    for each in packages:
        assert each["purl"] == f"pkg:pypi/{each['name']}@{locked[each['name']].version}"
        assert each["hashes"][0]["content"] in locked[each["name"]].hashes
    (script,) = (name for name in reference.noted(reference.FOLDER) if name.endswith(".js"))
    assert swagger_ui["purl"] == f"pkg:npm/swagger-ui-dist@{swagger_ui['version']}"
    assert script == f"swagger-ui-bundle-{swagger_ui['version']}.js"
    assert swagger_ui["hashes"][0]["content"] == reference.noted(reference.FOLDER)[script]
    assert swagger_ui["licenses"] == [{"expression": "Apache-2.0"}]
    assert bill["metadata"]["component"]["hashes"][0]["content"].startswith(built.digests["ApiArtifactKey"])


def test_the_bill_is_one_of_cyclonedx(built: package.Package) -> None:
    """By its own schema, which knows the licences of SPDX as well."""
    schemas = {
        path.name: json.loads(path.read_text())
        for path in (Path(cyclonedx.schema.__file__).parent / "_res").glob("*.json")
    }
    registry: Any = Registry().with_resources(  # its name is the address that the others name it by
        (f"http://cyclonedx.org/schema/{name}".replace(".SNAPSHOT", ""), Resource.from_contents(schema))
        for name, schema in schemas.items()
    )
    bill = json.loads(built.bill.read_text())

    validator = Draft7Validator(schemas["bom-1.6.SNAPSHOT.schema.json"], registry=registry)

    assert [error.message for error in validator.iter_errors(bill)] == []
    assert list(validator.iter_errors(bill | {"components": [{"name": "a library of no type"}]}))


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ("License-Expression: MIT", []),
        ("License-Expression: (MIT OR Apache-2.0) AND BSD-3-Clause", []),
        ("License: Apache License 2.0", []),
        ("License-Expression: MIT\nLicense: GPL", []),  # where both stand, the expression counts
        ("License-Expression: AGPL-3.0-or-later", ["allow the licence AGPL-3.0-or-later."]),
        ("License-Expression: MIT AND GPL-2.0-only", ["allow the licence MIT AND GPL-2.0-only."]),
        ("License: Proprietary", ["allow the licence Proprietary."]),
        ("Classifier: License :: OSI Approved :: BSD License", ["names no licence"]),
    ],
)
def test_only_licences_of_the_list_may_ship(
    built: package.Package, tmp_path: Path, metadata: str, told: list[str]
) -> None:
    """One that is outside of it, or not named, refuses the package; so it does in a test, which is CI."""
    planted = tmp_path / "code.zip"
    shutil.copyfile(built.code, planted)
    with zipfile.ZipFile(planted, "a") as zipped:
        zipped.writestr(
            "planted-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n{metadata}\n"
        )

    said = list(sbom.refused_licenses(planted))

    assert len(said) == len(told)
    assert all("planted 1.0" in each and part in each for each, part in zip(said, told, strict=True))


def test_what_ships_is_ours_and_what_it_needs(built: package.Package) -> None:
    """Sources with their compiled files, the pages, the dependencies; no tests, no tools, no boto3."""
    with zipfile.ZipFile(built.code) as zipped:
        names = set(zipped.namelist())

    assert {"app.py", "chalicelib/web/templates/home.html", "chalice/app.py", "shortid/__init__.py"} <= names
    assert any(name.startswith("chalicelib/usecases/__pycache__/follow_link.cpython") for name in names)
    folders = {name.split("/")[0] for name in names}
    assert not folders & {"boto3", "botocore", "tests", "dev", "bench", "openapi", "yaml", ".chalice"}
    assert not [name for name in names if name.endswith((".cpp", ".h"))]
    assert built.code.stat().st_size < package.MAX_PACKAGE_BYTES


def test_swagger_ui_is_in_the_zip_of_the_api_alone(built: package.Package) -> None:
    """It has everything of the other, and Swagger UI as it was published, licences included."""
    with zipfile.ZipFile(built.code) as shared, zipfile.ZipFile(built.api_code) as api:
        crcs, api_crcs = ({each.filename: each.CRC for each in zipped.infolist()} for zipped in (shared, api))
        added = {name: api.read(name) for name in api_crcs.keys() - crcs.keys()}

    assert {name: api_crcs[name] for name in crcs} == crcs
    assert added == {f"chalicelib/web/reference/{path.name}": path.read_bytes() for path in reference.FOLDER.iterdir()}
    assert built.api_code.stat().st_size < package.MAX_API_PACKAGE_BYTES


def test_functions_have_the_zip_that_they_need(template: Template) -> None:
    """The API function has its own; the others share one."""
    functions = resources(template, "AWS::Lambda::Function")

    keys = {name: each["Properties"]["Code"]["S3Key"]["Ref"] for name, each in functions.items()}
    assert {name for name, key in keys.items() if key == "ApiArtifactKey"} == {"APIHandler"}
    assert {key for name, key in keys.items() if name != "APIHandler"} == {"ArtifactKey"}
    assert len(keys) == 8


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("dynamodb:*", {"Fn::GetAtt": ["LinksTable", "Arn"]}),
        (["dynamodb:GetItem", "dynamodb:Put*"], {"Fn::GetAtt": ["LinksTable", "Arn"]}),
        ("dynamodb:GetItem", "*"),
        ("dynamodb:GetItem", [{"Fn::Sub": "${LinksTable.Arn}/index/*"}]),
        ("s3:GetObject", [{"Fn::Sub": "${Files.Arn}/*"}]),
        ("s3:GetObject", [{"Fn::Sub": "${Files.Arn}/reports/*"}, {"Fn::Sub": "${Files.Arn}/rep*"}]),
        ("s3:*", [{"Fn::Sub": "${Files.Arn}/reports/*"}]),
        ("dynamodb:GetIte?", {"Fn::GetAtt": ["LinksTable", "Arn"]}),
        ("dynamodb:GetItem", {"Fn::Sub": "${LinksTable.Arn}/index/by???"}),
        ("*", "*"),
    ],
)
def test_a_widened_policy_is_refused(template: Template, action: Any, resource: Any) -> None:
    """No * in an action or a resource gets as far as AWS."""
    role = template["Resources"]["ApiHandlerRole"]["Properties"]
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    role["Policies"][0]["PolicyDocument"]["Statement"].append(statement)

    found = [wide.split(":")[0] for wide in template_checks.wide_permissions(template)]

    assert set(found) == {"ApiHandlerRole"}


def test_a_managed_policy_is_refused(template: Template) -> None:
    """AWS's own policies are wider than any of ours."""
    template["Resources"]["ApiHandlerRole"]["Properties"]["ManagedPolicyArns"] = [
        "arn:aws:iam::aws:policy/ReadOnlyAccess"
    ]

    assert list(template_checks.wide_permissions(template))


WIDE = {"Effect": "Allow", "Action": "sqs:*", "Resource": {"Fn::GetAtt": ["ClicksQueue", "Arn"]}}
ALL_BUT_ONE = {"Effect": "Allow", "NotAction": "iam:CreateUser", "Resource": {"Fn::GetAtt": ["ClicksQueue", "Arn"]}}
ELSEWHERE = {"Effect": "Allow", "Action": "sqs:SendMessage", "NotResource": {"Fn::GetAtt": ["ClicksQueue", "Arn"]}}
ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage"}
ANY_ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "s3:GetObject"}
ALL_BUT_ME = {"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "s3:GetObject"}


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::IAM::RolePolicy", {"PolicyDocument": {"Statement": [WIDE]}}),
        ("AWS::IAM::UserPolicy", {"PolicyDocument": {"Statement": WIDE}}),
        ("AWS::IAM::ManagedPolicy", {"PolicyDocument": {"Statement": [ALL_BUT_ONE]}}),
        ("AWS::IAM::Policy", {"PolicyDocument": {"Statement": [ELSEWHERE]}}),
        ("AWS::IAM::Role", {"Policies": [{"Fn::If": ["IsTraced", {"PolicyDocument": {"Statement": [WIDE]}}, {}]}]}),
        ("AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Statement": [ANYBODY | {"Action": "sts:AssumeRole"}]}}),
        ("AWS::SQS::QueuePolicy", {"PolicyDocument": {"Statement": [ANYBODY]}}),
        ("AWS::S3::BucketPolicy", {"PolicyDocument": {"Statement": [ANY_ACCOUNT]}}),
        ("AWS::S3::BucketPolicy", {"PolicyDocument": {"Statement": [ALL_BUT_ME]}}),
        ("AWS::Lambda::Permission", {"Principal": "*", "Action": "lambda:InvokeFunction"}),
    ],
)
def test_a_permission_is_refused_wherever_it_hides(template: Template, kind: str, properties: Template) -> None:
    """Every policy is read: of roles, users, queues, buckets, and of who may take a role or call a function."""
    template["Resources"]["Hidden"] = {"Type": kind, "Properties": properties}

    assert [wide.split(":")[0] for wide in template_checks.wide_permissions(template)] == ["Hidden"]


def test_a_denial_may_be_wide(template: Template) -> None:
    """Refusing everybody something is no permission; the package as it is has no other wildcard."""
    denial = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    template["Resources"]["Shut"] = {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"PolicyDocument": {"Statement": [denial]}},
    }

    assert list(template_checks.wide_permissions(template)) == []


def test_each_function_may_do_what_it_does_and_no_more(template: Template) -> None:
    """One role per function, listed here in full: widening one means changing this test."""
    functions = resources(template, "AWS::Lambda::Function").values()
    assert len({each["Properties"]["Role"]["Fn::GetAtt"][0] for each in functions}) == len(functions)
    assert {name: granted(role) for name, role in resources(template, "AWS::IAM::Role").items()} == {
        "ApiHandlerRole": {
            *((f"dynamodb:{action}", "LinksTable.Arn") for action in ("GetItem", "PutItem", "UpdateItem")),
            *(("dynamodb:Query", f"LinksTable.Arn/index/{index}") for index in ("byUrl", "byOwner", "bySpace")),
            *((f"dynamodb:{each}Item", "AccessTable.Arn") for each in ("Get", "BatchGet", "Put", "Update", "Delete")),
            *(("dynamodb:ConditionCheckItem", f"{table}.Arn") for table in ("LinksTable", "AccessTable")),
            ("dynamodb:Query", "AccessTable.Arn/index/byKind"),
            *((f"dynamodb:{action}", "ClicksTable.Arn") for action in ("GetItem", "BatchGetItem", "Query", "PutItem")),
            ("s3:PutObject", "Files.Arn/imports/*"),
            *(("s3:GetObject", f"Files.Arn/{kind}/*") for kind in ("reports", "exports")),
            ("sqs:SendMessage", "FilesQueue.Arn"),
            *((f"logs:{action}", "ApiLog.Arn") for action in ("CreateLogStream", "PutLogEvents")),
        },
        "RedirectRole": {
            *((f"dynamodb:{action}", "LinksTable.Arn") for action in ("GetItem", "UpdateItem")),
            *((f"dynamodb:{action}", "ClicksTable.Arn") for action in ("GetItem", "BatchGetItem", "PutItem")),
            *((f"dynamodb:{action}", "AccessTable.Arn") for action in ("GetItem", "UpdateItem")),
            ("sqs:SendMessage", "ClicksQueue.Arn"),
            *((f"logs:{action}", "RedirectLog.Arn") for action in ("CreateLogStream", "PutLogEvents")),
        },
        "CountRowsRole": {
            *((f"dynamodb:{action}", "ClicksTable.StreamArn") for action in ("DescribeStream", "GetRecords")),
            *((f"dynamodb:{action}", "ClicksTable.StreamArn") for action in ("GetShardIterator", "ListStreams")),
            *((f"dynamodb:{action}", "ClicksTable.Arn") for action in ("BatchGetItem", "PutItem", "UpdateItem")),
            ("dynamodb:UpdateItem", "LinksTable.Arn"),
            *((f"logs:{action}", "RowsLog.Arn") for action in ("CreateLogStream", "PutLogEvents")),
        },
        "CountClicksRole": {
            *((f"sqs:{action}", "ClicksQueue.Arn") for action in ("ReceiveMessage", "DeleteMessage", "SendMessage")),
            ("sqs:GetQueueAttributes", "ClicksQueue.Arn"),
            *((f"dynamodb:{each}Item", "ClicksTable.Arn") for each in ("BatchGet", "BatchWrite", "Put", "Update")),
            *((f"logs:{action}", "ClicksLog.Arn") for action in ("CreateLogStream", "PutLogEvents")),
        },
        "WorkOnFilesRole": {
            *((f"sqs:{action}", "FilesQueue.Arn") for action in ("ReceiveMessage", "DeleteMessage", "SendMessage")),
            *((f"sqs:{action}", "FilesQueue.Arn") for action in ("GetQueueAttributes", "ChangeMessageVisibility")),
            ("s3:GetObjectVersion", "Files.Arn/imports/*"),
            *((f"s3:{action}", "Files.Arn/reports/*") for action in ("GetObject", "PutObject")),
            ("s3:PutObject", "Files.Arn/exports/*"),
            ("s3:ListBucket", "Files.Arn"),
            *((f"dynamodb:{each}Item", "LinksTable.Arn") for each in ("Get", "BatchGet", "Put", "Update")),
            ("dynamodb:Scan", "LinksTable.Arn"),
            ("dynamodb:Query", "LinksTable.Arn/index/byOwner"),
            *((f"dynamodb:{action}", "ClicksTable.Arn") for action in ("GetItem", "BatchGetItem", "PutItem", "Query")),
            *((f"dynamodb:{action}", "AccessTable.Arn") for action in ("GetItem", "PutItem", "UpdateItem")),
            ("dynamodb:Query", "AccessTable.Arn/index/byKind"),
            *((f"logs:{action}", "FilesLog.Arn") for action in ("CreateLogStream", "PutLogEvents")),
        },
        "CloseTheDaysRole": {
            # It needs to write its last night alone; `make rollback` brings the night before back, with this role.
            *((f"dynamodb:{action}", "ClicksTable.Arn") for action in ("GetItem", "Query", "PutItem", "UpdateItem")),
            ("dynamodb:Query", "ClicksTable.Arn/index/byOpenDay"),
            ("sqs:SendMessage", "NightQueue.Arn"),
            *((f"logs:{action}", "NightLog.Arn") for action in ("CreateLogStream", "PutLogEvents")),
        },
        "CloseADayRole": {
            *((f"sqs:{action}", "NightQueue.Arn") for action in ("ReceiveMessage", "DeleteMessage", "SendMessage")),
            ("sqs:GetQueueAttributes", "NightQueue.Arn"),
            *((f"dynamodb:{each}Item", "ClicksTable.Arn") for each in ("Get", "BatchGet", "Put", "Update", "Delete")),
            ("dynamodb:Query", "ClicksTable.Arn"),
            ("dynamodb:Query", "LinksTable.Arn/index/byOwner"),
            *((f"logs:{action}", "DayLog.Arn") for action in ("CreateLogStream", "PutLogEvents")),
        },
        "BlockLinksRole": {
            *((f"dynamodb:{action}", "LinksTable.Arn") for action in ("Scan", "GetItem", "UpdateItem")),
            ("dynamodb:Query", "AccessTable.Arn/index/byKind"),
            ("dynamodb:PutItem", "ClicksTable.Arn"),
            *((f"logs:{action}", "BlocksLog.Arn") for action in ("CreateLogStream", "PutLogEvents")),
        },
        "TrafficRole": {
            *(
                (f"lambda:{action}", f"{function}.Arn{alias}")
                for action in ("GetAlias", "UpdateAlias", "GetProvisionedConcurrencyConfig")
                for function in ("APIHandler", "RedirectHandler")
                for alias in ("", ":live")
            ),
            *(("cloudwatch:DescribeAlarms", f"{alarm}.Arn") for alarm in JUDGES),
        },
    }


def test_a_redirect_may_change_little_and_never_where_a_link_leads(template: Template) -> None:
    """The table of salts has the keys of the API as well; of a link it may write the count of its visits."""
    statements = template["Resources"]["RedirectRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]

    conditions = {each["Sid"]: each["Condition"] for each in statements if "Condition" in each}

    recent = ["recentVisits0", "recentVisits1", "recentVisits2"]
    of_visits = ["code", "version", "spent", "maxVisits", "lastVisit", *recent, "guessedAt"]
    assert conditions == {
        "SettingsOfDomains": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["domain#*"]}},
        "SaltsAndTriesOfPasswords": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["salt#*", "rate#password#*", "secret#opened"]},
        },
        "VisitsOfLimitedLinks": {
            "ForAllValues:StringEquals": {"dynamodb:Attributes": of_visits},
            "StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE", "UPDATED_OLD", "UPDATED_NEW"]},
        },
    }


def test_the_function_that_counts_may_write_no_link_but_its_slots(template: Template) -> None:
    """It opens them for a link that is hot; where links lead is none of its business."""
    role = template["Resources"]["CountRowsRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]

    (slots,) = [each["Condition"] for each in role if "Condition" in each]
    assert slots["ForAllValues:StringEquals"] == {"dynamodb:Attributes": ["code", "slots"]}


def test_the_stream_is_read_as_it_must_be(template: Template) -> None:
    """With a window, for only then does an event name its shard; from the beginning, and until it succeeds."""
    (mapping,) = [
        each["Properties"]
        for each in resources(template, "AWS::Lambda::EventSourceMapping").values()
        if each["Properties"]["EventSourceArn"] == {"Fn::GetAtt": ["ClicksTable", "StreamArn"]}
    ]

    assert template["Resources"]["ClicksTable"]["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert mapping["FunctionName"] == {"Ref": "CountRowsAliaslive"}
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["TumblingWindowInSeconds"] > 0
    assert mapping["ParallelizationFactor"] == 1
    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"]) == (-1, -1)
    assert not {"FilterCriteria", "BisectBatchOnFunctionError", "DestinationConfig"} & mapping.keys()


@pytest.mark.parametrize("name", ["APIHandler", "RedirectHandler", "CountRows", "CloseADay"])
def test_lambda_writes_no_lines_of_its_own_for_each_call(template: Template, name: str) -> None:
    """They would cost more than a redirect; its warnings are kept, and all that we write."""
    config = template["Resources"][name]["Properties"]["LoggingConfig"]

    assert config == {"LogFormat": "JSON", "SystemLogLevel": "WARN", "ApplicationLogLevel": "INFO"}


def test_who_works_on_files_reaches_no_key_of_the_api(template: Template) -> None:
    """In the table that has the keys as well, it may touch imports, exports, claims on names, and its own secret.

    What domains are set to it may read.
    """
    statements = template["Resources"]["WorkOnFilesRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]

    on_access = [each for each in statements if each["Resource"] == [{"Fn::GetAtt": ["AccessTable", "Arn"]}]]

    keys = ["import#*", "dry-run#*", "export#*", "ext#*", "secret#imports"]
    written, read = (
        (["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], keys),
        (["dynamodb:GetItem"], ["domain#*"]),
    )
    found = [
        (each["Action"], each["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]) for each in on_access
    ]
    assert found == [written, read]
    assert all(each["Condition"].keys() == {"ForAllValues:StringLike"} for each in on_access)


def test_keys_workspaces_and_offers_are_the_apis_alone(template: Template) -> None:
    """No other function reaches them: each statement on their table names the keys that it is for."""
    found = [
        (name, each.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys"))
        for name, document in policies.documents(template)
        for each in document["Statement"]
        if any(str(resource).endswith("table/accesstable") for resource in each.get("Resource", ()))
    ]

    assert all(allowed for _, allowed in found)
    for keys in ("key#*", "workspace#*", "offer#*"):
        assert {name for name, allowed in found if keys in allowed} == {"ApiHandlerRole"}, keys


def test_what_domains_are_set_to_is_changed_by_the_api_alone(template: Template) -> None:
    """The redirect, and imports, may only read it, and nothing else by the same statement."""
    found = {
        name: each["Action"]
        for name, document in policies.documents(template)
        for each in document["Statement"]
        if "domain#*" in each.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", ())
    }

    assert set(found) == {"ApiHandlerRole", "RedirectRole", "WorkOnFilesRole"}
    assert found["RedirectRole"] == found["WorkOnFilesRole"] == ["dynamodb:GetItem"]


def test_files_are_nobody_elses_and_do_not_stay(template: Template) -> None:
    """The bucket is private, encrypted, by TLS only, keeps versions, and every kind of file in it has an end."""
    files = template["Resources"]["Files"]["Properties"]
    (statement,) = template["Resources"]["FilesPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert set(files["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(files["PublicAccessBlockConfiguration"]) == 4
    assert files["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (encryption,) = files["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert files["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = {rule["Prefix"]: rule for rule in files["LifecycleConfiguration"]["Rules"] if rule["Status"] == "Enabled"}
    assert {prefix: rules[prefix]["ExpirationInDays"] for prefix in ("imports/", "reports/", "exports/")} == {
        "imports/": 7,
        "reports/": 30,
        "exports/": 7,
    }
    assert all("NoncurrentVersionExpiration" in rules[prefix] for prefix in ("imports/", "reports/", "exports/"))
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert len(statement["Resource"]) == 2


def test_what_comes_into_storage_is_told_by_this_bucket_alone(template: Template) -> None:
    """Files under imports/ become messages; no other bucket, of whosever account, may send any."""
    (notification,) = template["Resources"]["Files"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    policy = template["Resources"]["FilesQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert notification["Queue"] == {"Fn::GetAtt": ["FilesQueue", "Arn"]}
    assert notification["Filter"]["S3Key"]["Rules"] == [{"Name": "prefix", "Value": "imports/"}]
    (allowed,) = [each for each in policy if each["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    bucket = template["Resources"]["Files"]["Properties"]["BucketName"]["Fn::Sub"]
    assert allowed["Condition"]["ArnEquals"]["aws:SourceArn"] == {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{bucket}"}


BEHIND = ("/{path1}", "/{path1}/{path2}", "/{path1}/{path2}/{path3}")
"""What may be behind a code."""


def test_no_address_is_a_way_around_the_throttle(template: Template) -> None:
    """Creating links is throttled at each of its addresses."""
    settings = template["Resources"]["RestAPIapiStage"]["Properties"]["MethodSettings"]
    throttled = {
        each["ResourcePath"].replace("~1", "/").removeprefix("/"): each["ThrottlingRateLimit"]
        for each in settings
        if each["HttpMethod"] == "POST"
    }

    assert throttled == {path: {"Ref": "CreatesPerSecond"} for path in ("/links", "/v1/links")}


def test_api_has_few_resources_and_a_small_description(template: Template) -> None:
    """API Gateway allows 300 resources and 6 MB."""
    body = template["Resources"]["RestAPI"]["Properties"]["Body"]
    resources = {str(each) for path in body["paths"] for each in (PurePosixPath(path), *PurePosixPath(path).parents)}

    assert len(resources) < 100
    assert len(json.dumps(body)) < 300_000


def test_a_place_in_paths_has_one_variable(template: Template) -> None:
    """API Gateway refuses two resources that differ in the name of the last variable alone."""
    paths = template["Resources"]["RestAPI"]["Properties"]["Body"]["paths"]
    places = {each for path in paths for each in (PurePosixPath(path), *PurePosixPath(path).parents)}

    variables = Counter(place.parent for place in places if place.name.startswith("{"))

    assert variables
    assert {place: count for place, count in variables.items() if count > 1} == {}


def test_visitors_are_sent_to_the_function_that_does_nothing_else(template: Template) -> None:
    """Who follows a code, or a path behind it, goes to the redirect's own function, which may be called by the API."""
    paths = template["Resources"]["RestAPI"]["Properties"]["Body"]["paths"]
    called = {
        (path, method): json.dumps(operation["x-amazon-apigateway-integration"]["uri"])
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method != "options"
    }

    assert {at for at, uri in called.items() if "-redirect:live/invocations" in uri} == {
        (path, method)
        for path in ("/v1", *(f"{forms}/{{code}}{more}" for forms in ("", "/.form") for more in ("", *BEHIND)))
        for method in ("get", "head", "post")
    }
    assert {uri.rpartition(":function:")[2] for uri in called.values()} == {
        f'${{AWS::StackName}}-{name}:live/invocations"}}' for name in ("api", "redirect")
    }
    assert template["Resources"]["RedirectHandler"]["Properties"]["Handler"] == "chalicelib.redirect_app.app"


@pytest.mark.parametrize(
    ("principal", "aliases"),
    [
        ("apigateway.amazonaws.com", ["APIHandler", "RedirectHandler"]),
        ("events.amazonaws.com", ["BlockLinks", "CloseTheDays", "RedirectHandler"]),
    ],
)
def test_who_calls_an_alias_may_call_it(template: Template, principal: str, aliases: list[str]) -> None:
    """Permissions are for aliases alone: one for the whole function would not let anybody call its alias."""
    permissions = [each["Properties"] for each in resources(template, "AWS::Lambda::Permission").values()]

    allowed = [each["FunctionName"]["Ref"] for each in permissions if each["Principal"] == principal]

    assert sorted(allowed) == [f"{name}Aliaslive" for name in aliases]


def test_queues_and_schedules_call_aliases(template: Template) -> None:
    """What is tried and not yet in use gets no messages."""
    mappings = resources(template, "AWS::Lambda::EventSourceMapping").values()
    rules = resources(template, "AWS::Events::Rule").values()

    called = [each["Properties"]["FunctionName"]["Ref"] for each in mappings]
    targets = [target["Arn"]["Ref"] for each in rules for target in each["Properties"]["Targets"]]

    assert {"CountClicksAliaslive", "WorkOnFilesAliaslive"} <= set(called)
    assert {"BlockLinksAliaslive", "CloseTheDaysAliaslive", "RedirectHandlerAliaslive"} <= set(targets)
    assert {template["Resources"][name]["Type"] for name in (*called, *targets)} == {"AWS::Lambda::Alias"}


def test_versions_outlive_their_replacement_but_not_a_failed_deployment(template: Template) -> None:
    """One can go back to them; and one that a failed deployment left would refuse the next."""
    kept = {each["DeletionPolicy"] for each in resources(template, "AWS::Lambda::Version").values()}

    assert kept == {"RetainExceptOnCreate"}


def test_new_code_that_clients_wait_for_gets_a_tenth_of_them_first(template: Template) -> None:
    """Then all of them after five minutes, unless an alarm takes it back; background functions change at once."""
    groups = resources(template, "AWS::CodeDeploy::DeploymentGroup")
    moved = {
        name: alias["UpdatePolicy"]["Fn::If"]
        for name, alias in resources(template, "AWS::Lambda::Alias").items()
        if "UpdatePolicy" in alias
    }

    assert set(moved) == {"APIHandlerAliaslive", "RedirectHandlerAliaslive"}
    for condition, policy, otherwise in moved.values():
        assert (condition, otherwise) == ("IsGradual", {"Ref": "AWS::NoValue"})
        group = groups.pop(policy["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]["Ref"])["Properties"]
        assert group["DeploymentConfigName"]["Fn::Sub"][1] == {"ConfigName": "Canary10Percent5Minutes"}
        assert group["AlarmConfiguration"] == {"Enabled": True, "Alarms": [{"Name": {"Ref": name}} for name in JUDGES]}
        assert {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"} <= set(group["AutoRollbackConfiguration"]["Events"])
        assert group["ServiceRoleArn"] == {"Fn::GetAtt": ["TrafficRole", "Arn"]}
    assert groups == {}


def test_gradual_traffic_can_be_turned_off(template: Template) -> None:
    """An alarm that fires already would refuse the very code that mends it.

    The alarms are there in any case: one that came with a deployment could not judge it.
    """
    conditional = {name for name, each in template["Resources"].items() if each.get("Condition") == "IsGradual"}

    assert template["Parameters"]["Gradual"]["Default"] == "on"
    assert template["Conditions"]["IsGradual"] == {"Fn::Equals": [{"Ref": "Gradual"}, "on"]}
    assert conditional == {
        "TrafficRole",
        "ServerlessDeploymentApplication",
        "APIHandlerDeploymentGroup",
        "RedirectHandlerDeploymentGroup",
    }


@pytest.mark.parametrize(("name", "function"), [("Redirect", "RedirectHandler"), ("Api", "APIHandler")])
def test_the_judges_of_new_code_look_at_its_alias_by_the_minute(template: Template, name: str, function: str) -> None:
    """Five minutes are all there is; and errors of a version that is only tried are no reason to take it back."""
    alarm = template["Resources"][f"{name}LiveErrorsAlarm"]["Properties"]

    assert alarm["Dimensions"] == [
        {"Name": "FunctionName", "Value": {"Ref": function}},
        {"Name": "Resource", "Value": {"Fn::Sub": f"${{{function}}}:live"}},
    ]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Period"]) == ("AWS/Lambda", "Errors", 60)
    assert alarm["TreatMissingData"] == "notBreaching"


def test_functions_that_clients_wait_for_start_without_boto3(template: Template) -> None:
    """Redirects and the API use the own AWS client, background functions boto3."""
    own_client = {
        name
        for name, function in resources(template, "AWS::Lambda::Function").items()
        if function["Properties"]["Environment"]["Variables"].get("AWS_CLIENT") == "by-hand"
    }

    assert own_client == {"RedirectHandler", "APIHandler"}


def test_background_functions_are_patient(template: Template) -> None:
    """What works through queues and tables waits for AWS; redirects and the API do not."""
    patient = {
        name
        for name, function in resources(template, "AWS::Lambda::Function").items()
        if function["Properties"]["Environment"]["Variables"].get("BACKGROUND_FUNCTION") == "yes"
    }

    assert patient == set(resources(template, "AWS::Lambda::Function")) - {"RedirectHandler", "APIHandler"}


def test_a_role_may_trace_before_its_function_is_made(template: Template) -> None:
    """Lambda refuses a traced function whose role may not trace yet: so the role is made with it, where X-Ray is on."""
    roles = [role for name, role in resources(template, "AWS::IAM::Role").items() if name != "TrafficRole"]
    traced = [role["Properties"]["Policies"][-1]["Fn::If"] for role in roles]

    for condition, policy, otherwise in traced:
        assert (condition, otherwise) == ("IsTraced", {"Ref": "AWS::NoValue"})
        assert policy["PolicyDocument"]["Statement"][0]["Action"] == [
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
        ]
    for function in resources(template, "AWS::Lambda::Function").values():
        assert function["Properties"]["Role"]["Fn::GetAtt"][0] in resources(template, "AWS::IAM::Role")
    assert not resources(template, "AWS::IAM::Policy")


def granted(role: Template) -> set[tuple[str, str]]:
    """Return every pair of an action and a resource that a role always allows, resources as `Name.Arn/path`."""
    policies = [policy for policy in role["Properties"]["Policies"] if "Fn::If" not in policy]
    statements = [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]
    known = {"Sid", "Effect", "Action", "Resource", "Condition"}
    assert all(statement.keys() <= known for statement in statements)
    return {
        (
            action,
            ".".join(resource["Fn::GetAtt"]) if "Fn::GetAtt" in resource else re.sub(r"[${}]", "", resource["Fn::Sub"]),
        )
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


def test_a_wheel_that_was_built_here_is_refused(built: package.Package, tmp_path: Path) -> None:
    """It would not load on Lambda, and nobody would know before the first request."""
    spoilt = tmp_path / "code.zip"
    with zipfile.ZipFile(spoilt, "w") as zipped:
        zipped.writestr("ada_url-4.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp311-cp311-linux_x86_64\n")

    assert "ada_url" in next(template_checks.foreign_wheels(spoilt))
    assert list(template_checks.foreign_wheels(built.code)) == []


def test_whatever_is_wrong_refuses_the_package(
    template: Template, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All is told at once: weight, wheel, licence, a wide policy, a lax queue, what CloudFormation would not take."""
    monkeypatch.setattr(package, "MAX_PACKAGE_BYTES", 100)
    monkeypatch.setattr(package, "MAX_API_PACKAGE_BYTES", 99)
    spoilt = package.Package(tmp_path / "code.zip", tmp_path / "template.json")
    with zipfile.ZipFile(spoilt.code, "w") as zipped:
        zipped.writestr("ada_url-4.0.0.dist-info/METADATA", "Name: ada-url\nVersion: 4.0.0\nLicense-Expression: MIT\n")
        zipped.writestr("ada_url-4.0.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp311-cp311-linux_x86_64\n")
        zipped.writestr("x-1.dist-info/METADATA", "Name: x\nVersion: 1\nLicense-Expression: GPL-3.0-only\n")
    shutil.copyfile(spoilt.code, spoilt.api_code)
    template["Resources"]["LinksTable"]["Properties"]["BillingMode"] = "FREE"
    template["Resources"]["Shut"] = {"Type": "AWS::SQS::QueuePolicy", "Properties": {"PolicyDocument": ANYBODY}}
    template["Resources"]["CountClicks"]["Properties"]["Environment"]["Variables"].pop("PARTIAL_BATCH")
    spoilt.template.write_text(json.dumps(template))

    with pytest.raises(package.PackageRefused) as refused:
        package.refuse_what_is_wrong(spoilt, template, {})

    said = str(refused.value)
    for words in ("100 are allowed", "99 are allowed", "ada_url", "GPL-3.0-only", "Shut: ", "PARTIAL_BATCH", "FREE"):
        assert words in said


def test_tables_of_prod_cannot_be_lost(template: Template) -> None:
    """Point-in-time recovery, deletion protection, and they outlive their stack."""
    tables = resources(template, "AWS::DynamoDB::Table")

    assert set(tables) == {"LinksTable", "ClicksTable", "AccessTable"}
    for table in tables.values():
        assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
        assert table["Properties"]["DeletionProtectionEnabled"] is True
        assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"
        assert "SSESpecification" not in table["Properties"]  # a key of AWS's own, which is always on and free


@pytest.mark.parametrize(("stage", "names"), [("prod", ""), ("dev", "-dev")])
def test_tables_are_named_literally(stage: str, names: str) -> None:
    """CloudFormation takes over a table that is there already only where its name is no parameter."""
    sam: Template = {
        "Parameters": {"LinksTableName": {"Default": "url-shortener"}},
        "Resources": {
            "LinksTable": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": {"Ref": "LinksTableName"}}},
            **FUNCTIONS,
        },
    }

    completed = package.completed(copy.deepcopy(sam), stage)

    assert completed["Resources"]["LinksTable"]["Properties"]["TableName"] == f"url-shortener{names}"
    assert completed["Parameters"] == {}
    assert not [name for name in package.parameters(stage) if name.endswith("TableName")]


def test_alarms_can_reach_their_topic(template: Template) -> None:
    """CloudWatch may not use the key `alias/aws/sns`: alarms would be raised, and nobody told."""
    topics = {
        action["Ref"]
        for alarm in resources(template, "AWS::CloudWatch::Alarm").values()
        for action in alarm["Properties"]["AlarmActions"]
    }

    assert topics
    for topic in topics:
        assert "alias/aws/sns" not in json.dumps(template["Resources"][topic])


def gateway_answers(template: Template) -> dict[str, Template]:
    """Return what API Gateway answers itself, by its own names."""
    answers: dict[str, Template] = template["Resources"]["RestAPI"]["Properties"]["Body"][
        "x-amazon-apigateway-gateway-responses"
    ]
    return answers


def test_what_api_gateway_answers_itself_is_ours_too(template: Template) -> None:
    """Each is a problem that clients know, with its own status, a page that explains it, and CORS."""
    for answer in gateway_answers(template).values():
        problem = json.loads(answer["responseTemplates"]["application/json"])
        error = public_errors()[problem["code"]]
        headers = answer["responseParameters"]

        assert problem["type"] == f"https://$context.domainName/$context.stage/problems/{error.code}"
        assert (problem["title"], problem["status"]) == (error.title, error.status)
        assert problem["detail"]
        assert answer["statusCode"] == str(error.status)
        assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
        assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"


def test_what_api_gateway_answers_names_the_domain(with_domains: Callable[..., Template]) -> None:
    """Where there is one: its path has no stage in it."""
    template = with_domains("sho.rt", answer={"type": "${Base}/problems/page-unknown"})

    assert template["Resources"]["RestAPI"] == {"type": "https://sho.rt/problems/page-unknown"}


@pytest.mark.parametrize(
    ("name", "status", "retry_after"),
    [
        ("MISSING_AUTHENTICATION_TOKEN", "404", None),  # its words for an unknown route
        ("INVALID_SIGNATURE", "404", None),  # the same, where the client sends a key of ours
        ("DEFAULT_4XX", "404", None),
        ("REQUEST_TOO_LARGE", "413", None),
        ("THROTTLED", "429", "'1'"),
        ("INTEGRATION_TIMEOUT", "503", "'1'"),
        ("INTEGRATION_FAILURE", "500", "'1'"),
        ("DEFAULT_5XX", "500", "'1'"),
    ],
)
def test_api_gateways_names_have_our_status(
    template: Template, name: str, status: str, retry_after: str | None
) -> None:
    """An unknown route is 404, as on a laptop; what passes says when to come again."""
    answer = gateway_answers(template)[name]

    assert answer["statusCode"] == status
    assert answer["responseParameters"].get("gatewayresponse.header.Retry-After") == retry_after


def test_parameters_are_left_open(template: Template) -> None:
    """What SAM knows it writes into the template; a stage's parameters must still reach the function."""
    variables = template["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]

    assert variables["BASE_URL"]["Fn::If"][:2] == ["HasBaseUrl", {"Ref": "BaseUrl"}]
    assert "us-east-1" not in json.dumps(template["Resources"])


@pytest.mark.parametrize("name", ["MemorySize", "Timeout", "Runtime", "Architectures", "Role", "FunctionName"])
def test_every_function_says_what_it_is(template: Template, name: str) -> None:
    """Nothing is left to Lambda's defaults, which are 128 MB and three seconds."""
    assert all(each["Properties"][name] for each in resources(template, "AWS::Lambda::Function").values())


def watched(template: Template) -> set[tuple[str, str]]:
    """Return what alarms look at: a metric, and the resource whose metric it is."""
    alarms = [each["Properties"] for each in resources(template, "AWS::CloudWatch::Alarm").values()]
    alone = [alarm for alarm in alarms if "Metrics" not in alarm]
    together = [each["MetricStat"]["Metric"] for alarm in alarms for each in alarm.get("Metrics", [])[1:]]
    return {(each["MetricName"], json.dumps(each["Dimensions"][0]["Value"])) for each in [*alone, *together]}


def test_every_function_has_its_log_and_its_alarm(template: Template) -> None:
    """An error of any function raises an alarm; its log ends some day."""
    functions = resources(template, "AWS::Lambda::Function")
    logs = [each["Properties"] for each in resources(template, "AWS::Logs::LogGroup").values()]

    assert {("Errors", f'{{"Ref": "{name}"}}') for name in functions} <= watched(template)
    assert {json.dumps(log["LogGroupName"]).rpartition("/")[2] for log in logs} == {
        json.dumps(each["Properties"]["FunctionName"]).partition(': "')[2] for each in functions.values()
    }
    assert all(log["RetentionInDays"] for log in logs)


def test_what_loses_data_or_visitors_raises_an_alarm(template: Template) -> None:
    """Refusals where a visitor waits. A refused count or night comes again: there the age of the oldest click tells."""
    metrics = {metric for metric, _ in watched(template)}

    assert {each for each in watched(template) if each[0] == "Throttles"} == {
        ("Throttles", f'{{"Ref": "{name}"}}') for name in ("RedirectHandler", "APIHandler")
    }
    assert {
        "5XXError",
        "4XXError",
        "Latency",
        "ReadThrottleEvents",
        "WriteThrottleEvents",
        "ClicksSpilled",
        "ClicksSetAside",
        "CountDrift",
    } <= metrics
    # How long what is counted has waited, and rows that are written while nothing is called, when that is silent.
    of_stream = {("IteratorAge", '{"Ref": "CountRows"}'), ("Invocations", '{"Ref": "CountRows"}')}
    assert {*of_stream, ("ConsumedWriteCapacityUnits", '{"Ref": "ClicksTable"}')} <= watched(template)
    assert ("ApproximateAgeOfOldestMessage", '{"Fn::GetAtt": ["ClicksQueue", "QueueName"]}') in watched(template)
    for queue in ("ClicksDeadLetters", "FilesDeadLetters", "NightDeadLetters", "SchedulesDeadLetters"):
        name = f'{{"Fn::GetAtt": ["{queue}", "QueueName"]}}'
        assert ("ApproximateNumberOfMessagesVisible", name) in watched(template)
    for table in resources(template, "AWS::DynamoDB::Table"):  # counting writes clicks, limits and claims write access
        assert ("WriteThrottleEvents", f'{{"Ref": "{table}"}}') in watched(template)


def test_every_alarm_notifies_and_says_what_to_do(template: Template) -> None:
    """It goes to the topic, and names a section of the manual that is there."""
    manual = (ROOT / "docs" / "operate.md").read_text()

    for alarm in resources(template, "AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmActions"] == alarm["Properties"]["OKActions"] == [{"Ref": "Alarms"}]
        section = re.search(r'docs/operate.md, "(.*)"', alarm["Properties"]["AlarmDescription"])
        assert section is not None
        assert f"**{section[1]}**" in manual


@pytest.mark.parametrize("spoil", ["FunctionResponseTypes", "PARTIAL_BATCH"])
def test_a_queue_that_would_delete_failures_is_refused(template: Template, spoil: str) -> None:
    """Without the list of failures a message that failed is deleted with its neighbours."""
    assert list(template_checks.deleting_failures(template)) == []
    for mapping in resources(template, "AWS::Lambda::EventSourceMapping").values():
        mapping["Properties"].pop(spoil, None)
    template["Resources"]["CountClicks"]["Properties"]["Environment"]["Variables"].pop(spoil, None)

    assert any(name.startswith("CountClicks") for name in template_checks.deleting_failures(template))


def test_a_stream_deletes_nothing(template: Template) -> None:
    """Its records come again until they are done, whatever the function says."""
    mapping = template["Resources"]["CountClicksCountClicksSqsEventSource"]["Properties"]
    del mapping["FunctionResponseTypes"]
    mapping["EventSourceArn"] = {"Fn::GetAtt": ["ClicksTable", "StreamArn"]}

    assert list(template_checks.deleting_failures(template)) == []


def number(template: Template, value: Any) -> int:
    """Return a number of the template, of a parameter its default."""
    return int(template["Parameters"][value["Ref"]]["Default"] if isinstance(value, dict) else value)


def test_what_is_counted_together_is_set_by_the_stage(template: Template) -> None:
    """Batches and containers are parameters; those of the stage dev and of prod need no other code."""
    mappings = resources(template, "AWS::Lambda::EventSourceMapping")
    clicks = mappings["CountClicksCountClicksSqsEventSource"]["Properties"]
    files = mappings["WorkOnFilesWorkOnFilesSqsEventSource"]["Properties"]

    assert clicks["BatchSize"] == {"Ref": "ClicksBatch"}
    assert clicks["MaximumBatchingWindowInSeconds"] == {"Ref": "ClicksWaitSeconds"}
    assert clicks["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "ClicksConcurrency"}}
    assert files["BatchSize"] == 1
    assert files["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "FilesConcurrency"}}
    assert [number(template, {"Ref": name}) for name in ("ClicksBatch", "ClicksWaitSeconds")] == [100, 20]
    assert [number(template, {"Ref": name}) for name in ("ClicksConcurrency", "FilesConcurrency")] == [4, 2]
    for name in ("ClicksConcurrency", "FilesConcurrency"):  # as SQS takes them
        assert (template["Parameters"][name]["MinValue"], template["Parameters"][name]["MaxValue"]) == (2, 1000)


def test_nothing_is_reserved(template: Template) -> None:
    """With a quota of 10, which new accounts have, any reservation fails."""
    for function in resources(template, "AWS::Lambda::Function").values():
        assert "ReservedConcurrentExecutions" not in function["Properties"]
    assert not [
        each
        for kind in ("AWS::Lambda::Alias", "AWS::Lambda::Version")
        for each in resources(template, kind).values()
        if "ProvisionedConcurrencyConfig" in each["Properties"]
    ]


def test_dead_letters_outlive_the_queue_they_come_from(template: Template) -> None:
    """The age of a message goes on in the dead-letter queue: it is kept there for 14 days, elsewhere for 4 at most."""
    queues = {name: each["Properties"] for name, each in resources(template, "AWS::SQS::Queue").items()}
    aside_of = {
        name: queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for name, queue in queues.items()
        if "RedrivePolicy" in queue
    }
    of_schedules = {
        target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
        for rule in resources(template, "AWS::Events::Rule").values()
        for target in rule["Properties"]["Targets"]
    }
    kept = {name: queue["MessageRetentionPeriod"] for name, queue in queues.items()}

    assert set(queues) == set(aside_of) | set(aside_of.values()) | of_schedules
    assert not set(aside_of) & (set(aside_of.values()) | of_schedules)
    assert {kept[name] for name in [*aside_of.values(), *of_schedules]} == {14 * 24 * 3600}
    assert all(kept[name] <= 4 * 24 * 3600 for name in aside_of)


def test_every_queue_has_one_policy_and_takes_tls_only(template: Template) -> None:
    """A queue's second policy would replace its first; each refuses what comes unencrypted."""
    policies = [each["Properties"] for each in resources(template, "AWS::SQS::QueuePolicy").values()]
    covered = [queue["Ref"] for policy in policies for queue in policy["Queues"]]

    assert sorted(covered) == sorted(resources(template, "AWS::SQS::Queue"))
    for policy in policies:
        (denial,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
        assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert denial["Resource"] == [{"Fn::GetAtt": [queue["Ref"], "Arn"]} for queue in policy["Queues"]]


def test_events_of_schedules_are_tried_again_and_then_put_aside(template: Template) -> None:
    """Each rule has one target with an end to its retries, and the queue takes events of these rules alone."""
    rules = resources(template, "AWS::Events::Rule")
    targets = {name: rule["Properties"]["Targets"] for name, rule in rules.items()}
    statements = template["Resources"]["SchedulesDeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [each for each in statements if each["Effect"] == "Allow"]

    assert len(rules) == 3
    for name, (target,) in targets.items():
        until_the_next = 300 if name == "WarmRule" else 24 * 3600
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["SchedulesDeadLetters", "Arn"]}}
        assert 60 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] < until_the_next
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "events.amazonaws.com"}, ["sqs:SendMessage"])
    sources = allowed["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert sorted(source["Fn::GetAtt"][0] for source in sources) == sorted(rules)


def test_the_bucket_comes_after_the_policy_of_its_queue(template: Template) -> None:
    """S3 tries the queue when it takes the notification. So the policy is made first, and deleted last.

    It names the bucket without a reference, which would make each wait for the other.
    """
    files, policy = template["Resources"]["Files"], template["Resources"]["FilesQueuePolicy"]

    assert files["DependsOn"] in ("FilesQueuePolicy", ["FilesQueuePolicy"])
    assert policy["Properties"]["Queues"] == [{"Ref": "FilesQueue"}]
    for waited_for in (policy, template["Resources"]["FilesQueue"]):
        assert not re.search(r'"Files"|\$\{Files[.}]', json.dumps(waited_for))
    assert "DeletionPolicy" not in files  # it would stay without its queue


def test_the_api_has_the_name_that_alarms_look_for(template: Template) -> None:
    """API Gateway takes the title of the description as the name of the API, and reports its metrics under that."""
    api = template["Resources"]["RestAPI"]["Properties"]
    alarms = [each["Properties"] for each in resources(template, "AWS::CloudWatch::Alarm").values()]
    of_the_api = [alarm["Dimensions"] for alarm in alarms if alarm.get("Namespace") == "AWS/ApiGateway"]

    assert api["Name"] == api["Body"]["info"]["title"] == {"Ref": "AWS::StackName"}
    assert len(of_the_api) == 3
    assert all(dimensions == [{"Name": "ApiName", "Value": api["Name"]}] for dimensions in of_the_api)
    dashboard = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert set(re.findall(r'"ApiName", "([^"]+)"', dashboard)) == {"${AWS::StackName}"}


def test_what_is_sent_as_bytes_is_declared(template: Template) -> None:
    """QR codes as PNG, both to AWS, which reads the description, and to the local AWS, which reads the property."""
    api = template["Resources"]["RestAPI"]["Properties"]

    assert api["Body"]["x-amazon-apigateway-binary-media-types"] == api["BinaryMediaTypes"] == [qr.PNG]


def test_the_manual_counts_the_alarms(template: Template) -> None:
    """Each is ten cents a month beyond the tenth; the costs begin with them."""
    count = len(resources(template, "AWS::CloudWatch::Alarm"))
    manual = (ROOT / "docs" / "operate.md").read_text("utf-8")
    idle = (
        r"^\| 0 \| ([0-9.]+): \d+ alarms, one of which looks at two metrics, and 10 are free, ([0-9.]+);"
        r" Lambda asking three queues ([0-9.]+) "
    )
    ((total, alarms, queues),) = re.findall(idle, manual, re.MULTILINE)

    billed = count + 1  # by the metric
    assert [int(each) for each in re.findall(r"(\d+) alarms(?:, one| more)", manual)] == [count, billed]
    assert float(alarms) == pytest.approx((billed - 10) * 0.10)
    assert float(total) == pytest.approx(float(alarms) + float(queues))
    listed = set(re.findall(r"`(\w+Alarm)`", manual.partition("## Alarms")[2].partition("The log is")[0]))
    assert listed - {"UrlErrorsAlarm", "UrlRefusalsAlarm", "UrlLatencyAlarm"} == set(
        resources(template, "AWS::CloudWatch::Alarm")  # the three are those of the other front
    )


@pytest.mark.parametrize(
    ("queue_name", "function_name", "aside", "tries"),
    [
        ("ClicksQueue", "CountClicks", "ClicksDeadLetters", 5),
        ("FilesQueue", "WorkOnFiles", "FilesDeadLetters", 8),
        ("NightQueue", "CloseADay", "NightDeadLetters", 8),
    ],
)
def test_a_message_is_tried_again_before_it_is_put_aside(
    template: Template, queue_name: str, function_name: str, aside: str, tries: int
) -> None:
    """Hidden for six times as long as the function may take, then again; what fails for good waits 14 days."""
    queue = template["Resources"][queue_name]["Properties"]
    function = template["Resources"][function_name]["Properties"]

    (mapping,) = [
        each["Properties"]
        for each in resources(template, "AWS::Lambda::EventSourceMapping").values()
        if each["Properties"]["FunctionName"] == {"Ref": f"{function_name}Aliaslive"}
    ]
    wait = number(template, mapping["MaximumBatchingWindowInSeconds"])

    assert queue["RedrivePolicy"]["maxReceiveCount"] == tries
    assert number(template, queue["VisibilityTimeout"]) >= 6 * function["Timeout"] + wait
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [aside, "Arn"]}
    assert template["Resources"][aside]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


@pytest.fixture
def with_domains(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Template]:
    """Return a small template completed with domains in deploy.json."""

    def completed(*names: str | Template, answer: Template | None = None, stage: str = "prod") -> Template:
        certificate = "arn:aws:acm:us-east-1:1:certificate/x"
        domains = [
            {"name": each, "certificate": certificate}
            if isinstance(each, str)
            else {"certificate": certificate, **each}
            for each in names
        ]
        monkeypatch.setattr(package, "deployment", lambda _: {"domains": domains})
        handler: Template = {"Properties": {"Environment": {"Variables": {"OWN_HOSTS": {"Fn::Sub": "host"}}}}}
        worker = {**handler, "Type": "AWS::Serverless::Function"}
        sam = {
            "Parameters": {"Gradual": {"Default": "on"}},
            "Resources": {**FUNCTIONS, "APIHandler": handler, "WorkOnFiles": worker, "RestAPI": answer or {}},
            "Outputs": {},
        }
        return package.completed(copy.deepcopy(sam), stage)

    return completed


def test_domains_come_from_deploy_json(with_domains: Callable[..., Template]) -> None:
    """Each has its certificate, its mapping and its DNS target, and none of them may be linked to."""
    template = with_domains("sho.rt", "go.rt")

    kinds = [each.get("Type") for each in template["Resources"].values()]
    assert kinds.count("AWS::ApiGateway::DomainName") == kinds.count("AWS::ApiGateway::BasePathMapping") == 2
    for variables in variables_of(template):
        assert variables["OWN_HOSTS"] == {"Fn::Sub": "host,sho.rt,go.rt"}
        assert "DOMAINS" not in variables
    assert package.parameters("prod")["BaseUrl"] == "https://sho.rt"


def variables_of(template: Template) -> list[Template]:
    """Return the environment of each function."""
    found = [each.get("Properties", {}).get("Environment") for each in template["Resources"].values()]
    return [environment["Variables"] for environment in found if environment]


def test_domains_with_links_of_their_own_are_a_setting_of_all_functions(with_domains: Callable[..., Template]) -> None:
    """And no further hosts of the default's links. A retired one keeps its name, to answer 404."""
    team, old = {"name": "team.example", "space": "team"}, {"name": "old.example", "retired": True}

    template = with_domains(team, "sho.rt", old)

    assert len(variables_of(template)) == 3
    for variables in variables_of(template):
        assert variables["OWN_HOSTS"] == {"Fn::Sub": "host,sho.rt"}
        assert variables["DOMAINS"] == "team.example=team,old.example=:retired"
    names = resources(template, "AWS::ApiGateway::DomainName").values()
    assert [each["Properties"]["DomainName"] for each in names] == ["team.example", "sho.rt", "old.example"]
    assert package.parameters("prod")["BaseUrl"] == "https://sho.rt"


def test_on_this_machine_domains_have_no_names_in_api_gateway(with_domains: Callable[..., Template]) -> None:
    """*.localhost leads here by itself, and there are no certificates."""
    template = with_domains({"name": "team.localhost", "space": "team"}, "go.localhost", stage="local")

    assert not resources(template, "AWS::ApiGateway::DomainName")
    for variables in variables_of(template):
        assert (variables["OWN_HOSTS"], variables["DOMAINS"]) == (
            {"Fn::Sub": "host,go.localhost"},
            "team.localhost=team",
        )


def test_wrong_domains_refuse_the_package(with_domains: Callable[..., Template]) -> None:
    """Before it is built for long."""
    with pytest.raises(package.PackageRefused, match=r"'Sho\.rt' of prod is no host name"):
        with_domains("Sho.rt")


def test_the_order_of_domains_replaces_none(with_domains: Callable[..., Template]) -> None:
    """A domain is known by its name: sorted, it stays what it is; names that look alike are two."""
    names = ["sho.rt", "go-to.rt", "go.to.rt"]

    one, other = with_domains(*names), with_domains(*reversed(names))

    for template in (one, other):
        for name in (*FUNCTIONS, "WorkOnFiles", "RestAPI"):
            template["Resources"].pop(name)
    assert one["Resources"] == other["Resources"]
    assert len(resources(one, "AWS::ApiGateway::DomainName")) == 3
    assert all(name.isalnum() for name in [*one["Resources"], *one["Outputs"]])


def test_a_package_for_this_machine_leaves_the_one_for_aws_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was built for Graviton is still that after a deployment to the AWS on this machine."""
    monkeypatch.setattr(package, "DIST", tmp_path)
    monkeypatch.setattr(
        package, "_build", lambda built, _, architecture, *__, **___: built.code.write_text(architecture)
    )
    monkeypatch.setattr(package, "_THIS_MACHINE", "x86_64")
    for_aws = package.build("prod")

    package.build("prod", for_this_machine=True)

    assert for_aws.code.read_text() == "arm64"


def test_a_saved_file_needs_no_network(built: package.Package, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dependencies of the build before are kept: the same bytes, though the package index cannot be reached."""
    before = built.code.read_bytes(), built.api_code.read_bytes(), built.template.read_bytes()
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(template_checks, "lint", lambda _: ())  # it takes seconds, and has seen this template
    built.code.with_name(".inputs").write_text("other sources")

    again, of_another_stage = package.build("prod", fresh=False), package.build("dev", fresh=False)

    assert (again.code.read_bytes(), again.api_code.read_bytes(), again.template.read_bytes()) == before
    assert of_another_stage.code.read_bytes() == again.code.read_bytes()


def test_a_stack_name_tells_its_stage() -> None:
    """MiniStack cannot read back functions whose names begin with `url`; ours never do."""
    assert not stack.name_of("prod").startswith("url")
    assert stack.name_of("dev") != stack.name_of("prod")
