"""A job of the night: what is read is what was queued, and nothing else is a job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.visits.night_job import JobUnreadable, NightJob

GOOD = {"step": "fold", "subject": "sale", "day": "2026-11-24"}
NO_STEPS: list[Any] = ["", "drop", "Fold", None, 1, ["fold"], {}]


@given(st.sampled_from(["publish", "fold"]), st.text(), st.dates().map(str))
def test_job_survives_the_queue(step: str, subject: str, day: str) -> None:
    """Of links and owners, whatever they are called."""
    job = NightJob("fold" if step == "fold" else "publish", subject, day)

    assert NightJob.from_json(job.to_json()) == job
    assert json.loads(job.to_json())["step"] == step


def test_fields_of_later_versions_are_ignored() -> None:
    """A queue may hold jobs of the version after, when it is rolled back."""
    assert NightJob.from_json(json.dumps(GOOD | {"since": 5})) == NightJob("fold", "sale", "2026-11-24")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"fold"',
        "7",
        *(json.dumps({name: value for name, value in GOOD.items() if name != left}) for left in GOOD),
        *(json.dumps(GOOD | {"step": step}) for step in NO_STEPS),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """It is no job: the message goes to the dead letters, and is not taken for another step."""
    with pytest.raises(JobUnreadable):
        NightJob.from_json(text)
