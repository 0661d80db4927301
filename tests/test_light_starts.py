"""What a function imports where somebody waits for its start."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.paths import ROOT

_PROGRAM = """
import datetime, json, sys
from chalicelib import redirect_app
from chalicelib.aws import link_cache
from chalicelib.core.link import Link
link_cache.learn(Link(code="x", url="https://example.com/"), datetime.datetime.now(datetime.UTC))
event = dict(
    requestContext=dict(httpMethod="GET", resourcePath="/{code}", identity=dict(sourceIp="192.0.2.1")),
    headers={}, pathParameters=dict(code="x"), multiValueQueryStringParameters=None, body=None, stageVariables=None,
)
answer = redirect_app.app(event, None)
heavy = {"boto3", "botocore", "ada_url", "chalicelib.authorize", "chalicelib.gate", "chalicelib.core.key",
         "chalicelib.report", "chalicelib.core.pages", "crawleruseragents", "ua_parser", "segno",
         "chalicelib.admit", "chalicelib.preview", "chalicelib.core.rules", "chalicelib.core.forwarding"}
loaded = heavy & set(sys.modules)
routes = sorted(redirect_app.app.routes)
print(json.dumps([answer["statusCode"], answer["headers"]["Location"], sorted(loaded), routes]))
"""


_PATHS = ["/{code}", *(f"/{{code}}/{path}" for path in ("{path1}", "{path1}/{path2}", "{path1}/{path2}/{path3}"))]


def test_it_follows_codes_and_knows_nothing_else() -> None:
    """No boto3, no keys, no statistics, no pages; one route. With AWS silent, a remembered link still leads on."""
    out = _run(_PROGRAM, CLICKS_QUEUE_URL="http://127.0.0.1:9/q")

    assert json.loads(out.splitlines()[-1]) == [302, "https://example.com/", [], _PATHS]
    assert '"spilled"' in out


def test_the_api_starts_without_what_few_calls_need() -> None:
    """Neither boto3 nor the URL parser, user agents or pages."""
    heavy = ["boto3", "botocore", "ada_url", "crawleruseragents", "ua_parser", "chalicelib.core.pages"]

    out = _run(f"import sys, app; print(sorted(set({heavy}) & set(sys.modules)))")

    assert out.strip() == "[]"


def _run(program: str, **environ: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "BASE_URL": "https://sho.rt",
        "AWS_CLIENT": "by-hand",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        **environ,
    }
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return ran.stdout
