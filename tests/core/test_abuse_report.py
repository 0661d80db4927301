"""Abuse reports, as visitors send them."""

from __future__ import annotations

import pytest

from chalicelib.core.abuse_report import MAX_COMMENT, REASONS, AbuseReport


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_accepted(reason: str) -> None:
    """A report needs no comment."""
    assert AbuseReport.from_form("sale", {"reason": reason}) == AbuseReport("sale", reason)


@pytest.mark.parametrize(
    ("comment", "kept"),
    [
        ("It asks for my bank's password.", "It asks for my bank's password."),
        ("  spaces around \r\n", "spaces around"),
        ("", None),
        (" \r\n\t ", None),
        ("x" * MAX_COMMENT, "x" * MAX_COMMENT),
        (f" {'x' * MAX_COMMENT} ", "x" * MAX_COMMENT),
        ("ü" * MAX_COMMENT, "ü" * MAX_COMMENT),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_comment_is_kept_without_surrounding_space(comment: str, kept: str | None) -> None:
    """An empty comment is stored as none."""
    assert AbuseReport.from_form("sale", {"reason": "spam", "comment": comment}) == AbuseReport("sale", "spam", kept)


@pytest.mark.parametrize(
    "form",
    [{}, {"reason": ""}, {"reason": "dislike"}, {"reason": "Spam"}, {"reason": "spam "}, {"comment": "It is spam."}],
    ids=str,
)
def test_report_without_a_valid_reason_is_refused(form: dict[str, str]) -> None:
    """The message lists all reasons."""
    message = AbuseReport.from_form("sale", form)

    assert isinstance(message, str)
    assert all(reason in message for reason in REASONS)


def test_too_long_comment_is_refused() -> None:
    """One character over the limit is refused, and the message names the limit."""
    message = AbuseReport.from_form("sale", {"reason": "spam", "comment": "x" * (MAX_COMMENT + 1)})

    assert isinstance(message, str)
    assert "1,000" in message


def test_line_break_counts_as_one_character() -> None:
    """The page allows 1,000 characters and counts a break as one; browsers send two."""
    written = "abc\n" * 249 + "abcd"
    sent = written.replace("\n", "\r\n")

    assert len(written) == MAX_COMMENT
    assert isinstance(AbuseReport.from_form("sale", {"reason": "spam", "comment": sent}), AbuseReport)


def test_other_form_fields_are_ignored() -> None:
    """Especially any that identify the sender."""
    form = {"reason": "other", "comment": "x", "email": "a@example.com", "code": "another"}

    assert AbuseReport.from_form("sale", form) == AbuseReport("sale", "other", "x")
