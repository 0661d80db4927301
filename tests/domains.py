"""Several domains in tests, or a distribution in front: the settings, and requests for a host.

API Gateway says which host was asked for in `requestContext.domainName`. Neither Chalice's test client nor the local
AWS does: here it is filled in from the header Host.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import sys
from hashlib import sha256
from typing import Any

import pytest
from chalice.local import LocalGateway

import chalicelib
from chalicelib import settings as module
from chalicelib.core.domains import Domains
from chalicelib.settings import Settings

FRONT_SECRET = "the secret of the distribution in front"


def with_domains(patch: pytest.MonkeyPatch, text: str, others: frozenset[str] = frozenset()) -> Settings:
    """Give the service the domains of ``text``, and ``others`` of the default one, and return its settings."""
    before = module.settings
    domains = Domains.from_text(text, before.base_url, others)
    return with_settings(patch, domains=domains, own_hosts=before.own_hosts | domains.listed.keys() | others)


def with_front(patch: pytest.MonkeyPatch) -> Settings:
    """Give the service a distribution of its own in front, and return its settings."""
    return with_settings(patch, front_secrets=frozenset({sha256(FRONT_SECRET.encode()).hexdigest()}))


def with_settings(patch: pytest.MonkeyPatch, **changes: Any) -> Settings:
    """Change the settings in each module that has them, and return them."""
    for each in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        importlib.import_module(each.name)  # one that is imported only now and then would keep these settings for good
    before = module.settings
    after = dataclasses.replace(before, **changes)
    for name, loaded in list(sys.modules.items()):
        if name.startswith("chalicelib.") and getattr(loaded, "settings", None) is before:
            patch.setattr(loaded, "settings", after)
    return after


def with_hosts(patch: pytest.MonkeyPatch) -> None:
    """Let test clients name the host that they ask for in the header Host."""
    generate: Any = LocalGateway._generate_lambda_event  # noqa: SLF001  # Chalice has no hook for the event

    def with_domain_name(gateway: Any, method: str, path: str, headers: dict[str, str], body: Any) -> dict[str, Any]:
        event: dict[str, Any] = generate(gateway, method, path, headers, body)
        host = next((value for name, value in headers.items() if name.lower() == "host"), None)
        if host is not None:
            event["requestContext"]["domainName"] = host
        return event

    patch.setattr(LocalGateway, "_generate_lambda_event", with_domain_name)
