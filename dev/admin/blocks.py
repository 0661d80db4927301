"""``make block``, ``make unblock``, ``make blocked``: hosts that no link may lead to.

They need write access to the tables.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from dev.deploy import stages


def main() -> None:
    """Run the command of the first argument, in the stage of the second; every failure is one sentence."""
    command, stage, *arguments = sys.argv[1:]
    cloud, outputs = stages.find(stage or "local")
    # Before the service is imported: it reads the environment once, at import, and creates its clients.
    names = {"BASE_URL": "BaseUrl", "LINKS_TABLE": "LinksTable", "ACCESS_TABLE": "AccessTable"}
    os.environ.update({name: outputs[output] for name, output in names.items()})
    os.environ.update(CLICKS_TABLE=outputs["ClicksTable"], AWS_DEFAULT_REGION=cloud.region)
    from chalicelib.errors import StoreUnavailable

    commands: dict[str, Callable[..., None]] = {"block": block, "unblock": unblock, "list": show}
    try:
        commands[command](*arguments)
    except StoreUnavailable as failure:
        sys.exit(f"A table does not answer: {failure.__cause__}")


def block(name: str, reason: str) -> None:
    """Block a host and all names below it, and block the links that lead there."""
    from chalicelib.aws.dynamodb import blocked_host_store
    from chalicelib.aws.dynamodb.blocked_host_store import Blocked
    from chalicelib.core.links.link_fields import MAX_REASON

    host = _host(name)
    shown_reason = reason.strip() or f"it leads to {host}, which is blocked here"
    if len(shown_reason) > MAX_REASON:
        sys.exit(f"The reason is shown to visitors: please give at most {MAX_REASON} characters.")
    blocked = Blocked(host, shown_reason, datetime.now(UTC))
    blocked_host_store.add(blocked)
    print(f"{host} is blocked, with all names below it: no new link leads there.")
    _sweep({host: blocked})


def unblock(name: str) -> None:
    """Unblock a host, and the links that were blocked because of it."""
    from chalicelib.aws.dynamodb import blocked_host_store

    host = _host(name)
    if not blocked_host_store.remove(host):
        sys.exit(f"{host} is not blocked. make blocked lists those that are.")
    print(f"{host} is not blocked any more.")
    _sweep({host: None})


def show() -> None:
    """Print the blocked hosts."""
    from chalicelib.aws.dynamodb import blocked_host_store

    blocked = blocked_host_store.all_blocked()
    for each in blocked:
        print(f"{each.at:%Y-%m-%d}  {each.host}  {each.reason}")
    if not blocked:
        print("No host is blocked. make block HOST=evil.example.com REASON=... blocks one.")


def _sweep(just_changed: dict[str, Any]) -> None:
    from chalicelib.usecases.block_hosts import sweep

    print("Looking at all links ...", flush=True)
    swept = sweep(datetime.now(UTC), lambda: True, just_changed)
    print(
        f"Of {swept.scanned:,} links {swept.blocked:,} were stopped and {swept.unblocked:,} let go;"
        " containers that remember them follow within a minute."
    )


def _host(name: str) -> str:
    """Return the host of ``name``, a host name or a URL, in the form of canonical URLs."""
    import ada_url

    from chalicelib.core.links import hosts

    try:
        host = ada_url.URL(name if "//" in name else f"https://{name}/").hostname.removesuffix(".")
    except ValueError:
        host = ""
    if hosts.is_host(host) and "." not in host:
        sys.exit(f"{host!r} is a whole top-level domain, or a name of your own network: give a name with a dot.")
    if not hosts.is_host(host):
        sys.exit(f"Which host? make block HOST=evil.example.com REASON='...' (not {name!r})")
    return host


if __name__ == "__main__":
    main()
