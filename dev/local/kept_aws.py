"""``python -m dev.local.kept_aws``: the local AWS, MiniStack, which keeps acknowledged writes even if it is killed.

MiniStack writes its state only at a clean stop, one file for each service. So a journal beside those files records the
items and messages that changed, four times a second and in one transaction. What a deployment creates (functions, the
API, the stack itself) is in MiniStack's own files, written again after each deployment; objects in S3 are files from
the beginning. The next start applies the journal on top of the files it belongs to.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ministack import app as ministack
from ministack.core import persistence
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import dynamodb, lambda_svc, sqs

from dev.local.journal import Entry, Journal, JournalUnreadable

_WRITE_SECONDS = 0.25  # seconds between two writes; the documents promise two seconds
_JOURNAL = "journal.sqlite"
_JOURNALED = {"dynamodb", "sqs"}
_LAST = "cloudformation"  # else a deployment could be stored as done before its functions are
_READS = 1000  # of what changes meanwhile: each takes milliseconds, and a change microseconds
_COUNTED = {"ItemCount", "TableSizeBytes"}  # derived from the items
_OF_TABLES = ("tags", "ttl_settings", "pitr_settings", "kinesis_destinations", "contributor_insights")

State = dict[str, Any]
Result = TypeVar("Result")


class Tables:
    """DynamoDB: which items changed since the last write, and the properties of its tables."""

    def __init__(self) -> None:
        self._changed: deque[tuple[str, str, str]] = deque()
        self._described = ""

    def watch(self) -> None:
        """Record every item that is put or removed."""
        put, remove, replaced = dynamodb._set_item, dynamodb._remove_item, dynamodb._items_replaced

        def set_item(table: State, partition: str, sort: str, item: State) -> Any:
            before = put(table, partition, sort, item)
            self._changed.append((_id_of(table), partition, sort))
            return before

        def remove_item(table: State, partition: str, sort: str) -> Any:
            before = remove(table, partition, sort)
            self._changed.append((_id_of(table), partition, sort))
            return before

        def items_replaced(table: State) -> None:
            replaced(table)
            self._changed += [(_id_of(table), one, two) for one, items in table["items"].items() for two in items]

        dynamodb._set_item, dynamodb._remove_item = set_item, remove_item
        dynamodb._items_replaced = items_replaced

    def changes(self) -> tuple[list[Entry], set[str] | None]:
        """Return the entries of the changes, each once, and the ids of all tables if a table itself changed."""
        tables = steady(lambda: {_id_of(table): table for table in dynamodb._tables.all_values()})
        described = steady(lambda: _text(self._description()))
        changed = {self._changed.popleft() for _ in range(len(self._changed))}
        entries = [
            Entry("dynamodb", table, json.dumps([one, two]), _item_text(tables[table], one, two))
            for table, one, two in changed
            if table in tables
        ]
        if described == self._described:
            return entries, None
        self._described = described
        return [*entries, Entry("dynamodb", "", "", described)], {"", *tables}

    def _description(self) -> State:
        tables = AccountRegionScopedDict()
        for scope, table in dynamodb._tables.all_items():
            left_out = {"items", dynamodb._INDEX_MEMBERS, *_COUNTED}
            tables.set_scoped(*scope, {name: value for name, value in table.items() if name not in left_out})
        return {"tables": tables, **{name: getattr(dynamodb, f"_{name}") for name in _OF_TABLES}}


def tables_from(snapshot: State, entries: list[Entry]) -> State:
    """Return the state of DynamoDB: ``snapshot`` with the entries of the journal applied."""
    described = next((entry.value for entry in entries if not entry.scope), None)
    if described is None:
        return snapshot
    state: State = snapshot | _value(described)
    before = {_id_of(table): table["items"] for _, table in _scoped(snapshot.get("tables"))}
    items: dict[str, dict[str, State]] = {}
    for _, table in _scoped(state["tables"]):
        items[_id_of(table)] = table["items"] = before.get(_id_of(table), {})
    for entry in entries:
        if entry.scope in items and entry.value is not None:
            partition, sort = json.loads(entry.name)
            _put(items[entry.scope], partition, sort, _value(entry.value))
    for _, table in _scoped(state["tables"]):
        table["ItemCount"] = sum(map(len, table["items"].values()))
        table["TableSizeBytes"] = 200 * table["ItemCount"]  # as MiniStack estimates
    return state


def _put(items: dict[str, State], partition: str, sort: str, item: Any) -> None:
    if item is not None:
        items.setdefault(partition, {})[sort] = item
    elif sort in items.get(partition, {}):
        del items[partition][sort]
        if not items[partition]:
            del items[partition]


class Streams:
    """The streams of tables, which MiniStack forgets when it ends: of rows, perhaps, that are not counted yet."""

    def __init__(self) -> None:
        self._kept: dict[str, deque[str]] = {}
        self._may_feed = False

    def pause(self) -> None:
        """Deliver to no function until ``feed``: one that cannot reach its tables yet would fail, and retry late."""
        poll, since = lambda_svc._poll_dynamodb_streams, dynamodb.stream_records_since

        def poll_or_wait() -> bool:
            return bool(self._may_feed and poll())

        def records_since(table: str, position: int, at_most: Any, **scope: Any) -> Any:
            return since(table, position, int(at_most), **scope)  # a parameter of a stack is text

        lambda_svc._poll_dynamodb_streams, dynamodb.stream_records_since = poll_or_wait, records_since

    def feed(self) -> None:
        """Start to deliver records to functions."""
        self._may_feed = True

    def restore(self, entries: list[Entry]) -> None:
        """Continue from the entries of the journal. All that is left is delivered again: positions are not kept."""
        records: dict[str, dict[str, State]] = {}
        for entry in entries:
            if entry.value is not None:
                records.setdefault(entry.scope, {})[entry.name] = _value(entry.value)
        for scope, by_number in records.items():
            self._kept[scope] = deque(sorted(by_number, key=int))
            ordered = [by_number[number] for number in self._kept[scope]]
            dynamodb._stream_records.set_scoped(*scope.split("\0"), ordered)
        lambda_svc._dynamodb_stream_positions._data.clear()

    def changes(self) -> list[Entry]:
        """Return the entries of the records that are new, and of those that are a day old."""
        entries: list[Entry] = []
        for parts, records in steady(lambda: list(dynamodb._stream_records.all_items())):
            scope, found = "\0".join(parts), list(records)
            kept = self._kept.setdefault(scope, deque())
            while kept and (not found or int(kept[0]) < _number_of(found[0])):
                entries.append(Entry("streams", scope, kept.popleft(), None))
            last = int(kept[-1]) if kept else -1
            for record in reversed(list(itertools.takewhile(partial(_is_after, last), reversed(found)))):
                number = record["dynamodb"]["SequenceNumber"]
                entries.append(Entry("streams", scope, number, _text(record)))
                kept.append(number)
        return entries


def _is_after(last: int, record: State) -> bool:
    return _number_of(record) > last


def _number_of(record: State) -> int:
    return int(record["dynamodb"]["SequenceNumber"])


class Queues:
    """SQS: which messages were sent, deleted or received since the last write, and the properties of its queues."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Any] = {}
        self._described = ""
        self._may_feed = False

    def pause(self) -> None:
        """Deliver to no function until ``feed``: one that cannot reach its tables yet would fail, and retry late."""
        receive = sqs._receive_messages_for_esm

        def receive_or_wait(queue_url: str, at_most: int) -> list[State]:
            messages: list[State] = receive(queue_url, int(at_most)) if self._may_feed else []
            return messages

        sqs._receive_messages_for_esm = receive_or_wait
        _read_concurrency_as_number()

    def feed(self) -> None:
        """Start to deliver messages to functions."""
        self._may_feed = True

    def begin(self, entries: list[Entry]) -> None:
        """Continue from the entries of the journal."""
        self._known = {entry[1:3]: None for entry in entries if entry.scope}

    def changes(self) -> list[Entry]:
        """Return the entries of the changes. Takes time in proportion to the messages; queues are soon empty."""
        queues, now, entries = AccountRegionScopedDict(), {}, []
        with sqs._queues_lock:
            for scope, queue in steady(lambda: list(sqs._queues.all_items())):
                queues.set_scoped(*scope, {**queue, "messages": []})
                for message in list(queue["messages"]):
                    key = ("\0".join(scope), message["id"])
                    now[key] = (message.get("visible_at"), message.get("receive_count"), message.get("receipt_handle"))
                    if self._known.get(key) != now[key]:
                        entries.append(Entry("sqs", *key, _text(message)))
        entries += [Entry("sqs", *key, None) for key in self._known.keys() - now.keys()]
        self._known = now
        described = steady(lambda: _text({"queues": queues}))
        if described != self._described:
            entries.append(Entry("sqs", "", "", described))
            self._described = described
        return entries


