"""Deployment settings from `COLLEGIUM_*` and a TOML file, and the specification of typed settings per tenant.

The only module that reads the environment. What a tenant chose is stored with the tenant and read by `kernel.choices`;
the kernel's own categories stand in `kernel.categories`.
"""

import difflib
import hmac
import ipaddress
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec

from kernel.shapes import DESTINATION, SECRET, struct_shape

PREFIX = "COLLEGIUM_"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# A name has a letter in its last part, so that a mistyped network is not taken for one.
_PROXY_PATH = re.compile(r"/[a-z0-9_-]+/?")
_HOST = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*(?=[0-9-]*[A-Za-z])[A-Za-z0-9-]{1,63}")
_POSTGRESQL = ("postgresql+asyncpg://",)
_SCHEMES: Mapping[str, tuple[str, ...]] = {
    "database_url": _POSTGRESQL,
    "replica_database_urls": _POSTGRESQL,
    "worker_database_url": _POSTGRESQL,
    "operator_database_url": _POSTGRESQL,
    "owner_database_url": _POSTGRESQL,
    "redis_url": ("redis://", "rediss://", "unix://"),
    "otlp_endpoint": ("http://", "https://"),
}
_BOUNDS: Mapping[str, tuple[int, int]] = {
    "port": (1, 65_535),
    "metrics_port": (0, 65_535),
    "trace_percent": (0, 100),
    "workers": (1, 1_000),
    "database_pool_size": (1, 1_000),
    "handler_timeout_s": (1, 3_600),
    "max_body_bytes": (1_000, 100_000_000),
    "mails_per_hour": (1, 10_000_000),
    # Below 10 is for tests only.
    "password_hash_cost": (4, 16),
}

_MEDIA_HOST = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
CONFIGURABLE = frozenset({
    "content-security-policy", "referrer-policy", "strict-transport-security", "x-content-type-options",
    "x-frame-options", "x-xss-protection",
})  # fmt: skip
"""The headers that `security_headers` may change."""


