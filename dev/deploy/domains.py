"""The hosts of a stage, from .chalice/deploy.json: their names in API Gateway, and the settings of functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core.domains import ANY_CASE, MOST_BYTES, RETIRED, SPACE, Domains, DomainsInvalid, is_host
from dev.deploy.front import CLOUDFRONT, Front

MOST_ENVIRONMENT_BYTES = 4096
"""Of the names and values of a function's environment: Lambda refuses more."""
_RESOURCE_BYTES = 160  # more than the address of a queue, the longest of what a template refers to
_OF_A_STAGE = {"parameters", "domains", "spaces", "front", "namesAt"}
_OF_A_DOMAIN = {"name", "certificate", "regionalCertificate", "space", "retired"}
_LOCAL_ADDRESS = "http://127.0.0.1:8000"
_NOWHERE = "https://address-of-the-api.invalid"


class DomainsRefused(Exception):
    """The domains of a stage are wrong; the message has a sentence for each problem, on a line of its own."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host name that leads to links."""

    name: str
    certificate: str = ""
    """The ARN of its certificate; empty on this machine."""
    space: str = ""
    """Empty: it leads to the default's links."""
    is_retired: bool = False
    regional_certificate: str = ""
    """The ARN of its certificate in the region of the stack; empty: its name is not in API Gateway's region."""

    @property
    def is_default(self) -> bool:
        """Tell whether it leads to the default's links."""
        return not self.space and not self.is_retired

    @property
    def logical_id(self) -> str:
        """Return the name of its resource: by its name, so that sorting the list makes no other resource of it."""
        return "Domain" + self.name.replace(".", "Dot").replace("-", "Dash").replace("_", "Underscore")


@dataclass(frozen=True, slots=True)
class Hosts:
    """All hosts of a stage, in the order in which they are listed."""

    all: tuple[Host, ...] = ()
    any_case: frozenset[str] = frozenset()
    """The spaces whose codes ignore case."""

    @property
    def default(self) -> list[str]:
        """Return the names of those that lead to the default's links."""
        return [each.name for each in self.all if each.is_default]

    @property
    def setting(self) -> str:
        """Return the value of DOMAINS; empty: all of them lead to the default's links."""
        return ",".join(self._spelled(each) for each in self.all if not each.is_default)

    def _spelled(self, host: Host) -> str:
        marks = ((ANY_CASE, host.space in self.any_case), (RETIRED, host.is_retired))
        return f"{host.name}={host.space}" + "".join(f":{mark}" for mark, has_it in marks if has_it)


def read(stage: str, written: Mapping[str, Any]) -> Hosts:
    """Return the hosts of ``stage``, which is ``written`` so in .chalice/deploy.json.

    Raises:
        DomainsRefused
    """
    wrong = list(_problems(stage, written))
    if wrong:
        raise DomainsRefused("\n".join(wrong))
    hosts = Hosts(
        tuple(
            Host(
                each["name"],
                each.get("certificate", ""),
                each.get("space", ""),
                each.get("retired", False),
                each.get("regionalCertificate", ""),
            )
            for each in written.get("domains", [])
        ),
        frozenset(space for space, given in written.get("spaces", {}).items() if given.get("anyCase")),
    )
    text = hosts.setting
    if len(text.encode()) > MOST_BYTES:
        raise DomainsRefused(
            f"The domains of {stage} that have links of their own or are retired are {len(text.encode()):,} bytes as"
            f" the setting DOMAINS; {MOST_BYTES:,} fit: leave some out, or choose shorter names of spaces."
        )
    try:
        Domains.from_text(text, _address(stage, written, hosts))
    except DomainsInvalid as invalid:
        raise DomainsRefused(f"DOMAINS of {stage} {invalid}") from None
    return hosts


def without_base_url(stage: str, hosts: Hosts, parameters: Mapping[str, str]) -> str:
    """Return a sentence for a stage with domains of which none is where short URLs live by default, or nothing."""
    if stage == "local" or not hosts.all or hosts.default or parameters.get("BaseUrl"):
        return ""
    return (
        f"No domain of {stage} leads to the default's links, so their short URLs begin with the service's own address:"
        " add a domain without a space, or set the parameter BaseUrl."
    )


def add(template: dict[str, Any], found: Hosts, behind: Front, *, with_names: bool) -> None:
    """Tell all functions their hosts, and give each its name in API Gateway: also a retired one, to answer 404."""
    types = [place.upper() for place in behind.names_at if place != CLOUDFRONT]
    further = [*found.default, *(["${FrontHost}"] if behind.has_distribution else [])]
    for host in found.all if with_names and types else ():
        _add_name(template, host, types)
    for resource in template["Resources"].values():
        environment = resource.get("Properties", {}).get("Environment")
        if environment is None:
            continue
        variables = dict(environment["Variables"])
        if further:
            own = variables["OWN_HOSTS"]["Fn::Sub"]
            variables["OWN_HOSTS"] = {"Fn::Sub": ",".join([own, *further])}
        if found.setting:
            variables["DOMAINS"] = found.setting
        resource["Properties"]["Environment"] = {**environment, "Variables": variables}


