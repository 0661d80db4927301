"""What a template asks of CloudFront: behaviours, policies, functions and origins, for the stand-in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.cloudfront.intrinsics import Template, require

DOMAIN = "d111111abcdef8.cloudfront.net"
"""The distribution's own name. Requests to the address of the stand-in itself are taken for requests to it."""
CACHING_DISABLED, ALL_BUT_HOST = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""The managed policies CachingDisabled and AllViewerExceptHostHeader."""

OWN_HEADERS = frozenset(
    {
        *(f"cloudfront-is-{device}-viewer" for device in ("mobile", "tablet", "desktop", "smarttv")),
        *("cloudfront-viewer-country", "cloudfront-viewer-address", "cloudfront-viewer-http-version"),
        "cloudfront-forwarded-proto",
    }
)
"""What CloudFront can say of a visitor, as far as the stand-in knows it."""
_MOST_LISTED, _LARGEST_FUNCTION = 10, 10 * 1024
_METHODS = (
    {"GET", "HEAD"},
    {"GET", "HEAD", "OPTIONS"},
    {"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"},
)
_NOT_MODELLED = {
    *("ForwardedValues", "LambdaFunctionAssociations", "ResponseHeadersPolicyId", "TrustedKeyGroups", "TrustedSigners"),
    *("FieldLevelEncryptionId", "RealtimeLogConfigArn", "DefaultRootObject", "OriginGroups", "S3OriginConfig"),
    *("ContinuousDeploymentPolicyId", "ResponsePagePath", "ResponseCode"),
}
ERRORS_KEPT = 10.0
"""For how many seconds errors are kept, where the template says nothing."""
_ERRORS = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
"""What CustomErrorResponses may have."""


def behaviour_for(config: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """Return the behaviour of a DistributionConfig for a path, which may still have its query."""
    normalised = _normalised(path.partition("?")[0])
    for behaviour in config.get("CacheBehaviors", ()):
        if _matches(behaviour["PathPattern"], normalised):
            return dict(behaviour)
    return {"PathPattern": "*", **config["DefaultCacheBehavior"]}


def _matches(pattern: str, path: str) -> bool:
    spelled = re.escape(pattern if pattern.startswith(("/", "*")) else f"/{pattern}")
    return re.fullmatch(spelled.replace(r"\*", ".*").replace(r"\?", "."), path, re.DOTALL) is not None


def _normalised(path: str) -> str:
    """Return a path without dot segments, repeated slashes and needless percent signs, as RFC 3986 has it."""

    def plain(found: re.Match[str]) -> str:
        letter = chr(int(found[1], 16))
        return letter if re.fullmatch(r"[A-Za-z0-9._~-]", letter) else found[0].upper()

    kept: list[str] = []
    segments = re.sub(r"/+", "/", re.sub("%([0-9A-Fa-f]{2})", plain, path)).split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return f"/{'/'.join(kept)}" + ("/" if segments[-1:] in (["."], [".."]) and kept else "")


@dataclass(frozen=True)
class _Choice:
    """A policy's choice among headers, cookies or parameters of the query."""

    behaviour: str = "none"
    listed: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        match self.behaviour:
            case "none":
                return False
            case "whitelist":
                return name in self.listed
            case "allExcept":
                return name not in self.listed
            case "all" | "allViewer" | "allViewerAndWhitelistCloudFront":
                return True
            case other:
                raise ValueError(f"CloudFront has no behaviour {other}")

    @property
    def names(self) -> tuple[str, ...]:
        """Return what is asked for by name."""
        return self.listed if self.behaviour in {"whitelist", "allViewerAndWhitelistCloudFront"} else ()


