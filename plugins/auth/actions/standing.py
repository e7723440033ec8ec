"""Role and status of accounts: who may change them, and that somebody stays who can administer the tenant."""

from collections.abc import Mapping
from functools import cache
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import Executable, bindparam, select, update

from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Forbidden, NotFound
from plugins.auth.actions import sessions
from plugins.auth.errors import BeyondOwnRole, LastAdmin, OwnAccount
from plugins.auth.permissions import MANAGE_USER, ROLES, Role
from plugins.auth.schemas.texts import BulkAction, Status
from plugins.auth.schemas.users import BulkRequest, BulkResult
from plugins.auth.tables import User

# One lock for every change of role or status in the tenant: two administrators who take each other's role away come
# one after the other, and the second finds what the first one left.
_LOCK_ADMINS = select(User.id).where(User.role == "admin", User.status == "active").order_by(User.id).with_for_update()
_STANDING = select(User.role, User.status, User.is_operator).where(
    User.id == bindparam("user"), User.deleted_at.is_(None)
)

_STATUS_AFTER: Mapping[BulkAction, Status] = {"activate": "active", "deactivate": "inactive", "suspend": "suspended"}


class AccountStanding(Struct, frozen=True):
    """Role and status of an account."""

    role: Role
    status: Status
    is_operator: bool


async def change_standing(db: Db, actor: Actor, user_id: UUID, changes: Mapping[str, str]) -> None:
    """Set role, status or both of somebody else's account, felt at that user's next request.

    Needs: auth.user.manage
    Emits: auth.sessions.changed

    Raises:
        NotFound: There is no such account.
        Forbidden: Role and status are for administrators, operators' accounts for operators.
        OwnAccount: Nobody changes their own role or status.
        BeyondOwnRole: The account's role, or the new one, is above the actor's.
        LastAdmin: Nobody could administer the tenant any more.
    """
    if not actor.may(MANAGE_USER):
        raise Forbidden
    if user_id == actor.id:
        raise OwnAccount
    before, is_last_admin = await locked_standing(db, user_id)
    after = structs.replace(before, **changes)
    check_account_within_reach(actor, before)
    check_role_within_reach(actor.role, after.role)
    if is_last_admin and (after.role, after.status) != ("admin", "active"):
        raise LastAdmin
    await db.run(_set_standing(frozenset(changes)), of_user=user_id, **changes)
    if after.status != "active":
        await sessions.end_sessions_of(db, user_id)
    elif after.role != before.role:
        await sessions.renew_sessions_of(db, user_id)


async def change_many(db: Db, actor: Actor, request: BulkRequest) -> BulkResult:
    """Set the status of many accounts; a single one that cannot be changed leaves all as they are.

    Needs: auth.user.manage
    Emits: auth.sessions.changed

    Raises:
        NotFound: One of them is not there.
        OwnAccount: The actor is among them.
        LastAdmin: Nobody could administer the tenant any more.
    """
    status = _STATUS_AFTER[request.action]
    # In one order, so that two who change the same ones wait for each other.
    ids = sorted(set(request.ids))
    for user_id in ids:
        await change_standing(db, actor, user_id, {"status": status})
    return BulkResult(status, ids)


async def end_sessions_of(db: Db, actor: Actor, user_id: UUID) -> None:
    """Sign somebody out everywhere, felt at their next request.

    Needs: auth.user.manage
    Emits: auth.sessions.changed

    Raises:
        NotFound: There is no such account.
        Forbidden: Operators' accounts are for operators.
        BeyondOwnRole: The account's role is above the actor's.
    """
    standing = await db.row(AccountStanding, _STANDING, user=user_id)
    if standing is None:
        raise NotFound
    check_account_within_reach(actor, standing)
    await sessions.end_sessions_of(db, user_id)


def check_role_within_reach(own: str, *roles: Role) -> None:
    """Refuse to make, change or close accounts of a role above one's own.

    A tenant may let instructors, say, manage accounts: they would otherwise make each other administrators.

    Raises:
        BeyondOwnRole: One of the roles is above the actor's, or the actor has none.
    """
    if own not in ROLES or any(ROLES.index(role) < ROLES.index(own) for role in roles):
        raise BeyondOwnRole


def check_account_within_reach(actor: Actor, account: AccountStanding) -> None:
    """Refuse to decide about an account above one's own: of a mightier role, or of an operator.

    Raises:
        Forbidden: Operators' accounts are for operators.
        BeyondOwnRole: The account's role is above the actor's.
    """
    if account.is_operator and not actor.is_operator:
        raise Forbidden
    check_role_within_reach(actor.role, account.role)


async def locked_standing(db: Db, user_id: UUID) -> tuple[AccountStanding, bool]:
    """Return an account's standing and whether it is the last active administrator's; both stay so until the commit.

    Raises:
        NotFound: There is no such account.
    """
    admins = await db.values(_LOCK_ADMINS)
    standing = await db.row(AccountStanding, _STANDING, user=user_id)
    if standing is None:
        raise NotFound
    return standing, admins == [user_id]


@cache
def _set_standing(columns: frozenset[str]) -> Executable:
    return update(User).where(User.id == bindparam("of_user")).values({each: bindparam(each) for each in columns})
