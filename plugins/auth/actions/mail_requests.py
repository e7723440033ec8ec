"""What becomes of a mail that somebody asked for: whether there is an account, and which mail fits it."""

from uuid import UUID

from kernel import mail
from kernel.db import Db
from kernel.mail import MailAddressInvalid, MailTemplate
from plugins.auth.actions import mail_tokens
from plugins.auth.events import AddressChangeRequested, MailRequested
from plugins.auth.mails import ADDRESS_IN_USE, ALREADY_REGISTERED, CONFIRM_ADDRESS, INVITATION, RESET_PASSWORD
from plugins.auth.queries.recipients import Recipient, recipient_by_email, recipient_by_id
from plugins.auth.queries.sessions import session_state
from plugins.auth.schemas.texts import TokenPurpose


async def answer_request(db: Db, event: MailRequested) -> None:
    """Send the mail that fits the account with this address; none if there is no account, or it is not active."""
    account = await recipient_by_email(db, event.personal.email)
    if account is None or account.status != "active":
        return
    if event.reason == "verification":
        if not account.email_verified:
            await _send_link(db, account, CONFIRM_ADDRESS, "verification")
    elif account.is_invited:
        await _send_link(db, account, INVITATION, "invitation")
    elif event.reason == "reset":
        await _send_link(db, account, RESET_PASSWORD, "reset")
    elif account.email_verified:
        await _send_link(db, account, ALREADY_REGISTERED, "reset")
    else:
        await _send_link(db, account, CONFIRM_ADDRESS, "verification")


async def confirm_registration(db: Db, user_id: UUID) -> None:
    """Send somebody who has registered the link that proves their address, unless a provider has proved it."""
    account = await recipient_by_id(db, user_id)
    if account is not None and not account.email_verified:
        await _send_link(db, account, CONFIRM_ADDRESS, "verification")


async def answer_address_change(db: Db, event: AddressChangeRequested) -> None:
    """Send the link to the new address; if it belongs to another account, tell that one's owner.

    Whoever asked may have been put out meanwhile: a link that comes afterwards would give them the account again.
    """
    if event.session_id is not None and await session_state(db, event.session_id) is None:
        return
    account, email = await recipient_by_id(db, event.user_id), event.personal.email
    owner = await recipient_by_email(db, email)
    if owner is not None and owner.id != event.user_id:
        await _send(db, owner, ADDRESS_IN_USE, email, {"first_name": owner.first_name})
    elif account is not None and owner is None:
        await _send_link(db, account, CONFIRM_ADDRESS, "verification", email)


async def _send_link(
    db: Db, account: Recipient, template: MailTemplate, purpose: TokenPurpose, email: str | None = None
) -> None:
    to = email or account.email
    link = await mail_tokens.issue_once_rested(db, account.id, purpose, to)
    if link is not None:
        await _send(db, account, template, to, {"first_name": account.first_name, "link": link})


async def _send(db: Db, account: Recipient, template: MailTemplate, to: str, values: dict[str, str]) -> None:
    try:
        await mail.send(db, template, to=to, locale=account.locale, values=values, by_deployment=account.is_operator)
    except MailAddressInvalid:
        # Trying again would not help: somebody has typed what no mail can reach.
        return
