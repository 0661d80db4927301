"""``make import``, ``make export``: files of links, through the API of a stage, with a bar that shows how far it is.

With KEY it calls with that key; with ADDRESS too it asks nothing of AWS. Without, it makes itself one for OWNER, as
whoever may write the table of keys can, and takes it away afterwards.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from dev import keys, stages
from dev.client import ask

_BAR = 30
_POLL_SECONDS = 2.0  # half of what a key may ask for by default
_WAIT_SECONDS = 1800  # for the next sign of life: a message that failed, or whose worker was killed, waits as long
_KEY_LASTS = timedelta(hours=1)


class TransferFailed(Exception):
    """It did not work; the message says why, for a person."""


def main() -> None:
    """Do what the first argument says; every failure is one sentence."""
    doing, stage, *arguments = sys.argv[1:]
    deeds: dict[str, Callable[..., None]] = {"import": bring_in, "export": take_out}
    try:
        deeds[doing](stage or "local", *arguments)
    except (TransferFailed, keys.KeyNotMade) as failed:
        sys.exit(str(failed))
    except ConnectionRefusedError:
        sys.exit("The service does not answer. Start it in another terminal: make run")
    except OSError as failure:
        sys.exit(f"The service cannot be reached: {failure}")
    except KeyboardInterrupt:
        sys.exit("\nWhat has begun goes on without us.")


def bring_in(stage: str, file: str, owner: str, on_taken: str) -> None:
    """Import ``file`` for ``owner``, and put its report beside it."""
    if not file:
        raise TransferFailed("Which file? make import FILE=links.csv")
    try:
        content = Path(file).read_bytes()
    except OSError as unreadable:
        raise TransferFailed(f"{file} cannot be read: {unreadable.strerror}.") from unreadable
    with _api(stage, owner or "laptop", ("admin",)) as (address, key):
        order = _asked(address, "POST", "/imports", key, {"onTaken": on_taken} if on_taken else {})
        if len(content) > order["upload"]["maxBytes"]:
            raise TransferFailed(f"{file} has {len(content):,} bytes; {order['upload']['maxBytes']:,} are allowed.")
        _send(order["upload"], content)
        order = _watched(address, f"/imports/{order['id']}", key, lambda now: (now["read"], now["total"]))
        report = Path(f"{file}.report.csv")
        report.write_bytes(_fetched(order["report"]))
    print(f"\n{order['total']:,} rows ({order['format']}):")
    for outcome in ("created", "renamed", "existing", "skipped", "refused"):
        print(f"  {outcome:9} {order[outcome]:7,}")
    print(f"What became of each: {report}")


def take_out(stage: str, file: str, owner: str, days: str) -> None:
    """Export the links of ``owner`` into ``file``, one that ends in .ndjson as one JSON a line.

    Without an owner they are those of the key, or, where a key is made for it, everyone's.
    """
    target = Path(file or f"links-{datetime.now(UTC):%Y-%m-%d}.csv")
    wish: dict[str, Any] = {
        "format": "ndjson" if target.suffix == ".ndjson" else "csv",
        "owner": owner or "*",
        "days": bool(days),
    }
    if not owner and os.environ.get("KEY"):
        del wish["owner"]  # the key's own
    with _api(stage, owner or "make-export", ("admin",)) as (address, key):
        order = _asked(address, "POST", "/exports", key, wish)
        order = _watched(address, f"/exports/{order['id']}", key, lambda now: (now["links"] or 0, now["links"]))
        target.write_bytes(_fetched(order["file"]))
    print(f"\n{order['links']:,} links are in {target}, {target.stat().st_size:,} bytes.")


@contextmanager
def _api(stage: str, owner: str, scopes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the address of a stage's API, and a key to call it with.

    Raises:
        TransferFailed: there is none to call it with.
        KeyNotMade
    """
    key, address = os.environ.get("KEY"), os.environ.get("ADDRESS", "").rstrip("/")
    if address and not key:
        raise TransferFailed(f"Which key does {address} know? Set KEY=sk_...")
    if key and address:
        yield address, key
        return
    cloud, made = stages.find(stage)
    if key:
        yield stages.address(made), key
        return
    os.environ.setdefault("BASE_URL", made["BaseUrl"])
    from chalicelib.core.key import is_owner  # it reads the environment when it is imported

    if not is_owner(owner):
        raise TransferFailed(f"OWNER is {owner!r}; an owner is 1 to 64 letters, digits and . _ @ -.")
    with keys.for_a_while(cloud, made, owner, scopes, _KEY_LASTS) as text:
        yield stages.address(made), text


