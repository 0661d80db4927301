"""Moving a stage from one front to the other: the steps that are refused, and those that lead there and back."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest

from dev.deploy import domain_changes, front, front_changes, release, stack
from dev.deploy.domains import Host
from dev.deploy.front import CLOUDFRONT, EDGE, REGIONAL
from dev.deploy.smoke import SmokeFailed
from dev.deploy.stack import AS_IT_IS, Revision, StackFailed

OLD, NEW, NEWER = "code/old.zip", "code/new.zip", "code/newer.zip"
KEYS = ("ArtifactKey", "ApiArtifactKey", "ArtifactBefore", "ApiArtifactBefore")
FRONT_NAME = "d111111abcdef8.cloudfront.net"
_TEXT = {"Type": "String"}


def template_of(*places: str, distribution: bool, hosts: tuple[str, ...] = ("sho.rt",)) -> dict[str, Any]:
    """Return a template with the names of its hosts at ``places``."""
    trusted = "yes" if places == (EDGE,) and not distribution else "no"
    told = {"FRONT_SECRETS": {"Ref": "OriginSecretDigests"}} if distribution else {}
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Environment": {"Variables": {"TRUST_CLOUDFRONT": trusted, **told}}},
    }
    types = [place.upper() for place in places if place != CLOUDFRONT]
    names = {
        Host(host).logical_id: {
            "Type": "AWS::ApiGateway::DomainName",
            "Properties": {
                "DomainName": host,
                "EndpointConfiguration": {"Types": types},
                **({"RegionalCertificateArn": "arn"} if REGIONAL in places else {}),
            },
        }
        for host in hosts
    }
    targets = {
        f"{name}{suffix}": {"Value": {"Fn::GetAtt": [name, attribute]}}
        for name in names
        for place, suffix, attribute in (
            (EDGE, "Target", "DistributionDomainName"),
            (REGIONAL, "RegionalTarget", "RegionalDomainName"),
        )
        if place in places
    }
    aliases = {"Aliases": list(hosts)} if CLOUDFRONT in places else {}
    config = {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": aliases}}
    extra = {"OriginSecret": {**_TEXT, "NoEcho": True}, "OriginSecretDigests": _TEXT, "FrontHost": _TEXT}
    return {
        "Parameters": {**dict.fromkeys(("ArtifactBucket", "BaseUrl", *KEYS), _TEXT), **(extra if distribution else {})},
        "Resources": {
            "APIHandler": function,
            **(names if types else {}),
            **({"Distribution": config} if distribution else {}),
        },
        "Outputs": targets,
    }


class Deployed:
    """A stack that keeps what it is told, as CloudFormation does, and shows no secret."""

    def __init__(self, patch: pytest.MonkeyPatch, key: str = NEW) -> None:
        self.template: dict[str, Any] = {}
        self.values: dict[str, str] = {}
        self.changes: list[Mapping[str, str]] = []
        self.templates: list[dict[str, Any]] = []
        self.key = key
        self.name = FRONT_NAME
        patch.setattr(stack, "deployed", lambda *_: self.revision)
        patch.setattr(stack, "change", self.change)
        patch.setattr(stack, "outputs", lambda *_: self.outputs)
        patch.setattr(stack, "resources", lambda *_: {})
        patch.setattr(stack, "has_object", lambda *_: True)
        patch.setattr(stack, "reads", lambda _cloud, _bucket, key, what: key != OLD or what != stack.FRONT)
        patch.setattr(stack, "uploaded", lambda *_: {"ArtifactBucket": "b", **dict.fromkeys(KEYS[:2], self.key)})
        patch.setattr(domain_changes, "links_of", lambda *_: lambda _space: True)

    @property
    def revision(self) -> Revision | None:
        """Return the stack, its secret hidden."""
        shown = {**self.values, **({"OriginSecret": AS_IT_IS} if "OriginSecret" in self.values else {})}
        return Revision(self.template, shown) if self.template else None

    @property
    def outputs(self) -> dict[str, str]:
        """Return what the stack says of itself."""
        return {"FrontUrl": f"https://{self.name}"} if front.has_distribution(self.template) else {}

    def change(self, _cloud: object, _name: str, target: Revision, **_: object) -> dict[str, str]:
        """Take a change. A parameter that there was no value of cannot keep it."""
        assert target.parameters.keys() <= target.template["Parameters"].keys()
        kept = {name for name, value in target.parameters.items() if value == AS_IT_IS}
        assert kept <= self.values.keys()
        self.values = {name: self.values[name] if name in kept else each for name, each in target.parameters.items()}
        self.template = json.loads(json.dumps(target.template))
        self.changes.append(dict(self.values))
        self.templates.append(self.template)
        return self.outputs

    def release(self, *may_go: str) -> release.Release:
        """Return what releases."""
        tests = release.Tests(lambda *_: None, lambda *_: None)
        return release.Release(stack.Cloud("eu-west-1"), "shortener-prod", tests, may_go, say=lambda _: None)

    def deploy(self, *places: str, distribution: bool, may_go: tuple[str, ...] = (), base_url: str = "") -> None:
        """Deploy a stage with the names of its hosts at ``places``."""
        package: Any = type("Package", (), {"content": template_of(*places, distribution=distribution)})
        self.release(*may_go).deploy(package, {"BaseUrl": base_url} if base_url else {})


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """No stack yet."""
    return Deployed(monkeypatch)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ((EDGE,), (EDGE, REGIONAL), ""),
        ((EDGE, REGIONAL), (REGIONAL,), "would not be answered at API Gateway's edge any more"),
        ((REGIONAL,), (REGIONAL, CLOUDFRONT), ""),
        ((REGIONAL, CLOUDFRONT), (CLOUDFRONT,), "would not be answered at API Gateway's region any more"),
        ((EDGE,), (REGIONAL,), "DNS still leads visitors to API Gateway's edge. Name both places"),
        ((REGIONAL,), (CLOUDFRONT,), "DNS still leads visitors to API Gateway's region. Name both places"),
        ((EDGE,), (CLOUDFRONT,), 'AWS refuses that (CNAMEAlreadyExists). Go by way of "namesAt": ["regional"].'),
        ((EDGE, REGIONAL), (REGIONAL, CLOUDFRONT), "CNAMEAlreadyExists"),
        ((CLOUDFRONT,), (EDGE,), "CNAMEAlreadyExists"),
        ((REGIONAL, CLOUDFRONT), (EDGE, REGIONAL), "CNAMEAlreadyExists"),
        ((CLOUDFRONT,), (REGIONAL, CLOUDFRONT), ""),
        ((REGIONAL, CLOUDFRONT), (REGIONAL,), "would not be answered at the distribution any more"),
        ((REGIONAL,), (EDGE, REGIONAL), ""),
        ((EDGE, REGIONAL), (EDGE,), "would not be answered at API Gateway's region any more"),
    ],
)
def test_names_move_in_steps(was: tuple[str, ...], becomes: tuple[str, ...], told: str) -> None:
    """A place is added beside the one that DNS leads to; that goes by name. Two of CloudFront's are never at once."""
    before, after = (Revision(template_of(*places, distribution=CLOUDFRONT in places), {}) for places in (was, becomes))
    said = [each for each in front_changes.refusals(before, after, ()) if "sho.rt would" in each]
    forced = [each for each in front_changes.refusals(before, after, ["DomainshoDotrt"]) if "sho.rt would" in each]

    assert len(said) == bool(told)
    assert told in "".join(said)
    assert bool(forced) == ("MAY_REPLACE" not in told + "".join(said) and bool(told))


