"""Through which server a tenant's mails go and in whose name: the deployment's, its own, or a folder of the demo.

A tenant's own address stands in `From` only if its own server sends: the deployment's server may speak for the
deployment's domain alone, and would lend one tenant's name to another.
"""

from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

from kernel.categories import MAIL, MailSettings
from kernel.deployment import Deployment
from kernel.errors import DomainError
from kernel.mail.folder import keep_in_folder, mail_folder
from kernel.mail.servers import MailAddressInvalid, Sender, SmtpServer, named, parse_address
from kernel.mail.smtp import MailDeferred, submit
from kernel.mail.templates import look_of
from kernel.outbound import resolve_public
from kernel.tenancy import Tenant


class NoMailRelay(Exception):
    """Nothing sends this tenant's mails; the text says what to set."""


@dataclass(frozen=True, slots=True)
class MailRelay:
    """Where a tenant's mails go: to a server, or into a folder if there is none."""

    sender: Sender
    server: SmtpServer | None = None
    folder: Path | None = None

    @property
    def is_tenants(self) -> bool:
        """Whether the tenant's own server sends."""
        return self.server is not None and self.server.is_tenants


def relay_of(deployment: Deployment, tenant: Tenant, *, by_deployment: bool = False) -> MailRelay:
    """Return the way of a tenant's mails, or of those that must not go by its own server.

    Raises:
        NoMailRelay: Neither the deployment nor the tenant has a server.
    """
    chosen = tenant.setting(MAIL, MailSettings)
    name = chosen.from_name or look_of(tenant).name
    reply_to, own = (_address(text, name) for text in (chosen.reply_to, chosen.from_address))
    if chosen.host and own is not None and not by_deployment:
        server = SmtpServer(
            chosen.host, chosen.port, chosen.encryption, chosen.username, chosen.password, is_tenants=True
        )
        return MailRelay(Sender(own, reply_to), server)
    address = deployment.mail_from or Address(username="noreply", domain="localhost")
    sender = Sender(named(address, address.display_name or name), reply_to or own)
    if deployment.smtp is not None:
        return MailRelay(sender, deployment.smtp)
    if (folder := mail_folder(deployment.settings, tenant.id)) is not None:
        return MailRelay(sender, folder=folder)
    raise NoMailRelay("No SMTP server is configured: COLLEGIUM_SMTP_URL.")


async def hand_over(deployment: Deployment, relay: MailRelay, mail_id: UUID, message: EmailMessage) -> None:
    """Give a message to whoever takes it.

    Raises:
        MailDeferred: It is not taken now.
        MailRefused: It will never be taken.
    """
    if relay.server is not None:
        at = await _public_address(deployment, relay.server) if relay.server.is_tenants else ""
        await submit(relay.server, message, at=at, ca_file=deployment.settings.smtp_ca_file)
    elif relay.folder is not None:
        await keep_in_folder(relay.folder, mail_id, message)


async def _public_address(deployment: Deployment, server: SmtpServer) -> str:
    try:
        address, _ = await resolve_public(deployment, server.host, server.port)
    except DomainError as refusal:
        raise MailDeferred(f"The school's own mail server: {refusal.detail}", refusal.code) from None
    return address


def _address(text: str, name: str) -> Address | None:
    try:
        return named(parse_address(text), name) if text else None
    except MailAddressInvalid:
        return None
