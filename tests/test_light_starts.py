"""The imports of functions whose start clients wait for."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from tests.paths import ROOT

_PROGRAM = """
import datetime, json, sys
from chalicelib import redirect_lambda
from chalicelib.aws import link_cache
from chalicelib.core.links.link import Link
link_cache.put(Link(id="x", url="https://example.com/"), datetime.datetime.now(datetime.UTC))
event = dict(
    requestContext=dict(httpMethod="GET", resourcePath="/{code}", identity=dict(sourceIp="192.0.2.1")),
    headers={}, pathParameters=dict(code="x"), multiValueQueryStringParameters=None, body=None, stageVariables=None,
)
answer = redirect_lambda.app(event, None)
loaded = set(HEAVY) & set(sys.modules)
routes = sorted(redirect_lambda.app.routes)
print(json.dumps([answer["statusCode"], answer["headers"]["Location"], sorted(loaded), routes]))
ours = [name for name in sys.modules if name.split(".")[0] == "chalicelib"]
others = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"__main__", "_distutils_hack"}
print(json.dumps([len(ours), sorted(others)]))
"""
_OWN_MODULES = 56
"""How many of our modules a followed link loads. One more costs each cold start: it must be worth that."""


HEAVY = [
    *("boto3", "botocore", "ada_url", "crawleruseragents", "ua_parser", "segno"),
    *(
        "chalicelib.usecases.authenticate",
        "chalicelib.api.auth",
        "chalicelib.core.access.api_key",
        "chalicelib.usecases.read_statistics",
        "chalicelib.api.pages",
    ),
    *(
        "chalicelib.usecases.unlock_link",
        "chalicelib.usecases.preview_link",
        "chalicelib.core.links.rules",
        "chalicelib.core.links.forwarding",
    ),
]
_API_HEAVY = ["boto3", "botocore", "ada_url", "crawleruseragents", "ua_parser", "chalicelib.api.pages"]
_LINKS = ["/{code}", *(f"/{{code}}/{path}" for path in ("{path1}", "{path1}/{path2}", "{path1}/{path2}/{path3}"))]
_PATHS = [*(f"/.form{path}" for path in _LINKS), "/v1", *_LINKS]


@pytest.mark.parametrize("name", sorted({*HEAVY, *_API_HEAVY}))
def test_modules_that_must_not_load_exist(name: str) -> None:
    """Modules that must not be imported exist: after a rename their absence would prove nothing."""
    assert importlib.util.find_spec(name) is not None


def test_redirect_function_imports_nothing_else() -> None:
    """No boto3, keys, statistics or pages, and no library but three. Without AWS, a cached link still works."""
    out = _run(f"HEAVY = {HEAVY!r}\n{_PROGRAM}", CLICKS_QUEUE_URL="http://127.0.0.1:9/q")

    followed, loaded = (json.loads(line) for line in out.splitlines()[-2:])
    assert followed == [302, "https://example.com/", [], _PATHS]
    assert loaded == [_OWN_MODULES, ["chalice", "chalicelib", "shortid"]]
    assert '"spilled"' in out


def test_api_imports_no_modules_of_few_calls() -> None:
    """The API imports neither boto3 nor the URL parser, user agents or pages."""
    out = _run(f"import sys, app; print(sorted(set({_API_HEAVY}) & set(sys.modules)))")

    assert out.strip() == "[]"


def _run(program: str, **environ: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "BASE_URL": "https://sho.rt",
        "AWS_CLIENT": "http",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        **environ,
    }
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return ran.stdout
