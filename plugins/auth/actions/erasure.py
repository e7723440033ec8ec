"""Closing an account for good: out at once, erased in the background, plugin by plugin."""

from datetime import timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import DateTime, bindparam, select, update

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.personal_data import erase_all
from kernel.tasks import Task, TaskContext, enqueue
from plugins.auth.actions import sessions
from plugins.auth.actions.reauthentication import confirm_password
from plugins.auth.actions.standing import check_account_within_reach, locked_standing
from plugins.auth.errors import LastAdmin, OwnAccount
from plugins.auth.tables import User

_ASK_AGAIN = timedelta(hours=1)
_CLOSE = (
    update(User)
    .where(User.id == bindparam("user"))
    .values(status="inactive", deleted_at=bindparam("now", type_=DateTime(timezone=True)))
)
_IS_CLOSED = select(User.id).where(User.id == bindparam("user"), User.deleted_at.is_not(None))


class AccountToErase(Struct, frozen=True):
    """Whose account."""

    user_id: UUID


async def delete_user(db: Db, actor: Actor, user_id: UUID) -> UUID:
    """Close somebody else's account and erase it in the background; return the task's id.

    Needs: auth.user.delete
    Emits: auth.sessions.changed

    Raises:
        NotFound: There is no such account.
        OwnAccount: One's own is closed with the password.
        Forbidden: Operators' accounts are for operators.
        BeyondOwnRole: The account's role is above the actor's.
        LastAdmin: Nobody could administer the tenant any more.
    """
    if user_id == actor.id:
        raise OwnAccount
    return await _close(db, actor, user_id)


async def delete_own_account(db: Db, actor: Actor, password: str | None) -> UUID:
    """Close the actor's own account and erase it in the background; return the task's id.

    Emits: auth.sessions.changed

    Raises:
        WrongPassword: It is not theirs.
        LastAdmin: Nobody could administer the tenant any more.
    """
    await confirm_password(db, actor, password)
    return await _close(db, actor, actor.id)


async def _close(db: Db, actor: Actor, user_id: UUID) -> UUID:
    standing, is_last_admin = await locked_standing(db, user_id)
    if user_id != actor.id:
        check_account_within_reach(actor, standing)
    if is_last_admin:
        raise LastAdmin
    await db.run(_CLOSE, user=user_id, now=clock.now())
    await sessions.end_sessions_of(db, user_id)
    return await enqueue(db, ERASE_ACCOUNT, AccountToErase(user_id), owner=actor)


async def _erase(context: TaskContext, account: AccountToErase) -> dict[str, tuple[str, ...]]:
    async with context.transaction() as db:
        is_closed = await db.value(_IS_CLOSED, user=account.user_id)
    waiting_for = await erase_all(context, account.user_id) if is_closed else ()
    if waiting_for:
        async with context.transaction() as db:
            await enqueue(db, ERASE_ACCOUNT, account, delay=_ASK_AGAIN)
    return {"waiting_for": waiting_for}


ERASE_ACCOUNT = Task(
    name="auth.erase_account", title="Erase an account", payload=AccountToErase, work=_erase, timeout_s=3600
)