def test_stage_moves_there_and_back(deployed: Deployed) -> None:
    """By four deployments each way; what goes is named, and no code ever believes what a visitor could have written."""
    gone = ("DomainshoDotrt",)
    steps: list[tuple[tuple[str, ...], bool, tuple[str, ...]]] = [
        ((EDGE,), False, ()),
        ((EDGE, REGIONAL), False, ()),
        ((REGIONAL,), True, gone),
        ((REGIONAL, CLOUDFRONT), True, ()),
        ((CLOUDFRONT,), True, gone),
        ((REGIONAL, CLOUDFRONT), True, ()),
        ((REGIONAL,), True, gone),
        ((EDGE, REGIONAL), False, ("Distribution",)),
        ((EDGE,), False, gone),
    ]
    for places, distribution, may_go in steps:
        deployed.deploy(*places, distribution=distribution, may_go=may_go, base_url="https://sho.rt")
        assert front_changes.places_of_names(deployed.template) == {"sho.rt": frozenset(places)}
        assert ("OriginSecret" in deployed.values) == distribution

    assert "OriginSecretDigests" not in deployed.values


def test_distribution_waits_until_nothing_is_believed(deployed: Deployed) -> None:
    """The API would be in its region before the new code answers for all visitors."""
    deployed.deploy(EDGE, distribution=False)

    with pytest.raises(StackFailed, match=r'could write them\. Deploy with "namesAt": \["edge", "regional"\] first'):
        deployed.deploy(REGIONAL, distribution=True, may_go=("DomainshoDotrt",))

    assert not front.has_distribution(deployed.template)


