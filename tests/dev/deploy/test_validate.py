"""What the validators of the template are given, and what is made of their findings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dev.deploy import policies, validate
from dev.deploy.validate import Finding
from tests.paths import ROOT

TEMPLATE: dict[str, Any] = {
    "Parameters": {"Name": {"Type": "String", "Default": "links"}},
    "Conditions": {"IsTraced": {"Fn::Equals": ["on", "off"]}},
    "Resources": {
        "Links": {"Type": "AWS::DynamoDB::Table"},
        "Queue": {"Type": "AWS::SQS::Queue"},
    },
}
QUEUE = Finding("checkov", "CKV_AWS_27", "Queue", "Ensure it is encrypted")


def with_policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """Return the template with a role that has ``statements``."""
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": {"Statement": [*statements]}}]}}
    return TEMPLATE | {"Resources": TEMPLATE["Resources"] | {"Role": role}}


@pytest.mark.parametrize(
    ("value", "sample"),
    [
        ({"Ref": "Name"}, "links"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "Links"}, "links"),
        ({"Fn::GetAtt": ["Links", "Arn"]}, "arn:aws:dynamodb:us-east-1:123456789012:table/links"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:aws:sqs:us-east-1:123456789012:queue"),
        ({"Fn::Sub": "${Links.Arn}/index/*"}, "arn:aws:dynamodb:us-east-1:123456789012:table/links/index/*"),
        ({"Fn::Sub": ["${Own}-${Name}-${!literal}", {"Own": {"Ref": "Queue"}}]}, "queue-links-${literal}"),
        ({"Fn::Join": ["", ["arn:aws:s3:::", {"Ref": "Name"}]]}, "arn:aws:s3:::links"),
        ([{"Ref": "AWS::NoValue"}, "kept"], ["kept"]),
    ],
)
def test_functions_of_cloudformation_get_sample_values(value: Any, sample: Any) -> None:
    """A tool that reads policies alone can judge the result."""
    ((name, document),) = policies.documents(with_policy({"Effect": "Allow", "Resource": value}))

    assert (name, document["Statement"]) == ("Role", [{"Effect": "Allow", "Resource": sample}])


def test_both_branches_of_a_condition_are_policies() -> None:
    """One that is off by default is not passed over."""
    choice = {"Fn::If": ["IsTraced", {"Resource": "*"}, {"Resource": "arn:aws:s3:::links"}]}

    found = [document["Statement"] for _, document in policies.documents(with_policy(choice))]

    assert found == [[{"Resource": "*"}], [{"Resource": "arn:aws:s3:::links"}]]


@pytest.mark.parametrize(
    "value", [{"Fn::ImportValue": "x"}, {"Fn::GetAtt": ["Queue", "QueueName"]}, {"Ref": "Nobody"}, {"Fn::Sub": "${No}"}]
)
def test_a_function_without_a_sample_value_is_refused(value: Any) -> None:
    """A policy that cannot be read is not taken for a good one."""
    with pytest.raises(policies.CannotResolve, match=r"^(There is no sample value|The template has no) .+\.$"):
        list(policies.documents(with_policy({"Resource": value})))


def test_policies_of_trust_and_of_resources_are_judged_without_principals() -> None:
    """What they allow stays; a trust policy, which names no resource, gets a role."""
    trust = {"Sid": "", "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    queue = {"Effect": "Deny", "Action": "sqs:*", "Principal": "*", "Resource": "arn:aws:sqs:us-east-1:1:queue"}

    read = policies.as_identity_policy({"Statement": [trust, queue]})["Statement"]

    assert read == [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::123456789012:role/sample"},
        {"Effect": "Deny", "Action": "sqs:*", "Resource": "arn:aws:sqs:us-east-1:1:queue"},
    ]


def test_a_policy_is_read_wherever_it_stands(tmp_path: Path) -> None:
    """A role's trust, its inline policies and a queue's policy each become a file that is named by its resource."""
    resources = with_policy({"Resource": "*"})["Resources"]
    resources["Role"]["Properties"]["AssumeRolePolicyDocument"] = {"Statement": [{"Action": "sts:AssumeRole"}]}
    resources["Rule"] = {"Type": "AWS::SQS::QueuePolicy", "Properties": {"PolicyDocument": {"Statement": []}}}
    (tmp_path / "prod.json").write_text(json.dumps(TEMPLATE | {"Resources": resources}))

    count = validate.write_policies(tmp_path / "prod.json", tmp_path / "policies")

    assert count == len(list((tmp_path / "policies").iterdir())) == 3
    assert {path.name.partition(".")[0] for path in (tmp_path / "policies").iterdir()} == {"Role", "Rule"}


def test_findings_and_decisions_must_agree() -> None:
    """A finding that nobody decided about is an objection, and so is a decision about nothing."""
    decided = Finding("checkov", "CKV_AWS_27", "Gone")

    assert validate.objections({QUEUE}, {QUEUE}) == []
    assert validate.objections({QUEUE}, {decided}) == [
        "  new: checkov CKV_AWS_27 Queue: Ensure it is encrypted",
        "  decided, but not found any more: checkov CKV_AWS_27 Gone",
    ]


def test_a_tool_that_overlooks_the_planted_faults_is_noticed() -> None:
    """Each of the three has something to find."""
    assert {each.tool for each in validate.PLANTED} == {"checkov", "cfn-lint", "parliament"}
    assert validate.missed(validate.PLANTED) == []
    for each in validate.PLANTED:
        assert validate.missed(validate.PLANTED - {each}) == [f"  planted, and not found: {each}"]


def test_each_decision_has_one_reason() -> None:
    """A row without one, or a second row about the same, is refused."""
    row = '[[decided]]\ntool = "checkov"\nrule = "CKV_AWS_27"\nresources = ["Queue"]\nreason = "{}"\n'

    assert validate.decisions(row.format("SQS encrypts it.")) == {QUEUE: "SQS encrypts it."}
    with pytest.raises(validate.CannotValidate, match="no reason"):
        validate.decisions(row.format(" "))
    with pytest.raises(validate.CannotValidate, match="twice"):
        validate.decisions(row.format("One.") + row.format("Two."))


def test_the_decisions_of_the_project_can_be_read() -> None:
    """They name tools that are run."""
    decided = validate.decisions((ROOT / "dev" / "deploy" / "decided.toml").read_text())

    assert {each.tool for each in decided} <= {each.tool for each in validate.PLANTED}


def test_reports_of_the_tools_become_findings() -> None:
    """By the template, the rule and the resource; one about the whole template is about "template"."""
    failed = {
        "check_id": "CKV_AWS_27",
        "check_name": "c",
        "resource": "AWS::SQS::Queue.Queue",
        "file_path": "/x/prod.json",
    }
    checkov = {"summary": {"parsing_errors": 0}, "results": {"failed_checks": [failed]}}
    lint: list[dict[str, Any]] = [
        {
            "Filename": "x/prod.json",
            "Rule": {"Id": "ES6000"},
            "Message": "m",
            "Location": {"Path": ["Resources", "Queue"]},
        },
        {"Filename": "x/local.json", "Rule": {"Id": "E0000"}, "Message": "m", "Location": {"Path": None}},
    ]
    parliament: dict[str, Any] = {"issue": "RESOURCE_STAR", "title": "t", "description": "", "detail": ["a"]}
    parliament |= {"location": {"filepath": "/x/policies/prod/Role.3.json"}}

    assert list(validate.of_checkov(json.dumps(checkov))) == [("prod", QUEUE)]
    assert list(validate.of_cfn_lint(json.dumps(lint))) == [
        ("prod", Finding("cfn-lint", "ES6000", "Queue")),
        ("local", Finding("cfn-lint", "E0000", "template")),
    ]
    assert list(validate.of_parliament(json.dumps(parliament))) == [
        ("prod", Finding("parliament", "RESOURCE_STAR", "Role"))
    ]


def test_a_template_that_checkov_cannot_read_is_no_clean_one() -> None:
    """It reports success about what it could parse."""
    with pytest.raises(validate.CannotValidate, match="could not read"):
        list(validate.of_checkov(json.dumps({"summary": {"parsing_errors": 1}, "results": {"failed_checks": []}})))
