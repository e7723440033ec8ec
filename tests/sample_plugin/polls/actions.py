"""What changes polls: making, changing, voting, closing, removing."""

from datetime import datetime
from functools import cache
from uuid import UUID

from msgspec import UNSET, Struct, structs
from sqlalchemy import DateTime, Executable, Uuid, bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError
from kernel.events import publish
from kernel.ids import new_id
from polls import rules
from polls.errors import AlreadyVoted, NotAdmitted, NotOnBallot, PollNotFound, VotingOver
from polls.events import PollClosed, VoteCast
from polls.permissions import MANAGE
from polls.remarks import seal
from polls.schemas import CreatePollRequest, UpdatePollRequest, VoteRequest
from polls.settings import SETTINGS, PollsSettings
from polls.tables import Option, Poll, Vote

# The only owner whose polls an actor may manage; null for every poll.
_OWNER = bindparam("owner", type_=Uuid)
_IS_MANAGED = (Poll.id == bindparam("poll"), or_(_OWNER.is_(None), Poll.author_id == _OWNER))
_INSERT = insert(Poll).values({name: bindparam(name) for name in ("id", "question", "author_id", "closes_at")})
_INSERT_OPTION = insert(Option).values({name: bindparam(name) for name in ("id", "poll_id", "position", "label")})
_DELETE = delete(Poll).where(*_IS_MANAGED)
_MANAGED = select(Poll.id).where(*_IS_MANAGED)
_CLOSE = (
    update(Poll)
    .where(*_IS_MANAGED, Poll.closed_at.is_(None))
    .values(closed_at=bindparam("now", type_=DateTime(timezone=True)))
    .returning(Poll.id, Poll.author_id)
)
_CLOSE_OVERDUE = (
    update(Poll)
    .where(Poll.closed_at.is_(None), Poll.closes_at <= bindparam("now", type_=DateTime(timezone=True)))
    .values(closed_at=Poll.closes_at)
    .returning(Poll.id, Poll.author_id)
)
# The lock lets everybody vote side by side, and makes closing wait for those who have begun.
_BALLOT = (
    select(
        Poll.closes_at,
        Poll.closed_at,
        exists().where(Option.poll_id == Poll.id, Option.id == bindparam("option_id")).label("has_option"),
    )
    .where(Poll.id == bindparam("poll_id"))
    .with_for_update(read=True, of=Poll)
)
_INSERT_VOTE = (
    upsert(Vote)
    .values({name: bindparam(name) for name in ("id", "poll_id", "option_id", "user_id", "remark")})
    .on_conflict_do_nothing(index_elements=["tenant_id", "poll_id", "user_id"])
    .returning(Vote.id)
)


class Ballot(Struct, frozen=True):
    """What a decision about a vote needs."""

    closes_at: datetime | None
    closed_at: datetime | None
    has_option: bool


class Closed(Struct, frozen=True):
    """A poll that was just closed."""

    id: UUID
    author_id: UUID | None


async def create_poll(db: Db, actor: Actor, order: CreatePollRequest) -> UUID:
    """Make a poll and return its id.

    Needs: polls.poll.manage

    Raises:
        OptionsInvalid: There are more options than the tenant allows, or two that read the same.
    """
    rules.check_options(order.options, db.tenant.setting(SETTINGS, PollsSettings).most_options)
    poll_id = new_id()
    await db.run(_INSERT, id=poll_id, question=order.question, author_id=actor.id, closes_at=order.closes_at)
    await db.run_many(
        _INSERT_OPTION,
        [
            {"id": new_id(), "poll_id": poll_id, "position": position, "label": label}
            for position, label in enumerate(order.options)
        ],
    )
    return poll_id


async def update_poll(db: Db, actor: Actor, poll_id: UUID, order: UpdatePollRequest) -> None:
    """Change the question or until when it may be answered.

    Needs: polls.poll.manage

    Raises:
        PollNotFound: There is no such poll, or it is somebody else's.
    """
    changes = {name: value for name, value in structs.asdict(order).items() if value is not UNSET}
    owner = actor.limited_to(MANAGE)
    if changes:
        touched = await db.run(_update(frozenset(changes)), poll=poll_id, owner=owner, **changes)
    else:
        touched = await db.value(_MANAGED, poll=poll_id, owner=owner)
    if not touched:
        raise PollNotFound


@cache
def _update(columns: frozenset[str]) -> Executable:
    return update(Poll).where(*_IS_MANAGED).values({name: bindparam(name) for name in sorted(columns)})


async def delete_poll(db: Db, actor: Actor, poll_id: UUID) -> None:
    """Remove a poll with its votes.

    Needs: polls.poll.manage

    Raises:
        PollNotFound: There is no such poll, or it is somebody else's.
    """
    if not await db.run(_DELETE, poll=poll_id, owner=actor.limited_to(MANAGE)):
        raise PollNotFound


async def vote(db: Db, actor: Actor, poll_id: UUID, order: VoteRequest) -> None:
    """Vote, once and for good.

    Needs: polls.poll.vote
    Emits: polls.vote.cast

    Raises:
        PollNotFound: There is no such poll.
        NotOnBallot: It has no such option.
        VotingOver: It is closed.
        NotAdmitted: A rule of another plugin keeps the actor out.
        AlreadyVoted: The actor has voted before.
    """
    ballot = await db.row(Ballot, _BALLOT, poll_id=poll_id, option_id=order.option_id)
    if ballot is None:
        raise PollNotFound
    if not ballot.has_option:
        raise NotOnBallot(errors=[FieldError("option_id", NotOnBallot.title)])
    if not rules.is_open(closes_at=ballot.closes_at, closed_at=ballot.closed_at, now=clock.now()):
        raise VotingOver
    for rule in db.tenant.contributions("register_ballot_rules"):
        if not await rule.item.admits(db, actor, poll_id):
            raise NotAdmitted(rule.item.refusal)
    # Of two clicks at the same time the constraint lets one through; the other finds nothing to insert.
    vote_id = new_id()
    remark = None if order.remark is None else seal(db.deployment.keyring, db.tenant_id, vote_id, order.remark)
    values = {"id": vote_id, "poll_id": poll_id, "option_id": order.option_id, "user_id": actor.id, "remark": remark}
    if await db.value(_INSERT_VOTE, **values) is None:
        raise AlreadyVoted
    await publish(db, VoteCast(poll_id=poll_id, user_id=actor.id))


async def close_poll(db: Db, actor: Actor, poll_id: UUID) -> None:
    """End the voting now.

    Needs: polls.poll.manage
    Emits: polls.poll.closed

    Raises:
        PollNotFound: There is no such poll, or it is somebody else's.
        VotingOver: It is closed already.
    """
    owner = actor.limited_to(MANAGE)
    closed = await db.row(Closed, _CLOSE, poll=poll_id, owner=owner, now=clock.now())
    if closed is not None:
        await publish(db, PollClosed(poll_id=closed.id, author_id=closed.author_id))
    elif await db.value(_MANAGED, poll=poll_id, owner=owner) is None:
        raise PollNotFound
    else:
        raise VotingOver


async def close_overdue(db: Db) -> int:
    """Close the polls whose time is over and return how many there were.

    Emits: polls.poll.closed
    """
    closed = await db.rows(Closed, _CLOSE_OVERDUE, now=clock.now())
    for each in closed:
        await publish(db, PollClosed(poll_id=each.id, author_id=each.author_id))
    return len(closed)
