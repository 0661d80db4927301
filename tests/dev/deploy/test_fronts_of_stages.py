"""The packaged template behind CloudFront: what AWS needs and no emulator asks for, and the fronts in deploy.json."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

import app as service
from chalicelib.api import front as seen
from chalicelib.core.links import codes, unlock_cookie
from dev.admin.checks import of_cloudfront, of_functions
from dev.admin.checks.stage import FRONT
from dev.deploy import front, package
from dev.deploy.front import CLOUDFRONT, EDGE, GATEWAY, REGIONAL, Front, FrontRefused
from tests import cloudfront
from tests.paths import ROOT

Template = dict[str, Any]
BEHIND = Front(CLOUDFRONT, (CLOUDFRONT,))
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
OURS = {"X-Front-Host", "X-Front"}
VIEWER = {"CloudFront-Viewer-Country", *(f"CloudFront-Is-{each}-Viewer" for each in ("Desktop", "Mobile", "Tablet"))}
KEPT_ERRORS = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]
"""What CloudFront may keep for ten seconds, unless it is told otherwise (`ErrorCachingMinTTL`)."""
WRITTEN_BY_CLOUDFRONT = {"X-Real-IP", "X-Forwarded-Proto", "X-Cache"}  # a function that sets one answers 502
CERTIFICATE = "arn:aws:acm:us-east-1:1:certificate/x"
REGIONAL_CERTIFICATE = "arn:aws:acm:eu-west-1:1:certificate/y"
REDIRECT_ARN = ":function:${AWS::StackName}-redirect:live/invocations"


@pytest.fixture(scope="module")
def packaged() -> Template:
    """The template of prod behind CloudFront."""
    return package.build("prod", for_this_machine=True, fresh=False, behind=BEHIND).content


@pytest.fixture(scope="module")
def at_gateway() -> Template:
    """The template of prod at API Gateway."""
    return package.build("prod", for_this_machine=True, fresh=False, behind=Front()).content


@pytest.fixture(scope="module")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """What `chalice package` makes of the sources, which a front is added to."""
    project, out = (tmp_path_factory.mktemp(name) for name in ("project", "out"))
    package._copy_sources(project, "arm64")  # noqa: SLF001  # building the whole package takes ten times as long
    (project / "requirements.txt").write_text("")
    return package._chalice_package(project, out, "prod")  # noqa: SLF001  # the same


def properties(template: Template, name: str) -> Template:
    """Return the properties of a resource."""
    found: Template = template["Resources"][name]["Properties"]
    return found


def config_of(template: Template) -> Template:
    """Return what the distribution is configured to."""
    found: Template = properties(template, "Distribution")["DistributionConfig"]
    return found


def behaviours_of(template: Template) -> list[Template]:
    """Return the behaviours of the distribution, the default one last."""
    config = config_of(template)
    return [*config["CacheBehaviors"], {"PathPattern": "*", **config["DefaultCacheBehavior"]}]


def behaviour_for(template: Template, path: str) -> Template:
    """Return the behaviour that CloudFront chooses for a path."""
    return dict(cloudfront.behaviour_for(config_of(template), path))


def paths_of_routes() -> Iterator[tuple[str, str, bool]]:
    """Yield of each route of the app a path, a method, and whether a GET of it follows a link."""
    follows = {"/v1", "/{code}", *(f"/{{code}}{''.join(f'/{{path{n}}}' for n in range(1, m))}" for m in (2, 3, 4))}
    for route, methods in service.app.routes.items():
        for method in methods:
            yield re.sub(r"\{\w+\}", "a1", route), method, route in follows


def test_each_route_is_reached(packaged: Template) -> None:
    """A GET of codes goes to the redirect's function URL, everything else to the API, with its method."""
    wrong = []
    for path, method, is_followed in paths_of_routes():
        behaviour = behaviour_for(packaged, path)
        if is_followed and method == "POST":  # as at the version before; forms have a path of their own
            continue
        expected = "redirect" if is_followed else "api"
        if behaviour["TargetOriginId"] != expected or method not in behaviour["AllowedMethods"]:
            wrong.append((path, method, behaviour["PathPattern"]))

    assert wrong == []


def test_calls_of_the_api_keep_their_headers(packaged: Template) -> None:
    """Their keys above all: also of `/v1/links/{code}/qr`, which ends as what visitors ask for does."""
    calls = {path for path, _, is_followed in paths_of_routes() if path.startswith("/v1/") and not is_followed}

    assert "/v1/links/a1/qr" in calls
    assert {behaviour_for(packaged, path)["PathPattern"] for path in calls} == {"/v1/*"}


