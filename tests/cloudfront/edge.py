"""The edge: which behaviour a request meets, what is kept, and when an origin is asked."""

from __future__ import annotations

import http.client
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from tests.cloudfront import forwarding, viewer_function
from tests.cloudfront.intrinsics import require
from tests.cloudfront.messages import Answer, Forwarded, Origin, Refused, Request
from tests.cloudfront.template import ERRORS_KEPT, Behaviour, Deployed, Policy, TemplateOrigin
from tests.cloudfront.viewer_function import Functions

_LONGEST_URL, _LONGEST_REQUEST = 8192, 32_768
_ATTEMPTS = 3
_ERRORS_KEPT_ALWAYS = {404, 405, 410, 414, 500, 501, 502, 503, 504}
"""Others are kept if they say for how long."""
_ERRORS_WITH_NO_STORE = {404, 410, 414, 501}
"""Those that are not kept if they say so."""


def _seconds_kept(answer: Answer, policy: Policy, errors: Mapping[int, float]) -> float:
    """Return for how long an answer is kept: as the origin says, within the limits of the policy."""
    least, usual, most = policy.times
    said = ",".join(value for name, value in answer.headers if name.lower() == "cache-control").lower()
    found = re.search(r"s-maxage=(\d+)", said) or re.search(r"max-age=(\d+)", said)
    is_private = re.search(r"no-store|no-cache|private", said) is not None
    if answer.status >= 400:
        if answer.status not in _ERRORS_KEPT_ALWAYS and (is_private or not found):
            return 0
        if answer.status in _ERRORS_WITH_NO_STORE and "no-store" in said:
            return 0
        least = errors.get(answer.status, ERRORS_KEPT)
        return max(least, min(most, float(found[1])) if found and not is_private else 0)
    if is_private:
        return least
    return min(most, max(least, float(found[1]) if found else usual))


