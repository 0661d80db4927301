"""Releases of a stack on the local AWS: tried before visitors, undone if they fail, rolled back."""

from __future__ import annotations

import json
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dev.deploy import package, release, smoke, stack, versions
from dev.http_client import ask
from dev.local import local_aws
from tests.e2e.conftest import aws_in
from tests.paths import ROOT
from tests.sizes import grows, only_long, usual_or_long

NAME = "shortener-released"
TARGET = "https://example.com/followed"
PARAMETERS = {"BaseUrl": "https://sho.rt", "LocalStream": "yes"}
_PAUSE = 0.05


@dataclass
class Visits:
    """What a visitor got who follows a link again and again."""

    number: int = 0
    failed: list[Any] = field(default_factory=list)


@dataclass
class Stack:
    """A stack on a local AWS, its packages, and what a release of it says."""

    port: int
    folder: Path
    built: package.Package
    said: list[str] = field(default_factory=list)

    @property
    def cloud(self) -> stack.Cloud:
        """Return the AWS."""
        return stack.Cloud("eu-west-1")

    @property
    def releases(self) -> release.Release:
        """Return the releases, with the real smoke tests."""
        tests = release.Tests(
            lambda made, versions: smoke.test_versions(self.cloud.client("lambda"), versions, made, None),
            lambda made: smoke.test(self.address(made), made["BaseUrl"], None),
        )
        return release.Release(self.cloud, NAME, tests, say=self.said.append)

    def address(self, made: Any) -> str:
        """Return the address of its API."""
        return local_aws.api_address(self.port, made["RestAPIId"])

    def package(self, name: str, added: bytes = b"", **edited: bytes) -> package.Package:
        """Return the package of that name, with other sources: ``api__site`` is chalicelib/api/site.py.

        ``added`` is in the zip of the API function alone.
        """
        folder = self.folder / name
        changed = package.Package(folder / "code.zip", folder / "template.json")
        if folder.exists():
            return changed
        folder.mkdir()
        # As on AWS: what a rollback needs stays. On this machine every saved file would leave versions behind.
        template = self.built.template.read_text("utf-8")
        changed.template.write_text(
            template.replace('"DeletionPolicy": "Delete"', '"DeletionPolicy": "RetainExceptOnCreate"')
        )
        sources = {f"chalicelib/{each.replace('__', '/')}.py": text for each, text in edited.items()}
        write_edited(self.built.code, changed.code, sources)
        write_edited(self.built.api_code, changed.api_code, sources)
        if added:
            with zipfile.ZipFile(changed.api_code, "a") as zipped:
                zipped.writestr("added.txt", added)
        return changed


