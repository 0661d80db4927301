"""Deployments that would lead visitors of a domain to other links than its own are refused, each with its way out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.core.domains import Domain, Domains
from dev.deploy import domain_changes, domains, release, stack
from dev.deploy.domains import Host
from dev.deploy.stack import Revision, StackFailed
from dev.local import tables

SHORT = {"name": "sho.rt", "certificate": "arn"}
TEAM = {"name": "team.example", "certificate": "arn", "space": "team"}
CREW = {**TEAM, "name": "crew.example"}
ANY_CASE = {"team": {"anyCase": True}}
KEYS = ("ArtifactKey", "ApiArtifactKey", "ArtifactBefore", "ApiArtifactBefore")
CODE, OTHER, OLD = "code/new.zip", "code/another.zip", "code/old.zip"


def revision(
    *listed: dict[str, Any], spaces: dict[str, Any] | None = None, at: dict[str, str] | None = None
) -> Revision:
    """Return a stack with these domains."""
    hosts = domains.read("prod", {"domains": list(listed), "spaces": spaces or {}})
    names = {
        each.logical_id: {"Type": "AWS::ApiGateway::DomainName", "Properties": {"DomainName": each.name}}
        for each in hosts.all
    }
    variables = {"DOMAINS": hosts.setting} if hosts.setting else {}
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Environment": {"Variables": variables}}}
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "url-shortener"}}
    template = {
        "Parameters": {name: {"Type": "String"} for name in ("ArtifactBucket", *KEYS)},
        "Resources": {"APIHandler": function, "LinksTable": table, **names},
    }
    return Revision(template, {"ArtifactBucket": "packages", **(at or {})})


def led(at: Revision, host: str) -> Domain:
    """Return where a host leads."""
    return Domains.from_text(domain_changes.setting(at.template), "https://base.example").at(host)


def refused(before: Revision, after: Revision, *may_go: str, links_in: str = "team") -> list[str]:
    """Return what is refused where one space has links."""
    logical_ids = [Host(name).logical_id for name in may_go]
    return list(domain_changes.refusals(before, after, lambda space: space == links_in, logical_ids))


MOVES = [
    pytest.param([TEAM], [{**TEAM, "space": "crew"}], "team", "//team/sale", "//crew/sale", id="to another space"),
    pytest.param([SHORT, TEAM], [SHORT, {**SHORT, "name": "team.example"}], "team", "//team/sale", "sale", id="back"),
    pytest.param([SHORT, {**SHORT, "name": "team.example"}], [SHORT, TEAM], "", "sale", "//team/sale", id="to its own"),
]


@pytest.mark.parametrize(("before", "after", "links_in", "was", "becomes"), MOVES)
def test_a_host_does_not_move_away_from_its_links(
    before: list[Any], after: list[Any], links_in: str, was: str, becomes: str
) -> None:
    """Its printed addresses would lead to other links: they do where the move is forced."""
    one, other = revision(*before), revision(*after)

    (sentence,) = refused(one, other, links_in=links_in)

    assert sentence.startswith("  team.example would lead to ")
    assert sentence.endswith("MAY_REPLACE=team.example")
    assert refused(one, other, links_in="elsewhere") == []
    assert refused(one, other, "team.example", links_in=links_in) == []
    assert refused(one, other, "sho.rt", links_in=links_in) == [sentence]
    assert (led(one, "team.example").id_of("sale"), led(other, "team.example").id_of("sale")) == (was, becomes)


def test_the_host_of_base_url_does_not_move_either() -> None:
    """Also where its name is none of the stack's."""
    before = revision(SHORT, at={"BaseUrl": "https://team.example/go"})

    (sentence,) = refused(before, revision(SHORT, TEAM), links_in="")

    assert sentence.startswith("  team.example would lead to the space team")
    assert refused(before, revision(SHORT), links_in="") == []


@pytest.mark.parametrize(("was", "becomes"), [({}, ANY_CASE), (ANY_CASE, {})])
def test_a_space_with_links_stays_as_it_treats_case(was: dict[str, Any], becomes: dict[str, Any]) -> None:
    """A link that was made before would not be found any more, as where the change is forced."""
    before, after = revision(TEAM, CREW, spaces=was), revision(TEAM, CREW, spaces=becomes)

    (sentence,) = refused(before, after)

    assert sentence.startswith("  Codes of the space team would ignore case")
    assert "MAY_REPLACE=team.example" in sentence
    assert refused(before, after, links_in="elsewhere") == []
    assert refused(before, after, "crew.example") == []  # any host of the space
    stored = led(before, "team.example").id_of("Sale")
    assert led(after, "team.example").id_of("Sale") != stored


