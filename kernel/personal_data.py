"""Personal data: what each plugin keeps about somebody, handed out or erased as a whole.

Here stands in which order, and that the audit log forgets too. Who may ask for it is decided by whoever keeps accounts.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Text, Uuid, bindparam, delete, func, insert, select

from kernel import clock
from kernel.db import Db
from kernel.tables import AuditLog, Outbox
from kernel.tasks import TaskContext


class PersonalData(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of data that a plugin keeps about a person.

    Args:
        name: Dotted, `plugin.things`.
        title: What it is, for the person themselves.
        export: Returns all of it as a Struct, or a list of Structs; what is empty means that there is none. Secrets and
            what is about somebody else stay out.
        erase: Deletes it, or takes out what points at the person where others need the rest. It may run again for
            somebody who is erased already. Each audited row that it changes or deletes loses its values in the audit
            log, back to the beginning. It runs as the worker's role, whose rights are those of every plugin.
    """

    name: str
    title: str
    export: Callable[[Db, UUID], Awaitable[object]]
    erase: Callable[[Db, UUID], Awaitable[None]]

    @property
    def plugin(self) -> str:
        """The plugin that keeps it."""
        return self.name.partition(".")[0]

    def acts(self, db: Db) -> bool:
        """Whether its plugin acts for the tenant; the kernel's own data belong to every tenant."""
        return self.plugin == "kernel" or self.plugin in db.tenant.plugins


class Activity(msgspec.Struct, frozen=True):
    """Something that a person changed, from where."""

    at: datetime
    action: str
    entity_id: UUID | None
    ip_address: str | None
    user_agent: str | None


class PersonalDataExport(msgspec.Struct, frozen=True):
    """Everything that is kept about somebody, by the name of each kind."""

    exported_at: datetime
    user_id: UUID
    data: dict[str, Any]
    switched_off: list[str]
    """Kinds that are not among it, because their plugin is switched off here."""


_ACTIVITY = (
    select(
        AuditLog.created_at.label("at"),
        AuditLog.action,
        AuditLog.entity_id,
        AuditLog.ip_address,
        AuditLog.user_agent,
    )
    .where(AuditLog.user_id == bindparam("user"))
    .order_by(AuditLog.created_at, AuditLog.id)
)
_NOTE_EXPORT = insert(AuditLog).values(
    user_id=bindparam("actor", type_=Uuid),
    action="kernel.personal_data.exported",
    entity_type="kernel.personal_data",
    entity_id=bindparam("person", type_=Uuid),
    request_id=bindparam("request_id", type_=Text),
    ip_address=bindparam("address", type_=Text),
    user_agent=bindparam("agent", type_=Text),
)
_FORGET_ACTIVITY = select(func.kernel.forget_activity(bindparam("person", type_=Uuid)))
_FORGET_DELETED_ROWS = select(func.kernel.forget_deleted_rows(bindparam("person", type_=Uuid)))
# An event that no listener could take keeps what it said of the person; the worker sees those of every tenant.
_FORGET_DEAD_LETTERS = delete(Outbox).where(
    Outbox.tenant_id == bindparam("tenant", type_=Uuid),
    Outbox.dead_at.is_not(None),
    Outbox.payload.has_key("personal"),
    Outbox.payload["user_id"].astext == bindparam("person", type_=Text),
)
_FORGET_VALUES = select(func.kernel.forget_changed_values())


async def _activity(db: Db, user_id: UUID) -> list[Activity]:
    return await db.rows(Activity, _ACTIVITY, user=user_id)


async def _forget_activity(db: Db, user_id: UUID) -> None:
    await db.value(_FORGET_DELETED_ROWS, person=user_id)
    await db.run(_FORGET_DEAD_LETTERS, tenant=db.tenant_id, person=str(user_id))
    await db.value(_FORGET_ACTIVITY, person=user_id)


KERNEL_PERSONAL_DATA = (
    PersonalData(name="kernel.activity", title="What you changed", export=_activity, erase=_forget_activity),
)


async def export_all(db: Db, user_id: UUID) -> PersonalDataExport:
    """Return everything that the plugins which act here keep about somebody; the audit log says who asked for it."""
    kinds = db.deployment.registry.personal_data
    data = {each.name: await each.export(db, user_id) for each in kinds if each.acts(db)}
    await db.run(
        _NOTE_EXPORT,
        actor=db.origin.actor_id,
        person=user_id,
        request_id=db.origin.request_id,
        address=db.origin.address,
        agent=db.origin.agent,
    )
    withheld = [each.name for each in kinds if not each.acts(db)]
    return PersonalDataExport(clock.now(), user_id, data, withheld)


async def erase_all(context: TaskContext, user_id: UUID) -> tuple[str, ...]:
    """Erase somebody, kind by kind, whoever builds on others first; or say what that waits for, and erase nothing yet.

    A plugin that is set aside, or that is switched off and yet keeps something of the person, must act first: else the
    account would be gone and its traces could not be found any more.

    Returns:
        The plugins to wait for; empty once all is erased.
    """
    async with context.transaction() as db:
        kinds = db.deployment.registry.personal_data
        waiting = (*db.deployment.set_aside, *await _keeping_although_off(db, kinds, user_id))
    if waiting:
        return tuple(dict.fromkeys(waiting))
    for done, each in enumerate(reversed(kinds)):
        await context.progress(done, len(kinds), each.name)
        async with context.transaction() as db:
            if each.acts(db):
                await each.erase(db, user_id)
                # Its rows in the audit log tell which rows were about the person, and hold what they held.
                await db.value(_FORGET_VALUES)
    return ()


async def _keeping_although_off(db: Db, kinds: Iterable[PersonalData], user_id: UUID) -> list[str]:
    return [each.plugin for each in kinds if not each.acts(db) and await each.export(db, user_id)]
