"""A password by mail: forgotten, or never had.

Neither by answer nor by time does anybody learn here who has an account: asking leaves an event, and the worker looks.
"""

from typing import Literal
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, update

from kernel import mail
from kernel.db import Db
from kernel.events import publish
from kernel.tables import normalised
from plugins.auth.actions import mail_tokens, sessions
from plugins.auth.actions.new_passwords import hash_new_password, set_password
from plugins.auth.actions.tries import count_mail
from plugins.auth.errors import TokenInvalid
from plugins.auth.events import MailAddress, MailRequested
from plugins.auth.mails import PASSWORD_CHANGED
from plugins.auth.queries.recipients import Recipient, recipient, recipient_by_id
from plugins.auth.tables import User

FORGOT_PAGE = "/forgot-password"
_PROVE_ADDRESS = (
    update(User)
    .where(User.id == bindparam("user", type_=Uuid), User.email == bindparam("address", type_=Text))
    .where(~User.email_verified)
    .values(email_verified=True)
)


async def request_mail(db: Db, reason: Literal["reset", "verification"], email: str) -> None:
    """Ask for a mail to an address; if and only if a fitting account has it, one is sent.

    Emits: auth.mail.requested

    Raises:
        RateLimited: Too many mails were asked for this address.
    """
    await count_mail(db, email)
    await publish(db, MailRequested(reason=reason, personal=MailAddress(normalised(email))))


async def reset_password(db: Db, token: str, password: str) -> None:
    """Choose a new password by a mailed link: every session ends, and no second factor is skipped.

    Emits: auth.sessions.changed

    Raises:
        TokenInvalid: The link is used, replaced or too old.
        PasswordRefused: The password breaks the policy.
    """
    user_id = await set_password_by_token(db, token, "reset", password)
    await sessions.end_sessions_of(db, user_id)
    await tell_password_changed(db, await recipient(db, user_id))


async def set_password_by_token(db: Db, token: str, purpose: Literal["reset", "invitation"], password: str) -> UUID:
    """Give an account a password by the token that was mailed to it, and take its address for proved; return whose.

    The token is used up only once the password is good and hashed, so that a refused one costs nothing.

    Raises:
        TokenInvalid: The token is used, replaced or too old.
        PasswordRefused: The password breaks the policy.
    """
    holder = await mail_tokens.holder(db, token, purpose)
    account = await recipient_by_id(db, holder.user_id)
    if account is None:
        raise TokenInvalid
    stored = await hash_new_password(
        db, password, email=account.email, first_name=account.first_name, last_name=account.last_name
    )
    redeemed = await mail_tokens.redeem(db, token, purpose)
    await set_password(db, account.id, stored)
    await prove_address(db, account.id, redeemed.email)
    await mail_tokens.withdraw_all(db, account.id)
    return account.id


async def tell_password_changed(db: Db, account: Recipient) -> None:
    """Mail an account's owner that its password was changed."""
    values = {"first_name": account.first_name, "link": db.tenant.url(FORGOT_PAGE)}
    await mail.send(
        db,
        PASSWORD_CHANGED,
        to=account.email,
        locale=account.locale,
        values=values,
        by_deployment=account.is_operator,
    )


async def prove_address(db: Db, user_id: UUID, email: str) -> None:
    """Take an account's present address for proved: whoever is here reads its mail, or a trusted provider says so."""
    await db.run(_PROVE_ADDRESS, user=user_id, address=email)