def large_environments(template: Mapping[str, Any], parameters: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each function whose environment Lambda would refuse.

    What is known only on AWS is taken to be long, so it is refused some hundred bytes early.
    """
    known = {name: str(spec["Default"]) for name, spec in template.get("Parameters", {}).items() if "Default" in spec}
    known |= {name: str(value) for name, value in parameters.items()}
    for name, resource in template["Resources"].items():
        variables = resource.get("Properties", {}).get("Environment", {}).get("Variables", {})
        size = sum(len(each.encode()) + _bytes_of(value, known) for each, value in variables.items())
        if size > MOST_ENVIRONMENT_BYTES:
            yield (
                f"{name}: its environment would have about {size:,} bytes, and Lambda takes"
                f" {MOST_ENVIRONMENT_BYTES:,}: list fewer domains, or choose shorter names of spaces."
            )


def _add_name(template: dict[str, Any], host: Host, types: list[str]) -> None:
    certificates = {  # edge-optimised domains need one of us-east-1, the others one of their region
        "EDGE": {"CertificateArn": host.certificate},
        "REGIONAL": {"RegionalCertificateArn": host.regional_certificate},
    }
    template["Resources"][host.logical_id] = {
        "Type": "AWS::ApiGateway::DomainName",
        "Properties": {
            "DomainName": host.name,
            **{name: arn for kind in types for name, arn in certificates[kind].items()},
            "EndpointConfiguration": {"Types": types},
            "SecurityPolicy": "TLS_1_2",
        },
        # The region is there once the new code answers everybody: that before it may believe any header.
        **({"DependsOn": ["APIHandlerAliaslive", "RedirectHandlerAliaslive"]} if "REGIONAL" in types else {}),
    }
    template["Resources"][f"{host.logical_id}Mapping"] = {
        "Type": "AWS::ApiGateway::BasePathMapping",
        "DependsOn": "RestAPIapiStage",
        "Properties": {"DomainName": {"Ref": host.logical_id}, "RestApiId": {"Ref": "RestAPI"}, "Stage": "api"},
    }
    targets = {"EDGE": ("Target", "DistributionDomainName"), "REGIONAL": ("RegionalTarget", "RegionalDomainName")}
    for kind in types:
        suffix, attribute = targets[kind]
        template["Outputs"][f"{host.logical_id}{suffix}"] = {
            "Description": f"Let the DNS name {host.name} be an alias (or CNAME) of this",
            "Value": {"Fn::GetAtt": [host.logical_id, attribute]},
        }


def _bytes_of(value: Any, known: Mapping[str, str]) -> int:
    match value:
        case {"Ref": str(name)}:
            return len(known[name].encode()) if name in known else _RESOURCE_BYTES
        case {"Fn::If": [_, one, other]}:
            return max(_bytes_of(one, known), _bytes_of(other, known))
        case {"Fn::Sub": str(text)}:
            return len(text.encode()) + _RESOURCE_BYTES // 4 * text.count("${")
        case dict():
            return _RESOURCE_BYTES
    return len(str(value).encode())


def _address(stage: str, written: Mapping[str, Any], hosts: Hosts) -> str:
    first = next((f"https://{name}" for name in hosts.default), _NOWHERE)
    given: str = written.get("parameters", {}).get("BaseUrl") or first
    return _LOCAL_ADDRESS if stage == "local" else given


def _problems(stage: str, written: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"{stage} has {name!r} in deploy.json, which means nothing." for name in written if name not in _OF_A_STAGE
    )
    domains, spaces = written.get("domains", []), written.get("spaces", {})
    if not isinstance(domains, list) or not all(isinstance(each, dict) for each in domains):
        yield f'"domains" of {stage} must be a list of objects: [{{"name": "sho.rt", "certificate": "arn:..."}}].'
        return
    if not isinstance(spaces, dict) or not all(isinstance(each, dict) for each in spaces.values()):
        yield f'"spaces" of {stage} must be an object of objects: {{"team": {{"anyCase": true}}}}.'
        return
    seen: set[str] = set()
    for each in domains:
        yield from _problems_of_domain(stage, each)
        name = str(each.get("name"))
        if name in seen:
            yield f"{name} is listed twice in {stage}."
        seen.add(name)
    for name, given in spaces.items():
        yield from _problems_of_space(stage, name, given, {str(each.get("space")) for each in domains})


def _problems_of_domain(stage: str, domain: Mapping[str, Any]) -> Iterator[str]:
    name = domain.get("name")
    if not isinstance(name, str) or not is_host(name):
        yield (
            f"{name!r} of {stage} is no host name as certificates have it: in lower case, without scheme, port, path"
            " and final dot, and of other letters the xn-- form."
        )
    yield from (f"{name} has {key!r}, which means nothing." for key in domain if key not in _OF_A_DOMAIN)
    space = domain.get("space")
    if "space" in domain and not (isinstance(space, str) and SPACE.fullmatch(space)):
        yield f"{name} has the space {space!r}: its name is of a-z, 0-9 and -, 32 at the most; leave it out for none."
    if not isinstance(domain.get("retired", False), bool):
        yield f'{name} has "retired": {domain["retired"]!r}, which is neither true nor false.'
    certificate = domain.get("certificate", "")
    yield from (
        f"{name} has the {each} {domain[each]!r}, which is no text."
        for each in ("certificate", "regionalCertificate")
        if not isinstance(domain.get(each, ""), str)
    )
    if not isinstance(certificate, str):
        return
    if stage != "local" and not certificate:
        retired = " also while it is retired, to answer 404" if domain.get("retired") else ""
        yield f"{name} has no certificate, which AWS needs of every domain{retired}: an ARN of ACM in us-east-1."


def _problems_of_space(stage: str, name: str, given: Mapping[str, Any], led_to: set[str]) -> Iterator[str]:
    if not SPACE.fullmatch(name):
        yield f"The space {name!r} of {stage} has no such name: it is of a-z, 0-9 and -, 32 at the most."
    elif name not in led_to:
        yield f'The space {name!r} of {stage} has settings, and no domain has "space": "{name}".'
    yield from (f"The space {name!r} of {stage} has {key!r}, which means nothing." for key in given if key != "anyCase")
    if not isinstance(given.get("anyCase", False), bool):
        yield f'The space {name!r} of {stage} has "anyCase": {given["anyCase"]!r}, which is neither true nor false.'
