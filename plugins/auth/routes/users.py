"""Accounts, for administrators and, one by one, for their owners."""

from typing import Annotated
from uuid import UUID

from litestar import delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from kernel.auth import Actor, requires
from kernel.db import Db
from kernel.idempotency import idempotent
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset, Page
from plugins.auth.actions import accounts, erasure, invitations, new_accounts, standing
from plugins.auth.permissions import CREATE_USER, DELETE_USER, LIST_USERS, MANAGE_USER, READ_USER, UPDATE_USER, Role
from plugins.auth.queries import users
from plugins.auth.schemas.erasure import ErasureStarted
from plugins.auth.schemas.texts import Seen, Status, UserSort
from plugins.auth.schemas.users import (
    BulkRequest,
    BulkResult,
    CreateUserRequest,
    UpdateUserRequest,
    UserCard,
    UserDetails,
)

Search = Annotated[
    str | None, QueryParameter(min_length=1, max_length=100, description="Looked for in name and address.")
]


@get("/users", guards=[requires(LIST_USERS)], opt=reads_only(), operation_id="users_list")
async def list_users(
    db: Db,
    actor: Actor,
    role: FromQuery[Role | None] = None,
    status: FromQuery[Status | None] = None,
    q: Search = None,
    seen: FromQuery[Seen | None] = None,
    sort: FromQuery[UserSort] = "name",
    limit: Limit = 20,
    offset: Offset = 0,
) -> Page[UserCard]:
    """Return the tenant's accounts, by name unless asked otherwise."""
    return await users.users_page(
        db, actor, role=role, status=status, q=q, seen=seen, sort=sort, limit=limit, offset=offset
    )


@post("/users", guards=[requires(CREATE_USER)], operation_id="users_create")
async def create_user(db: Db, actor: Actor, data: JSONBody[CreateUserRequest]) -> UserDetails:
    """Make an account for somebody, in any role; without a password they are invited by mail."""
    return await new_accounts.add_user(db, actor, data)


@get("/users/{user_id:uuid}", guards=[requires(READ_USER)], opt=reads_only(), operation_id="users_get")
async def read_user(db: Db, actor: Actor, user_id: FromPath[UUID]) -> UserDetails:
    """Return an account: administrators any, everybody their own."""
    return await users.reached_user(db, actor, READ_USER, user_id)


@patch("/users/{user_id:uuid}", guards=[requires(UPDATE_USER)], opt=idempotent(), operation_id="users_update")
async def update_user(db: Db, actor: Actor, user_id: FromPath[UUID], data: JSONBody[UpdateUserRequest]) -> UserDetails:
    """Change a profile; administrators also change role and status."""
    return await db.retrying(lambda: accounts.update_user(db, actor, user_id, data))


@delete(
    "/users/{user_id:uuid}",
    guards=[requires(DELETE_USER)],
    opt=idempotent(),
    status_code=202,
    operation_id="users_delete",
)
async def delete_user(db: Db, actor: Actor, user_id: FromPath[UUID]) -> ErasureStarted:
    """Close an account for good; what is kept about its owner is erased by a task."""
    return ErasureStarted(await db.retrying(lambda: erasure.delete_user(db, actor, user_id)))


@post("/users/{user_id:uuid}/invite", guards=[requires(CREATE_USER)], status_code=204, operation_id="users_invite")
async def invite_user(db: Db, user_id: FromPath[UUID]) -> None:
    """Mail the invitation once more, for an account that nobody has used yet."""
    await invitations.invite(db, user_id)


@post("/users/bulk", guards=[requires(MANAGE_USER)], opt=idempotent(), status_code=200, operation_id="users_bulk")
async def change_many(db: Db, actor: Actor, data: JSONBody[BulkRequest]) -> BulkResult:
    """Activate, deactivate or suspend up to a hundred accounts at once: all of them, or none."""
    return await db.retrying(lambda: standing.change_many(db, actor, data))


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    list_users,
    create_user,
    change_many,
    read_user,
    update_user,
    delete_user,
    invite_user,
)
