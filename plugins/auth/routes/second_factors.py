"""Second factors: what is on, setting up and removing, and the second step of signing in."""

from uuid import UUID

from litestar import Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from litestar.types import Scope

from kernel.auth import Actor, public, requires, signed_in
from kernel.db import Db
from kernel.routing import OPEN_TO_RESTRICTED
from plugins.auth.actions import second_factors, second_step
from plugins.auth.cookies import mfa_cookie_name
from plugins.auth.permissions import MANAGE_USER
from plugins.auth.routes.answers import admission_answer
from plugins.auth.routes.arrivals import ASKS_PASSWORD, COUNTED_AS_LOGIN, arrival_of
from plugins.auth.schemas.second_factors import (
    ConfirmTotpRequest,
    PasswordAgain,
    RecoveryCodes,
    RemoveTotpRequest,
    SecondFactors,
    SecondStepRequest,
    TotpEnrolment,
)
from plugins.auth.schemas.sessions import MfaRequired, SignInAnswer


@post("/auth/mfa", guards=[public], opt=COUNTED_AS_LOGIN, status_code=200, operation_id="auth_mfa")
async def second_step_by_code(
    db: Db, data: JSONBody[SecondStepRequest], scope: Scope
) -> Response[SignInAnswer | MfaRequired]:
    """Finish signing in by a code of the authenticator app or a recovery code."""
    arrival = arrival_of(scope)
    mfa_token = data.mfa_token or arrival.cookie(mfa_cookie_name(secure=arrival.is_secure))
    admitted = await second_step.sign_in_with_code(db, mfa_token=mfa_token, code=data.code)
    return admission_answer(admitted, arrival)


@get("/auth/mfa", guards=[signed_in], opt=OPEN_TO_RESTRICTED, operation_id="auth_mfa_get")
async def read_second_factors(db: Db, actor: Actor) -> SecondFactors:
    """Return which second factors are on for one's own account."""
    return await second_factors.second_factors_of(db, actor)


@post("/auth/mfa/totp", guards=[signed_in], opt=ASKS_PASSWORD, operation_id="auth_totp_begin")
async def begin_totp(db: Db, actor: Actor, data: JSONBody[PasswordAgain]) -> TotpEnrolment:
    """Begin setting up an authenticator app: its secret as text, as an address and as a QR code."""
    return await second_factors.begin_totp(db, actor, password=data.password)


@post(
    "/auth/mfa/totp/confirm",
    guards=[signed_in],
    opt=OPEN_TO_RESTRICTED,
    status_code=200,
    operation_id="auth_totp_confirm",
)
async def confirm_totp(db: Db, actor: Actor, data: JSONBody[ConfirmTotpRequest]) -> RecoveryCodes:
    """Switch the authenticator app on by its first code; recovery codes are answered this one time."""
    return RecoveryCodes(recovery_codes=await second_factors.confirm_totp(db, actor, code=data.code))


@delete("/auth/mfa/totp", guards=[signed_in], opt=ASKS_PASSWORD, operation_id="auth_totp_remove")
async def remove_totp(db: Db, actor: Actor, data: JSONBody[RemoveTotpRequest]) -> None:
    """Switch the authenticator app off."""
    await second_factors.remove_totp(db, actor, password=data.password, code=data.code)


@post("/auth/mfa/recovery-codes", guards=[signed_in], opt=ASKS_PASSWORD, operation_id="auth_recovery_codes")
async def renew_recovery_codes(db: Db, actor: Actor, data: JSONBody[PasswordAgain]) -> RecoveryCodes:
    """Replace the recovery codes; the old ones do not count any more."""
    return RecoveryCodes(recovery_codes=await second_factors.renew_recovery_codes(db, actor, password=data.password))


@delete("/users/{user_id:uuid}/mfa", guards=[requires(MANAGE_USER)], operation_id="users_reset_mfa")
async def reset_second_factors(db: Db, actor: Actor, user_id: FromPath[UUID]) -> None:
    """Take every second factor from somebody who has lost them; all their sessions end."""
    await second_factors.reset_second_factors(db, actor, user_id)


HANDLERS: tuple[HTTPRouteHandler, ...] = (
    second_step_by_code,
    read_second_factors,
    begin_totp,
    confirm_totp,
    remove_totp,
    renew_recovery_codes,
    reset_second_factors,
)
