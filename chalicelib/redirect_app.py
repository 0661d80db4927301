"""The name by which Lambda starts the redirect in this version; the next one starts ``redirect_lambda`` itself.

A deployment changes the code of a function and its handler one after the other, and visitors come in between: both
versions must answer to the same name.
"""

from __future__ import annotations

from chalicelib.redirect_lambda import app

__all__ = ["app"]
