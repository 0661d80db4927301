"""A program with the client that openapi-python-client generates: links, statistics, an import, errors.

Takes the address of the API, with /v1, and a key from API and KEY; prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime

import httpx
from shortener import AuthenticatedClient
from shortener.api.imports import get_import, start_import
from shortener.api.links import create_link, get_link, list_links, update_link
from shortener.api.statistics import get_link_statistics, get_statistics
from shortener.models import (
    Device,
    Import,
    ImportState,
    Link,
    LinkChange,
    LinkPage,
    LinkStatistics,
    NewConditions,
    NewConditionsQueryType0,
    NewImport,
    NewLink,
    NewRule,
    OnTaken,
    OwnerStatistics,
    Problem,
    StartedImport,
    UploadFields,
)
from shortener.types import UNSET, Unset

client = AuthenticatedClient(base_url=os.environ["API"], token=os.environ["KEY"])


def create() -> dict[str, object]:
    """Create a link with tags, an end and a rule."""
    query = NewConditionsQueryType0()
    query["ref"], query["preview"] = ["news"], True
    rule = NewRule(url="https://example.com/app", if_=NewConditions(device=Device.IOS, query=query))
    new = NewLink(
        url="https://example.com/spring",
        alias=os.environ["ALIAS"],
        tags=["sale", "spring"],
        expires_at=datetime(2099, 12, 31, 23, 59, tzinfo=UTC),
        rules=[rule],
    )
    link = create_link.sync(client=client, body=new)
    assert isinstance(link, Link)
    assert link.expires_at is not None
    return {
        "code": link.code,
        "tags": link.tags,
        "expiresAt": link.expires_at.isoformat(),
        "rules": [each.url for each in link.rules],
    }


def list_all() -> list[str]:
    """List the codes of all links, two on a page."""
    codes: list[str] = []
    cursor: str | Unset = UNSET
    while True:
        page = list_links.sync(client=client, limit=2, cursor=cursor)
        assert isinstance(page, LinkPage)
        codes += [link.code for link in page.data]
        if page.next_ is None:
            return codes
        cursor = page.next_


def patch() -> dict[str, object]:
    """Give the link a title, and no end; what is not in the change stays."""
    change = LinkChange(title="Spring sale", expires_at=None)
    link = update_link.sync(os.environ["ALIAS"], client=client, body=change)
    assert isinstance(link, Link)
    return {"title": link.title, "expiresAt": link.expires_at, "tags": link.tags}


def statistics() -> dict[str, object]:
    """Read how often one link was visited, and all of them."""
    of_link = get_link_statistics.sync(os.environ["VISITED"], client=client)
    of_all = get_statistics.sync(client=client)
    assert isinstance(of_link, LinkStatistics)
    assert isinstance(of_all, OwnerStatistics)
    return {
        "humans": of_link.total.humans,
        "days": len(of_link.series),
        "all": of_all.total.visits,
        "links": [each.name for each in of_all.links],
    }


def import_file() -> dict[str, object]:
    """Send a file of two links to the storage, and wait until it is imported."""
    started = start_import.sync(client=client, body=NewImport(on_taken=OnTaken.RENAME))
    assert isinstance(started, StartedImport)
    fields: UploadFields = started.upload.fields
    file = {"file": "url\nhttps://example.com/one\nhttps://example.com/two\n"}
    httpx.post(started.upload.url, data=fields.to_dict(), files=file).raise_for_status()
    while True:
        found = get_import.sync(started.id, client=client)
        assert isinstance(found, Import)
        if found.state in {ImportState.DONE, ImportState.FAILED}:
            return {"state": found.state, "created": found.created, "refused": found.refused}
        time.sleep(0.2)


def problems() -> list[object]:
    """Ask for a link that is not there, and for one that cannot be."""
    missing = get_link.sync("missing", client=client)
    invalid = create_link.sync(client=client, body=NewLink(url="ftp://example.com"))
    assert isinstance(missing, Problem)
    assert isinstance(invalid, Problem)
    assert not isinstance(invalid.errors, Unset)
    return [missing.code, invalid.code, [[each.field, each.code] for each in invalid.errors]]


print(
    json.dumps(
        {
            "created": create(),
            "listed": list_all(),
            "patched": patch(),
            "statistics": statistics(),
            "imported": import_file(),
            "problems": problems(),
        }
    )
)
