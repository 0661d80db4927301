"""What DynamoDB charges for requests, by its rules, from what a client sends.

A write pays one unit for each begun KB of the item, names and values, as it was or as it becomes, whichever is
larger; in a transaction two. An index pays for itself, but only where one of its own attributes changes. A read pays
half a unit for each begun 4 KB of an item, one if it is consistent; an item that is not there as much as a small one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Item = Mapping[str, Any]
Held = Callable[[Item], Item]
"""Returns the item with a key as the table holds it, empty if it does not."""
_KB = 1024
_KB_OF_READ = 4 * _KB
_OF_INDEX = "openDay"  # the attribute of the index byOpenDay; the others are of the key, which never changes


@dataclass(slots=True)
class Bill:
    """The units of requests, by what they were for, and the puts."""

    writes: dict[str, float] = field(default_factory=dict)
    reads: float = 0.0
    index: int = 0
    puts: list[Item] = field(default_factory=list)
    requests: int = 0

    @property
    def units(self) -> float:
        """Return all write units, those of the index included."""
        return sum(self.writes.values()) + self.index

    def add(self, other: Bill) -> None:
        """Add what ``other`` has, but its puts."""
        for what, paid in other.writes.items():
            self.writes[what] = self.writes.get(what, 0) + paid
        self.reads += other.reads
        self.index += other.index
        self.requests += other.requests


def size_of(item: Item) -> int:
    """Return the bytes of an item by DynamoDB's rule."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def begun(size: int, of: int = _KB) -> int:
    """Return how many KB (or 4 KB) of ``size`` bytes have begun; one at least."""
    return max(1, -(-size // of))


@contextmanager
def billed(held: Held) -> Iterator[Bill]:
    """Charge what is sent by the service's clients within a ``with``, against a table as ``held`` returns it."""
    from chalicelib.aws import clients

    bill = Bill()
    consistent: list[bool] = []

    def send(params: dict[str, Any], model: Any, **_: Any) -> None:
        bill.requests += 1
        _charge(bill, held, model.name, params)
        if model.name == "Query":
            consistent.append(params.get("ConsistentRead", False))

    def received(parsed: dict[str, Any], **_: Any) -> None:
        size = sum(size_of(item) for item in parsed["Items"])
        bill.reads += begun(size, _KB_OF_READ) * (1 if consistent.pop() else 0.5)

    for client in (clients.reads, clients.writes):
        client.meta.events.register("provide-client-params.dynamodb.*", send, f"bill-{id(client)}")
        client.meta.events.register("after-call.dynamodb.Query", received, f"query-{id(client)}")
    try:
        yield bill
    finally:
        for client in (clients.reads, clients.writes):
            client.meta.events.unregister("provide-client-params.dynamodb.*", send, f"bill-{id(client)}")
            client.meta.events.unregister("after-call.dynamodb.Query", received, f"query-{id(client)}")


def _charge(bill: Bill, held: Held, operation: str, params: dict[str, Any]) -> None:
    match operation:
        case "TransactWriteItems":
            for action in params["TransactItems"]:
                ((kind, write),) = action.items()
                _charge_write(bill, held, kind, write, 2)
        case "PutItem" | "UpdateItem" | "DeleteItem":
            _charge_write(bill, held, operation.removesuffix("Item"), params, 1)
        case "BatchGetItem":
            for wanted in params["RequestItems"].values():
                bill.reads += sum(_read(held(key), wanted) for key in wanted["Keys"])
        case "GetItem":
            bill.reads += _read(held(params["Key"]), params)


def _read(item: Item, params: Mapping[str, Any]) -> float:
    return begun(size_of(item), _KB_OF_READ) * (1 if params.get("ConsistentRead") else 0.5)


def _charge_write(bill: Bill, held: Held, kind: str, write: Mapping[str, Any], times: int) -> None:
    key = write["Key"] if "Key" in write else {name: write["Item"][name] for name in ("code", "entry")}
    before = held(key)
    after = before
    if kind == "Put":
        after = write["Item"]
        bill.puts.append(after)
    elif kind == "Update":
        names = write.get("ExpressionAttributeNames", {}).values()
        after = {**before, **key} | {name: before.get(name, {"N": "1"}) for name in names}
        after |= _values_set(write)
    elif kind == "Delete":
        after = {}
    entry = key["entry"]["S"]
    what = "owner's " if key["code"]["S"].startswith("@") else ""
    what += entry.partition("#")[0]
    bill.writes[what] = bill.writes.get(what, 0) + times * begun(max(size_of(before), size_of(after)))
    # An index takes an entry in, or out, or both where its key changes.
    indexed = {each[_OF_INDEX]["S"] for each in (before, after) if _OF_INDEX in each}
    if len(indexed) > 1 or (_OF_INDEX in before) != (_OF_INDEX in after):
        bill.index += len(indexed)


def _values_set(write: Mapping[str, Any]) -> dict[str, Any]:
    """Return the texts that an update sets, by name."""
    values = write.get("ExpressionAttributeValues", {})
    names = write.get("ExpressionAttributeNames", {})
    expression = write["UpdateExpression"].partition("SET ")[2]
    found = {}
    for assignment in expression.split(",") if expression else ():
        name, _, value = (part.strip() for part in assignment.partition("="))
        if value in values:
            found[names.get(name, name)] = values[value]
    return found


def _size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return len(str(content).lstrip("-")) // 2 + 2
        case "B":
            return len(content if isinstance(content, bytes) else base64.b64decode(content))
        case "BOOL":
            return 1
        case _:
            return len(str(content).encode())