def write_edited(before: Path, after: Path, sources: dict[str, bytes]) -> None:
    """Write a zip again, with other files in the place of some."""
    if not sources:
        shutil.copyfile(before, after)
        return
    compiled = [f"__pycache__/{Path(each).stem}." for each in sources]
    with zipfile.ZipFile(before) as old, zipfile.ZipFile(after, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for entry in old.infolist():
            if not any(part in entry.filename for part in compiled):
                same_time = zipfile.ZipInfo(entry.filename, entry.date_time)  # same content, same bytes
                new.writestr(same_time, sources.get(entry.filename) or old.read(entry), zipfile.ZIP_DEFLATED)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of the packaged sources, on a local AWS of its own."""
    folder = tmp_path_factory.mktemp("releases")
    with aws_in(folder / "aws") as port:
        made = Stack(port, folder, package.build("local", for_this_machine=True, fresh=False))
        made.releases.deploy(made.package("first"), PARAMETERS)
        yield made


@contextmanager
def visitor(released: Stack) -> Iterator[Visits]:
    """Follow a link every 50 ms within a ``with`` block."""
    address = released.address(stack.outputs(released.cloud, NAME))
    status, link = smoke.with_key(address, None, "POST", "/links", {"url": TARGET})
    assert status == 201
    visits, is_over = Visits(), threading.Event()

    def follow() -> None:
        while not is_over.wait(_PAUSE):
            try:
                got: Any = ask(address, "GET", f"/{link['code']}")[:2]
            except OSError as failure:
                got = failure
            visits.number += 1
            if got != (302, TARGET):
                visits.failed.append(got)

    following = threading.Thread(target=follow)
    following.start()
    try:
        yield visits
    finally:
        is_over.set()
        following.join(60)


Code = tuple[str, str]
"""The keys of both zips."""


def code_in_use(released: Stack) -> tuple[Code, Code]:
    """Return the keys of the deployed code and of the code before."""
    deployed = stack.deployed(released.cloud, NAME)
    assert deployed is not None
    now, before = ((f"Artifact{at}", f"ApiArtifact{at}") for at in ("Key", "Before"))
    return (
        (deployed.parameters[now[0]], deployed.parameters[now[1]]),
        (deployed.parameters[before[0]], deployed.parameters[before[1]]),
    )


def versions_in_use(released: Stack) -> dict[str, str]:
    """Return the version that each alias names."""
    functions = released.cloud.client("lambda")
    arns = stack.resources(released.cloud, NAME, "AWS::Lambda::Alias").values()
    return {
        arn: functions.get_alias(FunctionName=arn.rpartition(":")[0], Name="live")["FunctionVersion"] for arn in arns
    }


def newest_versions(released: Stack) -> dict[str, str]:
    """Return the last version that each function has, by the ARN of its alias."""
    functions = released.cloud.client("lambda")
    newest: dict[str, str] = {}
    for arn in stack.resources(released.cloud, NAME, "AWS::Lambda::Alias").values():
        made = functions.list_versions_by_function(FunctionName=arn.rpartition(":")[0])["Versions"]
        newest[arn] = str(max(int(each["Version"]) for each in made if each["Version"].isdigit()))
    return newest


@grows
def test_no_visitor_meets_a_bad_release(released: Stack) -> None:
    """A good release, a bad one and a rollback, one after the other: every visit leads to the target."""
    first, _ = code_in_use(released)
    broken = b"raise RuntimeError('broken')\n"
    good = released.package("good", api__site=sources_of("api/site") + b"# another comment\n")
    bad = released.package("bad", redirect_lambda=broken)

    with visitor(released) as visits:
        address = released.address(released.releases.deploy(good, PARAMETERS))
        second, before = code_in_use(released)
        in_use = versions_in_use(released)
        for _ in range(usual_or_long(1, 2)):  # a failed release can be tried again
            with pytest.raises(release.Undone, match=r"broken.*\nNobody was sent to the new code"):
                released.releases.deploy(bad, PARAMETERS)
        assert (before, code_in_use(released)) == (first, (second, first))
        assert versions_in_use(released) == in_use
        # On AWS the same code could not be released again while its version were the last that was published.
        assert newest_versions(released) == in_use
        released.releases.rollback()
        assert code_in_use(released) == (first, second)
        if usual_or_long(0, 1):  # twice brings the newer code back
            released.releases.rollback()
            assert code_in_use(released) == (second, first)
        smoke.test(address, PARAMETERS["BaseUrl"], None)

    assert visits.number > 50
    assert visits.failed == []
    functions = released.cloud.client("lambda")
    for name in stack.resources(released.cloud, NAME, "AWS::Lambda::Function").values():
        kept = [each["Version"] for each in functions.list_versions_by_function(FunctionName=name)["Versions"]]
        assert len(kept) <= 1 + 5  # $LATEST, and five to go back to


def test_equal_code_is_no_release(released: Stack) -> None:
    """Nothing is made or tried twice, and the code before stays what it was."""
    good = released.package("good", api__site=sources_of("api/site") + b"# another comment\n")
    released.releases.deploy(good, PARAMETERS)
    before, in_use = code_in_use(released), versions_in_use(released)
    released.said.clear()

    released.releases.deploy(good, PARAMETERS)

    assert (code_in_use(released), versions_in_use(released)) == (before, in_use)
    assert released.said[-1] == f"{NAME} is up to date."


def test_change_of_the_api_zip_alone_is_a_release(released: Stack) -> None:
    """It makes a version of the API function alone; a rollback brings both zips back together, and forth again."""
    released.releases.deploy(
        released.package("good", api__site=sources_of("api/site") + b"# another comment\n"), PARAMETERS
    )
    first, in_use = code_in_use(released), versions_in_use(released)
    other = released.package("added", b"more", api__site=sources_of("api/site") + b"# another comment\n")

    released.releases.deploy(other, PARAMETERS)

    second = code_in_use(released)
    assert second[0][0] == first[0][0]
    assert second[1] == first[0]
    changed = versions_in_use(released).items() - in_use.items()
    assert [arn.split(":")[-2] for arn, _ in changed] == [f"{NAME}-api"]
    released.releases.rollback()
    assert code_in_use(released) == (first[0], second[0])
    released.releases.rollback()
    assert code_in_use(released) == second


def sources_of(name: str) -> bytes:
    """Return the sources of a module of the service."""
    return (ROOT / "chalicelib" / f"{name}.py").read_bytes()


@only_long
def test_failure_at_the_address_brings_the_code_before_back(released: Stack) -> None:
    """The new versions work when invoked, and the API does not lead to them: the stack is put back as it was."""
    good = released.releases
    address_fails = release.Tests(good.tests.by_invocation, _fail)
    bad = release.Release(good.cloud, NAME, address_fails, say=good.say)
    before = stack.deployed(released.cloud, NAME)

    with visitor(released) as visits, pytest.raises(release.Undone, match=r"no\.\nThe code before is in use again"):
        bad.deploy(released.package("other", api__site=sources_of("api/site") + b"# a third\n"), PARAMETERS)

    after = stack.deployed(released.cloud, NAME)
    assert before is not None
    assert after is not None
    assert after.template == before.template
    assert {**after.parameters, "Gradual": ""} == {**before.parameters, "Gradual": ""}
    assert visits.failed == []


def _fail(_: object) -> None:
    raise smoke.SmokeFailed("The address says no.")


@only_long
def test_failure_of_the_second_change_is_undone(released: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when an alarm moves the aliases back: what the first change had brought goes as well."""
    before, real, changes = stack.deployed(released.cloud, NAME), stack.change, 0

    def change(*given: Any, **named: Any) -> dict[str, str]:
        nonlocal changes
        changes += 1
        if changes == 2:
            raise stack.StackFailed("The alarm fired.")
        return real(*given, **named)

    monkeypatch.setattr(stack, "change", change)
    with visitor(released) as visits, pytest.raises(release.Undone, match=r"alarm fired\.\nThe stack is as it was"):
        released.releases.deploy(
            released.package("alarm", api__site=sources_of("api/site") + b"# a fifth\n"), PARAMETERS
        )

    after = stack.deployed(released.cloud, NAME)
    assert before is not None
    assert after is not None
    assert after.template == before.template
    assert newest_versions(released) == versions_in_use(released)
    assert visits.failed == []


@only_long
@pytest.mark.parametrize("then", ["the same again", "rollback"])
def test_release_that_was_broken_off(released: Stack, then: str) -> None:
    """Stopped after the new versions were made: visitors have the code before, and either way leads on from there."""
    served, _ = code_in_use(released)
    name = then.replace(" ", "-")
    new = released.package(name, api__site=sources_of("api/site") + f"# {then}\n".encode())
    stopped = release.Release(released.cloud, NAME, release.Tests(_stop, _fail), say=released.said.append)
    with visitor(released) as visits:
        with pytest.raises(KeyboardInterrupt):
            stopped.deploy(new, PARAMETERS)
        broken_off, before = code_in_use(released)

        if then == "rollback":
            released.releases.rollback()
            assert code_in_use(released) == (served, broken_off)
        else:
            released.releases.deploy(new, PARAMETERS)
            assert code_in_use(released) == (broken_off, served)

    assert before == served
    assert visits.failed == []
    assert newest_versions(released) == versions_in_use(released)
    deployed = stack.deployed(released.cloud, NAME)
    assert deployed is not None
    aliases = [each for each in deployed.template["Resources"].values() if each["Type"] == "AWS::Lambda::Alias"]
    assert all("Fn::GetAtt" in each["Properties"]["FunctionVersion"] for each in aliases)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


@only_long
def test_stack_of_the_version_before_gets_aliases(released: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its functions have no versions, and one zip. Everything is called by its alias in the end, and links are kept."""
    monkeypatch.setattr(Stack, "cloud", stack.Cloud("eu-central-1"))  # tables of its own
    before = released.package("before")
    template = versions.pinned(before.content, {})
    kinds = {"AWS::Lambda::Version", "AWS::Lambda::Alias"}
    aliases = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::Lambda::Alias"]
    template["Resources"] = {
        name: each
        for name, each in template["Resources"].items()
        if each["Type"] not in kinds
        and not (each["Type"] == "AWS::Lambda::Permission" and each["Properties"]["FunctionName"].get("Ref") in aliases)
    }
    template["Resources"]["APIHandler"]["Properties"]["Code"]["S3Key"] = {"Ref": "ArtifactKey"}
    for parameter in ("ArtifactBefore", "ApiArtifactKey", "ApiArtifactBefore"):
        del template["Parameters"][parameter]
    uploaded = stack.uploaded(released.cloud, before, released.said.append)
    values = {**PARAMETERS, **{name: value for name, value in uploaded.items() if name in template["Parameters"]}}
    made = stack.change(released.cloud, NAME, stack.Revision(template, values), say=released.said.append)
    status, link = smoke.with_key(released.address(made), None, "POST", "/links", {"url": TARGET})
    assert status == 201

    made = released.releases.deploy(released.package("first"), PARAMETERS)

    assert ask(released.address(made), "GET", f"/{link['code']}")[:2] == (302, TARGET)
    assert len(versions_in_use(released)) == len(aliases)
    (shared, api), _ = code_in_use(released)
    assert code_in_use(released) == ((shared, api), (shared, shared))
    released.releases.rollback()
    assert code_in_use(released) == ((shared, shared), (shared, api))
    assert ask(released.address(made), "GET", f"/{link['code']}")[:2] == (302, TARGET)


def remove(template: Any) -> None:
    """Take a table out of a template, and whatever names it."""
    del template["Resources"]["AccessTable"]
    text = json.dumps(template)
    text = text.replace('{"Ref": "AccessTable"}', '"gone"').replace('["AccessTable", "Arn"]', '["LinksTable", "Arn"]')
    template.update(json.loads(text))


def rename(template: Any) -> None:
    """Give a table another name."""
    template["Resources"]["LinksTable"]["Properties"]["TableName"] = "another"


def change_key(template: Any) -> None:
    """Give a table another key."""
    template["Resources"]["ClicksTable"]["Properties"]["KeySchema"].pop()


@pytest.mark.parametrize(
    ("edit", "table", "how"),
    [(remove, "AccessTable", "removed"), (rename, "LinksTable", "replaced"), (change_key, "ClicksTable", "replaced")],
)
def test_lost_tables_are_refused(released: Stack, edit: Callable[[Any], None], table: str, how: str) -> None:
    """Before anything is changed."""
    losing = released.package(f"losing-{edit.__name__}", api__site=sources_of("api/site") + b"# a fourth\n")
    template = losing.content
    edit(template)
    losing.template.write_text(json.dumps(template))
    before = code_in_use(released)

    with pytest.raises(
        stack.StackFailed, match=rf"{table} \(AWS::DynamoDB::Table\) would be {how}.*MAY_REPLACE={table}"
    ):
        released.releases.deploy(losing, PARAMETERS)

    assert code_in_use(released) == before


def test_rollback_without_code_before_is_one_sentence(released: Stack) -> None:
    """Of a stack that does not exist, and of one whose package is gone from the bucket."""
    nowhere = release.Release(released.cloud, "shortener-nowhere", released.releases.tests, say=released.said.append)
    with pytest.raises(stack.StackFailed, match=r"There is no stack shortener-nowhere in eu-west-1\."):
        nowhere.rollback()


def test_stack_policy_is_the_second_lock(released: Stack) -> None:
    """CloudFormation itself refuses the loss of what keeps data or a name; how it changes it otherwise is free."""
    policy = json.loads(released.cloud.cloudformation.get_stack_policy(StackName=NAME)["StackPolicyBody"])

    denied = next(each for each in policy["Statement"] if each["Effect"] == "Deny")
    assert denied["Action"] == ["Update:Replace", "Update:Delete"]
    assert {"AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::S3::Bucket"} <= set(
        denied["Condition"]["StringEquals"]["ResourceType"]
    )
