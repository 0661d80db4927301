"""The front of a stage, from .chalice/deploy.json: API Gateway alone, or CloudFront before it.

At the front ``cloudfront`` the package has .chalice/cloudfront.yaml as well. What depends on the stage or the routes is
added here: a behaviour for each path of the API, the names of domains, and what the functions are told.
"""

from __future__ import annotations

import copy
import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from samtranslator.yaml_helper import yaml_parse

from chalicelib.core.links import unlock_cookie
from dev.paths import ROOT

Template = dict[str, Any]
Kind = Literal["visitors", "assets", "api"]

GATEWAY, CLOUDFRONT = "gateway", "cloudfront"
EDGE, REGIONAL = "edge", "regional"
PLACES: Mapping[str, tuple[str, ...]] = {GATEWAY: (EDGE, REGIONAL), CLOUDFRONT: (REGIONAL, CLOUDFRONT)}
"""Where the names of domains can be, by front."""
_USUAL: Mapping[str, list[str]] = {GATEWAY: [EDGE], CLOUDFRONT: [CLOUDFRONT]}
MOST_BEHAVIOURS = 60
"""Of a distribution; AWS allows 75."""
_MEMBERS = {"front", "namesAt"}
_ONLY_READ = ["GET", "HEAD", "OPTIONS"]
_ANY = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]  # CloudFront knows three sets of methods
_MOST_FUNCTION_BYTES = 10 * 1024
_ALL_BUT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""AWS's policy AllViewerExceptHostHeader. Whether CloudFront's own headers come with it is reported both ways: what
visitors of links ask for, where country and device count, has another one."""


@dataclass(frozen=True, slots=True)
class Front:
    """What stands before the functions of a stage."""

    kind: str = GATEWAY
    names_at: tuple[str, ...] = (EDGE,)
    """Where the names of its domains are: API Gateway's own CloudFront (edge), its region, the stage's distribution."""

    @property
    def has_distribution(self) -> bool:
        """Tell whether the stage has a distribution of its own."""
        return self.kind == CLOUDFRONT

    @property
    def is_trusted_edge(self) -> bool:
        """Tell whether every request comes through API Gateway's own CloudFront, so that its headers are its word."""
        return self.kind == GATEWAY and self.names_at == (EDGE,)


class FrontRefused(Exception):
    """The front of a stage is wrong; the message has a sentence for each problem, on a line of its own."""


def read(stage: str, written: Mapping[str, Any]) -> Front:
    """Return the front of ``stage``, which is ``written`` so in .chalice/deploy.json.

    Raises:
        FrontRefused
    """
    wrong = list(_problems(stage, written))
    if wrong:
        raise FrontRefused("\n".join(wrong))
    kind: str = written.get("front", GATEWAY)
    given = written.get("namesAt", _USUAL[kind])
    return Front(kind, tuple(place for place in (EDGE, REGIONAL, CLOUDFRONT) if place in given))


def add(template: Template, front: Front, names: Sequence[str], certificate: str) -> None:
    """Add to a SAM template what ``front`` needs. ``names`` are those that lead to the distribution."""
    for handler in ("APIHandler", "RedirectHandler"):
        function = template["Resources"][handler]["Properties"]
        trust = {"TRUST_CLOUDFRONT": "yes" if front.is_trusted_edge else "no"}
        told = {"FRONT_SECRETS": {"Ref": "OriginSecretDigests"}} if front.has_distribution else {}
        function["Environment"] = {"Variables": {**function["Environment"]["Variables"], **trust, **told}}
    if front.has_distribution:
        _add_distribution(template, names, certificate)


def behaviours(paths: Mapping[str, Any]) -> Iterator[tuple[str, Kind, list[str]]]:
    """Yield the path patterns of what is not a code, what their answers are for, and their methods.

    ``paths`` are those of the API's description. A behaviour chooses by path alone, and the first that fits counts:
    what has a variable at its beginning comes last.
    """
    found: dict[str, set[str]] = {}
    for path, methods in paths.items():
        pattern = _pattern_of(path)
        if pattern is not None and not pattern.endswith("/*") and _is_followed(methods):
            found[f"{pattern}/"] = set()  # the same link; calls of the API are below it, which have other headers
        elif pattern is not None:
            found.setdefault(pattern, set()).update({name.upper() for name in methods} & {*_ANY})
    for pattern in sorted(found, key=lambda each: (each.startswith("/*"), each)):
        yield pattern, _kind_of(pattern), _ANY if found[pattern] - {*_ONLY_READ} else _ONLY_READ


def new_secret() -> dict[str, str]:
    """Return the parameters of a stack with a secret of its own that nobody has seen."""
    secret = secrets.token_urlsafe(32)
    return {"OriginSecret": secret, "OriginSecretDigests": digest_of(secret)}


