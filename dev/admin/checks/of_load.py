"""Checks that take time, or a function of their own: idle containers, many visits at once, cold starts, throttling."""

from __future__ import annotations

import base64
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from botocore.exceptions import ClientError

from dev.admin.checks.check import Answer, Check, NotRunError
from dev.admin.checks.of_streams import wait_for_counts
from dev.admin.checks.stage import Stage
from dev.deploy.smoke import event_of

_IDLE, _IDLE_HERE = 20, 1  # seconds
_LINKS, _FOLLOWED, _VISITS, _CLIENTS = 10, 4, 10, 8
_STARTS = 5
_SLOW = 2.0  # seconds: a visitor notices
_FOUND, _TOO_MANY, _UNAVAILABLE = 302, 429, 503
_REPORT = re.compile(r"(?<!Billed )(?<!Init )Duration: ([\d.]+) ms")
_INIT = re.compile(r"Init Duration: ([\d.]+) ms")


def after_a_pause(stage: Stage) -> Answer:
    """Follow links before and after the container has been idle, each for the first time, so that all are read."""
    address = stage.address_of_links
    codes = [stage.link() for _ in range(3)]
    began = int(time.time() * 1000)
    replies = [stage.request(address, "GET", f"/{code}") for code in codes[:2]]
    idle = 60 * stage.minutes or (_IDLE_HERE if stage.is_local else _IDLE)
    until = time.monotonic() + idle
    while (left := until - time.monotonic()) > 0:
        stage.say(f"    idle for {left:.0f} s more")
        time.sleep(min(left, 10))
    replies.append(stage.request(address, "GET", f"/{codes[2]}"))
    counted = [len(stage.visits(code, 1)) for code in codes]
    lines = _lines(stage, began)
    failed = sum("store-unavailable" in each or '"spilled"' in each for each in lines)
    times = ", ".join(f"{reply.seconds * 1000:.0f} ms" for reply in replies)
    is_expected = all(reply.status == _FOUND for reply in replies) and counted == [1, 1, 1] and not failed
    rows = f"{sum(counted)} of 3 visits have a row, {failed} failures in the log"
    seen = f"{times} (first, next, after {idle:.0f} s); {rows}"
    return Answer(is_expected and replies[2].seconds < _SLOW, seen)


def _lines(stage: Stage, since: int) -> list[str]:
    group = f"/aws/lambda/{stage.function('redirect')}"
    events = stage.client("logs").filter_log_events(logGroupName=group, startTime=since, limit=200)["events"]
    return [each["message"] for each in events]


def many_at_once(stage: Stage) -> Answer:
    """Create links and follow them at the same time, and compare what is counted with what was followed."""
    address = stage.address_of_links
    codes = stage.links(_LINKS)[:_FOLLOWED]
    visits = [code for _ in range(_VISITS) for code in codes]
    with ThreadPoolExecutor(_CLIENTS) as pool:
        replies = list(pool.map(lambda code: (code, stage.request(address, "GET", f"/{code}").status), visits))
    made = {each: sum(code == each and status == _FOUND for code, status in replies) for each in codes}
    refused = Counter(status for _, status in replies if status != _FOUND)
    counted = dict.fromkeys(codes, 0)

    def reached() -> int:
        counted.update({code: stage.counted(code) for code in codes})
        return sum(min(counted[code], made[code]) for code in codes)

    _, seconds = wait_for_counts(stage, sum(made.values()), reached)
    seen = (
        f"{_LINKS} links created at once; {sum(made.values())} of {len(visits)} visits led on"
        f"{f', others: {dict(refused)}' if refused else ''}; {sum(counted.values())} counted after {seconds:.1f} s"
    )
    may_refuse = {_UNAVAILABLE} if stage.is_local else set[int]()  # a busy machine, where AWS is one process
    return Answer(counted == made and any(counted.values()) and set(refused) <= may_refuse, seen)


def cold_start_at(memory: int) -> Callable[[Stage], Answer]:
    """Return a check of how long a container with ``memory`` MB takes until its first answer."""

    def ask(stage: Stage) -> Answer:
        lambdas, starts = stage.client("lambda"), []
        code = stage.link()
        with _temporary(stage, memory) as (name, environment):
            for number in range(1 if stage.is_local else _STARTS):
                stage.say(f"    start {number + 1}")
                changed = {"Variables": {**environment, "VERIFY": str(number)}}  # a new setting ends all containers
                lambdas.update_function_configuration(FunctionName=name, Environment=changed)
                _wait(lambdas, "function_updated_v2", name)
                event = json.dumps(event_of("GET", "/{code}", code, None, None)).encode()
                invoked = lambdas.invoke(FunctionName=name, Payload=event, LogType="Tail")
                response = json.loads(invoked["Payload"].read())
                if response.get("statusCode") != _FOUND:
                    return Answer(is_expected=False, seen=f"the function answered {str(response)[:200]}")
                starts.append(_measured(base64.b64decode(invoked.get("LogResult", "")).decode()))
        known = [(init, took) for init, took in starts if init is not None and took is not None]
        if not known:
            raise NotRunError("The log has no Init Duration.")
        worst = max(init + took for init, took in known)
        inits = ", ".join(f"{init:.0f} + {took:.0f}" for init, took in known)
        return Answer(worst <= _longest(memory), f"init and first answer, ms: {inits}")

    return ask


def _longest(memory: int) -> float:
    """Return the milliseconds that a start may take: twice the measured CPU, and half a second for the network."""
    return 2 * 100 * 1769 / memory + 500


def _measured(log: str) -> tuple[float | None, float | None]:
    init, took = _INIT.search(log), _REPORT.search(log)
    return (float(init[1]) if init else None, float(took[1]) if took else None)


