"""Passkeys: one's own, and signing in with them."""

from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from litestar.types import Scope

from kernel.auth import Actor, public, signed_in
from kernel.db import Db
from kernel.routing import OPEN_TO_RESTRICTED, Limit, Offset, Page, rows_for
from plugins.auth.actions import passkeys
from plugins.auth.queries.passkeys import passkeys_of
from plugins.auth.routes.answers import admission_answer
from plugins.auth.routes.arrivals import ASKS_PASSWORD, COUNTED_AS_LOGIN, CREDENTIAL_IGNORED, arrival_of
from plugins.auth.schemas.passkeys import (
    MakePasskeyRequest,
    Passkey,
    PasskeyMade,
    PasskeyOptions,
    PasskeyOptionsRequest,
    PasskeySignInRequest,
    RenamePasskeyRequest,
)
from plugins.auth.schemas.second_factors import PasswordAgain
from plugins.auth.schemas.sessions import MfaRequired, SignInAnswer


@post(
    "/auth/passkeys/options",
    guards=[signed_in],
    opt=ASKS_PASSWORD,
    status_code=200,
    operation_id="auth_passkey_options",
)
async def begin_passkey(db: Db, actor: Actor, data: JSONBody[PasswordAgain]) -> PasskeyOptions:
    """Return what the browser needs to make a passkey, for five minutes."""
    return PasskeyOptions(await passkeys.begin_passkey(db, actor, password=data.password))


@post("/auth/passkeys", guards=[signed_in], opt=OPEN_TO_RESTRICTED, operation_id="auth_passkeys_create")
async def make_passkey(db: Db, actor: Actor, data: JSONBody[MakePasskeyRequest]) -> PasskeyMade:
    """Keep the passkey that the browser has made; recovery codes are answered this one time."""
    return await passkeys.make_passkey(db, actor, name=data.name, credential=data.credential)


@get("/auth/passkeys", guards=[signed_in], opt=OPEN_TO_RESTRICTED, operation_id="auth_passkeys_list")
async def list_passkeys(db: Db, actor: Actor, limit: Limit = 20, offset: Offset = 0) -> Page[Passkey]:
    """Return one's own passkeys, of which there are at most twenty, oldest first."""
    own = await passkeys_of(db, actor.id)
    return Page(own[offset : offset + rows_for(limit)], len(own), rows_for(limit), offset)


@patch(
    "/auth/passkeys/{passkey_id:uuid}",
    guards=[signed_in],
    opt=OPEN_TO_RESTRICTED,
    operation_id="auth_passkeys_update",
)
async def rename_passkey(
    db: Db, actor: Actor, passkey_id: FromPath[UUID], data: JSONBody[RenamePasskeyRequest]
) -> Passkey:
    """Call a passkey something else."""
    return await passkeys.rename_passkey(db, actor, passkey_id, name=data.name)


@delete("/auth/passkeys/{passkey_id:uuid}", guards=[signed_in], opt=ASKS_PASSWORD, operation_id="auth_passkeys_delete")
async def remove_passkey(db: Db, actor: Actor, passkey_id: FromPath[UUID], data: JSONBody[PasswordAgain]) -> None:
    """Remove a passkey."""
    await passkeys.remove_passkey(db, actor, passkey_id, password=data.password)


@post(
    "/auth/passkeys/sign-in/options",
    guards=[public],
    opt=CREDENTIAL_IGNORED,
    status_code=200,
    operation_id="auth_passkey_sign_in_options",
)
async def begin_sign_in(db: Db, data: JSONBody[PasskeyOptionsRequest]) -> PasskeyOptions:
    """Return what the browser needs to use a passkey, for five minutes."""
    return PasskeyOptions(await passkeys.begin_sign_in(db, mfa_token=data.mfa_token))


@post(
    "/auth/passkeys/sign-in",
    guards=[public],
    opt=COUNTED_AS_LOGIN,
    status_code=200,
    operation_id="auth_passkey_sign_in",
)
async def sign_in_with_passkey(
    db: Db, data: JSONBody[PasskeySignInRequest], scope: Scope
) -> Response[SignInAnswer | MfaRequired]:
    """Sign in with a passkey alone, or finish signing in with it after a password."""
    admitted = await passkeys.sign_in_with_passkey(db, credential=data.credential, mfa_token=data.mfa_token)
    return admission_answer(admitted, arrival_of(scope))


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    begin_passkey,
    make_passkey,
    list_passkeys,
    rename_passkey,
    remove_passkey,
    begin_sign_in,
    sign_in_with_passkey,
)