def _read_concurrency_as_number() -> None:
    """Let the maximum concurrency of a queue be a parameter of a stack, which MiniStack passes on as text."""
    concurrency = lambda_svc._sqs_esm_concurrency

    def number(mapping: State, *others: Any) -> Any:
        scaling = mapping.get("ScalingConfig") or {}
        if isinstance(most := scaling.get("MaximumConcurrency"), str):
            mapping = {**mapping, "ScalingConfig": {**scaling, "MaximumConcurrency": int(most)}}
        return concurrency(mapping, *others)

    lambda_svc._sqs_esm_concurrency = number


def queues_from(snapshot: State, entries: list[Entry], now: float) -> State:
    """Return the state of SQS: that of the journal if it has one, else that of ``snapshot``; ``now`` is Unix time.

    Messages in flight can be received at once: their receivers ended together with the local AWS.
    """
    described = next((entry.value for entry in entries if not entry.scope), None)
    state: State = snapshot if described is None else _value(described)
    queues = {"\0".join(scope): queue for scope, queue in _scoped(state.get("queues"))}
    for entry in entries:
        if entry.scope in queues and entry.value is not None:
            queues[entry.scope]["messages"].append(_value(entry.value))
    for queue in queues.values():
        queue["messages"].sort(key=lambda message: message.get("sent_at", 0.0))
        for message in queue["messages"]:
            if message.get("receive_count"):
                message["visible_at"] = min(message["visible_at"], now)
    return state


