"""Keeps the number of votes beside the polls, so that voters need not wait for each other at the poll's row."""

from kernel.db import Db
from kernel.events import Listener
from polls.events import VoteCast
from polls.recounts import count_votes


async def _count_votes(db: Db, event: VoteCast) -> None:
    await count_votes(db, event.poll_id)


LISTENERS = (Listener(VoteCast, "polls.count_votes", _count_votes),)
