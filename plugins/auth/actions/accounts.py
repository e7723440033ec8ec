"""Changing accounts: one's own profile, and for administrators role and status.

Making them is `new_accounts`, closing them `erasure`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import UNSET, structs
from sqlalchemy import Executable, bindparam, update

from kernel.auth import Actor
from kernel.db import Db
from plugins.auth import rules
from plugins.auth.actions.standing import change_standing
from plugins.auth.permissions import UPDATE_USER
from plugins.auth.queries import users
from plugins.auth.schemas.users import UpdateUserRequest, UserDetails
from plugins.auth.tables import UserProfile

_OF_ACCOUNT = frozenset({"role", "status"})


async def update_user(db: Db, actor: Actor, user_id: UUID, request: UpdateUserRequest) -> UserDetails:
    """Change a profile, and for administrators role and status, felt at that user's next request.

    Needs: auth.user.update, auth.user.manage
    Emits: auth.sessions.changed

    Raises:
        NotFound: There is no such account, or not for this actor.
        Forbidden: Role and status are for administrators.
        OwnAccount: Nobody changes their own role or status.
        LastAdmin: Nobody could administer the tenant any more.
    """
    await users.reached_user(db, actor, UPDATE_USER, user_id)
    changes = {name: value for name, value in structs.asdict(request).items() if value is not UNSET}
    standing = {name: changes.pop(name) for name in _OF_ACCOUNT & changes.keys()}
    if standing:
        await change_standing(db, actor, user_id, standing)
    if changes:
        await _change_profile(db, user_id, changes)
    return await users.user_details(db, user_id)


async def _change_profile(db: Db, user_id: UUID, changes: Mapping[str, Any]) -> None:
    if "timezone" in changes:
        rules.check_timezone(changes["timezone"])
    names = {"first_name", "last_name"} & changes.keys()
    rules.check_names({name: changes[name] for name in sorted(names)})
    values = {**changes, **{name: changes[name].strip() for name in names}}
    await db.run(_update_profile(frozenset(values)), of_user=user_id, **values)


@cache
def _update_profile(columns: frozenset[str]) -> Executable:
    changed = update(UserProfile).where(UserProfile.user_id == bindparam("of_user"))
    return changed.values({each: bindparam(each) for each in columns})
