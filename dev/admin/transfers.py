"""``make import``, ``make export``: files of links, through the API of a stage, with a progress bar.

With KEY it uses that key; with ADDRESS too it needs no AWS credentials. Without KEY it creates a temporary key for
OWNER, which needs write access to the table of keys, and deletes it afterwards.
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

from dev.admin import keys
from dev.deploy import stages
from dev.http_client import ask

_BAR = 30
_POLL_SECONDS = 2.0  # half of the default rate limit of a key
_WAIT_SECONDS = 1800  # without progress: a message that failed, or whose worker was killed, waits this long
_KEY_LASTS = timedelta(hours=1)


class TransferFailed(Exception):
    """The import or export failed; the message says why, for a person."""


def main() -> None:
    """Run the command of the first argument; every failure is one sentence."""
    command, stage, *arguments = sys.argv[1:]
    commands: dict[str, Callable[..., None]] = {"import": import_file, "export": export_file}
    try:
        commands[command](stage or "local", *arguments)
    except (TransferFailed, keys.KeyNotMade) as failed:
        sys.exit(str(failed))
    except OSError as failure:
        sys.exit(f"The service cannot be reached: {failure}")
    except KeyboardInterrupt:
        sys.exit("\nThe service continues what has begun.")


def import_file(stage: str, file: str, owner: str, on_taken: str, dry_run: str = "", domain: str = "") -> None:
    """Import ``file`` for ``owner``, or do a dry run, and write the report beside it.

    ``domain`` is that of rows that name no domain of the service; empty: the owner's default.
    """
    if not file:
        raise TransferFailed("Which file? make import FILE=links.csv")
    try:
        content = Path(file).read_bytes()
    except OSError as unreadable:
        raise TransferFailed(f"{file} cannot be read: {unreadable.strerror}.") from unreadable
    body: dict[str, Any] = {"onTaken": on_taken or None, "dryRun": bool(dry_run)}
    body |= {"domain": domain} if domain else {}
    with _api(stage, owner or "laptop", ("admin",)) as (address, key):
        job = _request(address, "POST", "/v1/imports", key, body)
        if len(content) > job["upload"]["maxBytes"]:
            raise TransferFailed(f"{file} has {len(content):,} bytes; {job['upload']['maxBytes']:,} are allowed.")
        _send(job["upload"], content)
        job = _wait_for(address, f"/v1/imports/{job['id']}", key, lambda now: (now["read"], now["total"]))
        report = Path(f"{file}.{'dry-run' if dry_run else 'report'}.csv")
        report.write_bytes(_download(job["report"]))
    print(_summary(job, report))


def _summary(job: dict[str, Any], report: Path) -> str:
    """Return the result of an import, for a person."""
    lines = [f"\n{job['total']:,} rows ({job['format']}):"]
    lines += [
        f"  {outcome:9} {job[outcome]:7,}"
        for outcome in ("created", "renamed", "existing", "mended", "skipped", "refused")
    ]
    columns = ", ".join(f"{each['name']} ({each['rows']:,})" for each in job["leftOut"]["columns"])
    kinds = ", ".join(f"{each['kind']} ({each['rows']:,})" for each in job["refusals"])
    lines += [f"Left out: {columns}"] if columns else []
    lines += [f"Refused: {kinds}"] if kinds else []
    lines += ["A dry run: nothing was made."] if job["dryRun"] else []
    return "\n".join([*lines, f"What {'would become' if job['dryRun'] else 'became'} of each: {report}"])


def export_file(stage: str, file: str, owner: str, days: str, domain: str = "") -> None:
    """Export the links of ``owner`` to ``file``; a name that ends in .ndjson gives one JSON object a line.

    Without an owner, export those of KEY; without KEY, everyone's. ``domain``: only the links there.
    """
    target = Path(file or f"links-{datetime.now(UTC):%Y-%m-%d}.csv")
    body: dict[str, Any] = {
        "format": "ndjson" if target.suffix == ".ndjson" else "csv",
        "owner": owner or "*",
        "days": bool(days),
        **({"domain": domain} if domain else {}),
    }
    if not owner and os.environ.get("KEY"):
        del body["owner"]  # the key's own
    with _api(stage, owner or "make-export", ("admin",)) as (address, key):
        job = _request(address, "POST", "/v1/exports", key, body)
        job = _wait_for(address, f"/v1/exports/{job['id']}", key, lambda now: (now["links"] or 0, now["links"]))
        target.write_bytes(_download(job["file"]))
    print(f"\n{job['links']:,} links are in {target}, {target.stat().st_size:,} bytes.")


@contextmanager
def _api(stage: str, owner: str, scopes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the address of a stage's API, and a key for it.

    Raises:
        TransferFailed: there is no key.
        KeyNotMade
    """
    key, address = os.environ.get("KEY"), os.environ.get("ADDRESS", "").rstrip("/")
    if address and not key:
        raise TransferFailed(f"Which key does {address} know? Set KEY=sk_...")
    if key and address:
        with _connection_errors(address):
            yield address, key
        return
    cloud, made = stages.find(stage)
    address = stages.address(made)
    if key:
        with _connection_errors(address):
            yield address, key
        return
    os.environ.setdefault("BASE_URL", made["BaseUrl"])
    from chalicelib.core.access.api_key import is_owner  # reads the environment at import

    if not is_owner(owner):
        raise TransferFailed(f"OWNER is {owner!r}; an owner is 1 to 64 letters, digits and . _ @ -.")
    with keys.temporary_key(cloud, made, owner, scopes, _KEY_LASTS) as text, _connection_errors(address):
        yield address, text


