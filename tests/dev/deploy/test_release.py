"""What is before the deployed code, whatever was released and gone back to: both zips of one release."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError

from dev.deploy import release, stack
from dev.deploy.stack import Revision, StackFailed

Code = tuple[str, str]
"""The digests of the shared zip and of that of the API function."""
BACK: Code = ("", "")
"""In a row of steps: go back."""
_OF_NOW, _BEFORE = ("ArtifactKey", "ApiArtifactKey"), ("ArtifactBefore", "ApiArtifactBefore")
_TEXT = {"Type": "String"}
_FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {}}
NEW = {
    "Parameters": dict.fromkeys(("ArtifactBucket", *_OF_NOW, *_BEFORE), _TEXT),
    "Resources": {"APIHandler": _FUNCTION},
}
OLD = {**NEW, "Parameters": dict.fromkeys(("ArtifactBucket", "ArtifactKey", "ArtifactBefore"), _TEXT)}


@dataclass
class Deployed:
    """A stack that takes every change whose parameters its template has."""

    revision: Revision | None = None

    def change(self, _cloud: object, _name: str, target: Revision, **_: object) -> dict[str, str]:
        """Take a change; CloudFormation refuses a parameter that the template does not have."""
        assert target.parameters.keys() <= target.template["Parameters"].keys()
        self.revision = target
        return {}

    def code(self, names: tuple[str, str]) -> tuple[str, ...]:
        """Return the digests that two parameters name."""
        assert self.revision is not None
        values = self.revision.parameters
        return tuple(values.get(name, "").removeprefix("code/").removesuffix(".zip") for name in names)


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """No stack yet, in an AWS without functions to try."""
    it = Deployed()
    monkeypatch.setattr(stack, "deployed", lambda *_: it.revision)
    monkeypatch.setattr(stack, "change", it.change)
    monkeypatch.setattr(stack, "resources", lambda *_: {})
    monkeypatch.setattr(stack, "has_object", lambda _cloud, _bucket, key: key.startswith("code/"))
    monkeypatch.setattr(stack, "uploaded", lambda _cloud, package, _say: package.keys)
    return it


@dataclass(frozen=True)
class Package:
    """As much of a package as a release needs, once it is uploaded."""

    code: Code
    content: Any = None

    @property
    def keys(self) -> dict[str, str]:
        """Return the parameters that name what was uploaded."""
        return {"ArtifactBucket": "packages"} | {
            name: f"code/{digest}.zip" for name, digest in zip(_OF_NOW, self.code, strict=True)
        }


def release_of(step: Code) -> None:
    """Release a code, or go back."""
    of: Any = release.Release(stack.Cloud("eu-west-1"), "shortener-dev", release.Tests(_works, _works), say=_works)
    if step == BACK:
        of.rollback()
    else:
        of.deploy(Package(step, NEW), {})


def _works(*_: object) -> None:
    """Say nothing and find nothing wrong."""


@pytest.mark.parametrize(
    ("steps", "now", "before"),
    [
        pytest.param([("A", "a")], ("A", "a"), ("", ""), id="the first"),
        pytest.param([("A", "a"), ("B", "b")], ("B", "b"), ("A", "a"), id="both changed"),
        pytest.param([("A", "a"), ("A", "b")], ("A", "b"), ("A", "a"), id="that of the API changed"),
        pytest.param([("A", "a"), ("B", "a")], ("B", "a"), ("A", "a"), id="the shared one changed"),
        pytest.param([("A", "a"), ("A", "b"), ("A", "b")], ("A", "b"), ("A", "a"), id="the same again"),
        pytest.param([("A", "a"), ("B", "b"), ("B", "c")], ("B", "c"), ("B", "b"), id="both, then one"),
        pytest.param([("A", "a"), ("B", "b"), ("A", "a")], ("A", "a"), ("B", "b"), id="an older one again"),
        pytest.param([("A", "a"), ("A", "b"), BACK], ("A", "a"), ("A", "b"), id="back"),
        pytest.param([("A", "a"), ("A", "b"), BACK, BACK], ("A", "b"), ("A", "a"), id="back, and forth"),
        pytest.param([("A", "a"), ("B", "b"), BACK, ("B", "c")], ("B", "c"), ("A", "a"), id="back, then another"),
        pytest.param([("A", "a"), ("B", "b"), BACK, ("A", "a")], ("A", "a"), ("B", "b"), id="back, then the same"),
    ],
)
def test_the_code_before_is_what_served_last_and_is_another(
    deployed: Deployed, steps: list[Code], now: Code, before: Code
) -> None:
    """Both zips of a release belong together, also where only one of them changed."""
    for step in steps:
        release_of(step)

    assert (deployed.code(_OF_NOW), deployed.code(_BEFORE)) == (now, before)


@pytest.mark.parametrize(
    ("steps", "now", "before"),
    [
        pytest.param([("B", "b")], ("B", "b"), ("A", "A"), id="the first after it"),
        pytest.param([("A", "a")], ("A", "a"), ("A", "A"), id="with the shared zip as it was"),
        pytest.param([("B", "b"), ("B", "b")], ("B", "b"), ("A", "A"), id="the same again"),
        pytest.param([("B", "b"), BACK], ("A", "A"), ("B", "b"), id="back to it"),
        pytest.param([("B", "b"), BACK, BACK], ("B", "b"), ("A", "A"), id="back to it, and forth"),
        pytest.param([BACK], ("Z", ""), ("A", ""), id="back before there was a release"),
        pytest.param([BACK, ("B", "b")], ("B", "b"), ("Z", "Z"), id="back, and then the first after it"),
    ],
)
def test_a_stack_of_the_version_before_has_one_zip_for_all(
    deployed: Deployed, steps: list[Code], now: Code, before: Code
) -> None:
    """It stands for both, so that the first release after it can be taken back, and brought back again."""
    values = {"ArtifactBucket": "packages", "ArtifactKey": "code/A.zip", "ArtifactBefore": "code/Z.zip"}
    deployed.revision = Revision(OLD, values)

    for step in steps:
        release_of(step)

    assert (deployed.code(_OF_NOW), deployed.code(_BEFORE)) == (now, before)


def test_without_code_before_there_is_no_way_back(deployed: Deployed) -> None:
    """Nothing is changed then."""
    release_of(("A", "a"))
    first = deployed.revision

    with pytest.raises(stack.StackFailed, match="has had no other code yet"):
        release_of(BACK)

    assert deployed.revision is first


@pytest.mark.parametrize("gone", _BEFORE)
def test_code_before_that_is_gone_is_told(deployed: Deployed, gone: str) -> None:
    """Either zip is needed, so neither is used without the other."""
    release_of(("A", "a"))
    release_of(("B", "b"))
    assert deployed.revision is not None
    there = {**deployed.revision.parameters, gone: "elsewhere"}
    deployed.revision = replace(deployed.revision, parameters=there)

    with pytest.raises(stack.StackFailed, match=r"The code before, elsewhere, is not in packages any more\."):
        release_of(BACK)


def test_an_alias_that_cannot_be_read_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that may change the stack may lack `lambda:GetAlias`."""

    class Refusing:
        def client(self, _: str) -> Refusing:
            return self

        def get_alias(self, **_: str) -> NoReturn:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "GetAlias")

    monkeypatch.setattr(stack, "resources", lambda *_: {"ApiAlias": "arn:aws:lambda:eu-west-1:1:function:api:live"})
    cloud: Any = Refusing()
    tests = release.Tests(lambda *_: None, lambda *_: None)

    with pytest.raises(StackFailed, match="not authorized"):
        release.Release(cloud, "shortener-test", tests)._aliases()  # noqa: SLF001  # a release asks for much else
