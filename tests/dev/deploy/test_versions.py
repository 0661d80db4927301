"""Versions of the functions: a name for each code and each setting, and aliases that stay until they may move."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from dev.deploy import package, template_checks, versions

Template = dict[str, Any]
FUNCTIONS = {
    *("APIHandler", "RedirectHandler", "CountRows", "CountClicks"),
    *("WorkOnFiles", "CloseTheDays", "CloseADay", "BlockLinks"),
}
AS_DEPLOYED = {"BaseUrl": "https://sho.rt"}
CODE = {"ArtifactKey": "code", "ApiArtifactKey": "api"}
OTHER = {"ArtifactKey": "other", "ApiArtifactKey": "other-api"}


@pytest.fixture(scope="module")
def packaged() -> Template:
    """The template of a package as it was built: kept from the build before, if nothing has changed since."""
    built = package.build("local", for_this_machine=True, fresh=False)
    template: Template = json.loads(built.template.read_text())
    return template


@pytest.fixture
def template(packaged: Template) -> Template:
    """The same, free to be changed."""
    return copy.deepcopy(packaged)


def of_type(template: Template, kind: str) -> Iterator[tuple[str, Template]]:
    """Return the names and properties of the resources of one type."""
    return ((name, each["Properties"]) for name, each in template["Resources"].items() if each["Type"] == kind)


def names(template: Template) -> dict[str, str]:
    """Return the name of each function's version, by function."""
    return {each["FunctionName"]["Ref"]: name for name, each in of_type(template, "AWS::Lambda::Version")}


def renamed(one: Template, other: Template) -> set[str]:
    """Return the functions whose versions have different names."""
    before, after = names(one), names(other)
    assert before.keys() == after.keys()
    return {function for function in before if before[function] != after[function]}


def test_each_function_has_a_version_and_an_alias_that_names_it(template: Template) -> None:
    """The alias is `live`, and leads to the version under its new name."""
    named = versions.named(template, AS_DEPLOYED, CODE)

    aliases = [each for _, each in of_type(named, "AWS::Lambda::Alias")]
    assert {(each["FunctionName"]["Ref"], each["Name"]) for each in aliases} == {
        (name, versions.ALIAS) for name in FUNCTIONS
    }
    assert {each["FunctionName"]["Ref"]: each["FunctionVersion"]["Fn::GetAtt"] for each in aliases} == {
        function: [name, "Version"] for function, name in names(named).items()
    }
    assert all(name.startswith(f"{function}Version") for function, name in names(named).items())


def test_the_same_package_deployed_again_makes_no_versions(template: Template) -> None:
    """Lambda refuses a second version of a function that has not changed."""
    first = versions.named(template, AS_DEPLOYED, CODE)

    assert versions.named(template, AS_DEPLOYED, CODE) == first
    assert versions.named(first, AS_DEPLOYED, CODE) == first


def test_other_code_makes_a_version_of_each_function(template: Template) -> None:
    """All functions have the same sources, so all of them change with them."""
    assert renamed(versions.named(template, {}, CODE), versions.named(template, {}, OTHER)) == FUNCTIONS


@pytest.mark.parametrize(
    ("changed", "functions"), [("ApiArtifactKey", {"APIHandler"}), ("ArtifactKey", FUNCTIONS - {"APIHandler"})]
)
def test_a_change_of_one_zip_makes_versions_of_its_functions(
    template: Template, changed: str, functions: set[str]
) -> None:
    """Another Swagger UI is nothing to the redirect, whose visitors go on with warm containers."""
    other = {**CODE, changed: "other"}

    assert renamed(versions.named(template, {}, CODE), versions.named(template, {}, other)) == functions


