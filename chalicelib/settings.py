"""The settings of the service, read once from the environment. No other module reads it."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chalicelib.core.domains import Domains, DomainsInvalid

RETENTION_DAYS = 90  # of single visits, where CLICK_RETENTION_DAYS says nothing else
KEY_PER_MINUTE = 300  # a page of a web client makes about four calls: people do not meet it, a flood does
_HOST = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?"
_BASE_URL = re.compile(
    rf"https?://(?P<host>{_HOST}|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?(?:/[A-Za-z0-9._~%-]+)*",
    re.IGNORECASE,
)
_LAST_PORT = 65535
_RENAMED = {  # old name and value: new name and value; the next version does not read the old ones
    ("NOBODY_WAITS", "yes"): ("BACKGROUND_FUNCTION", "yes"),
    ("NOBODY_WAITS", "no"): ("BACKGROUND_FUNCTION", "no"),
    ("AWS_CLIENT", "by-hand"): ("AWS_CLIENT", "http"),
}
_OF_THE_STACK = {"AWS_CLIENT"}  # what the template still writes as before needs no warning (dev/deploy/package.py)
# RFC 9116, section 2.5.3: a URI, and of the web only with https.
_CONTACT = r"mailto:[!-~]+@[!-~]+|tel:[0-9+().;=-]+|https://[!-~]+"
_POLICY = r"https://[!-~]+"
_IN_ASCII = "A name in other letters is written as browsers send it: xn--bcher-kva.example for bücher.example."


class SettingInvalid(SystemExit):
    """A setting is missing or invalid: the process ends, and its last line says which.

    It is raised while this module is imported, so no caller could import it to catch it.
    """

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name} {what}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials that sign requests to AWS. Never in a repr."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """The address of AWS and the credentials for it: what boto3 reads from the environment, for code without boto3."""

    region: str
    endpoint_url: str
    """One address for all services, or empty: the real ones."""
    credentials: Credentials
    runtime_api: str
    """Where Lambda's runtime and extensions ask for work; empty where this is not Lambda."""
    ca_bundle: str = ""
    """The file of the certificate authorities to trust instead of AWS's; empty: AWS's, or the system's."""

    def endpoint(self, service: str) -> str:
        """Return the address of a service."""
        suffix = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return self.endpoint_url or f"https://{service}.{self.region}.{suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The product's settings. Each field is the environment variable of the same name in upper case."""

    base_url: str
    """Where short URLs live, without a trailing slash: ``https://sho.rt`` or ``https://host/api``."""
    stage: str
    service: str
    """The name of the metrics, or empty for none."""
    links_table: str
    access_table: str
    clicks_table: str
    clicks_queue_url: str
    """Where clicks are sent. Empty: they are not counted."""
    night_queue_url: str
    """The queue of the days to close. Empty: none is."""
    counts_local_stream: bool
    """The stream is that of a local AWS, which has one shard and does not name it. On AWS, all would count twice."""
    files_bucket: str
    """The bucket of imported and exported files. Empty: imports and exports are off."""
    files_queue_url: str
    """The queue of exports to write and imports to resume."""
    click_retention_days: int
    """How long the row of a click is kept, 45 to 3650; its counts stay for ever."""
    trust_cloudfront: bool
    """CloudFront is in front and sets its viewer headers; without it, any client could send them."""
    front_secrets: frozenset[str]
    """SHA-256 of the secrets by which this stack's own distribution proves that a request came through it. Empty: there
    is no distribution of its own in front."""
    partial_batch: bool
    """The queue accepts a list of failed messages as the response; without it, such a list would delete them."""
    background_function: bool
    """This function works through a queue or a table: no client waits for it, and its AWS timeouts are longer."""
    open_create: bool
    """Whether links can be created without a key."""
    anonymous_per_hour: int
    """How many links can be created without a key from one IPv4 address or IPv6 network; 0: any number."""
    anonymous_per_day: int
    anonymous_max_days: int
    """How many days a link created without a key may last; 0: no limit."""
    anonymous_min_alias: int
    key_per_minute: int
    """How many calls a key can make; 0: any number."""
    aws_client: str
    """``boto3``, or ``http``: this service's own client, with which functions start three times faster."""
    aws: Aws
    link_cache_seconds: int
    """How long a container uses a cached link: seconds, 0 to 3600."""
    link_cache_size: int
    unversioned_until: datetime
    """Until when the addresses of the API without /v1 are announced to work."""
    unknown_code: str
    """``home``: an unknown code leads to ``base_url``. ``404``: it shows a page."""
    code_style: str
    """``shortid`` or ``random``."""
    target_hosts: str
    """``public`` or ``any``: whether targets may be IP addresses and intranet names."""
    import_short_links: bool
    """Whether imported links may have targets at other shorteners; a link created by a request never may."""
    domains: Domains
    """The hosts of short URLs: that of ``base_url``, and those of ``DOMAINS`` with links of their own."""
    own_hosts: frozenset[str]
    """Host names of this service, as in canonical URLs, without a final dot; always with that of ``base_url``."""
    security_contact: str
    """Where vulnerabilities are reported: ``mailto:``, ``tel:`` or ``https:``. Empty: there is no security.txt."""
    security_policy: str
    """The page that says how, or empty."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check the settings.

        Raises:
            SettingInvalid: the first setting that is missing or invalid.
        """
        environ = _with_new_names(environ)
        base_url, host = _url(environ, "BASE_URL")
        own_hosts = _hosts(environ, "OWN_HOSTS")
        domains = _domains(environ, base_url, own_hosts)
        stage = _choice(environ, "STAGE", "prod", "dev", "local")
        is_local = stage == "local"  # defaults that do not hinder a developer
        return cls(
            base_url=base_url,
            stage=stage,
            service=environ.get("SERVICE", ""),
            links_table=environ.get("LINKS_TABLE", "url-shortener"),
            access_table=environ.get("ACCESS_TABLE", "url-shortener-access"),
            clicks_table=environ.get("CLICKS_TABLE", "url-shortener-clicks"),
            clicks_queue_url=environ.get("CLICKS_QUEUE_URL", ""),
            night_queue_url=environ.get("NIGHT_QUEUE_URL", ""),
            counts_local_stream=_choice(environ, "COUNTS_LOCAL_STREAM", "no", "yes") == "yes",
            files_bucket=environ.get("FILES_BUCKET", ""),
            files_queue_url=environ.get("FILES_QUEUE_URL", ""),
            click_retention_days=_number(environ, "CLICK_RETENTION_DAYS", default=RETENTION_DAYS, least=45, most=3650),
            trust_cloudfront=_choice(environ, "TRUST_CLOUDFRONT", "no", "yes") == "yes",
            front_secrets=_digests(environ, "FRONT_SECRETS"),
            partial_batch=_choice(environ, "PARTIAL_BATCH", "off", "on") == "on",
            background_function=_choice(environ, "BACKGROUND_FUNCTION", "no", "yes") == "yes",
            open_create=_choice(environ, "OPEN_CREATE", *(("true", "false") if is_local else ("false", "true")))
            == "true",
            anonymous_per_hour=_number(environ, "ANONYMOUS_PER_HOUR", default=0 if is_local else 10, most=1_000_000),
            anonymous_per_day=_number(environ, "ANONYMOUS_PER_DAY", default=0 if is_local else 50, most=1_000_000),
            anonymous_max_days=_number(environ, "ANONYMOUS_MAX_DAYS", default=0 if is_local else 90, most=3650),
            anonymous_min_alias=_number(environ, "ANONYMOUS_MIN_ALIAS", default=1 if is_local else 6, least=1, most=64),
            key_per_minute=_number(
                environ, "KEY_PER_MINUTE", default=0 if is_local else KEY_PER_MINUTE, most=1_000_000
            ),
            aws_client=_choice(environ, "AWS_CLIENT", "boto3", "http"),
            aws=_aws(environ),
            link_cache_seconds=_number(environ, "LINK_CACHE_SECONDS", default=60, most=3600),
            link_cache_size=_number(environ, "LINK_CACHE_SIZE", default=10_000, most=1_000_000),
            unversioned_until=_day(environ, "UNVERSIONED_UNTIL", default="2027-12-01"),
            unknown_code=_choice(environ, "UNKNOWN_CODE", "home", "404"),
            code_style=_choice(environ, "CODE_STYLE", "shortid", "random"),
            target_hosts=_choice(environ, "TARGET_HOSTS", "public", "any"),
            import_short_links=_choice(environ, "IMPORT_SHORT_LINKS", "yes", "no") == "yes",
            domains=domains,
            own_hosts=own_hosts | {host} | domains.listed.keys(),
            security_contact=_uri(environ, "SECURITY_CONTACT", _CONTACT, "mailto:security@example.org"),
            security_policy=_uri(environ, "SECURITY_POLICY", _POLICY, "https://example.org/security"),
        )