@contextmanager
def _connection_errors(address: str) -> Iterator[None]:
    """Turn refused connections to ``address`` into ``TransferFailed``.

    Raises:
        TransferFailed: nothing listens there.
    """
    try:
        yield
    except ConnectionRefusedError as refused:
        raise TransferFailed(f"Nothing answers at {address}.") from refused


def _request(address: str, method: str, path: str, key: str, body: Any = None) -> Any:
    """Return the response document of the API.

    Raises:
        TransferFailed: the API refuses the request.
    """
    status, _, answer = ask(address, method, path, body, key)
    document = json.loads(answer)
    if status >= HTTPStatus.BAD_REQUEST:
        raise TransferFailed(f"{method} {path} is answered with {status}: {document.get('detail', document)}")
    return document


def _send(upload: dict[str, Any], content: bytes) -> None:
    """Upload a file with the form of the API.

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


def _download(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=300) as answer:  # noqa: S310  # an address of the API's
            content: bytes = answer.read()
    except urllib.error.URLError as failure:
        raise TransferFailed(f"The file could not be fetched: {failure}") from failure
    return content


def _wait_for(address: str, path: str, key: str, progress: Callable[[Any], tuple[int, int | None]]) -> Any:
    """Wait for an import or an export to end, showing its progress; return it.

    Raises:
        TransferFailed: it failed, or made no progress for half an hour.
    """
    deadline, last, job = time.monotonic() + _WAIT_SECONDS, None, None
    while job is None or job["state"] in {"waiting", "running"}:
        time.sleep(_POLL_SECONDS if job else 0)
        job = _poll(address, path, key) or job
        if job is not None and progress(job) != last:
            deadline, last = time.monotonic() + _WAIT_SECONDS, progress(job)
        elif time.monotonic() > deadline:
            minutes = _WAIT_SECONDS // 60
            raise TransferFailed(f"\nNothing has happened for {minutes} minutes. Look again later: GET {path}")
        if job is not None:
            _show(job["state"], *progress(job))
    if job["state"] == "failed":
        raise TransferFailed(f"\nIt failed: {job['problem']['detail']}")
    return job


def _poll(address: str, path: str, key: str) -> Any:
    """Return an import or an export, or None: the service is unavailable for now.

    Raises:
        TransferFailed: the service refuses the request for good.
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
