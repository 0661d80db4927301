"""The queue of the jobs of a night. Each is done by a function of its own, and tried again if that is killed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.aws import clients
from chalicelib.aws.clients import Refused, Unreachable, timeouts
from chalicelib.core.visits.night_job import NightJob
from chalicelib.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

AT_ONCE = 10  # messages that SQS takes in one call
queue: SQSClient = clients.sqs(**timeouts.QUEUE_FILE)


class JobNotSent(Exception):
    """The queue did not accept a job."""


def send(jobs: Sequence[NightJob]) -> None:
    """Send up to ``AT_ONCE`` jobs.

    Raises:
        JobNotSent: some may have been sent; a job that is done twice does no harm.
    """
    entries: Any = [{"Id": str(place), "MessageBody": job.to_json()} for place, job in enumerate(jobs)]
    try:
        response = queue.send_message_batch(QueueUrl=settings.night_queue_url, Entries=entries)
    except (Unreachable, Refused) as failure:
        raise JobNotSent from failure
    if response.get("Failed"):
        raise JobNotSent