def test_each_behaviour_has_a_route(packaged: Template) -> None:
    """Each is the first that fits for some route of the app, and there are few enough for AWS."""
    paths = {path for path, *_ in paths_of_routes()}
    used = {behaviour_for(packaged, path)["PathPattern"] for path in paths | {"/v1/"}}

    assert used == {each["PathPattern"] for each in behaviours_of(packaged)}
    assert len(used) <= front.MOST_BEHAVIOURS


def test_link_called_v1_is_not_below_the_calls(packaged: Template) -> None:
    """With a slash at its end it goes to the API, which drops that, with the headers of visitors of links."""
    assert behaviour_for(packaged, "/v1")["TargetOriginId"] == "redirect"
    below = behaviour_for(packaged, "/v1/")
    assert (below["TargetOriginId"], below["OriginRequestPolicyId"]) == ("api", {"Ref": "VisitorRequests"})


def test_no_code_can_lead_to_the_api(packaged: Template) -> None:
    """The first segment of each path of the API is a word that no link can have as its code, or is no code at all."""
    first = {each["PathPattern"].split("/")[1] for each in behaviours_of(packaged)[:-1]}

    assert {each for each in first if codes.is_code(each) and not codes.is_reserved(each)} == set()


def test_other_names_of_calls_under_a_code_are_followed(packaged: Template) -> None:
    """`/*/qr` fits every path that ends so: of a link that passes its path on, API Gateway sends it to the redirect."""
    for path in ("/code/a/qr", "/code/a/b/qr", "/code/a/report"):
        assert behaviour_for(packaged, path)["TargetOriginId"] == "api"
        resource = "/{code}" + "".join(f"/{{path{number}}}" for number in range(1, path.count("/")))
        assert REDIRECT_ARN in json.dumps(properties(packaged, "RestAPI")["Body"]["paths"][resource]["get"])


def test_function_is_on_every_behaviour(packaged: Template) -> None:
    """What it writes is believed, so there must be no way around it; it is published, and small enough."""
    arn = {"Fn::GetAtt": ["ViewerRequest", "FunctionMetadata.FunctionARN"]}
    function = properties(packaged, "ViewerRequest")

    for behaviour in behaviours_of(packaged):
        assert behaviour["FunctionAssociations"] == [{"EventType": "viewer-request", "FunctionARN": arn}]
    assert function["AutoPublish"] is True
    assert function["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
    assert len(function["FunctionCode"].encode()) < 10 * 1024


def test_function_writes_what_the_code_reads(packaged: Template) -> None:
    """The headers of ours, and none that CloudFront refuses to set."""
    code = properties(packaged, "ViewerRequest")["FunctionCode"]

    assert set(re.findall(r"headers\['([a-z-]+)'\] =", code)) == {seen.HOST, seen.FACTS}
    assert f"delete headers['{seen.SECRET}']" in code
    assert not [each for each in WRITTEN_BY_CLOUDFRONT if each.lower() in code.lower()]
    assert "import" not in code


def test_nothing_that_counts_is_cached(packaged: Template) -> None:
    """Only assets are, by host, for one domain may be retired; no errors. No page replaces the JSON of the API."""
    kept = {each["PathPattern"] for each in behaviours_of(packaged) if each["CachePolicyId"] != CACHING_DISABLED}
    policy = properties(packaged, "Assets")["CachePolicyConfig"]
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]

    assert kept == {"/assets/*"}
    assert key["HeadersConfig"] == {"HeaderBehavior": "whitelist", "Headers": ["X-Front-Host"]}
    assert (key["EnableAcceptEncodingGzip"], key["EnableAcceptEncodingBrotli"]) == (True, True)
    assert (policy["MinTTL"], policy["DefaultTTL"]) == (0, 0)
    errors = config_of(packaged)["CustomErrorResponses"]
    assert [each["ErrorCode"] for each in errors] == KEPT_ERRORS
    assert [{name: each[name] for name in each if name != "ErrorCode"} for each in errors] == [
        {"ErrorCachingMinTTL": 0}
    ] * len(KEPT_ERRORS)
    assert config_of(packaged)["HttpVersion"] == "http2and3"


