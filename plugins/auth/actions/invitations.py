"""Inviting somebody to an account that was made for them, and accepting that."""

from uuid import UUID

from kernel import mail
from kernel.db import Db
from plugins.auth.actions import mail_tokens
from plugins.auth.actions.admission import SignedIn, admit
from plugins.auth.actions.recovery import set_password_by_token
from plugins.auth.errors import AlreadyJoined
from plugins.auth.mails import INVITATION
from plugins.auth.queries.recipients import recipient
from plugins.auth.schemas.sessions import MfaRequired


async def invite(db: Db, user_id: UUID) -> None:
    """Mail somebody a link to choose a password; an older invitation stops working.

    Needs: auth.user.create

    Raises:
        NotFound: There is no such account.
        AlreadyJoined: The account has been used, or is not active.
    """
    account = await recipient(db, user_id)
    if not account.is_invited or account.status != "active":
        raise AlreadyJoined
    link = await mail_tokens.issue(db, account.id, "invitation", account.email)
    values = {"first_name": account.first_name, "link": link}
    await mail.send(
        db,
        INVITATION,
        to=account.email,
        locale=account.locale,
        values=values,
        by_deployment=account.is_operator,
    )


async def accept_invitation(db: Db, token: str, password: str) -> SignedIn | MfaRequired:
    """Choose the first password of an account, which proves its address too, and sign in.

    Raises:
        TokenInvalid: The invitation is used, replaced or too old.
        PasswordRefused: The password breaks the policy.
    """
    user_id = await set_password_by_token(db, token, "invitation", password)
    return await admit(db, user_id, method="invitation")