@dataclass(frozen=True)
class Policy:
    """An origin request policy, or what a cache policy has in its key."""

    headers: _Choice = _Choice()
    cookies: _Choice = _Choice()
    query: _Choice = _Choice()
    encodings: tuple[str, ...] = ()
    times: tuple[float, float, float] = (0, 0, 0)
    """Seconds: least, where the origin says nothing, most."""

    @classmethod
    def of(cls, config: Mapping[str, Any], about: str) -> Policy:
        """Return the policy of its JSON; ``about`` names it in errors."""
        headers = config["HeadersConfig"]
        listed = tuple(name.lower() for name in headers.get("Headers", ()))
        require(len(listed) <= _MOST_LISTED, f"{about} lists more than {_MOST_LISTED} headers")
        cookies, query = config["CookiesConfig"], config["QueryStringsConfig"]
        brought = [each for each in ("gzip", "br") if config.get(f"EnableAcceptEncoding{_ENCODINGS[each]}")]
        policy = cls(
            headers=_Choice(headers["HeaderBehavior"], listed),
            cookies=_Choice(cookies["CookieBehavior"], tuple(cookies.get("Cookies", ()))),
            query=_Choice(query["QueryStringBehavior"], tuple(query.get("QueryStrings", ()))),
            encodings=tuple(brought),
        )
        unknown = [name for name in policy.headers.names if name.startswith("cloudfront-") and name not in OWN_HEADERS]
        require(not unknown, f"{about} lists {unknown}, which the stand-in does not model")
        return policy

    @classmethod
    def of_cache(cls, config: Mapping[str, Any], about: str) -> Policy:
        """Return a cache policy."""
        policy = cls.of(config["ParametersInCacheKeyAndForwardedToOrigin"], about)
        least, usual, most = (float(config.get(name, 0)) for name in ("MinTTL", "DefaultTTL", "MaxTTL"))
        require(most > 0 or policy == Policy(), f"{about} caches nothing, so it can have nothing in its key")
        return replace(policy, times=(least, usual, most))

    @property
    def most(self) -> float:
        """Return for how many seconds something is kept at most."""
        return self.times[2]


_ENCODINGS = {"gzip": "Gzip", "br": "Brotli"}
_MANAGED_CACHE = {CACHING_DISABLED: Policy()}
_MANAGED_REQUEST = {ALL_BUT_HOST: Policy(_Choice("allExcept", ("host",)), _Choice("all"), _Choice("all"))}


@dataclass(frozen=True)
class Behaviour:
    """What is done with the requests of a path pattern."""

    pattern: str
    origin: str
    methods: frozenset[str]
    cache: Policy
    request: Policy
    function: str
    """The code of the function for requests of visitors; empty: there is none."""

    @property
    def listed(self) -> set[str]:
        """Return the headers that a policy asks for by name."""
        return {*self.cache.headers.names, *self.request.headers.names}

    def takes(self, kind: str, name: str) -> bool:
        """Tell whether a header, a cookie or a parameter is forwarded."""
        return name in getattr(self.cache, kind) or name in getattr(self.request, kind)


@dataclass(frozen=True)
class TemplateOrigin:
    """An origin as the template has it."""

    domain: str
    path: str
    headers: Mapping[str, str]
    is_signed: bool


@dataclass(frozen=True)
class Deployed:
    """What one template asks for. A request meets one of these from its beginning to its end."""

    config: Mapping[str, Any]
    behaviours: tuple[Behaviour, ...]
    """In the order of CacheBehaviors; the default is the last."""
    origins: Mapping[str, TemplateOrigin]
    aliases: frozenset[str]
    errors: Mapping[int, float]
    """For how many seconds an error is kept at least, where it is not ``ERRORS_KEPT``."""

    @classmethod
    def of(cls, template: Mapping[str, Any], values: Mapping[str, Any]) -> Deployed:
        """Read a template."""
        source = Template(template, values)
        config = source.resources("AWS::CloudFront::Distribution")["Distribution"]["DistributionConfig"]
        _modelled(config, "Distribution")
        default = {"PathPattern": "*", **source.read(config["DefaultCacheBehavior"])}
        behaviours = [*source.read(config.get("CacheBehaviors", [])), default]
        origins = {origin["Id"]: _origin(source, origin) for origin in config["Origins"]}
        read = _Reader(source, origins.keys())
        return cls(
            config={"CacheBehaviors": behaviours[:-1], "DefaultCacheBehavior": default},
            behaviours=tuple(map(read.behaviour, behaviours)),
            origins=origins,
            aliases=frozenset(alias.lower() for alias in source.read(config.get("Aliases", []))) | {DOMAIN},
            errors=_errors(source.read(config.get("CustomErrorResponses", []))),
        )

    def behaviour(self, path: str) -> Behaviour:
        """Return the behaviour for a path."""
        pattern = behaviour_for(self.config, path)["PathPattern"]
        return next(each for each in self.behaviours if each.pattern == pattern)

    def knows(self, host: str) -> bool:
        """Tell whether the distribution has a host, which may be below an alias with an asterisk."""
        return bool({host, f"*.{host.partition('.')[2]}"} & self.aliases)


