"""What a deployment would change of a stage's front: refused where visitors would find nothing, or could forge headers.

The name of a domain is in one place or two: at API Gateway's edge, in its region, at the stage's distribution. DNS
leads to one of them, and its caches to the one before for a while. So a name moves in steps.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping

from dev.deploy.domains import Host
from dev.deploy.front import CLOUDFRONT, EDGE, REGIONAL, has_distribution
from dev.deploy.stack import Revision, Template
from dev.deploy.versions import of_type

_DOMAIN_NAME = "AWS::ApiGateway::DomainName"
_CALLED = {EDGE: "API Gateway's edge", REGIONAL: "API Gateway's region", CLOUDFRONT: "the distribution"}


def refusals(before: Revision, after: Revision, may_go: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each change that is no safe step. ``may_go`` are logical ids of domain names."""
    if has_distribution(after.template) and _trusts_cloudfront(before.template):
        yield (
            "  The code that is in use believes what CloudFront's headers say, as every request comes through API"
            " Gateway's own. Without that, anybody could write them. Deploy with"
            ' "namesAt": ["edge", "regional"] first, and then with a distribution.'
        )
    if has_distribution(before.template) and _trusts_cloudfront(after.template):
        yield (
            "  The new code would believe what CloudFront's headers say while the API is still in its region, where"
            ' anybody can write them. Deploy with "namesAt": ["edge", "regional"] first.'
        )
    was, becomes = places_of_names(before.template), places_of_names(after.template)
    if _trusts_cloudfront(before.template):
        yield from (
            f"  {host} would be in {_CALLED[REGIONAL]} while the code in use believes what CloudFront's headers say,"
            " which anybody can write there. Deploy without it first, and then with."
            for host, places in becomes.items()
            if host not in was and places == {REGIONAL}
        )
    for host in was.keys() & becomes.keys():
        yield from _refusals_of(host, was[host], becomes[host], may_go)


def places_of_names(template: Template) -> Mapping[str, frozenset[str]]:
    """Return where each host of a template is."""
    found: dict[str, set[str]] = {}
    for _, name in of_type(template, _DOMAIN_NAME):
        types = name["Properties"].get("EndpointConfiguration", {}).get("Types", ["EDGE"])
        found.setdefault(name["Properties"]["DomainName"], set()).update(each.lower() for each in types)
    for _, distribution in of_type(template, "AWS::CloudFront::Distribution"):
        for host in distribution["Properties"]["DistributionConfig"].get("Aliases", []):
            found.setdefault(host, set()).add(CLOUDFRONT)
    return {host: frozenset(places) for host, places in found.items()}


def while_believed(before: Template, template: Template) -> Template:
    """Return ``template`` for as long as the code of ``before`` answers visitors.

    Where that believes what CloudFront's headers say, no name is in API Gateway's region yet: anybody could write them
    there until the new code answers.
    """
    if not _trusts_cloudfront(before):
        return template
    result = copy.deepcopy(template)
    for name, domain in of_type(result, _DOMAIN_NAME):
        at = domain["Properties"]["EndpointConfiguration"]["Types"]
        if set(at) == {"EDGE", "REGIONAL"}:
            at.remove("REGIONAL")
            domain["Properties"].pop("RegionalCertificateArn", None)
            for output, each in list(result.get("Outputs", {}).items()):
                if each["Value"] == {"Fn::GetAtt": [name, "RegionalDomainName"]}:
                    del result["Outputs"][output]
    return result


def _trusts_cloudfront(template: Template) -> bool:
    functions = (template["Resources"].get(name, {}) for name in ("APIHandler", "RedirectHandler"))
    variables = [each.get("Properties", {}).get("Environment", {}).get("Variables", {}) for each in functions]
    return any(each.get("TRUST_CLOUDFRONT") == "yes" for each in variables)


def _refusals_of(host: str, was: frozenset[str], becomes: frozenset[str], may_go: Collection[str]) -> Iterator[str]:
    if {EDGE, CLOUDFRONT} <= was | becomes:
        yield (
            f"  {host} would be at both {_CALLED[EDGE]} and {_CALLED[CLOUDFRONT]} for a moment, and AWS refuses that"
            ' (CNAMEAlreadyExists). Go by way of "namesAt": ["regional"].'
        )
    elif not was & becomes:
        yield (
            f"  {host} would be at {_named(becomes)} alone, and DNS still leads visitors to {_named(was)}. Name both"
            ' places in "namesAt" first.'
        )
    elif (left := was - becomes) and Host(host).logical_id not in may_go:
        yield (
            f"  {host} would not be answered at {_named(left)} any more. Let DNS lead to {_named(becomes)}, wait for as"
            f" long as the record before may be kept, and then: MAY_REPLACE={host}"
        )


def _named(places: frozenset[str]) -> str:
    return " and ".join(_CALLED[place] for place in sorted(places))
