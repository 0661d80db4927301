"""Complaints about links, as visitors send them."""

from __future__ import annotations

import pytest

from chalicelib.core.complaint import MAX_COMMENT, REASONS, Complaint


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_will_do(reason: str) -> None:
    """Without a word more."""
    assert Complaint.from_form("sale", {"reason": reason}) == Complaint("sale", reason)


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
def test_a_comment_is_kept_as_it_was_written(comment: str, kept: str | None) -> None:
    """Without the space around it; nothing written is no comment."""
    assert Complaint.from_form("sale", {"reason": "spam", "comment": comment}) == Complaint("sale", "spam", kept)


@pytest.mark.parametrize(
    "form",
    [{}, {"reason": ""}, {"reason": "dislike"}, {"reason": "Spam"}, {"reason": "spam "}, {"comment": "It is spam."}],
    ids=str,
)
def test_a_complaint_has_a_reason(form: dict[str, str]) -> None:
    """One of those to choose from; who gives none is told them all."""
    wrong = Complaint.from_form("sale", form)

    assert isinstance(wrong, str)
    assert all(reason in wrong for reason in REASONS)


def test_a_comment_is_not_a_book() -> None:
    """One character more than is allowed is refused, and how many are is said."""
    wrong = Complaint.from_form("sale", {"reason": "spam", "comment": "x" * (MAX_COMMENT + 1)})

    assert isinstance(wrong, str)
    assert "1,000" in wrong


def test_a_line_break_counts_once() -> None:
    """The page counts it so, and lets a visitor write 1,000 characters; browsers send each break as two."""
    written = "abc\n" * 249 + "abcd"
    sent = written.replace("\n", "\r\n")

    assert len(written) == MAX_COMMENT
    assert isinstance(Complaint.from_form("sale", {"reason": "spam", "comment": sent}), Complaint)


def test_nothing_else_of_a_form_is_kept() -> None:
    """Who sent it least of all."""
    form = {"reason": "other", "comment": "x", "email": "a@example.com", "code": "another"}

    assert Complaint.from_form("sale", form) == Complaint("sale", "other", "x")