def test_region_waits_for_code_that_does_not_believe(deployed: Deployed) -> None:
    """New versions are made while that of before still answers everybody, and believes CloudFront's headers."""
    deployed.deploy(EDGE, distribution=False)
    deployed.deploy(EDGE, REGIONAL, distribution=False)
    deployed.deploy(EDGE, REGIONAL, distribution=False)

    names = [front_changes.places_of_names(each)["sho.rt"] for each in deployed.templates]
    both = {EDGE, REGIONAL}
    assert names == [{EDGE}, {EDGE}, both, both, both]
    targets = ["DomainshoDotrtTarget", "DomainshoDotrtRegionalTarget"]
    assert [list(each["Outputs"]) for each in deployed.templates[:3]] == [targets[:1], targets[:1], targets]
    assert [
        "RegionalCertificateArn" in each["Resources"]["DomainshoDotrt"]["Properties"] for each in deployed.templates[:3]
    ] == [False, False, True]


@pytest.mark.parametrize(
    ("trusts", "places", "is_refused"),
    [
        (True, (REGIONAL,), True),
        (True, (EDGE, REGIONAL), False),  # the region is added last
        (True, (EDGE,), False),
        (False, (REGIONAL,), False),
    ],
)
def test_new_domain_waits_for_code_that_does_not_believe(
    *, trusts: bool, places: tuple[str, ...], is_refused: bool
) -> None:
    """It is there from the first change on, when the code before still answers everybody."""
    before = template_of(*(() if trusts else (REGIONAL,)), distribution=False, hosts=())
    before["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]["TRUST_CLOUDFRONT"] = (
        "yes" if trusts else "no"
    )

    after = template_of(*places, distribution=False)
    said = list(front_changes.refusals(Revision(before, {}), Revision(after, {}), ()))

    assert bool(said) is is_refused
    assert all("sho.rt would be in API Gateway's region while the code in use" in each for each in said)


def test_headers_are_believed_again_only_at_the_edge(deployed: Deployed) -> None:
    """The way back has the step between as well: the API is in its region until the change has ended."""
    deployed.deploy(EDGE, REGIONAL, distribution=False)
    deployed.deploy(REGIONAL, distribution=True, may_go=("DomainshoDotrt",))

    with pytest.raises(StackFailed, match=r'anybody can write them\. Deploy with "namesAt": \["edge", "regional"\]'):
        deployed.deploy(EDGE, distribution=False, may_go=("Distribution", "DomainshoDotrt"))

    assert front.has_distribution(deployed.template)


def test_distribution_waits_for_code_that_knows_it(deployed: Deployed) -> None:
    """That in use, and that before it, which a rollback brings back."""
    deployed.key = OLD
    deployed.deploy(EDGE, REGIONAL, distribution=False)
    with pytest.raises(StackFailed, match=r"in use, code/old\.zip, cannot work behind a distribution"):
        deployed.deploy(REGIONAL, distribution=True, may_go=("DomainshoDotrt",))

    deployed.key = NEW
    deployed.deploy(EDGE, REGIONAL, distribution=False)
    with pytest.raises(StackFailed, match=r"bring back, code/old\.zip, cannot work.*MAY_REPLACE=ArtifactBefore"):
        deployed.deploy(REGIONAL, distribution=True, may_go=("DomainshoDotrt",))

    deployed.deploy(REGIONAL, distribution=True, may_go=("DomainshoDotrt", "ArtifactBefore"))
    deployed.deploy(
        REGIONAL, CLOUDFRONT, distribution=True
    )  # the way back was done without, and is asked about no more
    with pytest.raises(StackFailed, match=r"the code before, code/old\.zip, cannot work behind a distribution"):
        deployed.release().rollback()


def test_name_of_the_distribution_is_told_to_the_functions(deployed: Deployed) -> None:
    """It is known once it is made: a new stack is deployed a second time. Short URLs begin with it without a domain."""
    deployed.deploy(CLOUDFRONT, distribution=True)

    assert deployed.values["FrontHost"] == FRONT_NAME
    assert deployed.values["BaseUrl"] == f"https://{FRONT_NAME}"
    number = len(deployed.changes)
    deployed.key = NEWER
    deployed.deploy(CLOUDFRONT, distribution=True, base_url="https://sho.rt")
    assert deployed.values["BaseUrl"] == "https://sho.rt"
    assert {each["FrontHost"] for each in deployed.changes[number:]} == {FRONT_NAME}


