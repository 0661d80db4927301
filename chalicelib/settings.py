"""Names and numbers, read once from the environment. No other module reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from chalicelib.errors import SettingInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The product's settings. Each field is the environment variable of the same name in upper case."""

    base_url: str
    """Where short URLs live, without a trailing slash: ``https://sho.rt`` or ``https://host/api``."""
    stage: str
    service: str
    """The name metrics go by, or empty for none."""
    links_table: str
    access_table: str
    clicks_table: str
    clicks_queue_url: str
    """Where clicks are sent. Empty: nobody counts them."""
    click_retention_days: int
    """How long the row of a click is kept, 45 to 3650; its counts stay for ever."""
    trust_cloudfront: bool
    """CloudFront stands in front and writes its viewer headers; elsewhere anybody could send them."""
    partial_batch: bool
    """The queue takes a list of failed messages for an answer; without it, such a list would delete them."""
    link_cache_seconds: int
    """How long a container trusts its memory of a link: seconds, 0 to 3600."""
    link_cache_size: int
    unknown_code: str
    """``home``: an unknown code leads to ``base_url``. ``404``: it shows a page."""
    code_style: str
    """``shortid`` or ``random``."""
    target_hosts: str
    """``public`` or ``any``: whether links may lead to IP addresses and intranet names."""
    own_hosts: frozenset[str]
    """Host names that lead here, lower case; ``base_url``'s is always among them."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check the settings.

        Raises:
            SettingInvalid: the first name that is missing or holds what it may not.
        """
        base_url = _url(environ, "BASE_URL")
        return cls(
            base_url=base_url,
            stage=_choice(environ, "STAGE", "prod", "dev", "local"),
            service=environ.get("SERVICE", ""),
            links_table=environ.get("LINKS_TABLE", "url-shortener"),
            access_table=environ.get("ACCESS_TABLE", "url-shortener-access"),
            clicks_table=environ.get("CLICKS_TABLE", "url-shortener-clicks"),
            clicks_queue_url=environ.get("CLICKS_QUEUE_URL", ""),
            click_retention_days=_number(environ, "CLICK_RETENTION_DAYS", default=90, least=45, most=3650),
            trust_cloudfront=_choice(environ, "TRUST_CLOUDFRONT", "no", "yes") == "yes",
            partial_batch=_choice(environ, "PARTIAL_BATCH", "off", "on") == "on",
            link_cache_seconds=_number(environ, "LINK_CACHE_SECONDS", default=60, most=3600),
            link_cache_size=_number(environ, "LINK_CACHE_SIZE", default=10_000, most=1_000_000),
            unknown_code=_choice(environ, "UNKNOWN_CODE", "home", "404"),
            code_style=_choice(environ, "CODE_STYLE", "shortid", "random"),
            target_hosts=_choice(environ, "TARGET_HOSTS", "public", "any"),
            own_hosts=_hosts(environ, "OWN_HOSTS") | {urlsplit(base_url).hostname or ""},
        )


def _url(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").rstrip("/")
    if not value:
        raise SettingInvalid(name, "is not set. Short URLs start with it: https://sho.rt, for example.")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise SettingInvalid(name, f"is {value!r}. It must look like https://sho.rt, with neither query nor fragment.")
    return value


def _choice(environ: Mapping[str, str], name: str, default: str, *others: str) -> str:
    value = environ.get(name, default)
    if value not in {default, *others}:
        raise SettingInvalid(name, f"is {value!r}. It must be one of: {', '.join([default, *others])}.")
    return value


def _number(environ: Mapping[str, str], name: str, *, default: int, most: int, least: int = 0) -> int:
    value = environ.get(name, str(default))
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise SettingInvalid(name, f"is {value!r}. It must be a whole number from {least} to {most}.")
    return int(value)


def _hosts(environ: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(host.strip().lower() for host in environ.get(name, "").split(",") if host.strip())


settings = Settings.from_environ(os.environ)
