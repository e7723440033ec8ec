"""Changing one's own password."""

from kernel.auth import Actor
from kernel.db import Db
from plugins.auth.actions import mail_tokens
from plugins.auth.actions.new_passwords import hash_new_password, set_password
from plugins.auth.actions.reauthentication import confirm_password
from plugins.auth.actions.recovery import tell_password_changed
from plugins.auth.actions.sessions import end_other_sessions
from plugins.auth.queries.recipients import recipient


async def change_password(db: Db, actor: Actor, current: str | None, new: str) -> None:
    """Choose another password: every other session and every mailed link ends, and the owner is told by mail.

    An account without a password gets its first one, if its session was opened just now.

    Emits: auth.sessions.changed

    Raises:
        WrongPassword: The current one is not the account's.
        PasswordRefused: The new one breaks the policy.
    """
    account = await recipient(db, actor.id)
    await confirm_password(db, actor, current)
    who = {"email": account.email, "first_name": account.first_name, "last_name": account.last_name}
    stored = await hash_new_password(db, new, field="new_password", **who)
    await set_password(db, actor.id, stored)
    await end_other_sessions(db, actor)
    await mail_tokens.withdraw_all(db, actor.id)
    await tell_password_changed(db, account)
