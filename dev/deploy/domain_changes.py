"""What a deployment would change for visitors of domains: refused where links would lead elsewhere, or nowhere.

A link is found by the space that its host leads to, and by its code. So what is compared is where each host leads, by
the template that is deployed and by the new one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any

from chalicelib.core.domains import Domain, Domains, without_port
from dev.deploy import front_changes
from dev.deploy.domains import Host
from dev.deploy.stack import Cloud, Revision, Say, Template, translating_errors

_QUIET_SECONDS = 2.0  # of a scan, before it is told
_SOME_URL = "https://short.invalid"


def setting(template: Template) -> str:
    """Return the setting DOMAINS of a template. Empty: all hosts lead to the default's links."""
    properties = template["Resources"].get("APIHandler", {}).get("Properties", {})
    found: str = properties.get("Environment", {}).get("Variables", {}).get("DOMAINS", "")
    return found


def refusals(
    before: Revision, after: Revision, has_links: Callable[[str], bool], may_go: Collection[str]
) -> Iterator[str]:
    """Yield a sentence for each change of hosts that links would be lost by.

    ``has_links`` tells whether a space has any; ``may_go`` are the logical ids of domain names that may change.
    """
    was, becomes = _hosts(before), _hosts(after)
    elsewhere = _host_of(before.parameters.get("BaseUrl", ""))  # another CDN may have its name
    if elsewhere in becomes:
        was = {elsewhere: Domain(elsewhere, ""), **was}
    for host, domain in was.items():
        how = _how_lost(domain, becomes.get(host))
        if how and Host(host).logical_id not in may_go and has_links(domain.space):
            yield f"  {host} would {how} If it may really be: MAY_REPLACE={host}"
    for space in sorted(_spaces(was) & _spaces(becomes)):
        hosts = [host for host, domain in {**was, **becomes}.items() if domain.space == space]
        ignores = _ignores_case(becomes, space)
        if ignores == _ignores_case(was, space) or any(Host(host).logical_id in may_go for host in hosts):
            continue
        if has_links(space):
            yield (
                f"  Codes of the space {space} would ignore case{'' if ignores else ' no more'}, and some of its links"
                f" would not be found. If it may really be: MAY_REPLACE={hosts[0]}"
            )


def links_of(cloud: Cloud, deployed: Template, say: Say) -> Callable[[str], bool]:
    """Return a function that tells whether a space of the stack has links. It may raise ``StackFailed``."""

    @cache
    def has_links(space: str) -> bool:
        table: str = deployed["Resources"]["LinksTable"]["Properties"]["TableName"]
        dynamodb = cloud.client("dynamodb")
        with translating_errors():
            return _space_has_links(dynamodb, table, space) if space else _default_has_links(dynamodb, table, say)

    return has_links


def _space_has_links(dynamodb: Any, table: str, space: str) -> bool:
    found = dynamodb.query(
        TableName=table,
        IndexName="bySpace",
        KeyConditionExpression="#space = :space",
        ExpressionAttributeNames={"#space": "space"},
        ExpressionAttributeValues={":space": {"S": space}},
        Limit=1,
    )
    return bool(found["Items"])


def _default_has_links(dynamodb: Any, table: str, say: Say) -> bool:
    """Look through the table as far as the first link of the default space: it takes long only where those are rare."""
    started, looked_at, is_told = time.monotonic(), 0, False
    pages = dynamodb.get_paginator("scan").paginate(
        TableName=table,
        ProjectionExpression="code",
        FilterExpression="attribute_exists(originalUrl) AND NOT begins_with(code, :of_a_space)",
        ExpressionAttributeValues={":of_a_space": {"S": "//"}},
    )
    for page in pages:
        looked_at += page["ScannedCount"]
        if page["Items"]:
            return True
        if not is_told and time.monotonic() - started > _QUIET_SECONDS:
            say(f"Looking for a link of the default domain, which none of the first {looked_at:,} items is ...")
            is_told = True
    return False


def _how_lost(was: Domain, becomes: Domain | None) -> str:
    """Return how a host would lose links, or nothing."""
    if becomes is None:
        return "" if was.is_retired else 'be removed, and its links with it: retire it instead ("retired": true).'
    if becomes.space == was.space:
        return ""
    return f"lead to {_called(becomes.space)}, and its printed addresses are those of links of {_called(was.space)}."


def _called(space: str) -> str:
    return f"the space {space}" if space else "the default's links"


def _host_of(address: str) -> str:
    return without_port(address.partition("://")[2].partition("/")[0])


def _hosts(revision: Revision) -> Mapping[str, Domain]:
    """Return where the hosts of a revision lead."""
    names = front_changes.places_of_names(revision.template)
    return {**{name: Domain(name, "") for name in names}, **_listed(revision.template)}


def _listed(template: Template) -> Mapping[str, Domain]:
    return dict(Domains.from_text(setting(template), _SOME_URL).listed)


def _spaces(hosts: Mapping[str, Domain]) -> set[str]:
    return {each.space for each in hosts.values() if each.space}


def _ignores_case(hosts: Mapping[str, Domain], space: str) -> bool:
    return any(each.any_case for each in hosts.values() if each.space == space)
