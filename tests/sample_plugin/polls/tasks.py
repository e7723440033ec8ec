"""The closing of polls whose time is over; they take no votes from that moment on, this tells those who listen."""

from kernel.db import Db
from kernel.tasks import NoPayload, Task
from polls import actions


async def _close_overdue(db: Db, _payload: NoPayload) -> None:
    await actions.close_overdue(db)


CLOSE_OVERDUE = Task(name="polls.close_overdue", payload=NoPayload, handle=_close_overdue, schedule="*/5 * * * *")
TASKS = (CLOSE_OVERDUE,)
