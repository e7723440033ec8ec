"""Mails that wait: written in the caller's transaction, encrypted, and taken away once their server has them.

A request pays a row of the mail and one of the outbox; the worker makes a job of it, because the queue's notification
serialises commits. Neither carries more than ids. Sending is `kernel.mail.delivery`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, bindparam, delete, func, insert, literal_column, or_, select, update

from kernel.db import Db
from kernel.events import Event, Listener, publish
from kernel.ids import new_id
from kernel.keys import DecryptionFailed, Keyring
from kernel.mail.servers import parse_address
from kernel.mail.tables import OutgoingMail
from kernel.mail.wording import SCHOOL, MailTemplate
from kernel.tasks import AnyTask, NoPayload, Task, TaskContext, enqueue

_CLAIMED: ColumnElement[Any] = literal_column("interval '3 minutes'")
"""Longer than a conversation with a server may last, so that no second worker sends what a first one is sending."""
_KEPT: ColumnElement[Any] = literal_column("interval '14 days'")

_INSERT = insert(OutgoingMail).values(
    id=bindparam("id"), template=bindparam("template"), content_encrypted=bindparam("content")
)
_READ = select(
    OutgoingMail.id,
    OutgoingMail.template,
    OutgoingMail.content_encrypted,
    OutgoingMail.created_at,
    OutgoingMail.attempts,
).where(OutgoingMail.id == bindparam("id"))
_CLAIM = (
    update(OutgoingMail)
    .where(
        OutgoingMail.id == bindparam("mail"),
        or_(OutgoingMail.claimed_until.is_(None), OutgoingMail.claimed_until < func.now()),
    )
    .values(attempts=OutgoingMail.attempts + 1, claimed_until=func.now() + _CLAIMED, failed_at=None)
    .returning(OutgoingMail.attempts)
)
_RELEASE = (
    update(OutgoingMail)
    .where(OutgoingMail.id == bindparam("mail"))
    .values(claimed_until=None, last_answer=bindparam("answer"))
)
_FAIL = (
    update(OutgoingMail)
    .where(OutgoingMail.id == bindparam("mail"))
    .values(claimed_until=None, last_answer=bindparam("answer"), failed_at=func.now(), attempts=0)
)
_DELETE = delete(OutgoingMail).where(OutgoingMail.id == bindparam("id"))
_FORGET = delete(OutgoingMail).where(
    or_(OutgoingMail.failed_at < func.now() - _KEPT, OutgoingMail.created_at < func.now() - 2 * _KEPT)
)
_FAILED = (
    select(OutgoingMail.id, OutgoingMail.template, OutgoingMail.failed_at, OutgoingMail.last_answer)
    .where(OutgoingMail.failed_at.is_not(None))
    .order_by(OutgoingMail.failed_at.desc())
    .limit(200)
)
_WAITING = select(*_READ.selected_columns)


class MailContent(msgspec.Struct, frozen=True):
    """What of a mail is encrypted: everything personal."""

    to: str
    locale: str | None
    values: dict[str, str]
    by_deployment: bool = False


class StoredMail(msgspec.Struct, frozen=True):
    """A mail that waits."""

    id: UUID
    template: str
    content_encrypted: str
    created_at: datetime
    attempts: int


class FailedMail(msgspec.Struct, frozen=True):
    """A mail that is not tried any more, and what its server said."""

    id: UUID
    template: str
    failed_at: datetime
    last_answer: str | None


class MailId(msgspec.Struct, frozen=True):
    """The payload of the task."""

    mail_id: UUID


class MailWritten(Event, frozen=True, kw_only=True):
    """A mail waits to be sent."""

    name: ClassVar[str] = "kernel.mail_written"

    mail_id: UUID


async def send(
    db: Db,
    template: MailTemplate,
    *,
    to: str,
    locale: str | None = None,
    values: Mapping[str, str] | None = None,
    by_deployment: bool = False,
) -> None:
    """Write a mail; it leaves after the commit, and never if the transaction is rolled back.

    It is tried again for about a day. Its server gets it once, as far as SMTP allows: who breaks the connection while
    answering for the whole message gets it again, under the same Message-ID.

    Args:
        db: The tenant's transaction; its school's name, server and wording are used.
        template: One that a plugin has registered.
        to: The address.
        locale: The recipient's language; the tenant's own when absent or when the template does not speak it.
        values: One for each of the template's placeholders. A link is what `tenant.url()` returns.
        by_deployment: By the deployment's server and in the template's own words, whatever the tenant has chosen: for
            links that open more than the tenant, which its administrators must not read.

    Raises:
        MailAddressInvalid: Nothing can be sent to such an address.
        ValueError: The values are not those of the template.
        LookupError: No plugin has registered the template.
    """
    if db.deployment.registry.mail_templates.get(template.name) != template:
        raise LookupError(f"no plugin has registered the mail template {template.name!r}")
    given = {} if values is None else dict(values)
    if given.keys() != template.placeholders.keys():
        raise ValueError(f"{template.name} needs the values {sorted(template.placeholders)}, not {sorted(given)}")
    parse_address(to)
    mail_id = new_id()
    content = msgspec.json.encode(MailContent(to, locale, given, by_deployment))
    sealed = db.deployment.keyring.encrypt("mail", content, _context(db.tenant_id, mail_id))
    await db.run(_INSERT, id=mail_id, template=template.name, content=sealed)
    await publish(db, MailWritten(mail_id=mail_id))


async def read(db: Db, mail_id: UUID) -> StoredMail | None:
    """Return a mail that waits."""
    return await db.row(StoredMail, _READ, id=mail_id)


def opened(keyring: Keyring, tenant_id: UUID, mail: StoredMail) -> MailContent:
    """Return to whom a mail goes and with which values.

    Raises:
        DecryptionFailed: Its key is gone, or it is not this tenant's mail.
    """
    content = keyring.decrypt("mail", mail.content_encrypted, _context(tenant_id, mail.id))
    return msgspec.json.decode(content, type=MailContent)


def values_of(content: MailContent, school: str) -> dict[str, str]:
    """Return the values of every placeholder, the school's name among them."""
    return {**content.values, SCHOOL: school}