class Keeper:
    """Wraps loading and saving of MiniStack: reads and writes the journal beside its files."""

    def __init__(self, folder: Path) -> None:
        """Open the journal in ``folder``.

        Raises:
            JournalUnreadable
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._journal = Journal(folder / _JOURNAL)
        self._tables, self._queues, self._streams = Tables(), Queues(), Streams()
        self._deployed: object = None
        self._writer: asyncio.Task[None] | None = None
        self._load_all, self._save_all = ministack._load_persisted_state, ministack.save_all

    def install(self) -> None:
        """Make MiniStack load and save through this object."""
        self._tables.watch()
        self._queues.pause()
        self._streams.pause()
        ministack.load_state = self.load
        ministack.save_all = self.save_all
        ministack._load_persisted_state = self.load_all

    def load_all(self) -> None:
        """Restore every service, and start the journal. If a file cannot be read, end the program with a message."""
        try:
            self._load_all()
            self._journal.begin("streams", "")
            self._streams.restore(self._journal.read("streams"))
        except JournalUnreadable as unreadable:
            _end(str(unreadable))
        self._deployed = _deployments()
        self._writer = asyncio.get_running_loop().create_task(self._write_changes())
        self._writer.add_done_callback(_ended)

    def load(self, service: str) -> State | None:
        """Return the state of a service, or None if there is none.

        Raises:
            JournalUnreadable: also for a file of MiniStack, which would start empty and overwrite it in the end.
        """
        file = self._folder / f"{service}.json"
        snapshot: State | None = persistence.load_state(service)
        if snapshot is None and file.exists():
            raise JournalUnreadable(
                f"{file} cannot be read. To start without what is in it, move it away: mv {file} {file}.damaged"
            )
        if service not in _JOURNALED:
            return snapshot
        self._journal.begin(service, hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else "")
        entries = self._journal.read(service)
        if service == "dynamodb":
            return tables_from(snapshot or {}, entries)
        self._queues.begin(entries)
        return queues_from(snapshot or {}, entries, time.time())

    def save_all(self, services: dict[str, Callable[[], Any]]) -> None:
        """Save every service, at the end. The journal is written first, in case a file cannot be."""
        if self._writer is not None:
            self._writer.remove_done_callback(_ended)
            self._writer.cancel()
        self._journal.write(*self._changes())
        self._save_all(services)
        self._journal.close()

    async def _write_changes(self) -> None:
        await ministack._wait_for_port(ministack._resolve_port())
        self._queues.feed()
        self._streams.feed()
        while True:
            await asyncio.sleep(_WRITE_SECONDS)
            entries, prune = self._changes()
            if entries:
                await asyncio.to_thread(self._journal.write, entries, prune)
            deployed = steady(_deployments)
            if deployed not in (self._deployed, None):
                self._deployed = deployed
                await asyncio.to_thread(_save, steady(_other_states))

    def _changes(self) -> tuple[list[Entry], list[tuple[str, set[str]]]]:
        entries, tables = self._tables.changes()
        entries += [*self._queues.changes(), *self._streams.changes()]
        return entries, [] if tables is None else [("dynamodb", tables)]


def steady(read: Callable[[], Result]) -> Result:
    """Return what ``read`` does; again if another thread changed what it reads meanwhile.

    MiniStack works on requests in threads, and a dictionary that changes ends whoever goes through it.
    """
    for _ in range(_READS):
        try:
            return read()
        except RuntimeError as failure:
            if "changed" not in str(failure) and "mutated" not in str(failure):
                raise
    return read()


def _item_text(table: State, partition: str, sort: str) -> str:
    return steady(lambda: _text(table["items"].get(partition, {}).get(sort)))


def _deployments() -> object:
    """Return a value that changes with each deployment, or None while one is running."""
    cloudformation = sys.modules.get("ministack.services.cloudformation")
    if cloudformation is None:
        return ()
    stacks = [(key, stack["StackStatus"]) for key, stack in cloudformation._stacks.all_items()]
    if any(status.endswith("_IN_PROGRESS") for _, status in stacks):
        return None
    return stacks, [(key, len(events)) for key, events in cloudformation._stack_events.all_items()]


def _other_states() -> dict[str, Any]:
    services = ministack._build_persistence_save_dict()
    names = sorted(services.keys() - _JOURNALED, key=lambda name: name == _LAST)
    return {name: services[name]() for name in names}


def _save(states: dict[str, Any]) -> None:
    for name, state in states.items():
        if state is not None:
            steady(partial(persistence.save_state, name, state))


def _ended(writer: asyncio.Task[None]) -> None:
    """End the program: it could not keep what it would acknowledge from now on."""
    if not writer.cancelled():
        _end(f"The local AWS cannot keep what is written to it, and so has stopped: {writer.exception()}")


def _end(why: str) -> None:
    print(why, file=sys.stderr, flush=True)
    os._exit(1)


def _id_of(table: State) -> str:
    """Return a unique id of a table, which also differs from that of an earlier table of the same name."""
    return f"{table['TableArn']} {table.get('TableId', '')}"


def _scoped(store: Any) -> list[tuple[tuple[str, str, str], State]]:
    return [] if store is None else list(store._data.items())


def _text(value: Any) -> str:
    return json.dumps(value, default=persistence._json_default)


def _value(text: str) -> Any:
    return json.loads(text, object_hook=persistence._json_object_hook)


def main() -> None:
    """Run until a signal."""
    try:
        Keeper(Path(persistence.STATE_DIR)).install()
    except JournalUnreadable as unreadable:
        sys.exit(str(unreadable))
    ministack.main()


if __name__ == "__main__":
    main()
