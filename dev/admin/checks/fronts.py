"""What is asked of each front alike: encoded paths, forged headers, guesses, HEAD, and a foreign Host."""

from __future__ import annotations

import http.client
import shlex
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic, time
from urllib.parse import parse_qs, unquote, urlsplit

from chalicelib.core.domains import Domains
from dev.admin.checks.check import Answer, NotHereError, NotRunError
from dev.admin.checks.stage import FRONT, TARGET, URL, Reply, Stage

FOUND, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 302, 401, 403, 404
SENT = ("a+b", "a%2Bb", "a%20b", "a%2Fb", "a%252Fb", "a%25b", "%C3%BC", "a(b", "a)b", "a!b", "a'b", "a*b")
"""Encoded once and twice, and what a signature may encode otherwise than a visitor did."""
COUNTRY = "CloudFront-Viewer-Country"
NOWHERE = "ZZ"  # never assigned to a country
_ID = "00000000-0000-4000-8000-000000000000"
TIME_IN_CURL = "AT=$(date +%s)000"
"""Comes before ``FORGED_IN_CURL``: two requests with the same forged id and time, believed, would be one visit."""
FORGED_IN_CURL = (
    "-H 'X-Forwarded-For: 203.0.113.7' -H 'CloudFront-Viewer-Country: ZZ' -H \"X-Front-Host: $OTHER\""
    f' -H "X-Front: address=203.0.113.7&id={_ID}&at=$AT" -H "X-Front-Secret: forged"'
)
VISITS_IN_CURL = 'curl -s "$API/v1/links/$CODE/visits" -H "X-Api-Key: $KEY"'
SIGNED_IN_CURL = '--aws-sigv4 "aws:amz:$REGION:lambda" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"'
_LET_THROUGH, _MINUTE = 5, 60  # guesses of an address, seconds
_TRIES = 2 * _LET_THROUGH + 1  # within a minute they touch two at the most. At 15 the link refuses whatever the address
_ROUNDS = 2
GUESSES = _ROUNDS * (_TRIES + 1)
"""How many requests ``guesses_at`` makes at the most, with its links."""
_OK, _TOO_MANY, _FAILED = 200, 429, 500

Send = Callable[[str, str, Mapping[str, str], bytes | None], Reply]


def encoded_in_curl(address: str) -> str:
    """Return the command of the checks of ``encoding_at``."""
    sent = " ".join(f'"{each}"' if "'" in each else shlex.quote(each) for each in SENT)
    return (
        f"for P in {sent}; do"
        f' curl -si "{address}/$CODE/$P?q=$P" | grep -i -e ^HTTP -e ^location; done\n'
        f'curl -si "{address}/$CODE+" -H "Accept: application/json"'
    )


def guesses_in_curl(address: str, options: str = "") -> str:
    """Return the command of the checks of ``guesses_at``."""
    return (
        f'for N in 1 2 3 4 5 6 7 8 9 10 11; do curl -s -o /dev/null -w "%{{http_code}} " "{address}/$LOCKED"{options}'
        ' -d password=wrong -H "X-Forwarded-For: 203.0.113.$N" -H "X-Front: address=203.0.113.$N&id=forged-$N"'
        ' -H "X-Front-Secret: forged"; done'
    )


def forged(host: str | None = None) -> dict[str, str]:
    """Return headers that only the distribution may write; ``host``: one where the links of the checks are not."""
    claims = _claims("203.0.113.7", f"id={_ID}&at={int(time() * 1000)}")
    return {**claims, COUNTRY: NOWHERE, "X-Front-Host": host or "forged.example"}


def _claims(address: str, facts: str) -> dict[str, str]:
    """Return headers that claim to come from an address by way of the distribution."""
    return {
        "X-Forwarded-For": address,
        "CloudFront-Viewer-Address": f"{address}:443",
        "X-Front": f"address={address}&{facts}",
        "X-Front-Secret": "forged",
    }


