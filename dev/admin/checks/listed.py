"""All checks, in the order in which they run: metrics come last, as they take minutes; and what none of them asks."""

from __future__ import annotations

from dev.admin.checks import of_cloudfront, of_function_url, of_functions, of_gateway, of_load, of_streams
from dev.admin.checks.check import NotAsked

_LAST = ("final-call", "iterator-age", "conflicts", "metrics", "alarms")
_EVERY = (
    *of_functions.CHECKS,
    *of_gateway.CHECKS,
    *of_function_url.CHECKS,
    *of_cloudfront.CHECKS,
    *of_streams.CHECKS,
    *of_load.CHECKS,
)
_BY_NAME = {check.name: check for check in _EVERY}

CHECKS = (*(check for check in _EVERY if check.name not in _LAST), *(_BY_NAME[name] for name in _LAST))

NOT_ASKED = (
    NotAsked(
        "front 4",
        "Whether AWS's policy `AllViewerExceptHostHeader` brings `CloudFront-*` headers to the API is reported both"
        " ways.",
        "nothing shows it, for no call of the API answers with the headers that it got. The product does not rest on"
        " it: no call of the API reads country or device. Visits do, and their behaviours name these headers in a"
        " policy of their own, which `cloudfront-forged` and `cloudfront-api-country` ask.",
    ),
    NotAsked(
        "streams 3",
        "An event source that was deleted is said to deliver for some seconds more, so that two calls may count the"
        " same rows at once.",
        "it would mean to delete the event source of the stage, and a new one begins a day back. Each counter keeps how"
        " far it has counted of each shard, and is written on condition of its version: tests let calls overlap in a"
        " model of the stream. That model is all that stands for AWS here.",
    ),
    NotAsked(
        "streams 6",
        "An event source that starts at `LATEST` is said to lose what is written for minutes after it is `Enabled`.",
        "`LATEST` is used nowhere where clicks are counted; `mapping` asks whether the event source started at"
        " `TRIM_HORIZON`, which loses nothing of the last 24 hours.",
    ),
)
"""Each with its reason. What a check rests on, or asks, is not among them."""
