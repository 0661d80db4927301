"""``make block``, ``make unblock``, ``make blocked``: hosts that no link may lead to, for who may write the tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from dev import stages


def main() -> None:
    """Do what the first argument says, in the stage of the second; every failure is one sentence."""
    doing, stage, *arguments = sys.argv[1:]
    cloud, made = stages.find(stage or "local")
    # Before anything of the service is imported: it reads the environment once, and makes its clients.
    names = {"BASE_URL": "BaseUrl", "LINKS_TABLE": "LinksTable", "ACCESS_TABLE": "AccessTable"}
    os.environ.update({name: made[output] for name, output in names.items()})
    os.environ.update(CLICKS_TABLE=made["ClicksTable"], AWS_DEFAULT_REGION=cloud.region)
    from chalicelib.errors import StoreUnavailable

    deeds: dict[str, Callable[..., None]] = {"block": block, "unblock": unblock, "list": show}
    try:
        deeds[doing](*arguments)
    except StoreUnavailable as failure:
        sys.exit(f"A table does not answer: {failure.__cause__}")


def block(name: str, reason: str) -> None:
    """Block a host and all names below it, and stop the links that lead there."""
    from chalicelib.aws import block_list
    from chalicelib.aws.block_list import Blocked
    from chalicelib.core.fields import MAX_REASON

    host = _host(name)
    why = reason.strip() or f"it leads to {host}, which is blocked here"
    if len(why) > MAX_REASON:
        sys.exit(f"The reason is shown to visitors: please give at most {MAX_REASON} characters.")
    blocked = Blocked(host, why, datetime.now(UTC))
    block_list.add(blocked)
    print(f"{host} is blocked, with all names below it: no new link leads there.")
    _sweep({host: blocked})


def unblock(name: str) -> None:
    """Let links lead to a host again, also those that were stopped because of it."""
    from chalicelib.aws import block_list

    host = _host(name)
    if not block_list.remove(host):
        sys.exit(f"{host} is not blocked. make blocked lists those that are.")
    print(f"{host} is not blocked any more.")
    _sweep({host: None})


def show() -> None:
    """Print the blocked hosts."""
    from chalicelib.aws import block_list

    blocked = block_list.everything()
    for each in blocked:
        print(f"{each.at:%Y-%m-%d}  {each.host}  {each.reason}")
    if not blocked:
        print("No host is blocked. make block HOST=evil.example.com REASON=... blocks one.")


def _sweep(just_changed: dict[str, Any]) -> None:
    from chalicelib.block import sweep

    print("Looking at all links ...", flush=True)
    swept = sweep(datetime.now(UTC), lambda: True, just_changed)
    print(
        f"Of {swept.looked_at:,} links {swept.stopped:,} were stopped and {swept.let_go:,} let go;"
        " containers that remember them follow within a minute."
    )


def _host(name: str) -> str:
    """Return the host that somebody means by ``name``, a name or a whole address, as canonical URLs have it."""
    import ada_url

    from chalicelib.core import hosts

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