def address_of(stage: Stage, origin: str) -> str:
    """Return the address of an origin.

    Raises:
        NotHereError: the stage does not have it.
    """
    found = stage.address(origin)
    if found is None:
        raise NotHereError(f"The front of this stage is {stage.front}.")
    return found


def sender(stage: Stage, origin: str) -> Send:
    """Return what sends method, path, headers and body to an origin, signed where it takes nothing else."""
    address = address_of(stage, origin)
    if origin == URL:
        return stage.signed
    return lambda method, path, headers, body: stage.request(address, method, path, headers, body)


def encoding_at(origin: str) -> Callable[[Stage], Answer]:
    """Return a check of what arrives of encoded paths and queries, and of the plus that asks for a preview."""

    def ask(stage: Stage) -> Answer:
        send = sender(stage, origin)
        code = stage.link(forwardPath=True, forwardQuery=True)
        seen, wrong = [], []
        for sent in SENT:
            reply = send("GET", f"/{code}/{sent}?q={sent}", {}, None)
            seen.append(f"{sent} -> {_short(reply)}")
            if not arrived(sent, reply.location):
                wrong.append(sent)
        preview = send("GET", f"/{code}+", {"Accept": "application/json"}, None)
        seen.append(f"preview -> status {preview.status}")
        if preview.status != _OK or TARGET.encode() not in preview.body:
            wrong.append("preview")
        return Answer(not wrong, "; ".join(seen) + (f"; lost: {', '.join(wrong)}" if wrong else ""))

    return ask


def arrived(sent: str, location: str | None) -> bool:
    """Tell whether a path and a query mean the same in ``location`` as where they were ``sent``.

    A gateway may decode a path before it hands it on, so a slash that was encoded may be one that is not.
    """
    parts = urlsplit(location or "")
    path = parts.path.removeprefix(urlsplit(TARGET).path + "/")
    return unquote(path) == unquote(sent) and parse_qs(parts.query) == parse_qs(f"q={sent}")


def _short(reply: Reply) -> str:
    return (reply.location or f"status {reply.status}").removeprefix(TARGET)


def forged_at(origin: str) -> Callable[[Stage], Answer]:
    """Return a check that headers which anybody can write are not believed: neither country, host, address nor id.

    Both requests have the same forged id and time: believed, they would be one visit.
    """

    def ask(stage: Stage) -> Answer:
        send = sender(stage, origin)
        another = _other_host(stage)
        code = stage.link()
        headers = forged(another)
        replies = [send("GET", f"/{code}", headers, None) for _ in range(2)]
        _require_answers(origin, [reply.status for reply in replies])
        countries = countries_of(stage, code, replies)
        is_expected = all(reply.location == TARGET for reply in replies) and len(countries) == len(replies)
        is_expected = is_expected and NOWHERE not in countries
        is_expected = is_expected and (origin != FRONT or None not in countries)
        host = (
            "the host of another domain was forged"
            if another
            else "a host could not be tried: all of this stage lead to the default's links"
        )
        return Answer(is_expected, f"{summary(replies, countries)}; {host}")

    return ask


def _other_host(stage: Stage) -> str | None:
    """Return a host of the stage where the links of the checks are not: a retired one, else one with its own links."""
    live = stage.client("lambda").get_function_configuration(FunctionName=stage.function("redirect"), Qualifier="live")
    variables: dict[str, str] = live.get("Environment", {}).get("Variables", {})
    listed = Domains.from_text(variables.get("DOMAINS", ""), variables.get("BASE_URL", "")).listed
    return next(iter(sorted(listed, key=lambda host: not listed[host].is_retired)), None)


def _require_answers(origin: str, statuses: Sequence[int]) -> None:
    """Let nothing be concluded from what did not come to be judged."""
    if origin == URL and statuses[0] == FORBIDDEN:
        raise NotRunError(
            "The function URL was answered 403: these credentials need lambda:InvokeFunctionUrl and"
            " lambda:InvokeFunction on its alias."
        )
    if failed := [each for each in statuses if each >= _FAILED]:
        raise NotRunError(f"A request was answered {failed[0]}.")