@pytest.mark.parametrize(
    ("before", "links_in", "becomes"),
    [([SHORT, TEAM], "team", "sale"), ([TEAM, SHORT], "", None)],
    ids=["with a space", "of the default"],
)
def test_a_host_with_links_is_retired_and_not_removed(
    before: list[dict[str, Any]], links_in: str, becomes: str | None
) -> None:
    """Removed, its printed links lead nowhere; who asks for it in another way gets the default's link of that code."""
    gone = before[1]["name"]
    one, other = revision(*before), revision(before[0])

    (sentence,) = refused(one, other, links_in=links_in)

    assert sentence.startswith(f"  {gone} would be removed, and its links with it: retire it instead")
    assert refused(one, other, gone, links_in=links_in) == []
    assert refused(one, other, links_in="elsewhere") == []
    retired = revision(before[0], {**before[1], "retired": True})
    assert refused(one, retired, links_in=links_in) == []
    assert led(retired, gone).is_retired
    assert refused(retired, other, links_in=links_in) == []
    if becomes:
        assert led(other, gone).id_of("sale") == becomes


def test_hosts_that_share_a_space_are_free_to_come() -> None:
    """That is how a host gets another name: its links are found under both."""
    before, after = revision(SHORT, TEAM), revision(SHORT, CREW, TEAM)

    assert refused(before, after) == []
    assert led(after, "crew.example").id_of("sale") == led(before, "team.example").id_of("sale")


@pytest.fixture
def table() -> Iterator[Any]:
    """The tables, empty."""
    with mock_aws():
        dynamodb = boto3.client("dynamodb", "eu-west-1")
        tables.create(dynamodb)
        yield dynamodb


def put(dynamodb: Any, code: str, **attributes: str) -> None:
    """Store a link, or what is left of one."""
    item = {"code": {"S": code}} | {name: {"S": value} for name, value in attributes.items()}
    dynamodb.put_item(TableName="url-shortener", Item=item)


def test_links_are_looked_for_in_their_space(table: Any) -> None:
    """What is left of a deleted link is no link of the default space."""

    def has_links() -> Callable[[str], bool]:
        return domain_changes.links_of(stack.Cloud("eu-west-1"), revision().template, lambda _: None)

    put(table, "deleted")
    put(table, "//team/sale", originalUrl="https://example.com/", space="team")

    assert [has_links()(space) for space in ("team", "crew", "")] == [True, False, False]
    put(table, "sale", originalUrl="https://example.com/")
    assert has_links()("")


