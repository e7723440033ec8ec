"""Sending a mail that waits: whether it may go now, through which server, and what becomes of it.

No transaction is open while a server is talked to. A mail whose plugin does not act, or for which there is no server,
waits; one that its server refuses for good is kept with the answer for an operator (`collegium tasks failed`).
"""

from email.headerregistry import Address
from uuid import UUID

import structlog
from redis.exceptions import RedisError

from kernel.categories import GENERAL, GeneralSettings
from kernel.clock import now
from kernel.deployment import Deployment
from kernel.mail import outgoing
from kernel.mail.composing import Look, compose, render
from kernel.mail.folder import keep_in_folder, mail_folder
from kernel.mail.outgoing import MailContent, StoredMail
from kernel.mail.servers import Sender, parse_address
from kernel.mail.smtp import MailDeferred, MailRefused, submit
from kernel.mail.wording import MailTemplate, Wording, best_locale
from kernel.tasks import TaskContext, TaskPostponed, TaskRefused
from kernel.tenancy import Tenant

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 28
"""With the pauses between them about a day."""
_PAUSES_S = (60, 120, 300, 900, 1800)
_LONGEST_PAUSE_S = 3600
_NOT_NOW_S = 60
_TOO_MANY_S = 600
_HOUR_S = 3600


async def deliver(context: TaskContext, mail_id: UUID) -> None:
    """Send one mail; do nothing if it is gone.

    Raises:
        TaskPostponed: It has to wait.
        TaskRefused: It will never be sent as it is.
    """
    tenant = _tenant(context)
    async with context.transaction() as db:
        deployment, mail = db.deployment, await outgoing.read(db, mail_id)
    if mail is None:
        return
    template = _template(deployment, tenant, mail)
    if deployment.smtp is None and mail_folder(deployment.settings, tenant) is None:
        raise TaskPostponed("No SMTP server is configured: COLLEGIUM_SMTP_URL.", _NOT_NOW_S)
    content = outgoing.opened(deployment.keyring, tenant.id, mail)
    if mail.attempts == 0 and not await _may_have_another(deployment, tenant, template, content):
        log.warning("mail.limited", template=template.name, tenant_id=str(tenant.id))
        async with context.transaction() as db:
            await outgoing.remove(db, mail_id)
        return
    async with context.transaction() as db:
        attempt = await outgoing.claim(db, mail_id)
    if attempt is None:
        raise TaskPostponed("Another worker is sending it.", _NOT_NOW_S)
    try:
        await _hand_over(deployment, tenant, template, mail, content)
    except MailRefused as refusal:
        await _give_up(context, mail_id, str(refusal))
    except MailDeferred as reason:
        await _put_off(context, mail_id, attempt, str(reason))
    async with context.transaction() as db:
        await outgoing.remove(db, mail_id)


async def _give_up(context: TaskContext, mail_id: UUID, answer: str) -> None:
    async with context.transaction() as db:
        await outgoing.fail(db, mail_id, answer)
    raise TaskRefused(answer)


async def _put_off(context: TaskContext, mail_id: UUID, attempt: int, answer: str) -> None:
    if attempt >= MOST_ATTEMPTS:
        await _give_up(context, mail_id, answer)
    async with context.transaction() as db:
        await outgoing.release(db, mail_id, answer)
    pause_s = _PAUSES_S[attempt - 1] if attempt <= len(_PAUSES_S) else _LONGEST_PAUSE_S
    raise TaskPostponed(answer, pause_s)


def _tenant(context: TaskContext) -> Tenant:
    if context.tenant is None:
        raise LookupError("mails belong to a tenant")
    return context.tenant


def _template(deployment: Deployment, tenant: Tenant, mail: StoredMail) -> MailTemplate:
    template = deployment.registry.mail_templates.get(mail.template)
    if template is None or template.plugin not in (*tenant.plugins, "kernel"):
        raise TaskPostponed(f"The plugin of {mail.template} does not act.", _NOT_NOW_S)
    return template


async def _may_have_another(
    deployment: Deployment, tenant: Tenant, template: MailTemplate, content: MailContent
) -> bool:
    """Count the mail and say whether its recipient may have it.

    Raises:
        TaskPostponed: The tenant has sent too many in this hour, or Redis does not count.
    """
    address = parse_address(content.to)
    _, mac = deployment.keyring.mac("mail", f"{tenant.id}/{address.addr_spec.casefold()}".encode())
    hour = int(now().timestamp()) // _HOUR_S
    keys = [f"t:{tenant.id}:mails:{hour}", f"t:{tenant.id}:mails:{hour}:{template.name}:{mac.hex()[:32]}"]
    try:
        async with deployment.redis.pipeline(transaction=True) as pipeline:
            for key in keys:
                pipeline.incr(key)
                pipeline.expire(key, _HOUR_S)
            of_tenant, _, of_recipient, _ = await pipeline.execute()
    except (RedisError, OSError):
        raise TaskPostponed("Redis does not answer, so mails cannot be counted.", _NOT_NOW_S) from None
    if of_recipient > template.most_per_hour:
        return False
    if of_tenant > deployment.settings.mails_per_hour:
        raise TaskPostponed("The tenant has sent as many mails as it may in an hour.", _TOO_MANY_S)
    return True


async def _hand_over(
    deployment: Deployment, tenant: Tenant, template: MailTemplate, mail: StoredMail, content: MailContent
) -> None:
    general = tenant.setting(GENERAL, GeneralSettings)
    school = general.name or tenant.name
    locale = best_locale(template.subject, content.locale, general.locale)
    wording = Wording(locale, template.subject[locale], template.body[locale])
    values = outgoing.values_of(content, school)
    sender = _sender(deployment, school)
    message = compose(
        render(wording, values, Look(school, _logo(tenant, general), general.primary_colour)),
        template,
        values,
        mail_id=mail.id,
        written_at=mail.created_at,
        sender=sender,
        recipient=parse_address(content.to),
    )
    if (folder := mail_folder(deployment.settings, tenant)) is not None:
        await keep_in_folder(folder, mail.id, message)
    elif deployment.smtp is not None:
        await submit(deployment.smtp, message, ca_file=deployment.settings.smtp_ca_file)


def _logo(tenant: Tenant, general: GeneralSettings) -> str:
    return tenant.url(general.logo_url) if general.logo_url.startswith("/") else general.logo_url


def _sender(deployment: Deployment, school: str) -> Sender:
    address = deployment.mail_from or Address(username="noreply", domain="localhost")
    return Sender(Address(address.display_name or school, address.username, address.domain))