def countries_of(stage: Stage, code: str, replies: Sequence[Reply]) -> list[str | None]:
    """Return the countries of the visits that requests were; nothing is waited for where none was led on."""
    if any(reply.status != FOUND for reply in replies):
        return []
    return [each["country"] for each in stage.visits(code, len(replies))]


def summary(replies: Sequence[Reply], countries: Sequence[str | None]) -> str:
    """Return what the report says of visits."""
    statuses = ", ".join(str(reply.status) for reply in replies)
    return f"status {statuses}; {len(countries)} visits, country {', '.join(map(str, countries)) or 'unknown'}"


def guesses_at(origin: str, prefix: str = "") -> Callable[[Stage], Answer]:
    """Return a check that guesses of a password are counted by the real address, whichever a header names."""

    def ask(stage: Stage) -> Answer:
        send = sender(stage, origin)
        for _ in range(_ROUNDS):
            code = stage.link(password="not to be guessed")  # noqa: S106  # of a link that leads to example.com
            began = monotonic()
            statuses = list(_guesses(send, f"{prefix}/{code}"))
            seconds = monotonic() - began
            seen = f"statuses {', '.join(map(str, statuses))}"
            _require_answers(origin, statuses)
            if statuses[0] in {FORBIDDEN, NOT_FOUND}:
                raise NotRunError(f"POST {prefix}/<code> was answered {statuses[0]}: forms have another path here.")
            if statuses[-1] == _TOO_MANY and len(statuses) <= _LET_THROUGH:
                raise NotRunError(f"{seen}: something else refuses them, for {_LET_THROUGH} are let through.")
            if statuses[-1] != UNAUTHORIZED or seconds < _MINUTE:
                return Answer(statuses[-1] == _TOO_MANY, seen)
            stage.say(f"    {_TRIES} guesses took {seconds:.0f} s")
        raise NotRunError(f"{_TRIES} guesses took {seconds:.0f} s: each minute lets {_LET_THROUGH} of them through.")

    return ask


def _guesses(send: Send, path: str) -> Iterator[int]:
    for number in range(1, _TRIES + 1):
        claims = _claims(f"203.0.113.{number}", f"id=forged-{number}")
        headers = {**claims, "Content-Type": "application/x-www-form-urlencoded"}
        status = send("POST", path, headers, b"password=wrong").status
        yield status
        if status != UNAUTHORIZED:
            return


def heads_at(origin: str) -> Callable[[Stage], Answer]:
    """Return a check that HEAD has an end: a second request on the same connection is answered."""

    def ask(stage: Stage) -> Answer:
        address = address_of(stage, origin)
        code = stage.link()
        if stage.is_local:  # it has no TLS, and knows its distributions and function URLs by their Host alone
            reply = stage.request(address, "HEAD", f"/{code}")
            return Answer(reply.status == FOUND and not reply.body, f"status {reply.status}")
        parts = urlsplit(address)
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.netloc, timeout=30, context=context)
        seen, statuses = [], []
        try:
            for method in ("HEAD", "GET"):
                connection.request(method, f"{parts.path}/{code}", headers={"User-Agent": "shortener-verify"})
                response = connection.getresponse()
                response.read()
                length = response.headers.get("Content-Length")
                seen.append(f"{method} {response.status}, Content-Length {length}")
                statuses.append(response.status)
        finally:
            connection.close()
        return Answer(statuses == [FOUND, FOUND], "; ".join(seen))

    return ask


def foreign_host(origin: str) -> Callable[[Stage], Answer]:
    """Return a check that an origin refuses a Host that is not its own."""

    def ask(stage: Stage) -> Answer:
        send = sender(stage, origin)
        status = send("GET", f"/{stage.link()}", {"Host": "forged.example"}, None).status
        return Answer(status == FORBIDDEN, f"status {status}")

    return ask
