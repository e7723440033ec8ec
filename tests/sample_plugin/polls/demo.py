"""A poll for the demonstration, made by its instructor through the plugin's own action."""

from sqlalchemy import select

from kernel.auth import Actor
from kernel.db import Db
from kernel.demo import DemoStep
from plugins.auth import api as auth
from polls.actions import create_poll
from polls.schemas import CreatePollRequest
from polls.tables import Poll

_INSTRUCTOR = "instructor@example.com"
_ANY = select(Poll.id).limit(1)
_POLL = CreatePollRequest(
    question="When shall we meet for the live lesson?", options=("In the morning", "After lunch", "In the evening")
)


async def make_poll(db: Db) -> None:
    """Make a poll, unless there is one."""
    author = (await auth.user_ids_by_email(db, [_INSTRUCTOR])).get(_INSTRUCTOR)
    if author is not None and await db.value(_ANY) is None:
        actor = Actor(db.tenant_id, author, "instructor", grants=db.tenant.grants("instructor"))
        await create_poll(db, actor, _POLL)


STEPS = (DemoStep("polls.poll", make_poll),)
