"""Forgetting from where people signed in, or tried to: strangers make such rows, and nobody needs them for ever."""

from datetime import timedelta

from sqlalchemy import DateTime, Integer, bindparam, delete, func, select

from kernel import clock
from kernel.db import Db
from kernel.tasks import NoPayload, Task
from plugins.auth.tables import Session

REFUSED_DAYS = 90
ENDED = timedelta(days=30)
"""So long after its time a session stays, for its owner to find in an export."""

_FORGET_REFUSED = select(func.auth.forget_old_failed_logins(bindparam("days", type_=Integer)))
_FORGET_ENDED = delete(Session).where(Session.expires_at < bindparam("since", type_=DateTime(timezone=True)))


async def _forget(db: Db, _payload: NoPayload) -> None:
    await db.value(_FORGET_REFUSED, days=REFUSED_DAYS)
    await db.run(_FORGET_ENDED, since=clock.now() - ENDED)


FORGET_SIGN_INS = Task(
    name="auth.forget_sign_ins", title="Forget old sign-ins", payload=NoPayload, handle=_forget, schedule="52 3 * * *"
)
