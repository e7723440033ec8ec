"""Passwords: forgotten, chosen by invitation, changed."""

from litestar import Response, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from litestar.types import Scope

from kernel.auth import Actor, public, signed_in
from kernel.db import Db
from kernel.routing import limited
from plugins.auth.actions import invitations, own_password, recovery
from plugins.auth.routes.answers import admission_answer
from plugins.auth.routes.arrivals import COUNTED_AS_LOGIN, arrival_of
from plugins.auth.schemas.passwords import ChangePasswordRequest, MailRequest, TokenPasswordRequest
from plugins.auth.schemas.registration import CheckYourMail
from plugins.auth.schemas.sessions import MfaRequired, SignInAnswer


@post(
    "/auth/forgot-password", guards=[public], opt=COUNTED_AS_LOGIN, status_code=202, operation_id="auth_forgot_password"
)
async def forgot_password(db: Db, data: JSONBody[MailRequest]) -> CheckYourMail:
    """Mail a link to choose a new password; the answer is the same whether or not there is such an account."""
    await recovery.request_mail(db, "reset", data.email)
    return CheckYourMail()


@post(
    "/auth/reset-password", guards=[public], opt=COUNTED_AS_LOGIN, status_code=204, operation_id="auth_reset_password"
)
async def reset_password(db: Db, data: JSONBody[TokenPasswordRequest]) -> None:
    """Choose a new password by a mailed link; every session ends, and one signs in anew."""
    await recovery.reset_password(db, data.token, data.password)


@post(
    "/auth/accept-invitation",
    guards=[public],
    opt=COUNTED_AS_LOGIN,
    status_code=200,
    operation_id="auth_accept_invitation",
)
async def accept_invitation(
    db: Db, data: JSONBody[TokenPasswordRequest], scope: Scope
) -> Response[SignInAnswer | MfaRequired]:
    """Choose the first password of an account that was made for one, and sign in."""
    admitted = await invitations.accept_invitation(db, data.token, data.password)
    return admission_answer(admitted, arrival_of(scope))


@put(
    "/users/me/password",
    guards=[signed_in],
    opt=limited("login"),
    status_code=204,
    operation_id="users_change_password",
)
async def change_password(db: Db, actor: Actor, data: JSONBody[ChangePasswordRequest]) -> None:
    """Choose another password; every other session ends, and the owner is told by mail."""
    await own_password.change_password(db, actor, data.current_password, data.new_password)


HANDLERS: tuple[HTTPRouteHandler, ...] = (forgot_password, reset_password, accept_invitation, change_password)
