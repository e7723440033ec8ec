"""Sending a mail that waits: whether it may go now, through which server, and what becomes of it.

No transaction is open while a server is talked to. A mail whose plugin does not act, or for which there is no server,
waits; one that its server refuses for good is kept with the answer for an operator (`collegium tasks failed`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import structlog
from redis.exceptions import RedisError

from kernel.categories import GENERAL, GeneralSettings
from kernel.clock import now
from kernel.deployment import Deployment
from kernel.keys import DecryptionFailed
from kernel.mail import outgoing
from kernel.mail.composing import compose, render
from kernel.mail.limits import recipient_has_room, tenant_has_room
from kernel.mail.outgoing import MailContent, StoredMail
from kernel.mail.relays import MailRelay, NoMailRelay, hand_over, relay_of
from kernel.mail.servers import parse_address
from kernel.mail.smtp import MailDeferred, MailNotTaken, MailRefused
from kernel.mail.templates import acts, chosen_wording, look_of, own_wordings
from kernel.mail.wording import MailTemplate, Wording
from kernel.tasks import TaskContext, TaskPostponed, TaskRefused
from kernel.tenancy import Tenant

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 28
"""With the pauses between them about a day."""
_PAUSES_S = (60, 120, 300, 900, 1800)
_LONGEST_PAUSE_S = 3600
_NOT_NOW_S = 60
_TOO_MANY_S = 600
_BUSY_S = 2
_SIDE_BY_SIDE = 4
"""So many mails one process hands to a tenant's own server at a time: a slow one must leave lanes of the queue free."""

_under_way: Counter[UUID] = Counter()


async def deliver(context: TaskContext, mail_id: UUID) -> None:
    """Send one mail; do nothing if it is gone.

    Raises:
        TaskPostponed: It has to wait.
        TaskRefused: It will never be sent as it is.
    """
    tenant = _tenant(context)
    async with context.transaction() as db:
        deployment, mail = db.deployment, await outgoing.read(db, mail_id)
        own = [] if mail is None else await own_wordings(db, mail.template)
    if mail is None:
        return
    template = _template(deployment, tenant, mail)
    content = await _opened(context, deployment, tenant, mail)
    relay = _relay(deployment, tenant, mail, content)
    if content.by_deployment:
        own = []
    if mail.attempts == 0 and not await _may_go(deployment, tenant, template, mail, content, relay):
        log.warning("mail.limited", template=template.name, tenant_id=str(tenant.id))
        async with context.transaction() as db:
            await outgoing.remove(db, mail_id)
        return
    with _lane(tenant, relay):
        async with context.transaction() as db:
            attempt = await outgoing.claim(db, mail_id)
        if attempt is None:
            raise TaskPostponed("Another worker is sending it.", _NOT_NOW_S)
        try:
            await _send(deployment, tenant, template, relay, mail, content, own)
        except MailRefused as refusal:
            await _give_up(context, mail_id, refusal)
        except MailDeferred as reason:
            await _put_off(context, mail_id, attempt, reason)
    async with context.transaction() as db:
        await outgoing.remove(db, mail_id)


async def _send(
    deployment: Deployment,
    tenant: Tenant,
    template: MailTemplate,
    relay: MailRelay,
    mail: StoredMail,
    content: MailContent,
    own: Sequence[Wording],
) -> None:
    look = look_of(tenant)
    values = outgoing.values_of(content, look.name)
    if not template.placeholders.keys() <= values.keys():
        raise MailRefused("Its plugin has changed the template since it was written.", "The template has changed")
    wording = chosen_wording(template, own, content.locale, tenant.setting(GENERAL, GeneralSettings).locale)
    message = compose(
        render(wording, values, look),
        template,
        values,
        mail_id=mail.id,
        written_at=mail.created_at,
        sender=relay.sender,
        recipient=parse_address(content.to),
    )
    await hand_over(deployment, relay, mail.id, message)


async def _give_up(context: TaskContext, mail_id: UUID, why: MailNotTaken) -> None:
    async with context.transaction() as db:
        await outgoing.fail(db, mail_id, str(why))
    raise TaskRefused(why.brief)


async def _put_off(context: TaskContext, mail_id: UUID, attempt: int, why: MailDeferred) -> None:
    if attempt >= MOST_ATTEMPTS:
        await _give_up(context, mail_id, why)
    async with context.transaction() as db:
        await outgoing.release(db, mail_id, str(why))
    pause_s = _PAUSES_S[attempt - 1] if attempt <= len(_PAUSES_S) else _LONGEST_PAUSE_S
    raise TaskPostponed(why.brief, pause_s)


def _tenant(context: TaskContext) -> Tenant:
    if context.tenant is None:
        raise LookupError("mails belong to a tenant")
    return context.tenant


def _template(deployment: Deployment, tenant: Tenant, mail: StoredMail) -> MailTemplate:
    template = deployment.registry.mail_templates.get(mail.template)
    if template is None or not acts(template, tenant):
        raise TaskPostponed(f"The plugin of {mail.template} does not act.", _patience_s(mail))
    return template


def _relay(deployment: Deployment, tenant: Tenant, mail: StoredMail, content: MailContent) -> MailRelay:
    try:
        return relay_of(deployment, tenant, by_deployment=content.by_deployment)
    except NoMailRelay as reason:
        raise TaskPostponed(str(reason), _patience_s(mail)) from None


def _patience_s(mail: StoredMail) -> float:
    """Return how long to wait for what somebody has to do: the longer, the longer it has not been done."""
    return min(max(_NOT_NOW_S, (now() - mail.created_at).total_seconds() / 4), _LONGEST_PAUSE_S)


async def _opened(context: TaskContext, deployment: Deployment, tenant: Tenant, mail: StoredMail) -> MailContent:
    try:
        return outgoing.opened(deployment.keyring, tenant.id, mail)
    except DecryptionFailed as error:
        async with context.transaction() as db:
            await outgoing.fail(db, mail.id, f"It cannot be read: {type(error).__name__}.")
        raise TaskRefused(f"It cannot be read: {type(error).__name__}.") from None


@contextmanager
def _lane(tenant: Tenant, relay: MailRelay) -> Iterator[None]:
    if relay.server is None or not relay.server.is_tenants:
        yield
        return
    if _under_way[tenant.id] >= _SIDE_BY_SIDE:
        raise TaskPostponed("Others of the tenant's mails are being sent.", _BUSY_S)
    _under_way[tenant.id] += 1
    try:
        yield
    finally:
        _under_way[tenant.id] -= 1
        if not _under_way[tenant.id]:
            del _under_way[tenant.id]


async def _may_go(
    deployment: Deployment,
    tenant: Tenant,
    template: MailTemplate,
    mail: StoredMail,
    content: MailContent,
    relay: MailRelay,
) -> bool:
    """Say whether the recipient may have one more of these mails in this hour.

    Raises:
        TaskPostponed: The tenant has sent its share of this hour, or Redis does not count.
    """
    redis, keyring = deployment.redis, deployment.keyring
    try:
        if not await recipient_has_room(redis, keyring, tenant.id, template, mail_id=mail.id, to=content.to):
            return False
        most = deployment.settings.mails_per_hour
        if relay.is_tenants or await tenant_has_room(redis, tenant.id, mail_id=mail.id, most=most):
            return True
    except (RedisError, OSError):
        raise TaskPostponed("Redis does not answer, so mails cannot be counted.", _NOT_NOW_S) from None
    raise TaskPostponed("The tenant has sent as many mails as it may in an hour.", _TOO_MANY_S)