class SettingsError(Exception):
    """A setting is unknown or wrong; the text says what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a deployment decides at start; every field is `COLLEGIUM_<NAME>` or `<name>` in the TOML file."""

    database_url: str = ""
    """Role `collegium_app`. Empty: the embedded stack."""
    replica_database_urls: tuple[str, ...] = ()
    """Read replicas, role `collegium_app` too: routes that only read may be served from there."""
    worker_database_url: str = ""
    operator_database_url: str = ""
    owner_database_url: str = ""
    redis_url: str = ""
    storage_url: str = ""
    """`file:///absolute/directory` or `s3://key:secret@host:port/bucket?region=us-east-1`."""
    storage_public_url: str = ""
    """By which browsers reach the S3 server, if not by the address in `storage_url`."""
    storage_proxy_path: str = ""
    """Internal location of nginx, such as `/stored/`, by which it sends the files of a directory (X-Accel-Redirect)."""
    storage_redirect: bool = True
    """Send browsers to the S3 server for files, by addresses that live for a minute; else we send them ourselves."""
    secret_keys: tuple[str, ...] = ()
    """Newest first, each at least 32 characters; the environment variable separates them with commas."""
    token_algorithm: Literal["HS256", "EdDSA"] = "HS256"  # noqa: S105 - a name
    """What signs access tokens; after a change every client refreshes its token once."""
    data_dir: Path = Path(".collegium")
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    demo: bool = False
    embedded_worker: bool | None = None
    """Run background work inside the server; the default with the embedded stack."""
    embedded_stack: bool = False
    """Set by the server itself: the addresses above belong to the stack in `data_dir`, which it may migrate."""
    plugins: tuple[str, ...] | None = None
    """Names to load; all that are installed when absent. What they require is not added silently."""
    on_bad_plugin: Literal["refuse", "quarantine"] = "refuse"
    default_tenant: str = "default"
    tenant_header: str = ""
    """Header that names the tenant's slug; believed only from `trusted_proxies`."""
    trusted_proxies: tuple[str, ...] = ()
    outbound_allow: tuple[str, ...] = ()
    """Hosts and networks that may be fetched for a tenant (`kernel.outbound`) although private, and by http too."""
    public_url: str = ""
    """Scheme and port of every tenant's links, and their host where a tenant has none, such as `https://x.example`."""
    smtp_url: str = ""
    """`smtp://user:password@host:587` (STARTTLS), `smtps://` (TLS) or `smtp://host:25?security=none`."""
    smtp_ca_file: str = ""
    """Certificates that mail servers may have besides those that the system trusts."""
    mail_from: str = ""
    """Who sends mails, such as `Collegium <noreply@example.org>`; the tenant's name replaces one that is absent."""
    mails_per_hour: int = 5_000
    """So many of one tenant are sent in an hour; more of them wait."""
    videos_at_once: int = 1
    """So many videos a process that does background work makes ready side by side; each takes two processors."""
    password_hash_cost: int = 12
    database_pool_size: int = 20
    log_format: Literal["json", "console"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    max_body_bytes: int = 1_000_000
    handler_timeout_s: int = 60
    """How long a request may be worked at before it is given up; sending and receiving do not count."""
    security_headers: tuple[str, ...] = ()
    """Of every answer, in place of the usual ones, each `Name: value`; without a value the header is left out."""
    media_hosts: tuple[str, ...] = ()
    """From where pages may load images and videos besides this host, such as that of the S3 storage."""
    operator_token: str = ""
    """Opens readiness details and metrics; without it there are neither."""
    metrics_by_tenant: bool = False
    """Count requests for each tenant; costs as many series more as there are tenants."""
    otlp_endpoint: str = ""
    """OpenTelemetry collector that takes OTLP over HTTP, such as http://collector:4318; needs collegium[telemetry]."""
    trace_percent: int = 100
    """How many of a hundred requests are traced."""
    metrics_port: int = 0
    """Port at which `collegium worker` tells its metrics, on `host`; 0 for nowhere."""

    @property
    def is_embedded(self) -> bool:
        """Whether this deployment runs its own PostgreSQL, Valkey and storage directory."""
        return not self.database_url

    def address_of(self, host: str) -> str:
        """Return the scheme, host and port by which browsers reach a tenant.

        Args:
            host: The tenant's; an empty one if it has none.
        """
        public = urlsplit(self.public_url)
        if public.hostname:
            port = f":{public.port}" if public.port else ""
            return f"{public.scheme}://{host or _in_url(public.hostname)}{port}"
        # What is embedded serves by itself; anything else stands behind a proxy that speaks https.
        if self.embedded_stack:
            return f"http://{host or _in_url(self.host)}:{self.port}"
        return f"https://{host or _in_url(self.host)}"

    def is_operators(self, authorization: str) -> bool:
        """Whether a header of that name carries the operator's token."""
        token = authorization.removeprefix("Bearer ").encode("latin-1", "replace")
        return bool(self.operator_token) and hmac.compare_digest(token, self.operator_token.encode())

    def environment(self) -> dict[str, str]:
        """Return these settings as environment variables, for the processes that this one starts."""
        return {
            PREFIX + name.upper(): ",".join(value) if isinstance(value, tuple) else str(value)
            for name, value in msgspec.structs.asdict(self).items()
            if value is not None
        }


def load_settings(overrides: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the TOML file, then the environment, then what the command line says; the last one wins.

    Raises:
        SettingsError: With the unknown key and the nearest valid one, or the field and what it must be.
    """
    variables = os.environ if environment is None else environment
    values = _from_file(variables.get(PREFIX + "CONFIG", ""))
    for name, value in variables.items():
        if name.startswith(PREFIX) and name != PREFIX + "CONFIG":
            key = name.removeprefix(PREFIX).lower()
            values[key] = _parse(key, value, source=name)
    values.update({key: value for key, value in (overrides or {}).items() if value is not None})
    for key in values:
        _check_known(key, source="")
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=lambda kind, value: kind(value))
    except msgspec.ValidationError as error:
        raise SettingsError(f"A setting is wrong: {error}.") from None
    _check(settings)
    return settings


def _from_file(name: str) -> dict[str, Any]:
    if not name:
        return {}
    try:
        values = tomllib.loads(Path(name).read_text())
    except OSError as error:
        raise SettingsError(f"The settings file {name} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {name} is not valid TOML: {error}.") from None
    for key in values:
        _check_known(key, source=name)
    return values


def _check_known(key: str, *, source: str) -> None:
    known = Settings.__struct_fields__
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" The settings are: {', '.join(sorted(known))}."
        place = f" in {source}" if source else ""
        raise SettingsError(f"Unknown setting {key!r}{place}.{hint}")


def _parse(key: str, value: str, *, source: str) -> Any:
    _check_known(key, source=source)
    annotation = Settings.__annotations__[key]
    if "tuple" in str(annotation):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if type(None) in get_args(annotation) and not value:
        return None
    return value


def _check(settings: Settings) -> None:
    if not settings.is_embedded:
        _check_addresses(settings)
    _check_mail(settings)
    if short := [key for key in settings.secret_keys if len(key) < 32]:
        raise SettingsError(f"Each of {PREFIX}SECRET_KEYS needs at least 32 characters; {len(short)} are shorter.")
    if len(set(settings.secret_keys)) < len(settings.secret_keys):
        raise SettingsError(f"{PREFIX}SECRET_KEYS holds the same key twice. Remove one of them.")
    if settings.demo and settings.host not in LOOPBACK:
        raise SettingsError("The demo's accounts are known to everyone, so --demo serves on 127.0.0.1 only.")
    for name, (least, most) in _BOUNDS.items():
        if not least <= (value := getattr(settings, name)) <= most:
            raise SettingsError(f"{name} must be between {least} and {most}, not {value}.")
    if settings.public_url and not _is_origin(settings.public_url):
        raise SettingsError("public_url must be scheme and host, and a port if it is unusual: https://learn.example.")
    if settings.storage_proxy_path and not _PROXY_PATH.fullmatch(settings.storage_proxy_path):
        raise SettingsError("storage_proxy_path must be a path such as /stored/.")
    if settings.storage_public_url and not _is_origin(settings.storage_public_url):
        raise SettingsError("storage_public_url must be scheme and host, and a port if it is unusual.")
    _check_hosts(settings)
    _check_headers(settings)


def _check_headers(settings: Settings) -> None:
    for line in settings.security_headers:
        name, colon, value = line.partition(":")
        if not colon or name.strip().lower() not in CONFIGURABLE or not value.isprintable() or not value.isascii():
            raise SettingsError(
                f"security_headers holds {line!r}; write Name: value, with one of {', '.join(sorted(CONFIGURABLE))}."
            )
    for host in settings.media_hosts:
        if not _MEDIA_HOST.fullmatch(host):
            raise SettingsError(f"media_hosts holds {host!r}; write scheme and host: https://media.example.")


def _check_hosts(settings: Settings) -> None:
    for address in settings.trusted_proxies:
        if not _is_made_by(ipaddress.ip_address, address):
            raise SettingsError(f"trusted_proxies holds {address!r}, which is no IP address.")
    for entry in settings.outbound_allow:
        if not _is_made_by(ipaddress.ip_network, entry) and not _HOST.fullmatch(entry):
            raise SettingsError(f"outbound_allow holds {entry!r}, which is neither a host's name nor a network.")


def _is_made_by(kind: Callable[[str], object], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _check_mail(settings: Settings) -> None:
    # What is wrong with the address itself is told by `kernel.mail.servers`.
    if settings.smtp_url and not settings.mail_from:
        raise SettingsError(f"With smtp_url set, {PREFIX}MAIL_FROM must say who sends the mails.")


def _check_addresses(settings: Settings) -> None:
    for name in ("redis_url", "storage_url", "worker_database_url", "operator_database_url", "secret_keys"):
        if not getattr(settings, name):
            raise SettingsError(
                f"With database_url set, {PREFIX}{name.upper()} must be set too: nothing is embedded then."
            )
    for name, schemes in _SCHEMES.items():
        given = getattr(settings, name)
        addresses = given if isinstance(given, tuple) else (given,)
        if any(address and not address.startswith(schemes) for address in addresses):
            # The address itself is not repeated, for it holds a password.
            raise SettingsError(f"{PREFIX}{name.upper()} must begin with {' or '.join(schemes)}.")


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and url.rstrip("/") == f"{parts.scheme}://{parts.netloc}"
            and "@" not in parts.netloc
            and parts.port != 0
        )
    except ValueError:
        return False


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def export_settings(settings: Settings) -> None:
    """Put the settings into the environment, for the processes that this one starts."""
    os.environ.update(settings.environment())


def share_metrics(directory: str) -> None:
    """Let the processes that this one starts add their metrics up in a directory, before the library is imported."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory


def metrics_directory() -> str:
    """Return where the processes of this server add their metrics up; an empty text if there is one process."""
    return os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")


SecretText = Annotated[str, SECRET]
"""In a settings Struct: stored encrypted, shown and audited as `***`. Several stand in a mapping by name."""


Destination = Annotated[str, DESTINATION]
"""In a settings Struct: where the secrets beside it are sent; whoever changes it gives those secrets again."""


class SettingsSpec(msgspec.Struct, frozen=True):
    """Settings that each tenant chooses: a category of the settings page and the Struct that types and limits it.

    Args:
        category: The plugin's name.
        kind: Its Struct; every field has a default, because a tenant has chosen nothing at first. A `__post_init__`
            that refuses a value begins its sentence with the field: `ValueError("timezone: There is no such zone")`.
        title: For the page.
        public: The fields that everybody may read, signed in or not.
        operator: The fields that only an operator may change, because they reach beyond the tenant.

    Raises:
        TypeError: The Struct cannot be such settings; it says why.
    """

    category: str
    kind: type[msgspec.Struct]
    title: str
    public: tuple[str, ...] = ()
    operator: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be stored, shown or kept from the wrong eyes."""
        shape = struct_shape(self.kind)
        self.kind()
        for name in (*self.public, *self.operator):
            if name not in shape.fields:
                raise TypeError(f"{self.kind.__name__} has no field {name!r}")
        if secret := [name for name in self.public if shape.fields[name].has_secrets]:
            raise TypeError(f"{self.kind.__name__}.{secret[0]} is secret and cannot be public")