def _asked(address: str, method: str, path: str, key: str, body: Any = None) -> Any:
    """Return what the API answers.

    Raises:
        TransferFailed: it refuses.
    """
    status, _, answer = ask(address, method, path, body, key)
    document = json.loads(answer)
    if status >= HTTPStatus.BAD_REQUEST:
        raise TransferFailed(f"{method} {path} is answered with {status}: {document.get('detail', document)}")
    return document


def _send(upload: dict[str, Any], content: bytes) -> None:
    """Send a file to where the API says.

    Raises:
        TransferFailed: storage refuses it.
    """
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in upload["fields"].items()
    ]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="links.csv"\r\n\r\n')
    body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    print(f"Sending {len(content):,} bytes ...", file=sys.stderr, flush=True)
    request = urllib.request.Request(upload["url"], body, headers)  # noqa: S310  # an address of the API's
    try:
        urllib.request.urlopen(request, timeout=300).close()  # noqa: S310  # the same
    except urllib.error.HTTPError as refused:
        raise TransferFailed(
            f"Storage refuses the file: {refused.read()[:500].decode('utf-8', 'replace')}"
        ) from refused
    except urllib.error.URLError as failure:
        raise TransferFailed(f"The file could not be sent: {failure.reason}") from failure


def _fetched(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=300) as answer:  # noqa: S310  # an address of the API's
            content: bytes = answer.read()
    except urllib.error.URLError as failure:
        raise TransferFailed(f"The file could not be fetched: {failure}") from failure
    return content


def _watched(address: str, path: str, key: str, far: Callable[[Any], tuple[int, int | None]]) -> Any:
    """Wait for an import or an export to end, and show how far it is; return it.

    Raises:
        TransferFailed: it failed, or nothing has happened for half an hour.
    """
    give_up, before, order = time.monotonic() + _WAIT_SECONDS, None, None
    while order is None or order["state"] in {"waiting", "running"}:
        time.sleep(_POLL_SECONDS if order else 0)
        order = _looked_at(address, path, key) or order
        if order is not None and far(order) != before:
            give_up, before = time.monotonic() + _WAIT_SECONDS, far(order)
        elif time.monotonic() > give_up:
            minutes = _WAIT_SECONDS // 60
            raise TransferFailed(f"\nNothing has happened for {minutes} minutes. Look again later: GET {path}")
        if order is not None:
            _show(order["state"], *far(order))
    if order["state"] == "failed":
        raise TransferFailed(f"\nIt failed: {order['problem']['detail']}")
    return order


def _looked_at(address: str, path: str, key: str) -> Any:
    """Return an import or an export, or None: the service cannot say just now.

    Raises:
        TransferFailed: it never will.
    """
    try:
        status, _, answer = ask(address, "GET", path, None, key)
        document = json.loads(answer)
    except (OSError, ValueError):
        time.sleep(_POLL_SECONDS)
        return None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        time.sleep(_POLL_SECONDS)
        return None
    if status >= HTTPStatus.BAD_REQUEST:
        raise TransferFailed(f"\nGET {path} is answered with {status}: {document.get('detail', document)}")
    return document


def _show(state: str, done: int, total: int | None) -> None:
    full = _BAR * done // total if total else 0
    count = f"{done:,} of {total:,}" if total else "..."
    print(f"\r  {state:8} [{'#' * full:{_BAR}}] {count}  ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