def test_headers_of_each_policy(packaged: Template) -> None:
    """Ten at most, never Host; country and device where visits count, and nowhere else."""
    visitors = properties(packaged, "VisitorRequests")["OriginRequestPolicyConfig"]
    listed = visitors["HeadersConfig"]

    assert listed["HeaderBehavior"] == "whitelist"
    assert {*OURS, *VIEWER, "User-Agent", "Accept", "Accept-Language", "Referer"} == set(listed["Headers"])
    assert len(listed["Headers"]) <= 10
    assert visitors["CookiesConfig"] == {"CookieBehavior": "whitelist", "Cookies": [unlock_cookie.NAME]}
    assert visitors["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
    for behaviour in behaviours_of(packaged):
        pattern, policy = behaviour["PathPattern"], behaviour.get("OriginRequestPolicyId")
        counts = pattern in {"*", "/", "/v1/"} or pattern.startswith(("/*/", "/.form/"))
        expected = {"Ref": "VisitorRequests"} if counts else ALL_BUT_HOST
        assert policy == (None if pattern == "/assets/*" else expected), pattern


def test_only_the_distribution_may_call_the_url(packaged: Template) -> None:
    """By its signature. Both permissions are on the alias; without the second one each link would be answered 403."""
    access = properties(packaged, "RedirectAccess")["OriginAccessControlConfig"]
    url = properties(packaged, "RedirectUrl")
    (origin,) = (each for each in config_of(packaged)["Origins"] if each["Id"] == "redirect")
    of_distribution = {
        name: each["Properties"]
        for name, each in packaged["Resources"].items()
        if each["Type"] == "AWS::Lambda::Permission" and each["Properties"]["Principal"] == "cloudfront.amazonaws.com"
    }

    assert (access["OriginAccessControlOriginType"], access["SigningBehavior"]) == ("lambda", "always")
    assert access["SigningProtocol"] == "sigv4"
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["RedirectAccess", "Id"]}
    assert (url["AuthType"], url["Qualifier"]) == ("AWS_IAM", "live")
    assert packaged["Resources"]["RedirectUrl"]["DependsOn"] == "RedirectHandlerAliaslive"
    assert {each["Action"] for each in of_distribution.values()} == {
        *("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"),
    }
    for each in of_distribution.values():
        assert each["FunctionName"] == {"Ref": "RedirectHandlerAliaslive"}
        assert each["SourceArn"]["Fn::Sub"].endswith(":distribution/${Distribution}")


def test_both_origins_get_the_secret(packaged: Template) -> None:
    """CloudFront writes it over a visitor's; the functions know its digest, and nobody is shown it."""
    proof = [{"HeaderName": "X-Front-Secret", "HeaderValue": {"Ref": "OriginSecret"}}]
    variables = [properties(packaged, name)["Environment"]["Variables"] for name in ("APIHandler", "RedirectHandler")]

    assert [each["OriginCustomHeaders"] for each in config_of(packaged)["Origins"]] == [proof, proof]
    assert packaged["Parameters"]["OriginSecret"]["NoEcho"] is True
    assert "Default" not in packaged["Parameters"]["OriginSecret"]
    assert json.dumps(packaged).count('"OriginSecret"') == 3  # the parameter, and the two origins
    assert [each["FRONT_SECRETS"] for each in variables] == [{"Ref": "OriginSecretDigests"}] * 2
    assert [each["TRUST_CLOUDFRONT"] for each in variables] == ["no", "no"]


def test_every_function_knows_the_name_of_the_distribution(packaged: Template) -> None:
    """A link to it is one to this service, also where it is imported."""
    variables = [
        each["Properties"]["Environment"]["Variables"]
        for each in packaged["Resources"].values()
        if each["Type"] == "AWS::Lambda::Function"
    ]

    assert len(variables) == 8
    assert {each["OWN_HOSTS"]["Fn::Sub"].rpartition(",")[2] for each in variables} == {"${FrontHost}"}


def test_function_joins_what_the_code_takes(packaged: Template) -> None:
    """The same headers on both sides: none is joined in vain, and none is missing."""
    code = properties(packaged, "ViewerRequest")["FunctionCode"]
    (joined,) = re.findall(r"READ = \[(.*?)\]", code, re.DOTALL)

    assert set(re.findall(r"'([a-z-]+)'", joined)) == seen.READ


def test_parameter_of_the_other_front_is_refused(at_gateway: Template, packaged: Template) -> None:
    """With its name, before CloudFormation says that it does not exist."""
    given = {"RedirectConcurrency": "5"}

    told = [list(package.unknown_parameters(each, given)) for each in (at_gateway, packaged)]

    assert [len(each) for each in told] == [1, 0]
    assert told[0][0].startswith("RedirectConcurrency is no parameter of this stage")