def renamed_in(environ: Mapping[str, str]) -> list[str]:
    """Return a warning for each setting given by its old name or value."""
    return [
        f"{old}={value} is now called {new}={new_value}; the next version will not read the old name."
        for (old, value), (new, new_value) in _RENAMED.items()
        if old in environ and environ[old] == value and old not in _OF_THE_STACK
    ]


def _with_new_names(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment by the new names. Of a setting given by both names, the new one counts."""
    renamed = {
        new: new_value
        for (old, value), (new, new_value) in _RENAMED.items()
        if old in environ and environ[old] == value and (new == old or new not in environ)
    }
    return {**environ, **renamed} if renamed else environ


def _aws(environ: Mapping[str, str]) -> Aws:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    return Aws(
        region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION", ""),
        endpoint_url=environ.get("AWS_ENDPOINT_URL", "").rstrip("/"),
        credentials=Credentials(*(environ.get(name, "") for name in names)),
        runtime_api=environ.get("AWS_LAMBDA_RUNTIME_API", ""),
        ca_bundle=environ.get("AWS_CA_BUNDLE", ""),
    )


def _url(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return an address without its final slash, and the host in it."""
    value = environ.get(name, "").rstrip("/")
    if not value:
        what = "is not set. Short URLs start with it: https://sho.rt, for example."
        raise SettingInvalid(name, f"{what} `make run`, `make package` and `make deploy` set it; `chalice` does not.")
    _check_ascii(name, value)
    parts = _BASE_URL.fullmatch(value)
    if not parts or (parts["port"] and not 0 < int(parts["port"]) <= _LAST_PORT):
        what = "a host, perhaps a port and a path, and neither user name nor query nor fragment"
        raise SettingInvalid(name, f"is {value!r}. It must look like https://sho.rt: {what}.")
    return value, _canonical_host(name, parts["host"])


def _domains(environ: Mapping[str, str], base_url: str, own_hosts: frozenset[str]) -> Domains:
    try:
        return Domains.from_text(environ.get("DOMAINS", ""), base_url, own_hosts)
    except DomainsInvalid as invalid:
        raise SettingInvalid("DOMAINS", str(invalid)) from None


def _check_ascii(name: str, value: str) -> None:
    """Refuse a value that cannot be sent in a header or compared with the hosts of canonical URLs."""
    if not value.isascii():
        raise SettingInvalid(name, f"is {value!r}, which is not plain ASCII. {_IN_ASCII}")


def _canonical_host(name: str, host: str) -> str:
    """Return ``host`` as in canonical URLs, without a final dot."""
    if not host.startswith("["):
        return host.lower().removesuffix(".")
    try:
        return f"[{ipaddress.IPv6Address(host[1:-1])}]"
    except ValueError:
        raise SettingInvalid(name, f"names {host}, which is no IPv6 address.") from None


def _choice(environ: Mapping[str, str], name: str, default: str, *others: str) -> str:
    value = environ.get(name, default)
    if value not in {default, *others}:
        raise SettingInvalid(name, f"is {value!r}. It must be one of: {', '.join([default, *others])}.")
    return value


def _number(environ: Mapping[str, str], name: str, *, default: int, most: int, least: int = 0) -> int:
    value = environ.get(name, str(default))
    if not (re.fullmatch(r"[0-9]{1,9}", value) and least <= int(value) <= most):
        raise SettingInvalid(name, f"is {value!r}. It must be a whole number from {least} to {most}.")
    return int(value)


def _day(environ: Mapping[str, str], name: str, *, default: str) -> datetime:
    """Return the beginning of a day in UTC."""
    value = environ.get(name, default)
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):  # fromisoformat takes more forms than this
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        pass
    raise SettingInvalid(name, f"is {value!r}. It must be a day, such as {default}.")


