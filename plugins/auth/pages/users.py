"""The pages of people for administrators: everybody, somebody new, invitations, one account."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar.params import FromPath, FromQuery, Parameter, QueryParameter

from kernel.auth import Actor
from kernel.clock import timezones
from kernel.db import Db
from kernel.routing import Offset
from plugins.auth.permissions import (
    CREATE_USER,
    DELETE_USER,
    LIST_USERS,
    MANAGE_USER,
    READ_FILE,
    READ_USER,
    ROLES,
    UPDATE_USER,
    Role,
)
from plugins.auth.queries import users
from plugins.auth.queries.devices import devices_of
from plugins.auth.queries.files import kept_work
from plugins.auth.schemas.texts import Seen, Status, UserSort
from plugins.auth.schemas.users import UserCard
from plugins.auth.settings import SETTINGS, AuthSettings

_DEVICES = 5
Shown = tuple[str, Mapping[str, Any]]
Search = Annotated[str | None, QueryParameter(min_length=1, max_length=100)]
Rows = Annotated[int, Parameter(ge=1, le=100)]


async def everybody(
    db: Db,
    actor: Actor,
    role: FromQuery[Role | None] = None,
    status: FromQuery[Status | None] = None,
    q: Search = None,
    seen: FromQuery[Seen | None] = None,
    sort: FromQuery[UserSort] = "name",
    limit: Rows = 25,
    offset: Offset = 0,
) -> Shown:
    """Show the accounts, filtered and in the order wanted."""
    page = await users.users_page(
        db, actor, role=role, status=status, q=q, seen=seen, sort=sort, limit=limit, offset=offset
    )
    values = {
        "page": page,
        "chosen": {"role": role, "status": status, "q": q, "seen": seen},
        "sort": sort,
        "why_fast": partial(why_fast, actor),
        "roles": roles_within_reach(actor),
        "may_read_file": actor.scope(READ_FILE) == "any",
        **_powers(actor),
    }
    return "auth/users.html", values


async def new(db: Db, actor: Actor) -> Shown:
    """Show how to make an account for somebody."""
    policy = db.tenant.setting(SETTINGS, AuthSettings).password
    return "auth/user_new.html", {"roles": roles_within_reach(actor), "policy": policy}


async def invite(actor: Actor) -> Shown:
    """Show how to invite many people at once."""
    return "auth/users_invite.html", {"roles": roles_within_reach(actor)}


async def one(db: Db, actor: Actor, user_id: FromPath[UUID]) -> Shown:
    """Show an account, what may be changed about it, and why the rest may not.

    Raises:
        NotFound: There is none, or not for this actor.
    """
    user = await users.reached_user(db, actor, READ_USER, user_id)
    powers = _powers(actor)
    manages = powers["may_manage"]
    values = {
        "user": user,
        "work": await kept_work(db, user_id) if user.role == "instructor" else None,
        "why_fast": why_fast(actor, user),
        "roles": roles_within_reach(actor),
        "zones": [(each, each.replace("_", " ")) for each in sorted({*timezones(), user.timezone})],
        "devices": await devices_of(db, actor, user_id, limit=_DEVICES, offset=0) if manages else None,
        "may_update": actor.scope(UPDATE_USER) == "any" or user_id == actor.id,
        "may_delete": actor.may(DELETE_USER),
        "may_read_file": actor.may(READ_FILE) and user.role != "admin",
        **powers,
    }
    return "auth/user.html", values


async def find_people(db: Db, actor: Actor, words: str, limit: int) -> list[dict[str, str]]:
    """Return people by a part of their name or address, for the portal's search."""
    page = await users.users_page(
        db, actor, role=None, status=None, q=words, seen=None, sort="name", limit=limit, offset=0
    )
    return [
        {
            "title": f"{each.first_name} {each.last_name}",
            "href": f"/admin/users/{each.id}",
            "about": each.email,
            "icon": "person",
        }
        for each in page.items
    ]


def roles_within_reach(actor: Actor) -> Sequence[Role]:
    """Return the roles that the actor may give: none above their own."""
    own = ROLES.index(actor.role) if actor.role in ROLES else len(ROLES)
    return ROLES[own:]


def why_fast(actor: Actor, user: UserCard) -> str:
    """Return in a word why role and status of an account stand fast for the actor; empty where they do not.

    The last administrator needs no word: nobody but they themselves could decide about them.
    """
    if user.id == actor.id:
        return "own"
    return "" if user.role in roles_within_reach(actor) else "above"


def _powers(actor: Actor) -> dict[str, bool]:
    return {"may_create": actor.may(CREATE_USER), "may_manage": actor.may(MANAGE_USER)}


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/admin/users", "handler": everybody, "access": LIST_USERS},
    {"path": "/admin/users/new", "handler": new, "access": CREATE_USER},
    {"path": "/admin/users/invite", "handler": invite, "access": CREATE_USER},
    {"path": "/admin/users/{user_id:uuid}", "handler": one, "access": LIST_USERS},
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "auth.users", "area": "admin", "group": "People", "label": "Users", "icon": "people",
        "path": "/admin/users", "order": 110, "access": LIST_USERS,
    },
)  # fmt: skip
SEARCH: Sequence[Mapping[str, Any]] = (
    {
        "id": "auth.users", "heading": "Users", "find": find_people, "access": LIST_USERS, "order": 90,
        "everything": "/admin/users?q=",
    },
)  # fmt: skip
