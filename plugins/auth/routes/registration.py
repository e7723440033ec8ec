"""Registering, and proving one's address by a mailed link."""

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from kernel.auth import public
from kernel.db import Db
from plugins.auth.actions import addresses, new_accounts, recovery
from plugins.auth.routes.arrivals import COUNTED_AS_LOGIN
from plugins.auth.schemas.passwords import MailRequest, VerifyEmailRequest
from plugins.auth.schemas.registration import CheckYourMail, RegisterRequest


@post("/auth/register", guards=[public], opt=COUNTED_AS_LOGIN, status_code=202, operation_id="auth_register")
async def register(db: Db, data: JSONBody[RegisterRequest]) -> CheckYourMail:
    """Make an account of one's own; the answer is the same whether or not the address is taken."""
    await new_accounts.register(db, data)
    return CheckYourMail()


@post("/auth/verify-email", guards=[public], opt=COUNTED_AS_LOGIN, status_code=204, operation_id="auth_verify_email")
async def verify_email(db: Db, data: JSONBody[VerifyEmailRequest]) -> None:
    """Take an address for proved, a new one for the account's, by the link that was mailed there."""
    await addresses.verify_email(db, data.token)


@post(
    "/auth/resend-verification",
    guards=[public],
    opt=COUNTED_AS_LOGIN,
    status_code=202,
    operation_id="auth_resend_verification",
)
async def resend_verification(db: Db, data: JSONBody[MailRequest]) -> CheckYourMail:
    """Mail the link once more; the answer is the same whether or not there is an account to verify."""
    await recovery.request_mail(db, "verification", data.email)
    return CheckYourMail()


HANDLERS: tuple[HTTPRouteHandler, ...] = (register, verify_email, resend_verification)