async def failed_mails(db: Db) -> list[FailedMail]:
    """Return the tenant's mails that are not tried any more, the newest 200 first."""
    return await db.rows(FailedMail, _FAILED)


async def forget_mails_to(db: Db, address: str) -> None:
    """Remove what waits to be sent to an address, for whoever erases its owner."""
    wanted = address.casefold()
    for mail in await db.rows(StoredMail, _WAITING):
        try:
            content = opened(db.deployment.keyring, db.tenant_id, mail)
        except DecryptionFailed:
            continue
        if content.to.casefold() == wanted:
            await remove(db, mail.id)


async def claim(db: Db, mail_id: UUID) -> int | None:
    """Take a mail for a few minutes and return which attempt this is; None while another worker has it."""
    attempt: int | None = await db.value(_CLAIM, mail=mail_id)
    return attempt


async def release(db: Db, mail_id: UUID, answer: str) -> None:
    """Give a mail back after an attempt that failed, with what the server said."""
    await db.run(_RELEASE, mail=mail_id, answer=answer)


async def fail(db: Db, mail_id: UUID, answer: str) -> None:
    """Keep a mail that is not tried any more, for an operator, who may have it tried anew."""
    await db.run(_FAIL, mail=mail_id, answer=answer)


async def remove(db: Db, mail_id: UUID) -> None:
    """Take a mail away: its server has it, or nobody may get it."""
    await db.run(_DELETE, id=mail_id)


def _context(tenant_id: UUID, mail_id: UUID) -> bytes:
    return f"{tenant_id}/{mail_id}".encode()


async def _deliver(context: TaskContext, payload: MailId) -> None:
    from kernel.mail.delivery import deliver  # import: start-up-time

    await deliver(context, payload.mail_id)


async def _forget(db: Db, _payload: NoPayload) -> None:
    await db.run(_FORGET)


SEND_MAIL = Task(name="kernel.send_mail", title="Send a mail", payload=MailId, work=_deliver)
FORGET_MAILS = Task(
    name="kernel.forget_mails", title="Forget old mails", payload=NoPayload, handle=_forget, schedule="41 3 * * *"
)
MAIL_TASKS: tuple[AnyTask, ...] = (SEND_MAIL, FORGET_MAILS)


async def _enqueue(db: Db, event: MailWritten) -> None:
    await enqueue(db, SEND_MAIL, MailId(event.mail_id))


MAIL_LISTENERS = (Listener(MailWritten, "kernel.queue_mail", _enqueue),)
