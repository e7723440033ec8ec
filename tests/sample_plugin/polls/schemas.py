"""What requests about polls may say, and what is answered."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from kernel.routing import Body

Question = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]
Label = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Remark = Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"\S")]
Moment = Annotated[datetime, Meta(tz=True)]


class CreatePollRequest(Body, frozen=True, kw_only=True):
    """A poll to make."""

    question: Question
    options: Annotated[tuple[Label, ...], Meta(min_length=2, max_length=100)]
    closes_at: Moment | None = None


class UpdatePollRequest(Body, frozen=True, kw_only=True):
    """What may change about a poll; an absent field stays as it is."""

    question: Question | UnsetType = UNSET
    closes_at: Moment | None | UnsetType = UNSET


class VoteRequest(Body, frozen=True):
    """The answer that somebody gives, and what they want to say to who asked."""

    option_id: UUID
    remark: Remark | None = None


class PollCard(Struct, frozen=True):
    """A poll in a list; `votes` may be a moment late."""

    id: UUID
    question: str
    author_id: UUID | None
    closes_at: datetime | None
    closed_at: datetime | None
    votes: int
    created_at: datetime


class OptionCard(Struct, frozen=True):
    """One of the answers."""

    id: UUID
    label: str


class PollDetails(PollCard, frozen=True, kw_only=True):
    """A poll with its options in their order, and the one that the reader voted for."""

    is_open: bool
    options: list[OptionCard]
    my_option_id: UUID | None


class OptionResult(Struct, frozen=True):
    """How often an option was chosen."""

    id: UUID
    label: str
    votes: int


class PollResults(Struct, frozen=True):
    """How a poll stands, or ended."""

    question: str
    is_open: bool
    options: list[OptionResult]


class RemarkCard(Struct, frozen=True):
    """What somebody said, without a name; null once the key that encrypted it has been removed."""

    voted_at: datetime
    remark: str | None


class Participation(Struct, frozen=True):
    """How often somebody voted; for what stays theirs."""

    polls_voted_in: int
    last_voted_at: datetime | None
