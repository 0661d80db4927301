"""A job of the night: what is done with one day of a link or an owner, as a message of a queue."""

from __future__ import annotations

import json
from typing import Literal, NamedTuple

Step = Literal["publish", "fold"]
_STEPS: dict[str, Step] = {"publish": "publish", "fold": "fold"}


class JobUnreadable(Exception):
    """A message is not a job."""


class NightJob(NamedTuple):
    """Publish the unique visitors of a day, or fold it; ``subject`` is a link's code, or ``@`` and an owner's name."""

    step: Step
    subject: str
    day: str

    def to_json(self) -> str:
        """Return the job as a message."""
        return json.dumps({"step": self.step, "subject": self.subject, "day": self.day})

    @classmethod
    def from_json(cls, text: str) -> NightJob:
        """Read a message.

        Raises:
            JobUnreadable
        """
        try:
            message = json.loads(text)
            return cls(_STEPS[message["step"]], str(message["subject"]), str(message["day"]))
        except (ValueError, KeyError, TypeError) as unreadable:
            raise JobUnreadable(str(unreadable)[:200]) from unreadable