def test_secret_is_kept_by_deployments_and_rollbacks(deployed: Deployed) -> None:
    """It is made once, is nowhere to be read, and its digest is what the functions know."""
    deployed.deploy(CLOUDFRONT, distribution=True)
    secret = deployed.values["OriginSecret"]
    deployed.key = NEWER

    deployed.deploy(CLOUDFRONT, distribution=True)
    deployed.release().rollback()

    assert {each["OriginSecret"] for each in deployed.changes} == {secret}
    assert deployed.values["OriginSecretDigests"] == front.digest_of(secret)
    assert deployed.values["ArtifactKey"] == NEW
    assert len(secret) > 40


def test_secret_changes_without_a_request_that_is_disbelieved(deployed: Deployed) -> None:
    """Each change is of the functions or of the distribution: what the one sends, the others know before and after."""
    deployed.deploy(CLOUDFRONT, distribution=True)
    before, number = dict(deployed.values), len(deployed.changes)

    deployed.release().change_secret()

    states = [before, *deployed.changes[number:]]
    for one, other in itertools.pairwise(states):
        sent = {front.digest_of(state["OriginSecret"]) for state in (one, other)}
        known = [set(state["OriginSecretDigests"].split(",")) for state in (one, other)]
        assert all(sent <= each for each in known)
    assert deployed.values["OriginSecret"] != before["OriginSecret"]
    assert deployed.values["OriginSecretDigests"] == front.digest_of(deployed.values["OriginSecret"])


@pytest.mark.parametrize("changes", [1, 2])
def test_change_of_the_secret_can_be_broken_off(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    """After the first or the second change: what is sent is known, and the next try ends it."""
    deployed.deploy(CLOUDFRONT, distribution=True)
    change, left = deployed.change, [changes]

    def breaking(*given: Any, **named: Any) -> dict[str, str]:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return change(*given, **named)

    monkeypatch.setattr(stack, "change", breaking)
    with pytest.raises(KeyboardInterrupt):
        deployed.release().change_secret()
    assert front.digest_of(deployed.values["OriginSecret"]) in deployed.values["OriginSecretDigests"]

    monkeypatch.setattr(stack, "change", change)
    deployed.release().change_secret()

    assert deployed.values["OriginSecretDigests"] == front.digest_of(deployed.values["OriginSecret"])


def test_gateway_has_no_secret_to_change(deployed: Deployed) -> None:
    """One sentence."""
    deployed.deploy(EDGE, distribution=False)

    with pytest.raises(StackFailed, match="has no distribution, and so no secret"):
        deployed.release().change_secret()


def test_failed_second_pass_leads_nobody_elsewhere(deployed: Deployed) -> None:
    """A new stage is deployed twice. If the second time fails, the distribution is the same, and DNS may stay."""
    said: list[str] = []

    def fails(_made: Mapping[str, str]) -> None:
        if deployed.values.get("FrontHost"):
            raise SmokeFailed("It does not answer.")

    package: Any = type("Package", (), {"content": template_of(CLOUDFRONT, distribution=True)})
    tests = release.Tests(lambda *_: None, fails)
    of = release.Release(stack.Cloud("eu-west-1"), "shortener-prod", tests, say=said.append)
    with pytest.raises(release.Undone):
        of.deploy(package, {})

    assert front.has_distribution(deployed.template)
    assert not [each for each in said if "made anew" in each]


def test_failed_way_back_brings_the_distribution_back(deployed: Deployed) -> None:
    """What the failed release had taken away is made again, with another secret and name, which is told."""
    said: list[str] = []
    deployed.deploy(REGIONAL, distribution=True)
    secret = deployed.values["OriginSecret"]

    def fails(_made: Mapping[str, str]) -> None:
        if not front.has_distribution(deployed.template):
            raise SmokeFailed("It does not answer.")

    package: Any = type("Package", (), {"content": template_of(EDGE, REGIONAL, distribution=False)})
    tests = release.Tests(lambda *_: None, fails)
    deployed.name = "d999.cloudfront.net"  # a distribution that is made again has another one
    of = release.Release(stack.Cloud("eu-west-1"), "shortener-prod", tests, ["Distribution"], say=said.append)
    with pytest.raises(release.Undone):
        of.deploy(package, {})

    assert front.has_distribution(deployed.template)
    assert deployed.values["OriginSecret"] not in {secret, AS_IT_IS}
    assert [each for each in said if "d999.cloudfront.net now. Let DNS lead there, and deploy again" in each]
    assert deployed.values["OriginSecretDigests"] == front.digest_of(deployed.values["OriginSecret"])
