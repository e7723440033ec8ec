"""HTTP: signing in and out, registering, accounts."""

from typing import Annotated
from uuid import UUID

from litestar import Response, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import Scope

from kernel.auth import Actor, public, requires, signed_in
from kernel.db import Db
from kernel.door import Arrival, access_cookie_name
from kernel.routing import Limit, Offset, Page
from plugins.auth import queries
from plugins.auth.actions import accounts, sessions, signing_in
from plugins.auth.cookies import refresh_cookie_name, sign_in_cookies, sign_out_cookies
from plugins.auth.errors import RefreshInvalid
from plugins.auth.permissions import CREATE_USER, LIST_USERS, READ_USER, UPDATE_USER, Role
from plugins.auth.schemas import (
    CreateUserRequest,
    LoginRequest,
    Refreshed,
    RefreshRequest,
    Registered,
    RegisterRequest,
    SignedIn,
    Status,
    UpdateUserRequest,
    UserCard,
    UserDetails,
)

# A credential that has expired must not keep anybody from signing in, refreshing or signing out.
_IGNORED = {"credential_ignored": True}
_COUNTED = {**_IGNORED, "door": "login"}
Search = Annotated[
    str | None, QueryParameter(min_length=1, max_length=100, description="Looked for in name and address.")
]


@post("/auth/register", guards=[public], opt=_COUNTED, status_code=202, operation_id="auth_register")
async def register(db: Db, data: JSONBody[RegisterRequest]) -> Registered:
    """Make an account of one's own; the answer is the same whether or not the address is taken."""
    await accounts.register(db, data)
    return Registered()


@post("/auth/login", guards=[public], opt=_COUNTED, status_code=200, operation_id="auth_login")
async def login(db: Db, data: JSONBody[LoginRequest], scope: Scope) -> Response[SignedIn]:
    """Sign in by address and password; the tokens come in the body and as cookies."""
    user, tokens = await signing_in.sign_in(db, email=data.email, password=data.password)
    answer = SignedIn(
        user=user,
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_in=tokens.expires_in,
    )
    return Response(answer, cookies=sign_in_cookies(tokens, secure=_arrival(scope).is_secure))


@post("/auth/refresh", guards=[public], opt=_IGNORED, status_code=200, operation_id="auth_refresh")
async def refresh(db: Db, scope: Scope, data: JSONBody[RefreshRequest | None] = None) -> Response[Refreshed]:
    """Exchange a refresh token; one from the body is answered in the body, one from a cookie by cookies alone."""
    arrival = _arrival(scope)
    if data is not None and data.refresh_token is not None:
        tokens = await sessions.refresh(db, data.refresh_token)
        return Response(
            Refreshed(
                access_token=tokens.access_token, refresh_token=tokens.refresh_token, expires_in=tokens.expires_in
            )
        )
    presented = arrival.cookie(refresh_cookie_name(secure=arrival.is_secure))
    if not presented:
        raise RefreshInvalid
    tokens = await sessions.refresh(db, presented)
    return Response(Refreshed(expires_in=tokens.expires_in), cookies=sign_in_cookies(tokens, secure=arrival.is_secure))


@post("/auth/logout", guards=[public], opt=_IGNORED, status_code=204, operation_id="auth_logout")
async def logout(db: Db, scope: Scope, data: JSONBody[RefreshRequest | None] = None) -> Response[None]:
    """End the session at once and forget the cookies; whoever is not signed in gets the same answer."""
    arrival = _arrival(scope)
    secure = arrival.is_secure
    sent = data.refresh_token if data is not None else None
    await sessions.sign_out(
        db,
        access_token=arrival.bearer() or arrival.cookie(access_cookie_name(secure=secure)),
        refresh_token=sent or arrival.cookie(refresh_cookie_name(secure=secure)),
    )
    return Response(None, cookies=sign_out_cookies(secure=secure))


def _arrival(scope: Scope) -> Arrival:
    arrival: Arrival = scope["state"]["arrival"]
    return arrival


@get("/users/me", guards=[signed_in], operation_id="users_me")
async def read_me(db: Db, actor: Actor) -> UserDetails:
    """Return one's own account."""
    return await queries.user_details(db, actor.id)


@get("/users", guards=[requires(LIST_USERS)], operation_id="users_list")
async def list_users(
    db: Db,
    role: FromQuery[Role | None] = None,
    status: FromQuery[Status | None] = None,
    q: Search = None,
    limit: Limit = 20,
    offset: Offset = 0,
) -> Page[UserCard]:
    """Return the tenant's accounts by name."""
    return await queries.users_page(db, role=role, status=status, q=q, limit=limit, offset=offset)


@post("/users", guards=[requires(CREATE_USER)], operation_id="users_create")
async def create_user(db: Db, data: JSONBody[CreateUserRequest]) -> UserDetails:
    """Make an account for somebody, in any role."""
    return await accounts.add_user(db, data)


@get("/users/{user_id:uuid}", guards=[requires(READ_USER)], operation_id="users_get")
async def read_user(db: Db, actor: Actor, user_id: FromPath[UUID]) -> UserDetails:
    """Return an account: administrators any, everybody their own."""
    return await queries.visible_user(db, actor, user_id)


@patch("/users/{user_id:uuid}", guards=[requires(UPDATE_USER)], operation_id="users_update")
async def update_user(db: Db, actor: Actor, user_id: FromPath[UUID], data: JSONBody[UpdateUserRequest]) -> UserDetails:
    """Change a profile; administrators also change role and status."""
    return await db.retrying(lambda: accounts.update_user(db, actor, user_id, data))


ROUTES: tuple[HTTPRouteHandler, ...] = (
    register,
    login,
    refresh,
    logout,
    read_me,
    list_users,
    create_user,
    read_user,
    update_user,
)
