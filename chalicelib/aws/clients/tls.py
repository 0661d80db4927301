"""One TLS context for each process, with the roots of AWS's endpoints alone.

Python's default context reads the whole store of certificate authorities, about 140, which takes 15 to 30 ms of CPU;
AWS's endpoints need five of them (https://www.amazontrust.com/repository/). Certificates are always verified: where a
server has one of another authority (AWS in China, a proxy of a company), the whole store is read, once.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from chalicelib.settings import settings

AMAZON_ROOTS = Path(__file__).with_name("amazon_roots.pem")


class Trust:
    """The context of this process: created for the first connection, and again if it is ``widened``."""

    def __init__(self, ca_bundle: str = "") -> None:
        """``ca_bundle`` is the path of the roots to trust instead of all others, or empty."""
        self._ca_bundle = ca_bundle
        self._context: ssl.SSLContext | None = None
        self._is_whole = bool(ca_bundle)

    def context(self) -> ssl.SSLContext:
        """Return the context for connections to AWS."""
        if self._context is None:
            self._context = ssl.create_default_context(cafile=self._ca_bundle or AMAZON_ROOTS)
        return self._context

    def widen(self) -> bool:
        """Trust the whole store from now on; return False if there is no more to trust."""
        if self._is_whole:
            return False
        self._context, self._is_whole = ssl.create_default_context(), True
        return True


trust = Trust(settings.aws.ca_bundle)