def test_a_function_of_the_version_before_has_the_zip_that_its_template_says(template: Template) -> None:
    """There all functions share one, so the digest of another counts for none of them."""
    template["Resources"]["APIHandler"]["Properties"]["Code"]["S3Key"] = {"Ref": "ArtifactKey"}
    other = {**CODE, "ApiArtifactKey": "other"}

    assert renamed(versions.named(template, {}, CODE), versions.named(template, {}, other)) == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MemorySize", 2048),
        ("Timeout", 7),
        ("Handler", "app.other"),
        ("Role", {"Fn::GetAtt": ["ApiHandlerRole", "Arn"]}),
        ("EphemeralStorage", {"Size": 600}),
        ("Environment", {"Variables": {"ADDED": {"Ref": "FilesQueue"}}}),
        ("Tags", [{"Key": "team", "Value": "links"}]),
    ],
)
def test_a_setting_of_one_function_makes_a_version_of_that_one(template: Template, name: str, value: Any) -> None:
    """The others go on as they are: a change of memory of the redirect does not touch the API."""
    before = versions.named(template, AS_DEPLOYED, CODE)
    template["Resources"]["RedirectHandler"]["Properties"][name] = value

    assert renamed(before, versions.named(template, AS_DEPLOYED, CODE)) == {"RedirectHandler"}


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({"BaseUrl": "https://go.rt"}, FUNCTIONS),
        ({"ClickRetentionDays": "400"}, FUNCTIONS),
        ({"XRay": "on"}, FUNCTIONS),
        ({"ClickRetentionDays": "90", "XRay": "off"}, set()),  # the defaults, said
        ({"LogDays": "7"}, set()),
        ({"Warm": "off"}, set()),
        ({"ArtifactBucket": "another", "ArtifactKey": "code/elsewhere.zip"}, set()),  # where the same code lies
    ],
)
def test_a_parameter_makes_versions_of_the_functions_that_it_reaches(
    template: Template, given: dict[str, str], changed: set[str]
) -> None:
    """Values count, not how they were given; what no function sees changes no function."""
    before = versions.named(template, AS_DEPLOYED, CODE)

    assert renamed(before, versions.named(template, AS_DEPLOYED | given, CODE)) == changed


def test_a_version_by_another_name_is_another_function(template: Template) -> None:
    """Lambda makes no version of a function that is as it was: what tells names apart is in the function itself."""
    before = versions.named(template, {}, CODE)
    template["Resources"]["RedirectHandler"]["Properties"]["Tags"] = []  # Lambda has no versions of tags
    after = versions.named(template, {}, CODE)

    for named in (before, after):
        description = named["Resources"]["RedirectHandler"]["Properties"]["Description"]
        assert names(named)["RedirectHandler"] == f"RedirectHandlerVersion{description.removeprefix('version ')}"


def test_nothing_else_of_the_template_changes(template: Template) -> None:
    """Names of versions and descriptions of functions: everything else stays as it was checked."""
    named = versions.named(template, AS_DEPLOYED, CODE)

    for name in FUNCTIONS:
        del named["Resources"][name]["Properties"]["Description"]
    text = json.dumps(named)
    for function, name in names(named).items():
        text = text.replace(name, names(template)[function])
    assert json.loads(text) == template


def test_the_name_follows_from_the_code_too() -> None:
    """The same settings with other code are another version."""
    template = small_template({"MemorySize": 1})

    assert renamed(versions.named(template, {}, CODE), versions.named(template, {}, OTHER)) == {"One"}


@pytest.mark.parametrize(
    ("condition", "memory"),
    [
        ({"Fn::Equals": [{"Ref": "Size"}, "big"]}, 1),
        ({"Fn::Not": [{"Fn::Equals": [{"Ref": "Size"}, "big"]}]}, 2),
        ({"Fn::And": [{"Condition": "IsBig"}, {"Fn::Equals": ["a", "b"]}]}, 2),
        ({"Fn::Or": [{"Condition": "IsBig"}, {"Fn::Equals": ["a", "b"]}]}, 1),
    ],
)
def test_a_condition_counts_by_what_it_decides(condition: Template, memory: int) -> None:
    """The name is that of a function which has the value outright."""
    decided = small_template({"MemorySize": memory})
    open_ = small_template({"MemorySize": {"Fn::If": ["Decides", 1, 2]}, "Layers": {"Ref": "AWS::NoValue"}})
    open_["Conditions"]["Decides"] = condition

    assert names(versions.named(open_, {}, CODE)) == names(versions.named(decided, {}, CODE))


