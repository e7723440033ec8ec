"""Reads of polls."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import Integer, Text, bindparam, func, select

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.kept_answers import Kept, Query
from kernel.routing import Page, rows_for
from kernel.tenancy import Tenant
from polls import rules
from polls.errors import PollNotFound, ResultsHidden
from polls.permissions import MANAGE, READ
from polls.remarks import unseal
from polls.schemas import (
    OptionCard,
    OptionResult,
    Participation,
    PollCard,
    PollDetails,
    PollResults,
    RemarkCard,
)
from polls.settings import SETTINGS, PollsSettings
from polls.tables import Option, Poll, Vote

_CARD = select(Poll.id, Poll.question, Poll.author_id, Poll.closes_at, Poll.closed_at, Poll.votes, Poll.created_at)
_PAGE = (
    _CARD.order_by(Poll.id.desc()).limit(bindparam("limit", type_=Integer)).offset(bindparam("offset", type_=Integer))
)
_ASKING = (
    _CARD.where(func.strpos(func.lower(Poll.question), func.lower(bindparam("words", type_=Text))) > 0)
    .order_by(Poll.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
_COUNT = select(func.count()).select_from(Poll)
_BY_ID = _CARD.where(Poll.id == bindparam("poll_id"))
_OPTIONS = select(Option.id, Option.label).where(Option.poll_id == bindparam("poll_id")).order_by(Option.position)
_MINE = select(Vote.option_id).where(Vote.poll_id == bindparam("poll_id"), Vote.user_id == bindparam("user_id"))
_RESULTS = (
    select(Option.id, Option.label, func.count(Vote.id).label("votes"))
    .outerjoin(Vote, Vote.option_id == Option.id)
    .where(Option.poll_id == bindparam("poll_id"))
    .group_by(Option.tenant_id, Option.id)
    .order_by(Option.position)
)
_TURNOUT = (
    select(Poll.question, Poll.author_id, func.count(Vote.id).label("votes"))
    .outerjoin(Vote, Vote.poll_id == Poll.id)
    .where(Poll.id == bindparam("poll_id"))
    .group_by(Poll.tenant_id, Poll.id)
)
_HAS_REMARK = (Vote.poll_id == bindparam("poll_id"), Vote.remark.is_not(None))
_REMARKS = (
    select(Vote.id, Vote.created_at, Vote.remark)
    .where(*_HAS_REMARK)
    .order_by(Vote.id)
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("offset", type_=Integer))
)
_COUNT_REMARKS = select(func.count()).select_from(Vote).where(*_HAS_REMARK)
_PARTICIPATION = select(func.count().label("polls_voted_in"), func.max(Vote.created_at).label("last_voted_at")).where(
    Vote.user_id == bindparam("user_id")
)


def _audience(actor: Actor, _tenant: Tenant, _query: Query) -> str | None:
    """Return the same name for everybody who may see polls: to all of them the list is the same."""
    return "readers" if actor.may(READ) else None


LIST = Kept(name="polls.list", tables=frozenset({"polls.polls", "auth.users"}), audience=_audience)


class StoredRemark(Struct, frozen=True):
    """A remark as it is kept."""

    id: UUID
    created_at: datetime
    remark: str


class Turnout(Struct, frozen=True):
    """Who asked what, and how many voted."""

    question: str
    author_id: UUID | None
    votes: int


async def poll_page(db: Db, *, limit: int, offset: int) -> Page[PollCard]:
    """Return the polls, newest first."""
    cards = await db.rows(PollCard, _PAGE, limit=rows_for(limit), offset=offset)
    return Page(cards, await db.value(_COUNT), rows_for(limit), offset)


async def polls_asking(db: Db, words: str, *, limit: int) -> list[PollCard]:
    """Return the newest polls whose question has the words, in any letters."""
    return await db.rows(PollCard, _ASKING, words=words, limit=limit)


async def poll_details(db: Db, actor: Actor, poll_id: UUID) -> PollDetails:
    """Return a poll with its options and the actor's own vote.

    Raises:
        PollNotFound: There is none.
    """
    card = await _card(db, poll_id)
    return PollDetails(
        **structs.asdict(card),
        is_open=_is_open(card),
        options=await db.rows(OptionCard, _OPTIONS, poll_id=poll_id),
        my_option_id=await db.value(_MINE, poll_id=poll_id, user_id=actor.id),
    )


async def poll_results(db: Db, actor: Actor, poll_id: UUID) -> PollResults:
    """Return how often each option was chosen.

    Raises:
        PollNotFound: There is no such poll.
        ResultsHidden: It is still open, and the tenant shows results only then.
    """
    card = await _card(db, poll_id)
    shown = db.tenant.setting(SETTINGS, PollsSettings).results_shown
    if not rules.shows_results(shown, still_open=_is_open(card), may_manage=_may_manage(actor, card)):
        raise ResultsHidden
    return PollResults(card.question, _is_open(card), await db.rows(OptionResult, _RESULTS, poll_id=poll_id))


async def remark_page(db: Db, actor: Actor, poll_id: UUID, *, limit: int, offset: int) -> Page[RemarkCard]:
    """Return what voters said to who asked, in the order in which they voted.

    Raises:
        PollNotFound: There is no such poll, or it is somebody else's.
    """
    if not _may_manage(actor, await _card(db, poll_id)):
        raise PollNotFound
    stored = await db.rows(StoredRemark, _REMARKS, poll_id=poll_id, limit=rows_for(limit), offset=offset)
    keyring = db.deployment.keyring
    said = [RemarkCard(each.created_at, unseal(keyring, db.tenant_id, each.id, each.remark)) for each in stored]
    return Page(said, await db.value(_COUNT_REMARKS, poll_id=poll_id), rows_for(limit), offset)


async def participation(db: Db, _actor: Actor, user_id: UUID) -> Participation | None:
    """Return how often somebody voted, for their file; None if never."""
    found = await db.row(Participation, _PARTICIPATION, user_id=user_id)
    return found if found is not None and found.polls_voted_in else None


async def turnout(db: Db, poll_id: UUID) -> Turnout | None:
    """Return how many voted, counted and not looked up; None if the poll is gone."""
    return await db.row(Turnout, _TURNOUT, poll_id=poll_id)


async def _card(db: Db, poll_id: UUID) -> PollCard:
    card = await db.row(PollCard, _BY_ID, poll_id=poll_id)
    if card is None:
        raise PollNotFound
    return card


def _may_manage(actor: Actor, card: PollCard) -> bool:
    return actor.may(MANAGE) and actor.limited_to(MANAGE) in (None, card.author_id)


def _is_open(card: PollCard) -> bool:
    return rules.is_open(closes_at=card.closes_at, closed_at=card.closed_at, now=clock.now())
