"""What polls keep about people: how they voted, and the polls that they made.

Erased, a vote goes on counting for its option, without a remark, and nobody knows any more whose it was; a poll stays
the school's.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Uuid, bindparam, select, update

from kernel.db import Db
from kernel.personal_data import PersonalData
from polls.remarks import unseal
from polls.tables import Option, Poll, Vote

_USER = bindparam("user", type_=Uuid)
_VOTES = (
    select(Vote.id, Poll.question, Option.label.label("answer"), Vote.created_at.label("voted_at"), Vote.remark)
    .join_from(Vote, Poll, Poll.id == Vote.poll_id)
    .join(Option, Option.id == Vote.option_id)
    .where(Vote.user_id == _USER)
    .order_by(Vote.created_at)
)
_POLLS = select(Poll.id, Poll.question, Poll.created_at).where(Poll.author_id == _USER).order_by(Poll.created_at)
_FORGET_VOTER = update(Vote).where(Vote.user_id == _USER).values(user_id=None, remark=None)
_FORGET_AUTHOR = update(Poll).where(Poll.author_id == _USER).values(author_id=None)


class KeptVote(Struct, frozen=True):
    """How somebody voted, and what they said."""

    id: UUID
    question: str
    answer: str
    voted_at: datetime
    remark: str | None


class KeptPoll(Struct, frozen=True):
    """A poll that somebody made."""

    id: UUID
    question: str
    created_at: datetime


async def _votes(db: Db, user_id: UUID) -> list[KeptVote]:
    stored = await db.rows(KeptVote, _VOTES, user=user_id)
    keyring = db.deployment.keyring
    return [
        vote if vote.remark is None else replace(vote, remark=unseal(keyring, db.tenant_id, vote.id, vote.remark))
        for vote in stored
    ]


async def _forget_voter(db: Db, user_id: UUID) -> None:
    await db.run(_FORGET_VOTER, user=user_id)


async def _polls(db: Db, user_id: UUID) -> list[KeptPoll]:
    return await db.rows(KeptPoll, _POLLS, user=user_id)


async def _forget_author(db: Db, user_id: UUID) -> None:
    await db.run(_FORGET_AUTHOR, user=user_id)


PERSONAL_DATA = (
    PersonalData(name="polls.votes", title="How you voted", export=_votes, erase=_forget_voter),
    PersonalData(name="polls.polls", title="Polls that you made", export=_polls, erase=_forget_author),
)