def throttled(stage: Stage) -> Answer:
    """Ask the URL of a function that may run nowhere."""
    lambdas = stage.client("lambda")
    with _temporary(stage, 512) as (name, _):
        lambdas.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        url = lambdas.create_function_url_config(FunctionName=name, AuthType="AWS_IAM")["FunctionUrl"].rstrip("/")
        statuses: list[int] = []
        for _ in range(1 if stage.is_local else 6):
            with suppress(OSError):  # its name is not known at once
                statuses.append(stage.signed("GET", "/x", {}, url=url).status)
            if statuses and statuses[-1] == _TOO_MANY:
                break
            time.sleep(0 if stage.is_local else 5)
    return Answer(bool(statuses) and statuses[-1] == _TOO_MANY, f"statuses {statuses}")


@contextmanager
def _temporary(stage: Stage, memory: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Create a copy of the redirect's function for the length of a ``with``: the same code, role and settings.

    No alias, no version and no event source names it, so no visitor meets it.
    """
    if not (stage.may_add or stage.is_local):
        raise NotRunError("It creates a temporary function, and deletes it: only with VERIFY_COLD=yes.")
    lambdas, name = stage.client("lambda"), f"{stage.stack_name}-verify-{memory}"
    source = lambdas.get_function_configuration(FunctionName=stage.function("redirect"), Qualifier="live")
    environment: dict[str, str] = source.get("Environment", {}).get("Variables", {})
    parameters = stage.parameters
    created: Any = {name: source[name] for name in ("Runtime", "Role", "Handler", "Timeout", "Architectures")}
    try:
        lambdas.create_function(
            FunctionName=name,
            Code={"S3Bucket": parameters["ArtifactBucket"], "S3Key": parameters["ArtifactKey"]},
            MemorySize=memory,
            Environment={"Variables": environment},
            Description="Temporary: make verify deletes it.",
            LoggingConfig={"LogFormat": "Text"},  # with the line REPORT
            **created,
        )
        _wait(lambdas, "function_active_v2", name)
        yield name, environment
    finally:
        with suppress(ClientError):
            lambdas.delete_function_url_config(FunctionName=name)
        with suppress(ClientError):
            lambdas.delete_function(FunctionName=name)
        with suppress(ClientError):
            stage.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{name}")


def _wait(lambdas: Any, what: str, name: str) -> None:
    lambdas.get_waiter(what).wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


_COLD = (
    "aws lambda create-function --function-name $STACK-verify-{memory} --memory-size {memory} <the rest as"
    " get-function-configuration says of $STACK-redirect>\n"
    "aws lambda update-function-configuration --function-name $STACK-verify-{memory} --environment <one more>\n"
    "aws lambda invoke --function-name $STACK-verify-{memory} --payload file://event.json --log-type Tail"
    " --query LogResult --output text - | base64 -d\n"
    "aws lambda delete-function --function-name $STACK-verify-{memory}"
)


def _cold(memory: int) -> Check:
    return Check(
        f"cold-start-{memory}",
        f"How long does a cold start with TLS to DynamoDB take at {memory:,} MB? With VERIFY_COLD=yes: it creates a"
        " copy of the redirect's function, which no visitor meets, and deletes it.",
        _COLD.format(memory=memory),
        f"Init and first answer together under {_longest(memory):.0f} ms, in each of {_STARTS} starts.",
        "docs/operate.md has the arithmetic of memory and start: correct it, and choose `MemorySize` by what was seen.",
        cold_start_at(memory),
        requests=_STARTS + 1,
    )


CHECKS = (
    Check(
        "after-a-pause",
        "Do connections that a frozen container kept cost the next visitor anything?",
        'curl -s -o /dev/null -w "%{time_total}\\n" "$API/$CODE"; sleep 20;'
        ' curl -s -o /dev/null -w "%{time_total}\\n" "$API/$CODE"\n'
        'aws logs filter-log-events --log-group-name "/aws/lambda/$STACK-redirect" --filter-pattern store-unavailable',
        f"Under {_SLOW:g} s after the pause, each visit has a row, no failure in the log. `MINUTES=6` waits longer.",
        "Lower `_TRUSTED_SECONDS` in `chalicelib/aws/clients/http_client.py`: connections are renewed sooner.",
        after_a_pause,
        requests=40,
    ),
    Check(
        "many-at-once",
        "Is each click counted once where many come together, also where the stream delivers it again?",
        'for N in $(seq 40); do curl -s -o /dev/null "$API/$CODE" & done; wait; sleep 90;'
        ' curl -s "$API/v1/links/$CODE" -H "X-Api-Key: $KEY"',
        f"{_LINKS} links are created at once without an error; each of {_FOLLOWED * _VISITS} visits to {_FOLLOWED} of"
        " them is led on, and each link counts exactly its own.",
        "Fewer: wait (`MINUTES=5`), then look at the alarms. More: a defect; keep the rows and raise an issue. 429 or"
        " 5xx: the account's quota.",
        many_at_once,
        ("streams 4",),
        requests=720,  # without MINUTES
        here="must hold",
    ),
    _cold(512),
    _cold(1024),
    Check(
        "url-throttled",
        "Is a function URL whose function may not run answered 429, rather than 5xx? With VERIFY_COLD=yes.",
        "aws lambda put-function-concurrency --function-name $STACK-verify-512 --reserved-concurrent-executions 0\n"
        "aws lambda create-function-url-config --function-name $STACK-verify-512 --auth-type AWS_IAM\n"
        'curl -si "<that>x" --aws-sigv4 "aws:amz:$REGION:lambda" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
        "429.",
        "5xx: `ServerErrorsAlarm` fires where the quota is used up. Say so in docs/operate.md, under Throttles.",
        throttled,
        ("front 20",),
        requests=6,
    ),
)
