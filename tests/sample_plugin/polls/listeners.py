"""Reactions to votes and to their end, after the request and apart from it.

The number of votes is counted beside the polls, so that voters need not wait for each other at the poll's row.
"""

from kernel.db import Db
from kernel.events import Listener
from kernel.mail import send
from plugins.auth import api as auth
from polls.events import PollClosed, VoteCast
from polls.mails import POLL_CLOSED
from polls.queries import turnout
from polls.recounts import count_votes


async def _count_votes(db: Db, event: VoteCast) -> None:
    await count_votes(db, event.poll_id)


async def _tell_author(db: Db, event: PollClosed) -> None:
    poll = await turnout(db, event.poll_id)
    if poll is None or poll.author_id is None:
        return
    address = (await auth.emails_by_id(db, [poll.author_id])).get(poll.author_id)
    if address is not None:
        link = db.tenant.url(f"/polls/{event.poll_id}/results.txt")
        values = {"question": poll.question, "votes": str(poll.votes), "results_link": link}
        await send(db, POLL_CLOSED, to=address, values=values)


LISTENERS = (
    Listener(VoteCast, "polls.count_votes", _count_votes),
    Listener(PollClosed, "polls.tell_author", _tell_author),
)