def test_too_many_behaviours_are_refused(monkeypatch: pytest.MonkeyPatch, sam: Template) -> None:
    """Before AWS does, half-way through a deployment."""
    monkeypatch.setattr(front, "MOST_BEHAVIOURS", 10)

    with pytest.raises(package.PackageRefused, match="behaviours; 10 are allowed"):
        package.completed(copy.deepcopy(sam), "prod", BEHIND)


def test_api_is_regional_behind_the_distribution(packaged: Template, at_gateway: Template) -> None:
    """An edge-optimised one would have a second CloudFront; at the gateway nothing is as it was not before."""
    kinds = [properties(each, "RestAPI")["EndpointConfiguration"] for each in (packaged, at_gateway)]
    variables = properties(at_gateway, "RedirectHandler")["Environment"]["Variables"]

    assert kinds == [{"Types": ["REGIONAL"]}, {"Types": ["EDGE"]}]
    assert not [each for each in at_gateway["Resources"].values() if each["Type"].startswith("AWS::CloudFront")]
    assert "OriginSecret" not in json.dumps(at_gateway)
    assert variables["TRUST_CLOUDFRONT"] == "yes"
    assert "FRONT_SECRETS" not in variables


def test_new_code_is_judged_by_the_url_as_well(packaged: Template) -> None:
    """API Gateway's metrics do not have what a function URL answers."""
    for group in ("APIHandlerDeploymentGroup", "RedirectHandlerDeploymentGroup"):
        judges = properties(packaged, group)["AlarmConfiguration"]["Alarms"]
        assert {"Name": {"Ref": "UrlErrorsAlarm"}} in judges
    assert properties(packaged, "UrlErrorsAlarm")["MetricName"] == "Url5xxCount"
    assert ["UrlErrorsAlarm", "Arn"] in [
        each.get("Fn::GetAtt")
        for statement in properties(packaged, "TrafficRole")["Policies"][0]["PolicyDocument"]["Statement"]
        for each in statement["Resource"]
    ]


def test_manual_names_what_the_front_adds(packaged: Template, at_gateway: Template) -> None:
    """Each parameter that deploy.json may set, each alarm."""
    manual = (ROOT / "docs" / "operate.md").read_text("utf-8")
    internal = {"OriginSecret", "OriginSecretDigests", "FrontHost"}  # by make deploy
    parameters = packaged["Parameters"].keys() - at_gateway["Parameters"].keys() - internal
    alarms = {
        name: each["Properties"]
        for name, each in packaged["Resources"].items()
        if each["Type"] == "AWS::CloudWatch::Alarm" and name not in at_gateway["Resources"]
    }

    assert [name for name in {*parameters, *alarms} if f"`{name}`" not in manual] == []
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
        section = re.search(r'docs/operate.md, "(.*)"', alarm["AlarmDescription"])
        assert section is not None
        assert f"**{section[1]}**" in manual


def domain(name: str, **more: Any) -> Template:
    """Return a domain as deploy.json has it."""
    return {"name": name, "certificate": CERTIFICATE, "regionalCertificate": REGIONAL_CERTIFICATE, **more}


@pytest.mark.parametrize(
    ("written", "front_of"),
    [
        ({}, Front(GATEWAY, (EDGE,))),
        ({"front": "gateway", "namesAt": ["regional", "edge"]}, Front(GATEWAY, (EDGE, REGIONAL))),
        ({"front": "cloudfront"}, Front(CLOUDFRONT, (CLOUDFRONT,))),
        ({"front": "cloudfront", "namesAt": ["regional"]}, Front(CLOUDFRONT, (REGIONAL,))),
        ({"front": "cloudfront", "namesAt": ["cloudfront", "regional"]}, Front(CLOUDFRONT, (REGIONAL, CLOUDFRONT))),
    ],
)
def test_front_is_read(written: Template, front_of: Front) -> None:
    """The gateway is the default."""
    assert front.read("prod", {**written, "domains": [domain("sho.rt"), domain("go.rt")]}) == front_of


