"""Counts votes: of one poll after each vote, of all polls when the plugin begins to act for a tenant."""

from uuid import UUID

from sqlalchemy import bindparam, func, select, update

from kernel.db import Db
from polls.tables import Poll, Vote

_VOTES = select(func.count()).select_from(Vote).where(Vote.poll_id == Poll.id).scalar_subquery()
_COUNT_ALL = update(Poll).where(Poll.votes != _VOTES).values(votes=_VOTES)
_COUNT_ONE = _COUNT_ALL.where(Poll.id == bindparam("poll"))


async def count_votes(db: Db, poll_id: UUID) -> None:
    """Count the votes of one poll anew, so that it does no harm to come late or twice."""
    await db.run(_COUNT_ONE, poll=poll_id)


async def count_all_votes(db: Db) -> None:
    """Count the votes of every poll of the tenant anew."""
    await db.run(_COUNT_ALL)