def test_a_condition_that_cannot_be_decided_is_refused() -> None:
    """A name that left it open would be the same for two functions."""
    template = small_template({"MemorySize": {"Fn::If": ["Decides", 1, 2]}})
    template["Conditions"]["Decides"] = {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}

    with pytest.raises(ValueError, match="must follow from parameters alone"):
        versions.named(template, {}, CODE)


def small_template(properties: Template) -> Template:
    """Return a template with one function of these properties."""
    code = {"S3Key": {"Ref": "ArtifactKey"}}
    return {
        "Parameters": {"Size": {"Default": "big"}},
        "Conditions": {"IsBig": {"Fn::Equals": [{"Ref": "Size"}, "big"]}},
        "Resources": {
            "One": {"Type": "AWS::Lambda::Function", "Properties": {"Code": code, **properties}},
            "OneVersion": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "One"}}},
        },
    }


def test_aliases_stay_while_new_versions_are_made(template: Template) -> None:
    """They name the number that they have; one that is not there yet names its first version."""
    named = versions.named(template, AS_DEPLOYED, CODE)
    current = {name: "7" for name, _ in of_type(named, "AWS::Lambda::Alias") if name != "BlockLinksAliaslive"}

    pinned = versions.pinned(named, current)

    for name, alias in of_type(pinned, "AWS::Lambda::Alias"):
        after = named["Resources"][name]["Properties"]["FunctionVersion"]
        assert alias["FunctionVersion"] == current.get(name, after)
        pinned["Resources"][name] = named["Resources"][name]
    assert pinned == named


def test_where_there_are_no_aliases_yet_nothing_calls_them(template: Template) -> None:
    """They are made, with their permissions; the API, queues and schedules call the functions as before."""
    named = versions.named(template, AS_DEPLOYED, CODE)

    pinned = versions.pinned(named, {})

    resources = pinned["Resources"]
    assert dict(of_type(pinned, "AWS::Lambda::Alias")) == dict(of_type(named, "AWS::Lambda::Alias"))
    callers = [
        name for name, each in resources.items() if ":live" in json.dumps(each) or "Aliaslive" in json.dumps(each)
    ]
    kinds = {resources[name]["Type"] for name in callers}
    assert kinds == {"AWS::Lambda::Permission", "AWS::CloudWatch::Alarm", "AWS::IAM::Role"}
    assert ":live" in json.dumps(named["Resources"]["RestAPI"])
    permitted = [json.dumps(each, sort_keys=True) for _, each in of_type(pinned, "AWS::Lambda::Permission")]
    for _, permission in of_type(named, "AWS::Lambda::Permission"):
        function = {"Ref": permission["FunctionName"]["Ref"].removesuffix("Aliaslive")}
        assert json.dumps(permission, sort_keys=True) in permitted
        assert json.dumps(permission | {"FunctionName": function}, sort_keys=True) in permitted
    assert list(template_checks.deleting_failures(pinned)) == []


def test_an_api_that_calls_aliases_is_deployed_after_one_that_does_not(template: Template) -> None:
    """API Gateway deploys what it was told only when the deployment has another name."""
    named = versions.named(template, AS_DEPLOYED, CODE)

    pinned = versions.pinned(named, {})

    (before,), (after,) = (dict(of_type(each, "AWS::ApiGateway::Deployment")) for each in (pinned, named))
    assert before != after
    for each, deployment in ((pinned, before), (named, after)):
        assert each["Resources"]["RestAPIapiStage"]["Properties"]["DeploymentId"] == {"Ref": deployment}


@pytest.mark.parametrize(
    ("made", "in_use", "deleted"),
    [
        (["$LATEST"], [], []),
        (["$LATEST", "1", "2", "3"], ["3"], []),
        (["$LATEST", "9", "10", "11", "8"], ["11"], ["8"]),  # by number, not by letter
        (["$LATEST", "1", "2", "3", "4", "5"], ["5", "1"], ["2"]),  # an alias may share its traffic between two
    ],
)
def test_old_versions_are_superfluous_unless_they_are_in_use(
    made: list[str], in_use: list[str], deleted: list[str]
) -> None:
    """The last ones are kept, and what an alias names, however old."""
    assert versions.superfluous(made, in_use, keep=3) == deleted