@pytest.mark.parametrize(
    ("stage", "written", "told"),
    [
        ("prod", {"front": "nginx"}, 'prod has the front \'nginx\'; it must be "gateway" or "cloudfront".'),
        ("local", {"front": "cloudfront"}, "local has neither front nor namesAt"),
        ("prod", {"namesAt": ["cloudfront"]}, 'at the front "gateway" it is a list of "edge", "regional" or both.'),
        ("prod", {"front": "cloudfront", "namesAt": ["edge"]}, 'a list of "regional", "cloudfront" or both.'),
        ("prod", {"namesAt": []}, 'prod has "namesAt": []'),
        ("prod", {"namesAt": "edge"}, 'prod has "namesAt": "edge"'),
        (
            "prod",
            {"namesAt": ["edge", "regional"], "domains": [domain("sho.rt", regionalCertificate="")]},
            'sho.rt has no "regionalCertificate"',
        ),
        (
            "prod",
            {"front": "cloudfront", "domains": [domain("sho.rt"), domain("go.rt", certificate="arn:other")]},
            "The domains of prod have 2 certificates, and a distribution takes one",
        ),
    ],
)
def test_mistake_is_one_sentence(stage: str, written: Template, told: str) -> None:
    """It names the stage or the domain."""
    with pytest.raises(FrontRefused) as refused:
        front.read(stage, written)

    assert told in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("behind", "types", "aliases"),
    [
        (Front(GATEWAY, (EDGE,)), ["EDGE"], None),
        (Front(GATEWAY, (EDGE, REGIONAL)), ["EDGE", "REGIONAL"], None),
        (Front(CLOUDFRONT, (REGIONAL,)), ["REGIONAL"], None),
        (Front(CLOUDFRONT, (REGIONAL, CLOUDFRONT)), ["REGIONAL"], ["sho.rt", "team.rt"]),
        (Front(CLOUDFRONT, (CLOUDFRONT,)), None, ["sho.rt", "team.rt"]),
    ],
)
def test_names_are_where_deploy_json_says(
    monkeypatch: pytest.MonkeyPatch, sam: Template, behind: Front, types: list[str] | None, aliases: list[str] | None
) -> None:
    """In API Gateway, with the certificates of each place; and as aliases, with one for all. Trust goes with them."""
    domains = [domain("sho.rt"), domain("team.rt", space="team")]
    monkeypatch.setattr(package, "deployment", lambda _: {"domains": domains})

    template = package.completed(sam, "prod", behind)

    resources = template["Resources"]
    found = [each for each in resources.values() if each["Type"] == "AWS::ApiGateway::DomainName"]
    names = [each["Properties"] for each in found]
    assert [each["EndpointConfiguration"]["Types"] for each in names] == ([types] * 2 if types else [])
    for each in names:
        assert each.get("CertificateArn") == (CERTIFICATE if "EDGE" in (types or []) else None)
        assert each.get("RegionalCertificateArn") == (REGIONAL_CERTIFICATE if "REGIONAL" in (types or []) else None)
    answers = ["APIHandlerAliaslive", "RedirectHandlerAliaslive"]  # both, before a name is where anybody writes headers
    assert [each.get("DependsOn") for each in found] == [answers if "REGIONAL" in (types or []) else None] * len(found)
    config = config_of(template) if behind.has_distribution else {}
    assert config.get("Aliases") == aliases
    if aliases:
        assert config["ViewerCertificate"] == {
            "AcmCertificateArn": CERTIFICATE,
            "SslSupportMethod": "sni-only",
            "MinimumProtocolVersion": "TLSv1.2_2021",
        }
    trusted = resources["APIHandler"]["Properties"]["Environment"]["Variables"]["TRUST_CLOUDFRONT"]
    assert trusted == ("yes" if types == ["EDGE"] else "no")


def alarms_of_groups(template: Template) -> list[int]:
    """Return how many alarms judge new code in each deployment group."""
    groups = [each for each in template["Resources"].values() if each["Type"] == "AWS::CodeDeploy::DeploymentGroup"]
    return [len(each["Properties"]["AlarmConfiguration"]["Alarms"]) for each in groups]


def test_uncached_in_the_checks_is_the_policy_of_the_template(packaged: Template) -> None:
    """Written twice, so that a typo in one is noticed; of the behaviours, assets alone have another."""
    policies = {each["CachePolicyId"] for each in behaviours_of(packaged) if each["PathPattern"] != "/assets/*"}

    assert policies == {of_cloudfront.UNCACHED}


def test_errors_in_the_checks_are_those_of_the_template(packaged: Template) -> None:
    """Each that the check expects to be listed is: with no time, and with no page."""
    listed = config_of(packaged)["CustomErrorResponses"]

    assert {each["ErrorCode"] for each in listed} >= {*of_cloudfront.ERRORS}
    assert all(each == {"ErrorCode": each["ErrorCode"], "ErrorCachingMinTTL": 0} for each in listed)


def test_judges_in_the_checks_are_the_alarms_of_the_template(packaged: Template, at_gateway: Template) -> None:
    """Of the redirect and of the API, by what is in front."""
    assert alarms_of_groups(at_gateway) == [of_functions.JUDGES[GATEWAY]] * 2
    assert alarms_of_groups(packaged) == [of_functions.JUDGES[FRONT]] * 2
