"""Telling people by mail what they did not do themselves, or should know that they did."""

from uuid import UUID

from kernel import mail
from kernel.db import Db
from kernel.mail import MailAddressInvalid, MailTemplate
from plugins.auth.actions.recovery import FORGOT_PAGE
from plugins.auth.queries.recipients import recipient_by_id


async def tell(db: Db, user_id: UUID, template: MailTemplate, **values: str) -> None:
    """Mail a notice to an account's owner; what changed stays changed where no mail can reach them.

    Whoever has chosen not to be told of it (`register_notification_kinds`) is not.

    Args:
        db: The transaction.
        user_id: Of the account; nobody is told where there is none.
        template: What to say.
        values: Of its placeholders besides `first_name`; `link` leads to a new password unless it is given.
    """
    account = await recipient_by_id(db, user_id)
    if account is None or not account.wants(template.name):
        return
    given = {"first_name": account.first_name, "link": db.tenant.url(FORGOT_PAGE), **values}
    try:
        await mail.send(
            db, template, to=account.email, locale=account.locale, values=given, by_deployment=account.is_operator
        )
    except MailAddressInvalid:
        # Trying again would not help: somebody has typed what no mail can reach.
        return
