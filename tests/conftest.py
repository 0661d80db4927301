"""Fixtures of all tests. The environment is set before the service is imported, which creates AWS clients."""

from __future__ import annotations

import os

# Variables of the developer's shell must not affect the tests.
SETTINGS = (
    *("BASE_URL", "STAGE", "SERVICE", "LINKS_TABLE", "ACCESS_TABLE", "CLICKS_TABLE", "CLICKS_QUEUE_URL"),
    *(
        "FILES_BUCKET",
        "FILES_QUEUE_URL",
        "NIGHT_QUEUE_URL",
        "COUNTS_LOCAL_STREAM",
        "CLICK_RETENTION_DAYS",
        "TRUST_CLOUDFRONT",
        "FRONT_SECRETS",
        "PARTIAL_BATCH",
        "BACKGROUND_FUNCTION",
    ),
    *("OPEN_CREATE", "ANONYMOUS_PER_HOUR", "ANONYMOUS_PER_DAY", "ANONYMOUS_MAX_DAYS", "ANONYMOUS_MIN_ALIAS"),
    *("KEY_PER_MINUTE", "LINK_CACHE_SECONDS", "LINK_CACHE_SIZE", "UNKNOWN_CODE", "CODE_STYLE", "TARGET_HOSTS"),
    *("IMPORT_SHORT_LINKS", "OWN_HOSTS", "DOMAINS", "UNVERSIONED_UNTIL", "SECURITY_CONTACT", "SECURITY_POLICY"),
)
for name in [name for name in os.environ if name in SETTINGS or name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(
    {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "BASE_URL": "https://sho.rt",
        "CLICKS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/clicks",
        "FILES_BUCKET": "shortener-files",
        "FILES_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/files",
        "NIGHT_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/night",
        "PARTIAL_BATCH": "on",
        "STAGE": "local",
    }
)
for name in ("no_proxy", "NO_PROXY"):  # proxies are not for servers on this machine
    os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))

import moto  # noqa: F401, I001  # before clients are created, or they would call AWS

import gc
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import hypothesis
import pytest
from chalice.test import Client, TestHTTPClient as Http

import app as service
from tests.aws_in_memory import Prepared, in_memory
from tests import sizes
from tests.callers import Keyed, make_key
from tests.sizes import EXAMPLES


pytest_plugins = ["tests.reporting"]
# The same examples each time, so that runs do not differ; no deadline, because machines differ.
hypothesis.settings.register_profile(
    "suite",
    max_examples=EXAMPLES,
    derandomize=True,
    print_blob=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("suite")
_LONGEST_FIRST = (  # otherwise one process would still run one of them while the others are idle
    *("tests/e2e/test_kills.py", "tests/e2e/test_page.py", "tests/e2e/test_stack.py"),
    *("tests/exactly_once/test_exact.py", "tests/dev/deploy/test_package.py"),
    *("tests/exactly_once/test_links.py", "tests/e2e/test_schema.py", "tests/exactly_once/test_imports.py"),
    *("tests/api/test_openapi.py", "tests/e2e/", "tests/exactly_once/", "tests/test_stored_before.py"),
    *("tests/usecases/test_restored_table.py", "tests/api/"),
)


@pytest.hookimpl(trylast=True)  # Hypothesis marks its own tests in this hook too
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select the tests of `make test` or `make test-long`, the longest first."""
    kept = [item for item in items if is_chosen(item)]
    config.hook.pytest_deselected(items=[item for item in items if not is_chosen(item)])
    items[:] = sorted(kept, key=lambda item: place_of(item.nodeid))


def is_chosen(item: pytest.Item) -> bool:
    """Tell whether a test belongs to this run: in the long run, only tests that scale."""
    if sizes.IS_LONG:
        return any(item.get_closest_marker(name) for name in ("grows", "only_long", "hypothesis"))
    return item.get_closest_marker("only_long") is None


def place_of(nodeid: str) -> int:
    """Return the position of a test's file; tests of one file stay together."""
    places = (place for place, file in enumerate(_LONGEST_FIRST) if nodeid.startswith(file))
    return next(places, len(_LONGEST_FIRST))


def pytest_collection_finish() -> None:
    """Exempt the objects of the whole run from garbage collection, which would scan them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a digest of a password take no time; tests/core/links/test_password.py has the real ones, of 40 ms each."""

    def quick(data: bytes, salt: bytes, *parameters: int) -> bytes:
        return hashlib.sha256(repr((data, salt, parameters)).encode()).digest()

    monkeypatch.setattr("chalicelib.core.links.password.derive", quick)


@pytest.fixture
def aws() -> Iterator[None]:
    """DynamoDB, SQS and S3 in this process: the tables of resources.yaml, the queues and the bucket, all empty."""
    with in_memory():
        yield


@pytest.fixture
def prepared(aws: None) -> Prepared:  # noqa: ARG001  # the tables must be there first
    """Snapshots of tables that several tests start from."""
    return Prepared()


@pytest.fixture
def one_moment(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The service's clock, stopped: no minute, hour or day ends between two calls."""
    moment = datetime.now(UTC)
    monkeypatch.setattr("chalicelib.clock.now", lambda: moment)
    return moment


@pytest.fixture
def http(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Http]:  # noqa: ARG001  # the tables must be there first
    """The API, with its own tables. It looks up no name of a host."""
    monkeypatch.setattr("chalicelib.usecases.domain_state._is_known", lambda *_: False)
    with Client(service.app) as client:
        yield client.http


@pytest.fixture
def ann(http: Http) -> Keyed:
    """The API, called by an owner whose key has every scope but admin."""
    return Keyed(http, make_key("ann"))