def kept_secret(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of the secret of a stack, for its next change."""
    return {name: parameters[name] for name in ("OriginSecret", "OriginSecretDigests")}


def has_distribution(template: Template) -> bool:
    """Tell whether a template has a distribution in front."""
    return "OriginSecret" in template.get("Parameters", {})


def host_in(made: Mapping[str, str] | None) -> str:
    """Return the name of the distribution in the outputs of a stack; empty: there is none."""
    return (made or {}).get("FrontUrl", "").removeprefix("https://")


def addresses(made: Mapping[str, str] | None) -> dict[str, str]:
    """Return the parameters that follow from the distribution's name, once a stack has one.

    Short URLs begin with it, where no domain does: its own name must be a parameter, for the functions cannot refer to
    a distribution that waits for them.
    """
    host = host_in(made)
    return {"FrontHost": host, "BaseUrl": f"https://{host}"} if host else {}


def digest_of(secret: str) -> str:
    """Return what the functions know of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _add_distribution(template: Template, names: Sequence[str], certificate: str) -> None:
    added = yaml_parse((ROOT / ".chalice" / "cloudfront.yaml").read_text("utf-8"))
    for section, parts in added.items():
        template[section] = {**template.get(section, {}), **json.loads(json.dumps(parts))}
    resources = template["Resources"]
    code = (ROOT / ".chalice" / "viewer-request.js").read_text("utf-8")
    if len(code.encode()) > _MOST_FUNCTION_BYTES:
        raise FrontRefused(f"viewer-request.js has {len(code.encode()):,} bytes; CloudFront takes 10 KB.")
    resources["ViewerRequest"]["Properties"]["FunctionCode"] = code
    cookies = resources["VisitorRequests"]["Properties"]["OriginRequestPolicyConfig"]["CookiesConfig"]
    cookies["Cookies"] = [unlock_cookie.NAME]
    config = resources["Distribution"]["Properties"]["DistributionConfig"]
    paths = resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    config["CacheBehaviors"] = [_behaviour(config["DefaultCacheBehavior"], *each) for each in behaviours(paths)]
    if len(config["CacheBehaviors"]) >= MOST_BEHAVIOURS:
        raise FrontRefused(
            f"The paths of the API need {len(config['CacheBehaviors']) + 1} behaviours; {MOST_BEHAVIOURS} are allowed."
        )
    if names:
        config["Aliases"] = list(names)
        config["ViewerCertificate"] = {
            "AcmCertificateArn": certificate,
            "SslSupportMethod": "sni-only",
            "MinimumProtocolVersion": "TLSv1.2_2021",
        }
    resources["RestAPI"]["Properties"]["EndpointConfiguration"] = {"Type": "REGIONAL"}
    redirect, api = (resources[name]["Properties"] for name in ("RedirectHandler", "APIHandler"))
    concurrency = ["HasRedirectConcurrency", {"Ref": "RedirectConcurrency"}, {"Ref": "AWS::NoValue"}]
    redirect["ReservedConcurrentExecutions"] = {"Fn::If": concurrency}
    for function in (redirect, api):
        judges = function["DeploymentPreference"]
        function["DeploymentPreference"] = {**judges, "Alarms": [*judges["Alarms"], {"Ref": "UrlErrorsAlarm"}]}
    for statement in resources["TrafficRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]:
        if statement["Action"] == ["cloudwatch:DescribeAlarms"]:
            statement["Resource"] = [*statement["Resource"], {"Fn::GetAtt": ["UrlErrorsAlarm", "Arn"]}]


def _behaviour(default: Mapping[str, Any], pattern: str, kind: Kind, methods: list[str]) -> dict[str, Any]:
    behaviour = {
        **copy.deepcopy(dict(default)),
        "PathPattern": pattern,
        "TargetOriginId": "api",
        "AllowedMethods": methods,
    }
    if kind == "assets":
        del behaviour["OriginRequestPolicyId"]
        behaviour |= {"CachePolicyId": {"Ref": "Assets"}, "Compress": True}
    if kind == "api":
        behaviour["OriginRequestPolicyId"] = _ALL_BUT_HOST
        if methods == _ANY:  # a key that is sent without TLS has been read on its way: say so, rather than lead on
            behaviour["ViewerProtocolPolicy"] = "https-only"
    return behaviour


def _pattern_of(path: str) -> str | None:
    """Return the pattern of a path of the API; None: codes have it, which no behaviour but the default is for."""
    first, *rest = path.removeprefix("/").split("/")
    if not first.startswith("{"):
        return f"/{first}/*" if rest else f"/{first}"
    literal = [segment for segment in rest if not segment.startswith("{")]
    return f"/*/{literal[0]}" if literal else None


def _is_followed(methods: Mapping[str, Any]) -> bool:
    """Tell whether a GET of the path follows a link."""
    return ":function:${AWS::StackName}-redirect:" in json.dumps(methods.get("get", {}))


def _kind_of(pattern: str) -> Kind:
    if pattern.endswith("/") or pattern.startswith(("/*", "/.form")):
        return "visitors"
    return "assets" if pattern == "/assets/*" else "api"


def _problems(stage: str, written: Mapping[str, Any]) -> Iterator[str]:
    kind = written.get("front", GATEWAY)
    if kind not in PLACES:
        yield f'{stage} has the front {kind!r}; it must be "{GATEWAY}" or "{CLOUDFRONT}".'
        return
    if stage == "local" and _MEMBERS & set(written):
        yield "local has neither front nor namesAt: on this machine there is no CloudFront."
    places = PLACES[kind]
    given = written.get("namesAt", _USUAL[kind])
    allowed = f"{places[0]!r}, {places[1]!r} or both".replace("'", '"')
    if not isinstance(given, list) or not given or not set(map(str, given)) <= set(places):
        yield f'{stage} has "namesAt": {json.dumps(given)}; at the front "{kind}" it is a list of {allowed}.'
        return
    domains = [each for each in written.get("domains", []) if isinstance(each, dict)]
    if REGIONAL in given:
        yield from (
            f'{each.get("name")} has no "regionalCertificate": an ARN of ACM in the region of the stack, which its name'
            " in API Gateway's region needs."
            for each in domains
            if not each.get("regionalCertificate")
        )
    certificates = {each.get("certificate") for each in domains}
    if CLOUDFRONT in given and len(certificates) > 1:
        yield (
            f"The domains of {stage} have {len(certificates)} certificates, and a distribution takes one: ask ACM in"
            " us-east-1 for one with all their names."
        )
