"""Events of a table's stream as Lambda's event source makes them, for tests and benchmarks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/url-shortener-clicks/stream/2026-11-24T00:00:00.000"
SHARD = "shardId-00000001692023519813-cb9ef2f5"


def event(
    records: Sequence[tuple[int, dict[str, Any]]], *, name: str = "INSERT", shard: str = SHARD, arn: str = ARN
) -> dict[str, Any]:
    """Return the event of new items with their numbers; a number is the millisecond of its writing, too."""
    return {
        "Records": [
            {
                "eventID": f"{number:032x}",
                "eventName": name,
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-west-1",
                "dynamodb": {
                    "ApproximateCreationDateTime": float(number // 1000),
                    "Keys": {"code": item["code"], "entry": item["entry"]},
                    "NewImage": item,
                    "SequenceNumber": f"{number:021d}",
                    "SizeBytes": len(json.dumps(item, default=str)),
                    "StreamViewType": "NEW_IMAGE",
                },
                "eventSourceARN": arn,
            }
            for number, item in records
        ],
        "window": {"start": "2026-11-24T12:00:00Z", "end": "2026-11-24T12:15:00Z"},
        "state": {},
        "shardId": shard,
        "eventSourceARN": arn,
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }
