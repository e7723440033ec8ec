"""Reads of accounts, one and many."""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Executable,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    column,
    func,
    select,
)

from kernel import clock
from kernel.auth import Actor, Permission
from kernel.db import Db
from kernel.errors import NotFound
from kernel.routing import Page, rows_for
from kernel.scoped_rows import ACTOR, within
from kernel.scopes import Scope
from kernel.totals import total_of
from plugins.auth.permissions import LIST_USERS, READ_FILE, Role
from plugins.auth.schemas.texts import Seen, Status, UserSort
from plugins.auth.schemas.users import UserCard, UserDetails
from plugins.auth.tables import StudentFile, User, UserProfile

_WITH_PROFILE = and_(UserProfile.user_id == User.id, UserProfile.tenant_id == User.tenant_id)
_CARD = (
    User.id,
    User.email,
    User.role,
    User.status,
    User.email_verified,
    User.last_login,
    User.created_at,
    UserProfile.first_name,
    UserProfile.last_name,
    UserProfile.avatar_url,
)
_DETAILS = (
    select(
        *_CARD,
        UserProfile.phone,
        UserProfile.bio,
        UserProfile.date_of_birth,
        UserProfile.address,
        UserProfile.city,
        UserProfile.country,
        UserProfile.timezone,
    )
    .join(UserProfile, _WITH_PROFILE)
    .where(User.id == bindparam("id"), User.deleted_at.is_(None))
)

_matching = func.auth.matching(bindparam("words", type_=Text)).table_valued(column("id", Uuid), name="matching")
_IS_ASSIGNED = (
    select(StudentFile.id)
    .where(StudentFile.user_id == User.id, StudentFile.tenant_id == User.tenant_id)
    .where(StudentFile.assigned_instructor == ACTOR)
    .exists()
)
# As an array, so that the accounts are fetched by their keys however many PostgreSQL expects.
_IS_MATCHING = User.id == any_(func.array(select(_matching.c.id).scalar_subquery(), type_=ARRAY(Uuid)))
_MOMENT = bindparam("moment", type_=DateTime(timezone=True))
_SEEN: Mapping[Seen, ColumnElement[bool]] = {
    "week": User.last_login >= _MOMENT,
    "month": User.last_login >= _MOMENT,
    "long_ago": User.last_login < _MOMENT,
    "never": User.last_login.is_(None),
}
_DAYS_AGO: Mapping[Seen, int] = {"week": 7, "month": 30, "long_ago": 90}
# By id is by time: ids grow.
_ORDERS: Mapping[UserSort, tuple[ColumnElement[Any], ...]] = {
    "name": (UserProfile.last_name.asc(), UserProfile.first_name.asc(), UserProfile.user_id.asc()),
    "-name": (UserProfile.last_name.desc(), UserProfile.first_name.desc(), UserProfile.user_id.desc()),
    "email": (User.email.asc(),),
    "-email": (User.email.desc(),),
    "created_at": (User.id.asc(),),
    "-created_at": (User.id.desc(),),
    "last_login": (User.last_login.asc().nulls_first(), User.id.asc()),
    "-last_login": (User.last_login.desc().nulls_last(), User.id.desc()),
}


_NAMED = select(UserProfile.user_id).where(
    UserProfile.user_id == any_(bindparam("ids", type_=ARRAY(Uuid))),
    UserProfile.searched.like(bindparam("pattern", type_=Text)),
)


class Reached(Struct, frozen=True):
    """An account that a permission reaches."""

    id: UUID


def _within(scope: Scope) -> ColumnElement[bool]:
    """Return the condition that a scope reaches an account: one's own, those of students assigned to one, or any."""
    return within(scope, own=User.id == ACTOR, assigned=_IS_ASSIGNED)


async def user_details(db: Db, user_id: UUID) -> UserDetails:
    """Return an account.

    Raises:
        NotFound: There is none.
    """
    user = await db.row(UserDetails, _DETAILS, id=user_id)
    if user is None:
        raise NotFound
    return user


async def reached_user(db: Db, actor: Actor, permission: Permission, user_id: UUID) -> UserDetails:
    """Return an account that a permission reaches for the actor.

    Raises:
        NotFound: There is none, or not for this actor.
        Forbidden: The actor does not hold the permission.
    """
    user = await db.row(UserDetails, _reached(actor.reach(permission)), id=user_id, actor=actor.user_id)
    if user is None:
        raise NotFound
    return user


@cache
def _reached(scope: Scope) -> Executable:
    return _DETAILS.where(_within(scope))


async def files_reached(db: Db, actor: Actor, ids: Iterable[UUID]) -> frozenset[UUID]:
    """Return which of these accounts' files the actor may open, in one query: for links that lead somewhere."""
    scope, wanted = actor.scope(READ_FILE), frozenset(ids)
    if scope is None or not wanted:
        return frozenset()
    found = await db.rows(Reached, _among(scope), ids=list(wanted), actor=actor.user_id)
    return frozenset(each.id for each in found)


@cache
def _among(scope: Scope) -> Executable:
    return select(User.id).where(User.id == any_(bindparam("ids", type_=ARRAY(Uuid))), _within(scope))


async def named_among(db: Db, ids: Iterable[UUID], words: str) -> list[UUID]:
    """Return which of these accounts have a name with this part, in any letters; addresses are not looked at."""
    wanted = list(frozenset(ids))
    if not wanted:
        return []
    part = unicodedata.normalize("NFKC", words).lower()
    for letter in "\\%_":
        part = part.replace(letter, f"\\{letter}")
    return await db.values(_NAMED, ids=wanted, pattern=f"%{part}%")


async def users_page(
    db: Db,
    actor: Actor,
    *,
    role: Role | None,
    status: Status | None,
    q: str | None,
    seen: Seen | None = None,
    sort: UserSort,
    limit: int,
    offset: int,
) -> Page[UserCard]:
    """Return accounts in the order wanted; `q` is a part of a name or address, in any letters.

    Needs: auth.user.list
    """
    wanted = {"role": role, "status": status, "words": q}
    given: dict[str, object] = {name: value for name, value in wanted.items() if value is not None}
    page, total = _list_statements(frozenset(given), seen, sort, actor.reach(LIST_USERS))
    given["actor"] = actor.user_id
    if seen is not None and seen in _DAYS_AGO:
        # To the hour, so that totals of many are kept for those who ask again.
        given["moment"] = clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=_DAYS_AGO[seen])
    items = await db.rows(UserCard, page, most=rows_for(limit), skip=offset, **given)
    return Page(items, await total_of(db, total, given), rows_for(limit), offset)


@cache
def _list_statements(
    filters: frozenset[str], seen: Seen | None, sort: UserSort, scope: Scope
) -> tuple[Executable, Executable]:
    """Return the statements for a page and its total, for the filters with these names and within a scope."""
    conditions = {"role": User.role == bindparam("role"), "status": User.status == bindparam("status")}
    chosen = [User.deleted_at.is_(None), _within(scope), *(conditions[name] for name in sorted(filters - {"words"}))]
    chosen += [_SEEN[seen]] if seen is not None else []
    page = select(*_CARD).join(UserProfile, _WITH_PROFILE).where(*chosen)
    total = select(func.count()).select_from(User).where(*chosen)
    if "words" in filters:
        # Row-level security would read every row; the function filters by tenant itself and has its indexes.
        page, total = page.where(_IS_MATCHING), total.where(_IS_MATCHING)
    return page.order_by(*_ORDERS[sort]).limit(bindparam("most")).offset(bindparam("skip")), total
