"""What an SMTP server, a sender and an address are, and how settings spell them.

Which of them serves a tenant is `kernel.mail.relays`.
"""

import re
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from kernel.errors import FieldError, Invalid

Security = Literal["tls", "starttls", "none"]

_PORTS = {"tls": 465, "starttls": 587, "none": 25}
_SHAPE = "smtp://user:password@host:587, smtps://user:password@host:465 or smtp://host:25?security=none"
MOST_ADDRESS = 254
MOST_NAME = 100
_ATOM = r"[^\s()<>@,;:\\\"\[\].]+"
_LOCAL = re.compile(rf"(?=.{{1,64}}\Z){_ATOM}(?:\.{_ATOM})*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class MailAddressInvalid(Invalid):
    """This is no address to which a mail could go."""

    code = "kernel.mail_address_invalid"
    title = "This is no mail address."


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A server that takes mails, and how to talk to it."""

    host: str
    port: int
    security: Security = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    is_tenants: bool = False
    """Its name was chosen by a tenant, so it must not lead into a private network (`kernel.outbound`)."""


@dataclass(frozen=True, slots=True)
class Sender:
    """In whose name a mail goes."""

    address: Address
    reply_to: Address | None = None


def server_from_url(url: str) -> SmtpServer | None:
    """Return the server that the setting `smtp_url` names; None without one.

    Raises:
        ValueError: It has another shape; the address is not repeated, for it holds a password.
    """
    if not url:
        return None
    try:
        parts = urlsplit(url)
        security, port = _security(parts.scheme, dict(parse_qsl(parts.query, keep_blank_values=True))), parts.port
        if not parts.hostname or parts.path.strip("/") or parts.fragment:
            raise ValueError
        if security == "none" and parts.username:
            raise ValueError("COLLEGIUM_SMTP_URL would send its password unencrypted. Leave out security=none.")
    except ValueError as error:
        if str(error).startswith("COLLEGIUM_"):
            raise
        raise ValueError(f"COLLEGIUM_SMTP_URL is not of the form {_SHAPE}.") from None
    return SmtpServer(
        host=parts.hostname,
        port=port or _PORTS[security],
        security=security,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _security(scheme: str, options: dict[str, str]) -> Security:
    chosen = options.pop("security", "starttls") if scheme == "smtp" else {"smtps": "tls"}.get(scheme, "")
    if options or chosen not in _PORTS or (scheme == "smtp" and chosen == "tls"):
        raise ValueError
    return chosen  # type: ignore[return-value]  # it is one of the keys


def parse_address(text: str, *, field_name: str = "email") -> Address:
    """Return one mail address, its domain in ASCII.

    Args:
        text: `somebody@example.org`, without a name.
        field_name: For the error.

    Raises:
        MailAddressInvalid: It is none, several, or holds anything that could reach into a header.
    """
    local, _, domain = text.rpartition("@")
    try:
        host = domain if domain.isascii() else domain.encode("idna").decode()
        if (
            len(text) > MOST_ADDRESS
            or not text.isprintable()
            or not _LOCAL.fullmatch(local)
            or not _HOST.fullmatch(host)
        ):
            raise ValueError
        return Address(username=local, domain=host)
    except (ValueError, MessageError):
        raise MailAddressInvalid(errors=[FieldError(field_name, "This is no mail address.")]) from None


def named(address: Address, name: str) -> Address:
    """Return an address with a name beside it, whatever the name contains."""
    shown = " ".join("".join(char if char.isprintable() else " " for char in name).split())
    return Address(display_name=shown[:MOST_NAME], username=address.username, domain=address.domain)


def parse_mail_from(text: str) -> Address | None:
    """Return the setting `mail_from`, such as `Collegium <school@example.org>` or the address alone; None without it.

    Raises:
        ValueError: It is neither.
    """
    if not text:
        return None
    name, bracket, rest = text.rpartition("<")
    try:
        return named(parse_address(rest.removesuffix(">") if bracket else text.strip()), name.strip().strip('"'))
    except MailAddressInvalid:
        raise ValueError("COLLEGIUM_MAIL_FROM is not of the form Collegium <school@example.org>.") from None