def _errors(written: list[Mapping[str, Any]]) -> dict[int, float]:
    found: dict[int, float] = {}
    for each in written:
        code = each["ErrorCode"]
        _modelled(each, f"The error {code}")
        require(code in _ERRORS, f"CloudFront has no custom error {code}")
        require(code not in found, f"The error {code} is there twice")
        found[code] = float(each.get("ErrorCachingMinTTL", ERRORS_KEPT))
    return found


def _origin(source: Template, written: Mapping[str, Any]) -> TemplateOrigin:
    _modelled(written, "an origin")
    custom = source.read(written.get("OriginCustomHeaders", []))
    return TemplateOrigin(
        domain=str(source.read(written.get("DomainName", ""))),
        path=source.read(written.get("OriginPath", "")) or "",
        headers={each["HeaderName"].lower(): str(each["HeaderValue"]) for each in custom},
        is_signed=bool(source.read(written.get("OriginAccessControlId", ""))),
    )


class _Reader:
    """Reads behaviours, with the policies and functions that they name."""

    def __init__(self, source: Template, origins: Iterable[str]) -> None:
        self._origins = set(origins)
        self._cache, self._request = dict(_MANAGED_CACHE), dict(_MANAGED_REQUEST)
        for name, written in source.resources("AWS::CloudFront::CachePolicy").items():
            self._cache[name] = Policy.of_cache(source.read(written["CachePolicyConfig"]), name)
        for name, written in source.resources("AWS::CloudFront::OriginRequestPolicy").items():
            policy = self._request[name] = Policy.of(source.read(written["OriginRequestPolicyConfig"]), name)
            require("authorization" not in policy.headers.names, f"{name} cannot list Authorization")
        self._functions = {}
        for name, written in source.resources("AWS::CloudFront::Function").items():
            code = self._functions[name] = str(source.read(written["FunctionCode"]))
            require(len(code.encode()) <= _LARGEST_FUNCTION, f"{name} is larger than {_LARGEST_FUNCTION} bytes")

    def behaviour(self, written: Mapping[str, Any]) -> Behaviour:
        """Return a behaviour, without intrinsic functions."""
        pattern = written["PathPattern"]
        _modelled(written, pattern)
        methods = set(written.get("AllowedMethods", ("GET", "HEAD")))
        require(methods in _METHODS, f"{pattern}: CloudFront has no such set of methods: {sorted(methods)}")
        require(written["TargetOriginId"] in self._origins, f"{pattern}: no origin {written['TargetOriginId']}")
        functions = written.get("FunctionAssociations", [])
        require(all(each["EventType"] == "viewer-request" for each in functions), f"{pattern}: only viewer-request")
        require(len(functions) <= 1, f"{pattern}: one function for each event")
        names = [each["FunctionARN"].partition(".")[0] for each in functions]
        cache, request = written.get("CachePolicyId", ""), written.get("OriginRequestPolicyId", "")
        require(cache in self._cache, f"{pattern}: no cache policy {cache}")
        require(not request or request in self._request, f"{pattern}: no origin request policy {request}")
        return Behaviour(
            pattern=pattern,
            origin=written["TargetOriginId"],
            methods=frozenset(methods),
            cache=self._cache[cache],
            request=self._request[request] if request else Policy(),
            function="".join(self._functions[name] for name in names),
        )


def _modelled(written: Mapping[str, Any], about: str) -> None:
    beyond = {name for name in _NOT_MODELLED & written.keys() if written[name]}
    require(not beyond, f"{about} has {sorted(beyond)}, which the stand-in for CloudFront does not model")