def test_a_long_look_is_told(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where a table has next to no link of the default space."""
    said: list[str] = []
    put(table, "//team/sale", originalUrl="https://example.com/", space="team")
    monkeypatch.setattr(domain_changes, "_QUIET_SECONDS", -1.0)

    assert not domain_changes.links_of(stack.Cloud("eu-west-1"), revision().template, said.append)("")

    assert said == ["Looking for a link of the default domain, which none of the first 1 items is ..."]


class Deployed:
    """A stack, and the packages beside it."""

    def __init__(self, at: Revision | None, patch: pytest.MonkeyPatch) -> None:
        self.at = at
        self.uploaded = CODE
        patch.setattr(stack, "deployed", lambda *_: self.at)
        patch.setattr(stack, "change", self._change)
        patch.setattr(stack, "resources", lambda *_: {})
        patch.setattr(stack, "has_object", lambda *_: True)
        patch.setattr(stack, "reads", lambda _cloud, _bucket, key, _what: key != OLD)
        patch.setattr(stack, "uploaded", lambda *_: keys(self.uploaded))
        patch.setattr(domain_changes, "links_of", lambda *_: lambda _space: False)

    def _change(self, _cloud: object, _name: str, target: Revision, **_: object) -> dict[str, str]:
        self.at = target
        return {}

    def deploy(self, target: Revision, *may_go: str, code: str = CODE) -> Revision:
        """Deploy; return what is deployed then."""
        self.uploaded = code
        package: Any = type("Package", (), {"content": target.template})
        self._release(*may_go).deploy(package, {})
        assert self.at is not None
        return self.at

    def rollback(self) -> None:
        """Go back."""
        self._release().rollback()

    def _release(self, *may_go: str) -> release.Release:
        tests = release.Tests(lambda *_: None, lambda *_: None)
        return release.Release(stack.Cloud("eu-west-1"), "shortener-prod", tests, may_go, say=lambda _: None)


def keys(now: str, before: str = "") -> dict[str, str]:
    """Return the parameters that name the code of a stack."""
    return {"ArtifactBucket": "packages", **dict(zip(KEYS, (now, now, before, before), strict=True))}


def ignoring_hosts(at: Revision) -> str:
    """Return the link that code of the version before sends a visitor of team.example/sale to."""
    assert led(at, "team.example").id_of("sale") == "//team/sale"
    return Domains.from_text("", "https://sho.rt").at("team.example").id_of("sale")


def test_code_that_ignores_hosts_gets_no_domains_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It serves visitors until the new code has all of them, and would send them to the default's link."""
    deployed = Deployed(revision(SHORT, at=keys(OLD)), monkeypatch)
    target = revision(SHORT, TEAM)

    with pytest.raises(StackFailed, match=r"in use, code/old\.zip, does not tell hosts apart.*without such domains"):
        deployed.deploy(target, "ArtifactBefore", Host("team.example").logical_id)

    assert deployed.at is not None
    assert deployed.at.parameters == keys(OLD)
    assert ignoring_hosts(target) == "sale"


def test_domains_of_their_own_wait_for_a_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until rollback has code that tells hosts apart; without that, by name, and rollback is refused."""
    deployed = Deployed(revision(SHORT, at=keys(OLD)), monkeypatch)
    target = revision(SHORT, TEAM)
    deployed.deploy(revision(SHORT))

    with pytest.raises(StackFailed, match=r"bring back, code/old\.zip, does not.*MAY_REPLACE=ArtifactBefore"):
        deployed.deploy(target)

    forced = deployed.deploy(target, "ArtifactBefore")
    assert ignoring_hosts(forced) == "sale"
    with pytest.raises(StackFailed, match=r"the code before, code/old\.zip, does not tell hosts apart"):
        deployed.rollback()
    assert deployed.at is forced


def test_two_deployments_later_domains_have_links_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a rollback brings back code that tells hosts apart, with the same domains."""
    deployed = Deployed(revision(SHORT, at=keys(OLD)), monkeypatch)
    deployed.deploy(revision(SHORT))
    deployed.deploy(revision(SHORT), code=OTHER)

    deployed.deploy(revision(SHORT, TEAM), code=OTHER)
    deployed.rollback()

    assert deployed.at is not None
    assert deployed.at.parameters["ArtifactKey"] == CODE
    assert led(deployed.at, "team.example").id_of("sale") == "//team/sale"


def test_a_new_stack_has_domains_of_their_own_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No code was before."""
    deployed = Deployed(None, monkeypatch)

    deployed.deploy(revision(SHORT, TEAM))
    again = deployed.deploy(revision(SHORT, TEAM, CREW))

    assert led(again, "crew.example").space == "team"


def test_a_release_refuses_what_links_would_be_lost_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything changes, with a line for each host."""
    deployed = Deployed(revision(SHORT, TEAM, CREW, at=keys(CODE)), monkeypatch)
    monkeypatch.setattr(domain_changes, "links_of", lambda *_: lambda _space: True)
    before = deployed.at

    with pytest.raises(StackFailed) as told:
        deployed.deploy(revision(SHORT))

    assert [line.split()[0] for line in str(told.value).splitlines()] == [
        "shortener-prod",
        "team.example",
        "crew.example",
    ]
    assert deployed.at is before
    names = [Host(name).logical_id for name in ("team.example", "crew.example")]
    assert domain_changes.setting(deployed.deploy(revision(SHORT), *names).template) == ""


def test_what_code_reads_is_noted_beside_it() -> None:
    """Code that was uploaded without the note, or is gone, cannot be trusted to tell hosts apart."""
    with mock_aws():
        cloud = stack.Cloud("eu-west-1")
        bucket = stack.artifacts(cloud)
        cloud.s3.put_object(Bucket=bucket, Key="code/old.zip", Body=b"")
        cloud.s3.put_object(Bucket=bucket, Key="code/new.zip", Body=b"", Metadata=stack.SPACES | stack.FRONT)
        cloud.s3.put_object(Bucket=bucket, Key="code/between.zip", Body=b"", Metadata=stack.SPACES)

        found = [
            [stack.reads(cloud, bucket, f"code/{name}.zip", what) for what in (stack.SPACES, stack.FRONT)]
            for name in ("new", "between", "old", "gone")
        ]

    assert found == [[True, True], [True, False], [False, False], [False, False]]