def _digests(environ: Mapping[str, str], name: str) -> frozenset[str]:
    found = frozenset(filter(None, environ.get(name, "").split(",")))
    if not all(re.fullmatch(r"[0-9a-f]{64}", each) for each in found):
        raise SettingInvalid(name, "must be SHA-256 digests of 64 hexadecimal digits, with commas between.")
    return found


def _uri(environ: Mapping[str, str], name: str, form: str, example: str) -> str:
    value = environ.get(name, "")
    if value and not re.fullmatch(form, value):
        raise SettingInvalid(name, f"is {value!r}. It must look like {example}.")
    return value


def _hosts(environ: Mapping[str, str], name: str) -> frozenset[str]:
    value = environ.get(name, "")
    _check_ascii(name, value)
    hosts = [host.strip() for host in value.split(",") if host.strip()]
    for host in hosts:
        if not re.fullmatch(_HOST, host):
            raise SettingInvalid(name, f"holds {host!r}. It takes host names, without scheme, port and path: go.sho.rt")
    return frozenset(_canonical_host(name, host) for host in hosts)


try:
    settings = Settings.from_environ(os.environ)
except SettingInvalid as invalid:
    if "CHALICE_WORKER" in os.environ:  # `chalice local` imports the app in a thread, so an exception would not end it
        sys.stderr.write(f"{invalid}\n")
        sys.stderr.flush()
        os._exit(1)
    raise
renamed = renamed_in(os.environ)
"""What ``logs.configure`` warns of, once for each container."""