class Edge:
    """A running stand-in."""

    def __init__(
        self,
        origins: Mapping[str, Origin],
        country: Callable[[str], str] | Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self.url = ""
        self.forwarded: list[Forwarded] = []
        """Every request to an origin, repeated ones too, in their order."""
        self.origins = origins
        """May be replaced while requests are on their way."""
        self._functions: Functions | None = None
        self._country = country if callable(country) else lambda address: country.get(address, "PT")
        self._clock = clock
        self._template: Mapping[str, Any] = {}
        self._values: Mapping[str, Any] = {}
        self._deployed: Deployed | None = None
        self._kept: dict[tuple[Any, ...], tuple[float, float, Answer]] = {}

    @property
    def template(self) -> Mapping[str, Any]:
        """The template that requests meet. Another one counts for requests that begin after it was set."""
        return self._template

    @template.setter
    def template(self, template: Mapping[str, Any]) -> None:
        self.deploy(template, self._values)

    def deploy(self, template: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Have requests meet another template with other values, at once. What is kept stays, as at CloudFront."""
        deployed = Deployed.of(template, values)
        require(deployed.origins.keys() <= self.origins.keys(), "Each origin of the template needs an address")
        for code in {each.function for each in deployed.behaviours} - {""}:
            self._running_functions().load(code)
        self._template, self._values, self._deployed = template, values, deployed

    def close(self) -> None:
        """End what runs the functions."""
        if self._functions is not None:
            self._functions.end()

    def _running_functions(self) -> Functions:
        if self._functions is None:
            program = shutil.which("node")
            if program is None:
                pytest.skip("NOT TESTED: the function of CloudFront. There is no node here.")
            self._functions = Functions(program)
        return self._functions

    def answer(self, request: Request) -> tuple[Answer, str]:
        """Return the answer to a request, and what X-Cache says of it."""
        deployed = self._deployed
        if deployed is None:
            raise Refused(503, "Nothing is deployed")
        self._check(request, deployed)
        behaviour = deployed.behaviour(request.path)
        if request.method not in behaviour.methods:
            raise Refused(403, f"This distribution is not configured to allow {request.method} at {behaviour.pattern}")
        if request.body and request.method == "GET":
            raise Refused(403, "A GET request has a body")
        own = forwarding.own_headers(request, self._country(request.address))
        headers = {name: values for name, values in request.headers.items() if not name.startswith("cloudfront-")}
        request = replace(request, headers=headers, own={name: own[name] for name in behaviour.listed & own.keys()})
        if behaviour.function:
            event = viewer_function.event_of(request)
            changed = viewer_function.after(request, event, self._running_functions().run(behaviour.function, event))
            if isinstance(changed, Answer):
                return changed, "FunctionGeneratedResponse from cloudfront"
            request = changed
        return self._kept_or_asked(request, behaviour, deployed)

    def _check(self, request: Request, deployed: Deployed) -> None:
        """Refuse what no behaviour is asked for."""
        host = ",".join(request.headers.get("host", ()))
        if not deployed.knows(host.partition(":")[0].lower()):
            raise Refused(403, f"No distribution has the host {host}")
        url = f"https://{host}{request.path}?{request.query}"
        whole = sum(len(name) + len(value) + 4 for name, values in request.headers.items() for value in values)
        if len(url) > _LONGEST_URL or len(url) + whole > _LONGEST_REQUEST:
            raise Refused(413, "The request is too long")

    def _kept_or_asked(self, request: Request, behaviour: Behaviour, deployed: Deployed) -> tuple[Answer, str]:
        is_kept = request.method in {"GET", "HEAD"}
        key = forwarding.key_of(request, behaviour)
        if is_kept and (found := self._kept.get(key)) and found[1] > self._clock():
            answer = found[2]
            age = ("age", str(int(self._clock() - found[0])))
            return replace(answer, headers=[*answer.headers, age]), _cached("Hit", answer)
        answer = self._asked(request, behaviour, deployed.origins[behaviour.origin])
        seconds = _seconds_kept(answer, behaviour.cache, deployed.errors)
        if is_kept and request.method == "GET" and seconds > 0:
            self._kept[key] = self._clock(), self._clock() + seconds, answer
        return answer, _cached("Miss", answer)

    def _asked(self, request: Request, behaviour: Behaviour, origin: TemplateOrigin) -> Answer:
        """Ask an origin: three times at most, what can be repeated."""
        if origin.is_signed and request.body and "x-amz-content-sha256" not in request.headers:
            raise Refused(403, "The origin cannot check a signature of a body without x-amz-content-sha256")
        real = self.origins[behaviour.origin]
        prefix = origin.path if real.path_prefix is None else real.path_prefix
        query = forwarding.query_of(request, lambda name: behaviour.takes("query", name))
        path = quote(forwarding.bytes_of(prefix + request.path + (f"?{query}" if query else "")), safe=_PRINTABLE)
        headers = forwarding.sent_headers(request, behaviour, origin, real)
        joined = {name: ", ".join(values) for name, values in headers.items()}
        sent = Forwarded(behaviour.pattern, behaviour.origin, request.method, path, joined)
        failure: Exception = OSError()
        for _ in range(_ATTEMPTS if request.method in {"GET", "HEAD"} else 1):
            self.forwarded.append(sent)
            try:
                answer = forwarding.exchange(real, sent, headers, request.body)
            except (OSError, http.client.HTTPException) as error:
                failure = error
            else:
                takes_cookies = {behaviour.cache.cookies.behaviour, behaviour.request.cookies.behaviour} != {"none"}
                kept = [each for each in answer.headers if takes_cookies or each[0].lower() != "set-cookie"]
                return replace(answer, headers=kept)
        status = 504 if isinstance(failure, TimeoutError) else 502
        return Refused(status, f"The origin {behaviour.origin} does not answer: {failure}").page


_PRINTABLE = "".join(map(chr, range(33, 127)))


def _cached(word: str, answer: Answer) -> str:
    return f"{'Error' if answer.status >= 400 else word} from cloudfront"
