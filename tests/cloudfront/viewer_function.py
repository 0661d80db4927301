"""The function for requests of visitors: what CloudFront shows it, how node runs it, and what may come out of it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tests.cloudfront.forwarding import parameters
from tests.cloudfront.intrinsics import require
from tests.cloudfront.messages import Answer, Headers, Refused, Request
from tests.cloudfront.template import DOMAIN

_HIDDEN = re.compile(
    r"connection|expect|keep-alive|proxy-(authenticate|authorization|connection)|trailer|upgrade|x-real-ip|x-cache"
    r"|x-accel-(buffering|charset|limit-rate|redirect)|x-amz-cf-.*|x-edge-.*|x-forwarded-proto"
    r"|x-amzn-(auth|cf-billing|cf-id|cf-xff|errortype|fle-profile|header-count|header-order|lambda-integration-tag"
    r"|requestid)"
)
"""Headers that a function neither sees nor may write."""
_READ_ONLY = ("content-length", "host", "transfer-encoding", "via")

_LOOP = """
const vm = require('vm');
const contexts = new Map();
function answer(asked) {
  if (asked.code !== undefined) {
    const context = vm.createContext({ console: { log: function () {} } });
    vm.runInContext(asked.code, context);
    contexts.set(asked.name, context);
    return null;
  }
  const context = contexts.get(asked.name);
  context.__event = JSON.stringify(asked.event);
  return vm.runInContext('handler(JSON.parse(__event))', context, { timeout: 2000 });
}
require('readline').createInterface({ input: process.stdin }).on('line', async function (line) {
  let told;
  try {
    const result = await answer(JSON.parse(line));
    told = { result: result === undefined ? null : result };
  } catch (error) {
    told = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(told) + '\\n');
});
"""


class Functions:
    """One node that runs the functions for requests, one after the other."""

    def __init__(self, program: str) -> None:
        self._node = subprocess.Popen(
            [program, "-e", _LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._one_at_a_time = threading.Lock()
        self._known: set[str] = set()

    def load(self, code: str) -> None:
        """Have a function ready, or say what is wrong with it."""
        name = hashlib.sha256(code.encode()).hexdigest()
        if name not in self._known:
            answer = self._ask({"name": name, "code": code})
            require("error" not in answer, f"CloudFront would not take this function: {answer.get('error')}")
            self._known.add(name)

    def run(self, code: str, event: Mapping[str, Any]) -> Any:
        """Return what a function makes of an event."""
        answer = self._ask({"name": hashlib.sha256(code.encode()).hexdigest(), "event": event})
        if "error" in answer:
            raise Refused(503, f"FunctionExecutionError: {answer['error']}")
        return answer["result"]

    def end(self) -> None:
        """End node, which stops when nothing can be asked any more."""
        with self._one_at_a_time:
            self._node.communicate()

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._node.stdin, self._node.stdout
        assert stdin is not None
        assert stdout is not None
        with self._one_at_a_time:
            try:
                stdin.write(json.dumps(question) + "\n")
                stdin.flush()
                return dict(json.loads(stdout.readline()))
            except (OSError, ValueError) as error:
                raise Refused(503, f"FunctionExecutionError: node has ended: {error}") from error


def event_of(request: Request) -> dict[str, Any]:
    """Return what a function gets: CloudFront's own headers too, but not those that it hides."""
    shown = {**request.headers, **request.own}
    shown = {name: values for name, values in shown.items() if name != "cookie" and not _HIDDEN.fullmatch(name)}
    return {
        "version": "1.0",
        "context": {
            "distributionDomainName": DOMAIN,
            "distributionId": "EDFDVBD6EXAMPLE",
            "eventType": "viewer-request",
            "requestId": request.id,
        },
        "viewer": {"ip": request.address},
        "request": {
            "method": request.method,
            "uri": request.path,
            "querystring": _fields((name, value) for name, value, _ in parameters(request.query)),
            "headers": {name: _field(values) for name, values in shown.items()},
            "cookies": _fields(request.cookies),
        },
    }


def _fields(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: Headers = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: _field(values) for name, values in found.items()}


def _field(values: list[str]) -> dict[str, Any]:
    several = {"multiValue": [{"value": each} for each in values]} if len(values) > 1 else {}
    return {"value": values[0], **several}


def _values(written: Mapping[str, Any]) -> list[str]:
    return [str(each["value"]) for each in written.get("multiValue") or [written]]


def after(request: Request, event: Mapping[str, Any], result: Any) -> Request | Answer:
    """Return the request as a function left it, or the answer that it gave."""
    if not isinstance(result, dict):
        raise Refused(502, "FunctionValidationError: neither a request nor a response")
    try:
        headers = {name: _values(field) for name, field in result.get("headers", {}).items()}
        if "statusCode" in result:
            return _answer_of(result, headers)
        given = event["request"]
        before = {name: _values(field) for name, field in given["headers"].items()}
        require(result["method"] == given["method"], "a function cannot change the method")
        require(all(name == name.lower() for name in headers), "names of headers are in lower case")
        require(not [name for name in headers if _HIDDEN.fullmatch(name)], "a header that no function may write")
        spoilt = [name for name, values in headers.items() if re.search(r"[\x00-\x1f\x7f]", "".join(values))]
        require(not spoilt, f"control characters in {spoilt}")
        require(all(headers.get(name) == before.get(name) for name in _READ_ONLY), "a header that can only be read")
        query = request.query
        if result["querystring"] != given["querystring"]:
            query = "&".join(f"{name}={each}" for name, one in result["querystring"].items() for each in _values(one))
        cookies = request.cookies
        if result["cookies"] != given["cookies"]:
            cookies = [(name, each) for name, one in result["cookies"].items() for each in _values(one)]
        path = str(result["uri"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refused(502, f"FunctionValidationError: {error}") from error
    hidden = {name: values for name, values in request.headers.items() if _HIDDEN.fullmatch(name)}
    return replace(request, headers={**hidden, **headers}, query=query, cookies=cookies, path=path)


def _answer_of(result: Mapping[str, Any], headers: Headers) -> Answer:
    cookies = [("set-cookie", f"{name}={each['value']}") for name, each in result.get("cookies", {}).items()]
    body = result.get("body", "")
    text = body if isinstance(body, str) else body["data"]
    sent = [(name, each) for name, values in headers.items() for each in values]
    return Answer(int(result["statusCode"]), sent + cookies, text.encode())
