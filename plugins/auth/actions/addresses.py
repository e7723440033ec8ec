"""The e-mail address of an account: proved by a mailed link, and changed by one to the new address."""

from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, select, update

from kernel import mail
from kernel.auth import Actor
from kernel.constraints import constraint_errors
from kernel.db import Db
from kernel.events import publish
from kernel.tables import normalised
from plugins.auth.actions import mail_tokens, sessions
from plugins.auth.actions.reauthentication import confirm_password
from plugins.auth.actions.tries import count_mail
from plugins.auth.errors import EmailNotVerified, EmailTaken, TokenInvalid
from plugins.auth.events import AddressChangeRequested, MailAddress
from plugins.auth.mails import ADDRESS_CHANGED
from plugins.auth.queries.recipients import recipient, recipient_by_email
from plugins.auth.tables import User

_USER = bindparam("user", type_=Uuid)
_ADDRESS = bindparam("address", type_=Text)
_PROVE = (
    update(User)
    .where(User.id == _USER, User.email == _ADDRESS, User.deleted_at.is_(None))
    .values(email_verified=True)
    .returning(User.id)
)
_LOCKED = select(User.email).where(User.id == _USER, User.deleted_at.is_(None)).with_for_update()
_REPLACE = update(User).where(User.id == _USER).values(email=_ADDRESS, email_verified=True)


async def request_address(db: Db, actor: Actor, email: str, password: str | None) -> None:
    """Ask for another address; it is the account's once a link that is mailed there is opened.

    Whether another account has it, the mail tells alone.

    Emits: auth.address_change.requested

    Raises:
        WrongPassword: It is not the account's.
        RateLimited: Too many mails were asked for this address.
    """
    await confirm_password(db, actor, password)
    await count_mail(db, email)
    address = MailAddress(normalised(email))
    await publish(db, AddressChangeRequested(user_id=actor.id, session_id=actor.session_id, personal=address))


async def check_address_proved(db: Db, user_id: UUID) -> None:
    """Refuse unless an account's owner has proved that they read its address; asked before it gets another way in.

    Else whoever registered with somebody's address could still come in after its owner has got the account.

    Raises:
        EmailNotVerified: The account's address may be somebody else's.
    """
    if not (await recipient(db, user_id)).email_verified:
        raise EmailNotVerified


async def verify_email(db: Db, token: str) -> None:
    """Take an address for proved by the link that was mailed there; a new one takes the old one's place.

    After a change every session ends, since whoever had the old address may still be signed in, and the old address is
    told.

    Emits: auth.sessions.changed

    Raises:
        TokenInvalid: The link is used, replaced or too old.
        EmailTaken: Another account has got the address meanwhile.
    """
    proved = await mail_tokens.redeem(db, token, "verification")
    if await db.value(_PROVE, user=proved.user_id, address=proved.email) is None:
        await _replace_address(db, proved.user_id, proved.email)


async def _replace_address(db: Db, user_id: UUID, email: str) -> None:
    before = await db.value(_LOCKED, user=user_id)
    if before is None:
        raise TokenInvalid
    if await recipient_by_email(db, email) is not None:
        raise EmailTaken
    account = await recipient(db, user_id)
    with constraint_errors(uq_users_tenant_id_email=EmailTaken):
        await db.run(_REPLACE, user=user_id, address=email)
    await sessions.end_sessions_of(db, user_id)
    await mail_tokens.withdraw_all(db, user_id)
    if account.email_verified:
        values = {"first_name": account.first_name}
        await mail.send(
            db, ADDRESS_CHANGED, to=before, locale=account.locale, values=values, by_deployment=account.is_operator
        )
