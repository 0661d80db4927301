"""Errors as problem documents."""

from __future__ import annotations

import re

import pytest

from chalicelib import errors
from chalicelib.core.http import problem_details


def test_docstring_of_errors_draws_the_tree() -> None:
    """errors.py opens with a drawing of its class tree, statuses included."""
    drawn = dict(re.findall(r"^ +(\w+) +(\d{3})\b", errors.__doc__ or "", re.MULTILINE))

    assert drawn == {each.__name__: str(each.status) for each in errors.public_errors().values()}


@pytest.mark.parametrize("error", errors.public_errors().values(), ids=lambda error: error.code)
def test_every_error_has_a_description(error: type[errors.ShortenerError]) -> None:
    """A stable code, a title, and what to do about it."""
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.code)
    assert error.title
    assert error.description.endswith((".", "'."))
    assert 400 <= error.status < 600
    assert (error.status in {429, 503}) == (error.retry_after is not None)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "malformed-request"),
        (404, "page-unknown"),
        (405, "method-not-allowed"),
        (415, "media-type-unsupported"),
        (500, "internal-error"),
        (502, "internal-error"),
    ],
)
def test_chalice_errors_become_problem_documents(status: int, code: str) -> None:
    """Its message for a 500 is not shown."""
    document = problem_details.document(problem_details.from_chalice(status, "its words"), "https://sho.rt")

    assert document["code"] == code
    assert ("its words" in document["detail"]) == (status < 500)


def test_problem_document_has_extension_members() -> None:
    """Every invalid field; the link that has the alias."""
    invalid = errors.LinkInvalid([errors.FieldError("url", "missing", "Please give the URL.")])
    taken = errors.AliasTaken("sale", "https://sho.rt/sale")

    assert problem_details.document(invalid, "https://sho.rt")["errors"] == [
        {"field": "url", "code": "missing", "message": "Please give the URL."}
    ]
    assert problem_details.document(taken, "https://sho.rt")["shortUrl"] == "https://sho.rt/sale"
